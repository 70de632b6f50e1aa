//! `wasl discovery`: what agents found, and what of it the configuration does not know.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::client::Client;
use super::{Where, table};
use crate::home::Home;
use crate::operators::api::{List, NeighbourBody};
use crate::time::now;

/// What agents found: the neighbours at their ports, and a proposal for those that the configuration does not know.
/// Nothing is written; copy what is right into the configuration.
#[derive(Debug, Args)]
pub(super) struct Discovery {
    #[command(flatten)]
    place: Where,
}

impl Discovery {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        let found: List<NeighbourBody> = client.get("/api/v1/discovery/neighbours").await?;
        if self.place.json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&found)?));
        } else if found.items.is_empty() {
            table::show(
                "no neighbours were found; agents listen where `agents.NAME.discovery.lldp` names interfaces\n",
            );
        } else {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let rows: Vec<Vec<String>> = found
                .items
                .iter()
                .map(|n| {
                    vec![
                        n.heard_at.clone(),
                        text(&n.system_name),
                        n.chassis.clone(),
                        n.port.clone(),
                        text(&n.management_address),
                        n.device.clone().unwrap_or_else(|| "unknown".to_owned()),
                        table::age(n.at, now().0),
                    ]
                })
                .collect();
            table::print(&["HEARD AT", "NAME", "CHASSIS", "ITS PORT", "ADDRESS", "DEVICE", "TOLD"], &rows);
            table::show(&proposal(&found.items));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Devices for those that are unknown and can be managed somewhere, as YAML.
fn proposal(found: &[NeighbourBody]) -> String {
    let mut lines = String::new();
    let (mut addresses, mut names) = (BTreeSet::new(), BTreeSet::new());
    for n in found.iter().filter(|n| n.device.is_none()) {
        let Some(address) = n.management_address.as_ref().filter(|address| addresses.insert(*address)) else {
            continue;
        };
        let said = n.system_name.as_deref().unwrap_or(&n.chassis);
        let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
        let mut id = identifier(&said);
        while !names.insert(id.clone()) {
            id.push_str("-x");
        }
        // JSON's strings are YAML's as well, so what a neighbour calls itself cannot become anything else.
        let name = serde_json::Value::from(said).to_string();
        let host = serde_json::Value::from(address.as_str()).to_string();
        // Writing to a string cannot fail.
        let _ = writeln!(
            lines,
            "  {id}: {{ name: {{ en: {name} }}, host: {host}, from: {}, snmp: {{ version: v2c, community: {id}-snmp }} }}",
            n.agent
        );
    }
    if lines.is_empty() {
        return lines;
    }
    format!(
        "\n# What neighbours say of themselves is not proved. Check each line, put its secret on the agent's host, and\n\
         # copy what is right into the configuration.\ndevices:\n{lines}"
    )
}

/// An identifier made of a name: small letters, digits and `-`.
fn identifier(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().map(plain).take(40).collect();
    let text = text.trim_matches('-');
    if text.starts_with(|c: char| c.is_ascii_lowercase()) {
        text.to_owned()
    } else {
        format!("device-{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neighbour(name: &str, address: Option<&str>, device: Option<&str>) -> NeighbourBody {
        NeighbourBody {
            agent: "jenin-gw".into(),
            heard_at: "jenin-gw/eth0".into(),
            chassis: "52:54:00:12:34:56".into(),
            port: "1".into(),
            port_description: None,
            system_name: Some(name.into()),
            system_description: None,
            management_address: address.map(str::to_owned),
            at: 0,
            device: device.map(str::to_owned),
        }
    }

    #[test]
    fn a_proposal_is_sound_configuration_whatever_neighbours_call_themselves() {
        let text = proposal(&[
            neighbour("Core Switch", Some("10.0.0.1"), None),
            neighbour("core.switch", Some("10.0.0.2"), None),
            neighbour("x\" } }\n  evil: {", Some("fd00::1"), None),
            neighbour("again", Some("10.0.0.1"), None),
            neighbour("known", Some("10.0.0.9"), Some("known")),
            neighbour("nowhere", None, None),
        ]);
        let head = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { jenin: { name: { en: Jenin } } }
agents: { jenin-gw: { site: jenin, role: gateway } }
";
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("wasl.yaml"), format!("{head}{text}")).expect("written");
        let settings = wasl_settings::load(dir.path()).expect("sound");
        let devices: Vec<(&str, &str)> =
            settings.devices().iter().map(|(id, d)| (id.as_str(), d.host.as_str())).collect();
        assert_eq!(
            devices,
            [("core-switch", "10.0.0.1"), ("core-switch-x", "10.0.0.2"), ("x-------evil", "fd00::1")]
        );
        assert_eq!(proposal(&[neighbour("known", Some("10.0.0.9"), Some("known"))]), "");
    }
}
