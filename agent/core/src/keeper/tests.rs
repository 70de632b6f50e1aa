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
    let (spool, recovery) = SpoolHandle::open(dir.path(), Options::lab(), Epoch(9)).expect("opened");
    assert!(recovery.fresh);
    let (reporter, queue) = Reporter::new();
    let about = Subject::new(EntityKind::Agent, "a").expect("valid");
    let task = tokio::spawn(run(queue, spool.clone(), about.clone()));
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
