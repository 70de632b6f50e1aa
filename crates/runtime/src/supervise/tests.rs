use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_failing_task_is_started_again_until_it_succeeds() {
    let supervisor = Supervisor::new();
    let tries = Arc::new(AtomicU32::new(0));
    let own = tries.clone();
    supervisor.spawn("flaky", OnFailure::Restart, move || {
        let n = own.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(n != 1, "the second try panics");
            if n < 3 { Err("not yet") } else { Ok(()) }
        }
    });
    supervisor.tracker.close();
    supervisor.tracker.wait().await;
    assert_eq!(tries.load(Ordering::SeqCst), 4);
    let task = supervisor.tasks().remove(0);
    assert_eq!((task.phase, task.restarts), (Phase::Ended, 3));
    assert!(!supervisor.stopping().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_vital_task_takes_the_daemon_down_and_is_named() {
    let supervisor = Supervisor::new();
    let stop = supervisor.stopping();
    supervisor.spawn("other", OnFailure::Restart, move || {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            Ok::<(), String>(())
        }
    });
    supervisor.spawn("vital", OnFailure::Stop, || async { Err("the disk is gone") });
    supervisor.stopping().cancelled().await;
    let drained = supervisor.drain(Duration::from_secs(5)).await;
    assert_eq!(drained, Drained { unfinished: vec![], failed: vec!["vital"] });
}

#[tokio::test(start_paused = true)]
async fn a_task_that_does_not_end_is_named_at_the_deadline() {
    let supervisor = Supervisor::new();
    supervisor.spawn("deaf", OnFailure::Restart, || async {
        std::future::pending::<()>().await;
        Ok::<(), String>(())
    });
    let drained = supervisor.drain(Duration::from_secs(3)).await;
    assert_eq!(drained.unfinished, ["deaf"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_stands_still_is_named_and_one_that_ended_is_not() {
    let supervisor = Supervisor::new();
    supervisor.spawn("deaf", OnFailure::Restart, || async {
        std::future::pending::<()>().await;
        Ok::<(), String>(())
    });
    supervisor.spawn("lively", OnFailure::Restart, || async {
        loop {
            tokio::time::sleep(Duration::from_secs(20)).await;
        }
        #[expect(unreachable_code, reason = "it names the type of the failure")]
        Ok::<(), String>(())
    });
    supervisor.spawn("failing", OnFailure::Restart, || async { Err("again") });
    supervisor.spawn("short", OnFailure::Restart, || async { Ok::<(), String>(()) });
    supervisor.spawn("free", OnFailure::Restart, || async {
        std::future::pending::<()>().await;
        Ok::<(), String>(())
    });
    for name in ["deaf", "lively", "failing", "short"] {
        supervisor.must_move(name, Duration::from_secs(40));
    }
    tokio::time::sleep(Duration::from_secs(39)).await;
    assert_eq!(supervisor.still(), []);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(supervisor.still().iter().map(|task| task.name).collect::<Vec<_>>(), ["deaf"]);
}
