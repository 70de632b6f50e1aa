//! `spool`: where every batch is.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use super::{Place, Program};
use crate::state::StateDir;

/// The account of the spool: produced = acknowledged + dropped + pending.
#[derive(Debug, Args)]
pub(super) struct SpoolAccount {
    #[command(flatten)]
    pub(super) place: Place,
    /// Give one JSON document on standard output
    #[arg(long)]
    json: bool,
}

impl SpoolAccount {
    pub(super) fn run(self, program: &Program) -> Result<ExitCode> {
        let state = StateDir::open(&self.place.state)?;
        let bootstrap = state.bootstrap()?;
        if !state.spool().exists() {
            anyhow::bail!(
                "the agent {} has not run yet, so nothing was produced; start it with `{} run --state {}`",
                bootstrap.agent,
                program.name,
                self.place.state.display()
            );
        }
        let found = wasl_spool::inspect(&state.spool()).context("reading the spool")?;
        let account = found.accounting;
        let dropped = account.dropped;
        if self.json {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            let item = json!({
                "agent": bootstrap.agent,
                "epoch": format!("{:016x}", found.epoch.0),
                "produced": account.produced,
                "acknowledged": account.acknowledged,
                "pending": account.pending,
                "dropped": {
                    "quota": dropped.quota, "corrupt": dropped.corrupt, "age": dropped.age, "forgotten": dropped.forgotten,
                },
                "bytes": account.bytes,
                "segments": account.segments,
            });
            let document = json!({ "schema": "wasl.spool.v1", "generated_at": now, "items": [item] });
            super::show(&format!("{document:#}\n"));
        } else {
            super::show(&format!(
                "agent          {}\nepoch          {:016x}\nproduced       {}\nacknowledged   {}\npending        {}\ndropped        {} (quota {}, corrupt {}, age {}, forgotten {})\non disk        {} bytes in {} segments\n",
                bootstrap.agent,
                found.epoch.0,
                account.produced,
                account.acknowledged,
                account.pending,
                dropped.total(),
                dropped.quota,
                dropped.corrupt,
                dropped.age,
                dropped.forgotten,
                account.bytes,
                account.segments,
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}
