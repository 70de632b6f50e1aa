//! The institution's authority: brought along, replaced, kept fresh, and moved to another machine.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wasl_pki::tls::SystemClock;
use wasl_pki::{Fingerprint, pem};
use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::net::{Lone, Place};
use wasl_tests::{binaries, skip, tool, wait};

/// How soon a step of a rotation shows. Generous: other stories share the processors.
const SOON: Duration = Duration::from_secs(30);

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s }
sites: { one: { name: { en: One } }, two: { name: { en: Two } } }
agents: { branch-1: { site: one, role: gateway }, branch-2: { site: two, role: gateway } }
";

fn any() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn centre(dir: &Path, name: &str, options: &[&str]) -> Centre {
    let folder = dir.join(name);
    fs::create_dir_all(&folder).expect("a folder of our own");
    Centre::start_with(&Place::Here, &folder, CONFIGURATION, any(), any(), options)
}

/// A port that was free a moment ago, for a controller that is not there yet.
fn free_port() -> SocketAddr {
    TcpListener::bind(any()).and_then(|listener| listener.local_addr()).expect("a free port")
}

fn wasl(args: &[&str]) -> Output {
    tool::output(Place::Here.command(binaries::path("wasl")).args(args))
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn granted(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    said(output)
}

/// The fingerprints of the certificates in a file.
fn fingerprints(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let all = pem::certificates_from_pem(&text).expect("certificates");
    all.iter().map(|der| Fingerprint::of(der).to_string()).collect()
}

/// The authorities as `wasl ca status --json` tells them.
fn authorities(centre: &Centre) -> Vec<Value> {
    let output = centre.wasl(&["ca", "status", "--json"]);
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    document["items"].as_array().expect("a list").clone()
}

fn standings(centre: &Centre) -> Vec<String> {
    authorities(centre).iter().map(|a| a["standing"].as_str().expect("a word").to_owned()).collect()
}

fn waiting_for(centre: &Centre) -> Vec<String> {
    let all = authorities(centre);
    let waiting = all.iter().flat_map(|a| a["waiting_for"].as_array().expect("a list").clone());
    waiting.map(|w| w["agent"].as_str().expect("a name").to_owned()).collect()
}

fn stored(centre: &Centre, agent: &str) -> u64 {
    let all = centre.client.json(&format!("/api/v1/accounting?agent={agent}"));
    all.as_array().expect("a list").iter().map(|a| a["stored"].as_u64().expect("a number")).sum()
}

fn awaits_delivery(centre: &Centre, agent: &str) {
    let before = stored(centre, agent);
    wait::until_true(&format!("{agent} delivers"), SOON, || stored(centre, agent) > before);
}

/// Nothing is lost and nothing is there twice: produced = stored + dropped + pending, on both sides.
fn assert_exact(centre: &Centre, agent: &Agent) {
    let (spool, account) = (agent.spool(), centre.account_of(&agent.name));
    assert_eq!(spool["pending"], 0, "{spool:#}");
    assert_eq!(account["stored"], spool["produced"], "{account:#}\n{spool:#}");
    assert_eq!(account["dropped"], json!({}), "{account:#}");
}

/// Catches: an institution that has an authority already and must trust another one beside it; and a wrong file
/// that is found out only when agents stay away.
#[test]
fn an_institution_brings_an_authority_of_its_own() {
    if !tool::exists("openssl") {
        skip!("an_institution_brings_an_authority_of_its_own", "openssl is not installed");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let openssl = |args: &str| {
        let args: Vec<String> = args
            .split(' ')
            .map(|word| word.strip_prefix('@').map_or_else(|| word.replace('~', " "), at))
            .collect();
        tool::run("openssl", &args.iter().map(String::as_str).collect::<Vec<_>>());
    };
    // A root that signs an intermediate for Wasl: the root's key stays in its safe.
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out @root.key");
    openssl(
        "req -x509 -new -key @root.key -sha384 -days 3650 -subj /O=An~institution/CN=Root -out @root.pem",
    );
    openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out @own.key");
    openssl("req -new -key @own.key -subj /O=An~institution/CN=Wasl -out @own.csr");
    fs::write(
        at("ext"),
        "basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n",
    )
    .expect("written");
    openssl(
        "x509 -req -in @own.csr -CA @root.pem -CAkey @root.key -CAcreateserial -days 1800 -extfile @ext -out @own.pem",
    );
    openssl(
        "x509 -req -in @own.csr -CA @root.pem -CAkey @root.key -CAcreateserial -days 30 -extfile @ext -out @short.pem",
    );
    openssl(
        "x509 -req -in @own.csr -CA @root.pem -CAkey @root.key -CAcreateserial -days 1800 -out @leaf.pem",
    );
    let chain = format!(
        "{}{}",
        fs::read_to_string(at("own.pem")).expect("made"),
        fs::read_to_string(at("root.pem")).expect("made")
    );
    fs::write(at("chain.pem"), chain).expect("written");
    for key in ["own.key", "root.key"] {
        fs::set_permissions(at(key), fs::Permissions::from_mode(0o600)).expect("our own file");
    }

    let state = at("ours/controller");
    let import = |certificate: &str, key: &str| {
        wasl(&["ca", "import", "--certificate", &at(certificate), "--key", &at(key), "--state", &state])
    };
    for (certificate, key, words) in [
        ("chain.pem", "root.key", "does not belong to the certificate"),
        ("leaf.pem", "own.key", "CA:true"),
        ("short.pem", "own.key", "90 days more"),
        ("own.key", "own.key", "no certificate"),
        ("missing.pem", "own.key", "missing.pem"),
    ] {
        let refused = import(certificate, key);
        assert!(
            !refused.status.success() && said(&refused).contains(words),
            "{certificate}: {}",
            said(&refused)
        );
        assert!(!Path::new(&state).join("ca.pem").exists(), "{certificate} was put in place");
    }
    fs::set_permissions(at("own.key"), fs::Permissions::from_mode(0o644)).expect("our own file");
    assert!(said(&import("chain.pem", "own.key")).contains("chmod 600"));
    fs::set_permissions(at("own.key"), fs::Permissions::from_mode(0o600)).expect("our own file");
    granted(&import("chain.pem", "own.key"));

    let mut centre = centre(dir.path(), "ours", &[]);
    let own = fingerprints(Path::new(&at("own.pem"))).remove(0);
    assert_eq!(fingerprints(&centre.state().join("ca.pem"))[0], own);
    assert!(granted(&centre.wasl(&["ca", "show"])).contains(&own));
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    assert_eq!(fingerprints(&agent.state().join("authorities.pem")), [own]);
    agent.start();
    centre.await_agent("branch-1");
    awaits_delivery(&centre, "branch-1");
    // openssl agrees that the agent's certificate leads to the institution's root.
    let identity = agent.state().join("identity.pem");
    tool::run(
        "openssl",
        &["verify", "-CAfile", &at("root.pem"), "-untrusted", &at("own.pem"), &identity.to_string_lossy()],
    );

    // Without a running controller nobody could introduce another authority to the agents.
    centre.daemon.kill();
    let _ = fs::remove_file(centre.state().join("addresses.json"));
    let refused = import("chain.pem", "own.key");
    assert!(
        !refused.status.success() && said(&refused).contains("start the controller"),
        "{}",
        said(&refused)
    );
}

/// Catches: a rotation that needs a visit to each branch, that locks out whoever was away, that a crash leaves half
/// done, or that never lets go of the old authority.
#[test]
fn the_authority_is_replaced_without_a_visit_to_any_agent() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut centre = centre(dir.path(), "ours", &[]);
    let mut one = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let mut away = Agent::join(&centre, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    let old = fingerprints(&centre.state().join("ca.pem"));
    let old_key = fs::read_to_string(centre.state().join("ca.key")).expect("the key");
    let old_token = centre.token("one", "server", "late");
    one.start();
    centre.await_agent("branch-1");
    let one_before = centre_agent(&centre, "branch-1")["certificate_serial"].clone();
    let away_before = centre_agent(&centre, "branch-2")["certificate_serial"].clone();
    let refused = centre.wasl(&["ca", "retire"]);
    assert!(!refused.status.success() && said(&refused).contains("wasl ca status"), "{}", said(&refused));

    // The next authority is introduced; the agent that is connected holds both at once, in its present session.
    granted(&centre.wasl(&["ca", "rotate"]));
    assert_eq!(standings(&centre), ["issuing", "next"]);
    wait::until_true("branch-1 holds both", SOON, || {
        fingerprints(&one.state().join("authorities.pem")).len() == 2
    });
    wait::until_true("and has said so", SOON, || waiting_for(&centre) == ["branch-2"]);
    let status = centre.wasl(&["ca", "status"]);
    assert_eq!(status.status.code(), Some(1), "{}", said(&status));
    assert!(said(&status).contains("branch-2"), "{}", said(&status));
    assert_eq!(one.daemon().log().matches("a session with the controller is open").count(), 1);
    let twice = centre.wasl(&["ca", "rotate"]);
    assert!(said(&twice).contains("under way"), "{}", said(&twice));

    // A power cut now changes nothing.
    centre.daemon.kill();
    centre.start_again();
    assert_eq!(standings(&centre), ["issuing", "next"]);
    assert_eq!(fingerprints(&centre.state().join("ca.pem")), old);

    // branch-2 is away for weeks, and the operator does not want to wait.
    let told = granted(&centre.wasl(&["ca", "rotate", "--finish"]));
    assert!(told.contains("branch-2") && !told.contains("branch-1"), "{told}");
    assert_eq!(standings(&centre), ["issuing", "former"]);
    let new = fingerprints(&centre.state().join("ca.pem"));
    assert_ne!(new, old);
    let kept = fs::read_to_string(centre.state().join("rotation.json")).expect("it is under way");
    let secret_line = old_key.lines().nth(1).expect("a key has lines");
    assert!(!kept.contains(secret_line), "the former key is kept although nobody needs it");
    centre.await_agent("branch-1");
    wait::until_true("branch-1 renews at once", SOON, || {
        centre_agent(&centre, "branch-1")["certificate_serial"] != one_before
    });
    wait::until_true("only branch-2 hangs on the former", SOON, || waiting_for(&centre) == ["branch-2"]);
    let refused = centre.wasl(&["ca", "retire"]);
    assert!(!refused.status.success() && said(&refused).contains("branch-2"), "{}", said(&refused));

    // A token that pins the former authority still serves.
    let late = Agent::prepare(&Place::Here, dir.path(), "late");
    granted(&late.try_join(centre.agents_listener(), &old_token));

    // branch-2 comes back. It trusts nobody but the former authority, which vouches for the new one.
    assert_eq!(fingerprints(&away.state().join("authorities.pem")), old);
    away.start();
    centre.await_agent("branch-2");
    wait::until_true("branch-2 renews", SOON, || {
        centre_agent(&centre, "branch-2")["certificate_serial"] != away_before
    });
    // With that the last certificate of the former authority is replaced.
    wait::until_true("the former authority is forgotten by itself", SOON, || {
        standings(&centre) == ["issuing"]
    });
    for agent in [&one, &away] {
        wait::until_true("the agent trusts the new one only", SOON, || {
            fingerprints(&agent.state().join("authorities.pem")) == new
        });
    }
    assert!(!centre.state().join("rotation.json").exists());

    // Everybody comes back to it after a restart of everything, and nothing was lost on the way.
    for agent in [&mut one, &mut away] {
        agent.end();
    }
    centre.daemon.kill();
    centre.start_again();
    for agent in [&mut one, &mut away] {
        agent.start();
        centre.await_agent(&agent.name);
        awaits_delivery(&centre, &agent.name);
        agent.end();
        assert_exact(&centre, agent);
    }
    let audit = centre.admin().json("/api/v1/audit?limit=500").to_string();
    for action in ["authority.rotate", "authority.promote", "authority.retire"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    assert!(!centre.daemon.log().contains("PRIVATE KEY"));
}

fn centre_agent(centre: &Centre, name: &str) -> Value {
    centre.agent(name).unwrap_or_else(|| panic!("{name} is not known"))
}

/// Catches: a rotation that waits although nobody is left to wait for, and one that cannot be given up.
#[test]
fn a_rotation_goes_by_itself_where_everybody_is_there_and_can_be_given_up_before() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours", &[]);
    let mut one = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let old = fingerprints(&centre.state().join("ca.pem"));
    granted(&centre.wasl(&["ca", "rotate"]));
    granted(&centre.wasl(&["ca", "rotate", "--abandon"]));
    assert_eq!(standings(&centre), ["issuing"]);
    granted(&centre.wasl(&["ca", "rotate"]));
    assert_eq!(fingerprints(&centre.state().join("ca.pem")), old);
    one.start();
    wait::until_true("the next one signs", SOON, || fingerprints(&centre.state().join("ca.pem")) != old);
    wait::until_true("the former is forgotten", SOON, || standings(&centre) == ["issuing"]);
    wait::until_true("the agent trusts the new one only", SOON, || {
        fingerprints(&one.state().join("authorities.pem")) == fingerprints(&centre.state().join("ca.pem"))
    });
    assert!(centre.is_connected("branch-1"), "{}", one.daemon().tail());
    assert_eq!(one.daemon().log().matches("a session with the controller is open").count(), 1);
}

/// Catches: a certificate that ends while its agent is connected, or that the agent loses by being killed.
#[test]
fn a_certificate_is_renewed_inside_a_live_session_and_across_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours", &["--agent-certificate-seconds", "15"]);
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let serial = || centre_agent(&centre, "branch-1")["certificate_serial"].clone();
    let first = serial();
    agent.start();
    centre.await_agent("branch-1");
    wait::until_true("the certificate is renewed", SOON, || serial() != first);
    let opened = agent.daemon().log().matches("a session with the controller is open").count();
    assert_eq!(opened, 1, "the renewal cost the session: {}", agent.daemon().tail());
    assert!(centre.is_connected("branch-1"));
    let second = serial();
    agent.daemon().kill();
    agent.start();
    centre.await_agent("branch-1");
    wait::until_true("it is renewed again", SOON, || serial() != second);
    // By now the first certificate has ended, and with it the connection that it opened.
    awaits_delivery(&centre, "branch-1");
    agent.end();
    assert_exact(&centre, &agent);
    let audit = centre.admin().json("/api/v1/audit?limit=500").to_string();
    assert!(audit.matches("agent.renew").count() >= 2, "{audit}");

    // A certificate that ended while its agent was away opens nothing.
    let ends = centre_agent(&centre, "branch-1")["certificate_expires"].as_i64().expect("a time");
    wait::until_true("the certificate ends", SOON, || wait::now_ms() > ends + 1000);
    agent.start();
    wait::until_true("it is told so in words", SOON, || agent.daemon().log().contains("expired"));
    assert!(!centre.is_connected("branch-1"));
}

/// The serial number and the names of the certificate that a TLS listener shows to a client.
fn shown(place: &Place, listener: SocketAddr, authority: &Path, name: &str) -> Result<Vec<u8>, String> {
    let text = fs::read_to_string(authority).expect("the authority");
    let roots = pem::certificates_from_pem(&text).expect("certificates");
    let name = name.to_owned();
    place.on_a_thread(move || {
        let config = wasl_pki::client_config(&roots, None, &["h2"], Arc::new(SystemClock)).expect("settings");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let tcp = tokio::net::TcpStream::connect(listener).await.map_err(|e| e.to_string())?;
            let name = rustls::pki_types::ServerName::try_from(name).expect("a name");
            let tls = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await;
            let tls = tls.map_err(|e| e.to_string())?;
            Ok(tls.get_ref().1.peer_certificates().expect("it showed one")[0].to_vec())
        })
    })
}

/// Catches: a controller that has run for a year and that no agent and no browser accepts any more; and a listener
/// on all addresses that is known by none of them.
#[test]
fn the_listeners_certificates_are_renewed_while_the_controller_runs() {
    if !nix::unistd::geteuid().is_root() {
        skip!(
            "the_listeners_certificates_are_renewed_while_the_controller_runs",
            "needs root for a network of its own"
        );
    }
    let dir = tempfile::tempdir().expect("a folder");
    let lone = Lone::new();
    let everywhere = |port: u16| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let options = ["--listener-certificate-seconds", "9", "--name", "wasl.story.example"];
    let centre = Centre::start_with(
        &lone.place(),
        dir.path(),
        CONFIGURATION,
        everywhere(8080),
        everywhere(8443),
        &options,
    );
    let mut agent = Agent::prepare(&lone.place(), dir.path(), "branch-1");
    let local = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    granted(&agent.try_join(local(8443), &centre.token("one", "gateway", "branch-1")));
    agent.start();
    centre.await_agent("branch-1");
    let authority = centre.state().join("ca.pem");
    let of_agents =
        || shown(&lone.place(), local(8443), &authority, wasl_pki::CONTROLLER_NAME).expect("accepted");
    let of_operators = |name: &str| shown(&lone.place(), local(8080), &authority, name);
    for name in ["localhost", "127.0.0.1", "10.90.1.2", "wasl.story.example"] {
        of_operators(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(of_operators("somebody.else.example").is_err());
    let (agents, operators) = (of_agents(), of_operators("localhost").expect("accepted"));
    wait::until_true("the agents' listener shows another", SOON, || of_agents() != agents);
    wait::until_true("the operators' listener shows another", SOON, || {
        of_operators("localhost").expect("accepted") != operators
    });
    // Longer than either lived: who is connected stays, and who comes is accepted.
    wait::during(Duration::from_secs(10), || {
        of_agents();
    });
    assert!(centre.is_connected("branch-1"));
    assert_eq!(agent.daemon().log().matches("a session with the controller is open").count(), 1);
}

/// Catches: a backup that lacks something, a restoration that locks agents out, and observations that are lost or
/// counted twice on the way to another machine.
#[test]
fn a_controller_moves_to_another_machine_from_its_backup() {
    let dir = tempfile::tempdir().expect("a folder");
    let there = free_port();
    let reachable = ["--reachable-at", &there.to_string()];
    let mut old = centre(dir.path(), "old", &reachable);
    old.account("keeper", "engineer", "a long enough password");
    let mut one = Agent::join(&old, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    one.start();
    old.await_agent("branch-1");
    awaits_delivery(&old, "branch-1");
    wait::until_true("the agent is told of the other address", SOON, || {
        fs::read_to_string(one.state().join("agent.json"))
            .expect("it has joined")
            .contains(&there.to_string())
    });

    // The backup is made while the controller works, and sealed.
    let secret = dir.path().join("passphrase");
    write_secret(&secret, "a passphrase of the story\n");
    let file = dir.path().join("backup.sealed");
    let (file_name, secret_name) =
        (file.to_string_lossy().into_owned(), secret.to_string_lossy().into_owned());
    granted(&old.wasl(&["backup", "--to", &file_name, "--passphrase-file", &secret_name]));
    assert_eq!(fs::metadata(&file).expect("made").permissions().mode() & 0o7777, 0o600);

    // Work goes on after it: more is delivered, a certificate is renewed, an agent joins.
    let at_backup = stored(&old, "branch-1");
    wait::until_true("more is delivered", SOON, || stored(&old, "branch-1") >= at_backup + 5);
    let mut two = Agent::join(&old, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    two.start();
    old.await_agent("branch-2");
    awaits_delivery(&old, "branch-2");
    wait::until_true("branch-2 is told too", SOON, || {
        fs::read_to_string(two.state().join("agent.json"))
            .expect("it has joined")
            .contains(&there.to_string())
    });
    let lost = stored(&old, "branch-1");

    // The machine burns down.
    old.daemon.kill();
    fs::remove_dir_all(old.state()).expect("gone");

    let new = dir.path().join("new");
    let state = new.join("controller").to_string_lossy().into_owned();
    let restore =
        |args: &[&str]| wasl(&[&["restore", file_name.as_str(), "--state", state.as_str()], args].concat());
    let sealed = restore(&[]);
    assert!(!sealed.status.success() && said(&sealed).contains("--passphrase-file"), "{}", said(&sealed));
    assert!(!Path::new(&state).exists());
    let told = granted(&restore(&["--passphrase-file", &secret_name]));
    assert!(told.contains("with 1 agents") && told.contains("revoked"), "{told}");
    assert!(!restore(&["--passphrase-file", &secret_name]).status.success(), "a state was overwritten");

    let centre = Centre::start(&Place::Here, &new, CONFIGURATION, any(), there);
    assert!(stored(&centre, "branch-1") < lost, "it was restored from before");
    for agent in [&one, &two] {
        wait::until_true(&format!("{} finds it", agent.name), Duration::from_secs(90), || {
            centre.is_connected(&agent.name)
        });
    }
    for agent in [&mut one, &mut two] {
        awaits_delivery(&centre, &agent.name);
        agent.end();
        assert_exact(&centre, agent);
    }
    assert!(stored(&centre, "branch-1") >= lost, "what was delivered after the backup came again");
    let audit = centre.admin().json("/api/v1/audit?limit=500").to_string();
    assert!(audit.contains("agent.adopt"), "{audit}");
    let accounts = centre.admin().json("/api/v1/accounts").to_string();
    assert!(accounts.contains("keeper"), "{accounts}");
    // Whoever was there joins no second time, and whoever comes new can.
    Agent::join(&centre, &Place::Here, dir.path(), "one", "server", "newcomer");
}
