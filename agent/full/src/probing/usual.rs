//! What is usual for each target, kept over a restart: a brown-out that is there when the agent starts is then judged
//! against the days before instead of being taken for normal.
//!
//! The lanes learn and are told; the prober reads the file at its start, and writes it now and then and at its end. A file
//! that cannot be read or understood is the same as none.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use wasl_model::Timestamp;
use wasl_model::assignment::Via;
use wasl_probe::detector::Baseline;
use wasl_probe::fleet::Fleet;

/// How often what was learnt is taken over from the lanes, and written.
pub(super) const KEEP_EVERY: Duration = Duration::from_mins(10);
/// What was learnt longer ago than this says nothing of today.
const LONGEST: Duration = Duration::from_hours(7 * 24);
/// The form of the file.
const VERSION: u32 = 1;
/// The most targets that are kept: the latest.
const MOST: usize = 8192;
/// The longest file that is read; a target takes about 200 bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// What the lanes share. One that has no file forgets at the end.
#[derive(Debug, Clone, Default)]
pub(super) struct Usual {
    file: Option<PathBuf>,
    known: Arc<Mutex<HashMap<Way, Learnt>>>,
    /// One writes at a time.
    writing: Arc<Mutex<()>>,
}

/// A target, where it is, and the way to it: what is usual for one way is not for another.
type Way = (String, SocketAddr, Option<Via>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Learnt {
    usual: Baseline,
    at: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    targets: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    id: String,
    to: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    via: Option<Via>,
    /// When it was last learnt, by this machine's clock.
    at: Timestamp,
    usual: Baseline,
}

impl Usual {
    /// What the file holds that is not too old at `now`. A clock that is behind cannot tell what is old.
    pub(super) fn read(file: Option<PathBuf>, now: Timestamp) -> Self {
        let usual = Self { file, ..Self::default() };
        if let Some(file) = &usual.file {
            match read(file) {
                Ok(entries) => {
                    let fresh = entries.into_iter().filter(|entry| now.since(entry.at) <= LONGEST).take(MOST);
                    usual.lock().extend(fresh.map(|entry| {
                        ((entry.id, entry.to, entry.via), Learnt { usual: entry.usual, at: entry.at })
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(file = %file.display(), %error, "what was usual for targets is learnt anew");
                }
            }
        }
        usual
    }

    /// Tells targets of which nothing is known yet what was usual for them on this way.
    pub(super) fn tell(&self, fleet: &mut Fleet, via: Option<&Via>) {
        let known = self.lock();
        if !known.is_empty() {
            fleet.restore(|plan| {
                known.get(&(plan.id.clone(), plan.to, via.cloned())).map(|learnt| learnt.usual)
            });
        }
    }

    /// Takes over what a lane has learnt.
    pub(super) fn learn(&self, fleet: &Fleet, via: Option<&Via>, now: Timestamp) {
        let mut known = self.lock();
        known.extend(
            fleet
                .baselines()
                .map(|(plan, usual)| ((plan.id.clone(), plan.to, via.cloned()), Learnt { usual, at: now })),
        );
    }

    /// Writes what is known and not too old. Without a file, or anything to write, nothing happens.
    pub(super) fn write(&self, now: Timestamp) {
        let Some(file) = &self.file else { return };
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut targets: Vec<Entry> = {
            let mut known = self.lock();
            known.retain(|_, learnt| now.since(learnt.at) <= LONGEST);
            let entry = |((id, to, via), learnt): (&Way, &Learnt)| {
                let (id, to, via) = (id.clone(), *to, via.clone());
                Entry { id, to, via, at: learnt.at, usual: learnt.usual }
            };
            known.iter().map(entry).collect()
        };
        if targets.is_empty() {
            return;
        }
        targets.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.id.cmp(&b.id)));
        targets.truncate(MOST);
        if let Err(error) = write(file, &Kept { version: VERSION, targets }) {
            tracing::warn!(file = %file.display(), %error, "what is usual for targets could not be kept");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Way, Learnt>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(file: &Path) -> io::Result<Vec<Entry>> {
    let strange = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    let length = fs::metadata(file)?.len();
    if length > MAX_FILE {
        return Err(strange(format!("it is {length} bytes long")));
    }
    let kept: Kept = serde_json::from_slice(&fs::read(file)?).map_err(io::Error::from)?;
    if kept.version != VERSION {
        return Err(strange(format!("its form is {}, not {VERSION}", kept.version)));
    }
    Ok(kept.targets)
}

/// Half a file is never seen: it is written beside the old one, which it then replaces.
fn write(file: &Path, kept: &Kept) -> io::Result<()> {
    let next = file.with_extension("next");
    let mut out = File::create(&next)?;
    out.write_all(&serde_json::to_vec(kept)?)?;
    out.sync_all()?;
    fs::rename(next, file)
}

#[cfg(test)]
mod tests;
