//! Builds the parts of the controller, runs them, and drains them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arc_swap::ArcSwap;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use wasl_pki::tls::SystemClock;
use wasl_pki::{
    AgentVerifier, ClientAuth, Credentials, KeyAndRequest, Revocations, SwappableCertificate, server_config,
};
use wasl_protocol::batch;
use wasl_runtime::supervise::{Drained, OnFailure, Supervisor};
use wasl_store::{SqliteStore, Store};

use crate::board::Boards;
use crate::home::{Addresses, Home};
use crate::ingest::{self};
use crate::intent::Intent;
use crate::live::Live;
use crate::people::People;
use crate::sessions::Sessions;
use crate::shared::Shared;
use crate::time::now;
use crate::{agents, jobs, operators};

/// How long open work may take when the controller ends.
const DRAIN: Duration = Duration::from_secs(8);
/// Enrolments at the same time.
const ENROLMENTS: usize = 8;

/// Where a controller keeps and listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// The state folder.
    pub state: PathBuf,
    /// The operators' listener.
    pub http: SocketAddr,
    /// The agents' listener.
    pub agents: SocketAddr,
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
        let authority = home.authority(&institution, now().seconds())?;
        let cli_token = home.renew_cli_token()?;
        let store = SqliteStore::open(&home.store(), decode, random()?).await?;
        let sqlite = store.clone();
        let store: Arc<dyn Store> = Arc::new(store);
        let live = Arc::new(Live::default());
        jobs::restore::live(&*store, &live).await.context("restoring what was known")?;
        let (ingest, writer) = ingest::new(store.clone(), live.clone(), intent.clone());
        let shared = Arc::new(Shared {
            home: home.clone(),
            started: now(),
            intent,
            store,
            live,
            sessions: Sessions::default(),
            boards: Boards::default(),
            ingest,
            authority,
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

        let agents_listener = agents_listener(&shared, options.agents).await?;
        let operators_listener = operators::Listener::open(&shared, options.http).await?;
        let addresses = Addresses {
            http: operators_listener.url.clone(),
            agents: agents_listener.tcp.local_addr()?,
            pid: std::process::id(),
            authority: operators_listener.is_tls().then(|| shared.authority.certificate_pem()),
        };
        let supervisor = Supervisor::new();
        Ok(Self { shared, addresses, sqlite, supervisor, writer, agents_listener, operators_listener })
    }

    /// Starts every task and tells where the controller listens.
    pub fn start(self) -> Result<Running> {
        let Self { shared, addresses, sqlite, supervisor, writer, agents_listener, operators_listener } =
            self;
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
        supervisor.spawn("board", OnFailure::Restart, move || jobs::judge::run(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("registry", OnFailure::Restart, move || jobs::registry(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop.clone());
        supervisor.spawn("history", OnFailure::Restart, move || jobs::history(own.clone(), token.clone()));
        let (own, token) = (shared.clone(), stop);
        supervisor.spawn("configuration", OnFailure::Restart, move || {
            jobs::configuration(own.clone(), token.clone())
        });
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

async fn agents_listener(shared: &Shared, address: SocketAddr) -> Result<agents::Listener> {
    let key = KeyAndRequest::generate()?;
    let issued = shared.authority.issue_controller(
        key.request_der(),
        &[],
        now().seconds(),
        Duration::from_secs(365 * 86_400),
    )?;
    let credentials = Credentials::new(&issued.chain_der, &key.private_key_pem())?;
    let roots = [shared.authority.certificate_der().to_vec()];
    let verifier = AgentVerifier::new(&roots, shared.revocations.clone(), ClientAuth::Offered)?;
    let certificate = SwappableCertificate::new(credentials);
    let tls = server_config(&certificate, Arc::new(verifier), &["h2"], Arc::new(SystemClock))?;
    let tcp = TcpListener::bind(address).await.with_context(|| {
        format!("opening the agents' listener on {address}; is another controller running?")
    })?;
    Ok(agents::Listener { tcp, tls: TlsAcceptor::from(Arc::new(tls)) })
}

fn random() -> Result<u64> {
    let mut bytes = [0u8; 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| anyhow::anyhow!("the system gives no random numbers"))?;
    Ok(u64::from_ne_bytes(bytes))
}
