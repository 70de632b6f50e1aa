//! `wasl doctor`: why does this not work? In words, with the next step.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{AgentBody, EntityBody, List, NoticeBody};
use crate::time::{now, rfc3339};

/// Why does this not work? In words, with the next step.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    place: Where,
    /// Also check this configuration
    #[arg(long, value_name = "DIR")]
    config: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Finding {
    good: bool,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn good(what: impl Into<String>) -> Finding {
    Finding { good: true, what: what.into(), next: None }
}

fn bad(what: impl Into<String>, next: impl Into<String>) -> Finding {
    Finding { good: false, what: what.into(), next: Some(next.into()) }
}

impl Doctor {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let mut findings = Vec::new();
        let mut reached = false;
        let state = self.place.state();
        let beside = state.parent().map(|home| home.join("config")).filter(|c| c.exists());
        if let Some(config) = self.config.clone().or(beside) {
            findings.push(configuration(&config));
        }
        if state.exists() {
            reached = running(&Home::at(&state), &mut findings).await;
        } else {
            findings.push(bad(
                format!("there is no state folder {}", state.display()),
                "start a controller with `wasl up` or `wasl serve`, or name its folder with --state or --home",
            ));
        }
        let sick = findings.iter().any(|f| !f.good);
        if self.place.json {
            let document =
                json!({ "schema": "wasl.doctor.v1", "generated_at": rfc3339(now()), "items": findings });
            table::show(&format!("{document:#}\n"));
        } else {
            for finding in &findings {
                let sign = if finding.good { "●" } else { "■" };
                table::show(&format!("{sign} {}\n", finding.what));
                if let Some(next) = &finding.next {
                    table::show(&format!("  → {next}\n"));
                }
            }
        }
        Ok(match (reached, sick) {
            (false, _) => exit::UNREACHABLE.into(),
            (true, true) => exit::UNHEALTHY.into(),
            (true, false) => ExitCode::SUCCESS,
        })
    }
}

fn configuration(dir: &std::path::Path) -> Finding {
    match wasl_settings::load(dir) {
        Ok(_) => good(format!("the configuration in {} is sound", dir.display())),
        Err(problems) => bad(
            format!("the configuration in {} has {} problems", dir.display(), problems.len()),
            format!("wasl check --config {}", dir.display()),
        ),
    }
}

/// Looks at a controller through its API; whether it could be reached.
async fn running(home: &Home, findings: &mut Vec<Finding>) -> bool {
    let client = match Client::new(home) {
        Ok(client) => client,
        Err(error) => {
            findings.push(bad("the controller cannot be spoken to", error.to_string()));
            return false;
        }
    };
    let pid = client.addresses().pid;
    if let Err(error) = client.get_text("/readyz").await {
        let gone = !std::path::Path::new(&format!("/proc/{pid}")).exists();
        findings.push(if gone {
            bad(
                format!("the controller (process {pid}) is gone without saying good-bye: {error}"),
                "start it again; the end of its log says what happened",
            )
        } else {
            bad(
                format!("the controller (process {pid}) runs but does not answer: {error}"),
                "look at the end of its log",
            )
        });
        return false;
    }
    findings.push(good(format!("the controller (process {pid}) answers at {}", client.addresses().http)));
    look(&client, findings).await;
    true
}

/// What a controller that answers says of its agents and of what they watch.
async fn look(client: &Client, findings: &mut Vec<Finding>) {
    if let Ok(agents) = client.get::<List<AgentBody>>("/api/v1/agents").await {
        if agents.items.is_empty() {
            findings.push(bad("no agent has joined", "make a token with `wasl token create --site SITE --role server`, and run `wasl-agent join` on the machine"));
        }
        for agent in agents.items.iter().filter(|a| a.revoked.is_none()) {
            findings.push(if agent.connected {
                good(format!("the agent {} is connected", agent.id))
            } else {
                bad(
                    format!("the agent {} is not connected", agent.id),
                    format!(
                        "on its machine run `wasl-agent doctor --state DIR`; it must reach port {}",
                        client.addresses().agents.port()
                    ),
                )
            });
        }
    }
    if let Ok(notices) = client.get::<List<NoticeBody>>("/api/v1/notices").await {
        findings.extend(
            notices
                .items
                .into_iter()
                .map(|n| bad(format!("{} says of {}: {}", n.agent, n.subject, n.code), n.detail)),
        );
    }
    if let Ok(entities) = client.get::<List<EntityBody>>("/api/v1/entities").await {
        for entity in entities.items.iter().filter(|e| matches!(e.health.as_str(), "degraded" | "down")) {
            findings.push(bad(
                format!("{} {} is {}: {}", entity.kind, entity.id, entity.health, entity.reason.text_en),
                format!("its page: {}entities/{}/{}", client.addresses().http, entity.kind, entity.id),
            ));
        }
    }
}
