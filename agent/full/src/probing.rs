//! Measures round-trip time, loss and jitter to the assigned targets.
//!
//! Probes are ICMP echo requests where the kernel permits them and TCP connection attempts where it
//! does not. What is decided about a probe is decided in `wasl-probe`; here are the sockets, the clocks
//! and the names. Each kind of probe has a lane of its own, which is told the whole of what it should
//! do whenever that changes, so an added target does not disturb the others.
//!
//! A target whose address was never found is not reported as lossy: nothing was measured, and a notice
//! says why. One whose name cannot be looked up any more goes on at its last known address, because a
//! cut line takes the name service with it, and that is when its loss matters.
//!
//! Whoever hears that an interface has moved leaves a [hint](Hints), and the links that end there are probed faster for a
//! moment. What they are is decided by these probes, never by the hint.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;
use wasl_agent_core::report::Reporter;
use wasl_model::assignment::{Address, Assignment};
use wasl_model::units::Count;
use wasl_model::{EntityKind, NoticeCode, ProbeWindow, Severity, Subject};

use address::{LookupError, look_up};
use lane::Report;
use lanes::{Lanes, Located};
use usual::Usual;
use watched::Watched;

mod address;
pub(crate) mod clock;
mod connect;
mod echo;
mod hints;
mod lane;
mod lanes;
mod socket;
mod usual;
mod watched;

pub use address::Sources;
pub(crate) use echo::{Unsent, unsent};
pub use hints::Hints;
#[cfg(test)]
pub(crate) use hints::tests as hinted;

/// Windows that may wait to be reported, over all lanes.
const OUTLET: usize = 4096;
/// Names that are looked up at once; each takes a thread.
const LOOKUPS: usize = 8;
/// After so many windows without an answer, a target's name is looked up again.
const SILENT_WINDOWS: u32 = 3;
/// The window's length where the assignment gives none.
const WINDOW: Duration = Duration::from_secs(10);
const MIN_WINDOW: Duration = Duration::from_millis(100);
/// A reason why probes could not be sent may be told a window later, and so much on top.
const UNSENT_LATELY: Duration = Duration::from_secs(5);
/// So long after a clock step a person is still told of it.
const STEP_TOLD: Duration = Duration::from_mins(1);
/// The longest sleep, which only bounds the timer.
const LONGEST_SLEEP: Duration = Duration::from_hours(1);

const ICMP_REMEDY: &str = "ICMP is not permitted to this agent, so targets are measured by TCP connect. \
    To measure with ICMP, run `sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"`, or \
    `setcap cap_net_raw+ep` on the agent's binary, or start it from the packaged unit, which has \
    AmbientCapabilities=CAP_NET_RAW. It is tried again by itself.";

/// How targets may be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// By ICMP where it is permitted, else by TCP connect.
    #[default]
    Auto,
    /// By TCP connect only.
    Tcp,
}

/// What a prober works by, apart from its assignment.
#[derive(Debug, Clone)]
pub struct Options {
    /// How targets may be probed.
    pub transport: Transport,
    /// Where the default gateway and the name server are read from.
    pub sources: Sources,
    /// How often ICMP is tried again after it was refused.
    pub icmp_retry: Duration,
    /// How often a name is looked up again.
    pub name_every: Duration,
    /// Where what is usual for targets is kept over a restart; nowhere, if nothing stands here.
    pub usual: Option<PathBuf>,
    /// How often the gateway and the name server are looked up again, and a name without an address.
    pub local_every: Duration,
    /// Where others say that an interface has moved.
    pub hints: Hints,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            transport: Transport::Auto,
            sources: Sources::default(),
            icmp_retry: Duration::from_secs(30),
            usual: None,
            name_every: Duration::from_mins(5),
            local_every: Duration::from_secs(10),
            hints: Hints::default(),
        }
    }
}

/// Whether this process may send ICMP: how, or the remedy.
pub fn icmp_permitted() -> Result<&'static str, &'static str> {
    match socket::EchoSocket::open(wasl_probe::icmp::Family::V4, None) {
        Ok(socket) => Ok(socket.method().as_str()),
        Err(_) => Err(ICMP_REMEDY),
    }
}

/// Probes the assigned targets until shutdown, and then hands in the open windows.
///
/// `agent_subject` is the agent itself, for notices about the whole of probing; `usual` the file that remembers what is
/// usual for targets; `hints` where others say that an interface has moved.
pub async fn run(
    reporter: Reporter,
    assignment: watch::Receiver<Arc<Assignment>>,
    agent_subject: Subject,
    usual: PathBuf,
    hints: Hints,
    shutdown: CancellationToken,
) {
    let options = Options { usual: Some(usual), hints, ..Options::default() };
    run_with(options, reporter, assignment, agent_subject, shutdown).await;
}

/// [`run`] with other than the usual options.
pub async fn run_with(
    options: Options,
    reporter: Reporter,
    mut assignment: watch::Receiver<Arc<Assignment>>,
    agent_subject: Subject,
    shutdown: CancellationToken,
) {
    let (outlet, mut reports) = mpsc::channel(OUTLET);
    let usual = Usual::read(options.usual.clone(), SystemTime::now().into());
    let mut lanes = Lanes::new(options.transport, options.icmp_retry, usual.clone(), outlet);
    let mut keep = time::interval_at(Instant::now() + usual::KEEP_EVERY, usual::KEEP_EVERY);
    let write = |usual: &Usual| {
        let usual = usual.clone();
        tokio::task::spawn_blocking(move || usual.write(SystemTime::now().into()))
    };
    let hints = options.hints.clone();
    let mut prober = Prober::new(options, reporter, agent_subject);
    let first = assignment.borrow_and_update().clone();
    prober.assign(&first).await;
    loop {
        prober.publish(&mut lanes).await;
        let wake = prober.next_wake(&lanes);
        tokio::select! {
            () = shutdown.cancelled() => break,
            changed = assignment.changed() => {
                if changed.is_err() {
                    break;
                }
                let now = assignment.borrow_and_update().clone();
                prober.assign(&now).await;
            }
            Some(report) = reports.recv() => prober.on_report(report).await,
            links = hints.moved() => prober.on_hint(&links, &lanes),
            Some(Ok(found)) = prober.lookups.join_next() => {
                prober.on_found(found).await;
                while let Some(Ok(found)) = prober.lookups.try_join_next() {
                    prober.on_found(found).await;
                }
            }
            () = time::sleep_until(wake) => prober.on_time(&mut lanes).await,
            // The disk may take its time; the next reports need not wait for it.
            _ = keep.tick() => drop(write(&usual)),
        }
    }
    // The lanes hand in their open windows, and the outlet closes after the last.
    let threads = lanes.end();
    while let Some(report) = reports.recv().await {
        prober.on_report(report).await;
    }
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a probing thread has panicked; its last windows are lost");
        }
    }
    if write(&usual).await.is_err() {
        tracing::error!("what is usual for targets was not kept");
    }
}

/// Something that is probed, and where it is.
struct Target {
    watched: Watched,
    /// The address last found, with port 0.
    address: Option<SocketAddr>,
    /// When to look it up again; `None` while that is being done and for what cannot change.
    look_up_at: Option<Instant>,
    silent_windows: u32,
    /// Whether it was told that its probes cannot be sent.
    unsent: bool,
}

struct Found {
    id: Subject,
    address: Address,
    result: Result<SocketAddr, LookupError>,
}

struct Prober {
    options: Options,
    reporter: Reporter,
    agent: Subject,
    window: Duration,
    targets: HashMap<Subject, Target>,
    lookups: JoinSet<Found>,
    lookup_slots: Arc<Semaphore>,
    /// Nothing is to be looked up before; kept, because to ask every target at every report would cost more than
    /// all else.
    look_up_next: Option<Instant>,
    /// When the clock step that was told of is taken back.
    stepped_until: Option<Instant>,
    /// When a probe could last not be sent, and why.
    last_unsent: Option<(Instant, String)>,
    /// Whether the lanes have yet to hear of something.
    changed: bool,
}

impl Prober {
    fn new(options: Options, reporter: Reporter, agent: Subject) -> Self {
        Self {
            options,
            reporter,
            agent,
            window: WINDOW,
            targets: HashMap::new(),
            lookups: JoinSet::new(),
            lookup_slots: Arc::new(Semaphore::new(LOOKUPS)),
            look_up_next: None,
            stepped_until: None,
            last_unsent: None,
            changed: false,
        }
    }

    /// Takes a new assignment. A target that only changed its pace keeps its address.
    async fn assign(&mut self, assignment: &Assignment) {
        self.changed = true;
        self.window = match assignment.window_ms {
            0 => WINDOW,
            ms => Duration::from_millis(ms).max(MIN_WINDOW),
        };
        let mut before = std::mem::take(&mut self.targets);
        for wanted in watched::of(assignment) {
            let target = match before.remove(&wanted.subject) {
                Some(target) if target.watched.address == wanted.address => {
                    Target { watched: wanted, ..target }
                }
                former => {
                    self.forget(former).await;
                    Target::new(wanted)
                }
            };
            self.targets.insert(target.watched.subject.clone(), target);
        }
        self.options.hints.assign(&assignment.links);
        self.look_up_next = None;
        for former in before.into_values() {
            self.forget(Some(former)).await;
        }
        self.look_up_due();
    }

    async fn forget(&self, target: Option<Target>) {
        if let Some(target) = target {
            for code in [NoticeCode::NameUnresolved, NoticeCode::ProbesNotSent] {
                self.reporter.clear(target.watched.subject.clone(), code).await;
            }
        }
    }

    fn look_up_due(&mut self) {
        let now = Instant::now();
        if self.look_up_next.is_some_and(|next| next > now) {
            return;
        }
        for (id, target) in &mut self.targets {
            if target.look_up_at.is_none_or(|at| at > now) {
                continue;
            }
            target.look_up_at = None;
            let (id, address, current) = (id.clone(), target.watched.address.clone(), target.address);
            let (sources, slots) = (self.options.sources.clone(), Arc::clone(&self.lookup_slots));
            self.lookups.spawn(async move {
                let _slot = slots.acquire_owned().await;
                let result = look_up(&address, &sources, current).await;
                Found { id, address, result }
            });
        }
        self.look_up_next = self.targets.values().filter_map(|target| target.look_up_at).min();
    }

    async fn on_found(&mut self, found: Found) {
        let Some(target) = self.targets.get_mut(&found.id) else { return };
        if target.watched.address != found.address {
            return; // it was changed while the former name was looked up
        }
        let subject = target.watched.subject.clone();
        let again = match (&found.address, &found.result) {
            (Address::Host(_), Ok(_)) => self.options.name_every,
            _ => self.options.local_every,
        };
        target.look_up_at = address::can_change(&found.address).then(|| Instant::now() + again);
        self.look_up_next = self.look_up_next.into_iter().chain(target.look_up_at).min();
        match found.result {
            Ok(address) => {
                self.changed |= target.address.replace(address) != Some(address);
                self.reporter.clear(subject, NoticeCode::NameUnresolved).await;
            }
            Err(error) => {
                let consequence = match target.address {
                    Some(last) => format!("Meanwhile its last known address {} is measured.", last.ip()),
                    None => "Meanwhile it is not measured.".to_owned(),
                };
                let detail = format!("{}. {consequence}", in_words(&error));
                self.reporter.raise(subject, NoticeCode::NameUnresolved, Severity::Warning, detail).await;
            }
        }
    }

    async fn on_report(&mut self, report: Report) {
        match report {
            Report::Window(at, closed) => {
                let Ok(subject) = closed.id.parse::<Subject>() else { return };
                self.note_silence(&subject, &closed.window);
                self.note_unsent(&subject, &closed.window).await;
                let mut window = closed.window;
                if subject.kind != EntityKind::Link {
                    window.down = None; // nobody owes how long a target is up
                }
                self.reporter.report_at(subject, at, window).await;
            }
            Report::Unsent(error) => self.last_unsent = Some((Instant::now(), error.to_string())),
            Report::Step(step) => {
                self.stepped_until = Some(Instant::now() + STEP_TOLD);
                let direction = if step.forward { "forward" } else { "back" };
                let detail = format!(
                    "The clock was set {direction} by {:.1} s; probes on their way then do not count. \
                     If this happens again, check this machine's time synchronisation.",
                    step.by.as_secs_f64()
                );
                let agent = self.agent.clone();
                self.reporter.raise(agent, NoticeCode::ClockStepped, Severity::Warning, detail).await;
            }
        }
    }

    /// Has the links probed that are said to have moved. One whose address is not known yet is not probed at all.
    fn on_hint(&self, links: &BTreeSet<Subject>, lanes: &Lanes) {
        for located in links.iter().filter_map(|link| self.targets.get(link)?.located()) {
            tracing::debug!(link = %located.watched.subject, "an interface is said to have moved: probing at once");
            lanes.hint(&located);
        }
    }

    /// Where none of a window's probes could be sent, somebody is told; and when they can be again.
    async fn note_unsent(&mut self, subject: &Subject, window: &ProbeWindow) {
        let Some(target) = self.targets.get_mut(subject) else { return };
        let sent = window.sent > Some(Count(0));
        // What a step of the clock has voided was sent.
        let lately = |(at, _): &&(Instant, String)| at.elapsed() < self.window + UNSENT_LATELY;
        if window.is_unsent()
            && !target.unsent
            && let Some((_, why)) = self.last_unsent.as_ref().filter(lately)
        {
            target.unsent = true;
            let detail = format!("Its probes cannot be sent ({why}), so nothing is known of it.");
            let code = NoticeCode::ProbesNotSent;
            self.reporter.raise(subject.clone(), code, Severity::Warning, detail).await;
        } else if sent && target.unsent {
            target.unsent = false;
            self.reporter.clear(subject.clone(), NoticeCode::ProbesNotSent).await;
        }
    }

    /// A target that fell silent may have moved: its name is looked up again.
    fn note_silence(&mut self, id: &Subject, window: &ProbeWindow) {
        let Some(target) = self.targets.get_mut(id) else { return };
        if window.received > Some(Count(0)) {
            target.silent_windows = 0;
        } else if window.sent > Some(Count(0)) {
            target.silent_windows = target.silent_windows.saturating_add(1);
            if target.silent_windows == SILENT_WINDOWS {
                target.look_up_at = target.look_up_at.map(|_| Instant::now());
                self.look_up_next = self.look_up_next.into_iter().chain(target.look_up_at).min();
            }
        }
    }

    /// When there is something to do that nothing else will wake us for.
    fn next_wake(&self, lanes: &Lanes) -> Instant {
        let others = lanes.next_retry().into_iter().chain(self.stepped_until);
        others.chain(self.look_up_next).min().unwrap_or_else(|| Instant::now() + LONGEST_SLEEP)
    }

    async fn on_time(&mut self, lanes: &mut Lanes) {
        let now = Instant::now();
        self.look_up_due();
        self.changed |= lanes.retry_due(now);
        if self.stepped_until.is_some_and(|until| until <= now) {
            self.stepped_until = None;
            self.reporter.clear(self.agent.clone(), NoticeCode::ClockStepped).await;
        }
    }

    /// Tells the lanes what is wanted now, if that has changed.
    async fn publish(&mut self, lanes: &mut Lanes) {
        if !std::mem::take(&mut self.changed) {
            return;
        }
        let targets: Vec<_> = self.targets.values().filter_map(Target::located).collect();
        lanes.set(self.window, &targets);
        let (agent, code) = (self.agent.clone(), NoticeCode::IcmpNotPermitted);
        if lanes.icmp_refused() {
            self.reporter.raise(agent, code, Severity::Warning, ICMP_REMEDY).await;
        } else {
            self.reporter.clear(agent, code).await;
        }
    }
}

impl Target {
    fn new(watched: Watched) -> Self {
        Self { watched, address: None, look_up_at: Some(Instant::now()), silent_windows: 0, unsent: false }
    }

    fn located(&self) -> Option<Located<'_>> {
        self.address.map(|address| Located { watched: &self.watched, address })
    }
}

/// An error with all that lies behind it, in one line.
fn in_words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        words = format!("{words}: {error}");
        source = error.source();
    }
    words
}

#[cfg(test)]
mod tests;
