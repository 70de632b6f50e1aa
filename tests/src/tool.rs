//! Other programs: `ip`, `nft`, `restic`.

use std::process::{Command, Output};

/// Runs a program to its end and gives what it printed. Panics, with its words, if it fails.
pub fn run(program: &str, args: &[&str]) -> String {
    finish(Command::new(program).args(args))
}

/// Runs a command to its end and gives what it printed. Panics, with its words, if it fails.
pub fn finish(command: &mut Command) -> String {
    let output = output(command);
    assert!(
        output.status.success(),
        "{command:?} failed ({}):\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a command to its end, whatever it comes to.
pub fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} could not be started: {error}"))
}

/// Runs a program whose failure does not matter, for tidying up.
pub fn try_run(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|output| output.status.success())
}

/// Whether a program can be found.
pub fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).any(|file| file.is_file())
}
