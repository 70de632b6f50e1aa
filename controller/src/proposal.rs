//! What agents found, as configuration that a person may take.
//!
//! Neighbours and stations say what they like, so all that is taken from them is a name, an address and a hardware
//! address, each in quotes or in an alphabet that means nothing in YAML. The text fits beside the configuration in
//! force: its identifiers are new, and whatever it refers to is there. The same finds make the same text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::AgentId;
use wasl_settings::Settings;

use crate::operators::api::{NeighbourBody, StationBody};

/// Configuration for what was found and is not known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Proposal {
    /// YAML for a file of its own, with comments; empty if there is nothing to propose.
    pub yaml: String,
    /// How many devices it adds.
    pub devices: usize,
    /// How many stations it adds.
    pub stations: usize,
}

/// The beginning of the text.
const HEAD: &str = "# What was found and is not yet known. What neighbours and stations say of themselves is not proved: check
# each line and delete what does not belong. `wasl check` says whether the rest fits the configuration.
";

/// Proposes what of the finds is not in the configuration.
pub fn of(settings: &Settings, neighbours: &[NeighbourBody], stations: &[StationBody]) -> Proposal {
    let mut neighbours: Vec<&NeighbourBody> =
        neighbours.iter().filter(|n| is_ours(settings, &n.agent)).collect();
    neighbours.sort_by_key(|n| (&n.heard_at, &n.chassis, &n.port));
    let mut stations: Vec<&StationBody> =
        stations.iter().filter(|s| s.known.is_none() && is_ours(settings, &s.agent)).collect();
    stations.sort_by_key(|s| (&s.site, &s.mac, &s.agent));

    let (devices, taken) = devices(settings, &neighbours);
    // A device that a neighbour announced at the same place is proposed as that.
    let named = |s: &StationBody| {
        let mut said = [&s.ip, &s.mac].into_iter().chain(&s.ip6);
        said.any(|one| taken.contains(&(s.site.as_str(), one.as_str())))
    };
    stations.retain(|s| !named(s));
    stations.dedup_by_key(|s| (&s.site, &s.mac));
    let mut ids: BTreeSet<String> = settings.stations().keys().cloned().collect();
    let lines: Vec<String> = stations.iter().map(|s| station(s, &mut ids)).collect();

    let mut proposal = Proposal { yaml: String::new(), devices: devices.len(), stations: lines.len() };
    if devices.is_empty() && lines.is_empty() {
        return proposal;
    }
    proposal.yaml.push_str(HEAD);
    if !devices.is_empty() {
        let _ = write!(
            proposal.yaml,
            "\n# Who is beside whom, as the neighbours say:\n{}\n# Put each secret that is named here on the agent's host.\ndevices:\n{}",
            topology(&neighbours),
            devices.concat()
        );
    }
    if !lines.is_empty() {
        let _ = write!(proposal.yaml, "\nstations:\n{}", lines.concat());
    }
    proposal
}

fn is_ours(settings: &Settings, agent: &str) -> bool {
    AgentId::new(agent).is_ok_and(|agent| settings.agents().contains_key(&agent))
}

/// A line for each port with a neighbour.
fn topology(neighbours: &[&NeighbourBody]) -> String {
    let lines = neighbours.iter().map(|n| {
        let far = n.device.clone().unwrap_or_else(|| said(n));
        format!("#   {} -- {far} {}\n", plain(&n.heard_at), plain(&n.port))
    });
    lines.collect()
}

/// What identifies something at a site: another site may have the same private addresses.
type Place<'a> = (&'a str, &'a str);

/// A device for each neighbour that is unknown and can be managed somewhere; and what identifies these.
fn devices<'a>(
    settings: &'a Settings,
    neighbours: &[&'a NeighbourBody],
) -> (Vec<String>, BTreeSet<Place<'a>>) {
    let mut ids: BTreeSet<String> = settings.devices().keys().cloned().collect();
    let (mut lines, mut taken) = (Vec::new(), BTreeSet::new());
    let steps = steps(settings, neighbours);
    for n in neighbours.iter().filter(|n| n.device.is_none()) {
        let Some(address) = n.management_address.as_deref().filter(|a| a.parse::<IpAddr>().is_ok()) else {
            continue;
        };
        let site = site_of(settings, n);
        taken.insert((site, n.chassis.as_str()));
        if !taken.insert((site, address)) {
            continue;
        }
        let name = said(n);
        let id = unique(identifier(&name, "device"), &mut ids);
        let behind = behind(settings, neighbours, &steps, n);
        // Where nobody knows on which side of it the neighbour is, a person does.
        let perhaps =
            Some(owner(n)).filter(|owner| behind.is_none() && settings.devices().contains_key(*owner));
        let perhaps = perhaps.map(|owner| format!("  # if it is behind that: depends_on: [device/{owner}]"));
        let (behind, perhaps) = (
            behind.map(|owner| format!(", depends_on: [device/{owner}]")).unwrap_or_default(),
            perhaps.unwrap_or_default(),
        );
        lines.push(format!(
            "  {id}: {{ name: {{ en: {} }}, host: {}, from: {}, snmp: {{ version: v2c, community: {id}-snmp }}{behind} }}{perhaps}\n",
            quoted(&name),
            quoted(address),
            n.agent
        ));
    }
    (lines, taken)
}

fn site_of<'a>(settings: &'a Settings, n: &NeighbourBody) -> &'a str {
    let agent = AgentId::new(n.agent.as_str()).ok().and_then(|agent| settings.agents().get(&agent));
    agent.map_or("", |agent| agent.site.as_str())
}

/// Who heard a neighbour: a device that is polled, or an agent itself.
fn owner(n: &NeighbourBody) -> &str {
    n.heard_at.split_once('/').map_or(n.heard_at.as_str(), |(owner, _)| owner)
}

/// How many steps it is from the agent that polls them to the devices that are known, as far as the neighbours tell.
fn steps<'a>(settings: &'a Settings, neighbours: &[&'a NeighbourBody]) -> BTreeMap<&'a str, usize> {
    let mut steps: BTreeMap<&str, usize> = BTreeMap::new();
    for step in 0..settings.devices().len() {
        let is_next = |n: &NeighbourBody| match steps.get(owner(n)) {
            Some(at) => *at + 1 == step,
            None => step == 0 && !settings.devices().contains_key(owner(n)),
        };
        let reached: Vec<&str> =
            neighbours.iter().filter(|n| is_next(n)).filter_map(|n| n.device.as_deref()).collect();
        if reached.is_empty() {
            break;
        }
        for device in reached {
            steps.entry(device).or_insert(step);
        }
    }
    steps
}

/// The device behind which a neighbour is, seen from its agent: of all that hear it, the nearest. None if the agent hears
/// it itself, or if it is not known on which side of the device it is.
fn behind<'a>(
    settings: &Settings,
    neighbours: &[&'a NeighbourBody],
    steps: &BTreeMap<&str, usize>,
    of: &NeighbourBody,
) -> Option<&'a str> {
    let same = |n: &&&NeighbourBody| {
        n.agent == of.agent && n.chassis == of.chassis && n.management_address == of.management_address
    };
    let mut owners: Vec<&str> = neighbours.iter().filter(same).map(|n| owner(n)).collect();
    if owners.iter().any(|owner| !settings.devices().contains_key(*owner)) {
        return None;
    }
    owners.retain(|owner| steps.contains_key(owner));
    owners.into_iter().min_by_key(|owner| (steps.get(owner), *owner))
}

fn station(s: &StationBody, ids: &mut BTreeSet<String>) -> String {
    let id = unique(identifier(&format!("{}-{}", s.site, s.mac), "station"), ids);
    format!(
        "  {id}: {{ mac: {}, site: {} }}  # {} on {}\n",
        quoted(&s.mac),
        quoted(&s.site),
        plain(&s.ip),
        plain(&s.interface)
    )
}

/// What a neighbour calls itself.
fn said(n: &NeighbourBody) -> String {
    plain(n.system_name.as_deref().unwrap_or(&n.chassis))
}

/// A text of one short line.
fn plain(text: &str) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    text.chars().filter(|c| !is_break(*c)).take(200).collect()
}

/// JSON's strings are YAML's as well, so what somebody calls himself cannot become anything else.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unique(wanted: String, ids: &mut BTreeSet<String>) -> String {
    let mut id = wanted;
    while !ids.insert(id.clone()) {
        id.push_str("-x");
    }
    id
}

/// An identifier made of a name: small letters, digits and `-`.
fn identifier(name: &str, kind: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = name.chars().map(plain).take(80).collect();
    let text = text.trim_matches('-');
    if text.starts_with(|c: char| c.is_ascii_lowercase()) {
        text.to_owned()
    } else {
        format!("{kind}-{text}")
    }
}

#[cfg(test)]
mod tests;
