//! Judgements over what restic 0.14.0 really wrote, in `recorded/`.

use super::*;

fn failed(stderr: &str) -> Finished {
    Finished { code: Some(1), stdout: Vec::new(), stderr: stderr.as_bytes().to_vec() }
}

fn listed(stdout: &str, stderr: &str) -> Finished {
    Finished { code: Some(0), stdout: stdout.as_bytes().to_vec(), stderr: stderr.as_bytes().to_vec() }
}

const OK: &str = include_str!("recorded/ok.json");

#[test]
fn each_recorded_failure_has_its_outcome() {
    for (stderr, outcome) in [
        (include_str!("recorded/wrong_password.stderr"), BackupOutcome::WrongPassword),
        (include_str!("recorded/missing_repository.stderr"), BackupOutcome::Unreachable),
        (include_str!("recorded/refused.stderr"), BackupOutcome::Unreachable),
        (include_str!("recorded/sftp_refused.stderr"), BackupOutcome::Unreachable),
        (include_str!("recorded/bad_location.stderr"), BackupOutcome::Unreachable),
        (include_str!("recorded/locked.stderr"), BackupOutcome::Locked),
        (include_str!("recorded/password_file.stderr"), BackupOutcome::SecretMissing),
        (include_str!("recorded/crash.stderr"), BackupOutcome::Unreadable),
        ("", BackupOutcome::Unreadable),
    ] {
        let finding = judge(&failed(stderr), "/srv/none");
        assert_eq!(finding.outcome, outcome, "{stderr}");
        assert!(
            !finding.detail.contains("goroutine") && !finding.detail.contains('\n'),
            "{}",
            finding.detail
        );
    }
}

#[test]
fn newer_versions_tell_by_their_exit_code() {
    for (code, outcome) in
        [(10, BackupOutcome::Unreachable), (11, BackupOutcome::Locked), (12, BackupOutcome::WrongPassword)]
    {
        let done = Finished { code: Some(code), ..failed("Fatal: something in new words") };
        assert_eq!(judge(&done, "").outcome, outcome);
    }
}

#[test]
fn the_newest_snapshot_is_the_latest_whatever_the_order_and_zone() {
    let finding = judge(&listed(OK, ""), "/srv/repo");
    assert_eq!((finding.outcome, finding.snapshots), (BackupOutcome::Read, 2));
    let newest = finding.newest.expect("a newest");
    assert_eq!((newest.at, newest.id.as_str()), (Timestamp(1_795_461_920_234), "82bfdc7d"));
    assert_eq!(finding.detail, "");
    // 23:30 at +05:00 is 18:30 in universal time, and older than 19:00. The summary is as 0.17 gives it.
    let zones = r#"[{"time":"2026-11-23T19:00:00Z","id":"aaaaaaaaaa","summary":{"total_bytes_processed":7}},
        {"time":"2026-11-23T23:30:00+05:00","id":"bbbbbbbbbb","summary":{}}]"#;
    let newest = judge(&listed(zones, ""), "/srv/repo").newest.expect("a newest");
    assert_eq!((newest.id.as_str(), newest.bytes), ("aaaaaaaa", Some(7)));
}

#[test]
fn an_empty_repository_is_read_and_has_nothing() {
    for empty in ["[]", "null"] {
        let finding = judge(&listed(empty, ""), "/srv/repo");
        assert_eq!((finding.outcome, finding.snapshots, finding.newest), (BackupOutcome::Read, 0, None));
    }
}

/// Cut anywhere, the list is not read as a shorter list.
#[test]
fn a_list_that_was_cut_off_is_unreadable() {
    for end in 0..OK.trim_end().len() {
        assert_eq!(judge(&listed(&OK[..end], ""), "/srv/repo").outcome, BackupOutcome::Unreadable, "{end}");
    }
    let odd = OK.replace("2026-11-23T19:25:20", "yesterday");
    assert_eq!(judge(&listed(&odd, ""), "/srv/repo").outcome, BackupOutcome::Unreadable);
}

/// Exit code 0 and a list, though a snapshot could not be loaded.
#[test]
fn a_damaged_snapshot_is_told_though_restic_exits_with_success() {
    let finding = judge(&listed(OK, include_str!("recorded/damaged_snapshot.stderr")), "/srv/repo");
    assert_eq!(finding.outcome, BackupOutcome::Read);
    assert!(finding.detail.contains("could not load snapshot 0581fea6"), "{}", finding.detail);
}

#[test]
fn no_password_of_an_address_comes_out() {
    let repository = "rest:http://me:s3cr@et@backup.example:8000/x";
    for said in [
        "Fatal: parse \"rest:http://me:s3cr@et@backup.example:8000/x\": invalid",
        "Fatal: Head \"http://me:s3cr@et@backup.example:8000/x/config\": refused",
        "Fatal: user me with s3cr@et is refused",
        "Fatal: see https://you:s3cr@et@other.example/",
        "Fatal: see https://you:hunter2@other.example?x",
    ] {
        let detail = judge(&failed(said), repository).detail;
        assert!(!detail.contains("s3cr") && !detail.contains("hunter2"), "{detail}");
    }
    let detail = judge(&failed("Fatal: dial backup.example:8000: refused"), repository).detail;
    assert!(detail.contains("backup.example:8000"), "the host helps and is kept: {detail}");
}

#[test]
fn the_version_is_the_word_after_the_name() {
    assert_eq!(version_of(b"restic 0.14.0 compiled with go1.19.8 on linux/amd64\n"), "0.14.0");
    assert_eq!(version_of(b"y\ny\n"), "");
}

#[tokio::test]
async fn a_missing_tool_and_a_slow_one_are_told_apart() {
    let dir = tempfile::tempdir().expect("a folder");
    let missing = Restic { program: dir.path().join("restic").into(), ..Restic::default() };
    let evidence = missing.look("/srv/repo", Ok(dir.path().join("password"))).await;
    assert_eq!(evidence.outcome, BackupOutcome::ToolMissing);
    assert_eq!(unfinished(&ProcessError::TimedOut).outcome, BackupOutcome::TimedOut);
    assert_eq!(unfinished(&ProcessError::Flood).outcome, BackupOutcome::Unreadable);
}
