//! Feeds the health engine: words as observations come, the sessions of the agents, the configuration and
//! the acts of people; and brings what it finds to the store, the board and the listeners.
//!
//! The engine is only moved along by what changed. Judgements are durable before their events are told, so
//! that after a restart no since-time is new, no incident is forgotten and no event has two numbers.

mod capacity;
mod failover;
mod gone;
mod graph;
mod missed;
mod pending;
mod strangers;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;
use wasl_health::directions::Directions;
use wasl_health::engine::{Refusal, StateChange};
use wasl_health::{Engine, Policy, Word, judge};
use wasl_model::assignment::Via;
use wasl_model::health::EntityState;
use wasl_model::{AgentId, EntityKind, Maintenance, ProbeWindow, SiteId, Subject, Timestamp, Value};
use wasl_settings::{HealthPolicy, Link, LinkProbe, Settings};
use wasl_store::{AgentRecord, Store, StoredEvent};

use crate::board::Entity;
use crate::intent::{self, Intent};
use crate::live::{Happened, Key, Latest, Live, State};
use crate::shared::Shared;
use crate::time::now;
use capacity::Capacity;
use failover::Failovers;
use missed::Missed;
use pending::Pending;
use strangers::Strangers;

/// A burst of changes is judged once.
const GATHER: Duration = Duration::from_millis(50);
/// How long to sleep where nothing is due. Also how soon a failed write is tried again.
const LONGEST: Duration = Duration::from_secs(1);
/// How often it is looked for what agents speak of no more; not at the start, when none has come back yet.
const SWEEP: Duration = Duration::from_hours(1);
/// Events of the last run that are told to those who were away while the controller was.
const PAST: u32 = 10_000;

/// The engine and what it has found that is not yet kept.
pub struct Judging {
    inner: Mutex<Inner>,
}

struct Inner {
    engine: Engine,
    capacity: Capacity,
    /// What the tests of each agent on each link told of its two directions.
    directions: BTreeMap<(AgentId, String), Directions>,
    pending: Pending,
    strangers: Strangers,
    failovers: Failovers,
    missed: Missed,
    /// The agents that had a session when it was last looked, and the table's version then.
    connected: BTreeSet<AgentId>,
    sessions: Option<u64>,
    /// The agents that were enrolled when it was last looked, and the list that said so.
    enrolled: BTreeSet<AgentId>,
    registry: Option<Arc<Vec<AgentRecord>>>,
    /// When it was last looked for what agents speak of no more.
    swept: Timestamp,
}

/// Why an act of a person was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// It makes no sense now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It could not be kept, and so was not done.
    #[error("keeping it")]
    Store(#[from] wasl_store::Error),
}

fn policy(settings: HealthPolicy) -> Policy {
    Policy {
        window: settings.confirm_after.as_duration(),
        flap_window: settings.flap_window.as_duration(),
        flap_enter: usize::from(settings.flap_changes),
        ..Policy::default()
    }
}

impl Judging {
    /// Goes on from what the last run kept.
    pub async fn restore(
        store: &dyn Store,
        intent: &Intent,
        live: &Live,
        now: Timestamp,
    ) -> Result<Self, wasl_store::Error> {
        let settings = intent.settings();
        let mut agents = store.agents().await?;
        agents.retain(|record| record.revoked.is_none());
        let before: BTreeMap<Subject, EntityState> =
            store.health().await?.into_iter().map(|kept| (kept.subject, kept.state)).collect();
        let went = live.read().take_went();
        missed::bury_again(live, &before, |agent, subject| intent.every(agent, subject), now);
        let mut said: BTreeMap<Subject, Vec<(Option<AgentId>, Word)>> = BTreeMap::new();
        for ((agent, subject), latest) in &live.read().values {
            let every = intent.every(agent, subject);
            let word = words::of_value(latest, subject, &settings, every);
            let word = words::after_restart(word, before.get(subject), subject, latest.at, every);
            if let Some(word) = word.filter(|_| intent.may_speak(agent, subject)) {
                said.entry(subject.clone()).or_default().push((Some(agent.clone()), word));
            }
        }
        for record in &agents {
            let subject = Subject::lenient(EntityKind::Agent, record.id.as_str());
            let word = words::of_agent_after_restart(before.get(&subject), record.last_seen, now);
            said.entry(subject).or_default().push((None, word));
        }
        let saved = pending::saved(store, said, now).await?;
        let engine = Engine::restore(policy(settings.health()), graph::of(&settings, &agents), saved, now);
        // What was taken in after the last snapshot has been heard again; some of it may have been kept.
        let mut again = live.read().take_happened();
        let mut strangers = Strangers::default();
        let newcomers = live.read().take_newcomers();
        again.extend(newcomers.into_iter().filter_map(|new| strangers.meet(new, &settings, now)));
        again.extend(went.into_iter().filter_map(|went| gone::told(went, &settings)));
        again.retain(|happened| intent.may_speak(&happened.agent, &happened.subject));
        let mut pending = Pending::default();
        pending.happened_again(again, &latest_events(store).await?, |subject| site_of(&engine, subject), now);
        let mut capacity = Capacity::default();
        capacity.configure(&settings, &engine);
        let inner = Inner {
            engine,
            capacity,
            directions: BTreeMap::new(),
            pending,
            strangers,
            failovers: Failovers::restore(&settings, &before),
            missed: Missed::default(),
            connected: BTreeSet::new(),
            sessions: None,
            registry: None,
            swept: now,
            enrolled: agents.into_iter().map(|record| record.id).collect(),
        };
        Ok(Self { inner: Mutex::new(inner) })
    }

    /// Somebody takes an incident on. When this returns it is kept.
    pub async fn acknowledge(&self, shared: &Shared, id: u64, by: &str, note: &str) -> Result<(), ActError> {
        let mut inner = self.inner.lock().await;
        inner.engine.acknowledge(id, by, note, now())?;
        Ok(inner.publish(shared).await?)
    }

    /// Somebody announces a maintenance; its number.
    pub async fn maintain(&self, shared: &Shared, mut maintenance: Maintenance) -> Result<u64, ActError> {
        let mut inner = self.inner.lock().await;
        if maintenance.until <= maintenance.from {
            return Err(Refusal::Empty(maintenance.id).into());
        }
        maintenance.id = shared.store.add_maintenance(&maintenance).await?;
        let id = maintenance.id;
        inner.engine.set_maintenance(maintenance, now())?;
        inner.publish(shared).await?;
        Ok(id)
    }

    /// Somebody ends a maintenance early, or calls it off.
    pub async fn end_maintenance(&self, shared: &Shared, id: u64) -> Result<(), ActError> {
        let mut inner = self.inner.lock().await;
        let now = now();
        let found = inner.engine.maintenances().find(|m| m.id == id).cloned();
        let mut maintenance = found.ok_or(Refusal::NoMaintenance(id))?;
        maintenance.until = maintenance.from.max(now);
        shared.store.save_maintenance(&maintenance).await?;
        inner.engine.end_maintenance(id, now)?;
        Ok(inner.publish(shared).await?)
    }

    async fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().await
    }
}

/// A window of probes, with its end.
fn probed(latest: &Latest) -> Option<(Timestamp, &ProbeWindow)> {
    let Value::Probe(window) = &latest.value else { return None };
    Some((latest.at, window))
}

/// The last events of the last run.
async fn latest_events(store: &dyn Store) -> Result<Vec<StoredEvent>, wasl_store::Error> {
    let last = store.last_event_id().await?;
    store.events(last.saturating_sub(u64::from(PAST)), PAST).await
}

/// Keeps the judgements until `stop`.
pub async fn run(shared: Arc<Shared>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut live = shared.live.changes();
    let mut sessions = shared.sessions.changes();
    let mut agents = shared.agents_stale();
    let mut intent = shared.intent.changes();
    match latest_events(&*shared.store).await {
        Ok(past) => shared.boards.recall(past.into_iter().map(Into::into)),
        Err(error) => {
            tracing::warn!(error = %wasl_runtime::chain(&error), "earlier events could not be read");
        }
    }
    shared.judging.lock().await.begin(&shared);
    loop {
        let wait = {
            let mut inner = shared.judging.lock().await;
            let now = now();
            if intent.has_changed().unwrap_or(false) {
                intent.mark_unchanged();
                inner.configure(&shared, now);
            }
            inner.miss(&shared, now);
            inner.hear(&shared, now);
            inner.sweep(&shared, now);
            inner.engine.tick(now);
            if let Err(error) = inner.publish(&shared).await {
                tracing::error!(error = %wasl_runtime::chain(&error), "judgements could not be kept; they will be tried again");
            }
            inner.engine.next_deadline().map_or(LONGEST, |due| due.since(now)).min(LONGEST)
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait.max(GATHER)) => continue,
            _ = live.changed() => {}
            _ = sessions.changed() => {}
            _ = agents.changed() => {}
            Ok(()) = intent.changed() => intent.mark_changed(),
        }
        tokio::time::sleep(GATHER).await;
    }
}

/// Where something stands that has happened.
fn site_of(engine: &Engine, subject: &Subject) -> Option<SiteId> {
    let judged = engine.view(subject).and_then(|view| view.site.cloned());
    judged.or_else(|| SiteId::new(strangers::site_of(subject)?).ok())
}

impl Inner {
    /// Puts on the board what was restored.
    fn begin(&self, shared: &Shared) {
        let settings = shared.intent.settings();
        let engine = &self.engine;
        shared.boards.change(|board| {
            for (subject, _) in engine.entities() {
                if let Some(entity) = entity(engine, &settings, subject, None) {
                    board.entities.insert(subject.clone(), Box::new(entity));
                }
            }
            board.incidents = engine.incidents().map(|i| (i.id, i.clone())).collect();
            board.maintenances = engine.maintenances().map(|m| (m.id, m.clone())).collect();
        });
    }

    fn configure(&mut self, shared: &Shared, now: Timestamp) {
        let settings = shared.intent.settings();
        let agents = shared.agents();
        let graph = graph::of(&settings, agents.iter().filter(|r| r.revoked.is_none()));
        for problem in graph.problems() {
            tracing::warn!("the configuration's dependencies: {problem}");
        }
        self.engine.configure(graph, now);
        let changes = self.assign(&settings, now);
        let engine = &self.engine;
        self.pending.happened(changes, |subject| site_of(engine, subject), now);
        self.capacity.configure(&settings, &self.engine);
        self.directions.retain(|(_, link), _| settings.links().contains_key(link));
        let mut live = shared.live.read();
        live.all_changed();
        let unspeakable: Vec<Key> =
            live.values.keys().filter(|(a, s)| !shared.intent.may_speak(a, s)).cloned().collect();
        drop(live);
        for (agent, subject) in unspeakable {
            self.engine.forget(&subject, Some(&agent), now);
        }
    }

    /// Takes for gone what its owner has no more, though nobody says so.
    fn miss(&mut self, shared: &Shared, now: Timestamp) {
        let settings = shared.intent.settings();
        let every = |agent: &AgentId, subject: &Subject| intent::every(&settings, agent, subject);
        let gone = self.missed.look(&shared.live.read(), every, now);
        missed::bury(&shared.live, gone, now);
    }

    /// Takes in what has come since the last time.
    fn hear(&mut self, shared: &Shared, now: Timestamp) {
        let mut agents = self.newly_enrolled(shared, now);
        let (came, left) = self.came_and_left(shared);
        agents.extend(came);
        agents.extend(left.iter().cloned());

        let settings = shared.intent.settings();
        let mut live = shared.live.read();
        let changed = live.take_changed();
        let mut happened = live.take_happened();
        let newcomers = live.take_newcomers();
        let went = live.take_went();
        let mut touched: Vec<Subject> = Vec::with_capacity(changed.len());
        let (mut lines, mut paths) = (BTreeSet::<String>::new(), BTreeSet::<String>::new());
        for key in changed {
            let Some(latest) = live.values.get(&key) else { continue };
            if shared.intent.may_speak(&key.0, &key.1) {
                lines.append(&mut self.capacity.note(&key, latest, now));
            }
            let (agent, subject) = key;
            if subject.kind == EntityKind::Agent {
                agents.insert(agent);
            } else if subject.kind == EntityKind::Link {
                lines.insert(subject.id);
            } else if subject.kind == EntityKind::Path {
                paths.insert(subject.id.split_once('/').map_or(&*subject.id, |(link, _)| link).to_owned());
            } else if shared.intent.may_speak(&agent, &subject) {
                let every = shared.intent.every(&agent, &subject);
                if let Some(word) = words::of_value(latest, &subject, &settings, every) {
                    self.engine.observe(&subject, Some(agent), word, now);
                    touched.push(subject);
                } else if latest.value == Value::Gone {
                    self.engine.forget(&subject, Some(&agent), now);
                }
            }
        }
        for id in lines {
            let Some(link) = settings.links().get(&id) else { continue };
            for (agent, subject, word) in self.line(&id, link, &live, shared, now) {
                self.engine.observe(&subject, Some(agent), word, now);
                touched.push(subject);
            }
        }
        for id in paths {
            let every = shared.intent.every_window();
            for (agent, subject, word) in words::of_path(&mut self.directions, &live, &settings, &id, every) {
                self.engine.observe(&subject, Some(agent), word, now);
                touched.push(subject);
            }
        }
        for agent in agents.into_iter().filter(|a| self.enrolled.contains(a)) {
            let is_connected = self.connected.contains(&agent);
            // Who has not come back since the start is given its time first.
            if !is_connected && !left.contains(&agent) && self.connected_never(&agent, shared) {
                continue;
            }
            let subject = Subject::lenient(EntityKind::Agent, agent.as_str());
            let word = words::of_agent(&live, &agent, &subject, is_connected, now);
            self.engine.observe(&subject, None, word, now);
            touched.push(subject);
        }
        drop(live);
        for new in newcomers.into_iter().filter(|new| shared.intent.may_speak(&new.agent, &new.subject)) {
            happened.extend(self.strangers.meet(new, &settings, now));
        }
        happened.extend(self.strangers.count(now));
        let went = went.into_iter().filter(|went| shared.intent.may_speak(&went.agent, &went.subject));
        happened.extend(went.filter_map(|went| gone::told(went, &settings)));
        let engine = &self.engine;
        self.pending.happened(happened, |subject| site_of(engine, subject), now);
        // Where only the time of the last observation is new, the board hears of it all the same.
        let engine = &self.engine;
        shared.boards.change(|board| {
            for subject in touched {
                let (Some(entity), Some(view)) = (board.entities.get_mut(&subject), engine.view(&subject))
                else {
                    continue;
                };
                entity.at = view.at.or(entity.at);
                if let Some(witness) = view.witness {
                    entity.agent = Some(witness.clone());
                }
            }
        });
    }

    /// Now and then forgets what an agent has not spoken of for long.
    fn sweep(&mut self, shared: &Shared, now: Timestamp) {
        if now >= self.swept && now.since(self.swept) < SWEEP {
            return;
        }
        self.swept = now;
        let settings = shared.intent.settings();
        let engine = &self.engine;
        let stays = |(agent, subject): &Key| {
            gone::stays(subject, shared.intent.may_speak(agent, subject), engine.is_named(subject), &settings)
        };
        for (agent, subject) in shared.live.forget_silent(gone::SILENT, now, stays) {
            self.engine.forget(&subject, Some(&agent), now);
        }
    }

    /// Forgets the agents that are enrolled no more, and returns those that are new. Costs nothing while the list of
    /// them is the same.
    fn newly_enrolled(&mut self, shared: &Shared, now: Timestamp) -> BTreeSet<AgentId> {
        let registry = shared.agents();
        if self.registry.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &registry)) {
            return BTreeSet::new();
        }
        let enrolled: BTreeSet<AgentId> =
            registry.iter().filter(|r| r.revoked.is_none()).map(|r| r.id.clone()).collect();
        self.registry = Some(registry);
        if enrolled == self.enrolled {
            return BTreeSet::new();
        }
        let new = enrolled.difference(&self.enrolled).cloned().collect();
        for gone in self.enrolled.difference(&enrolled) {
            self.engine.forget_witness(gone, now);
            self.engine.forget(&Subject::lenient(EntityKind::Agent, gone.as_str()), None, now);
        }
        self.enrolled = enrolled;
        self.configure(shared, now);
        new
    }

    /// The agents that have a session since it was last looked, and those that have none any more. Costs nothing
    /// while no session begins or ends.
    fn came_and_left(&mut self, shared: &Shared) -> (BTreeSet<AgentId>, BTreeSet<AgentId>) {
        let version = shared.sessions.version();
        if self.sessions == Some(version) {
            return Default::default();
        }
        self.sessions = Some(version);
        let connected = shared.sessions.connected();
        let came = connected.difference(&self.connected).cloned().collect();
        let left = self.connected.difference(&connected).cloned().collect();
        self.connected = connected;
        (came, left)
    }

    /// What is to be said of a line and of those who share it.
    fn line(
        &mut self,
        id: &str,
        link: &Link,
        live: &State,
        shared: &Shared,
        now: Timestamp,
    ) -> Vec<(AgentId, Subject, Word)> {
        let subject = Subject::lenient(EntityKind::Link, id);
        let every = shared.intent.every_window();
        let mut said = Vec::new();
        let latest = |probe: &LinkProbe| live.values.get(&(probe.from.clone(), subject.clone()));
        for probe in &link.probes {
            let Some(latest_here) = latest(probe) else { continue };
            let others = link.probes.iter().filter(|other| other.from != probe.from);
            // A probe that may leave by another way than the link says nothing of it.
            let bound = others.filter(|other| matches!(other.via, Some(Via::Interface(_))));
            let others = bound.filter_map(|other| Some(latest(other)?.as_ref())).filter_map(probed);
            if let Some(judgement) = self.capacity.laid(&probe.from, id, latest_here) {
                let judgement = match probed(latest_here) {
                    Some((at, window)) => {
                        judge::link_from_both_ends(at, window, judgement, &probe.from, others, every)
                    }
                    None => judgement,
                };
                let word = Word::sampled(judgement, latest_here.at, every);
                said.push((probe.from.clone(), subject.clone(), word));
            }
        }
        said.append(&mut self.capacity.shares(id, link, live, every, now));
        said
    }

    /// Says what each link is doing, by how all of them are; which do something else than before.
    fn assign(&mut self, settings: &Settings, now: Timestamp) -> Vec<Happened> {
        let doing = failover::doing(settings, |link| self.engine.felt(link));
        for (link, doing) in &doing {
            self.engine.set_activity(link, doing.activity.as_str(), now);
        }
        let engine = &self.engine;
        let observer = |link: &Subject| {
            let witness = engine.view(link).and_then(|view| view.witness.cloned());
            witness.or_else(|| graph::observer(settings, link))
        };
        let changes = self.failovers.note(&doing).into_iter();
        changes.filter_map(|change| Some(change.clone().told(observer(change.link())?, now))).collect()
    }

    /// Whether an agent without a session is only known from before the start.
    fn connected_never(&self, agent: &AgentId, shared: &Shared) -> bool {
        let subject = Subject::lenient(EntityKind::Agent, agent.as_str());
        self.engine.view(&subject).and_then(|v| v.at).is_some_and(|at| at <= shared.started)
    }

    /// Brings what changed to the board, then to the store, then to whoever listens.
    async fn publish(&mut self, shared: &Shared) -> Result<(), wasl_store::Error> {
        let settings = shared.intent.settings();
        let assigned = if self.engine.has_changed(EntityKind::Link) {
            self.assign(&settings, now())
        } else {
            Vec::new()
        };
        let changes = self.engine.take_changes();
        let engine = &self.engine;
        shared.boards.change(|board| {
            for StateChange { subject, .. } in &changes.states {
                let before = board.entities.remove(subject);
                if let Some(entity) = entity(engine, &settings, subject, before.as_deref()) {
                    board.entities.insert(subject.clone(), Box::new(entity));
                }
            }
            for incident in &changes.incidents {
                if incident.is_open() {
                    board.incidents.insert(incident.id, incident.clone());
                } else {
                    board.incidents.remove(&incident.id);
                }
            }
            board.maintenances = engine.maintenances().map(|m| (m.id, m.clone())).collect();
        });
        self.pending.add(changes, |subject| engine.view(subject).and_then(|v| v.site.cloned()), now());
        // After what made them change.
        self.pending.happened(assigned, |subject| site_of(engine, subject), now());
        let events = self.pending.keep(&*shared.store).await?;
        shared.boards.tell(events);
        Ok(())
    }
}

/// An entity as the board shows it; `before`: as it showed it until now.
fn entity(
    engine: &Engine,
    settings: &Settings,
    subject: &Subject,
    before: Option<&Entity>,
) -> Option<Entity> {
    let view = engine.view(subject)?;
    let known = || before.and_then(|b| b.agent.clone());
    Some(Entity {
        subject: subject.clone(),
        state: view.state.clone(),
        site: view.site.cloned(),
        agent: view.witness.cloned().or_else(known).or_else(|| graph::observer(settings, subject)),
        at: view.at.or_else(|| before.and_then(|b| b.at)),
    })
}
