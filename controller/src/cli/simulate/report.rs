//! The list of everything that was produced, and what became of it.
//!
//! The list is a JSON object a line, written as batches are made: whoever ends the simulation early still
//! has all of it. The summary is judged by the controller's own accounts: produced = stored + dropped +
//! pending, where the simulation knows what it produced and what waits, and the controller the rest.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::agent::{Account, Produced};
use super::tally::{LatencyBody, Sums};

/// Writes a line for each batch, and the batches themselves, until the last sender is gone.
pub(super) fn write(
    report: Option<&Path>,
    batches: Option<&Path>,
    mut lines: mpsc::Receiver<Produced>,
) -> Result<u64> {
    let (mut report, mut batches) = (file(report)?, file(batches)?);
    let mut written = 0;
    while let Some(line) = lines.blocking_recv() {
        let Produced { agent, epoch, sequence, sha256, body } = line;
        let sha256 = HEXLOWER.encode(&sha256);
        let line =
            format!(r#"{{"agent":"{agent}","epoch":"{epoch:016x}","seq":{sequence},"sha256":"{sha256}"}}"#);
        let kept = writeln!(report, "{line}").and_then(|()| {
            for part in [agent.as_bytes(), &body] {
                batches.write_all(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes())?;
                batches.write_all(part)?;
            }
            Ok(())
        });
        kept.context("writing the report")?;
        written += 1;
    }
    report.flush().and_then(|()| batches.flush()).context("writing the report")?;
    Ok(written)
}

fn file(path: Option<&Path>) -> Result<BufWriter<Box<dyn Write>>> {
    let file: Box<dyn Write> = match path {
        Some(path) => Box::new(File::create(path).with_context(|| format!("making {}", path.display()))?),
        None => Box::new(io::sink()),
    };
    Ok(BufWriter::with_capacity(1 << 16, file))
}

/// The controller's account of an agent's epoch, as far as it is compared.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Theirs {
    pub agent: String,
    pub epoch: String,
    pub stored: u64,
    pub duplicates_dropped: u64,
    pub dropped: BTreeMap<String, u64>,
}

/// How the two sides' accounts compare, in batches.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Balance {
    /// Made by the agents.
    pub produced: u64,
    /// Kept by the controller, each once.
    pub stored: u64,
    /// Given up, as the controller was told.
    pub dropped: u64,
    /// Not acknowledged when the simulation ended.
    pub pending: u64,
    /// Delivered again and recognised.
    pub duplicates: u64,
    /// Acknowledged, but neither stored nor dropped. Must be 0.
    pub lost: u64,
    /// Stored or dropped, but never produced. Must be 0.
    pub invented: u64,
}

impl Balance {
    /// Compares each agent's account with the controller's.
    pub(super) fn of(ours: &[Account], theirs: &[Theirs]) -> Self {
        let theirs: HashMap<(&str, &str), &Theirs> =
            theirs.iter().map(|t| ((t.agent.as_str(), t.epoch.as_str()), t)).collect();
        let mut sum = Self::default();
        for account in ours {
            let epoch = format!("{:016x}", account.epoch);
            let found = theirs.get(&(&*account.agent, epoch.as_str()));
            let stored = found.map_or(0, |t| t.stored);
            let dropped = found.map_or(0, |t| t.dropped.values().sum());
            let there = stored + dropped;
            sum.produced += account.produced;
            sum.stored += stored;
            sum.dropped += dropped;
            sum.pending += account.produced - account.acknowledged;
            sum.duplicates += found.map_or(0, |t| t.duplicates_dropped);
            sum.lost += account.acknowledged.saturating_sub(there);
            sum.invented += there.saturating_sub(account.produced);
        }
        sum
    }

    /// Whether everything was delivered, once.
    pub(super) fn is_even(&self) -> bool {
        self.lost == 0
            && self.invented == 0
            && self.pending == 0
            && self.produced == self.stored + self.dropped
    }
}

/// What came of a simulation.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    /// How many agents took part.
    pub agents: u64,
    /// From the first heartbeat until nothing was produced any more, seconds.
    pub seconds: f64,
    /// How long it took to enrol all agents, seconds.
    pub enrolled_in: f64,
    /// From when a batch was due until the controller had it on disk, milliseconds.
    pub ack_ms: LatencyBody,
    /// The same, of batches that were made while a backlog was being delivered.
    pub ack_behind_backlog_ms: LatencyBody,
    /// How long uploads of backlog took, milliseconds.
    pub backlog_upload_ms: LatencyBody,
    /// From the first session until the backlog was delivered, of the slowest agent; seconds.
    pub backlog_delivered_in: Option<f64>,
    /// Batches made.
    pub batches: u64,
    /// Their bytes, packed.
    pub batch_bytes: u64,
    /// Scalar numbers in them.
    pub values: u64,
    /// Numbers that the history keeps of them.
    pub history_points: u64,
    /// Packed bytes for each scalar number.
    pub bytes_per_value: f64,
    /// Uploads, repeated ones included.
    pub uploads: u64,
    /// Bytes of their bodies.
    pub upload_bytes: u64,
    /// Sessions that were opened.
    pub sessions: u64,
    /// Connections that were cut on purpose.
    pub cuts: u64,
    /// Why other sessions ended, and how often.
    pub troubles: BTreeMap<String, u64>,
    /// The account.
    pub account: Balance,
}

impl Summary {
    pub(super) fn new(
        sums: &Sums,
        agents: u64,
        ran: Duration,
        enrolled_in: Duration,
        account: Balance,
    ) -> Self {
        Self {
            agents,
            seconds: rounded(ran),
            enrolled_in: rounded(enrolled_in),
            ack_ms: sums.live.body(),
            ack_behind_backlog_ms: sums.live_behind.body(),
            backlog_upload_ms: sums.backfill.body(),
            backlog_delivered_in: sums.caught_up.map(rounded),
            batches: sums.batches,
            batch_bytes: sums.batch_bytes,
            values: sums.scalars,
            history_points: sums.points,
            bytes_per_value: (sums.batch_bytes as f64 / sums.scalars.max(1) as f64 * 1000.0).round() / 1000.0,
            uploads: sums.uploads,
            upload_bytes: sums.upload_bytes,
            sessions: sums.sessions,
            cuts: sums.cuts,
            troubles: sums.troubles.clone(),
            account,
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let of = |latency: &LatencyBody| match (latency.p50, latency.p99, latency.max) {
            (Some(p50), Some(p99), Some(max)) => {
                format!("p50 {p50:.1} ms, p99 {p99:.1} ms, longest {max:.1} ms (n = {})", latency.n)
            }
            _ => "none".to_owned(),
        };
        let mut lines = vec![
            format!(
                "{} agents, {:.0} s; {} batches, {} values, {} bytes ({} a value)",
                self.agents, self.seconds, self.batches, self.values, self.batch_bytes, self.bytes_per_value
            ),
            format!("acknowledged after: {}", of(&self.ack_ms)),
        ];
        if let Some(seconds) = self.backlog_delivered_in {
            let meanwhile = of(&self.ack_behind_backlog_ms);
            lines.push(format!(
                "backlog delivered in {seconds:.1} s; meanwhile acknowledged after: {meanwhile}"
            ));
        }
        lines.push(format!("{} sessions, {} cut on purpose", self.sessions, self.cuts));
        lines.extend(self.troubles.iter().map(|(words, times)| format!("  {times} x {words}")));
        let Balance { produced, stored, dropped, pending, duplicates, lost, invented } = &self.account;
        let sign = if self.account.is_even() { "=" } else { "≠" };
        lines.push(format!(
            "produced {produced} {sign} stored {stored} + dropped {dropped}; pending {pending}, lost {lost}, invented {invented}; {duplicates} duplicates recognised"
        ));
        lines.join("\n") + "\n"
    }
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn ours(produced: u64, acknowledged: u64) -> Account {
        Account { agent: "a".into(), epoch: 7, produced, acknowledged }
    }

    fn theirs(epoch: &str, stored: u64, dropped: u64) -> Theirs {
        Theirs {
            agent: "a".into(),
            epoch: epoch.into(),
            stored,
            duplicates_dropped: 3,
            dropped: [("quota".to_owned(), dropped)].into(),
        }
    }

    /// Catches: a simulation that calls a loss or a duplicate a success.
    #[test]
    fn a_loss_an_invention_and_a_rest_are_told_apart() {
        let epoch = "0000000000000007";
        let even = Balance::of(&[ours(10, 10)], &[theirs(epoch, 8, 2)]);
        assert!(even.is_even(), "{even:?}");
        let lost = Balance::of(&[ours(10, 10)], &[theirs(epoch, 9, 0)]);
        assert_eq!((lost.lost, lost.is_even()), (1, false));
        let strange = Balance::of(&[ours(10, 10)], &[theirs("00000000000000ff", 10, 0)]);
        assert_eq!((strange.lost, strange.is_even()), (10, false));
        let twice = Balance::of(&[ours(10, 10)], &[theirs(epoch, 11, 0)]);
        assert_eq!((twice.invented, twice.is_even()), (1, false));
        let waiting = Balance::of(&[ours(10, 8)], &[theirs(epoch, 8, 0)]);
        assert_eq!((waiting.pending, waiting.lost, waiting.is_even()), (2, 0, false));
        // One agent's surplus does not hide another's loss.
        let other = Account { agent: "b".into(), ..ours(10, 10) };
        let mixed = Balance::of(&[ours(10, 10), other], &[theirs(epoch, 11, 0)]);
        assert_eq!((mixed.lost, mixed.invented), (10, 1));
    }

    /// Catches: lines that are no JSON.
    #[test]
    fn each_batch_is_a_line_of_json() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("report.jsonl");
        let (send, lines) = mpsc::channel(4);
        for sequence in 1..=2 {
            let line = Produced {
                agent: "a".into(),
                epoch: 7,
                sequence,
                sha256: [0xab; 32],
                body: Bytes::from_static(b"body"),
            };
            send.try_send(line).expect("room");
        }
        drop(send);
        let batches = dir.path().join("batches");
        assert_eq!(write(Some(&path), Some(&batches), lines).expect("written"), 2);
        assert_eq!(std::fs::read(batches).expect("there"), b"\x01\0\0\0a\x04\0\0\0body".repeat(2));
        let text = std::fs::read_to_string(&path).expect("there");
        let all: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(all[1]["seq"], 2);
        assert_eq!(all[0]["epoch"], "0000000000000007");
        assert_eq!(all[0]["sha256"], "ab".repeat(32));
    }
}
