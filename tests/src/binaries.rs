//! The programs under test.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder `target` that this test was built into.
pub fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a process knows its own program");
    let found = own.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    found.unwrap_or_else(|| panic!("{} does not lie in cargo's target folder", own.display())).to_owned()
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("this package has a parent folder").to_owned()
}

/// The folder of the programs: `WASL_BIN_DIR`, or that of this test's own build.
pub fn folder() -> PathBuf {
    std::env::var_os("WASL_BIN_DIR").map_or_else(
        || {
            let own = std::env::current_exe().expect("a process knows its own program");
            own.ancestors().nth(2).expect("tests lie in target/PROFILE/deps").to_owned()
        },
        PathBuf::from,
    )
}

/// One of the programs. Panics with the remedy if it was not built.
pub fn path(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(
        path.is_file(),
        "{} is not there: run `cargo build -p wasl -p wasl-agent -p wasl-helper`, or name the programs' folder in WASL_BIN_DIR",
        path.display()
    );
    path
}

/// Puts the programs into a new folder `bin` below `dir`, where any user can run them; a checkout often
/// lies where only its owner may look.
pub fn for_everybody(dir: &Path) -> PathBuf {
    let bin = dir.join("bin");
    fs::create_dir_all(&bin).expect("a folder for the programs");
    fs::set_permissions(&bin, fs::Permissions::from_mode(0o755)).expect("our own folder");
    for name in ["wasl", "wasl-agent"] {
        let (from, to) = (path(name), bin.join(name));
        if fs::hard_link(&from, &to).is_err() {
            fs::copy(&from, &to).unwrap_or_else(|error| panic!("copying {}: {error}", from.display()));
        }
    }
    bin
}

/// A command of one of the programs.
pub fn command(name: &str) -> Command {
    Command::new(path(name))
}
