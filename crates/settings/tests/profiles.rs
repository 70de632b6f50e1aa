//! What kinds of devices can tell: the profiles that come with Wasl, and a user's own.

use std::path::PathBuf;

use wasl_model::AgentId;
use wasl_model::assignment::Assignment;
use wasl_model::profile::Quantity;
use wasl_settings::load_from;

const BASE: &str = "
institution: { id: u, name: { en: U }, timezone: UTC }
sites: { here: { name: { en: Here } } }
agents: { gw: { site: here, role: gateway } }
";

fn assignment(more: &str) -> Result<Assignment, Vec<String>> {
    let texts = [(PathBuf::from("wasl.yaml"), format!("{BASE}{more}"))];
    let settings =
        load_from(&texts).map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    Ok(settings.assignment_for(&AgentId::new("gw").expect("valid")).expect("named"))
}

const DEVICE: &str = "host: 192.0.2.1, from: gw, snmp: { version: v2c, community: core }";

#[test]
fn a_device_gets_every_profile_and_only_agents_with_devices_get_any() {
    let with = assignment(&format!("devices: {{ ups: {{ {DEVICE} }} }}")).expect("sound");
    assert_eq!(with.devices[0].profiles, ["entity-sensors", "host-resources", "ip", "ups"]);
    let ids: Vec<_> = with.profiles.iter().map(|profile| profile.id.as_str()).collect();
    assert_eq!(ids, ["entity-sensors", "host-resources", "ip", "ups"]);
    assert_eq!(assignment("").expect("sound").profiles, []);
}

#[test]
fn a_users_profile_reaches_the_agent_of_the_device_that_names_it() {
    let own = format!(
        "
devices: {{ room: {{ {DEVICE}, profiles: [room] }} }}
profiles:
  room:
    matches: [\"1.3.6.1.4.1.21239\"]
    sensors:
      - {{ name: room, column: \".1.3.6.1.4.1.21239.5.1.2.1.5\", measures: temperature, scale: 0.1, degraded: {{ above: 27.5, below: -3 }} }}
      - {{ name: door, column: \"1.3.6.1.4.1.21239.5.1.2.1.9\", states: {{ 0: down, 1: ok }} }}
      - name: disk
        column: \"1.3.6.1.4.1.21239.6.1\"
        measures: storage
        label: \"1.3.6.1.4.1.21239.6.2\"
        size: \"1.3.6.1.4.1.21239.6.3\"
        except: {{ by: \"1.3.6.1.4.1.21239.7.1\", column: \"1.3.6.1.4.1.21239.7.2\", numbers: [2] }}
        ignore: [\"/dev*\"]
        unknown: {{ numbers: [-1], above: 9e15 }}
"
    );
    let found = assignment(&own).expect("sound");
    let [room] = found.profiles.as_slice() else { panic!("{:?}", found.profiles) };
    assert_eq!(room.matches, [[1, 3, 6, 1, 4, 1, 21239]]);
    assert_eq!((room.sensors[0].measures, room.sensors[0].scale), (Quantity::Temperature, 0.1));
    assert_eq!((room.sensors[0].degraded.above, room.sensors[0].degraded.below), (Some(27.5), Some(-3.0)));
    assert_eq!(room.sensors[1].states.len(), 2);
    let disk = &room.sensors[2];
    let except = disk.except.as_ref().expect("given");
    assert_eq!((except.by.last(), except.column.last(), &except.numbers), (Some(&1), Some(&2), &vec![2]));
    assert_eq!(disk.ignore, ["/dev*"]);
    assert_eq!((&disk.unknown.numbers, disk.unknown.beyond.above), (&vec![-1], Some(9e15)));
    let json = serde_json::to_string(&found).expect("JSON");
    assert_eq!(serde_json::from_str::<Assignment>(&json).expect("read back"), found);
}

#[test]
fn what_is_wrong_with_a_profile_is_told() {
    let wrong = |sensor: &str| {
        assignment(&format!("profiles: {{ p: {{ sensors: [{{ {sensor} }}] }} }}"))
            .expect_err("wrong")
            .join("\n")
    };
    assert!(
        wrong("name: a, column: ifTable").contains("no object name"),
        "{}",
        wrong("name: a, column: ifTable")
    );
    let measures = wrong("name: a, column: \"1.3.6.1\", measures: warmth");
    assert!(measures.contains("temperature"), "{measures}");
    assert!(wrong("name: a, column: \"1.3.6.1\", scale: 0").contains("other than 0"));
    let twice = assignment("profiles: { ups: { sensors: [{ name: a, column: \"1.3.6.1\" }] } }");
    assert!(twice.expect_err("taken").join("\n").contains("ups"));
    let unknown = assignment(&format!("devices: {{ d: {{ {DEVICE}, profiles: [upps] }} }}"));
    assert!(unknown.expect_err("unknown").join("\n").contains("ups"));
}
