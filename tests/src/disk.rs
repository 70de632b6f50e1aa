//! Small disks of a story's own, which can be full.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::{packages, tool};

/// A tmpfs; it is unmounted when this is dropped.
pub struct Disk(PathBuf);

impl Disk {
    /// Whether one can be made here. `Err` is the reason for a skip.
    pub fn need() -> Result<(), String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("a disk of one's own needs root".to_owned());
        }
        packages::need("mount", "mount")?;
        let dir = tempfile::tempdir().map_err(|error| format!("making a folder: {error}"))?;
        let probe = dir.path().join("probe");
        let made = mount(&probe, 64);
        tool::try_run("umount", &[&probe.to_string_lossy()]);
        if made { Ok(()) } else { Err("nothing may be mounted here".to_owned()) }
    }

    /// Mounts one of so many kilobytes on a new folder.
    pub fn mount(folder: &Path, kilobytes: u32) -> Self {
        sweep();
        assert!(mount(folder, kilobytes), "{} could not be mounted", folder.display());
        Self(folder.to_owned())
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let filler = self.filler();
        let mut file =
            File::create(&filler).unwrap_or_else(|error| panic!("making {}: {error}", filler.display()));
        for length in [4096, 1] {
            loop {
                match file.write_all(&vec![0; length]) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("filling {}: {error}", filler.display()),
                }
            }
        }
    }

    /// Frees what filled it.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a daemon that the story has still to end may work on it.
        tool::try_run("umount", &["-l", &self.0.to_string_lossy()]);
    }
}

fn mount(folder: &Path, kilobytes: u32) -> bool {
    let source = format!("wasl-{}", std::process::id());
    let options = format!("size={kilobytes}k,mode=0700");
    fs::create_dir_all(folder).is_ok()
        && tool::try_run("mount", &["-t", "tmpfs", "-o", &options, &source, &folder.to_string_lossy()])
}

/// Unmounts what tests that are no more have left.
fn sweep() {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let owner = words.next().and_then(|source| source.strip_prefix("wasl-")?.parse::<u32>().ok());
        if let (Some(owner), Some(folder)) = (owner, words.next())
            && !Path::new(&format!("/proc/{owner}")).exists()
        {
            tool::try_run("umount", &["-l", folder]);
        }
    }
}
