//! Where a rotation stands, as it is kept, and whom the next step would leave behind.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use wasl_model::{AgentId, Timestamp};
use wasl_pki::secret::{read_secret, write_secret};
use wasl_store::{AgentRecord, EnrolToken};

use crate::home::Home;

/// A rotation that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rotation {
    /// Where it stands.
    #[serde(flatten)]
    pub phase: Phase,
    /// The agents that hold the newest authority, each with the serial number of the certificate that it used
    /// when it said so.
    #[serde(default)]
    pub confirmed: BTreeMap<AgentId, String>,
}

/// The steps. All certificates are PEM, all times Unix seconds.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Phase {
    /// Both are trusted; the present one signs.
    Introducing {
        /// The next authority and those above it.
        next: String,
        /// Its key.
        key: String,
        /// The cross certificate.
        vouched: String,
        /// Since when.
        since_s: i64,
        /// Who began it.
        by: String,
    },
    /// `ca.pem` and `ca.key` are being replaced. Seen only after a crash.
    Promoting {
        /// What `ca.pem` will be.
        next: String,
        /// What `ca.key` will be.
        key: String,
        /// The cross certificate.
        vouched: String,
        /// The authority that signed until now, and those above it.
        former: String,
        /// Since when.
        since_s: i64,
        /// Whose certificates the former signed.
        hanging: BTreeMap<AgentId, Hanging>,
    },
    /// Both are trusted; the next one signs. The former's key is gone.
    Overlap {
        /// The authority that signed before, and those above it.
        former: String,
        /// The cross certificate.
        vouched: String,
        /// Since when.
        since_s: i64,
        /// Whose certificates the former signed.
        hanging: BTreeMap<AgentId, Hanging>,
    },
}

/// The keys are not shown.
impl std::fmt::Debug for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.words())
    }
}

impl Phase {
    /// In words.
    pub fn words(&self) -> &'static str {
        match self {
            Self::Introducing { .. } => "the next authority is being introduced",
            Self::Promoting { .. } => "the next authority is taking over",
            Self::Overlap { .. } => "the former authority is still trusted",
        }
    }

    /// For programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Introducing { .. } => "introducing",
            Self::Promoting { .. } => "promoting",
            Self::Overlap { .. } => "overlap",
        }
    }
}

/// A certificate that the former authority signed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hanging {
    /// Its serial number.
    pub serial: String,
    /// When it ends.
    pub not_after_s: i64,
}

impl Hanging {
    /// The certificate of an agent that may come back with it.
    pub(super) fn of(record: &AgentRecord, now_s: i64) -> Option<(AgentId, Self)> {
        may_come_back(record, now_s).then(|| {
            (
                record.id.clone(),
                Self { serial: record.serial.clone(), not_after_s: record.not_after.seconds() },
            )
        })
    }
}

/// An agent that the next step would leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The agent.
    pub agent: AgentId,
    /// Why, in words.
    pub why: &'static str,
}

impl Rotation {
    fn path(home: &Home) -> PathBuf {
        home.path().join("rotation.json")
    }

    /// Reads the rotation that is under way, if one is.
    pub fn read(home: &Home) -> Result<Option<Self>> {
        let path = Self::path(home);
        if !path.try_exists().with_context(|| format!("looking for {}", path.display()))? {
            return Ok(None);
        }
        let bytes = read_secret(&path)?;
        let rotation = serde_json::from_slice(&bytes)
            .with_context(|| format!("{} is damaged; put it back from the backup", path.display()))?;
        Ok(Some(rotation))
    }

    /// Keeps it, whole.
    pub(super) fn write(&self, home: &Home) -> Result<()> {
        Ok(write_secret(&Self::path(home), &serde_json::to_vec_pretty(self)?)?)
    }

    /// There is none any more.
    pub(super) fn forget(home: &Home) -> Result<()> {
        let path = Self::path(home);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {}", path.display()));
            }
            _ => {}
        }
        let folder = std::fs::File::open(home.path())?;
        Ok(folder.sync_all()?)
    }
}

/// Replaces `ca.key` and `ca.pem` if that is what stands in the rotation. Doing it twice does no harm.
pub(super) fn finish_interrupted(home: &Home, rotation: Rotation) -> Result<Rotation> {
    let Phase::Promoting { next, key, vouched, former, since_s, hanging } = rotation.phase else {
        return Ok(rotation);
    };
    home.write_authority(&next, &key)?;
    let phase = Phase::Overlap { former, vouched, since_s, hanging };
    let rotation = Rotation { phase, confirmed: rotation.confirmed };
    rotation.write(home)?;
    Ok(rotation)
}

/// Whether an agent could still connect with a certificate that it has.
fn may_come_back(record: &AgentRecord, now_s: i64) -> bool {
    record.revoked.is_none() && record.not_after.seconds() > now_s
}

/// The agents that do not hold the next authority yet.
pub fn left_behind(rotation: &Rotation, agents: &[AgentRecord], now_s: i64) -> Vec<Waiting> {
    agents
        .iter()
        .filter(|record| may_come_back(record, now_s) && !rotation.confirmed.contains_key(&record.id))
        .map(|record| Waiting {
            agent: record.id.clone(),
            why: "it has not said that it holds the next authority",
        })
        .collect()
}

/// Whether a token that pins the former authority may still be used.
pub(super) fn token_hangs(rotation: &Rotation, token: &EnrolToken, now: Timestamp) -> bool {
    let Phase::Overlap { since_s, .. } = rotation.phase else { return false };
    token.used.is_none() && token.expires > now && token.created.seconds() <= since_s
}

/// The agents whose certificate the former authority signed.
pub fn hanging(rotation: &Rotation, agents: &[AgentRecord], now_s: i64) -> Vec<Waiting> {
    agents
        .iter()
        .filter(|record| hangs(rotation, record, now_s))
        .map(|record| Waiting {
            agent: record.id.clone(),
            why: "its certificate is signed by the former authority",
        })
        .collect()
}

pub(super) fn hangs(rotation: &Rotation, record: &AgentRecord, now_s: i64) -> bool {
    let Phase::Overlap { hanging, .. } = &rotation.phase else { return false };
    hanging.get(&record.id).is_some_and(|former| {
        let still_good =
            record.revoked.is_none() && former.not_after_s > now_s && record.accepts(&former.serial);
        // The certificate before stays good beside a new one until the agent has shown the new one.
        let shown = rotation.confirmed.get(&record.id).is_some_and(|serial| *serial != former.serial);
        still_good && !shown
    })
}
