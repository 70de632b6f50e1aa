//! `wasl account`: people.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::client::Client;
use super::{Where, table};
use crate::home::Home;
use crate::operators::api::{AccountBody, AccountRequest, List};

/// People's accounts.
#[derive(Debug, Args)]
pub(super) struct Accounts {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    command: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Make an account; without --password-stdin a password is made and printed once
    Create {
        /// The name to log in with
        name: String,
        /// What the person may do: viewer, technician, librarian, engineer or admin
        #[arg(long)]
        role: String,
        /// Only these sites; all if not given
        #[arg(long = "site", value_name = "SITE")]
        sites: Vec<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// The accounts
    List,
}

impl Accounts {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Act::Create { name, role, sites, password_stdin } => {
                let made = if password_stdin {
                    None
                } else {
                    Some(wasl_pki::secret::random_token()?[..20].to_owned())
                };
                let password = match &made {
                    Some(made) => made.clone(),
                    None => read_password()?,
                };
                let request = AccountRequest { name: name.clone(), password, role, sites };
                let _: Option<()> = client.post("/api/v1/accounts", &request).await?;
                match made {
                    Some(made) => table::show(&format!("{made}\n")),
                    None => eprintln!("the account {name} is made"),
                }
            }
            Act::List => {
                let accounts: List<AccountBody> = client.get("/api/v1/accounts").await?;
                if self.place.json {
                    table::show(&format!("{}\n", serde_json::to_string_pretty(&accounts)?));
                } else {
                    let rows: Vec<Vec<String>> = accounts
                        .items
                        .into_iter()
                        .map(|a| {
                            let sites = if a.sites.is_empty() { "all".into() } else { a.sites.join(", ") };
                            vec![
                                a.name,
                                a.role,
                                sites,
                                if a.disabled { "disabled".into() } else { String::new() },
                            ]
                        })
                        .collect();
                    table::print(&["NAME", "ROLE", "SITES", ""], &rows);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn read_password() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .take(4096)
        .read_to_string(&mut text)
        .context("reading the password from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
