//! `wasl incidents` and `wasl maintenance`: what is broken and why, and when that is expected.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{
    AcknowledgeRequest, IncidentBody, List, MaintenanceBody, MaintenanceRequest, NewMaintenance,
};
use crate::time::now;

/// What is broken, why, and what suffers from it. Exits 1 if an incident lasts.
#[derive(Debug, Args)]
pub(super) struct Incidents {
    #[command(flatten)]
    place: Where,
    /// Show those that are over too
    #[arg(long, short)]
    all: bool,
    /// Only those that concern this site
    #[arg(long)]
    site: Option<String>,
    /// How many to show at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    #[command(subcommand)]
    command: Option<Act>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show one incident with all that happened
    Show {
        /// Its number
        id: u64,
    },
    /// Take an incident on, so that others know that somebody looks after it
    Ack {
        /// Its number
        id: u64,
        /// What others should know
        #[arg(long, default_value = "")]
        note: String,
    },
}

impl Incidents {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Some(Act::Show { id }) => {
                let incident: IncidentBody = client.get(&format!("/api/v1/incidents/{id}")).await?;
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&incident)?));
                } else {
                    show(&incident);
                }
                Ok(ExitCode::SUCCESS)
            }
            Some(Act::Ack { id, note }) => {
                let path = format!("/api/v1/incidents/{id}/acknowledge");
                let _: Option<()> = client.post(&path, &AcknowledgeRequest { note }).await?;
                table::show(&format!("incident {id} is yours\n"));
                Ok(ExitCode::SUCCESS)
            }
            None => {
                let mut path = format!("/api/v1/incidents?limit={}", self.limit);
                if !self.all {
                    path.push_str("&open=true");
                }
                if let Some(site) = &self.site {
                    let site: wasl_model::SiteId = site.parse()?;
                    let _ = write!(path, "&site={site}");
                }
                let incidents: List<IncidentBody> = client.get(&path).await?;
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&incidents)?));
                } else {
                    list(&incidents.items);
                }
                let lasting = incidents.items.iter().any(|i| i.ended.is_none());
                Ok(if lasting { exit::UNHEALTHY.into() } else { ExitCode::SUCCESS })
            }
        }
    }
}

fn severity(incident: &IncidentBody) -> String {
    let word = if incident.severity == "critical" { "down" } else { "degraded" };
    let sign = table::health(if incident.ended.is_some() { "ok" } else { word });
    sign.replace(word, &incident.severity).replace("ok", "over")
}

fn list(incidents: &[IncidentBody]) {
    if incidents.is_empty() {
        table::show("No incident. `wasl incidents --all` shows those that are over.\n");
        return;
    }
    let now = now().0;
    let rows: Vec<Vec<String>> = incidents
        .iter()
        .map(|i| {
            let lasted = match i.ended {
                Some(ended) => format!("lasted {}", table::age(i.opened, ended)),
                None => format!("for {}", table::age(i.opened, now)),
            };
            vec![
                i.id.to_string(),
                severity(i),
                lasted,
                i.root.clone(),
                i.affected.len().to_string(),
                i.acknowledged.as_ref().map_or_else(String::new, |a| a.by.clone()),
                match i.merged_into {
                    Some(other) => format!("a consequence of incident {other}"),
                    None => i.reason.text_en.clone(),
                },
            ]
        })
        .collect();
    table::print(&["ID", "SEVERITY", "TIME", "CAUSE", "AFFECTED", "TAKEN ON BY", "WHY"], &rows);
}

fn show(incident: &IncidentBody) {
    let at = |t: i64| crate::time::rfc3339(wasl_model::Timestamp(t));
    let mut out = format!(
        "Incident {}  {}\n\n  cause     {}\n  why       {}\n  began     {}\n",
        incident.id,
        severity(incident),
        incident.root,
        incident.reason.text_en,
        at(incident.opened)
    );
    if let Some(ended) = incident.ended {
        let _ = writeln!(out, "  ended     {} (after {})", at(ended), table::age(incident.opened, ended));
    }
    if let Some(taken) = &incident.acknowledged {
        let _ = writeln!(out, "  taken on  by {} at {} {}", taken.by, at(taken.at), taken.note);
    }
    if !incident.affected.is_empty() {
        let _ = writeln!(out, "\n  Affected ({}):", incident.affected.len());
        for subject in &incident.affected {
            let _ = writeln!(out, "    {subject}");
        }
    }
    out.push_str("\n  What happened:\n");
    for entry in &incident.timeline {
        let args: Vec<String> = entry.args.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let _ = writeln!(out, "    {}  {:<12} {}", at(entry.at), entry.event, args.join(" "));
    }
    if incident.omitted > 0 {
        let _ = writeln!(out, "    and {} more", incident.omitted);
    }
    table::show(&out);
}

/// Stretches in which trouble is expected and raises no incident.
#[derive(Debug, Args)]
pub(super) struct Upkeep {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    command: Option<Change>,
}

#[derive(Debug, Subcommand)]
enum Change {
    /// Announce one, from now on: an entity and its parts, or everything at a site
    Start {
        /// What it covers, such as device/jenin-core or site/jenin
        scope: String,
        /// How long, such as 2h or 30m
        #[arg(long = "for", value_name = "TIME")]
        lasting: wasl_settings::Period,
        /// Why
        #[arg(long, default_value = "")]
        note: String,
    },
    /// End one early
    End {
        /// Its number
        id: u64,
    },
}

impl Upkeep {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Some(Change::Start { scope, lasting, note }) => {
                let until = now().plus(lasting.as_duration()).0;
                let request = MaintenanceRequest { scope: scope.clone(), from: None, until, note };
                let made: Option<NewMaintenance> = client.post("/api/v1/maintenance", &request).await?;
                let id = made.context("the controller named no number")?.id;
                table::show(&format!(
                    "maintenance {id} of {scope} lasts until {}; end it early with `wasl maintenance end {id}`\n",
                    crate::time::rfc3339(wasl_model::Timestamp(until))
                ));
            }
            Some(Change::End { id }) => {
                let path = format!("/api/v1/maintenance/{id}/end");
                let _: Option<()> = client.post(&path, &serde_json::json!({})).await?;
                table::show(&format!("maintenance {id} is over\n"));
            }
            None => {
                let all: List<MaintenanceBody> = client.get("/api/v1/maintenance").await?;
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&all)?));
                } else if all.items.is_empty() {
                    table::show("No maintenance is planned or under way.\n");
                } else {
                    let at = |t: i64| crate::time::rfc3339(wasl_model::Timestamp(t));
                    let rows: Vec<Vec<String>> = all
                        .items
                        .iter()
                        .map(|m| {
                            let id = m.id.to_string();
                            vec![id, m.scope.clone(), at(m.from), at(m.until), m.by.clone(), m.note.clone()]
                        })
                        .collect();
                    table::print(&["ID", "WHAT", "FROM", "UNTIL", "BY", "WHY"], &rows);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
