use super::*;
use wasl_model::{EntityKind, HostSample, Notice};

fn sample(at: i64) -> Observation {
    Observation {
        subject: Subject::new(EntityKind::Machine, "m").expect("valid"),
        at: Timestamp(at),
        value: Value::Host(HostSample::default()),
    }
}

fn notice(at: i64) -> Observation {
    Observation {
        value: Value::Notice(Notice {
            code: NoticeCode::ClockStepped,
            severity: Severity::Info,
            cleared: false,
            detail: String::new(),
        }),
        ..sample(at)
    }
}

#[tokio::test(start_paused = true)]
async fn samples_wait_for_company_and_events_hurry() {
    let (send, mut receive) = mpsc::channel(100);
    let mut waiting = Vec::new();
    send.send(sample(1)).await.expect("room");
    let begun = Instant::now();
    assert!(gather(&mut receive, &mut waiting).await);
    assert_eq!((begun.elapsed(), waiting.len()), (LINGER, 1));

    waiting.clear();
    send.send(sample(2)).await.expect("room");
    send.send(notice(3)).await.expect("room");
    let begun = Instant::now();
    assert!(gather(&mut receive, &mut waiting).await);
    assert!(begun.elapsed() <= EVENT_LINGER + Duration::from_millis(1), "{:?}", begun.elapsed());
    assert_eq!(waiting.len(), 2);

    waiting.clear();
    send.send(sample(4)).await.expect("room");
    drop(send);
    let begun = Instant::now();
    assert!(gather(&mut receive, &mut waiting).await, "what was handed in last is kept");
    assert_eq!((begun.elapsed(), waiting.len()), (Duration::ZERO, 1));
    waiting.clear();
    assert!(!gather(&mut receive, &mut waiting).await);
}

#[tokio::test]
async fn everything_that_was_handed_in_is_in_the_spool_when_the_reporters_are_gone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (spool, recovery) = SpoolHandle::open(dir.path(), &Options::lab(), Epoch(9)).expect("opened");
    assert!(recovery.fresh);
    let (reporter, queue) = Reporter::new();
    let about = Subject::new(EntityKind::Agent, "a").expect("valid");
    let task = tokio::spawn(run(queue, spool.clone(), about.clone(), Arc::default()));
    for _ in 0..3 {
        reporter.report(about.clone(), wasl_model::AgentSample::default()).await;
    }
    drop(reporter);
    task.await.expect("no panic").expect("the spool is there");
    let last = *spool.written().borrow();
    let records = spool.read(1, last).await.expect("there").expect("readable");
    let count: usize =
        records.iter().map(|r| batch::decode(&r.payload).expect("a batch").observations.len()).sum();
    assert_eq!(count, 3);
    assert_eq!(spool.accounting().await.expect("there").pending, last);
    spool.begin(last).await.expect("there").expect("acknowledged");
    assert_eq!(spool.accounting().await.expect("there").pending, 0);
    spool.begin(0).await.expect("there").expect("rewound");
    assert_eq!(spool.accounting().await.expect("there").pending, last, "a restored controller gets it again");
}

async fn observations(spool: &SpoolHandle) -> Vec<Observation> {
    let last = *spool.written().borrow();
    let records = spool.read(1, last).await.expect("there").expect("readable");
    records.iter().flat_map(|r| batch::decode(&r.payload).expect("a batch").observations).collect()
}

#[tokio::test]
async fn a_disk_that_takes_nothing_holds_up_no_collector_and_what_it_cost_is_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("spool");
    let (spool, _) = SpoolHandle::open(&path, &Options::lab(), Epoch(9)).expect("opened");
    let about = Subject::new(EntityKind::Agent, "a").expect("valid");
    // A file where the folder was: nothing can be written, whoever tries.
    std::fs::remove_dir_all(&path).expect("removed");
    std::fs::write(&path, "in the way").expect("written");
    let mut held = Held::default();
    let body = |at| batch::encode(&[sample(at)]);
    for at in 0..1034 {
        held.push(Class::Sample, body(at));
    }
    let said = flush(&mut held, &spool, &about).await.expect("there").expect("a notice");
    let Value::Notice(notice) = said.value else { panic!("a notice was expected") };
    assert_eq!((notice.code, notice.cleared), (NoticeCode::DiskFull, false));
    assert!(flush(&mut held, &spool, &about).await.expect("there").is_none(), "it is said once");
    assert_eq!((held.count(), held.lost()), (1024, 10));
    assert_eq!(spool.accounting().await.expect("there").produced, 0);

    std::fs::remove_file(&path).expect("removed");
    let mut said = None;
    for _ in 0..3 {
        said = said.or(flush(&mut held, &spool, &about).await.expect("there"));
    }
    let Some(Value::Notice(notice)) = said.map(|said| said.value) else { panic!("a notice was expected") };
    assert!(notice.cleared && notice.detail.contains("10 batches"), "{}", notice.detail);
    let account = spool.accounting().await.expect("there");
    assert_eq!((account.produced, account.pending, account.dropped.disk_full), (1034, 1024, 10));
    let times: Vec<i64> = observations(&spool).await.iter().map(|o| o.at.0).collect();
    assert_eq!(times, (10..1034).collect::<Vec<_>>(), "each has its own time");
}

#[tokio::test]
async fn a_clock_that_is_set_while_observations_come_moves_none_of_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let (spool, _) = SpoolHandle::open(dir.path(), &Options::lab(), Epoch(9)).expect("opened");
    let (reporter, queue) = Reporter::new();
    let about = Subject::new(EntityKind::Agent, "a").expect("valid");
    let timeline = Arc::new(Mutex::new(Timeline::default()));
    let now = now_ms();
    {
        // The controller confirmed the clock; then it was set back by an hour; so this test's clock is an hour slow.
        let mut timeline = timeline.lock().expect("no panic");
        timeline.observe(now + 3_600_000, std::time::Instant::now());
        timeline.exchange(crate::clock::Offset { offset_us: 0, error_us: 100 });
    }
    let task = tokio::spawn(run(queue, spool.clone(), about.clone(), timeline));
    reporter.report_at(about.clone(), Timestamp(now), wasl_model::AgentSample::default()).await;
    drop(reporter);
    task.await.expect("no panic").expect("the spool is there");
    let at = observations(&spool).await[0].at.0;
    assert!((at - now - 3_600_000).abs() < 60_000, "{} ms off", at - now - 3_600_000);
}

#[tokio::test]
async fn a_restored_spool_goes_on_in_a_new_epoch_and_leaves_the_old_one_to_be_delivered() {
    let dir = tempfile::tempdir().expect("a folder");
    let (path, copy) = (dir.path().join("spool"), dir.path().join("copy"));
    let met = |highest| SessionResponse { highest, incarnation: 5, ..SessionResponse::default() };
    {
        let (spool, _) = SpoolHandle::open(&path, &Options::lab(), Epoch(9)).expect("opened");
        let first = spool.meet(Epoch(9), &met(0), Epoch(10)).await.expect("there").expect("met");
        assert_eq!(first, Met { set_aside: None, another_store: false });
        for at in 0..4 {
            spool.append(Class::Sample, batch::encode(&[sample(at)])).await.expect("there").expect("kept");
        }
        spool.settle(Epoch(9), 2, Vec::new(), None).await.expect("there").expect("settled");
    }
    std::fs::create_dir(&copy).expect("made");
    for entry in std::fs::read_dir(&path).expect("listed").map(|entry| entry.expect("listed")) {
        std::fs::copy(entry.path(), copy.join(entry.file_name())).expect("copied");
    }
    std::fs::remove_dir_all(&path).expect("removed");
    std::fs::rename(&copy, &path).expect("renamed");
    let (spool, recovery) = SpoolHandle::open(&path, &Options::lab(), Epoch(11)).expect("opened");
    assert!(!recovery.fresh);
    spool.append(Class::Sample, batch::encode(&[sample(50)])).await.expect("there").expect("kept");
    let again = spool.meet(Epoch(9), &met(7), Epoch(12)).await.expect("there").expect("met");
    assert_eq!(again, Met { set_aside: Some((1, 3)), another_store: false });
    assert_eq!((spool.epoch(), *spool.written().borrow()), (Epoch(12), 1));
    let behind = spool.left_behind().await.expect("there");
    assert_eq!((behind[0].epoch, behind[0].produced, behind[0].gaps.len()), (Epoch(9), 7, 1));
    let parcel = spool.parcel(Epoch(9), 1, 7, usize::MAX).await.expect("there").expect("readable");
    assert_eq!(parcel.records.iter().map(|r| r.seq).collect::<Vec<_>>(), [3, 4]);
    let counted = wasl_spool::Dropped { rolled_back: 2, ..Default::default() };
    let account =
        spool.settle(Epoch(9), 7, parcel.gaps, Some(counted)).await.expect("there").expect("settled");
    assert_eq!((account.acknowledged, account.dropped.rolled_back, account.pending), (5, 2, 0));
    assert!(spool.left_behind().await.expect("there").is_empty());
    let other = SessionResponse { incarnation: 6, ..met(1) };
    assert!(spool.meet(Epoch(12), &met(0), Epoch(13)).await.expect("there").is_ok());
    spool.parcel(Epoch(12), 1, 1, usize::MAX).await.expect("there").expect("readable");
    let replaced = spool.meet(Epoch(12), &other, Epoch(13)).await.expect("there").expect("met");
    assert_eq!(replaced, Met { set_aside: None, another_store: true });
}
