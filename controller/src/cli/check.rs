//! `wasl check`: is this configuration sound?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use wasl_settings::Settings;

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
                    table::show(&format!("{} is sound: {}\n", self.config.display(), contents(&settings)));
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

/// What a configuration holds, such as `1 site, 3 targets`.
fn contents(settings: &Settings) -> String {
    let counts = [
        (settings.sites().len(), "site", "sites"),
        (settings.agents().len(), "agent", "agents"),
        (settings.links().len(), "link", "links"),
        (settings.targets().len(), "target", "targets"),
        (settings.devices().len(), "device", "devices"),
        (settings.backups().len(), "backup job", "backup jobs"),
    ];
    let told = counts.into_iter().filter(|(count, ..)| *count > 0);
    let told: Vec<_> =
        told.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })).collect();
    if told.is_empty() { "nothing to watch yet".to_owned() } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_counted_and_the_rest_is_not_named() {
        let told = |sites: &str| {
            let text = format!("institution: {{ id: u, name: {{ en: U }}, timezone: Asia/Hebron }}\n{sites}");
            contents(&wasl_settings::load_from(&[("wasl.yaml".into(), text)]).expect("sound"))
        };
        assert_eq!(told("sites: { hub: { name: { en: Hub } } }"), "1 site");
        let two = "sites: { a: { name: { en: A } }, b: { name: { en: B } } }
agents: { gw: { site: a, role: gateway } }";
        assert_eq!(told(two), "2 sites, 1 agent");
    }
}
