//! The configuration in force, and what it asks of each agent.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use ring::digest;
use tokio::sync::watch;
use wasl_model::assignment::Assignment;
use wasl_model::{AgentId, EntityKind, Subject};
use wasl_settings::{Problem, Settings};

/// The configuration in force. It is replaced whole or not at all.
pub struct Intent {
    dir: PathBuf,
    settings: ArcSwap<Settings>,
    changes: watch::Sender<u64>,
}

/// An assignment and the number that names it.
#[derive(Debug, Clone, PartialEq)]
pub struct Assigned {
    /// Never 0.
    pub generation: u64,
    /// As it travels.
    pub json: Vec<u8>,
}

impl Intent {
    /// Reads the configuration in `dir`.
    pub fn load(dir: &Path) -> Result<Self, Vec<Problem>> {
        let settings = wasl_settings::load(dir)?;
        Ok(Self {
            dir: dir.to_owned(),
            settings: ArcSwap::from_pointee(settings),
            changes: watch::channel(0).0,
        })
    }

    /// The configuration.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Follows changes of the configuration.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Reads the folder again; whether something changed. With problems the old one stays in force.
    pub fn reload(&self) -> Result<bool, Vec<Problem>> {
        let new = wasl_settings::load(&self.dir)?;
        if *self.settings.load_full() == new {
            return Ok(false);
        }
        self.settings.store(Arc::new(new));
        self.changes.send_modify(|n| *n += 1);
        Ok(true)
    }

    /// What an agent is asked to do.
    pub fn assignment(&self, agent: &AgentId) -> Assigned {
        let assignment = self.settings.load().assignment_for(agent).unwrap_or_else(Assignment::baseline);
        let json = serde_json::to_vec(&assignment).expect("an assignment is plain data");
        let digest = digest::digest(&digest::SHA256, &json);
        let generation = digest.as_ref().first_chunk::<8>().map_or(1, |b| u64::from_be_bytes(*b) >> 12);
        Assigned { generation: generation.max(1), json }
    }

    /// Whether an agent may speak of a subject: of itself and its machine, and of what it was assigned.
    pub fn may_speak(&self, agent: &AgentId, subject: &Subject) -> bool {
        let settings = self.settings.load();
        let own = |id: &str| id == agent.as_str();
        let under = |id: &str| id.strip_prefix(agent.as_str()).is_some_and(|rest| rest.starts_with('/'));
        let under_device = |id: &str| {
            let device = id.split_once('/').and_then(|(device, _)| settings.devices().get(device));
            device.is_some_and(|d| d.from == *agent)
        };
        match subject.kind {
            EntityKind::Agent | EntityKind::Machine => own(&subject.id),
            EntityKind::Disk => under(&subject.id),
            EntityKind::Sensor => under_device(&subject.id),
            EntityKind::Interface | EntityKind::Neighbour => under(&subject.id) || under_device(&subject.id),
            EntityKind::Target => settings.targets().get(&subject.id).is_some_and(|t| t.from.contains(agent)),
            EntityKind::Link => {
                settings.links().get(&subject.id).is_some_and(|l| l.probes.iter().any(|p| p.from == *agent))
            }
            EntityKind::Device => settings.devices().get(&subject.id).is_some_and(|d| d.from == *agent),
            EntityKind::BackupJob => settings.backups().get(&subject.id).is_some_and(|b| b.from == *agent),
            EntityKind::Path => {
                let (link, arriving_from) = subject.id.split_once('/').unzip();
                let own_port = settings.agents().get(agent).and_then(|own| Some(own.reflect.as_ref()?.port));
                let link = settings.links().get(link.unwrap_or(&subject.id));
                link.is_some_and(|link| {
                    link.stamp.iter().any(|test| match arriving_from {
                        None => test.from == *agent,
                        Some(from) => test.from.as_str() == from && own_port == Some(test.port),
                    })
                })
            }
            EntityKind::Station => settings.agents().get(agent).is_some_and(|own| {
                let scope = subject.id.rsplit_once('/').map(|(scope, _)| scope);
                own.sweeps.iter().any(|sweep| Some(sweep.scope.as_str()) == scope)
            }),
            EntityKind::Share => {
                let (link, share) = subject.id.split_once('/').unzip();
                settings
                    .links()
                    .get(link.unwrap_or(&subject.id))
                    .and_then(|link| link.accounting.as_ref())
                    .filter(|accounting| accounting.from == *agent)
                    .is_some_and(|own| share.is_none_or(|id| own.shares.iter().any(|share| share.id == id)))
            }
            EntityKind::Site | EntityKind::Ring => false,
        }
    }

    /// How often agents sum up their probes and counts.
    pub fn every_window(&self) -> Duration {
        self.settings.load().window().as_duration()
    }

    /// How often a subject is observed by an agent.
    pub fn every(&self, agent: &AgentId, subject: &Subject) -> Duration {
        every(&self.settings.load(), agent, subject)
    }
}

/// How often a subject is observed by an agent, by these settings.
pub fn every(settings: &Settings, agent: &AgentId, subject: &Subject) -> Duration {
    let host =
        || settings.agents().get(agent).map_or(Duration::from_secs(10), |a| a.host_every.as_duration());
    let device = |id: &str| settings.devices().get(id).map(|d| d.every.as_duration());
    match subject.kind {
        EntityKind::Machine
        | EntityKind::Disk
        | EntityKind::Site
        | EntityKind::Ring
        | EntityKind::Neighbour
        | EntityKind::Station => host(),
        EntityKind::Agent => Duration::from_secs(10),
        EntityKind::Interface => {
            subject.id.split_once('/').and_then(|(owner, _)| device(owner)).unwrap_or_else(host)
        }
        EntityKind::Target | EntityKind::Link | EntityKind::Path | EntityKind::Share => {
            settings.window().as_duration()
        }
        // The agent reads them no more often than this, and at a device's turn.
        EntityKind::Sensor => {
            let every = subject.id.split_once('/').and_then(|(owner, _)| device(owner)).unwrap_or_else(host);
            every.max(Duration::from_secs(30)) + every
        }
        EntityKind::Device => device(&subject.id).unwrap_or_else(host),
        EntityKind::BackupJob => {
            settings.backups().get(&subject.id).map_or(Duration::from_secs(3600), |b| b.every.as_duration())
        }
    }
}
