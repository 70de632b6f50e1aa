//! `wasl token`: permissions to enrol agents.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Subcommand};

use super::client::Client;
use super::{Where, table};
use crate::home::Home;
use crate::operators::api::{List, NewToken, TokenBody, TokenRequest};
use crate::time::now;

/// Permissions to enrol agents.
#[derive(Debug, Args)]
pub(super) struct Token {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    command: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make a token; it is printed once, and serves one machine
    Create {
        /// The site of the agent
        #[arg(long)]
        site: String,
        /// What the agent is for: gateway, server, lab or elibrary
        #[arg(long)]
        role: String,
        /// The only name that may enrol with it; a known name replaces that agent
        #[arg(long)]
        name: Option<String>,
        /// For how many hours it is good
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=720))]
        hours: u64,
    },
    /// The tokens that were made
    List,
}

impl Token {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Act::Create { site, role, name, hours } => {
                let request = TokenRequest { site, role, name, lifetime_s: Some(hours * 3600) };
                let Some(token) = client.post::<NewToken>("/api/v1/tokens", &request).await? else {
                    anyhow::bail!("the controller gave no token");
                };
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&token)?));
                } else {
                    table::show(&format!("{}\n", token.token));
                    if std::io::stdout().is_terminal() {
                        eprintln!(
                            "\nPut this into a file that only you can read, and on the new machine run:\n  wasl-agent join --controller {} --token FILE --state DIR",
                            client.addresses().agents
                        );
                    }
                }
            }
            Act::List => {
                let tokens: List<TokenBody> = client.get("/api/v1/tokens").await?;
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&tokens)?));
                } else {
                    let now = now().0;
                    let rows: Vec<Vec<String>> = tokens
                        .items
                        .into_iter()
                        .map(|t| {
                            let state = match t.used_by {
                                Some(agent) => format!("used by {agent}"),
                                None if t.expires <= now => "expired".into(),
                                None => format!("good for {}", table::age(now, t.expires)),
                            };
                            vec![t.site, t.role, t.name.unwrap_or_else(|| "any".into()), t.created_by, state]
                        })
                        .collect();
                    table::print(&["SITE", "ROLE", "NAME", "MADE BY", "STATE"], &rows);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
