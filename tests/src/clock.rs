//! Clocks of one process alone, made with libfaketime, which stands between a program and the C library.
//!
//! A machine's own clock belongs to everybody on it, and time namespaces do not cover the wall clock, so this is the way to
//! set a clock for real under a program that runs.

use std::fs;
use std::path::{Path, PathBuf};

use crate::centre::Environment;
use crate::packages;

/// Makes sure that the library is there. `Err` is the reason for a skip.
pub fn need() -> Result<(), String> {
    packages::need("faketime", "faketime")?;
    library().map(|_| ()).ok_or_else(|| "libfaketimeMT.so.1 is not below /usr/lib".to_owned())
}

fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = folders.chain([PathBuf::from("/usr/lib")]).collect();
    folders.sort();
    folders.iter().map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|file| file.is_file())
}

fn loaded() -> Environment {
    let library = library().expect("the story has asked for it");
    // Files keep their times; only clocks are another.
    let settings = [("LD_PRELOAD", library.to_string_lossy().into_owned()), ("NO_FAKE_STAT", "1".to_owned())];
    settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A wall clock that is so many seconds behind when the process starts and runs so many times as fast, and with it all
/// timers.
pub fn fast(behind_s: u64, times: u32) -> Environment {
    let mut environment = loaded();
    environment.push(("FAKETIME".to_owned(), format!("-{behind_s}s x{times}")));
    environment
}

/// A wall clock that can be set while the process runs. The monotonic clock stays as it is.
pub struct Settable(PathBuf);

impl Settable {
    /// A clock that is right until it is set; the setting lies in a file in `dir`.
    pub fn new(dir: &Path, name: &str) -> Self {
        let clock = Self(dir.join(format!("{name}.clock")));
        clock.set(0);
        clock
    }

    /// Sets it so many seconds off the truth.
    pub fn set(&self, off_s: i64) {
        let next = self.0.with_extension("next");
        // The library reads a line; half of one would be another time.
        let done = fs::write(&next, format!("{off_s:+}s\n")).and_then(|()| fs::rename(&next, &self.0));
        done.unwrap_or_else(|error| panic!("setting the clock {}: {error}", self.0.display()));
    }

    /// What a process needs in its environment to have this clock.
    pub fn environment(&self) -> Environment {
        let mut environment = loaded();
        let settings = [
            ("FAKETIME_TIMESTAMP_FILE", self.0.to_string_lossy().into_owned()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        environment.extend(settings.map(|(key, value)| (key.to_owned(), value)));
        environment
    }
}
