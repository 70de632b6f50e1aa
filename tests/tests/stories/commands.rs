//! The command line: what scripts and people at night rely on.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use serde_json::Value;
use wasl_tests::centre::{Agent, Centre};
use wasl_tests::net::Place;
use wasl_tests::{binaries, tool, wait};

fn wasl(args: &[&str]) -> Output {
    tool::output(Place::Here.command(binaries::path("wasl")).args(args))
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!(
            "standard output is not one JSON document: {error}\n{}",
            String::from_utf8_lossy(&output.stdout)
        )
    })
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn assert_list(output: &Output) -> Vec<Value> {
    let document = document(output);
    assert!(document["schema"].as_str().is_some_and(|name| name.starts_with("wasl.")), "{document:#}");
    assert!(document["generated_at"].is_string(), "{document:#}");
    document["items"].as_array().unwrap_or_else(|| panic!("no items: {document:#}")).clone()
}

/// Catches: a shipped example that the program itself refuses, and a check whose words or exit code a script
/// cannot use.
#[test]
fn the_example_configuration_runs() {
    let config = binaries::repository().join("config");
    let example = config.join("example").to_string_lossy().into_owned();
    let sound = wasl(&["check", "--config", &example]);
    assert_eq!(sound.status.code(), Some(0), "{}", said(&sound));
    let sound = wasl(&["check", "--config", &example, "--json"]);
    assert_eq!(sound.status.code(), Some(0));
    assert!(assert_list(&sound).is_empty());

    let bad = config.join("bad/duplicate-across-files").to_string_lossy().into_owned();
    let refused = wasl(&["check", "--config", &bad, "--json"]);
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));
    let items = assert_list(&refused);
    assert!(!items.is_empty());
    for item in &items {
        for (key, kind) in [
            ("file", Value::is_string as fn(&Value) -> bool),
            ("line", Value::is_u64),
            ("column", Value::is_u64),
            ("code", Value::is_string),
            ("message", Value::is_string),
        ] {
            assert!(kind(&item[key]), "{key} in {item:#}");
        }
        assert!(item.get("suggestion").is_some(), "{item:#}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("state").to_string_lossy().into_owned();
    let any = ["--http", "127.0.0.1:0", "--agents", "127.0.0.1:0"];
    let refused = wasl(&[&["serve", "--config", &bad, "--state", &state], &any[..]].concat());
    assert_eq!(refused.status.code(), Some(64), "{}", said(&refused));

    // It runs, and every page can be drawn before anything was seen.
    let here = dir.path().join("example");
    tool::run("cp", &["-r", &example, &here.to_string_lossy()]);
    let run = dir.path().join("run");
    std::fs::create_dir_all(run.join("config")).expect("a folder");
    tool::run("cp", &["-r", &format!("{example}/."), &run.join("config").to_string_lossy()]);
    let written = std::fs::read_to_string(run.join("config/wasl.yaml")).expect("it has one");
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, &run, &written, any, any);
    let entities = centre.client.json("/api/v1/entities");
    let entities = entities["items"].as_array().expect("a list");
    assert!(entities.len() > 50, "{} entities are expected", entities.len());
    assert!(entities.iter().all(|e| e["health"] == "unknown" && e["reason"]["code"] == "not_observed"));
    for path in [
        "/",
        "/links",
        "/backups",
        "/agents",
        "/entities/link/jenin-leased",
        "/entities/ring/northern-ring",
        "/entities/target/jenin-uplink",
        "/entities/backup_job/central-db",
    ] {
        for (lang, direction) in [("en", "ltr"), ("ar", "rtl")] {
            let page = centre.client.get(&format!("{path}?lang={lang}"));
            assert_eq!(page.status.as_u16(), 200, "{path}: {}", page.text());
            assert!(page.text().contains(&format!("dir=\"{direction}\"")), "{path} in {lang}");
        }
    }
    assert!(!centre.daemon.log().contains("ERROR"), "{}", centre.daemon.tail());
}

/// Catches: a script that takes "there is no controller" for "all is well", or an unhealthy thing for a
/// missing one.
#[test]
fn exit_codes_tell_healthy_from_unhealthy_from_unreachable() {
    let dir = tempfile::tempdir().expect("a folder");
    let nothing = dir.path().join("nothing");
    let without = |state: &Path| {
        for command in ["status", "agents"] {
            let output = wasl(&[command, "--state", &state.to_string_lossy()]);
            assert_eq!(
                output.status.code(),
                Some(69),
                "wasl {command} without a controller: {}",
                said(&output)
            );
            assert!(!said(&output).trim().is_empty(), "wasl {command} says nothing");
        }
    };
    without(&nothing);
    assert!(!nothing.exists(), "a reading command made a folder");
    assert_eq!(wasl(&["status", "--no-such-option"]).status.code(), Some(2));
    assert_eq!(wasl(&[]).status.code(), Some(2));

    let any = "127.0.0.1:0".parse().expect("an address");
    let configuration = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
defaults: { host_every: 1s, window: 1s, probe_every: 200ms, probe_timeout: 500ms }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
targets: { self: { address: 127.0.0.1, from: [branch-1] } }
";
    let mut centre = Centre::start(&Place::Here, dir.path(), configuration, any, any);
    let empty = centre.wasl(&["agents"]);
    assert_eq!(empty.status.code(), Some(0), "{}", said(&empty));
    assert!(said(&empty).contains("wasl token create"), "the next step is missing: {}", said(&empty));
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    centre.await_agent("branch-1");
    centre
        .await_entity("the target answers", "target/self", Duration::from_secs(15), |e| e["health"] == "ok");
    let healthy = |what: &[&str]| {
        let output = centre.wasl(what);
        (output.status.code(), said(&output))
    };
    // This machine's own disks decide whether all is well; the target and the agent are.
    assert_eq!(
        healthy(&["status", "--kind", "target"]).0,
        Some(0),
        "{:?}",
        healthy(&["status", "--kind", "target"])
    );
    wait::until_true("the agent is healthy", Duration::from_secs(10), || healthy(&["agents"]).0 == Some(0));
    assert!(matches!(healthy(&["doctor"]).0, Some(0 | 1)), "{:?}", healthy(&["doctor"]));
    for command in ["status", "agents", "doctor"] {
        let output = centre.wasl(&[command, "--json"]);
        assert!(!assert_list(&output).is_empty(), "wasl {command} --json");
    }
    let sick = centre.wasl(&["status", "--kind", "wrong"]);
    assert!(!sick.status.success());

    if nix::unistd::geteuid().is_root() {
        let bin = binaries::for_everybody(dir.path());
        let mut nobody = Place::Here.command_as_nobody(bin.join("wasl"));
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).expect("ours");
        let output = tool::output(nobody.arg("status").arg("--state").arg(centre.state()));
        assert_eq!(output.status.code(), Some(77), "somebody else's state: {}", said(&output));
    }

    // One that was killed left its addresses behind.
    centre.daemon.kill();
    without(&centre.state());
}

/// Catches: a doctor whose exit code a script cannot tell from that of a sick controller.
#[test]
fn the_doctor_tells_an_unreachable_controller_from_a_sick_one() {
    let dir = tempfile::tempdir().expect("a folder");
    let nothing = dir.path().join("nothing");
    let output = wasl(&["doctor", "--state", &nothing.to_string_lossy()]);
    assert!(said(&output).contains("wasl up"), "the next step is missing: {}", said(&output));
    assert!(!nothing.exists(), "the doctor made a folder");
    assert_eq!(output.status.code(), Some(69), "{}", said(&output));
}
