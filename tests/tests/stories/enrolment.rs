//! Who may speak for a branch, and who may not any more.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::json;
use wasl_pki::{EnrolToken, Fingerprint};
use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::net::Place;
use wasl_tests::wait::{self, now_ms};

/// How soon a refusal or an ended session shows.
const SOON: Duration = Duration::from_secs(5);
/// In this time an agent has tried to connect several times.
const TRIES: Duration = Duration::from_secs(20);

/// A controller on loopback. Its agents have no targets, so nothing is probed.
fn centre(dir: &Path, institution: &str) -> Centre {
    let configuration = format!(
        "institution: {{ id: {institution}, name: {{ en: {institution} }}, timezone: Asia/Hebron }}
defaults: {{ host_every: 1s }}
sites: {{ one: {{ name: {{ en: One }} }}, two: {{ name: {{ en: Two }} }} }}
agents: {{ branch-1: {{ site: one, role: gateway }}, branch-2: {{ site: two, role: gateway }} }}
"
    );
    let folder = dir.join(institution);
    fs::create_dir(&folder).expect("a folder of our own");
    let any = "127.0.0.1:0".parse().expect("an address");
    Centre::start(&Place::Here, &folder, &configuration, any, any)
}

/// A refusal: not granted, in words that name the cause.
fn assert_refused(output: &Output, words: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it was granted: {said}");
    assert!(said.contains(words), "it does not say {words:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Catches: a token that serves twice, for ever, or for another controller, and a refusal that leaves half
/// an identity behind.
#[test]
fn a_token_lets_one_machine_in_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours");
    let listener = centre.agents_listener();

    let token = centre.token("one", "gateway", "branch-1");
    let first = Agent::prepare(&Place::Here, dir.path(), "first");
    assert!(first.try_join(listener, &token).status.success());
    let second = Agent::prepare(&Place::Here, dir.path(), "second");
    assert_refused(&second.try_join(listener, &token), "was used before");
    assert!(!second.state().join("agent.json").exists() && !second.state().join("identity.pem").exists());
    assert_refused(
        &first.try_join(listener, &centre.token("one", "gateway", "branch-1")),
        "holds an agent already",
    );

    let short = centre.admin().post(
        "/api/v1/tokens",
        &json!({ "site": "two", "role": "gateway", "name": "branch-2", "lifetime_s": 1 }),
    );
    let short = short.json();
    let file = dir.path().join("short.token");
    write_secret(&file, short["token"].as_str().expect("a token"));
    wait::until_true("the token expires", SOON, || short["expires"].as_i64() < Some(now_ms()));
    assert_refused(&second.try_join(listener, &file), "expired");

    let authority = fs::read_to_string(centre.state().join("ca.pem")).expect("the authority");
    let authority = wasl_pki::pem::certificates_from_pem(&authority).expect("it is a certificate");
    let unknown = EnrolToken::generate(Fingerprint::of(&authority[0])).expect("a token");
    write_secret(&file, &unknown.to_string());
    assert_refused(&second.try_join(listener, &file), "did not make this token");
    write_secret(&file, "wasl1.aaaa");
    assert_refused(&second.try_join(listener, &file), "token");
    assert_refused(&second.try_join(listener, Path::new("/nowhere/token")), "/nowhere/token");

    // A token of another institution pins another authority: this controller is not the one it means.
    let others = self::centre(dir.path(), "others");
    let foreign = others.token("one", "gateway", "branch-1");
    assert_refused(&second.try_join(listener, &foreign), "controller");
    assert!(!second.state().join("agent.json").exists());
    // It has not been used up by that.
    assert!(second.try_join(others.agents_listener(), &foreign).status.success());

    let unknown_site = centre.wasl(&["token", "create", "--site", "nowhere", "--role", "gateway"]);
    assert_refused(&unknown_site, "no site nowhere");
    let audit = centre.admin().json("/api/v1/audit").to_string();
    assert!(audit.contains("the token was used before"), "{audit}");
    let log = centre.daemon.log();
    assert!(!log.contains("wasl1.") && !log.contains("panicked"), "{log}");
}

/// Catches: a revocation that waits for a certificate to end, or that a reconnection undoes.
#[test]
fn a_revoked_agent_loses_its_session_at_once_and_cannot_come_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours");
    let mut one = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let mut two = Agent::join(&centre, &Place::Here, dir.path(), "two", "gateway", "branch-2");
    one.start();
    two.start();
    centre.await_agent("branch-1");
    centre.await_agent("branch-2");

    let revoked = centre.wasl(&["agents", "revoke", "branch-1", "--reason", "stolen"]);
    assert!(revoked.status.success(), "{}", String::from_utf8_lossy(&revoked.stderr));
    wait::until_true("the session ends", SOON, || !centre.is_connected("branch-1"));
    one.daemon().kill();
    one.start();
    wait::until_true("a new start is refused as well", TRIES, || {
        one.daemon().log().contains("no session with the controller")
    });
    assert!(!one.daemon().log().contains("is open"), "{}", one.daemon().tail());
    assert!(!centre.is_connected("branch-1"));
    assert!(centre.is_connected("branch-2"), "a revocation is nobody else's business");
    assert!(centre.entity("machine/branch-1").is_none(), "what a revoked agent said is not shown as known");
    let agent = centre.agent("branch-1").expect("it stays in the list");
    assert!(agent["revoked"].is_i64(), "{agent:#}");
    assert!(!centre.metrics().contains("agent=\"branch-1\""), "a revoked agent is in nobody's graphs");
    let again = centre.wasl(&["agents", "revoke", "nobody"]);
    assert_refused(&again, "no agent");

    // A new token, and the machine is welcome again.
    let mut anew = Agent::prepare(&Place::Here, dir.path(), "anew");
    let token = centre.token("one", "gateway", "branch-1");
    assert!(anew.try_join(centre.agents_listener(), &token).status.success());
    anew.start();
    centre.await_agent("branch-1");
}

/// Catches: a technician who is left to guess why a machine is not in the picture any more.
#[test]
fn a_revoked_agent_is_told_so_in_words() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours");
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    centre.await_agent("branch-1");
    assert!(centre.wasl(&["agents", "revoke", "branch-1"]).status.success());
    wait::until_true("the agent says that it is revoked and what to do", TRIES, || {
        let log = agent.daemon().log();
        log.lines().any(|line| line.contains("revoked") && line.contains("enrol"))
    });
    let log = agent.daemon().log();
    let told = log.matches("no session with the controller").count();
    assert!(told <= 3, "the same trouble is told {told} times:\n{log}");
}

/// Catches: a controller that lets in whoever shows any certificate, and an agent that tells its
/// observations to whoever answers.
#[test]
fn an_agent_of_another_institution_is_a_stranger() {
    let dir = tempfile::tempdir().expect("a folder");
    let (ours, others) = (centre(dir.path(), "ours"), centre(dir.path(), "others"));
    let mut agent = Agent::join(&others, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let bootstrap = agent.state().join("agent.json");
    let text = fs::read_to_string(&bootstrap).expect("it has joined");
    let moved = text.replace(&others.agents_listener().to_string(), &ours.agents_listener().to_string());
    assert_ne!(text, moved);
    fs::write(&bootstrap, moved).expect("written");

    agent.start();
    wait::until_true("the agent does not trust this controller", SOON, || {
        agent.daemon().log().contains("no session with the controller")
    });
    agent.end();

    // Even one that was talked into trusting it is not trusted in turn.
    let authority = fs::read_to_string(ours.state().join("ca.pem")).expect("the authority");
    write_secret(&agent.state().join("authorities.pem"), &authority);
    agent.start();
    wait::until_true("the controller refuses the certificate", SOON, || {
        ours.daemon.log().contains("a TLS handshake on the agents' listener failed")
            && agent.daemon().log().contains("no session with the controller")
    });
    assert!(!agent.daemon().log().contains("is open"), "{}", agent.daemon().tail());
    assert_eq!(ours.client.json("/api/v1/agents")["items"], json!([]));
    assert_eq!(ours.client.json("/api/v1/accounting"), json!([]));
}

/// Catches: two machines that speak as one, whose observations would be mixed without a word.
#[test]
fn a_copied_disk_is_refused_and_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let centre = centre(dir.path(), "ours");
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    let mut copy = agent.clone_to(&Place::Here, "copy");
    agent.start();
    centre.await_agent("branch-1");
    copy.start();
    wait::until_true("the copy is told", SOON, || copy.daemon().log().contains("copy of that one's disk"));
    let log = centre.daemon.log();
    let named = log.lines().any(|line| line.contains("second machine") && line.contains("branch-1"));
    assert!(named, "{log}");
    assert!(!copy.daemon().log().contains("is open"), "{}", copy.daemon().tail());
    assert!(centre.is_connected("branch-1"));
    wait::until_true("the first one delivers", SOON, || {
        centre.client.json("/api/v1/accounting") != json!([])
    });
    assert_eq!(
        centre.account_of("branch-1")["epoch"],
        agent.spool()["epoch"],
        "only the first one's were taken"
    );
}
