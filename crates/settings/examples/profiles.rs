//! The profiles that come with Wasl, as the JSON that an agent gets: for `tests/tools/snmp-recordings.sh`.

use std::io::Write;
use std::path::PathBuf;

use wasl_model::AgentId;

const SMALLEST: &str = "
institution: { id: u, name: { en: U }, timezone: UTC }
sites: { here: { name: { en: Here } } }
agents: { gw: { site: here, role: gateway } }
devices: { d: { host: 192.0.2.1, from: gw, snmp: { version: v2c, community: core } } }
";

fn main() {
    let settings = wasl_settings::load_from(&[(PathBuf::from("wasl.yaml"), SMALLEST.to_owned())]);
    let settings = settings.expect("the smallest configuration is sound");
    let agent = AgentId::new("gw").expect("a usable name");
    let assignment = settings.assignment_for(&agent).expect("it is named");
    let json = serde_json::to_string(&assignment.profiles).expect("profiles are JSON");
    std::io::stdout().write_all(json.as_bytes()).expect("written");
}
