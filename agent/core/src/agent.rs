//! Builds the parts of an agent, runs them, and drains them in the order in which data flows.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use thiserror::Error;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use wasl_model::assignment::Assignment;
use wasl_model::{AgentId, EntityKind, InvalidId, Subject};
use wasl_runtime::supervise::{Drained, OnFailure, Supervisor};
use wasl_spool::{Epoch, Options};

use crate::clock::{Beat, Timeline};
use crate::keeper::{self, SpoolHandle};
use crate::report::Reporter;
use crate::secrets::Secrets;
use crate::state::{StateDir, StateError};
use crate::uplink::{Uplink, UplinkError};
use crate::{facts, host, selfwatch};

/// How long collectors may take to end, and then the delivery of what they left.
const DRAIN: (Duration, Duration) = (Duration::from_secs(3), Duration::from_secs(5));

/// How long the agent's report about itself, due every ten seconds, may stand still before the service manager
/// starts the agent again.
const STILL: Duration = Duration::from_secs(90);

/// Why an agent cannot be started.
#[derive(Debug, Error)]
pub enum BuildError {
    /// The state folder cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The agent's name in the state folder is no name.
    #[error("the state folder names the agent wrongly; enrol the agent again")]
    Name(#[from] InvalidId),
    /// The spool cannot be used.
    #[error("opening the spool")]
    Spool(#[from] wasl_spool::Error),
    /// The uplink cannot be used.
    #[error(transparent)]
    Uplink(#[from] UplinkError),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

/// An agent, started: its own tasks run, and collectors can be added.
pub struct Agent {
    /// The agent's name.
    pub id: AgentId,
    /// How collectors hand in observations.
    pub reporter: Reporter,
    /// The assignment in force.
    pub assignment: watch::Receiver<Arc<Assignment>>,
    /// The secrets on this host.
    pub secrets: Secrets,
    /// The state folder, where collectors may keep a file of their own.
    pub folder: PathBuf,
    /// The collectors' supervisor: the first to be drained.
    pub collectors: Supervisor,
    keeping: Supervisor,
    delivery: Supervisor,
    finish: CancellationToken,
}

impl Agent {
    /// Opens everything and starts the tasks that each agent has.
    pub async fn start(state: StateDir, options: Options, version: &str) -> Result<Self, BuildError> {
        let bootstrap = state.bootstrap()?;
        let id = AgentId::new(bootstrap.agent)?;
        let about = Subject::lenient(EntityKind::Agent, id.as_str());
        let (spool, recovery) = SpoolHandle::open(&state.spool(), &options, Epoch(random()?))?;
        let (secrets, folder) = (Secrets::new(state.secrets()), state.path().to_owned());
        let timeline = Arc::new(Mutex::new(Timeline::default()));
        let uplink = Uplink::build(state, spool.clone(), facts::read(version), random()?, timeline.clone())?;
        let (assignment, uplink_status) = (uplink.assignment(), uplink.status());
        let (reporter, queue) = Reporter::new();

        let (keeping, delivery) = (Supervisor::new(), Supervisor::new());
        let finish = CancellationToken::new();
        once(&keeping, "spool", keeper::run(queue, spool.clone(), about.clone(), timeline));
        once(&delivery, "uplink", uplink.run(finish.clone()));
        keeper::tell_recovery(&recovery, &reporter, &about).await;

        let (collectors, beat) = (Supervisor::new(), Beat::begin(Instant::now()));
        let agent = Self { id, reporter, assignment, secrets, folder, collectors, keeping, delivery, finish };
        let (reporter, stop) = (agent.reporter.clone(), agent.collectors.stopping());
        agent.collectors.spawn("self", OnFailure::Restart, move || {
            selfwatch::run(
                reporter.clone(),
                about.clone(),
                spool.clone(),
                uplink_status.clone(),
                beat,
                stop.clone(),
            )
        });
        // Each of its rounds asks the spool's thread and goes through the queue of observations: if it moves,
        // so do they.
        agent.collectors.must_move("self", STILL);
        let (reporter, stop) = (agent.reporter.clone(), agent.collectors.stopping());
        let (id, assignment) = (agent.id.clone(), agent.assignment.clone());
        agent.collectors.spawn("host", OnFailure::Restart, move || {
            host::run(reporter.clone(), id.clone(), assignment.clone(), beat, stop.clone())
        });
        Ok(agent)
    }

    /// Resolves when a task failed without which the agent cannot work.
    pub async fn failed(&self) {
        let (keeping, delivery) = (self.keeping.stopping(), self.delivery.stopping());
        tokio::select! {
            () = keeping.cancelled() => {}
            () = delivery.cancelled() => {}
        }
    }

    /// Ends the collectors, keeps what they handed in, and brings it to the controller if it is there.
    pub async fn drain(self) -> Drained {
        let Self { reporter, collectors, keeping, delivery, finish, .. } = self;
        let mut drained = collectors.drain(DRAIN.0).await;
        // The spool's task ends when it has kept what the last reporter handed in.
        drop(reporter);
        let kept = keeping.drain(DRAIN.0).await;
        finish.cancel();
        let delivered = delivery.drain(DRAIN.1).await;
        for stage in [kept, delivered] {
            drained.unfinished.extend(stage.unfinished);
            drained.failed.extend(stage.failed);
        }
        drained
    }
}

/// Supervises a task that cannot be started again because it owns what it works on.
fn once<E: std::fmt::Display + Send + 'static>(
    supervisor: &Supervisor,
    name: &'static str,
    task: impl Future<Output = Result<(), E>> + Send + 'static,
) {
    let mut task = Some(task);
    supervisor.spawn(name, OnFailure::Stop, move || {
        let task = task.take();
        async move {
            match task {
                Some(task) => task.await,
                None => Ok(()),
            }
        }
    });
}

pub(crate) fn random() -> Result<u64, BuildError> {
    let mut bytes = [0u8; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| BuildError::Random)?;
    Ok(u64::from_ne_bytes(bytes))
}
