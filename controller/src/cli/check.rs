//! `wasl check`: is this configuration sound?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{exit, table};
use crate::time::{now, rfc3339};

/// Check a configuration and say what is wrong with it.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// The folder of the configuration
    #[arg(long, value_name = "DIR", default_value = "config")]
    config: PathBuf,
    /// Give one JSON document on standard output
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Runs it.
    pub(super) fn run(&self) -> ExitCode {
        let outcome = wasl_settings::load(&self.config);
        if self.json {
            let items = outcome.as_ref().err().cloned().unwrap_or_default();
            let document =
                json!({ "schema": "wasl.check.v1", "generated_at": rfc3339(now()), "items": items });
            table::show(&format!("{document:#}\n"));
        }
        match outcome {
            Ok(settings) => {
                if !self.json {
                    table::show(&format!(
                        "{} is sound: {} sites, {} agents, {} links, {} targets, {} devices, {} backup jobs\n",
                        self.config.display(),
                        settings.sites().len(),
                        settings.agents().len(),
                        settings.links().len(),
                        settings.targets().len(),
                        settings.devices().len(),
                        settings.backups().len(),
                    ));
                }
                ExitCode::SUCCESS
            }
            Err(problems) => {
                if !self.json {
                    for problem in &problems {
                        eprintln!("{problem}\n");
                    }
                    let count = problems.len();
                    eprintln!(
                        "{count} {} found; nothing of this configuration is used until {} mended",
                        if count == 1 { "problem" } else { "problems" },
                        if count == 1 { "it is" } else { "they are" }
                    );
                }
                exit::CONFIG.into()
            }
        }
    }
}
