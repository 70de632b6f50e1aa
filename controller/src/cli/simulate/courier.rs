//! What one session has under way: live before backfill, as [`Lanes`] and [`Pace`] say, the past packed together.
//! These decisions are the real agents' own; what is measured here is what they would see.

use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::body::Incoming;
use prost::Message;
use tokio::task::JoinSet;
use tokio::time::Instant;
use wasl_protocol::lanes::{Lanes, Run};
use wasl_protocol::message::{Lane, SessionResponse, Upload, UploadItem, UploadResponse, path};
use wasl_protocol::pace::{DEPTH, Pace};
use wasl_protocol::{limits, pack};

use super::agent::Common;
use super::link::{Link, LinkError};
use super::queue::Queue;
use super::tally::Tally;

/// About how many bytes of batches one upload of the live lane carries.
const LIVE: usize = 512 * 1024;
/// The most that is believed of packing.
const MOST_PACKED: f64 = 8.0;

/// One session's uploads.
pub(super) struct Courier {
    link: Link,
    /// What all uploads have in common.
    common: Upload,
    lanes: Lanes,
    pace: Pace,
    /// How many bytes of batches make one byte on the line.
    ratio: f64,
    uploads: JoinSet<Answered>,
}

/// An upload that is over.
pub(super) struct Answered {
    run: Run,
    /// The last sequence that it carried.
    upto: u64,
    bytes: usize,
    under_way: usize,
    sent: Instant,
    answer: Result<UploadResponse, LinkError>,
}

/// What waited when the agent began.
#[derive(Debug)]
pub(super) struct Backlog {
    /// Its last sequence.
    pub upto: u64,
    /// When the first session opened.
    pub since: Option<Instant>,
}

impl Courier {
    /// A session that was just opened.
    pub(super) fn begin(link: Link, queue: &Mutex<Queue>, epoch: u64, opened: &SessionResponse) -> Self {
        let mut queue = lock(queue);
        let gaps = queue.forgotten(opened.contiguous).into_iter().collect();
        queue.acknowledge(opened.contiguous);
        let lanes = Lanes::begin(queue.acknowledged(), queue.last()).with_depth(DEPTH);
        let common = Upload { session: opened.session, epoch, gaps, ..Upload::default() };
        Self { link, common, lanes, pace: Pace::default(), ratio: 1.0, uploads: JoinSet::new() }
    }

    /// Opens the stream of the controller's wishes.
    pub(super) async fn downlink(&self, session: u64) -> Result<Incoming, LinkError> {
        self.link.stream(&format!("{}{session}", path::DOWNLINK)).await
    }

    /// The queue has grown.
    pub(super) fn written(&mut self, last: u64) {
        self.lanes.written(last);
    }

    /// Sends all that may go now.
    pub(super) async fn send_more(&mut self, queue: &Mutex<Queue>, tally: &Tally) {
        while let Some(run) = self.lanes.poll() {
            let size =
                if run.lane == Lane::Live { LIVE } else { (self.pace.size() as f64 * self.ratio) as usize };
            let (items, last) = {
                let queue = lock(queue);
                (queue.read(run.first, run.last, size), queue.last())
            };
            let upto = items.last().map_or(run.last, |item| item.sequence);
            self.lanes.sent(run.lane, run.first, upto);
            let apart: usize = items.iter().map(|item| item.body.len()).sum();
            let (items, packed) = packed(items, wasl_protocol::LEVEL).await;
            let bytes = if packed.is_empty() { apart } else { packed.len() };
            let under_way = if run.lane == Lane::Live { 0 } else { self.pace.sent(bytes) };
            if run.lane != Lane::Live && bytes > 0 {
                self.ratio = (apart as f64 / bytes as f64).clamp(1.0, MOST_PACKED);
            }
            let upload = Upload { lane: run.lane.into(), items, packed, last, ..self.common.clone() };
            let body = upload.encode_to_vec();
            tally.lock().uploading(body.len() as u64);
            let (sent, answer) = (Instant::now(), self.link.ask(path::UPLOAD, body));
            self.uploads
                .spawn(async move { Answered { run, upto, bytes, under_way, sent, answer: answer.await } });
        }
    }

    /// The next answer; `None` while nothing is under way.
    pub(super) async fn next_answer(&mut self) -> Option<Answered> {
        self.uploads.join_next().await?.ok()
    }

    /// Takes an answer in. Any refusal ends the session.
    pub(super) fn answered(
        &mut self,
        done: Answered,
        queue: &Mutex<Queue>,
        common: &Common,
        backlog: &Backlog,
    ) -> Result<(), LinkError> {
        let Answered { run, upto, bytes, under_way, sent, answer } = done;
        let contiguous = answer?.contiguous;
        match run.lane {
            Lane::Live => self.pace.live_answered(bytes, sent.elapsed()),
            Lane::Backfill | Lane::Unspecified => self.pace.answered(bytes, under_way, sent.elapsed()),
        }
        self.lanes.answered_one(run.lane, run.first);
        let mut queue = lock(queue);
        let behind = queue.acknowledged() < backlog.upto;
        backlog.note(common, &mut queue, run, upto, sent, behind);
        queue.acknowledge(contiguous);
        if behind && queue.acknowledged() >= backlog.upto {
            let took = backlog.since.map(|since| since.elapsed());
            let mut sums = common.tally.lock();
            sums.caught_up = sums.caught_up.max(took);
        }
        Ok(())
    }
}

impl Backlog {
    /// The batches of an upload are durable at the centre.
    ///
    /// Those that were made since the agent began count as live on whichever lane they came: one that was made
    /// while the connection was away waits behind the past. Lateness beside a backlog is told of the live lane.
    fn note(&self, common: &Common, queue: &mut Queue, run: Run, upto: u64, sent: Instant, behind: bool) {
        let now = Instant::now();
        let mut sums = common.tally.lock();
        let measured = |due: &Instant| common.measured_from.get().is_some_and(|from| due >= from);
        let fresh = run.first.max(self.upto + 1)..=upto;
        for due in fresh.filter_map(|sequence| queue.delivered(sequence)).filter(measured) {
            sums.delivered(now.saturating_duration_since(due), behind && run.lane == Lane::Live);
        }
        if run.first <= self.upto {
            sums.backfilled(now.saturating_duration_since(sent));
        }
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

fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
