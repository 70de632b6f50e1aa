//! `wasl up`: everything for this very machine, without root and without any other service.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::process::{Child, ChildStdin, Command};
use wasl_model::AgentRole;
use wasl_pki::EnrolToken;

use super::{exit, serve, table};
use crate::agents::token_digest;
use crate::controller::{Controller, Options};
use crate::shared::Shared;
use crate::time::now;

/// The site and the agent of the starter configuration.
const SITE: &str = "here";
const AGENT: &str = "this-machine";
/// How long the agent may take to bring its last observations.
const AGENT_FAREWELL: Duration = Duration::from_secs(12);

/// Start everything for this very machine: a controller, and an agent that watches it.
#[derive(Debug, Args)]
pub(super) struct Up {
    /// The folder for configuration and state
    #[arg(long, value_name = "DIR", env = "WASL_HOME", default_value = ".wasl")]
    home: PathBuf,
    /// Where the pages are
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Where agents connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8443")]
    agents: SocketAddr,
}

impl Up {
    /// Runs it until a signal comes.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let config = self.home.join("config");
        first_start(&config)?;
        let Some(intent) = serve::load(&config) else { return Ok(exit::CONFIG.into()) };
        let options = Options::new(self.home.join("controller"), self.http, self.agents);
        let binary = agent_binary()?;
        let running = Controller::build(&options, intent).await?.start()?;
        let state = self.home.join("agent");
        let started = async {
            if !state.join("agent.json").exists() {
                enrol(&running.shared, &binary, &running.addresses.agents.to_string(), &state).await?;
            }
            start(&binary, &state, &running.addresses.agents.to_string())
        };
        let (mut agent, lifeline) = match started.await {
            Ok(agent) => agent,
            Err(error) => {
                running.drain().await;
                return Err(error);
            }
        };
        table::show(&format!(
            "\n  Wasl is running.\n\n    the page        {}\n    what to watch   {} (after a change: kill -HUP {})\n    stop            Ctrl-C\n\n",
            running.addresses.http,
            config.join("wasl.yaml").display(),
            std::process::id(),
        ));
        let outcome = tokio::select! {
            signal = wasl_runtime::shutdown::requested() => { tracing::info!(signal = signal?, "Wasl ends"); Ok(()) }
            () = running.failed() => Err(anyhow::anyhow!("the controller failed; its log above says why")),
            status = agent.wait() => Err(anyhow::anyhow!("the agent ended by itself ({}); its log above says why", status?)),
        };
        end(&mut agent, lifeline).await;
        let drained = running.drain().await;
        tracing::info!(unfinished = ?drained.unfinished, "Wasl has ended");
        outcome.map(|()| ExitCode::SUCCESS)
    }
}

/// Writes the starter configuration, if there is none.
fn first_start(config: &Path) -> Result<()> {
    let file = config.join("wasl.yaml");
    if config.exists() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(config)
        .and_then(|()| fs::write(&file, wasl_settings::starter()))
        .with_context(|| format!("writing {}; choose another folder with --home", file.display()))
}

/// The agent that was built with this controller.
fn agent_binary() -> Result<PathBuf> {
    let own = std::env::current_exe().context("finding this program's own folder")?;
    let path = own.with_file_name("wasl-agent");
    if !path.exists() {
        bail!(
            "{} is not there; build it with `cargo build -p wasl-agent`, or install it beside wasl",
            path.display()
        );
    }
    Ok(path)
}

/// Makes a token for this machine's agent and lets it join.
async fn enrol(shared: &Shared, binary: &Path, controller: &str, state: &Path) -> Result<()> {
    let token = EnrolToken::generate(shared.trust.view().issuing.fingerprint())?;
    let created = now();
    shared
        .store
        .create_token(&wasl_store::EnrolToken {
            hash: token_digest(&token),
            site: SITE.parse()?,
            role: AgentRole::Server,
            agent_name: Some(AGENT.parse()?),
            created,
            expires: created.plus(Duration::from_secs(60)),
            created_by: "wasl up".into(),
            used: None,
        })
        .await?;
    let mut child = Command::new(binary)
        .args(["join", "--token", "-", "--controller", controller, "--state"])
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        use tokio::io::AsyncWriteExt;
        stdin.write_all(token.to_string().as_bytes()).await?;
    }
    let status = child.wait().await?;
    if !status.success() {
        bail!("this machine's agent could not join ({status}); its words above say why");
    }
    Ok(())
}

/// Starts the agent in a process group of its own, so that Ctrl-C reaches it through us, in order.
/// It ends by itself should this process vanish, because its standard input closes.
fn start(binary: &Path, state: &Path, controller: &str) -> Result<(Child, Option<ChildStdin>)> {
    let mut child = Command::new(binary)
        .args(["run", "--until-stdin-closes", "--controller", controller, "--state"])
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {}", binary.display()))?;
    // Kept apart, because waiting for a child closes the input that it owns.
    let lifeline = child.stdin.take();
    Ok((child, lifeline))
}

async fn end(agent: &mut Child, lifeline: Option<ChildStdin>) {
    drop(lifeline);
    if tokio::time::timeout(AGENT_FAREWELL, agent.wait()).await.is_err() {
        tracing::warn!(
            "the agent did not end in time and is killed; what it had not delivered waits in its spool"
        );
        let _ = agent.kill().await;
    }
}
