//! Who may look at the pages, and who may change something.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use http::StatusCode;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use wasl_tests::centre::{Centre, END};
use wasl_tests::client::{Answer, Client};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::{binaries, packages, skip, tool, wait};

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } } }
";

fn centre(place: &Place, dir: &Path, http: SocketAddr, agents: SocketAddr) -> Centre {
    Centre::start(place, dir, CONFIGURATION, http, agents)
}

fn token_request() -> Value {
    json!({ "site": "one", "role": "gateway", "name": "branch-1" })
}

fn assert_problem(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!(answer.json()["code"], code, "{}", answer.text());
}

/// The hidden field of a form.
fn csrf(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form in {page}"));
    rest.split('"').next().expect("a value").to_owned()
}

/// `name=value` of a cookie that an answer sets.
fn cookie(answer: &Answer, name: &str) -> Option<String> {
    let set = answer.cookies().into_iter().find(|text| text.starts_with(&format!("{name}=")))?;
    set.split(';').next().map(str::to_owned).filter(|pair| !pair.ends_with('='))
}

/// Fills in the login form as a browser would.
fn try_login(client: &Client, name: &str, password: &str) -> Answer {
    let form = client.get("/login?next=/agents");
    assert_eq!(form.status, StatusCode::OK);
    let bound = cookie(&form, "wasl_form").expect("the form is bound to the browser");
    client.with("cookie", &bound).form(
        "/login",
        &[("csrf", &csrf(&form.text())), ("next", "/agents"), ("name", name), ("password", password)],
    )
}

fn is_redirect(answer: &Answer, to: &str) -> bool {
    answer.status.is_redirection() && answer.header("location").starts_with(to)
}

/// Catches: a page of somebody else's that makes a browser on this machine read the API (DNS rebinding),
/// and a visitor on this machine who can change something without a login.
#[test]
fn loopback_is_for_this_machine() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = centre(&Place::Here, dir.path(), any, any);
    let client = &centre.client;
    let port = client.address().port();
    for name in ["evil.example", "evil.example:8080", "192.0.2.1", "localhost.evil.example"] {
        for path in ["/", "/api/v1/agents", "/metrics", "/healthz", "/static/app.css"] {
            let answer = client.with("host", name).get(path);
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{name}{path}: {}", answer.text());
        }
    }
    for name in [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")] {
        assert_eq!(client.with("host", &name).get("/").status, StatusCode::OK, "{name}");
    }
    assert_problem(&client.post("/api/v1/tokens", &token_request()), StatusCode::FORBIDDEN, "role");
    assert_problem(&client.get("/api/v1/audit"), StatusCode::FORBIDDEN, "role");
    assert_problem(
        &client.with("authorization", "Bearer x").get("/api/v1/agents"),
        StatusCode::UNAUTHORIZED,
        "login",
    );
    assert_eq!(centre.admin().post("/api/v1/tokens", &token_request()).status, StatusCode::OK);

    // What a browser is told to keep to.
    let page = client.get("/");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");

    // Another user of this machine cannot read the state.
    let mode = |path: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::metadata(centre.state().join(path)).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode(""), 0o700);
    for secret in ["ca.key", "cli.token"] {
        assert_eq!(mode(secret), 0o600, "{secret}");
    }
}

/// Makes an account as the one who runs the controller does; its password.
fn account(centre: &Centre, name: &str, role: &str) -> String {
    let made = centre.wasl(&["account", "create", name, "--role", role]);
    assert!(
        made.status.success(),
        "the one who runs the controller cannot make an account ({}): {}",
        made.status,
        String::from_utf8_lossy(&made.stderr)
    );
    String::from_utf8_lossy(&made.stdout).trim().to_owned()
}

/// Catches: a controller that listens on the network and that its own commands cannot speak to, so that
/// nobody can ever make the first account.
#[test]
fn the_controllers_own_commands_work_wherever_it_listens() {
    if let Err(reason) = packages::need_network() {
        skip!("the_controllers_own_commands_work_wherever_it_listens", reason);
    }
    let net = Net::centre_and_branches(1);
    for ip in [Ipv4Addr::LOCALHOST, Ipv4Addr::UNSPECIFIED, net.centre_address()] {
        let dir = tempfile::tempdir().expect("a folder");
        let (place, http) = (net.centre(), SocketAddr::from((ip, 9443)));
        let config = dir.path().join("config");
        fs::create_dir(&config).expect("a folder");
        fs::write(config.join("wasl.yaml"), CONFIGURATION).expect("written");
        let state = dir.path().join("controller");
        let mut command = place.command(binaries::path("wasl"));
        command.arg("serve").arg("--config").arg(config).arg("--state").arg(&state);
        command.args(["--http", &http.to_string(), "--agents", "127.0.0.1:0"]);
        let mut daemon = Daemon::start("controller", command, dir.path());
        wait::until_true("the controller listens", END, || {
            daemon.assert_running();
            state.join("addresses.json").exists()
        });
        for act in [&["account", "create", "amal", "--role", "admin"][..], &["agents"], &["status"]] {
            let mut command = place.command(binaries::path("wasl"));
            let output = tool::output(command.args(act).arg("--state").arg(&state));
            assert!(
                output.status.success(),
                "`wasl {}` with a controller on {ip}: {}",
                act.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        }
        daemon.kill();
    }
}

/// Catches: a Prometheus that cannot log in, a key that can do more than its owner, and a key that goes on
/// working after its owner may not log in any more.
#[test]
fn a_key_reads_the_metrics_until_its_owner_is_shut_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = centre(&Place::Here, dir.path(), any, any);
    account(&centre, "amal", "viewer");
    let more = centre.wasl(&["account", "key", "amal", "--for", "too much", "--role", "admin"]);
    assert_eq!(more.status.code(), Some(1), "{}", String::from_utf8_lossy(&more.stdout));
    let made = centre.wasl(&["account", "key", "amal", "--for", "Prometheus"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let key = String::from_utf8_lossy(&made.stdout).trim().to_owned();
    let script = centre.client.with("authorization", &format!("Bearer {key}"));
    assert_eq!(script.get("/metrics").status, StatusCode::OK);
    assert_problem(&script.post("/api/v1/tokens", &token_request()), StatusCode::FORBIDDEN, "role");
    let kept = centre.admin().get("/api/v1/keys");
    assert!(!kept.text().contains(&key), "the list of keys tells a key");
    assert_eq!(kept.json()["items"][0]["purpose"], "Prometheus");
    assert!(centre.wasl(&["account", "change", "amal", "--disable"]).status.success());
    assert_problem(&script.get("/metrics"), StatusCode::UNAUTHORIZED, "login");
    assert!(centre.wasl(&["account", "change", "amal", "--enable"]).status.success());
    assert_eq!(script.get("/metrics").status, StatusCode::OK);
}

/// Catches: pages, figures or forms that are open to the network without a login, a session that can be
/// stolen in clear or by a script, a form that another site can send, and a logout that does not log out.
#[test]
fn elsewhere_needs_tls_and_a_login() {
    if let Err(reason) = packages::need_network() {
        skip!("elsewhere_needs_tls_and_a_login", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    // The accounts are made while it listens on loopback only, as on a first day.
    let loopback = SocketAddr::from(([127, 0, 0, 1], 9443));
    let mut first_day = centre(&net.centre(), dir.path(), loopback, net.agents_listener());
    let (viewer, engineer) = (account(&first_day, "amal", "viewer"), account(&first_day, "omar", "engineer"));
    assert!(first_day.daemon.end(Signal::SIGTERM, END).success(), "{}", first_day.daemon.tail());
    let http = SocketAddr::from((net.centre_address(), 9443));
    let centre = centre(&net.centre(), dir.path(), http, net.agents_listener());
    let browser = centre.client.from(&net.branch(1));

    assert!(browser.plain().try_get("/").is_err(), "it speaks in clear");
    for path in ["/", "/agents", "/links", "/backups", "/live/overview"] {
        let answer = browser.get(path);
        assert!(is_redirect(&answer, "/login"), "{path}: {} {}", answer.status, answer.text());
    }
    for path in
        ["/api/v1/agents", "/api/v1/entities", "/api/v1/history?series=x", "/api/v1/events", "/metrics"]
    {
        assert_problem(&browser.get(path), StatusCode::UNAUTHORIZED, "login");
    }
    assert_problem(&browser.post("/api/v1/tokens", &token_request()), StatusCode::UNAUTHORIZED, "login");
    let token = fs::read_to_string(centre.state().join("cli.token")).expect("it has made one");
    let stolen = browser.with("authorization", &format!("Bearer {token}")).get("/api/v1/agents");
    assert_problem(&stolen, StatusCode::UNAUTHORIZED, "login");

    for (name, wrong) in [("amal", "not the password"), ("nobody", "not the password"), ("amal", "")] {
        let answer = try_login(&browser, name, wrong);
        assert!(!answer.status.is_redirection() && cookie(&answer, "wasl_session").is_none(), "{name}");
        assert!(!answer.text().contains("not the password"), "a password comes back in a page");
    }
    let unbound = browser.form("/login", &[("csrf", "x"), ("name", "amal"), ("password", &viewer)]);
    assert!(cookie(&unbound, "wasl_session").is_none(), "a form of another site's logs somebody in");

    let welcome = try_login(&browser, "amal", &viewer);
    assert!(is_redirect(&welcome, "/agents"), "{} {}", welcome.status, welcome.text());
    let all = welcome.cookies();
    let set = all.iter().find(|text| text.starts_with("wasl_session=")).expect("a session");
    for attribute in ["HttpOnly", "SameSite=", "Secure", "Path=/"] {
        assert!(set.contains(attribute), "{attribute} is missing: {set}");
    }
    assert!(!set.contains("SameSite=None"), "{set}");
    let session = cookie(&welcome, "wasl_session").expect("a session");
    let amal = browser.with("cookie", &session);
    let page = amal.get("/?lang=en");
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("amal"), "the page does not say who is logged in");
    assert_eq!(amal.get("/api/v1/agents").status, StatusCode::OK);
    let csrf_of_amal = csrf(&page.text());
    assert_problem(&amal.post("/api/v1/tokens", &token_request()), StatusCode::FORBIDDEN, "csrf");
    let with_token = amal.with("x-csrf-token", &csrf_of_amal);
    assert_problem(&with_token.post("/api/v1/tokens", &token_request()), StatusCode::FORBIDDEN, "role");

    let second = try_login(&browser, "omar", &engineer);
    let omar = browser.with("cookie", &cookie(&second, "wasl_session").expect("a session"));
    let csrf_of_omar = csrf(&omar.get("/?lang=en").text());
    assert_ne!(csrf_of_amal, csrf_of_omar);
    let borrowed = omar.with("x-csrf-token", &csrf_of_amal).post("/api/v1/tokens", &token_request());
    assert_problem(&borrowed, StatusCode::FORBIDDEN, "csrf");
    let made = omar.with("x-csrf-token", &csrf_of_omar).post("/api/v1/tokens", &token_request());
    assert_eq!(made.status, StatusCode::OK, "{}", made.text());
    let accounts = json!({ "name": "x", "role": "admin", "password": "long enough for anybody" });
    let risen = omar.with("x-csrf-token", &csrf_of_omar).post("/api/v1/accounts", &accounts);
    assert_problem(&risen, StatusCode::FORBIDDEN, "role");

    assert_eq!(amal.form("/logout", &[("csrf", "x")]).status, StatusCode::FORBIDDEN);
    assert_eq!(amal.get("/").status, StatusCode::OK, "another site can log somebody out");
    let left = amal.form("/logout", &[("csrf", &csrf_of_amal)]);
    assert!(left.status.is_redirection(), "{} {}", left.status, left.text());
    assert!(is_redirect(&amal.get("/"), "/login"), "the cookie still opens the door after the logout");
    assert_eq!(amal.get("/api/v1/agents").status, StatusCode::UNAUTHORIZED);
    assert_eq!(omar.get("/").status, StatusCode::OK, "one person's logout is nobody else's");
    let log = centre.daemon.log();
    assert!(!log.contains(&viewer) && !log.contains(&engineer), "a password stands in the log");
}

/// Catches: a page that cannot be used over a branch's narrow line, and a rate of the harness that limits
/// nothing.
#[test]
fn the_pages_come_over_a_narrow_line() {
    if let Err(reason) = packages::need_network() {
        skip!("the_pages_come_over_a_narrow_line", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let http = SocketAddr::from((net.centre_address(), 9443));
    let centre = centre(&net.centre(), dir.path(), http, net.agents_listener());
    let browser = centre.client.from(&net.branch(1));
    let fetch = |path: &str| {
        let begun = Instant::now();
        let answer = browser.get(path);
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        (answer.text().len(), begun.elapsed())
    };
    let narrow = net.rate(1, 256);
    let (_, login) = fetch("/login");
    let (_, style) = fetch("/static/app.css");
    assert!(login + style < Duration::from_secs(3), "{login:?} and {style:?} at 256 kbit/s");
    let (bytes, slow) = fetch("/static/vendor/uPlot.iife.min.js");
    let at_least = Duration::from_secs_f64(bytes as f64 * 8.0 / 256_000.0 / 2.0);
    assert!(slow > at_least, "{bytes} bytes came within {slow:?} at 256 kbit/s");
    narrow.heal();
    let (_, quick) = fetch("/static/vendor/uPlot.iife.min.js");
    assert!(quick < at_least, "{quick:?} without the limit");
}
