//! `wasl status`: what works and what does not.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{EntityBody, List, NoticeBody};
use crate::time::now;

/// What works and what does not. Exits 1 if something is degraded or down.
#[derive(Debug, Args)]
pub(super) struct Status {
    #[command(flatten)]
    place: Where,
    /// Show healthy entities too
    #[arg(long, short)]
    all: bool,
    /// Only this kind, such as target or disk
    #[arg(long)]
    kind: Option<String>,
}

impl Status {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        let path = match &self.kind {
            Some(kind) => format!("/api/v1/entities?kind={}", kind.parse::<wasl_model::EntityKind>()?),
            None => "/api/v1/entities".to_owned(),
        };
        let entities: List<EntityBody> = client.get(&path).await?;
        let unhealthy = entities.items.iter().any(|e| matches!(e.health.as_str(), "degraded" | "down"));
        if self.place.json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&entities)?));
        } else {
            let notices: List<NoticeBody> = client.get("/api/v1/notices").await?;
            self.show(&entities.items, &notices.items);
        }
        Ok(if unhealthy { exit::UNHEALTHY.into() } else { ExitCode::SUCCESS })
    }

    fn show(&self, entities: &[EntityBody], notices: &[NoticeBody]) {
        let now = now().0;
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        for entity in entities {
            *totals.entry(entity.health.as_str()).or_default() += 1;
        }
        let shown: Vec<&EntityBody> = entities.iter().filter(|e| self.all || e.health != "ok").collect();
        if !shown.is_empty() {
            let rows: Vec<Vec<String>> = shown
                .iter()
                .map(|e| {
                    vec![
                        table::health(&e.health),
                        e.kind.clone(),
                        e.id.clone(),
                        e.site.clone().unwrap_or_default(),
                        table::age(e.since, now),
                        e.reason.text_en.clone(),
                    ]
                })
                .collect();
            table::print(&["HEALTH", "KIND", "NAME", "SITE", "SINCE", "WHY"], &rows);
            table::show("\n");
        }
        for notice in notices {
            table::show(&format!("! {} ({}): {}\n\n", notice.subject, notice.severity, notice.detail));
        }
        let counts: Vec<String> = totals.iter().map(|(health, n)| format!("{n} {health}")).collect();
        let summary = if counts.is_empty() { "nothing is watched yet".to_owned() } else { counts.join(", ") };
        table::show(&format!("{summary}\n"));
    }
}
