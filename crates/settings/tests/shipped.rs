//! What is shipped is sound: the example, the starter, and the schema.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use wasl_model::assignment::{Address, BackupTool, LinkAssignment, LinkClass, SnmpAccess, Via};
use wasl_model::{AgentId, AgentRole};
use wasl_settings::{LoopbackRole, Period, Settings};

fn config(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(path)
}

fn loaded(path: &str) -> Settings {
    wasl_settings::load(&config(path)).unwrap_or_else(|problems| {
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", texts.join("\n\n"))
    })
}

fn agent(name: &str) -> AgentId {
    AgentId::new(name).expect("a usable name")
}

#[test]
fn the_example_is_a_whole_institution() {
    let settings = loaded("example");
    assert_eq!(settings.institution().timezone, "Asia/Hebron");
    assert_eq!(settings.controller().loopback_role, LoopbackRole::Viewer);
    assert_eq!(settings.controller().retention.all.one_hour, Period::from_days(5 * 365));
    let gateways = settings.agents().values().filter(|agent| agent.role == AgentRole::Gateway);
    let with_gateway: BTreeSet<_> = gateways.map(|agent| agent.site.clone()).collect();
    assert_eq!(settings.sites().len(), 21, "a presidency and twenty branches");
    assert_eq!(settings.sites().keys().cloned().collect::<BTreeSet<_>>(), with_gateway);
    for site in settings.sites().values() {
        assert!(site.name.ar.is_some(), "{} has no Arabic name", site.name.en);
    }
    for device in settings.devices().values() {
        assert!(settings.agents().contains_key(&device.from));
    }
    assert_eq!(settings.backups().len(), 4);
}

#[test]
fn an_agent_is_asked_for_what_names_it_and_for_nothing_else() {
    let settings = loaded("example");
    let jenin = settings.assignment_for(&agent("jenin-gw")).expect("it is in the example");
    let targets: Vec<&str> = jenin.targets.iter().map(|target| target.id.as_str()).collect();
    assert_eq!(targets, ["course-management", "jenin-uplink"]);
    let links: Vec<&str> = jenin.links.iter().map(|link| link.id.as_str()).collect();
    assert_eq!(links, ["jenin-adsl", "jenin-leased", "jenin-tulkarm", "nablus-jenin"]);
    assert_eq!(jenin.links[0].via, Some(Via::Interface("adsl0".into())));
    assert_eq!((jenin.links[1].class, jenin.links[2].class), (LinkClass::Link, LinkClass::Uplink));
    assert_eq!(jenin.links[1].limits.rtt_us, Some(40_000));
    assert_eq!(jenin.links[1].limits.loss_ppm, Some(5_000));
    // Those of its own configuration, and no link's that names none.
    let ends: Vec<&[String]> = jenin.links.iter().map(|link| link.interfaces.as_slice()).collect();
    assert_eq!(ends, [&[][..], &["jenin-core/Gi0/1".to_owned()], &[], &[]]);
    assert_eq!((jenin.host_every_ms, jenin.window_ms), (10_000, 10_000));
    let uplink = &jenin.targets[1];
    assert_eq!(uplink.address, Address::DefaultGateway);
    assert_eq!((uplink.every_ms, uplink.timeout_ms, uplink.tcp_port), (100, 1_000, 443));
    assert_eq!(jenin.devices.len(), 1);
    assert_eq!((jenin.devices[0].port, jenin.devices[0].every_ms), (161, 30_000));
    let SnmpAccess::V3 { user, auth, .. } = &jenin.devices[0].access else { panic!("v3") };
    assert_eq!(user, "wasl");
    assert_eq!(auth.as_ref().map(|auth| auth.1.as_str()), Some("jenin-core-auth"));
    assert!(jenin.backups.is_empty());

    let presidency = settings.assignment_for(&agent("presidency-gw")).expect("it is in the example");
    assert_eq!(presidency.host_every_ms, 5_000);
    let backup = settings.assignment_for(&agent("backup-host")).expect("it is in the example");
    assert!(backup.backups.iter().any(|job| job.id == "questions-bank" && job.every_ms == 900_000));
    assert!(backup.backups.iter().all(|job| matches!(job.tool, BackupTool::Restic { .. })));
    assert_eq!(settings.assignment_for(&agent("nobody")), None);
}

#[test]
fn an_assignment_survives_its_json_unchanged_and_in_the_same_order() {
    let settings = loaded("example");
    for name in settings.agents().keys() {
        let assignment = settings.assignment_for(name).expect("an agent of the example");
        let json = serde_json::to_string(&assignment).expect("JSON");
        let again = loaded("example").assignment_for(name).expect("the same agent");
        assert_eq!(serde_json::to_string(&again).expect("JSON"), json);
        assert_eq!(
            serde_json::from_str::<wasl_model::assignment::Assignment>(&json).expect("back"),
            assignment
        );
    }
}

/// Catches: a ledger of an older agent, or the word of an older controller, that cannot be read any more; and a generation
/// that changes for links of which there is nothing new to tell.
#[test]
fn a_link_without_the_interfaces_that_it_ends_in_is_one_without_any() {
    let older = r#"{"id":"line","address":"default_gateway","via":null,"class":"link","limits":{"rtt_us":null,"jitter_us":null,"loss_ppm":null},"tcp_port":443}"#;
    let link: LinkAssignment = serde_json::from_str(older).expect("it is read");
    assert!(link.interfaces.is_empty());
    assert_eq!(serde_json::to_string(&link).expect("JSON"), older);
}

#[test]
fn the_starter_watches_this_machine_its_gateway_and_two_targets_that_are_on_no_foreign_network() {
    let files = [(PathBuf::from("wasl.yaml"), wasl_settings::starter().to_owned())];
    let settings = wasl_settings::load_from(&files).expect("the starter is sound");
    let own = settings.assignment_for(&agent("this-machine")).expect("the agent of the starter");
    assert_eq!((own.host_every_ms, own.window_ms), (2_000, 5_000));
    let addresses: Vec<&Address> = own.targets.iter().map(|target| &target.address).collect();
    let itself = Address::Host("127.0.0.1".to_owned());
    assert_eq!(addresses, [&Address::DefaultGateway, &itself, &Address::Resolver]);
    assert!(own.devices.is_empty() && own.backups.is_empty());
}

#[test]
fn the_starters_commented_examples_are_sound_too() {
    let mut text = String::new();
    for line in wasl_settings::starter().lines() {
        let bare = line.trim_start();
        // A comment of prose has a capital or ends in punctuation; an example has a key.
        let example = bare.strip_prefix("# ").filter(|rest| {
            let word = rest.trim_start().split([' ', ':']).next().unwrap_or_default();
            rest.contains(':') && word.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '-' | '_'))
        });
        match example {
            Some(rest) => text.extend([&line[..line.len() - bare.len()], rest, "\n"]),
            None => text.extend([line, "\n"]),
        }
    }
    let files = [(PathBuf::from("wasl.yaml"), text.clone())];
    let settings =
        wasl_settings::load_from(&files).unwrap_or_else(|problems| panic!("{}\n{text}", problems[0]));
    assert_eq!(settings.targets().len(), 4);
    assert_eq!((settings.devices().len(), settings.backups().len()), (1, 1));
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let path = config("schema/wasl.schema.json");
    let schema = serde_json::to_string_pretty(&wasl_settings::json_schema()).expect("JSON") + "\n";
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &schema).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema, "run `UPDATE=1 cargo test -p wasl-settings` to write {}", path.display());
}

/// A file as an editor's schema checker sees it.
fn as_json(path: &Path) -> serde_json::Value {
    serde_yaml::from_str(&fs::read_to_string(path).expect("a file")).expect("YAML")
}

#[test]
fn the_schema_accepts_what_is_shipped_and_refuses_slips() {
    let schema = jsonschema::validator_for(&wasl_settings::json_schema()).expect("a schema");
    let mut files =
        vec![config("starter/wasl.yaml"), config("example/wasl.yaml"), config("example/central.yaml")];
    files.extend(
        fs::read_dir(config("example/sites")).expect("sites").map(|entry| entry.expect("a file").path()),
    );
    for file in files {
        let json = as_json(&file);
        let errors: Vec<String> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", file.display());
    }
    for slip in [
        "unknown-key",
        "unknown-section",
        "wrong-type",
        "bad-duration",
        "capital-letters",
        "no-value",
        "yes-for-a-word",
    ] {
        let json = as_json(&config(&format!("bad/{slip}.yaml")));
        assert!(!schema.is_valid(&json), "the schema accepts {slip}");
    }
}

#[test]
fn printing_settings_shows_names_of_secrets_at_most() {
    let shown = format!("{:?}", loaded("example"));
    assert!(shown.contains("central-db-restic"));
}
