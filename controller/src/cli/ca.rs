//! `wasl ca`: the institution's authority.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use wasl_pki::CertificateAuthority;
use wasl_pki::secret::read_secret;

use super::client::{Client, ClientError};
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{Anyway, AuthorityBody, List, NextAuthority};
use crate::time::now;

/// The institution's certificate authority, which all agents trust.
#[derive(Debug, Args)]
pub(super) struct Ca {
    #[command(flatten)]
    place: Where,
    #[command(subcommand)]
    command: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Show the authority that signs
    Show,
    /// Which authorities are trusted, and which agents a rotation waits for; exits 1 while it waits
    Status,
    /// Use an authority of your own: before the first start it is put in place, afterwards it begins a rotation
    Import {
        /// Its certificate, and after it those above it up to the root; PEM
        #[arg(long, value_name = "FILE")]
        certificate: PathBuf,
        /// Its private key, PKCS#8 in PEM, in a file that only you can read
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
    },
    /// Replace the authority by a new one, without a visit to any agent
    Rotate {
        /// Let the next authority sign now, although agents have not said that they hold it
        #[arg(long, conflicts_with = "abandon")]
        finish: bool,
        /// Give up a rotation whose next authority does not sign yet
        #[arg(long)]
        abandon: bool,
    },
    /// Forget the former authority before its last certificate has ended
    Retire {
        /// Although agents with its certificates will have to enrol again
        #[arg(long)]
        anyway: bool,
    },
}

impl Ca {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let home = Home::at(self.place.state());
        let json = self.place.json;
        match self.command {
            Act::Show => show(&home),
            Act::Status => status(&Client::new(&home)?, json).await,
            Act::Import { certificate, key } => import(&home, &certificate, &key).await,
            Act::Rotate { finish: false, abandon: false } => {
                let client = Client::new(&home)?;
                change(&client, "rotate", &NextAuthority::default()).await?;
                introduced();
                Ok(ExitCode::SUCCESS)
            }
            Act::Rotate { finish, .. } => {
                let client = Client::new(&home)?;
                let before = authorities(&client).await?;
                change(&client, if finish { "finish" } else { "abandon" }, &()).await?;
                if finish {
                    finished(&before);
                } else {
                    table::show("The rotation is given up; everything is as it was before.\n");
                }
                Ok(ExitCode::SUCCESS)
            }
            Act::Retire { anyway } => {
                let client = Client::new(&home)?;
                let before = authorities(&client).await?;
                change(&client, "retire", &Anyway { anyway }).await?;
                let lost: Vec<&str> = waiting(&before, "former").map(|w| w.agent.as_str()).collect();
                table::show("The former authority is forgotten.\n");
                if !lost.is_empty() {
                    table::show(&format!("These agents have to enrol again: {}\n", lost.join(", ")));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}

async fn change(client: &Client, step: &str, body: &impl serde::Serialize) -> Result<(), ClientError> {
    client.post::<()>(&format!("/api/v1/authorities/{step}"), body).await.map(|_| ())
}

async fn authorities(client: &Client) -> Result<List<AuthorityBody>, ClientError> {
    client.get("/api/v1/authorities").await
}

fn waiting<'a>(
    list: &'a List<AuthorityBody>,
    standing: &'a str,
) -> impl Iterator<Item = &'a crate::operators::api::WaitingBody> {
    list.items.iter().filter(move |a| a.standing == standing).flat_map(|a| &a.waiting_for)
}

fn introduced() {
    table::show(
        "The next authority is being introduced. It signs as soon as every agent holds it; `wasl ca status` tells whom it waits for, `wasl ca rotate --finish` waits no longer.\n",
    );
}

fn finished(before: &List<AuthorityBody>) {
    table::show(
        "The next authority signs from now on; the former one vouches for it and is still trusted.\n",
    );
    let left: Vec<String> = waiting(before, "next").map(|w| format!("  {}: {}\n", w.agent, w.why)).collect();
    if !left.is_empty() {
        table::show(&format!(
            "These agents had not said that they hold it. They learn of it when they connect, as long as their present certificates last:\n{}",
            left.concat()
        ));
    }
}

fn show(home: &Home) -> Result<ExitCode> {
    let path = home.path().join("ca.pem");
    let pem = fs::read_to_string(&path)
        .with_context(|| format!("reading {}; the authority is made at the first start", path.display()))?;
    let own = wasl_pki::pem::certificates_from_pem(&pem)?.swap_remove(0);
    let described = wasl_pki::ca::describe(&own).context("ca.pem is no certificate")?;
    let day = |unix_s: i64| crate::time::rfc3339(wasl_model::Timestamp(unix_s.saturating_mul(1000)));
    table::show(&format!(
        "{}\n  fingerprint  {}\n  valid        {} to {}\n\n{pem}",
        described.name,
        wasl_pki::Fingerprint::of(&own),
        day(described.not_before),
        day(described.not_after),
    ));
    Ok(ExitCode::SUCCESS)
}

async fn status(client: &Client, json: bool) -> Result<ExitCode> {
    let list = authorities(client).await?;
    let waits = list.items.iter().any(|a| !a.waiting_for.is_empty());
    if json {
        table::show(&format!("{}\n", serde_json::to_string_pretty(&list)?));
    } else {
        let now = now().0;
        let rows: Vec<Vec<String>> = list
            .items
            .iter()
            .map(|a| {
                vec![
                    a.standing.clone(),
                    a.name.clone(),
                    a.fingerprint.chars().take(23).collect(),
                    format!("{} left", table::age(now, a.valid_until)),
                    a.held_by.map_or_else(String::new, |n| format!("{n} agents")),
                ]
            })
            .collect();
        table::print(&["STANDING", "NAME", "FINGERPRINT", "VALID", "HELD BY"], &rows);
        for a in list.items.iter().filter(|a| !a.waiting_for.is_empty()) {
            table::show(&format!("\nThe {} authority waits for:\n", a.standing));
            let rows: Vec<Vec<String>> = a
                .waiting_for
                .iter()
                .map(|w| {
                    let seen = match w.last_seen {
                        _ if w.connected => "now".to_owned(),
                        Some(at) => format!("{} ago", table::age(at, now)),
                        None => "never".to_owned(),
                    };
                    vec![w.agent.clone(), seen, w.why.clone()]
                })
                .collect();
            table::print(&["AGENT", "SEEN", "WHY"], &rows);
        }
    }
    Ok(if waits { exit::UNHEALTHY.into() } else { ExitCode::SUCCESS })
}

/// Before the first start the authority is simply put in place. Where there is one already, agents may trust it,
/// so the running controller has to introduce the other.
async fn import(home: &Home, certificate: &Path, key: &Path) -> Result<ExitCode> {
    let certificate_pem = fs::read_to_string(certificate)
        .with_context(|| format!("reading the certificate {}", certificate.display()))?;
    let key_pem = String::from_utf8(read_secret(key)?).context("the key is not text")?;
    // Checked here as well: what is wrong is told even where no controller runs.
    let authority = CertificateAuthority::import(&certificate_pem, &key_pem, now().seconds())?;
    if !home.has_authority() && !home.store().exists() {
        Home::open(home.path())?.write_authority(&authority.chain_pem(), &authority.private_key_pem())?;
        table::show(&format!(
            "{} is the authority of this controller, with the fingerprint {}.\n",
            authority.name(),
            authority.fingerprint()
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let client = match Client::new(home) {
        Err(ClientError::NotRunning(state)) => bail!(
            "{state} has an authority already, and agents may trust it: start the controller, which introduces the other to them"
        ),
        other => other?,
    };
    let next = NextAuthority { certificate: Some(certificate_pem), key: Some(key_pem) };
    change(&client, "rotate", &next).await?;
    introduced();
    Ok(ExitCode::SUCCESS)
}
