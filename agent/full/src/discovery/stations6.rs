//! The stations of one subnet of IPv6: the loop around `wasl_probe::sweep6`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

use tokio::time::{sleep, sleep_until};
use wasl_agent_core::report::Reporter;
use wasl_model::assignment::Sweep6Assignment;
use wasl_model::{AgentId, Event, EventCode, Severity, Subject};
use wasl_probe::nd;
use wasl_probe::roster::Word;
use wasl_probe::sweep6::{Ask, Find, Plan, Sweep6};

use super::interface;
use super::register::Register;
use super::stations::{self, RETRY};
use super::wire::{self, Own6, Wire};

/// How many stations are listed, as a rule.
const PLACES: usize = 1_024;
/// As many as the controller keeps of an agent.
const MOST: usize = 4_096;

/// Looks for the stations of a subnet for ever.
///
/// Reports a `Station` for each that is new or has other addresses, and hourly; and an event `unknown_station` about the
/// interface where there are more than places: `places` of them, but 1024 at least and 4096 at most. While nobody can be
/// asked there is a notice about the interface.
pub(super) async fn look(
    reporter: Reporter,
    agent: AgentId,
    wanted: Sweep6Assignment,
    register: Register,
    places: usize,
) {
    let about = interface(&agent, &wanted.interface);
    let subnet = || format!("{}/{}", wanted.network, wanted.prefix);
    let nonce = RandomState::new().build_hasher().finish();
    let places = places.clamp(PLACES, MOST);
    let mut sweep: Option<Sweep6> = None;
    loop {
        let opened =
            Own6::find(&wanted).and_then(|own| Ok((own, Wire::open(own.link, wire::neighbours(), nonce)?)));
        match opened {
            Ok((own, mut wire)) => {
                register.note(&reporter, &about, subnet(), None).await;
                let sweep = sweep.get_or_insert_with(|| {
                    let (every, phase) =
                        stations::rhythm(&agent, &(wanted.network, wanted.prefix), wanted.every_ms);
                    let Sweep6Assignment { network, prefix, rate, .. } = wanted;
                    let plan = Plan { network, prefix, every, rate, phase, places, own: own.own };
                    Sweep6::new(plan, register.now())
                });
                // Whoever is known stays known when the interface was away or this host has other addresses now.
                sweep.called(own.own);
                let round = Round {
                    reporter: &reporter,
                    wanted: &wanted,
                    about: &about,
                    register: &register,
                    places,
                    nonce,
                };
                match round.go(&mut wire, own, sweep).await {
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

struct Round<'a> {
    reporter: &'a Reporter,
    wanted: &'a Sweep6Assignment,
    about: &'a Subject,
    register: &'a Register,
    places: usize,
    nonce: u64,
}

impl Round<'_> {
    /// Asks and listens until the socket fails, or until this host is called otherwise.
    async fn go(&self, wire: &mut Wire<nd::Said>, own: Own6, sweep: &mut Sweep6) -> io::Result<()> {
        let Own6 { own: called, .. } = own;
        loop {
            tokio::select! {
                () = sleep_until(self.register.epoch() + sweep.due()) => {
                    if sweep.begins(self.register.now()) && Own6::find(self.wanted).ok() != Some(own) {
                        return Ok(());
                    }
                    match sweep.ask(self.register.now()) {
                        Some(Ask::All(from)) => wire.ask(&nd::call(called.mac, from, self.nonce))?,
                        Some(Ask::One(mac, ip)) => wire.ask(&nd::solicit(called.mac, called.local, mac, ip))?,
                        None => {}
                    }
                }
                said = wire.next() => sweep.heard(said?, self.register.now()),
            }
            for find in sweep.news(self.register.now()) {
                self.tell(find, sweep).await;
            }
        }
    }

    async fn tell(&self, find: Find, sweep: &mut Sweep6) {
        let Sweep6Assignment { interface, network, prefix, scope, .. } = self.wanted;
        match find {
            Find::Present(seen) => match self.register.v6(&seen) {
                Word::Tell(present) => self.register.tell(self.reporter, interface, scope, present).await,
                Word::Later(at) => sweep.later(seen.mac, at),
            },
            Find::Crowded => {
                let (subnet, places) = (format!("{network}/{prefix}"), self.places);
                let words =
                    format!("more than {places} stations speak on {subnet}; those beyond are not listed");
                let event = Event::new(EventCode::UnknownStation, Severity::Warning, words)
                    .with("subnet", subnet)
                    .with("places", places);
                self.reporter.report(self.about.clone(), event).await;
            }
        }
    }
}
