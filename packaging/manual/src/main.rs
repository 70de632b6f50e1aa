//! Writes the manual pages and the shells' completions of all programs, for their packages. They come from the
//! same description that the programs read their arguments by, so they cannot differ from it; and as this is a
//! program of its own, the others carry nothing of it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Command, Parser};
use clap_complete::{Shell, generate_to};

/// Writes manual pages and completions: `DIR/PROGRAM/man/*.1` and `DIR/PROGRAM/completions/*`.
#[derive(Debug, Parser)]
#[command(name = "wasl-manual")]
struct Cli {
    /// The folder to write to
    dir: PathBuf,
}

fn main() -> Result<()> {
    write(&Cli::parse().dir)
}

/// Every program of the packages.
fn programs() -> [Command; 4] {
    let agent = wasl_agent_core::cli::command;
    [
        wasl_controller::cli::command(),
        agent(&wasl_agent::cli::PROGRAM),
        agent(&wasl_lab_agent::PROGRAM),
        wasl_helper::cli::command(),
    ]
}

fn write(dir: &Path) -> Result<()> {
    for program in programs() {
        let name = program.get_name().to_owned();
        let (man, completions) = (dir.join(&name).join("man"), dir.join(&name).join("completions"));
        for folder in [&man, &completions] {
            fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        clap_mangen::generate_to(program.clone(), &man)
            .with_context(|| format!("writing the manual of {name}"))?;
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            generate_to(shell, &mut program.clone(), &name, &completions)
                .with_context(|| format!("writing the completions of {name} for {shell}"))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
