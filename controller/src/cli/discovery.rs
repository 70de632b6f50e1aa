//! `wasl discovery`: what agents found, and what of it the configuration does not know.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::client::Client;
use super::{Where, table};
use crate::home::Home;
use crate::operators::api::{List, NeighbourBody, StationBody};
use crate::proposal::Proposal;
use crate::time::now;

/// What agents found: the neighbours at their ports and the stations on their subnets. `--propose` prints what of it
/// the configuration does not know as configuration; `wasl adopt` takes it.
#[derive(Debug, Args)]
pub(super) struct Discovery {
    #[command(flatten)]
    place: Where,
    /// Print the unknown ones as configuration; nothing is written
    #[arg(long)]
    propose: bool,
}

impl Discovery {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        if self.propose {
            let proposal: Proposal = client.get("/api/v1/discovery/proposal").await?;
            if self.place.json {
                let document = json!({
                    "schema": "wasl.proposal.v1",
                    "generated_at": crate::time::rfc3339(now()),
                    "items": [proposal],
                });
                table::show(&format!("{document:#}\n"));
            } else if proposal.yaml.is_empty() {
                eprintln!("there is nothing to propose: all that was found is known");
            } else {
                table::show(&proposal.yaml);
            }
            return Ok(ExitCode::SUCCESS);
        }
        let neighbours: List<NeighbourBody> = client.get("/api/v1/discovery/neighbours").await?;
        let stations: List<StationBody> = client.get("/api/v1/discovery/stations").await?;
        if self.place.json {
            let tagged = |kind: &str, item: serde_json::Value| {
                let mut item = item;
                item["kind"] = kind.into();
                item
            };
            let mut items = Vec::new();
            for neighbour in &neighbours.items {
                items.push(tagged("neighbour", serde_json::to_value(neighbour)?));
            }
            for station in &stations.items {
                items.push(tagged("station", serde_json::to_value(station)?));
            }
            let document = json!({
                "schema": "wasl.discovery.v1", "generated_at": neighbours.generated_at, "items": items,
            });
            table::show(&format!("{document:#}\n"));
        } else if neighbours.items.is_empty() && stations.items.is_empty() {
            table::show(
                "nothing was found; agents listen at the interfaces of `agents.NAME.discovery.lldp` and ask on the \
                 subnets of `agents.NAME.discovery.sweep`\n",
            );
        } else {
            show_neighbours(&neighbours.items);
            if !neighbours.items.is_empty() && !stations.items.is_empty() {
                table::show("\n");
            }
            show_stations(&stations.items);
            let unknown = neighbours.items.iter().filter(|n| n.device.is_none()).count()
                + stations.items.iter().filter(|s| s.known.is_none()).count();
            if unknown > 0 {
                table::show(&format!(
                    "\n{unknown} of them are on no list; `wasl discovery --propose` prints them as configuration\n"
                ));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show_neighbours(found: &[NeighbourBody]) {
    if found.is_empty() {
        return;
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|n| {
            vec![
                n.heard_at.clone(),
                text(&n.system_name),
                n.chassis.clone(),
                n.port.clone(),
                text(&n.management_address),
                n.device.clone().unwrap_or_else(|| "unknown".to_owned()),
                table::age(n.at, now().0),
            ]
        })
        .collect();
    table::print(&["HEARD AT", "NAME", "CHASSIS", "ITS PORT", "ADDRESS", "DEVICE", "TOLD"], &rows);
}

/// A station's address, and how many more it has; `--json` has them all.
fn address(s: &StationBody) -> String {
    match s.ip6.iter().filter(|ip| **ip != s.ip).count() {
        0 => s.ip.clone(),
        more => format!("{} (+{more})", s.ip),
    }
}

fn show_stations(found: &[StationBody]) {
    if found.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|s| {
            vec![
                s.site.clone(),
                format!("{}/{}", s.agent, s.interface),
                s.mac.clone(),
                address(s),
                s.known.clone().unwrap_or_else(|| "unknown".to_owned()),
                table::age(s.first, now().0),
                table::age(s.at, now().0),
            ]
        })
        .collect();
    table::print(&["SITE", "SEEN AT", "STATION", "ADDRESS", "KNOWN AS", "FIRST", "TOLD"], &rows);
}
