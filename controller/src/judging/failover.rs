//! That one line takes over from another, and that it waits again.
//!
//! What a line does follows from the states of all lines between the same places (`wasl_health::activity`). While one of them
//! is not known, that only seems to change, so an event compares what is known now with what was known last. What a line does
//! because the configuration says so is no event.

use std::collections::BTreeMap;

use wasl_health::activity::{Contender, Doing, LinkActivity, activities};
use wasl_model::health::{EntityState, Health};
use wasl_model::{AgentId, EntityKind, Event, EventCode, Severity, Subject, Timestamp};
use wasl_settings::{LinkRole, Settings};

use crate::live::Happened;

/// What the lines that wait for others were last known to do.
#[derive(Debug, Default)]
pub(super) struct Failovers(BTreeMap<Subject, LinkActivity>);

/// A line that does something else than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    link: Subject,
    from: LinkActivity,
    to: LinkActivity,
}

/// What each link does, by how all of them are.
pub(super) fn doing(settings: &Settings, health: impl Fn(&Subject) -> Health) -> Vec<(Subject, Doing)> {
    let subjects: Vec<Subject> =
        settings.links().keys().map(|id| Subject::lenient(EntityKind::Link, id)).collect();
    let contenders: Vec<Contender<'_>> = subjects
        .iter()
        .zip(settings.links().values())
        .map(|(subject, link)| Contender {
            between: &link.between,
            waits: link.role == LinkRole::Backup,
            health: health(subject),
        })
        .collect();
    let doing = activities(&contenders);
    subjects.into_iter().zip(doing).collect()
}

impl Failovers {
    /// Goes on from what the last run kept, as far as that was known then.
    pub(super) fn restore(settings: &Settings, before: &BTreeMap<Subject, EntityState>) -> Self {
        let health = |link: &Subject| before.get(link).map_or(Health::Unknown, |state| state.health);
        let known = doing(settings, health).into_iter().filter_map(|(link, doing)| {
            let kept = LinkActivity::of(before.get(&link)?.activity.as_deref());
            let waits = doing.activity != LinkActivity::Primary && kept != LinkActivity::Primary;
            (doing.known && waits).then_some((link, kept))
        });
        Self(known.collect())
    }

    /// Takes in what all links do now; which of them are known to do something else than they were last known to.
    pub(super) fn note(&mut self, now: &[(Subject, Doing)]) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.0);
        let mut changes = Vec::new();
        for (link, doing) in now.iter().filter(|(_, doing)| doing.activity != LinkActivity::Primary) {
            let known = before.remove(link);
            if !doing.known {
                self.0.extend(known.map(|known| (link.clone(), known)));
                continue;
            }
            self.0.insert(link.clone(), doing.activity);
            if let Some(from) = known.filter(|from| *from != doing.activity) {
                changes.push(Change { link: link.clone(), from, to: doing.activity });
            }
        }
        changes
    }
}

impl Change {
    /// The link that does something else.
    pub(super) fn link(&self) -> &Subject {
        &self.link
    }

    /// As an event, told by an agent that observes the link.
    pub(super) fn told(self, agent: AgentId, at: Timestamp) -> Happened {
        let Self { link, from, to } = self;
        let severity = if to == LinkActivity::Backup { Severity::Warning } else { Severity::Info };
        let words = format!("it was {} and is {} now", from.as_str(), to.as_str());
        let event = Event::new(EventCode::ActivityChanged, severity, words)
            .with("from", from.as_str())
            .with("to", to.as_str());
        Happened { at, subject: link, agent, event }
    }
}

#[cfg(test)]
mod tests {
    use wasl_model::health::Reason;

    use super::*;
    use Health::{Down, Ok, Unknown};

    fn settings() -> Settings {
        let text = "institution: { id: u, name: { en: U }, timezone: Asia/Hebron }
sites: { hub: { name: { en: Hub } }, jenin: { name: { en: Jenin } } }
agents: { gw: { site: jenin, role: gateway } }
links:
  first: { between: [hub, jenin], probes: [{ from: gw, to: 10.0.0.1 }] }
  second: { between: [jenin, hub], role: backup, probes: [{ from: gw, to: 10.0.0.2 }] }
";
        wasl_settings::load_from(&[("wasl.yaml".into(), text.to_owned())]).expect("sound")
    }

    /// The first line and the second.
    type Healths = [Health; 2];

    fn now(settings: &Settings, healths: Healths) -> Vec<(Subject, Doing)> {
        doing(settings, |link| healths[usize::from(link.id == "second")])
    }

    /// What is told while the lines go through these states.
    fn told(failovers: &mut Failovers, states: &[Healths]) -> Vec<(String, String)> {
        let settings = settings();
        let changes = states.iter().flat_map(|healths| failovers.note(&now(&settings, *healths)));
        let told = changes.map(|change| {
            assert_eq!(change.link().id, "second", "the first line is the primary, whatever happens to it");
            let Happened { event, .. } = change.told("gw".parse().expect("valid"), Timestamp(7));
            assert_eq!(event.code, EventCode::ActivityChanged);
            (event.args["to"].clone(), event.severity.as_str().to_owned())
        });
        told.collect()
    }

    fn taken_over() -> (String, String) {
        ("backup".into(), "warning".into())
    }

    fn waits_again() -> (String, String) {
        ("standby".into(), "info".into())
    }

    #[test]
    fn who_takes_over_and_who_waits_again_is_told_once() {
        let mut failovers = Failovers::default();
        let all =
            told(&mut failovers, &[[Ok, Ok], [Down, Ok], [Down, Health::Degraded], [Ok, Ok], [Ok, Down]]);
        assert_eq!(all, [taken_over(), waits_again()]);
    }

    /// Catches: an event at each start of the controller, of what was so before.
    #[test]
    fn what_is_found_at_first_is_no_change() {
        assert_eq!(told(&mut Failovers::default(), &[[Down, Ok], [Down, Ok]]), []);
        assert_eq!(told(&mut Failovers::default(), &[[Unknown, Unknown], [Unknown, Ok], [Down, Ok]]), []);
    }

    /// Catches: a branch that is cut off and whose lines change with each sample that grows old.
    #[test]
    fn what_nobody_knows_is_no_change() {
        let mut failovers = Failovers::default();
        let states = [[Ok, Ok], [Down, Ok], [Unknown, Ok], [Unknown, Unknown], [Down, Unknown], [Down, Ok]];
        assert_eq!(told(&mut failovers, &states), [taken_over()]);
        assert_eq!(told(&mut failovers, &[[Unknown, Unknown], [Ok, Unknown]]), [waits_again()]);
    }

    #[test]
    fn a_restart_changes_nothing_and_hides_no_change() {
        let settings = settings();
        let kept = |healths: Healths, second: &str| -> BTreeMap<Subject, EntityState> {
            let state = |health, activity: &str| EntityState {
                health,
                activity: Some(activity.to_owned()),
                proof: None,
                reason: Reason::new("x"),
                since: Timestamp(1),
                confidence: 1.0,
                caused_by: None,
            };
            let link = |id| Subject::lenient(EntityKind::Link, id);
            [(link("first"), state(healths[0], "primary")), (link("second"), state(healths[1], second))]
                .into()
        };
        let restored = |before| Failovers::restore(&settings, &before);
        let away = [[Unknown, Unknown], [Down, Unknown], [Down, Ok]];
        assert_eq!(told(&mut restored(kept([Down, Ok], "backup")), &away), []);
        assert_eq!(told(&mut restored(kept([Ok, Ok], "standby")), &away), [taken_over()], "meanwhile");
        // A line that is worked on is what it was.
        let worked_on = kept([Health::Maintenance, Ok], "backup");
        assert_eq!(told(&mut restored(worked_on), &[[Down, Ok], [Ok, Ok]]), [waits_again()]);
        let unknown = kept([Unknown, Ok], "standby");
        assert_eq!(told(&mut restored(unknown), &away), [], "it may have been so before");
    }

    #[test]
    fn another_role_in_the_configuration_is_no_failover() {
        let (mut failovers, settings) = (Failovers::default(), settings());
        let mut state = now(&settings, [Down, Ok]);
        failovers.note(&state);
        state[1].1 = Doing { activity: LinkActivity::Primary, known: true };
        assert_eq!(failovers.note(&state), []);
        assert_eq!(failovers.note(&now(&settings, [Ok, Ok])), []);
    }
}
