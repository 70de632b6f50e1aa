//! `/discovery`: what agents found.

use wasl_model::{SiteId, Timestamp};
use wasl_pages::view::{ChangeView, DiscoveryView, Known, NeighbourView, StationView};

use super::site_name;
use crate::operators::api::{NeighbourBody, StationBody, found};
use crate::shared::Shared;

/// Rows of a list, and lines of the proposal. Whoever is on a wire can make up thousands; the API tells of all.
const ROWS: usize = 500;

/// The page's view.
pub(in crate::operators) fn view(shared: &Shared, changes: Vec<ChangeView>, now: Timestamp) -> DiscoveryView {
    let found = found(shared, now);
    let mut stations = found.stations;
    let strangers = stations.iter().filter(|station| station.known.is_none()).count() as u64;
    stations.sort_by_key(|station| station.known.is_some());
    let beyond = |all: usize| all.saturating_sub(ROWS) as u64;
    DiscoveryView {
        changes,
        strangers,
        more_stations: beyond(stations.len()),
        stations: stations.into_iter().take(ROWS).map(|station| station_view(shared, station)).collect(),
        more_neighbours: beyond(found.neighbours.len()),
        neighbours: found.neighbours.into_iter().take(ROWS).map(neighbour_view).collect(),
        more_lines: beyond(found.proposal.yaml.lines().count()),
        proposal: found.proposal.yaml.lines().take(ROWS).map(str::to_owned).collect(),
    }
}

fn station_view(shared: &Shared, station: StationBody) -> StationView {
    let site = SiteId::new(station.site.as_str()).map(|site| site_name(shared, &site));
    let others = station.ip6.into_iter().filter(|ip| *ip != station.ip);
    StationView {
        mac: station.mac,
        addresses: std::iter::once(station.ip.clone()).chain(others).collect(),
        site: site.unwrap_or_default(),
        agent: station.agent,
        interface: station.interface,
        first: Timestamp(station.first),
        last: Timestamp(station.at),
        known: match station.known.map(|known| known.parse()) {
            None => Known::No,
            Some(Ok(subject)) => Known::As(subject),
            Some(Err(_)) => Known::Listed,
        },
    }
}

fn neighbour_view(neighbour: NeighbourBody) -> NeighbourView {
    NeighbourView {
        agent: neighbour.agent,
        heard_at: neighbour.heard_at,
        system_name: neighbour.system_name,
        description: neighbour.system_description,
        chassis: neighbour.chassis,
        port: neighbour.port,
        management_address: neighbour.management_address,
        device: neighbour.device,
        last: Timestamp(neighbour.at),
    }
}
