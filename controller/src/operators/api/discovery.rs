//! What agents found without being told, and what of it could go into the configuration.

use std::net::IpAddr;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::{AgentId, EntityKind, Neighbour, Timestamp, Value};
use wasl_settings::{Device, Familiar, Settings};

use super::{List, Problem};
use crate::live;
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::Json;
use crate::proposal::{self, Proposal};
use crate::shared::Shared;
use crate::time::now;

/// Neighbours of which nothing was heard for so long are not listed; an agent tells hourly that they are there.
const NEIGHBOUR_MS: i64 = 2 * 3_600_000;
/// Stations of which nothing was heard for so long are not listed: a machine may be off over a holiday.
pub(in crate::operators) const STATION_MS: i64 = 14 * 86_400_000;

/// A neighbour at a port, as it says of itself; none of it is proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeighbourBody {
    /// The agent that heard it, or that read it from a device.
    pub agent: String,
    /// Where it was heard, `owner/port`; the owner is the agent or a device.
    pub heard_at: String,
    /// Its chassis: a hardware address or a text.
    pub chassis: String,
    /// Its port.
    pub port: String,
    /// What it calls that port.
    pub port_description: Option<String>,
    /// Its name.
    pub system_name: Option<String>,
    /// Its description of itself.
    pub system_description: Option<String>,
    /// Where it can be managed.
    pub management_address: Option<String>,
    /// When it was last told, milliseconds since 1970. An agent tells what is unchanged once an hour.
    pub at: i64,
    /// The device of the configuration that has the management address.
    pub device: Option<String>,
}

/// A station that was seen on a subnet; none of it is proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StationBody {
    /// The agent that saw it.
    pub agent: String,
    /// Where that agent stands.
    pub site: String,
    /// The agent's interface on the subnet.
    pub interface: String,
    /// The station's hardware address, `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// Its address, of IPv4 if it has one.
    pub ip: String,
    /// Its addresses of IPv6: those of the subnet, then the link's.
    #[serde(default)]
    pub ip6: Vec<String>,
    /// When it was first seen since the agent was started, milliseconds since 1970.
    pub first: i64,
    /// When it was last told, milliseconds since 1970. An agent tells what is unchanged once an hour.
    pub at: i64,
    /// How the configuration knows it: `station/pc-07`, `device/core`, `target/…`, `link/…`, or `listed` where its
    /// hardware address stands in the sweep's list. Absent for a station that is on no list.
    pub known: Option<String>,
}

/// What is listed, and what of it could go into the configuration.
pub(in crate::operators) struct Found {
    pub(in crate::operators) neighbours: Vec<NeighbourBody>,
    pub(in crate::operators) stations: Vec<StationBody>,
    pub(in crate::operators) proposal: Proposal,
}

/// What was found and is not too old now.
pub(in crate::operators) fn found(shared: &Shared, now: Timestamp) -> Found {
    let settings = shared.intent.settings();
    let live = shared.live.read();
    let neighbours = neighbour_bodies(&live, &settings, now.0 - NEIGHBOUR_MS);
    let stations = station_bodies(&live, &settings, now.0 - STATION_MS);
    drop(live);
    let proposal = proposal::of(&settings, &neighbours, &stations);
    Found { neighbours, stations, proposal }
}

/// The neighbours of the last two hours, by agent and port.
#[utoipa::path(get, operation_id = "list_neighbours", path = "/api/v1/discovery/neighbours",
    responses((status = 200, body = List<NeighbourBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn neighbours(_: Viewer, State(operators): State<Operators>) -> Json<List<NeighbourBody>> {
    let settings = operators.shared.intent.settings();
    let items = neighbour_bodies(&operators.shared.live.read(), &settings, now().0 - NEIGHBOUR_MS);
    List::new("wasl.neighbours.v1", items)
}

/// The stations of the last fourteen days, by agent and hardware address.
#[utoipa::path(get, operation_id = "list_stations", path = "/api/v1/discovery/stations",
    responses((status = 200, body = List<StationBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stations(_: Viewer, State(operators): State<Operators>) -> Json<List<StationBody>> {
    let settings = operators.shared.intent.settings();
    let items = station_bodies(&operators.shared.live.read(), &settings, now().0 - STATION_MS);
    List::new("wasl.stations.v1", items)
}

/// What was found and the configuration does not know, as configuration. Nothing is written: a person looks at it and
/// takes what is right (`wasl adopt`).
#[utoipa::path(get, operation_id = "propose", path = "/api/v1/discovery/proposal",
    responses((status = 200, body = Proposal), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn propose(_: Viewer, State(operators): State<Operators>) -> Json<Proposal> {
    Json(found(&operators.shared, now()).proposal)
}

fn neighbour_bodies(live: &live::State, settings: &Settings, since: i64) -> Vec<NeighbourBody> {
    let found = live.values.iter().filter(|((_, s), l)| s.kind == EntityKind::Neighbour && l.at.0 >= since);
    let items = found.filter_map(|((agent, subject), latest)| {
        let Value::Neighbour(n) = &latest.value else { return None };
        let owner = subject.id.split_once('/').map_or(subject.id.as_str(), |(owner, _)| owner);
        let device = settings.devices().iter().find(|(_, device)| is_this(settings, device, agent, owner, n));
        Some(NeighbourBody {
            agent: agent.to_string(),
            heard_at: format!("{owner}/{}", n.local_port),
            chassis: n.chassis.clone(),
            port: n.port.clone(),
            port_description: n.port_description.clone(),
            system_name: n.system_name.clone(),
            system_description: n.system_description.clone(),
            device: device.map(|(id, _)| id.clone()),
            management_address: n.management_address.map(|ip| ip.to_string()),
            at: latest.at.0,
        })
    });
    items.collect()
}

/// Whether a neighbour that an agent told of, as `owner` hears it, is this device: by its address, or by its name where
/// that is how the device is asked. Another branch may have the same private address, and a name of one word.
fn is_this(settings: &Settings, device: &Device, agent: &AgentId, owner: &str, n: &Neighbour) -> bool {
    let heard_at = settings.devices().get(owner).and_then(|device| device.site.as_ref());
    let site = heard_at.or_else(|| settings.agents().get(agent).map(|agent| &agent.site));
    if device.from != *agent && device.site.as_ref() != site {
        return false;
    }
    match device.host.parse::<IpAddr>() {
        Ok(host) => Some(host) == n.management_address,
        Err(_) => n.system_name.as_ref().is_some_and(|name| {
            let first = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
            name.eq_ignore_ascii_case(&device.host) || first(name) == first(&device.host)
        }),
    }
}

fn station_bodies(live: &live::State, settings: &Settings, since: i64) -> Vec<StationBody> {
    let found = live.values.iter().filter(|((_, s), l)| s.kind == EntityKind::Station && l.at.0 >= since);
    let items = found.filter_map(|((agent, subject), latest)| {
        let Value::Station(station) = &latest.value else { return None };
        let (site, _) = subject.id.rsplit_once('/')?;
        let known = settings.familiar(site, &station.mac, &station.addresses());
        Some(StationBody {
            agent: agent.to_string(),
            site: site.to_owned(),
            interface: station.interface.clone(),
            mac: station.mac.clone(),
            ip: station.ip.to_string(),
            ip6: station.ip6.iter().map(ToString::to_string).collect(),
            first: station.first.0,
            at: latest.at.0,
            known: known.map(|known| match known {
                Familiar::Station(id) => format!("station/{id}"),
                Familiar::Device(id) => format!("device/{id}"),
                Familiar::Target(id) => format!("target/{id}"),
                Familiar::Link(id) => format!("link/{id}"),
                Familiar::Listed => "listed".to_owned(),
            }),
        })
    });
    items.collect()
}
