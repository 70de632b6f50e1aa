//! Does what was decided: one fixed program with fixed arguments, or one fixed file.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

use crate::count::{self, TABLE};
use crate::decide::Action;
use crate::request::{COUNTS, PowerAction, Reply};

/// The most of a program's output that is kept, in bytes.
const MAX_OUTPUT: u64 = 4096;
/// The same for the table of counts. With its quotes escaped it still fits into an answer.
const MAX_COUNTS: u64 = 1536 * 1024;
/// What is told of a unit.
const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,NRestarts,ActiveEnterTimestamp";

/// Where this machine's parts are.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The program that speaks to systemd.
    pub systemctl: PathBuf,
    /// The program that speaks to the packet filter.
    pub nft: PathBuf,
    /// The file of `net.ipv4.ping_group_range`.
    pub ping_group_range: PathBuf,
    /// How long a program may take.
    pub patience: Duration,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            systemctl: "/usr/bin/systemctl".into(),
            nft: "/usr/sbin/nft".into(),
            ping_group_range: "/proc/sys/net/ipv4/ping_group_range".into(),
            patience: Duration::from_secs(60),
        }
    }
}

/// Why something was not done.
#[derive(Debug, Error)]
pub enum PerformError {
    /// A program could not be run.
    #[error("running {}", program.display())]
    Run {
        /// Which.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program took too long and was killed.
    #[error("{} took longer than {} s and was ended", program.display(), patience.as_secs())]
    Slow {
        /// Which.
        program: PathBuf,
        /// How long it had.
        patience: Duration,
    },
    /// A program did not succeed.
    #[error("{} says ({status}): {words}", program.display())]
    Status {
        /// Which.
        program: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        words: String,
    },
    /// A file could not be used.
    #[error("using {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file holds something unexpected.
    #[error("{} holds `{text}`, which is no range of groups", path.display())]
    Range {
        /// Which.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
}

impl Machine {
    /// Does it.
    pub async fn perform(&self, action: &Action) -> Result<Reply, PerformError> {
        match action {
            Action::Tell { allowed } => {
                let mut reply = Reply::done("wasl-helper is at work");
                reply.facts.insert("version".into(), env!("CARGO_PKG_VERSION").into());
                reply.facts.insert("allowed".into(), allowed.clone());
                Ok(reply)
            }
            Action::LetPing { group } => self.let_ping(*group),
            Action::Show(unit) => {
                let output = self.systemctl(&["show", PROPERTIES, "--", unit.as_str()]).await?;
                let facts: BTreeMap<String, String> = output
                    .lines()
                    .filter_map(|line| line.split_once('='))
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect();
                let state = facts.get("ActiveState").map_or("unknown", String::as_str);
                Ok(Reply { facts: facts.clone(), ..Reply::done(format!("{unit} is {state}")) })
            }
            Action::Reload(unit) => {
                self.systemctl(&["--no-ask-password", "reload", "--", unit.as_str()]).await?;
                Ok(Reply::done(format!("{unit} has read its configuration again")))
            }
            Action::Count(lines) => {
                self.nft(&["-f", "-"], &lines.ruleset(), MAX_OUTPUT).await?;
                Ok(Reply::done(format!("{} lines are counted from now on", lines.as_slice().len())))
            }
            Action::ReadCounts => {
                let counts = self.nft(&["-j", "list", "table", "inet", TABLE], "", MAX_COUNTS).await?;
                if counts.len() as u64 >= MAX_COUNTS {
                    return Ok(Reply::failed("the table of counts is too long"));
                }
                let mut reply = Reply::done("what was counted");
                reply.facts.insert(COUNTS.to_owned(), counts);
                Ok(reply)
            }
            Action::StopCounting => {
                self.nft(&["-f", "-"], &count::without(), MAX_OUTPUT).await?;
                Ok(Reply::done("nothing is counted any more"))
            }
            Action::Power(action) => {
                let (verb, words) = match action {
                    PowerAction::Off => ("poweroff", "this machine goes off"),
                    PowerAction::Reboot => ("reboot", "this machine starts anew"),
                };
                self.systemctl(&["--no-ask-password", "--no-block", verb]).await?;
                Ok(Reply::done(words))
            }
        }
    }

    fn let_ping(&self, group: u32) -> Result<Reply, PerformError> {
        let path = &self.ping_group_range;
        let file = |source| PerformError::File { path: path.clone(), source };
        let text = std::fs::read_to_string(path).map_err(file)?;
        let old = range(&text)
            .ok_or_else(|| PerformError::Range { path: path.clone(), text: text.trim().to_owned() })?;
        let new = widened(old, group);
        if new == old {
            return Ok(Reply::done(format!("group {group} may already send ICMP echo requests")));
        }
        let new = format!("{} {}", new.0, new.1);
        std::fs::write(path, &new).map_err(file)?;
        Ok(Reply::done(format!("net.ipv4.ping_group_range is now `{new}`, until the next start")))
    }

    /// Runs systemctl; what it says.
    async fn systemctl(&self, args: &[&str]) -> Result<String, PerformError> {
        self.run(&self.systemctl, args, "", MAX_OUTPUT).await
    }

    /// Runs nft with a ruleset; what it says.
    async fn nft(&self, args: &[&str], ruleset: &str, most: u64) -> Result<String, PerformError> {
        self.run(&self.nft, args, ruleset, most).await
    }

    /// Runs a program with nothing of this process's environment; the start of what it says.
    async fn run(&self, name: &Path, args: &[&str], input: &str, most: u64) -> Result<String, PerformError> {
        let program = || name.to_owned();
        let run = |source| PerformError::Run { program: program(), source };
        let mut child = Command::new(name)
            .args(args)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(Path::new("/"))
            .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(run)?;
        let (to, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ended = tokio::time::timeout(self.patience, async {
            // A program may have ended before it has read everything, and then its status tells more.
            let tell = async {
                if let Some(mut to) = to {
                    let _ = to.write_all(input.as_bytes()).await;
                }
                Ok(())
            };
            let read = (start_of(out, most), start_of(err, MAX_OUTPUT));
            tokio::try_join!(tell, read.0, read.1, child.wait())
        });
        let Ok(ended) = ended.await else {
            return Err(PerformError::Slow { program: program(), patience: self.patience });
        };
        let ((), out, err, status) = ended.map_err(run)?;
        if status.success() {
            return Ok(out);
        }
        let words = if err.trim().is_empty() { "nothing" } else { err.trim() }.to_owned();
        Err(PerformError::Status { program: program(), status, words })
    }
}

/// The first and the last group of a range.
fn range(text: &str) -> Option<(u32, u32)> {
    let (low, high) = text.trim().split_once(char::is_whitespace)?;
    Some((low.parse().ok()?, high.trim_start().parse().ok()?))
}

/// The range that holds `group` as well.
fn widened((low, high): (u32, u32), group: u32) -> (u32, u32) {
    // The kernel's default `1 0` holds nobody.
    if low > high { (group, group) } else { (low.min(group), high.max(group)) }
}

/// The start of a stream; the rest of it is read and left out, so that its writer does not wait.
async fn start_of(stream: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<String> {
    let Some(mut stream) = stream else { return Ok(String::new()) };
    let mut kept = Vec::new();
    (&mut stream).take(most).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_grows_only_as_far_as_it_must() {
        for (text, grown) in [
            ("1\t0\n", (998, 998)),
            ("0\t2147483647\n", (0, 2_147_483_647)),
            ("998 998", (998, 998)),
            ("100 200", (100, 998)),
            ("999 1000", (998, 1000)),
        ] {
            assert_eq!(widened(range(text).expect("a range"), 998), grown, "{text:?}");
        }
        for text in ["", "1", "1 2 3", "a b", "-1 5"] {
            assert_eq!(range(text), None, "{text:?}");
        }
    }
}
