//! `spool`: where every batch is.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use wasl_spool::{Accounting, Inspection};

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
        let behind =
            wasl_spool::inspect_asides(&state.spool()).context("reading the spools that were left behind")?;
        let all: Vec<(bool, &Inspection)> =
            std::iter::once((false, &found)).chain(behind.iter().map(|found| (true, found))).collect();
        if self.json {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
            let items: Vec<Value> =
                all.iter().map(|(is_behind, found)| item(&bootstrap.agent, *is_behind, found)).collect();
            let document = json!({ "schema": "wasl.spool.v1", "generated_at": now, "items": items });
            super::show(&format!("{document:#}\n"));
        } else {
            let texts: Vec<String> =
                all.iter().map(|(is_behind, found)| text(&bootstrap.agent, *is_behind, found)).collect();
            super::show(&texts.join("\n"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// `left_behind`: its directory had gone back to an older copy, and a new epoch was begun.
fn item(agent: &str, left_behind: bool, found: &Inspection) -> Value {
    let account = found.accounting;
    let dropped: BTreeMap<&str, u64> =
        account.dropped.by_policy().map(|(policy, count)| (policy.word(), count)).collect();
    json!({
        "agent": agent,
        "epoch": format!("{:016x}", found.epoch.0),
        "left_behind": left_behind,
        "produced": account.produced,
        "acknowledged": account.acknowledged,
        "pending": account.pending,
        "dropped": dropped,
        "bytes": account.bytes,
        "segments": account.segments,
    })
}

fn text(agent: &str, left_behind: bool, found: &Inspection) -> String {
    let Accounting { produced, acknowledged, pending, dropped, bytes, segments, .. } = found.accounting;
    let policies: Vec<String> =
        dropped.by_policy().map(|(policy, count)| format!("{} {count}", policy.word())).collect();
    let behind = if left_behind { " (left behind: its folder had gone back to an older copy)" } else { "" };
    format!(
        "agent          {agent}\nepoch          {:016x}{behind}\nproduced       {produced}\nacknowledged   {acknowledged}\npending        {pending}\ndropped        {} ({})\non disk        {bytes} bytes in {segments} segments\n",
        found.epoch.0,
        dropped.total(),
        policies.join(", "),
    )
}
