//! Builds the parts of the controller, runs them, and drains them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use wasl_pki::{AgentVerifier, ClientAuth, Revocations, server_config};
use wasl_protocol::batch;
use wasl_runtime::notify::Notifier;
use wasl_runtime::supervise::{Drained, OnFailure, Supervisor};
use wasl_store::{SqliteStore, Store};

use crate::board::Boards;
use crate::home::{Addresses, Home};
use crate::ingest::{self};
use crate::intent::Intent;
use crate::judging::{self, Judging};
use crate::live::Live;
use crate::people::People;
use crate::sessions::Sessions;
use crate::shared::{RunOptions, Shared};
use crate::time::{self, KeptClock, now};
use crate::trust::Trust;
use crate::trust::listeners::{Kind, ListenerCertificate};
use crate::{accept, agents, jobs, operators, trust};

/// How long open work may take when the controller ends.
const DRAIN: Duration = Duration::from_secs(8);
/// How long judging may stand still before the service manager starts the controller again.
const STILL: Duration = Duration::from_secs(60);
/// The same for the upkeep of the history, which waits for a slow disk.
const STILL_STORING: Duration = Duration::from_secs(15 * 60);
/// Enrolments at the same time.
const ENROLMENTS: usize = 8;
/// How many days the listeners' certificates live; they are renewed at two thirds.
const AGENTS_DAYS: u64 = 365;
const OPERATORS_DAYS: u64 = 90;

/// Where a controller keeps and listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The state folder.
    pub state: PathBuf,
    /// The operators' listener.
    pub http: SocketAddr,
    /// The agents' listener.
    pub agents: SocketAddr,
    /// Further names and addresses in the listeners' certificates.
    pub names: Vec<String>,
    /// Shortens the life of the listeners' certificates.
    pub listener_certificate: Option<Duration>,
    /// What is handed on to whoever asks.
    pub run: RunOptions,
}

impl Options {
    /// The common ones.
    pub fn new(state: PathBuf, http: SocketAddr, agents: SocketAddr) -> Self {
        let run = RunOptions::default();
        Self { state, http, agents, names: Vec::new(), listener_certificate: None, run }
    }

    fn lifetime(&self, days: u64) -> Duration {
        let usual = Duration::from_secs(days * 86_400);
        self.listener_certificate.map_or(usual, |shorter| usual.min(shorter))
    }
}

/// A controller, ready to run.
pub struct Controller {
    /// What its parts share.
    pub shared: Arc<Shared>,
    /// Where it listens.
    pub addresses: Addresses,
    sqlite: SqliteStore,
    supervisor: Supervisor,
    writer: ingest::Writer,
    agents_listener: agents::Listener,
    operators_listener: operators::Listener,
    certificates: Vec<ListenerCertificate>,
}

/// Reads a batch for the store.
fn decode(body: &[u8]) -> Vec<wasl_model::Observation> {
    batch::decode(body).map(|d| d.observations).unwrap_or_default()
}

impl Controller {
    /// Opens everything; nothing runs yet.
    pub async fn build(options: &Options, intent: Intent) -> Result<Self> {
        let intent = Arc::new(intent);
        let home = Home::open(&options.state)?;
        let institution = intent.settings().institution().name.en.clone();
        let trust = Trust::open(&home, &institution, now().seconds())?;
        let restored = home.restored()?;
        let cli_token = home.renew_cli_token()?;
        let store = SqliteStore::open(&home.store(), decode, random()?).await?;
        let sqlite = store.clone();
        let store: Arc<dyn Store> = Arc::new(store);
        let enrolled = store.agents().await.context("reading the enrolled agents")?;
        let (first, last) =
            (enrolled.iter().map(|a| a.enrolled).min(), enrolled.iter().filter_map(|a| a.last_seen).max());
        if let (Some(first), Some(last)) = (first, last) {
            time::resume(first, last);
        }
        let live = Arc::new(Live::default());
        jobs::restore::live(&*store, &live).await.context("restoring what was known")?;
        let (ingest, writer) = ingest::new(store.clone(), live.clone(), intent.clone());
        let judging =
            Judging::restore(&*store, &intent, &live, now()).await.context("restoring what was judged")?;
        let shared = Arc::new(Shared {
            home: home.clone(),
            started: now(),
            intent,
            store,
            live,
            sessions: Sessions::default(),
            judging,
            boards: Boards::default(),
            ingest,
            trust,
            run: options.run.clone(),
            connections: agents::Connections::default(),
            restored,
            revocations: Revocations::new(),
            enrolments: Semaphore::new(ENROLMENTS),
            texts: wasl_pages::Texts::new(),
            people: People::new(&cli_token),
            agents: ArcSwap::default(),
            agents_stale: watch::channel(0).0,
        });
        shared.refresh_agents().await.context("reading the enrolled agents")?;
        shared.refresh_revocations().await;
        jobs::restore::trends(&shared).await;

        let (agents_listener, certificate) = agents_listener(&shared, options)?;
        let mut certificates = vec![certificate];
        let lifetime = options.lifetime(OPERATORS_DAYS);
        let (operators_listener, certificate) =
            operators::Listener::open(&shared, options.http, &options.names, lifetime)?;
        certificates.extend(certificate);
        let addresses = Addresses {
            http: operators_listener.url.clone(),
            agents: agents_listener.tcp.local_addr()?,
            pid: std::process::id(),
            authority: operators_listener.is_tls().then(|| shared.trust.view().issuing.certificate_pem()),
        };
        let supervisor = Supervisor::new();
        Ok(Self {
            shared,
            addresses,
            sqlite,
            supervisor,
            writer,
            agents_listener,
            operators_listener,
            certificates,
        })
    }

    /// Starts every task and tells where the controller listens.
    pub fn start(self) -> Result<Running> {
        let Self { shared, addresses, sqlite, supervisor, writer, .. } = self;
        let (agents_listener, operators_listener) = (self.agents_listener, self.operators_listener);
        let certificates = Arc::new(self.certificates);
        let stop = supervisor.stopping();
        let store_tasks = Supervisor::new();
        let mut writer = Some(writer);
        store_tasks.spawn("ingest", OnFailure::Stop, move || {
            let writer = writer.take();
            async move {
                match writer {
                    Some(writer) => writer.run().await,
                    None => Ok(()),
                }
            }
        });
        let listener = Arc::new(agents_listener);
        let router = agents::router(shared.clone());
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("agents", OnFailure::Restart, move || {
            agents::run(listener.clone(), router.clone(), own.clone(), token.clone())
        });
        let listener = Arc::new(operators_listener);
        let router = operators::router(shared.clone(), stop.clone());
        let token = stop.clone();
        supervisor.spawn("operators", OnFailure::Restart, move || {
            operators::run(listener.clone(), router.clone(), token.clone())
        });
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("authority", OnFailure::Restart, move || {
            trust::keeper::run(own.clone(), certificates.clone(), token.clone())
        });
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("board", OnFailure::Restart, move || judging::run(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("registry", OnFailure::Restart, move || jobs::registry(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("clock", OnFailure::Restart, move || jobs::clock(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("history", OnFailure::Restart, move || jobs::history(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop);
        supervisor.spawn("configuration", OnFailure::Restart, move || {
            jobs::configuration(own.clone(), token.clone())
        });
        // It judges everything at least every second, and asks all that is shared for that.
        supervisor.must_move("board", STILL);
        // It works on the store every minute.
        supervisor.must_move("history", STILL_STORING);
        shared.home.write_addresses(&addresses)?;
        tracing::info!(http = %addresses.http, agents = %addresses.agents, "the controller is listening");
        Ok(Running { shared, addresses, sqlite, supervisor, store_tasks })
    }
}

/// A controller at work.
pub struct Running {
    /// What its parts share.
    pub shared: Arc<Shared>,
    /// Where it listens.
    pub addresses: Addresses,
    sqlite: SqliteStore,
    supervisor: Supervisor,
    store_tasks: Supervisor,
}

impl Running {
    /// Resolves when a task failed without which the controller cannot work.
    pub async fn failed(&self) {
        let (one, other) = (self.supervisor.stopping(), self.store_tasks.stopping());
        tokio::select! {
            () = one.cancelled() => {}
            () = other.cancelled() => {}
        }
    }

    /// Tells the service manager that the controller listens, and gives it signs of life while its tasks move;
    /// never resolves.
    pub async fn keep_alive(&self, notifier: &Notifier) -> Infallible {
        let status = format!("operators at {}, agents at {}", self.addresses.http, self.addresses.agents);
        notifier.ready(&status);
        notifier.keep_alive(&[&self.supervisor, &self.store_tasks], &status).await
    }

    /// Closes the doors, finishes what is under way, and leaves the store in order.
    pub async fn drain(self) -> Drained {
        self.shared.home.forget_addresses();
        let mut drained = self.supervisor.drain(DRAIN).await;
        // The writer ends when the last way into it is gone; everything that held one has ended.
        drop(self.shared);
        let rest = self.store_tasks.drain(DRAIN).await;
        if let Err(error) = self.sqlite.close().await {
            tracing::warn!(error = %wasl_runtime::chain(&error), "the store could not be tidied; nothing is lost");
        }
        drained.unfinished.extend(rest.unfinished);
        drained.failed.extend(rest.failed);
        drained
    }
}

fn agents_listener(shared: &Shared, options: &Options) -> Result<(agents::Listener, ListenerCertificate)> {
    let tcp = accept::listen(options.agents).with_context(|| {
        format!("opening the agents' listener on {}; is another controller running?", options.agents)
    })?;
    // Agents look for one fixed name, so this certificate needs no other.
    let (lifetime, view) = (options.lifetime(AGENTS_DAYS), shared.trust.view());
    let certificate = ListenerCertificate::new(Kind::Agents, Vec::new(), lifetime, &view, now().seconds())?;
    let verifier =
        AgentVerifier::following(shared.trust.roots(), shared.revocations.clone(), ClientAuth::Offered);
    let tls = server_config(certificate.shown(), Arc::new(verifier), &["h2"], Arc::new(KeptClock))?;
    Ok((agents::Listener { tcp, tls: TlsAcceptor::from(Arc::new(tls)) }, certificate))
}

fn random() -> Result<u64> {
    let mut bytes = [0u8; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(u64::from_ne_bytes(bytes))
}
