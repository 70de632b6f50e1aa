//! `wasl agents`: who reports.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};
use wasl_pages::format;

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{AgentBody, List, Revocation};
use crate::time::now;

/// The agents, or revoke one. Exits 1 if one is not as it should be.
#[derive(Debug, Args)]
pub(super) struct Agents {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    command: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an agent's certificates worthless at once and end its session
    Revoke {
        /// The agent's name
        name: String,
        /// Why, for the audit log
        #[arg(long, default_value = "")]
        reason: String,
    },
}

impl Agents {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Some(Act::Revoke { name, reason }) => {
                let name: wasl_model::AgentId = name.parse()?;
                let _: Option<()> =
                    client.post(&format!("/api/v1/agents/{name}/revoke"), &Revocation { reason }).await?;
                table::show(&format!("{name} is revoked\n"));
                Ok(ExitCode::SUCCESS)
            }
            None => {
                let agents: List<AgentBody> = client.get("/api/v1/agents").await?;
                let health =
                    |a: &AgentBody| a.state.as_ref().map_or("unknown", |s| s.health.as_str()).to_owned();
                let bad = agents.items.iter().any(|a| matches!(health(a).as_str(), "degraded" | "down"));
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&agents)?));
                } else if agents.items.is_empty() {
                    table::show(&format!(
                        "No agent has joined yet. Make a token and let a machine join with it:\n\n  wasl token create --site SITE --role server > token\n  wasl-agent join --controller {} --token token --state DIR\n",
                        client.addresses().agents
                    ));
                } else {
                    show(&agents.items, health);
                }
                Ok(if bad { exit::UNHEALTHY.into() } else { ExitCode::SUCCESS })
            }
        }
    }
}

fn show(agents: &[AgentBody], health: impl Fn(&AgentBody) -> String) {
    let now = now().0;
    let rows: Vec<Vec<String>> = agents
        .iter()
        .map(|a| {
            let state = if a.revoked.is_some() { "revoked".to_owned() } else { table::health(&health(a)) };
            let clock = a
                .clock_offset
                .zip(a.clock_error)
                .map(|(offset, error)| format!("{} ± {}", format::offset(offset), format::seconds(error)));
            vec![
                state,
                a.id.clone(),
                a.site.clone(),
                a.role.clone(),
                a.version.clone(),
                a.last_seen.map_or_else(
                    || "never".into(),
                    |t| if a.connected { "now".into() } else { format!("{} ago", table::age(t, now)) },
                ),
                a.spool_pending.map_or_else(|| "?".into(), |n| n.to_string()),
                clock.unwrap_or_else(|| "?".into()),
                format!("{} left", table::age(now, a.certificate_expires)),
            ]
        })
        .collect();
    table::print(
        &["HEALTH", "AGENT", "SITE", "ROLE", "VERSION", "SEEN", "WAITING", "CLOCK", "CERTIFICATE"],
        &rows,
    );
}
