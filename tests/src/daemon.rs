//! Real processes: started, logged into files, signalled by their number, and never left behind.

use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// How many lines of a log are shown when a story fails.
const LAST_LINES: usize = 60;

/// A running process. When this is dropped it is killed, and so are its children that outlived it.
pub struct Daemon {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
    orphans: Vec<u32>,
}

impl Daemon {
    /// Starts `command`; both outputs go into a new file in `logs`.
    pub fn start(name: &str, mut command: Command, logs: &Path) -> Self {
        let log = (1..10_000).map(|n| logs.join(format!("{name}.{n}.log"))).find(|file| !file.exists());
        let log = log.expect("no story starts a daemon ten thousand times");
        let out = File::create(&log).unwrap_or_else(|error| panic!("making {}: {error}", log.display()));
        let err = out.try_clone().expect("a file can be opened twice");
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"));
        Self { name: name.to_owned(), child, log, ended: None, orphans: Vec::new() }
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Its exit, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().expect("a child of ours can be asked");
        }
        self.ended
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid()).expect("process numbers are small"));
        kill(pid, signal).unwrap_or_else(|error| panic!("signalling {}: {error}", self.name));
    }

    /// Asks it to end and waits; its exit. Panics if it takes longer than `within`.
    pub fn end(&mut self, signal: Signal, within: Duration) -> ExitStatus {
        self.signal(signal);
        self.wait(within)
    }

    /// Waits for its end. Panics if it takes longer than `within`.
    pub fn wait(&mut self, within: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                begun.elapsed() < within,
                "{} did not end within {within:?}:\n{}",
                self.name,
                self.tail()
            );
            wait::during(Duration::from_millis(20), || {});
        }
    }

    /// Kills it at once (`kill -9`), as a power cut would.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.orphans = children(self.pid());
            self.child.kill().expect("a child of ours can be killed");
            let status = self.child.wait().expect("a killed child ends");
            assert_eq!(status.signal(), Some(9), "{} had ended by itself:\n{}", self.name, self.tail());
            self.ended = Some(status);
        }
    }

    /// Panics, with its last words, if it has ended.
    pub fn assert_running(&mut self) {
        if let Some(status) = self.ended() {
            panic!("{} has ended by itself ({status}):\n{}", self.name, self.tail());
        }
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.orphans = children(self.pid());
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        for orphan in self.orphans.iter().filter(|pid| is_alive(**pid)) {
            let _ = i32::try_from(*orphan).map(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL));
        }
        if std::thread::panicking() {
            eprintln!("--- the end of the log of {} ---\n{}\n", self.name, self.tail());
        }
    }
}

/// Whether a process is alive.
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| !rest.starts_with('Z')))
}

/// The living children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
        .flat_map(|all| all.split_whitespace().filter_map(|n| n.parse().ok()).collect::<Vec<u32>>())
        .collect()
}
