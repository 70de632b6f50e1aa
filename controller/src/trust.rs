//! The institution's authority at work, and how another takes its place while agents are away.
//!
//! # A rotation
//! 1. **Introducing**: the next authority exists. Both are trusted, agents are told of both at once or in their
//!    next session, and say what they hold. Everything is still signed by the present one.
//! 2. **Overlap**: the next one signs from now on. The former vouched for it (a cross certificate that the
//!    listeners show), so an agent that was away since before the rotation still recognises the controller,
//!    comes in with its old certificate, and learns. Agents with a certificate of the former renew at once.
//! 3. **Settled**: no valid certificate and no unused token hangs on the former authority; it is forgotten.
//!
//! Whoever was away for longer than its certificate's life must enrol again, as without any rotation.
//!
//! # On the disk
//! `ca.pem` and `ca.key` are the authority that signs; `rotation.json` exists while a rotation is under way.
//! Each is written whole. Where all three change, `rotation.json` first says what they will be, so that a
//! start after a crash finishes the step ([`Rotation`]).

pub mod keeper;
pub mod listeners;
mod rotation;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::watch;
use wasl_model::AgentId;
use wasl_pki::ca::CaError;
use wasl_pki::secret::SecretError;
use wasl_pki::tls::TlsError;
use wasl_pki::{CertificateAuthority, Fingerprint, TrustedRoots, pem};
use wasl_store::AgentRecord;

use crate::home::Home;
pub use rotation::{Hanging, Phase, Rotation, Waiting, hanging, left_behind};

/// Why a step of a rotation was not made. Nothing has changed.
#[derive(Debug, Error)]
pub enum TrustError {
    /// A rotation is under way.
    #[error("a rotation is under way: {0}; `wasl ca status` shows where it stands")]
    UnderWay(&'static str),
    /// No rotation stands where this step belongs.
    #[error("{0}; `wasl ca status` shows where things stand")]
    NotNow(&'static str),
    /// The authority that was given is the one in use.
    #[error("this authority is in use already")]
    Same,
    /// The authority cannot be used.
    #[error(transparent)]
    Authority(#[from] CaError),
    /// The state folder cannot be written.
    #[error("keeping the authority")]
    Keep(#[source] anyhow::Error),
    /// A file could not be written.
    #[error("keeping the authority")]
    Secret(#[from] SecretError),
    /// The verifier could not be made.
    #[error("trusting the authorities")]
    Tls(#[from] TlsError),
}

/// One moment of the authority: who signs, who is trusted, what is shown.
pub struct View {
    /// Signs.
    pub issuing: Arc<CertificateAuthority>,
    /// Whose certificates are accepted, on both sides; the one that signs is the first. DER.
    pub trusted: Arc<[Vec<u8>]>,
    /// What listeners show after their own chain, for those who trust the former authority only. DER.
    pub above: Arc<[Vec<u8>]>,
    /// Where the rotation stands; none is under way if there is none.
    pub rotation: Option<Rotation>,
}

impl View {
    /// The authority that agents are to learn of: the next one, or the one that signs.
    pub fn newest(&self) -> Fingerprint {
        match self.rotation.as_ref().map(|r| &r.phase) {
            Some(Phase::Introducing { .. }) => {
                self.trusted.get(1).map_or_else(|| self.issuing.fingerprint(), |der| Fingerprint::of(der))
            }
            _ => self.issuing.fingerprint(),
        }
    }

    /// Whether this agent's certificate is one that hangs on the former authority.
    pub fn should_renew(&self, record: &AgentRecord, now_s: i64) -> bool {
        self.rotation.as_ref().is_some_and(|rotation| rotation::hangs(rotation, record, now_s))
    }
}

/// The authority and its rotation. All changes are durable before they are in force.
pub struct Trust {
    home: Home,
    view: ArcSwap<View>,
    roots: TrustedRoots,
    /// Held by whoever changes something.
    changing: Mutex<()>,
    changes: watch::Sender<u64>,
    confirmations: watch::Sender<u64>,
}

impl Trust {
    /// Reads the authority, or makes it at the first start, and finishes what a crash interrupted.
    pub fn open(home: &Home, institution: &str, now_s: i64) -> anyhow::Result<Self> {
        let rotation = Rotation::read(home)?;
        let rotation = match rotation {
            Some(interrupted) => Some(rotation::finish_interrupted(home, interrupted)?),
            None => None,
        };
        let issuing = home.authority(institution, now_s)?;
        let view = view(issuing, rotation)?;
        let roots = TrustedRoots::new(&view.trusted)?;
        Ok(Self {
            home: home.clone(),
            view: ArcSwap::from_pointee(view),
            roots,
            changing: Mutex::default(),
            changes: watch::channel(0).0,
            confirmations: watch::channel(0).0,
        })
    }

    /// As things stand now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Whose agents are let in; it follows every change.
    pub fn roots(&self) -> TrustedRoots {
        self.roots.clone()
    }

    /// Follows changes of who signs and who is trusted.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Follows what agents say that they hold.
    pub fn confirmations(&self) -> watch::Receiver<u64> {
        self.confirmations.subscribe()
    }

    /// Begins a rotation to `next`.
    pub fn begin(&self, next: &CertificateAuthority, by: &str, now_s: i64) -> Result<(), TrustError> {
        let _one = self.one_at_a_time();
        let view = self.view();
        if let Some(rotation) = &view.rotation {
            return Err(TrustError::UnderWay(rotation.phase.words()));
        }
        if next.fingerprint() == view.issuing.fingerprint() {
            return Err(TrustError::Same);
        }
        let vouched = view.issuing.vouch_for(next, now_s)?;
        let phase = Phase::Introducing {
            next: next.chain_pem(),
            key: next.private_key_pem(),
            vouched: pem::certificates_to_pem(&[vouched]),
            since_s: now_s,
            by: by.to_owned(),
        };
        self.put(Some(Rotation { phase, confirmed: BTreeMap::new() }))
    }

    /// Gives up a rotation before the next authority has signed anything.
    pub fn abandon(&self) -> Result<(), TrustError> {
        let _one = self.one_at_a_time();
        match self.view().rotation.as_ref().map(|r| &r.phase) {
            Some(Phase::Introducing { .. }) => self.put(None),
            _ => Err(TrustError::NotNow("no authority is being introduced")),
        }
    }

    /// Lets the next authority sign from now on. `agents` tells whose certificates hang on the former.
    pub fn promote(&self, agents: &[AgentRecord], now_s: i64) -> Result<(), TrustError> {
        let _one = self.one_at_a_time();
        let view = self.view();
        let Some(Rotation { phase: Phase::Introducing { next, key, vouched, .. }, confirmed }) =
            &view.rotation
        else {
            return Err(TrustError::NotNow("no authority is being introduced"));
        };
        let hanging = agents.iter().filter_map(|record| Hanging::of(record, now_s)).collect();
        let promoting = Rotation {
            phase: Phase::Promoting {
                next: next.clone(),
                key: key.clone(),
                vouched: vouched.clone(),
                former: view.issuing.chain_pem(),
                since_s: now_s,
                hanging,
            },
            confirmed: confirmed.clone(),
        };
        promoting.write(&self.home).map_err(TrustError::Keep)?;
        let overlap = rotation::finish_interrupted(&self.home, promoting).map_err(TrustError::Keep)?;
        self.show(self.home.authority("", now_s).map_err(TrustError::Keep)?, Some(overlap))
    }

    /// Forgets the former authority: what it signed is worth nothing from now on.
    pub fn retire(&self) -> Result<(), TrustError> {
        let _one = self.one_at_a_time();
        match self.view().rotation.as_ref().map(|r| &r.phase) {
            Some(Phase::Overlap { .. }) => self.put(None),
            _ => Err(TrustError::NotNow("there is no former authority that could be retired")),
        }
    }

    /// An agent says which authorities it holds, and the serial number of its certificate.
    pub fn confirm(&self, agent: &AgentId, holds: &[Fingerprint], serial: &str) -> Result<(), TrustError> {
        let view = self.view();
        let Some(rotation) = &view.rotation else { return Ok(()) };
        let known = rotation.confirmed.get(agent).map(String::as_str);
        let now = holds.contains(&view.newest()).then_some(serial);
        if known == now {
            return Ok(());
        }
        let _one = self.one_at_a_time();
        let Some(mut rotation) = self.view().rotation.clone() else { return Ok(()) };
        match now {
            Some(serial) => rotation.confirmed.insert(agent.clone(), serial.to_owned()),
            None => rotation.confirmed.remove(agent),
        };
        rotation.write(&self.home).map_err(TrustError::Keep)?;
        let View { issuing, trusted, above, .. } = &*self.view();
        let (issuing, trusted, above) = (issuing.clone(), trusted.clone(), above.clone());
        self.view.store(Arc::new(View { issuing, trusted, above, rotation: Some(rotation) }));
        self.confirmations.send_modify(|n| *n += 1);
        Ok(())
    }

    /// Keeps a rotation, or that there is none, and puts it in force.
    fn put(&self, rotation: Option<Rotation>) -> Result<(), TrustError> {
        match &rotation {
            Some(rotation) => rotation.write(&self.home),
            None => Rotation::forget(&self.home),
        }
        .map_err(TrustError::Keep)?;
        self.show(self.home.authority("", 0).map_err(TrustError::Keep)?, rotation)
    }

    fn show(&self, issuing: CertificateAuthority, rotation: Option<Rotation>) -> Result<(), TrustError> {
        let view = view(issuing, rotation).map_err(TrustError::Keep)?;
        self.roots.replace(&view.trusted)?;
        self.view.store(Arc::new(view));
        self.changes.send_modify(|n| *n += 1);
        Ok(())
    }

    fn one_at_a_time(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn view(issuing: CertificateAuthority, rotation: Option<Rotation>) -> anyhow::Result<View> {
    let own = |text: &str| anyhow::Ok(pem::certificates_from_pem(text)?.swap_remove(0));
    let mut trusted = vec![issuing.certificate_der().to_vec()];
    let mut above = Vec::new();
    match rotation.as_ref().map(|r| &r.phase) {
        Some(Phase::Introducing { next, .. }) => trusted.push(own(next)?),
        Some(Phase::Promoting { former, vouched, .. } | Phase::Overlap { former, vouched, .. }) => {
            trusted.push(own(former)?);
            above.push(own(vouched)?);
            above.extend(pem::certificates_from_pem(former)?);
        }
        None => {}
    }
    Ok(View { issuing: Arc::new(issuing), trusted: trusted.into(), above: above.into(), rotation })
}

#[cfg(test)]
mod tests;
