//! What agents found without being told.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_model::{EntityKind, Value};

use super::{List, Problem};
use crate::operators::Operators;
use crate::operators::access::Viewer;
use crate::operators::extract::Json;
use crate::time::now;

/// A neighbour at a port, as it says of itself; none of it is proved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NeighbourBody {
    /// The agent that heard it.
    pub agent: String,
    /// Where it was heard, `owner/port`.
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

/// The neighbours of the last two hours, by agent and port.
#[utoipa::path(get, operation_id = "list_neighbours", path = "/api/v1/discovery/neighbours",
    responses((status = 200, body = List<NeighbourBody>), (status = 401, body = Problem, content_type = "application/problem+json")))]
pub(super) async fn neighbours(_: Viewer, State(operators): State<Operators>) -> Json<List<NeighbourBody>> {
    let settings = operators.shared.intent.settings();
    let since = now().0 - 2 * 3_600_000;
    let live = operators.shared.live.read();
    let found = live.values.iter().filter(|((_, s), l)| s.kind == EntityKind::Neighbour && l.at.0 >= since);
    let items = found.filter_map(|((agent, subject), latest)| {
        let Value::Neighbour(n) = &latest.value else { return None };
        let owner = subject.id.split_once('/').map_or(subject.id.as_str(), |(owner, _)| owner);
        let address = n.management_address.map(|ip| ip.to_string());
        let device = settings.devices().iter().find(|(_, d)| Some(&d.host) == address.as_ref());
        Some(NeighbourBody {
            agent: agent.to_string(),
            heard_at: format!("{owner}/{}", n.local_port),
            chassis: n.chassis.clone(),
            port: n.port.clone(),
            port_description: n.port_description.clone(),
            system_name: n.system_name.clone(),
            system_description: n.system_description.clone(),
            device: device.map(|(id, _)| id.clone()),
            management_address: address,
            at: latest.at.0,
        })
    });
    let items = items.collect();
    drop(live);
    List::new("wasl.neighbours.v1", items)
}
