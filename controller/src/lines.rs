//! Where what a line carries is read.

use wasl_model::assignment::Way;
use wasl_model::{AgentId, SiteId, Subject};
use wasl_settings::{Link, Settings};

/// An interface that a line ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meter {
    /// Who reads it.
    pub(crate) agent: AgentId,
    /// The interface.
    pub(crate) interface: Subject,
    /// Whether it receives what goes towards the line's last place.
    pub(crate) receives_down: bool,
}

impl Meter {
    /// The history's fields of what goes down and what goes up.
    pub(crate) fn fields(&self) -> [&'static str; 2] {
        if self.receives_down { ["receive_rate", "transmit_rate"] } else { ["transmit_rate", "receive_rate"] }
    }
}

/// The interfaces of a line in the order in which they are asked: where its traffic is counted, then those on the
/// last place's side, then those on the other, where directions are swapped. They are not added up, since two of a list
/// may carry the same traffic one after the other.
pub(crate) fn meters(settings: &Settings, link: &Link) -> Vec<Meter> {
    let counted = link.accounting.iter().map(|accounting| Meter {
        agent: accounting.from.clone(),
        interface: accounting.interface(),
        receives_down: accounting.down == Way::In,
    });
    let last = link.between.last();
    let ends = link.interfaces.iter().filter_map(|interface| {
        let (agent, site) = reader(settings, interface)?;
        let receives_down = link.between.len() < 2 || Some(&site) == last;
        Some(Meter { agent, interface: interface.clone(), receives_down })
    });
    let (near, far): (Vec<Meter>, Vec<Meter>) = ends.partition(|meter| meter.receives_down);
    let mut meters: Vec<Meter> = Vec::new();
    for meter in counted.chain(near).chain(far) {
        if meters.iter().all(|known| known.interface != meter.interface) {
            meters.push(meter);
        }
    }
    meters
}

/// Who reads an interface, and where it is: a device's, or that of the agent of a machine.
fn reader(settings: &Settings, interface: &Subject) -> Option<(AgentId, SiteId)> {
    let (owner, _) = interface.id.split_once('/')?;
    let site = |agent: &AgentId| settings.agents().get(agent).map(|agent| agent.site.clone());
    if let Some(device) = settings.devices().get(owner) {
        return Some((device.from.clone(), device.site.clone().or_else(|| site(&device.from))?));
    }
    let agent = AgentId::new(owner).ok()?;
    let site = site(&agent)?;
    Some((agent, site))
}
