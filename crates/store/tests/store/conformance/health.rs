//! Stories of judgements, incidents, maintenance and events.

use std::collections::BTreeSet;
use std::time::Duration;

use wasl_model::health::{EntityState, Health, Reason};
use wasl_model::{
    Event, EventCode, Incident, IncidentEvent, IncidentSeverity, Maintenance, MaintenanceScope, Severity,
    SiteId, Subject, TimelineEntry, Timestamp,
};
use wasl_store::{
    EventFilter, HealthChange, HealthEvent, HealthRetained, HealthRetention, IncidentFilter, Occurrence,
    StateRecord, Store, StoredEvent,
};

use crate::fixtures::*;

fn subject(text: &str) -> Subject {
    text.parse().expect("a subject")
}

fn site(name: &str) -> SiteId {
    name.parse().expect("a site")
}

fn record(name: &str, at: Option<&str>, health: Health, since: i64) -> StateRecord {
    StateRecord {
        subject: subject(name),
        site: at.map(site),
        state: EntityState {
            health,
            activity: Some("primary".into()),
            proof: None,
            reason: Reason::new("target.loss").with("loss", "3 %").with("نص", "فلسطين"),
            since: Timestamp(since),
            confidence: 0.1 + 0.2,
            caused_by: (health == Health::Unknown).then(|| subject("target/uplink")),
        },
    }
}

fn event(name: &str, at: i64, health: Option<Health>) -> HealthEvent {
    HealthEvent {
        at: Timestamp(at),
        subject: subject(name),
        site: Some(site("jenin")),
        was: health.is_none().then_some(Health::Down),
        health,
        reason: health.map(|_| Reason::new("target.silent").with("for", "30 s")),
        occurrence: None,
    }
}

fn incident(id: u64, root: &str, opened: i64, ended: Option<i64>, affected: &[&str]) -> Incident {
    Incident {
        id,
        root: subject(root),
        severity: IncidentSeverity::Critical,
        reason: Reason::new("target.silent"),
        opened: Timestamp(opened),
        ended: ended.map(Timestamp),
        affected: affected.iter().map(|name| subject(name)).collect(),
        acknowledged: None,
        merged_into: None,
        timeline: vec![TimelineEntry {
            at: Timestamp(opened),
            event: IncidentEvent::Opened { health: Health::Down, reason: Reason::new("target.silent") },
        }],
        omitted: 0,
    }
}

async fn save(store: &dyn Store, change: HealthChange) -> Vec<u64> {
    store.save_health(&change).await.expect("kept")
}

async fn ids(store: &dyn Store, filter: IncidentFilter) -> Vec<u64> {
    store.incidents(&filter).await.expect("read").into_iter().map(|incident| incident.id).collect()
}

pub(crate) async fn since_times_and_sites_survive_a_restart(place: &impl Place) {
    let store = place.open().await;
    assert_eq!(store.health().await.expect("read"), []);
    let mut records = vec![
        record("target/uplink", Some("jenin"), Health::Down, START),
        record("interface/sw/Gi0/1", None, Health::Unknown, START + 1),
        record("site/jenin", Some("jenin"), Health::Degraded, START + 2),
    ];
    save(&*store, HealthChange { states: records.clone(), ..Default::default() }).await;
    records[0] = record("target/uplink", Some("nablus"), Health::Ok, START + 5);
    let change = HealthChange {
        states: vec![records[0].clone()],
        gone: vec![subject("site/jenin"), subject("site/never-was")],
        ..Default::default()
    };
    assert_eq!(save(&*store, change).await, Vec::<u64>::new());
    drop(store);
    let store = place.open().await;
    assert_eq!(store.health().await.expect("read"), [records[1].clone(), records[0].clone()]);
}

pub(crate) async fn what_was_judged_is_kept_whole_or_not_at_all(place: &impl Place) {
    let store = place.open().await;
    let change = |n: i64| HealthChange {
        states: vec![record("target/a", None, Health::Down, n)],
        gone: Vec::new(),
        incidents: vec![incident(n as u64, "target/a", n, None, &[])],
        events: vec![event("target/a", n, Some(Health::Down))],
    };
    let mut left = 0;
    for n in 1..=60 {
        let next = change(n);
        // How far it gets before the caller leaves differs from one to the next.
        tokio::select! {
            biased;
            done = store.save_health(&next) => { done.expect("kept"); }
            () = async { for _ in 0..n % 9 { tokio::task::yield_now().await; } } => left += 1,
        }
        // What the caller left comes to its end, one way or the other, before this does.
        save(&*store, HealthChange::default()).await;
        let open = store.incidents(&IncidentFilter::default()).await.expect("read");
        let events = store.events(0, 1000).await.expect("read");
        let since = store.health().await.expect("read").first().map_or(0, |record| record.state.since.0);
        let newest = open.first().map_or(0, |incident| incident.id as i64);
        assert_eq!((since, newest), (events.last().map_or(0, |e| e.event.at.0), since), "after {n}");
        assert_eq!(open.len(), events.len());
    }
    assert!(left > 0, "nobody left");
    let ids = save(&*store, change(70)).await;
    assert_eq!(ids, [store.last_event_id().await.expect("read")]);
}

pub(crate) async fn an_event_keeps_its_number_across_restarts_and_deletion(place: &impl Place) {
    let store = place.open().await;
    assert_eq!(store.last_event_id().await.expect("read"), 0);
    let mut kept: Vec<HealthEvent> = (0..10)
        .map(|n| event(&format!("target/{n}"), START + n, (n != 3).then_some(Health::Degraded)))
        .collect();
    let trap = Event::new(EventCode::LinkDownTrap, Severity::Warning, "الرابط").with("if_index", 3);
    kept[4] = HealthEvent {
        was: None,
        health: None,
        reason: None,
        occurrence: Some(Occurrence { agent: "gw".parse().expect("valid"), event: trap, late: true }),
        ..kept[4].clone()
    };
    let first = save(&*store, HealthChange { events: kept[..6].to_vec(), ..Default::default() }).await;
    assert_eq!(first, (1..=6).collect::<Vec<_>>());
    drop(store);
    let store = place.open().await;
    let page = store.events(2, 3).await.expect("read");
    let expected = (3..=5).map(|id| StoredEvent { id, event: kept[id as usize - 1].clone() });
    assert_eq!(page, expected.collect::<Vec<_>>());

    // Even when all are deleted, no number is given again.
    let none = HealthRetention { events: 0, ..Default::default() };
    let gone = store.retain_health(Timestamp(START), &none).await.expect("retention");
    assert_eq!(gone, HealthRetained { events: 6, ..Default::default() });
    assert_eq!(store.last_event_id().await.expect("read"), 6);
    drop(store);
    let store = place.open().await;
    let rest = save(&*store, HealthChange { events: kept[6..].to_vec(), ..Default::default() }).await;
    assert_eq!(rest, (7..=10).collect::<Vec<_>>());
    let two = HealthRetention { events: 2, ..Default::default() };
    assert_eq!(store.retain_health(Timestamp(START), &two).await.expect("retention").events, 2);
    let left: Vec<u64> = store.events(0, 100).await.expect("read").iter().map(|e| e.id).collect();
    assert_eq!(left, [9, 10]);
}

/// Catches: what happened to a link, pushed out of sight by what happens everywhere else.
pub(crate) async fn events_are_found_by_what_they_are_about(place: &impl Place) {
    let store = place.open().await;
    let trap = |name: &str, code| HealthEvent {
        was: None,
        health: None,
        reason: None,
        site: Some(site("nablus")),
        occurrence: Some(Occurrence {
            agent: "gw".parse().expect("valid"),
            event: Event::new(code, Severity::Warning, "x"),
            late: false,
        }),
        ..event(name, START, None)
    };
    let down = |name: &str| event(name, START, Some(Health::Down));
    let mut events = vec![
        down("link/a"),
        down("link/a/b"),
        down("path/a"),
        down("share/a/one"),
        down("share/a0"),
        down("share/ab/one"),
        trap("interface/sw/1", EventCode::LinkDownTrap),
        trap("interface/sw/2", EventCode::ColdStart),
        event("link/a", START, None),
    ];
    events.extend((0..200).map(|n| down(&format!("target/{n}"))));
    save(&*store, HealthChange { events: events.clone(), ..Default::default() }).await;
    drop(store);
    let store = place.open().await;
    let found = async |filter: EventFilter| -> Vec<u64> {
        store.find_events(&filter).await.expect("found").iter().map(|event| event.id).collect()
    };
    let subjects = |names: &[&str]| names.iter().map(|name| subject(name)).collect::<Vec<_>>();
    let of_the_link = EventFilter {
        subjects: subjects(&["link/a", "path/a", "interface/sw/1"]),
        under: subjects(&["share/a"]),
        ..EventFilter::default()
    };
    assert_eq!(
        found(of_the_link.clone()).await,
        [9, 7, 4, 3, 1],
        "the newest first, and nothing of its like"
    );
    assert_eq!(found(EventFilter { limit: 2, ..of_the_link.clone() }).await, [9, 7]);
    assert_eq!(found(EventFilter { before: Some(7), limit: 2, ..of_the_link.clone() }).await, [4, 3]);
    assert_eq!(found(EventFilter { after: Some(3), limit: 2, ..of_the_link.clone() }).await, [4, 7]);
    assert_eq!(found(EventFilter { occurrences: Some(true), ..of_the_link.clone() }).await, [7]);
    assert_eq!(found(EventFilter { occurrences: Some(false), ..of_the_link }).await, [9, 4, 3, 1]);
    let only = |under: &[&str]| EventFilter { under: subjects(under), ..EventFilter::default() };
    assert_eq!(found(only(&["interface/sw", "share/a"])).await, [8, 7, 4]);
    assert_eq!(found(EventFilter { site: Some(site("nablus")), ..EventFilter::default() }).await, [8, 7]);
    let code = |code: &str| EventFilter { code: Some(code.into()), limit: 3, ..EventFilter::default() };
    assert_eq!(found(code("cold_start")).await, [8]);
    assert_eq!(found(code("target.silent")).await, [209, 208, 207]);
    assert_eq!(found(code("' OR 1=1 --")).await, Vec::<u64>::new());
    let whole = store.find_events(&EventFilter { after: Some(0), limit: 9, ..EventFilter::default() }).await;
    let stored = (1..).zip(events).map(|(id, event)| StoredEvent { id, event });
    assert_eq!(whole.expect("found"), stored.take(9).collect::<Vec<_>>());
    // More entities than SQL has room for in one chain.
    let many = (0..3_000).map(|n| subject(&format!("target/{n}"))).collect();
    assert_eq!(found(EventFilter { subjects: many, limit: 1, ..EventFilter::default() }).await, [209]);
}

pub(crate) async fn an_incident_is_found_by_time_entity_and_site(place: &impl Place) {
    let store = place.open().await;
    let states = vec![
        record("target/uplink", Some("jenin"), Health::Down, START),
        record("machine/pc-1", Some("jenin"), Health::Unknown, START),
        record("machine/pc-2", Some("nablus"), Health::Unknown, START),
    ];
    let mut second = incident(2, "site/nablus", START + 10, None, &[]);
    let first = incident(1, "target/uplink", START, Some(START + 5), &["machine/pc-1"]);
    let third = incident(3, "device/sw", START + 20, None, &[]);
    save(
        &*store,
        HealthChange {
            states,
            incidents: vec![first.clone(), second.clone(), third.clone()],
            ..Default::default()
        },
    )
    .await;
    // It grows, somebody takes it on, and what has left is still found by it. The machine then moves away.
    second.affected = BTreeSet::from([subject("machine/pc-2")]);
    save(&*store, HealthChange { incidents: vec![second.clone()], ..Default::default() }).await;
    second.affected.clear();
    second.acknowledged = Some(wasl_model::Acknowledgement {
        at: Timestamp(START + 11),
        by: "muna".into(),
        note: "عطل".into(),
    });
    let moved = record("machine/pc-2", Some("hebron"), Health::Ok, START);
    let gone = vec![subject("machine/pc-1")];
    save(
        &*store,
        HealthChange { states: vec![moved], gone, incidents: vec![second.clone()], ..Default::default() },
    )
    .await;
    drop(store);

    let store = place.open().await;
    let all = store.incidents(&IncidentFilter::default()).await.expect("read");
    assert_eq!(all, [third.clone(), second.clone(), first.clone()], "newest first, each whole");
    assert_eq!(store.incident(2).await.expect("read"), Some(second));
    assert_eq!(store.incident(9).await.expect("read"), None);
    let any = IncidentFilter::default();
    assert_eq!(ids(&*store, IncidentFilter { open: Some(true), ..any.clone() }).await, [3, 2]);
    assert_eq!(ids(&*store, IncidentFilter { open: Some(false), ..any.clone() }).await, [1]);
    assert_eq!(ids(&*store, IncidentFilter { limit: 1, before_id: Some(3), ..any.clone() }).await, [2]);
    let at = |n: i64| Some(Timestamp(START + n));
    assert_eq!(
        ids(&*store, IncidentFilter { from: at(5), to: at(10), ..any.clone() }).await,
        [2, 1],
        "ends included"
    );
    assert_eq!(ids(&*store, IncidentFilter { from: at(6), to: at(19), ..any.clone() }).await, [2]);
    let about = |name: &str| IncidentFilter { subject: Some(subject(name)), ..any.clone() };
    assert_eq!(ids(&*store, about("machine/pc-1")).await, [1]);
    assert_eq!(ids(&*store, about("machine/pc-2")).await, [2], "it was concerned once");
    assert_eq!(ids(&*store, about("target/uplink")).await, [1]);
    assert_eq!(ids(&*store, about("disk/pc-1")).await, Vec::<u64>::new());
    let of =
        |sites: &[&str]| IncidentFilter { sites: sites.iter().map(|s| site(s)).collect(), ..any.clone() };
    assert_eq!(ids(&*store, of(&["jenin"])).await, [1]);
    assert_eq!(ids(&*store, of(&["nablus"])).await, [2], "a site is at itself, and pc-2 was there then");
    assert_eq!(ids(&*store, of(&["jenin", "nablus"])).await, [2, 1]);
    assert_eq!(ids(&*store, of(&["hebron"])).await, Vec::<u64>::new());
}

pub(crate) async fn the_number_of_an_incident_is_never_given_again(place: &impl Place) {
    let store = place.open().await;
    assert_eq!(store.next_incident_id().await.expect("read"), 1);
    let two =
        vec![incident(4, "target/a", START, Some(START + 1), &[]), incident(3, "target/b", START, None, &[])];
    save(&*store, HealthChange { incidents: two, ..Default::default() }).await;
    assert_eq!(store.next_incident_id().await.expect("read"), 5);
    let now = Timestamp(START + 6 * 365 * DAY);
    store.retain_health(now, &HealthRetention::default()).await.expect("retention");
    assert_eq!(ids(&*store, IncidentFilter::default()).await, [3]);
    save(
        &*store,
        HealthChange { incidents: vec![incident(3, "target/b", START, None, &[])], ..Default::default() },
    )
    .await;
    drop(store);
    assert_eq!(place.open().await.next_incident_id().await.expect("read"), 5);
}

pub(crate) async fn incidents_that_last_are_never_too_old(place: &impl Place) {
    let store = place.open().await;
    let many: Vec<String> = (0..250).map(|n| format!("machine/pc-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let incidents = vec![
        incident(1, "target/a", START - 9 * 365 * DAY, None, &many),
        incident(2, "target/b", START - 9 * 365 * DAY, Some(START - 3 * DAY), &many),
        incident(3, "target/c", START - 9 * 365 * DAY, Some(START - DAY), &many),
    ];
    save(&*store, HealthChange { incidents, ..Default::default() }).await;
    assert_eq!(
        ids(&*store, IncidentFilter { subject: Some(subject("machine/pc-249")), ..Default::default() }).await,
        [3, 2, 1]
    );
    let short = HealthRetention { ended: Duration::from_hours(48), ..Default::default() };
    let gone = store.retain_health(Timestamp(START), &short).await.expect("retention");
    assert_eq!(gone, HealthRetained { incidents: 1, ..Default::default() });
    assert_eq!(
        ids(&*store, IncidentFilter { subject: Some(subject("machine/pc-249")), ..Default::default() }).await,
        [3, 1]
    );
    let again = store.retain_health(Timestamp(START), &short).await.expect("retention");
    assert_eq!(again, HealthRetained::default());
}

pub(crate) async fn maintenance_is_kept_changed_and_forgotten(place: &impl Place) {
    let store = place.open().await;
    let planned = |scope, from: i64, until: i64| Maintenance {
        id: 0,
        scope,
        from: Timestamp(START + from),
        until: Timestamp(START + until),
        by: "muna".into(),
        note: "new switch".into(),
    };
    let site = planned(MaintenanceScope::Site(site("jenin")), 10, 20);
    let disk = planned(MaintenanceScope::Subject(subject("disk/pc-1//var")), 0, 30);
    let (one, two) = (
        store.add_maintenance(&site).await.expect("kept"),
        store.add_maintenance(&disk).await.expect("kept"),
    );
    assert_eq!((one, two), (1, 2));
    let (mut site, disk) = (Maintenance { id: one, ..site }, Maintenance { id: two, ..disk });
    drop(store);
    let store = place.open().await;
    let ending_after = async |at: i64| store.maintenances(Timestamp(START + at)).await.expect("read");
    assert_eq!(ending_after(0).await, [disk.clone(), site.clone()]);
    assert_eq!(ending_after(20).await, std::slice::from_ref(&disk), "the end does not belong to it");
    site.until = Timestamp(START + 12);
    assert!(store.save_maintenance(&site).await.expect("an answer"));
    assert!(!store.save_maintenance(&Maintenance { id: 9, ..site.clone() }).await.expect("an answer"));
    assert_eq!(ending_after(11).await, [disk.clone(), site]);
    assert_eq!(ending_after(12).await, [disk]);

    let at_once = HealthRetention { ended: Duration::ZERO, ..Default::default() };
    let gone = store.retain_health(Timestamp(START + 15), &at_once).await.expect("retention");
    assert_eq!(gone.maintenances, 1);
    assert!(store.retain_health(Timestamp(START + 99), &at_once).await.expect("retention").maintenances == 1);
    let next = store.add_maintenance(&planned(MaintenanceScope::Subject(subject("target/a")), 0, 1)).await;
    assert_eq!(next.expect("kept"), 3, "no number is given twice");
}
