//! Running a tool that may hang, flood or leave children behind.
//!
//! A tool that talks to a far repository can wait for ever (restic was seen to retry for tens of seconds on
//! a lock alone). It runs in a process group of its own, with a bare environment, and the whole group is
//! killed when its time is over, when it says too much, or when the one who waits for it goes away.

use std::ffi::OsStr;
use std::io;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// What may be kept of the error output, in bytes; the rest is read and thrown away.
const MOST_ERRORS: u64 = 64 * 1024;

/// What a tool came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finished {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its output.
    pub stdout: Vec<u8>,
    /// The beginning of its error output.
    pub stderr: Vec<u8>,
}

/// Why a tool came to nothing.
#[derive(Debug, Error)]
pub(super) enum ProcessError {
    /// There is no such program.
    #[error("the program is not installed, or not in the agent's PATH")]
    Missing,
    /// It did not end in time and was killed.
    #[error("the program did not end in time and was stopped")]
    TimedOut,
    /// It wrote more than may be kept and was killed.
    #[error("the program wrote more than may be read and was stopped")]
    Flood,
    /// It could not be run.
    #[error("the program could not be run: look at the rights on it and at the machine's limits")]
    Io(#[from] io::Error),
}

/// A program with its arguments, input and limits.
pub(super) struct Run<'a> {
    pub program: &'a OsStr,
    pub args: &'a [&'a OsStr],
    /// What it is given on standard input.
    pub input: &'a [u8],
    /// How long it may take.
    pub limit: Duration,
    /// How many bytes of output are taken.
    pub most_output: u64,
}

/// Kills a process group unless its leader was seen to end.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // It may have ended by itself meanwhile.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

impl Run<'_> {
    /// Runs it to its end or its limit. When this is dropped, the program is killed.
    pub(super) async fn finish(&self) -> Result<Finished, ProcessError> {
        let mut command = Command::new(self.program);
        command
            .args(self.args)
            .env_clear()
            .env("LANG", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for name in ["PATH", "HOME"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => ProcessError::Missing,
            _ => ProcessError::Io(error),
        })?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        let mut group = Group(leader.map(Pid::from_raw));
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("a pipe to the program is missing").into());
        };
        let work = async {
            let feed = async {
                // A program that does not read its input has its reasons.
                let _ = stdin.write_all(self.input).await;
                drop(stdin);
                Ok(())
            };
            let (stdout, stderr, ()) = tokio::try_join!(all(stdout, self.most_output), some(stderr), feed)?;
            let status = child.wait().await?;
            Ok(Finished { code: status.code(), stdout, stderr })
        };
        let finished = tokio::time::timeout(self.limit, work).await.map_err(|_| ProcessError::TimedOut)?;
        if finished.is_ok() {
            group.0 = None;
        }
        finished
    }
}

async fn all(pipe: impl AsyncRead + Unpin, most: u64) -> Result<Vec<u8>, ProcessError> {
    let mut out = Vec::new();
    pipe.take(most + 1).read_to_end(&mut out).await?;
    if out.len() as u64 > most { Err(ProcessError::Flood) } else { Ok(out) }
}

async fn some(mut pipe: impl AsyncRead + Unpin) -> Result<Vec<u8>, ProcessError> {
    let mut out = Vec::new();
    (&mut pipe).take(MOST_ERRORS).read_to_end(&mut out).await?;
    tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{Instant, timeout};

    fn run<'a>(program: &'a str, args: &'a [&'a OsStr], limit: Duration) -> Run<'a> {
        Run { program: program.as_ref(), args, input: b"in\n", limit, most_output: 1024 }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_program_gets_its_input_and_nothing_of_our_environment() {
        let script = "cat; env | cut -d= -f1 | sort | tr '\\n' ' '; echo oh >&2; exit 3";
        let done = run("sh", &["-c".as_ref(), script.as_ref()], LONG).finish().await.expect("runs");
        let text = String::from_utf8(done.stdout).expect("text");
        let names: Vec<&str> =
            text.lines().nth(1).expect("names").split(' ').filter(|n| !n.is_empty()).collect();
        assert!(text.starts_with("in\n"));
        assert!(
            names.iter().all(|n| ["PATH", "HOME", "LANG", "PWD", "_", "OLDPWD", "SHLVL"].contains(n)),
            "{names:?}"
        );
        assert_eq!((done.code, done.stderr), (Some(3), b"oh\n".to_vec()));
    }

    #[tokio::test]
    async fn a_program_that_floods_is_stopped() {
        let done = run("yes", &[], LONG).finish().await;
        assert!(matches!(done, Err(ProcessError::Flood)), "{done:?}");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_missing() {
        let done = run("/nonexistent/restic", &[], LONG).finish().await;
        assert!(matches!(done, Err(ProcessError::Missing)), "{done:?}");
    }

    /// A tool's own child, as the ssh of restic, must not outlive it.
    #[tokio::test]
    async fn a_program_that_hangs_is_stopped_with_its_children() {
        let dir = tempfile::tempdir().expect("a folder");
        let fifo = dir.path().join("alive");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("made");
        let script = "sleep 600 > \"$0\" & wait";
        let args: [&OsStr; 3] = ["-c".as_ref(), script.as_ref(), fifo.as_os_str()];
        let hanging = run("sh", &args, Duration::from_secs(2));
        // The child holds the pipe's writing end until it dies; then reading ends.
        let reading = async {
            let mut end = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&fifo).expect("opened");
            let mut out = Vec::new();
            // Until the child has opened it, reading ends at once.
            let deadline = Instant::now() + LONG;
            while Instant::now() < deadline {
                if timeout(Duration::from_millis(100), end.read_to_end(&mut out)).await.is_err() {
                    return timeout(LONG, end.read_to_end(&mut out)).await.is_ok();
                }
                tokio::task::yield_now().await;
            }
            false
        };
        let (done, ended) = tokio::join!(hanging.finish(), reading);
        assert!(matches!(done, Err(ProcessError::TimedOut)), "{done:?}");
        assert!(ended, "the child of the stopped program is still there");
    }
}
