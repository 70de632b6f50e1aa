//! The stations of one subnet: the loop around `wasl_probe::sweep`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::Duration;

use tokio::time::{sleep, sleep_until};
use wasl_agent_core::report::Reporter;
use wasl_model::assignment::SweepAssignment;
use wasl_model::{AgentId, Event, EventCode, Severity, Subject};
use wasl_probe::arp;
use wasl_probe::sweep::{Find, Plan, Sweep};

use super::interface;
use super::register::Register;
use super::wire::{self, Own, Wire};

/// How soon it is tried again where the interface is missing or refuses.
pub(super) const RETRY: Duration = Duration::from_secs(30);
/// The first questions wait at most so long.
const PHASE_MS: u64 = 10_000;

/// Looks for the stations of a subnet for ever.
///
/// Reports a `Station` for each that is new or has another address, and hourly; an event `address_conflict` about the
/// interface where two stations answer for one address, and one `unknown_station` where there are more than the subnet
/// has addresses. While nobody can be asked there is a notice about the interface.
pub(super) async fn look(reporter: Reporter, agent: AgentId, wanted: SweepAssignment, register: Register) {
    let about = interface(&agent, &wanted.interface);
    let subnet = || format!("{}/{}", wanted.network, wanted.prefix);
    let mut sweep: Option<(Own, Sweep)> = None;
    loop {
        let opened = Own::find(&wanted).and_then(|own| Ok((own, Wire::open(own.link, wire::arp(), 0)?)));
        match opened {
            Ok((own, mut wire)) => {
                register.note(&reporter, &about, subnet(), None).await;
                // Whoever is known stays known when the interface was away for a moment.
                if sweep.as_ref().is_none_or(|(before, _)| *before != own) {
                    sweep = Some((own, Sweep::new(plan(&agent, &wanted, own), register.now())));
                }
                let Some((own, sweep)) = &mut sweep else { continue };
                let round =
                    Round { reporter: &reporter, wanted: &wanted, about: &about, register: &register };
                match round.go(&mut wire, *own, sweep).await {
                    // The host has another address now.
                    Ok(()) => continue,
                    Err(error) => tracing::warn!(%about, %error, "asking stations failed; it is tried again"),
                }
            }
            Err(error) => {
                register.note(&reporter, &about, subnet(), Some(wasl_runtime::chain(&error))).await;
            }
        }
        sleep(RETRY).await;
    }
}

fn plan(agent: &AgentId, wanted: &SweepAssignment, own: Own) -> Plan {
    let (every, phase) = rhythm(agent, &(wanted.network, wanted.prefix), wanted.every_ms);
    Plan {
        network: wanted.network,
        prefix: wanted.prefix,
        every,
        rate: wanted.rate,
        phase,
        own: own.mac,
        own_ip: own.ip,
    }
}

/// The time between two rounds, and how long the first one waits.
pub(super) fn rhythm(agent: &AgentId, subnet: &impl Hash, every_ms: u64) -> (Duration, Duration) {
    let every = Duration::from_millis(every_ms.max(1_000));
    let mut hasher = DefaultHasher::new();
    (agent.as_str(), subnet).hash(&mut hasher);
    (every, Duration::from_millis(hasher.finish() % PHASE_MS).min(every / 2))
}

/// The time in which each address of some subnets is asked once, whenever one begins to count: the last one early in the
/// first round, which is quick, and late in the second, which is spread out.
pub(super) fn round_of(sweeps: &[SweepAssignment]) -> Duration {
    let longest = sweeps.iter().map(|sweep| sweep.every_ms.max(1_000)).max();
    2 * Duration::from_millis(longest.unwrap_or(0))
}

/// How many addresses some subnets have.
pub(super) fn addresses_of(sweeps: &[SweepAssignment]) -> usize {
    sweeps.iter().map(|sweep| 1 << (32 - sweep.prefix.clamp(20, 30))).sum()
}

struct Round<'a> {
    reporter: &'a Reporter,
    wanted: &'a SweepAssignment,
    about: &'a Subject,
    register: &'a Register,
}

impl Round<'_> {
    /// Asks and listens until the socket fails, or until this host is called otherwise.
    async fn go(&self, wire: &mut Wire<arp::Said>, own: Own, sweep: &mut Sweep) -> io::Result<()> {
        loop {
            tokio::select! {
                () = sleep_until(self.register.epoch() + sweep.due()) => {
                    if sweep.begins() && Own::find(self.wanted).ok() != Some(own) {
                        return Ok(());
                    }
                    if let Some(ip) = sweep.ask(self.register.now()) {
                        wire.ask(&arp::request(own.mac, own.ip, ip))?;
                    }
                }
                said = wire.next() => {
                    for find in sweep.heard(said?, self.register.now()) {
                        self.tell(find).await;
                    }
                }
            }
        }
    }

    async fn tell(&self, find: Find) {
        let SweepAssignment { interface, network, prefix, scope, .. } = self.wanted;
        match find {
            Find::Present(seen) => {
                self.register.tell(self.reporter, interface, scope, self.register.v4(seen)).await;
            }
            Find::Conflict(ip, [one, other]) => {
                let words = format!("both {one} and {other} answer for the address {ip}");
                let event = Event::new(EventCode::AddressConflict, Severity::Warning, words)
                    .with("ip", ip)
                    .with("mac", one)
                    .with("other_mac", other);
                self.reporter.report(self.about.clone(), event).await;
            }
            Find::Crowded => {
                let words = format!(
                    "more stations speak on {network}/{prefix} than it has addresses; those beyond are not listed"
                );
                let event = Event::new(EventCode::UnknownStation, Severity::Warning, words)
                    .with("subnet", format!("{network}/{prefix}"));
                self.reporter.report(self.about.clone(), event).await;
            }
        }
    }
}
