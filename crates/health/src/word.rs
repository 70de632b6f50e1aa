//! What a witness says of an entity, and how long that holds.
//!
//! A word carries what becomes of it with time: it turns (a backup grows stale, a lost session becomes a
//! lost agent) and it ends. So nothing has to be judged again just because a second has passed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasl_model::health::{Health, Reason};
use wasl_model::{AgentSample, BackupEvidence, Timestamp};

use crate::{Judgement, judge, reasons};

/// One witness's word on one entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// When the witness saw it, by the witness's clock.
    pub at: Timestamp,
    /// What it says.
    pub judgement: Judgement,
    /// How long it holds without being renewed; `None`: until another word.
    pub lasts: Option<Duration>,
    /// What it says from later times on, if it is not renewed.
    pub turns: Vec<Turn>,
}

/// What a word says from a time on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// From when, inclusive.
    pub from: Timestamp,
    /// What it then says.
    pub judgement: Judgement,
}

impl Word {
    /// A word that holds until there is another.
    pub fn new(judgement: Judgement, at: Timestamp) -> Self {
        Self { at, judgement, lasts: None, turns: Vec::new() }
    }

    /// Lets the word end this long after it was said.
    #[must_use]
    pub fn lasting(mut self, lasts: Duration) -> Self {
        self.lasts = Some(lasts);
        self
    }

    /// Lets the word say something else from a time on.
    #[must_use]
    pub fn turning(mut self, from: Timestamp, judgement: Judgement) -> Self {
        self.turns.push(Turn { from, judgement });
        self.turns.sort_by_key(|turn| turn.from);
        self
    }

    /// The word of an agent's samples, which are renewed every `every`.
    pub fn sampled(judgement: Judgement, at: Timestamp, every: Duration) -> Self {
        Self::new(judgement, at).lasting(judge::holds(every))
    }

    /// The controller's word on an agent, to be said again when its session begins or ends and when it
    /// sends a sample of itself.
    pub fn of_agent(
        connected: bool,
        last_seen: Option<Timestamp>,
        sample: Option<&AgentSample>,
        now: Timestamp,
    ) -> Self {
        let mut word = Self::new(judge::agent(connected, last_seen, sample, now), now);
        let turn = if connected {
            sample
                .and_then(|s| s.certificate_expires)
                .map(|ends| Timestamp(ends.minus(judge::CERTIFICATE_NOTICE).0 + 1))
        } else {
            last_seen.map(|at| at.plus(judge::SESSION_GRACE))
        };
        if let Some(from) = turn.filter(|from| *from > now) {
            word = word.turning(from, judge::agent(connected, last_seen, sample, from));
        }
        word
    }

    /// An agent's word on a backup job: it grows stale `expect_every` after the newest snapshot.
    pub fn of_backup(
        evidence: &BackupEvidence,
        expect_every: Duration,
        at: Timestamp,
        every: Duration,
    ) -> Self {
        let word = Self::sampled(judge::backup(evidence, expect_every, at), at, every);
        match evidence.newest_at.map(|newest| Timestamp(newest.plus(expect_every).0 + 1)) {
            Some(from) if from > at => word.turning(from, judge::backup(evidence, expect_every, from)),
            _ => word,
        }
    }
}

/// A word that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Heard {
    pub(crate) word: Word,
    pub(crate) received: Timestamp,
}

impl Heard {
    /// A witness whose clock is ahead makes no word last longer.
    fn ends(&self) -> Option<Timestamp> {
        self.word.lasts.map(|lasts| self.word.at.min(self.received).plus(lasts))
    }

    pub(crate) fn has_ended(&self, now: Timestamp) -> bool {
        self.ends().is_some_and(|end| end <= now)
    }

    /// What it says now; `None` once it has ended.
    pub(crate) fn says(&self, now: Timestamp) -> Option<&Judgement> {
        if self.has_ended(now) {
            return None;
        }
        let turned = self.word.turns.iter().rev().find(|turn| turn.from <= now);
        Some(turned.map_or(&self.word.judgement, |turn| &turn.judgement))
    }

    /// When it next says something else.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let turn = self.word.turns.iter().map(|turn| turn.from).find(|from| *from > now);
        turn.into_iter().chain(self.ends()).filter(|at| *at > now).min()
    }
}

/// What remains to be said when a word has ended.
pub(crate) fn ended(at: Timestamp) -> Judgement {
    Judgement::new(Health::Unknown, Reason::new(reasons::NOT_HEARD).with("since", at.0))
}
