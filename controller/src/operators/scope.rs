//! Which events concern an entity: those about itself, and those about what belongs to it.

use wasl_model::{EntityKind, SiteId, Subject};
use wasl_settings::{Accounting, Settings};
use wasl_store::EventFilter;

use crate::board::Event;

/// What the events of an entity are about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Scope {
    subjects: Vec<Subject>,
    /// Entities of this kind whose identifiers begin with this one and a slash.
    under: Vec<Subject>,
    /// Everything there.
    site: Option<SiteId>,
}

impl Scope {
    /// A link with its two directions, its shares and the interfaces that it ends in; a device, a machine or an agent with
    /// what it has; a port with its neighbours; a site with everything there; anything else alone.
    pub(super) fn of(settings: &Settings, subject: &Subject) -> Self {
        let mut scope = Self { subjects: vec![subject.clone()], ..Self::default() };
        let called = |kind| Subject { kind, id: subject.id.clone() };
        match subject.kind {
            EntityKind::Link => {
                scope.subjects.push(called(EntityKind::Path));
                scope.under.push(called(EntityKind::Share));
                if let Some(link) = settings.links().get(&subject.id) {
                    let counted = link.accounting.iter().map(Accounting::interface);
                    scope.subjects.extend(link.interfaces.iter().cloned().chain(counted));
                }
            }
            EntityKind::Device | EntityKind::Machine | EntityKind::Agent => {
                scope.under = PARTS.map(called).to_vec();
            }
            EntityKind::Interface => scope.under.push(called(EntityKind::Neighbour)),
            EntityKind::Site => {
                if let Ok(site) = SiteId::new(subject.id.as_str()) {
                    scope = Self { site: Some(site), ..Self::default() };
                }
            }
            _ => {}
        }
        scope
    }

    /// The filter of the store.
    pub(super) fn filter(self) -> EventFilter {
        let Self { subjects, under, site } = self;
        EventFilter { subjects, under, site, ..EventFilter::default() }
    }

    /// Whether an event is within it.
    pub(super) fn has(&self, event: &Event) -> bool {
        if let Some(site) = &self.site {
            return event.site.as_deref() == Some(site.as_str());
        }
        let Ok(subject) = event.subject.parse::<Subject>() else { return false };
        let is_under = |above: &Subject| {
            above.kind == subject.kind
                && subject.id.strip_prefix(&above.id).is_some_and(|rest| rest.starts_with('/'))
        };
        self.subjects.contains(&subject) || self.under.iter().any(is_under)
    }
}

/// What a device or a machine may have.
const PARTS: [EntityKind; 4] =
    [EntityKind::Interface, EntityKind::Sensor, EntityKind::Disk, EntityKind::Neighbour];

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { centre: { name: { en: Centre } }, jenin: { name: { en: Jenin } } }
agents: { gw: { site: jenin, role: gateway } }
devices: { router: { host: 10.3.16.7, from: gw, snmp: { version: v2c, community: c } } }
links:
  l:
    name: { en: L }
    between: [centre, jenin]
    probes: [{ from: gw, to: 10.0.0.1 }]
    interfaces: [interface/router/wan]
";
        wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
    }

    fn event(subject: &str) -> Event {
        Event {
            id: 1,
            at_ms: 0,
            subject: subject.to_owned(),
            site: Some("jenin".to_owned()),
            was: None,
            health: None,
            reason: None,
            args: std::collections::BTreeMap::new(),
            occurrence: None,
        }
    }

    /// Catches: a trap of the port that a link ends in, of which the link's page knows nothing.
    #[test]
    fn what_belongs_to_an_entity_concerns_it_and_what_is_only_called_alike_does_not() {
        let settings = settings();
        for (whole, part, concerns) in [
            ("link/l", "link/l", true),
            ("link/l", "path/l", true),
            ("link/l", "share/l/one", true),
            ("link/l", "interface/router/wan", true),
            ("link/l", "interface/router/lan", false),
            ("link/l", "link/l2", false),
            ("link/l", "share/l2/one", false),
            ("device/router", "interface/router/lan", true),
            ("device/router", "sensor/router/fan", true),
            ("device/router", "interface/router2/lan", false),
            ("interface/gw/eth0", "neighbour/gw/eth0/aa", true),
            ("interface/gw/eth0", "neighbour/gw/eth01/aa", false),
            ("site/jenin", "station/x/aa", true),
            ("site/centre", "station/x/aa", false),
        ] {
            let scope = Scope::of(&settings, &whole.parse().expect("valid"));
            assert_eq!(scope.has(&event(part)), concerns, "{part} of {whole}");
        }
    }
}
