//! What the witnesses say of an entity, together.

use std::time::Duration;

use wasl_model::health::Health;
use wasl_model::{AgentId, Subject, Timestamp};

use super::heard::Words;
use super::{Alarm, Engine, Judgement, as_agent, drop_from, judge, sites_among};
use crate::word::{self, Heard, Word};

/// A word this far ahead of the time comes from a clock that was wrong; the next one replaces it.
const FUTURE: Duration = Duration::from_secs(60);

impl Engine {
    /// Takes in what a witness says; the controller itself is the witness `None`. An older word than the one
    /// that this witness has already said is passed over.
    pub fn observe(&mut self, subject: &Subject, witness: Option<AgentId>, word: Word, now: Timestamp) {
        self.advance(now);
        self.work += 1;
        let known = self.entities.get(subject).and_then(|entity| entity.words.get(witness.as_ref()));
        if known.is_some_and(|known| known.word.at > word.at && known.word.at <= self.clock.plus(FUTURE)) {
            return;
        }
        let new = known.is_none();
        self.ensure(subject);
        let received = self.clock;
        if let Some(entity) = self.entities.get_mut(subject) {
            entity.words.put(witness.clone(), Heard { word, received });
        }
        if let Some(agent) = witness.filter(|_| new) {
            self.watched.entry(agent).or_default().insert(subject.clone());
        }
        // Another witness may explain why nothing is known, even if it says no more than the others.
        if self.rejudge(subject) || new {
            self.mark(subject);
        }
        self.settle();
    }

    /// Forgets what one witness said of an entity. An entity that nobody speaks of and that the configuration
    /// does not name is gone.
    pub fn forget(&mut self, subject: &Subject, witness: Option<&AgentId>, now: Timestamp) {
        self.advance(now);
        self.unhear(subject, witness);
        self.settle();
    }

    /// Forgets all that an agent said.
    pub fn forget_witness(&mut self, agent: &AgentId, now: Timestamp) {
        self.advance(now);
        let watched: Vec<Subject> = self.watched.get(agent).into_iter().flatten().cloned().collect();
        for subject in watched {
            self.unhear(&subject, Some(agent));
        }
        self.settle();
    }

    fn unhear(&mut self, subject: &Subject, witness: Option<&AgentId>) {
        let Some(entity) = self.entities.get_mut(subject) else { return };
        if !entity.words.remove(witness) {
            return;
        }
        let silent = entity.words.is_empty();
        if let Some(agent) = witness.filter(|agent| !entity.links.witnesses.contains(agent)) {
            drop_from(&mut self.watched, agent, subject);
        }
        if silent && !self.plan.names(subject) {
            self.remove(subject);
        } else {
            self.rejudge(subject);
            self.mark(subject);
        }
    }

    /// Brings what the words say up to date; whether that is something else than before.
    pub(super) fn rejudge(&mut self, subject: &Subject) -> bool {
        self.work += 1;
        let clock = self.clock;
        let Some(entity) = self.entities.get_mut(subject) else { return false };
        let next = entity.words.words().filter_map(|heard| heard.next(clock)).min();
        self.alarms.set(&Alarm::Words(subject.clone()), next);
        let base = together(&entity.words, &entity.links.witnesses, clock);
        if entity.base == base {
            return false;
        }
        let turned = entity.base.health != base.health || entity.base.reason.code != base.reason.code;
        entity.base = base;
        if let Some(agent) = as_agent(subject).filter(|_| turned) {
            let sites: Vec<Subject> = sites_among(self.watched.get(&agent)).cloned().collect();
            self.mark_all(sites);
        }
        true
    }
}

/// The witness whose word decides: the worst word of those who know anything, and of equal ones that of
/// the first name. Where nobody knows, one who still speaks goes before one whose word has ended.
pub(super) fn deciding(words: &Words, now: Timestamp) -> Option<(Option<&AgentId>, &Heard)> {
    let weight = |heard: &Heard| match heard.says(now).map(|judgement| judgement.health) {
        Some(Health::Unknown) => 1,
        Some(health) => 2 + health as u8,
        None => 0,
    };
    // The last of equal ones wins, and that is to be the first name.
    words.iter().rev().max_by_key(|(_, heard)| weight(heard))
}

/// The judgement of all words. Confidence falls with the share of witnesses who know nothing.
fn together(words: &Words, expected: &[AgentId], now: Timestamp) -> Judgement {
    let Some((_, heard)) = deciding(words, now) else { return judge::unseen() };
    let Some(says) = heard.says(now) else { return word::ended(heard.word.at) };
    let mut judgement = says.clone();
    let knows = |heard: &Heard| heard.says(now).is_some_and(|j| j.health != Health::Unknown);
    let knowing = words.words().filter(|heard| knows(heard)).count();
    let silent = expected.iter().filter(|agent| words.get(Some(agent)).is_none()).count();
    judgement.confidence *= knowing as f64 / (words.len() + silent).max(1) as f64;
    judgement
}
