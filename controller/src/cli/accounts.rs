//! `wasl account`: people.

use std::io::Read;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use super::client::Client;
use super::{Where, table};
use crate::home::Home;
use crate::operators::api::{AccountBody, AccountChange, AccountRequest, KeyRequest, List, NewKey};

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
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Change an account
    Change {
        /// The account's name
        name: String,
        /// What the person may do from now on
        #[arg(long)]
        role: Option<String>,
        /// Let the person not log in any more
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// Let the person log in again
        #[arg(long)]
        enable: bool,
        /// Read a new password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Make a key for a script or for Prometheus; it is printed once
    Key {
        /// The account that it belongs to
        account: String,
        /// What it is for, in words
        #[arg(long = "for", value_name = "TEXT")]
        purpose: String,
        /// What it may do
        #[arg(long, default_value = "viewer")]
        role: String,
        /// After how many days it ends; never if not given
        #[arg(long)]
        days: Option<u32>,
    },
    /// The accounts
    List,
}

impl Accounts {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        match self.command {
            Act::Create { name, role, password_stdin } => {
                let made = if password_stdin {
                    None
                } else {
                    Some(wasl_pki::secret::random_token()?[..20].to_owned())
                };
                let password = match &made {
                    Some(made) => made.clone(),
                    None => read_password()?,
                };
                let request = AccountRequest { name: name.clone(), password, role };
                let _: Option<()> = client.post("/api/v1/accounts", &request).await?;
                match made {
                    Some(made) => table::show(&format!("{made}\n")),
                    None => eprintln!("the account {name} is made"),
                }
            }
            Act::Change { name, role, disable, enable, password_stdin } => {
                let change = AccountChange {
                    password: if password_stdin { Some(read_password()?) } else { None },
                    role,
                    disabled: if disable {
                        Some(true)
                    } else if enable {
                        Some(false)
                    } else {
                        None
                    },
                };
                client.patch(&format!("/api/v1/accounts/{}", in_path(&name)), &change).await?;
                eprintln!("the account {name} is changed");
            }
            Act::Key { account, purpose, role, days } => {
                let request = KeyRequest { account, purpose, role: Some(role), days };
                if let Some(made) = client.post::<NewKey>("/api/v1/keys", &request).await? {
                    table::show(&format!("{}\n", made.key));
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
                            let state = if a.disabled { "disabled" } else { "" };
                            vec![a.name, a.role, state.into()]
                        })
                        .collect();
                    table::print(&["NAME", "ROLE", ""], &rows);
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

/// A name as one segment of a path.
fn in_path(name: &str) -> String {
    name.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}
