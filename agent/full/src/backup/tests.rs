//! Looks at real repositories of the real restic.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wasl_model::{BackupEvidence, BackupOutcome, Observation, Timestamp, Value};

use super::*;

/// Whether restic is here; says so where it is not.
async fn restic_is_here(test: &str) -> bool {
    let found = Command::new("restic").arg("version").output().await.is_ok();
    if !found {
        crate::skips::skip(test, "restic is not installed");
    }
    found
}

struct Stage {
    dir: tempfile::TempDir,
    send: watch::Sender<Arc<Assignment>>,
    out: mpsc::Receiver<Observation>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Stage {
    fn begin() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let secrets = dir.path().join("secrets");
        std::fs::create_dir(&secrets).expect("made");
        let (reporter, out) = Reporter::new();
        let (send, receive) = watch::channel(Arc::default());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(reporter, Secrets::new(secrets), receive, shutdown.clone()));
        Self { dir, send, out, shutdown, task }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn secret(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path("secrets").join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).expect("set");
        path
    }

    fn assign(&self, id: &str, repository: &Path, password: &str) {
        let repository = repository.to_str().expect("text").to_owned();
        let tool = BackupTool::Restic { repository, password: password.to_owned() };
        let backups = vec![BackupAssignment { id: id.to_owned(), every_ms: 3_600_000, tool }];
        self.send.send_replace(Arc::new(Assignment { backups, ..Assignment::default() }));
    }

    async fn evidence(&mut self, id: &str) -> BackupEvidence {
        let wait = tokio::time::timeout(Duration::from_mins(1), self.out.recv());
        let observation = wait.await.expect("evidence in time").expect("evidence");
        assert_eq!(observation.subject.to_string(), format!("backup_job/{id}"));
        let Value::Backup(evidence) = observation.value else { panic!("{observation:?}") };
        evidence
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.task.await.expect("ends");
    }
}

async fn restic(repository: &Path, password: &Path, args: &[&str]) {
    let done = Command::new("restic")
        .args(["--no-cache", "-r"])
        .arg(repository)
        .arg("--password-file")
        .arg(password)
        .args(args)
        .output()
        .await
        .expect("runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[tokio::test]
async fn what_a_repository_holds_is_seen_and_what_is_wrong_with_it_is_named() {
    if !restic_is_here("what_a_repository_holds_is_seen_and_what_is_wrong_with_it_is_named").await {
        return;
    }
    let mut stage = Stage::begin();
    let began = Timestamp::from(SystemTime::now());
    let password = stage.secret("office", "correct horse\n", 0o600);
    stage.secret("wrong", "battery staple\n", 0o600);
    let (repository, data) = (stage.path("repository"), stage.path("data"));
    std::fs::create_dir(&data).expect("made");
    std::fs::write(data.join("letter"), "dear").expect("written");
    restic(&repository, &password, &["init"]).await;
    stage.assign("empty", &repository, "office");
    let evidence = stage.evidence("empty").await;
    assert_eq!((evidence.outcome, evidence.snapshots, evidence.newest_at), (BackupOutcome::Read, 0, None));

    for _ in 0..2 {
        restic(&repository, &password, &["backup", data.to_str().expect("text")]).await;
    }
    // A lock that came and went would leave its trace here.
    let locks = || {
        std::fs::metadata(repository.join("locks")).and_then(|folder| folder.modified()).expect("a folder")
    };
    let untouched = locks();
    stage.assign("two", &repository, "office");
    let evidence = stage.evidence("two").await;
    assert_eq!((evidence.outcome, evidence.snapshots), (BackupOutcome::Read, 2), "{}", evidence.detail);
    let newest = evidence.newest_at.expect("a time");
    assert!(newest >= began && newest <= Timestamp::from(SystemTime::now()), "{newest}");
    assert_eq!(evidence.newest_id.expect("an id").len(), 8);
    assert!(evidence.tool_version.starts_with("0."), "{}", evidence.tool_version);
    assert_eq!(locks(), untouched, "looking takes no lock");

    stage.assign("wrong", &repository, "wrong");
    let evidence = stage.evidence("wrong").await;
    assert_eq!(evidence.outcome, BackupOutcome::WrongPassword);
    assert!(!evidence.detail.contains("battery staple"), "{}", evidence.detail);
    stage.assign("gone", &stage.path("nowhere"), "office");
    assert_eq!(stage.evidence("gone").await.outcome, BackupOutcome::Unreachable);
    stage.end().await;
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_not_used() {
    let mut stage = Stage::begin();
    stage.secret("open", "correct horse\n", 0o644);
    stage.assign("open", &stage.path("repository"), "open");
    let evidence = stage.evidence("open").await;
    assert_eq!(evidence.outcome, BackupOutcome::SecretMissing);
    assert!(evidence.detail.contains("chmod 600"), "{}", evidence.detail);
    stage.assign("absent", &stage.path("repository"), "absent");
    assert_eq!(stage.evidence("absent").await.outcome, BackupOutcome::SecretMissing);
    stage.end().await;
}
