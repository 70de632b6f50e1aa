//! `wasl simulate`: many agents from one process, for load, for proof and for finding limits.
//!
//! They are real to the controller: each enrols with a token of its own, shows its own certificate, keeps a
//! session with both lanes, sends batches of the real form and comes back after a cut. Only what they see is
//! made up, and their queues are in memory. In the end their account is compared with the controller's.

mod agent;
mod chance;
mod courier;
mod link;
mod load;
mod queue;
mod report;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasl_settings::Period;

use self::agent::{Account, Agent, Common};
use self::load::{Kind, Load, Shape};
use self::report::{Balance, Summary, Theirs};
use self::tally::Tally;
use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{List, NewToken, TokenRequest};
use crate::time::{now, rfc3339};

/// Lines of the report that may wait for the disk.
const LINES: usize = 4096;
/// Files that a process needs beside its agents' connections.
const OTHER_FILES: u64 = 64;

/// Let many simulated agents work against a running controller, and compare the accounts. Exits 1 if a
/// batch was lost, doubled, or is still waiting.
#[derive(Debug, Args)]
pub(super) struct Simulate {
    #[command(flatten)]
    place: Where,
    /// How many agents
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    agents: u32,
    /// How often each reports
    #[arg(long, value_name = "PERIOD", default_value = "10s")]
    heartbeat: Period,
    /// What they see follows from this number
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How long they work
    #[arg(long = "for", value_name = "PERIOD", default_value = "1m")]
    lasting: Period,
    /// A line of JSON for each batch that was produced: agent, epoch, seq, sha256
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Keep every batch in this file, for other programs: the agent's name and the batch, each after its length
    /// in 4 bytes, the least significant first
    #[arg(long, value_name = "FILE")]
    batches: Option<PathBuf>,
    /// Where agents connect, if not where the controller says
    #[arg(long, value_name = "HOST:PORT")]
    controller: Option<String>,
    /// What they stand for
    #[arg(long, value_enum, default_value_t = Kind::Lab)]
    kind: Kind,
    /// Targets that each gateway measures
    #[arg(long, value_name = "N", default_value_t = 20)]
    targets: usize,
    /// Interfaces of switches that each gateway polls
    #[arg(long, value_name = "N", default_value_t = 48)]
    interfaces: usize,
    /// They begin with so much waiting, as if they had been cut off
    #[arg(long, value_name = "PERIOD")]
    backfill: Option<Period>,
    /// Cut each connection at random, this often on average
    #[arg(long, value_name = "PERIOD")]
    cuts: Option<Period>,
    /// Latencies count from so long after the beginning
    #[arg(long, value_name = "PERIOD")]
    warm_up: Option<Period>,
    /// How long the last batches may take to arrive
    #[arg(long, value_name = "PERIOD", default_value = "1m")]
    drain: Period,
    /// Enrolments at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    concurrency: u16,
    /// Their names begin with this; agents of the same names are replaced
    #[arg(long, value_name = "NAME", default_value = "sim")]
    prefix: String,
    /// The sites that they are spread over
    #[arg(long, value_name = "SITE,…", default_value = "here", value_delimiter = ',')]
    sites: Vec<String>,
    /// Write a configuration that names everything they speak of into this new folder, and end
    #[arg(long, value_name = "DIR")]
    write_config: Option<PathBuf>,
}

impl Simulate {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let names: Vec<String> = (1..=self.agents).map(|n| format!("{}-{n:05}", self.prefix)).collect();
        if let Some(dir) = &self.write_config {
            std::fs::create_dir(dir).with_context(|| format!("making {}", dir.display()))?;
            let text = load::configuration(self.shape()?, &self.sites, &names);
            std::fs::write(dir.join("wasl.yaml"), text)
                .with_context(|| format!("writing in {}", dir.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        enough_files(u64::from(self.agents) + OTHER_FILES)?;
        let client = Client::new(&Home::at(self.place.state()))?;
        let (send, lines) = mpsc::channel(LINES);
        let (report, batches) = (self.report.clone(), self.batches.clone());
        let writer =
            tokio::task::spawn_blocking(move || report::write(report.as_deref(), batches.as_deref(), lines));
        let common = Arc::new(Common {
            controller: self.controller.clone().unwrap_or_else(|| client.addresses().agents.to_string()),
            heartbeat: self.heartbeat.as_duration(),
            backfill: self.backfill.map_or(Duration::ZERO, Period::as_duration),
            cuts: self.cuts.map(Period::as_duration),
            tally: Tally::default(),
            measured_from: OnceLock::new(),
            report: send,
            finish: CancellationToken::new(),
            stop: CancellationToken::new(),
        });
        let began = Instant::now();
        let agents = self.enrol(&client, &common, &names).await?;
        let enrolled_in = began.elapsed();
        eprintln!("wasl: {} agents are enrolled after {:.1} s", agents.len(), enrolled_in.as_secs_f64());
        if self.backfill.is_some() {
            let made: JoinSet<()> = agents.iter().map(|a| a.clone().make_backlog(common.clone())).collect();
            made.join_all().await;
            let sums = common.tally.lock();
            eprintln!("wasl: {} batches wait, {} bytes; they begin", sums.batches, sums.batch_bytes);
        }
        let (accounts, ran) = self.work(&common, agents).await?;
        // Asked anew: a controller that was restarted meanwhile has another token for its commands.
        let client = Client::new(&Home::at(self.place.state()))?;
        let theirs: Vec<Theirs> = client.get("/api/v1/accounting").await?;
        let account = Balance::of(&accounts, &theirs);
        let even = account.is_even();
        let summary = Summary::new(&common.tally.lock(), accounts.len() as u64, ran, enrolled_in, account);
        // The report's writer ends with the last way into it.
        drop(common);
        writer.await.context("writing the report")??;
        if self.place.json {
            let (schema, generated_at) = ("wasl.simulation.v1".to_owned(), rfc3339(now()));
            let list = List { schema, generated_at, items: vec![summary] };
            table::show(&format!("{}\n", serde_json::to_string_pretty(&list)?));
        } else {
            table::show(&summary.text());
        }
        Ok(if even { ExitCode::SUCCESS } else { exit::UNHEALTHY.into() })
    }

    fn shape(&self) -> Result<Shape> {
        let heartbeat = self.heartbeat.as_duration();
        if heartbeat < Duration::from_millis(10) {
            bail!("a heartbeat of {} is too short; 10ms is the least", self.heartbeat);
        }
        let (kind, targets, interfaces, seed) = (self.kind, self.targets, self.interfaces, self.seed);
        Ok(Shape { kind, targets, interfaces, heartbeat, seed })
    }

    async fn enrol(&self, client: &Client, common: &Common, names: &[String]) -> Result<Vec<Arc<Agent>>> {
        let shape = self.shape()?;
        let enrolled = stream::iter(names.iter().enumerate()).map(|(number, name)| async move {
            let request = TokenRequest {
                site: self.sites[number % self.sites.len()].clone(),
                role: self.kind.role().to_string(),
                name: Some(name.clone()),
                lifetime_s: Some(3600),
            };
            let token: Option<NewToken> = client.post("/api/v1/tokens", &request).await?;
            let token = token.context("the controller gave no token")?;
            let tls = link::enrol(&common.controller, &token.token, name).await;
            let tls = tls.with_context(|| format!("enrolling {name}"))?;
            let load = Load::new(shape, name, number as u64);
            anyhow::Ok(Arc::new(Agent::new(name.as_str().into(), tls, load, random()?, random()?)))
        });
        enrolled.buffered(usize::from(self.concurrency)).try_collect().await
    }

    /// Lets the agents work; their accounts, and how long they produced.
    async fn work(&self, common: &Arc<Common>, agents: Vec<Arc<Agent>>) -> Result<(Vec<Account>, Duration)> {
        let began = Instant::now();
        let _ = common.measured_from.set(began + self.warm_up.map_or(Duration::ZERO, Period::as_duration));
        let working: JoinSet<Account> = agents.into_iter().map(|a| a.run(common.clone())).collect();
        tokio::select! {
            () = tokio::time::sleep(self.lasting.as_duration()) => {}
            signal = wasl_runtime::shutdown::requested() => drop(signal?),
        }
        let ran = began.elapsed();
        common.finish.cancel();
        let (stop, drain) = (common.stop.clone(), self.drain.as_duration());
        let end = tokio::spawn(async move {
            tokio::time::sleep(drain).await;
            stop.cancel();
        });
        let accounts = working.join_all().await;
        end.abort();
        Ok((accounts, ran))
    }
}

/// Raises the limit on open files as far as it may go, and refuses to begin what it would end in the middle.
fn enough_files(wanted: u64) -> Result<()> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).context("asking for the limit on open files")?;
    if soft >= wanted {
        return Ok(());
    }
    if hard < wanted {
        bail!(
            "so many agents need {wanted} open files and this process may have {hard}; run `ulimit -n {wanted}` first, here and where the controller runs"
        );
    }
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("raising the limit on open files")
}

fn random() -> Result<u64> {
    let mut bytes = [0u8; 8];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(u64::from_ne_bytes(bytes))
}
