use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use wasl_model::EntityKind;
use wasl_protocol::message::{Dropped, Refusal};
use wasl_spool::{Class, Options};

use super::*;

/// A controller as an agent sees it, without a store.
#[derive(Default)]
struct Centre {
    received: BTreeMap<u64, BTreeSet<u64>>,
    stored: BTreeMap<(u64, u64), Vec<u8>>,
    dropped: BTreeMap<(u64, String), u64>,
    duplicates: u64,
    uploads: u64,
    packed: u64,
    /// Sequences of the first epoch that are refused for good, and whether the refusal names them.
    refuses: BTreeSet<u64>,
    names_them: bool,
    refuses_gaps: bool,
    /// Knows neither packed batches nor its own counts.
    is_old: bool,
}

impl Centre {
    fn take(&mut self, upload: Upload) -> Result<UploadResponse, Refusal> {
        self.uploads += 1;
        let mut items = upload.items;
        if !upload.packed.is_empty() && !self.is_old {
            self.packed += 1;
            items.extend(pack::unpack(&upload.packed).expect("whole"));
        }
        let refusal = |sequence| Refusal { code: "malformed".into(), message: "no".into(), sequence };
        if let Some(bad) = items.iter().find(|item| self.refuses.contains(&item.sequence)) {
            return Err(refusal(if self.names_them { bad.sequence } else { 0 }));
        }
        if self.refuses_gaps && !upload.gaps.is_empty() {
            return Err(refusal(0));
        }
        let received = self.received.entry(upload.epoch).or_default();
        for item in items {
            if received.insert(item.sequence) {
                self.stored.insert((upload.epoch, item.sequence), item.body);
            } else {
                self.duplicates += 1;
            }
        }
        for gap in upload.gaps {
            let fresh = (gap.first..=gap.last).filter(|seq| received.insert(*seq)).count() as u64;
            *self.dropped.entry((upload.epoch, gap.policy)).or_default() += fresh;
        }
        let contiguous = (1..=1 << 20).take_while(|seq| received.contains(seq)).last().unwrap_or(0);
        let own = self.dropped.iter().filter(|((epoch, _), _)| *epoch == upload.epoch);
        let told = own.filter(|_| !self.is_old);
        let dropped =
            told.map(|((_, policy), count)| Dropped { policy: policy.clone(), batches: *count }).collect();
        Ok(UploadResponse { contiguous, dropped, ..UploadResponse::default() })
    }
}

async fn answer(
    centre: Arc<Mutex<Centre>>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.expect("it arrives").to_bytes();
    let upload = Upload::decode(body).expect("an upload");
    let taken = centre.lock().expect("no panic").take(upload);
    let (status, body) = match taken {
        Ok(response) => (200, response.encode_to_vec()),
        Err(refusal) => (400, refusal.encode_to_vec()),
    };
    let response = http::Response::builder().status(status).body(Full::new(body.into()));
    Ok(response.expect("a response"))
}

fn opened(level: u32) -> SessionResponse {
    SessionResponse { level, ..SessionResponse::default() }
}

struct Rig {
    dir: tempfile::TempDir,
    spool: SpoolHandle,
    centre: Arc<Mutex<Centre>>,
    connection: Connection,
}

const EPOCH: Epoch = Epoch(9);

impl Rig {
    async fn with(centre: Centre, batches: u64) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (spool, _) =
            SpoolHandle::open(&dir.path().join("spool"), &Options::lab(), EPOCH).expect("opened");
        for n in 1..=batches {
            spool.append(Class::Sample, format!("batch {n}").into()).await.expect("there").expect("kept");
        }
        let centre = Arc::new(Mutex::new(centre));
        let (near, far) = tokio::io::duplex(1 << 20);
        let served = centre.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(served.clone(), request));
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(far), service)
                .await;
        });
        let connection = Connection::over(near).await.expect("connected");
        Self { dir, spool, centre, connection }
    }

    /// One session until everything is delivered.
    async fn deliver(&self) -> Result<(), SessionError> {
        let about = Subject::new(EntityKind::Agent, "a").expect("valid");
        let account = self.spool.begin(0).await.expect("there").expect("begun");
        let (connection, spool) = (self.connection.clone(), self.spool.clone());
        let opened = opened(if self.centre().is_old { 0 } else { wasl_protocol::LEVEL });
        let mut delivery = Delivery::begin(connection, spool, about, EPOCH, &opened, account).await?;
        loop {
            delivery.send_more().await?;
            if delivery.pending() == 0 {
                return Ok(());
            }
            let done = delivery.next_answer().await.expect("something is under way");
            delivery.answered(done).await?;
        }
    }

    fn centre(&self) -> std::sync::MutexGuard<'_, Centre> {
        self.centre.lock().expect("no panic")
    }
}

#[tokio::test]
async fn everything_goes_once() {
    let rig = Rig::with(Centre::default(), 3000).await;
    rig.deliver().await.expect("delivered");
    let account = rig.spool.accounting().await.expect("there");
    assert_eq!((account.acknowledged, account.pending), (3000, 0));
    let centre = rig.centre();
    assert_eq!((centre.stored.len(), centre.duplicates), (3000, 0));
    assert_eq!(centre.stored[&(9, 17)], b"batch 17");
}

#[tokio::test]
async fn an_older_controller_gets_batches_in_the_form_that_it_knows_and_corrects_no_count() {
    let rig = Rig::with(Centre { is_old: true, ..Centre::default() }, 300).await;
    rig.spool.skip(5).await.expect("there").expect("counted");
    rig.deliver().await.expect("delivered");
    let account = rig.spool.accounting().await.expect("there");
    assert_eq!(
        (account.acknowledged, account.pending, account.dropped.disk_full),
        (300, 0, 5),
        "{account:?}"
    );
    let centre = rig.centre();
    assert_eq!((centre.stored.len(), centre.duplicates), (300, 0));
    assert_eq!(centre.dropped[&(9, "disk_full".into())], 5);
}

#[tokio::test]
async fn what_is_refused_for_good_is_put_aside_and_the_rest_flows() {
    for names_them in [true, false] {
        let refuses = BTreeSet::from([40, 41, 700]);
        let rig = Rig::with(Centre { refuses, names_them, ..Centre::default() }, 1000).await;
        rig.deliver().await.expect("delivered");
        // The notices that tell of it were written meanwhile.
        rig.deliver().await.expect("delivered");
        let account = rig.spool.accounting().await.expect("there");
        assert_eq!(
            (account.produced, account.dropped.refused, account.pending),
            (1003, 3, 0),
            "{names_them}"
        );
        let centre = rig.centre();
        assert_eq!(centre.stored.len(), 1000);
        assert_eq!(centre.dropped[&(9, "refused".into())], 3, "both sides count the same");
        assert!(centre.uploads < 80, "{} uploads", centre.uploads);
        assert!(rig.dir.path().join("spool/00000000000000000700.refused").exists());
    }
}

#[tokio::test]
async fn gaps_that_are_refused_do_not_hold_up_batches() {
    let rig = Rig::with(Centre { refuses_gaps: true, ..Centre::default() }, 20).await;
    rig.spool.skip(5).await.expect("there").expect("counted");
    rig.spool.append(Class::Event, b"later".to_vec()).await.expect("there").expect("kept");
    rig.deliver().await.expect("delivered");
    assert_eq!(rig.centre().stored.len(), 21);
    let account = rig.spool.accounting().await.expect("there");
    assert_eq!((account.acknowledged, account.pending, account.dropped.disk_full), (20, 1, 5), "{account:?}");
    rig.centre().refuses_gaps = false;
    rig.deliver().await.expect("delivered");
    assert_eq!(rig.spool.accounting().await.expect("there").pending, 0);
}

#[tokio::test]
async fn a_batch_that_was_dropped_here_and_stored_there_counts_as_delivered_on_both_sides() {
    let rig = Rig::with(Centre::default(), 10).await;
    // Its answer was lost: the controller has 5, which is given up here.
    rig.centre().received.entry(9).or_default().insert(5);
    assert!(rig.spool.refuse(EPOCH, 5).await.expect("there").expect("put aside"));
    assert!(rig.spool.refuse(EPOCH, 6).await.expect("there").expect("put aside"));
    assert_eq!(rig.spool.accounting().await.expect("there").dropped.refused, 2);
    rig.deliver().await.expect("delivered");
    let account = rig.spool.accounting().await.expect("there");
    assert_eq!((account.acknowledged, account.dropped.refused, account.pending), (9, 1, 0));
    assert_eq!(rig.centre().dropped[&(9, "refused".into())], 1);
}

#[tokio::test]
async fn a_spool_that_was_left_behind_is_delivered_under_its_own_epoch() {
    let rig = Rig::with(Centre::default(), 6).await;
    let met = |highest| SessionResponse { highest, ..opened(1) };
    // The controller has 1 to 3 of this spool and 8 of another life of it.
    let known = [1, 2, 3, 8];
    rig.centre().received.entry(9).or_default().extend(known);
    let turned = rig.spool.meet(EPOCH, &met(8), Epoch(10)).await.expect("there").expect("met");
    assert!(turned.set_aside.is_some());
    let about = Subject::new(EntityKind::Agent, "a").expect("valid");
    let account = rig.spool.begin(0).await.expect("there").expect("begun");
    let (connection, spool) = (rig.connection.clone(), rig.spool.clone());
    let mut delivery =
        Delivery::begin(connection, spool, about, Epoch(10), &met(0), account).await.expect("begun");
    while delivery.pending() > 0 {
        delivery.send_more().await.expect("sent");
        if delivery.pending() > 0 {
            let done = delivery.next_answer().await.expect("something is under way");
            delivery.answered(done).await.expect("taken");
        }
    }
    assert!(rig.spool.left_behind().await.expect("there").is_empty());
    let received = rig.centre().received[&9].clone();
    assert_eq!(received, (1..=8).collect());
    assert_eq!(rig.centre().duplicates, 0);
}
