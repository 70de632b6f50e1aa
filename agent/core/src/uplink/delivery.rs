//! What goes up in one session: which batches, how many at once, and what becomes of the answers.
//!
//! The decisions are pure and live elsewhere ([`Lanes`], [`Pace`], the spool); here they meet the connection.

use std::collections::VecDeque;
use std::time::Instant;

use tokio::task::JoinSet;
use wasl_model::{NoticeCode, Severity, Subject};
use wasl_protocol::lanes::{AfterRefusal, Lanes, Run};
use wasl_protocol::message::{
    ClockReading, Gap, Lane, SessionResponse, Upload, UploadItem, UploadResponse, path,
};
use wasl_protocol::pace::{DEPTH, Pace};
use wasl_protocol::{limits, pack};
use wasl_spool::{Accounting, Epoch};

use super::connection::{Connection, ConnectionError};
use super::{SessionError, now_us};
use crate::keeper::{LeftBehind, Parcel, SpoolHandle, dropped};

/// How much smaller packing is taken to make batches, at most.
const MOST_PACKED: f64 = 32.0;

/// An upload that is over.
pub(super) struct Uploaded {
    what: What,
    sent: (i64, Instant),
    answer: Result<UploadResponse, ConnectionError>,
}

/// What an upload was.
enum What {
    /// Batches of a stream.
    Batches {
        epoch: Epoch,
        lane: Lane,
        /// Where its run began.
        first: u64,
        bytes: usize,
        /// With it, so much of the backfill was under way.
        under_way: usize,
        gaps: Vec<wasl_spool::Gap>,
        /// Whether it had batches at all.
        is_empty: bool,
    },
    /// An answer to the controller's question whether anybody is there.
    Here,
}

/// A spool that was left behind and is being delivered.
struct Drain {
    about: LeftBehind,
    /// None until the controller has said what it has.
    lanes: Option<Lanes>,
    is_busy: bool,
}

/// The uploads of one session.
pub(super) struct Delivery {
    connection: Connection,
    spool: SpoolHandle,
    about: Subject,
    epoch: Epoch,
    session: u64,
    lanes: Lanes,
    drains: VecDeque<Drain>,
    uploads: JoinSet<Uploaded>,
    pace: Pace,
    /// How many bytes of batches make one byte on the line.
    ratio: f64,
    /// [`wasl_protocol::LEVEL`] of the controller.
    level: u32,
    /// The controller refused something and named no batch: the gaps stay out, to find out whether it is they.
    gaps_stay: bool,
}

impl Delivery {
    pub(super) async fn begin(
        connection: Connection,
        spool: SpoolHandle,
        about: Subject,
        epoch: Epoch,
        opened: &SessionResponse,
        account: Accounting,
    ) -> Result<Self, SessionError> {
        // Comparable only where the controller knows all gaps; the spool sees to that. One that does not count tells none.
        let counts = (opened.level >= 1).then(|| dropped(&opened.dropped));
        spool.settle(epoch, opened.contiguous, Vec::new(), counts).await??;
        let drain = |about| Drain { about, lanes: None, is_busy: false };
        Ok(Self {
            drains: spool.left_behind().await?.into_iter().map(drain).collect(),
            lanes: Lanes::begin(opened.contiguous, account.produced).with_depth(DEPTH),
            connection,
            spool,
            about,
            epoch,
            session: opened.session,
            uploads: JoinSet::new(),
            pace: Pace::default(),
            ratio: 1.0,
            level: opened.level,
            gaps_stay: false,
        })
    }

    /// How many batches wait or are on their way, those left behind included.
    pub(super) fn pending(&self) -> u64 {
        let behind = self.drains.iter().map(|drain| drain.lanes.as_ref().map_or(1, Lanes::pending).max(1));
        self.lanes.pending() + behind.sum::<u64>()
    }

    /// The spool has grown.
    pub(super) fn written(&mut self, last: u64) {
        self.lanes.written(last);
    }

    /// Sends all that may go now.
    pub(super) async fn send_more(&mut self) -> Result<(), SessionError> {
        while let Some(run) = self.lanes.poll() {
            let size = match run.lane {
                Lane::Live => usize::MAX,
                Lane::Backfill | Lane::Unspecified => (self.pace.size() as f64 * self.ratio) as usize,
            };
            let parcel = self.spool.parcel(self.epoch, run.first, run.last, size).await??;
            // Where nothing of the run is left to read, all of it is gaps.
            let upto = parcel.records.last().map_or(run.last, |r| r.seq);
            self.lanes.sent(run.lane, run.first, upto);
            self.send(self.epoch, run, parcel).await;
        }
        self.drain_more().await
    }

    /// The next answer; pending for ever while nothing is under way.
    pub(super) async fn next_answer(&mut self) -> Option<Uploaded> {
        self.uploads.join_next().await?.ok()
    }

    /// Takes an answer in. Returns what it tells of the clocks.
    pub(super) async fn answered(
        &mut self,
        done: Uploaded,
    ) -> Result<Option<((i64, Instant), Option<ClockReading>)>, SessionError> {
        let Uploaded { what, sent, answer } = done;
        let What::Batches { epoch, lane, first, bytes, under_way, gaps, is_empty } = what else {
            return answer.map(|answer| Some((sent, answer.clock))).map_err(Into::into);
        };
        let is_backfill = lane != Lane::Live;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                if is_backfill {
                    self.pace.failed(bytes);
                }
                let Some(culprit) = refused_for_good(&error) else {
                    self.lanes.failed(lane);
                    return Err(error.into());
                };
                self.refused(epoch, lane, first, culprit, is_empty, error).await?;
                return Ok(None);
            }
        };
        if is_backfill {
            self.pace.answered(bytes, under_way, sent.1.elapsed());
        } else {
            self.pace.live_answered(bytes, sent.1.elapsed());
        }
        let counts = (!gaps.is_empty() && self.level >= 1).then(|| dropped(&answer.dropped));
        let account = self.spool.settle(epoch, answer.contiguous, gaps, counts).await??;
        if epoch == self.epoch {
            self.lanes.answered_one(lane, first);
        } else if let Some(drain) = self.drains.front_mut().filter(|drain| drain.about.epoch == epoch) {
            drain.is_busy = false;
            match &mut drain.lanes {
                Some(lanes) => lanes.answered_one(lane, first),
                None => drain.lanes = Some(Lanes::begin(answer.contiguous, account.produced)),
            }
        }
        Ok(Some((sent, answer.clock)))
    }

    /// Waits for what is under way, and sends nothing more.
    pub(super) async fn drain(&mut self) -> Result<(), SessionError> {
        while let Some(done) = self.next_answer().await {
            self.answered(done).await?;
        }
        Ok(())
    }

    /// Says that this agent is there.
    pub(super) fn say_here(&mut self) {
        let upload = Upload { session: self.session, epoch: self.epoch.0, ..Upload::default() };
        let connection = self.connection.clone();
        self.uploads.spawn(async move {
            let sent = (now_us(), Instant::now());
            let answer = connection.ask(path::UPLOAD, &upload).await;
            Uploaded { what: What::Here, sent, answer }
        });
    }

    /// Sends one upload of the oldest spool that was left behind: at first its gaps only, to learn what the controller has.
    async fn drain_more(&mut self) -> Result<(), SessionError> {
        while let Some(drain) = self.drains.front_mut() {
            if drain.is_busy {
                return Ok(());
            }
            let (epoch, last) = (drain.about.epoch, drain.about.produced);
            let first_words = Run { lane: Lane::Backfill, first: last + 1, last };
            let Some(run) = drain.lanes.as_ref().map_or(Some(first_words), Lanes::poll) else {
                self.drains.pop_front();
                continue;
            };
            drain.is_busy = true;
            let size = (self.pace.size() as f64 * self.ratio) as usize;
            let parcel = self.spool.parcel(epoch, run.first, run.last, size).await??;
            let upto = parcel.records.last().map_or(run.last, |r| r.seq);
            if let Some(lanes) = self.drains.front_mut().and_then(|drain| drain.lanes.as_mut()) {
                lanes.sent(run.lane, run.first, upto);
            }
            self.send(epoch, run, parcel).await;
        }
        Ok(())
    }

    async fn send(&mut self, epoch: Epoch, run: Run, parcel: Parcel) {
        let Parcel { records, mut gaps, last } = parcel;
        if self.gaps_stay {
            gaps.clear();
        }
        let items: Vec<UploadItem> =
            records.into_iter().map(|r| UploadItem { sequence: r.seq, body: r.payload }).collect();
        let apart: usize = items.iter().map(|item| item.body.len()).sum();
        let is_empty = items.is_empty();
        // An older controller would ignore them, and answer as if there had been nothing.
        let (items, packed) = packed(items, self.level).await;
        let bytes = if packed.is_empty() { apart } else { packed.len() };
        let under_way = if run.lane == Lane::Live { 0 } else { self.pace.sent(bytes) };
        if run.lane != Lane::Live && bytes > 0 {
            self.ratio = (apart as f64 / bytes as f64).clamp(1.0, MOST_PACKED);
        }
        let wire = |gap: &wasl_spool::Gap| Gap {
            first: gap.first,
            last: gap.last,
            policy: gap.policy.word().to_owned(),
        };
        let upload = Upload {
            session: self.session,
            epoch: epoch.0,
            lane: run.lane.into(),
            items,
            gaps: gaps.iter().map(wire).collect(),
            last,
            packed,
        };
        let what =
            What::Batches { epoch, lane: run.lane, first: run.first, bytes, under_way, gaps, is_empty };
        let connection = self.connection.clone();
        self.uploads.spawn(async move {
            let sent = (now_us(), Instant::now());
            let answer = connection.ask(path::UPLOAD, &upload).await;
            Uploaded { what, sent, answer }
        });
    }

    /// The controller will never take an upload as it is: finds the batch at fault and puts it aside, so that the rest flows.
    async fn refused(
        &mut self,
        epoch: Epoch,
        lane: Lane,
        first: u64,
        culprit: u64,
        is_empty: bool,
        error: ConnectionError,
    ) -> Result<(), SessionError> {
        let lanes = match self.drains.front_mut() {
            _ if epoch == self.epoch => Some(&mut self.lanes),
            Some(drain) if drain.about.epoch == epoch => {
                drain.is_busy = false;
                drain.lanes.as_mut()
            }
            _ => None,
        };
        if culprit == 0 && !self.gaps_stay {
            tracing::error!(%error, "an upload was refused; it goes again without the gaps");
            self.gaps_stay = true;
            if let Some(lanes) = lanes {
                lanes.failed(lane);
                return Ok(());
            }
        }
        let after = lanes.and_then(|lanes| lanes.refused(lane, first, culprit));
        match after.filter(|_| !is_empty) {
            Some(AfterRefusal::Smaller) => Ok(()),
            Some(AfterRefusal::Culprit(seq)) => {
                if !self.spool.refuse(epoch, seq).await?? {
                    return Err(error.into());
                }
                let detail = format!(
                    "the controller refuses batch {seq} for good ({error}); it is counted as lost (policy refused) and kept in the spool's folder as {seq:020}.refused: update the older of agent and controller, and tell the maintainers"
                );
                self.spool.tell(&self.about, NoticeCode::UploadRefused, Severity::Error, detail).await;
                Ok(())
            }
            None => Err(error.into()),
        }
    }
}

/// The sequence at fault (0 where unknown), if trying again would not help.
fn refused_for_good(error: &ConnectionError) -> Option<u64> {
    match error {
        ConnectionError::Refused { status: 400, code, sequence, .. } if code == "malformed" => {
            Some(*sequence)
        }
        ConnectionError::Refused { status: 413, sequence, .. } => Some(*sequence),
        _ => None,
    }
}

/// Batches as they go: packed together where that is smaller.
async fn packed(items: Vec<UploadItem>, level: u32) -> (Vec<UploadItem>, Vec<u8>) {
    if items.len() < 2 {
        return (items, Vec::new());
    }
    let work = move || match pack::pack(&items, level) {
        Some(packed) if packed.len() <= limits::MAX_UPLOAD_BYTES - limits::MAX_REQUEST_BYTES => {
            (Vec::new(), packed)
        }
        _ => (items, Vec::new()),
    };
    tokio::task::spawn_blocking(work).await.expect("packing does not panic")
}

#[cfg(test)]
mod tests;
