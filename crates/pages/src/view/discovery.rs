//! What agents found without being told, for its page. All of it is what others say of themselves.

use wasl_model::{Localized, Subject, Timestamp};

use super::ChangeView;

/// `/discovery`
#[derive(Debug, Clone, Default)]
pub struct DiscoveryView {
    /// The stations, those on no list first.
    pub stations: Vec<StationView>,
    /// How many of them are on no list.
    pub strangers: u64,
    /// Stations for which there was no room.
    pub more_stations: u64,
    /// The neighbours, by where they were heard.
    pub neighbours: Vec<NeighbourView>,
    /// Neighbours for which there was no room.
    pub more_neighbours: u64,
    /// What of it the configuration does not know, as lines of YAML; none if there is nothing to propose.
    pub proposal: Vec<String>,
    /// Lines of that for which there was no room.
    pub more_lines: u64,
    /// What happened lately, the newest first.
    pub changes: Vec<ChangeView>,
}

/// A station on a subnet.
#[derive(Debug, Clone)]
pub struct StationView {
    /// Its hardware address.
    pub mac: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Where it was seen.
    pub site: Localized,
    /// Who saw it.
    pub agent: String,
    /// At which of its interfaces.
    pub interface: String,
    /// Since when it is known to that agent.
    pub first: Timestamp,
    /// When it was last told.
    pub last: Timestamp,
    /// How the configuration knows it.
    pub known: Known,
}

/// How the configuration knows a station.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Not at all.
    No,
    /// Its hardware address stands in the list of the sweep.
    Listed,
    /// By a name.
    As(Subject),
}

/// A neighbour at a port.
#[derive(Debug, Clone)]
pub struct NeighbourView {
    /// The agent that heard it, or that read it from a device.
    pub agent: String,
    /// Where it was heard, `owner/port`.
    pub heard_at: String,
    /// What it calls itself.
    pub system_name: Option<String>,
    /// How it describes itself.
    pub description: Option<String>,
    /// Its chassis.
    pub chassis: String,
    /// Its port.
    pub port: String,
    /// Where it can be managed.
    pub management_address: Option<String>,
    /// The device of the configuration that it is.
    pub device: Option<String>,
    /// When it was last told.
    pub last: Timestamp,
}
