//! `wasl restore`: a state folder from a backup.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{backup, table};
use crate::backup::{Into, restore};

/// Make a state folder from a backup, on this or another machine. Everything is checked first; an existing state
/// is never overwritten.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    from: PathBuf,
    /// The new state folder; empty or not there
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where to put the configuration, if the backup has one; empty or not there
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
    /// The file with the passphrase of a sealed backup
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Restore {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let passphrase = self.passphrase_file.as_deref().map(backup::passphrase).transpose()?;
        let into = Into { state: self.state, config: self.config };
        let done = restore(&self.from, &into, passphrase.as_ref()).await?;
        table::show(&format!(
            "{} holds the state as of {}, with {} agents.\n",
            into.state.display(),
            done.manifest.made_at,
            done.agents
        ));
        match (&into.config, done.has_config) {
            (Some(config), true) => table::show(&format!("{} holds its configuration.\n", config.display())),
            (Some(_), false) => table::show("The backup holds no configuration.\n"),
            (None, true) => {
                table::show("The configuration in the backup was left there; --config puts it in place.\n");
            }
            (None, false) => {}
        }
        table::show(
            "\nNext:\n  - start it: wasl serve --config DIR --state DIR\n  - never start the old one again: two controllers would both be believed\n  - agents bring what they delivered since by themselves; those that only know another address need\n    `wasl-agent run --controller HOST:PORT` once, or the old name in DNS\n  - repeat what was revoked since then: the backup does not know of it\n",
        );
        Ok(ExitCode::SUCCESS)
    }
}
