//! What leaves: interfaces and sensors that their owner has no more, and what an agent has not spoken of for long.
//!
//! What is gone leaves the views at once, unless it is meant to be there: then it is a trouble until it is back, or until the
//! configuration asks for it no longer. Its history stays. An agent tells that something is gone only while it remembers that it was
//! there. An interface that went while the agent was away is [missed](super::missed) by the centre; any other thing, and what the
//! agent is not asked for any more, leaves once the agent has spoken for [`SILENT`] without a word of it.

use std::time::Duration;

use wasl_model::{EntityKind, Event, EventCode, Severity, Subject};
use wasl_settings::Settings;

use crate::live::{Happened, Went};

/// For so long its agent has spoken, but not of it, and the configuration does not name it: it is forgotten.
pub(super) const SILENT: Duration = Duration::from_hours(7 * 24);

/// That something went, as an event, where it is missed. What nobody needs only leaves the views, and that is told of every
/// entity.
pub(super) fn told(Went { agent, subject, at }: Went, settings: &Settings) -> Option<Happened> {
    if subject.kind != EntityKind::Interface || !settings.watches(&subject) {
        return None;
    }
    let (owner, name) = subject.id.split_once('/').unwrap_or((&subject.id, ""));
    let words =
        format!("{owner} has no interface {name} any more; something depends on it, or it is to be watched");
    let event = Event::new(EventCode::Gone, Severity::Warning, words).with("owner", owner).with("name", name);
    Some(Happened { at, subject, agent, event })
}

/// Whether something stays though nobody has spoken of it for long. `spoken`: whether the agent that did may still; `named`:
/// whether other things of the configuration know it. Neighbours and stations have lists with bounds of their own.
pub(super) fn stays(subject: &Subject, spoken: bool, named: bool, settings: &Settings) -> bool {
    match subject.kind {
        EntityKind::Neighbour | EntityKind::Station => true,
        EntityKind::Disk | EntityKind::Interface | EntityKind::Sensor => {
            spoken && (named || settings.names(subject))
        }
        _ => spoken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judging::words;
    use crate::live::trend::Trend;
    use crate::live::{Latest, Totals};
    use wasl_model::health::Health;
    use wasl_model::{Timestamp, Value};

    fn settings() -> Settings {
        let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { hub: { name: { en: Hub } }, jenin: { name: { en: Jenin } } }
agents: { gw: { site: jenin, role: gateway } }
devices: { sw: { host: 10.3.16.7, from: gw, watch: [Gi0/1, \"Po*\"], snmp: { version: v2c, community: c } } }
links:
  l:
    between: [hub, jenin]
    probes: [{ from: gw, to: 10.0.0.1 }]
    interfaces: [interface/sw/Gi0/48, interface/gw/wan]
";
        wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
    }

    fn subject(text: &str) -> Subject {
        text.parse().expect("valid")
    }

    /// Catches: a port that somebody took out on purpose and for which a person is woken, or the other way round; and a machine
    /// whose tunnels come and go, and fill the list of events.
    #[test]
    fn that_something_went_is_a_warning_where_somebody_needs_it_and_nothing_where_nobody_does() {
        let settings = settings();
        let told_of = |text: &str| {
            let agent = "gw".parse().expect("valid");
            told(Went { agent, subject: subject(text), at: Timestamp(7) }, &settings)
        };
        for text in ["interface/sw/Gi0/48", "interface/gw/wan", "interface/sw/Gi0/1", "interface/sw/Po7"] {
            let Happened { at, event, .. } = told_of(text).expect("it is missed");
            assert_eq!((at, event.code, event.severity), (Timestamp(7), EventCode::Gone, Severity::Warning));
            let name = text.splitn(3, '/').nth(2).expect("a name");
            assert_eq!(event.args["name"], name);
        }
        for text in ["interface/sw/Gi0/2", "interface/gw/ppp7", "sensor/sw/Po7"] {
            assert_eq!(told_of(text), None, "{text}");
        }
    }

    /// Catches: a port that is missed, and of which after some polls nobody knows anything.
    #[test]
    fn what_is_missed_is_down_until_it_is_reported_and_what_is_not_is_no_entity() {
        let settings = settings();
        let latest = Latest {
            at: Timestamp(7),
            value: Value::Gone,
            totals: Totals::default(),
            trend: Trend::default(),
        };
        let word = |text| words::of_value(&latest, &subject(text), &settings, Duration::from_secs(10));
        let missed = word("interface/sw/Gi0/48").expect("a word");
        assert_eq!((missed.at, missed.lasts, missed.turns.len()), (Timestamp(7), None, 0));
        assert_eq!(missed.judgement.health, Health::Down);
        assert_eq!(missed.judgement.reason.code, "interface_gone");
        assert_eq!((word("interface/sw/Gi0/2"), word("sensor/sw/Po7")), (None, None));
    }

    #[test]
    fn what_the_configuration_names_stays_and_what_it_only_may_mean_does_not() {
        let settings = settings();
        let kept = |text, named| stays(&subject(text), true, named, &settings);
        assert!(kept("interface/sw/Gi0/48", false) && kept("interface/sw/Gi0/1", false));
        assert!(kept("interface/gw/wan", false) && kept("sensor/sw/fan", true));
        assert!(!kept("interface/sw/Po7", false), "a pattern names nothing");
        assert!(!kept("interface/sw/Gi0/2", false) && !kept("disk/gw//mnt", false));
        assert!(kept("machine/gw", false) && kept("link/l", true) && kept("station/jenin/02:00", false));
        assert!(!stays(&subject("device/old"), false, false, &settings), "nobody may speak of it any more");
        assert!(!stays(&subject("interface/sw/Gi0/48"), false, true, &settings));
    }
}
