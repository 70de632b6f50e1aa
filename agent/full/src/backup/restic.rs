//! Asking restic what its repository holds.
//!
//! Measured on restic 0.14.0: every failure exits with 1 and is told apart only by the words on standard
//! error (0.17 and later exit with 10, 11 and 12); `--no-lock` is needed, or a reader writes a lock into the
//! repository and is itself stopped by the lock that a killed restic left; a damaged snapshot is skipped
//! with a warning and exit code 0. The repository's address may hold a password, so it goes in through
//! standard input (`--repository-file /dev/stdin`) and never into the arguments, which every user of the
//! machine can read.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Deserialize;
use wasl_agent_core::secrets::SecretError;
use wasl_model::units::Millis;
use wasl_model::{BackupEvidence, BackupOutcome, Timestamp};

use super::process::{Finished, ProcessError, Run};
use super::rfc3339;

/// How long one question to restic may take.
const LIMIT: Duration = Duration::from_mins(1);
/// The longest list of snapshots that is read: some 20 000 of them.
const MOST_OUTPUT: u64 = 8 * 1024 * 1024;
/// How much of restic's own words is passed on, in characters.
const MOST_WORDS: usize = 300;

/// The tool, and how long it may take.
pub(super) struct Restic {
    program: OsString,
    limit: Duration,
}

impl Default for Restic {
    fn default() -> Self {
        Self { program: "restic".into(), limit: LIMIT }
    }
}

/// What the list of snapshots says.
#[derive(Debug, PartialEq)]
struct Finding {
    outcome: BackupOutcome,
    snapshots: u64,
    newest: Option<Newest>,
    detail: String,
}

#[derive(Debug, PartialEq)]
struct Newest {
    at: Timestamp,
    id: String,
    bytes: Option<u64>,
}

/// A snapshot in restic's JSON, as far as it matters.
#[derive(Deserialize)]
struct Snapshot {
    time: String,
    id: String,
    short_id: Option<String>,
    /// Since 0.17.
    summary: Option<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    total_bytes_processed: Option<u64>,
}

impl Restic {
    /// Looks at `repository` once, with the password in the file that `password` found.
    pub(super) async fn look(
        &self,
        repository: &str,
        password: Result<PathBuf, SecretError>,
    ) -> BackupEvidence {
        let began = Instant::now();
        let mut version = String::new();
        let finding = match password {
            Err(error) => {
                let mut detail = error.to_string();
                if let Some(source) = std::error::Error::source(&error) {
                    detail = format!("{detail}: {source}");
                }
                Finding::none(BackupOutcome::SecretMissing, detail)
            }
            Ok(password) => self.ask(repository, &password, &mut version).await,
        };
        let (newest_at, newest_id, newest_bytes) = match finding.newest {
            Some(newest) => (Some(newest.at), Some(newest.id), newest.bytes),
            None => (None, None, None),
        };
        BackupEvidence {
            tool: "restic".to_owned(),
            tool_version: version,
            outcome: finding.outcome,
            snapshots: finding.snapshots,
            newest_at,
            newest_id,
            newest_bytes,
            took: Millis(began.elapsed().as_millis() as u64),
            detail: finding.detail,
        }
    }

    async fn ask(&self, repository: &str, password: &std::path::Path, version: &mut String) -> Finding {
        match self.run(&["version".as_ref()], b"").await {
            Ok(done) => *version = version_of(&done.stdout),
            Err(error) => return unfinished(&error),
        }
        let args: [&OsStr; 8] = [
            "--no-cache".as_ref(),
            "--no-lock".as_ref(),
            "--json".as_ref(),
            "--repository-file".as_ref(),
            "/dev/stdin".as_ref(),
            "--password-file".as_ref(),
            password.as_os_str(),
            "snapshots".as_ref(),
        ];
        match self.run(&args, repository.as_bytes()).await {
            Ok(done) => judge(&done, repository),
            Err(error) => unfinished(&error),
        }
    }

    async fn run(&self, args: &[&OsStr], input: &[u8]) -> Result<Finished, ProcessError> {
        Run { program: &self.program, args, input, limit: self.limit, most_output: MOST_OUTPUT }
            .finish()
            .await
    }
}

impl Finding {
    fn none(outcome: BackupOutcome, detail: String) -> Self {
        Self { outcome, snapshots: 0, newest: None, detail }
    }
}

/// `restic 0.14.0 compiled with …` is version 0.14.0.
fn version_of(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let mut words = text.split_whitespace();
    let version = if words.next() == Some("restic") { words.next() } else { None };
    version.unwrap_or_default().chars().take(40).collect()
}

fn unfinished(error: &ProcessError) -> Finding {
    let (outcome, detail) = match error {
        ProcessError::Missing => (
            BackupOutcome::ToolMissing,
            "restic is not installed on the agent's host, or not in the agent's PATH: install restic 0.14 or later".into(),
        ),
        ProcessError::TimedOut => (
            BackupOutcome::TimedOut,
            "restic did not answer in time and was stopped: the repository's storage is slow, or cannot be reached".into(),
        ),
        ProcessError::Flood => (
            BackupOutcome::Unreadable,
            "restic listed more snapshots than can be read: let `restic forget` thin them out".into(),
        ),
        ProcessError::Io(source) => (
            BackupOutcome::Unreadable,
            format!("{error}: {source}"),
        ),
    };
    Finding::none(outcome, detail)
}

/// What restic's exit code and words mean.
fn judge(done: &Finished, repository: &str) -> Finding {
    let errors = String::from_utf8_lossy(&done.stderr);
    let words = redact(&gist(&errors), repository);
    if done.code != Some(0) {
        let (outcome, advice) = failure(done.code, &errors);
        return Finding::none(outcome, format!("{advice}; restic says: {words}"));
    }
    let Ok(snapshots) = serde_json::from_slice::<Option<Vec<Snapshot>>>(&done.stdout) else {
        let detail = format!(
            "restic's list of snapshots is not the JSON that is known: compare its version; it says: {words}"
        );
        return Finding::none(BackupOutcome::Unreadable, detail);
    };
    let snapshots = snapshots.unwrap_or_default();
    let mut newest: Option<Newest> = None;
    for snapshot in &snapshots {
        let Some(at) = rfc3339::parse(&snapshot.time) else {
            let time: String = snapshot.time.chars().filter(|c| !c.is_control()).take(40).collect();
            let detail = format!(
                "restic gives a snapshot the time `{time}`, which cannot be read: compare its version"
            );
            return Finding::none(BackupOutcome::Unreadable, detail);
        };
        if newest.as_ref().is_none_or(|newest| at > newest.at) {
            let short = || snapshot.id.chars().take(8).collect();
            newest = Some(Newest {
                at,
                id: snapshot.short_id.clone().unwrap_or_else(short),
                bytes: snapshot.summary.as_ref().and_then(|summary| summary.total_bytes_processed),
            });
        }
    }
    let detail = if words.is_empty() {
        String::new()
    } else {
        format!("the list was read, but restic warns (run `restic check`): {words}")
    };
    Finding { outcome: BackupOutcome::Read, snapshots: snapshots.len() as u64, newest, detail }
}

fn failure(code: Option<i32>, errors: &str) -> (BackupOutcome, &'static str) {
    let says = |words: &str| errors.contains(words);
    if code == Some(12) || says("wrong password or no key found") {
        (
            BackupOutcome::WrongPassword,
            "the repository refuses the password: put the right one into the secret's file",
        )
    } else if code == Some(11) || says("already locked") || says("unable to create lock") {
        (
            BackupOutcome::Locked,
            "the repository is locked: see whether a backup is running; if none is, `restic unlock` removes a lock that was left behind",
        )
    } else if says("Resolving password failed") {
        (BackupOutcome::SecretMissing, "restic cannot read the password's file: look at its rights")
    } else if code == Some(10)
        || says("unable to open config file")
        || says("Is there a repository at the following location")
        || says("unable to open repository")
        || says("parsing repository location failed")
    {
        (
            BackupOutcome::Unreachable,
            "no repository can be reached there: check its address, the way to it, and its storage",
        )
    } else {
        (BackupOutcome::Unreadable, "restic failed in a way that is not known: run the same question by hand")
    }
}

/// The words of restic that a person needs, in one line: no control characters, no stack of a crash.
fn gist(errors: &str) -> String {
    let lines = errors.lines().map(str::trim).filter(|line| !line.is_empty());
    let said: Vec<&str> = lines.take_while(|line| !line.starts_with("goroutine ")).collect();
    let line: String = said.join("; ").chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim_start_matches("Fatal: ").to_owned()
}

/// Takes the credentials of the repository's address, and of any address, out of a text, and cuts it.
fn redact(text: &str, repository: &str) -> String {
    let mut out = text.to_owned();
    if let Some((_, rest)) = repository.split_once("://")
        && let Some((credentials, _)) = rest.rsplit_once('@')
    {
        let password = credentials.split_once(':').map_or("", |(_, password)| password);
        for secret in [credentials, password] {
            if !secret.is_empty() {
                out = out.replace(secret, "***");
            }
        }
    }
    let mut clean = String::with_capacity(out.len());
    let mut rest = out.as_str();
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end =
            after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'')).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                clean.push_str("***@");
                clean.push_str(host);
            }
            None => clean.push_str(authority),
        }
        rest = tail;
    }
    clean.push_str(rest);
    clean.chars().take(MOST_WORDS).collect()
}

#[cfg(test)]
pub(super) mod tests;
