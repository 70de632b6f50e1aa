//! Tools that stories need, installed from the system's packages where that is permitted.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::{binaries, tool};

/// Makes sure that `program` is there: as root it is installed from `package`, once, however many stories
/// ask. `Err` is the reason for a skip.
pub fn need(program: &str, package: &str) -> Result<(), String> {
    if tool::exists(program) {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(format!("{program} is not installed, and only root can install {package}"));
    }
    let path = binaries::target().join("test-packages.lock");
    let lock = File::create(&path).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| format!("{} cannot be locked: {error}", path.display()))?;
    if tool::exists(program) {
        return Ok(());
    }
    let installed = Command::new("apt-get")
        .args(["install", "-y", "--no-install-recommends", package])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output();
    match installed {
        Ok(output) if output.status.success() && tool::exists(program) => Ok(()),
        Ok(output) => {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
            Err(format!("{program} is not installed and apt-get could not install {package}: {last}"))
        }
        Err(error) => Err(format!("{program} is not installed and apt-get could not be run: {error}")),
    }
}

/// What a story with a network of its own needs: root, and the tools for it.
pub fn need_network() -> Result<(), String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("a network of one's own needs root".to_owned());
    }
    for (program, package) in [("ip", "iproute2"), ("nft", "nftables"), ("setpriv", "util-linux")] {
        need(program, package)?;
    }
    Ok(())
}
