//! From what is known of links to what their pages and the API show.

use std::time::Duration;

use wasl_health::activity::LinkActivity;
use wasl_model::assignment::{LinkClass, Via};
use wasl_model::health::Health;
use wasl_model::units::Count;
use wasl_model::{
    EntityKind, LinkVerdict, ProbeMethod, ProbeWindow, SeriesKey, SiteId, Subject, Timestamp, Value,
};
use wasl_pages::view::{ContractView, EndView, FlowView, IrregularView, LinkView, PlaceView, RingView};
use wasl_settings::{Link, LinkProbe, Rate, Ring, Settings};

use super::machines::address;
use super::{accounting, directions, judgement, name, site_name};
use crate::board::{Board, Entity};
use crate::intent::every;
use crate::lines::{self, Meter};
use crate::live::{Latest, State, number};
use crate::shared::Shared;

/// All links that are configured and judged.
pub(in crate::operators) fn all(
    shared: &Shared,
    board: &Board,
    live: &State,
    now: Timestamp,
) -> Vec<LinkView> {
    let settings = shared.intent.settings();
    let view = |(id, link): (&String, &Link)| {
        let entity = board.entities.get(&Subject::lenient(EntityKind::Link, id))?;
        Some(view(shared, &settings, board, live, entity, link, now))
    };
    settings.links().iter().filter_map(view).collect()
}

/// One link.
pub(in crate::operators) fn one(shared: &Shared, id: &str, now: Timestamp) -> Option<LinkView> {
    let board = shared.boards.board();
    let live = shared.live.read();
    let settings = shared.intent.settings();
    let link = settings.links().get(id)?;
    let entity = board.entities.get(&Subject::lenient(EntityKind::Link, id))?;
    Some(view(shared, &settings, &board, &live, entity, link, now))
}

fn health(board: &Board, subject: &Subject) -> Health {
    board.entities.get(subject).map_or(Health::Unknown, |entity| entity.state.health)
}

fn view(
    shared: &Shared,
    settings: &Settings,
    board: &Board,
    live: &State,
    entity: &Entity,
    link: &Link,
    now: Timestamp,
) -> LinkView {
    let subject = &entity.subject;
    let ends: Vec<EndView> =
        link.probes.iter().map(|probe| end(shared, settings, live, subject, probe, now)).collect();
    let of_decider =
        entity.agent.as_ref().and_then(|agent| ends.iter().position(|e| e.agent == agent.as_str()));
    let deciding = of_decider.or_else(|| ends.iter().position(|e| !e.old && e.at.is_some()));
    let trend = deciding.and_then(|index| {
        let agent = link.probes.get(index)?.from.clone();
        Some(&live.values.get(&(agent, subject.clone()))?.trend)
    });
    let (down, up) = flows(settings, live, link, now);
    let contract = &link.contract;
    let micros = |us: Option<u64>| us.map(|us| us as f64 * 1e-6);
    let ppm = |ppm: f64| ppm * 1e-6;
    LinkView {
        id: subject.id.clone(),
        name: link.name.clone(),
        places: link.between.iter().map(|site| (site.to_string(), site_name(shared, site))).collect(),
        activity: LinkActivity::of(entity.state.activity.as_deref()).as_str(),
        class: class(link.class),
        state: judgement(entity),
        caused_by: entity.state.caused_by.clone(),
        incident: board.incident_of(subject).map(|incident| incident.id),
        ends,
        directions: directions::view(shared, settings, board, live, &subject.id, link, now),
        deciding,
        rtt_history: trend.map(|t| t.line(0, now)).unwrap_or_default(),
        loss_history: trend.map(|t| t.line(1, now)).unwrap_or_default(),
        down,
        up,
        contract: ContractView {
            down: contract.down.map(Rate::bits_per_second),
            up: contract.up.map(Rate::bits_per_second),
            rtt: micros(contract.limits.rtt_us),
            jitter: micros(contract.limits.jitter_us),
            loss: contract.limits.loss_ppm.map(|n| ppm(n as f64)),
            availability: contract.availability.map(|share| ppm(f64::from(share.ppm()))),
        },
        accounting: accounting::view(settings, board, live, &subject.id, link, now),
    }
}

fn class(class: LinkClass) -> &'static str {
    match class {
        LinkClass::Uplink => "uplink",
        LinkClass::Link => "link",
        LinkClass::Target => "target",
    }
}

fn end(
    shared: &Shared,
    settings: &Settings,
    live: &State,
    subject: &Subject,
    probe: &LinkProbe,
    now: Timestamp,
) -> EndView {
    let site = settings.agents().get(&probe.from).map(|agent| site_name(shared, &agent.site));
    let via = probe.via.as_ref().map(|via| match via {
        Via::Interface(name) => name.clone(),
        Via::Source(address) => address.to_string(),
    });
    let blank =
        EndView { agent: probe.from.to_string(), site, to: address(&probe.to), via, ..EndView::default() };
    let Some(latest) = live.values.get(&(probe.from.clone(), subject.clone())) else { return blank };
    let Value::Probe(window) = &latest.value else { return blank };
    let of = |field| number(&latest.value, field);
    EndView {
        verdict: window.verdict.map(LinkVerdict::as_str),
        verdict_since: window.verdict_age.map(|age| latest.at.minus(Duration::from_millis(age.0))),
        method: window.method.map(ProbeMethod::as_str),
        rtt_p50: of("rtt_p50"),
        rtt_p95: of("rtt_p95"),
        rtt_p99: of("rtt_p99"),
        loss: of("loss"),
        jitter: of("jitter"),
        mos: window.opinion(),
        rating: window.rating(),
        irregular: irregular(window),
        at: Some(latest.at),
        old: !latest.is_of_now(settings.window().as_duration(), now),
        ..blank
    }
}

fn irregular(window: &ProbeWindow) -> IrregularView {
    let count = |count: Option<Count>| count.map(|count| count.0);
    IrregularView {
        late: count(window.late),
        duplicates: count(window.duplicates),
        reordered: count(window.reordered),
        forged: count(window.forged),
        voided: count(window.voided),
    }
}

/// A line's meter that is shown, what it said last, and whether that says nothing of now: the first that tells of now,
/// or else the first that ever told anything.
pub(in crate::operators) fn meter<'a>(
    settings: &Settings,
    live: &'a State,
    link: &Link,
    now: Timestamp,
) -> Option<(Meter, &'a Latest, bool)> {
    let told = lines::meters(settings, link).into_iter().filter_map(|meter| {
        let latest = live.values.get(&(meter.agent.clone(), meter.interface.clone()))?;
        let every = every(settings, &meter.agent, &meter.interface);
        let old = latest.value == Value::Gone || !latest.is_of_now(every, now);
        Some((meter, latest.as_ref(), old))
    });
    // Of equals the first is found.
    told.min_by_key(|(.., old)| *old)
}

/// The traffic of a link towards the last place and back.
fn flows(settings: &Settings, live: &State, link: &Link, now: Timestamp) -> (FlowView, FlowView) {
    let found = meter(settings, live, link, now);
    let flow = |way: usize, contracted: Option<Rate>| {
        let contracted = contracted.map(Rate::bits_per_second);
        let Some((meter, latest, old)) = &found else {
            return FlowView { contracted, ..FlowView::default() };
        };
        let field = meter.fields()[way];
        let (subject, agent) = (meter.interface.clone(), meter.agent.clone());
        FlowView {
            rate: number(&latest.value, field).filter(|_| !old),
            contracted,
            at: Some(latest.at),
            old: *old,
            interface: Some((subject.clone(), field.strip_suffix("_rate").unwrap_or(field))),
            series: Some(SeriesKey { subject, field: field.to_owned(), agent }.to_string()),
        }
    };
    (flow(0, link.contract.down), flow(1, link.contract.up))
}

/// The rings that are judged.
pub(in crate::operators) fn rings(shared: &Shared, board: &Board) -> Vec<RingView> {
    let settings = shared.intent.settings();
    let view = |(id, ring): (&String, &Ring)| {
        let entity = board.entities.get(&Subject::lenient(EntityKind::Ring, id))?;
        let link = |id: &String| {
            let subject = Subject::lenient(EntityKind::Link, id);
            (id.clone(), name(shared, &subject), health(board, &subject))
        };
        Some(RingView {
            id: id.clone(),
            name: ring.name.clone(),
            state: judgement(entity),
            links: ring.links.iter().map(link).collect(),
            places: around(&settings, ring),
        })
    };
    settings.rings().iter().filter_map(view).collect()
}

/// The places of a ring in its order: each link leads from the place where the one before ended.
fn around(settings: &Settings, ring: &Ring) -> Vec<String> {
    let ends: Vec<&[SiteId]> =
        ring.links.iter().filter_map(|id| Some(settings.links().get(id)?.between.as_slice())).collect();
    let shared_with_last = |site: &&SiteId| ends.last().is_some_and(|last| last.contains(site));
    let Some(mut at) = ends.first().and_then(|first| first.iter().find(shared_with_last)) else {
        return Vec::new();
    };
    let mut places = vec![at.to_string()];
    for between in &ends {
        if let Some(next) = between.iter().find(|site| *site != at) {
            at = next;
            if places.first().is_none_or(|first| first != at.as_str()) {
                places.push(at.to_string());
            }
        }
    }
    places
}

/// The places that links join.
pub(in crate::operators) fn places(shared: &Shared, board: &Board) -> Vec<PlaceView> {
    let settings = shared.intent.settings();
    let mut joined: Vec<&SiteId> = settings.links().values().flat_map(|link| &link.between).collect();
    joined.sort();
    joined.dedup();
    joined
        .into_iter()
        .map(|site| PlaceView {
            id: site.to_string(),
            name: site_name(shared, site),
            health: health(board, &Subject::lenient(EntityKind::Site, site.as_str())),
        })
        .collect()
}

#[cfg(test)]
mod tests;
