//! `join`: a token becomes a certificate.

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use wasl_pki::EnrolToken;

use super::{Place, Program};
use crate::state::StateDir;
use crate::{enrol, facts};

/// Join a controller with a one-time token.
#[derive(Debug, Args)]
pub(super) struct Join {
    #[command(flatten)]
    pub(super) place: Place,
    /// The controller's port for agents
    #[arg(long, value_name = "HOST:PORT")]
    controller: String,
    /// The file that holds the token; `-` is standard input
    #[arg(long, value_name = "FILE")]
    token: PathBuf,
    /// The agent's name, where the token names none; the host's name if not given
    #[arg(long)]
    name: Option<String>,
}

impl Join {
    pub(super) async fn run(self, program: &Program) -> Result<ExitCode> {
        let token = self.read_token()?;
        let name = self.name.unwrap_or_else(host_name);
        let state = StateDir::open(&self.place.state)?;
        let facts = facts::read(program.version);
        let joined = enrol::join(&state, &self.controller, &token, &name, facts).await?;
        super::show(&format!(
            "This machine is now the agent {} of site {} with the role {}.\nStart it with: {} run --state {}\n",
            joined.agent,
            joined.site,
            joined.role,
            program.name,
            self.place.state.display()
        ));
        Ok(ExitCode::SUCCESS)
    }

    fn read_token(&self) -> Result<EnrolToken> {
        let mut text = String::new();
        if self.token.as_os_str() == "-" {
            std::io::stdin()
                .take(4096)
                .read_to_string(&mut text)
                .context("reading the token from standard input")?;
        } else {
            let file = std::fs::File::open(&self.token)
                .with_context(|| format!("reading the token from {}", self.token.display()))?;
            file.take(4096)
                .read_to_string(&mut text)
                .with_context(|| format!("reading {}", self.token.display()))?;
        }
        Ok(text.trim().parse()?)
    }
}

/// The host's name, as far as it can name an agent.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim()
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' })
        .collect()
}
