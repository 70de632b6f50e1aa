#![allow(clippy::float_cmp, reason = "whole seconds are exact")]

use wasl_model::Localized;
use wasl_model::health::{Health, Reason};
use wasl_model::units::{Bytes, Count, Micros, Millis};
use wasl_model::{InterfaceSample, Observation, ProbeWindow, Value};
use wasl_pages::view::{ContractView, Judgement};
use wasl_store::{CompactOptions, HistoryStore as _, Ingest as _, Item, SqliteStore, Upload};

use super::*;
use crate::past::Past;

/// 2026-11-01T00:00:00Z.
pub(super) const START: i64 = 1_793_491_200_000;
const HOUR: i64 = 3_600_000;

fn decode(body: &[u8]) -> Vec<Observation> {
    wasl_protocol::batch::decode(body).map(|decoded| decoded.observations).unwrap_or_default()
}

fn window(at: i64, sent: u64, received: u64) -> Observation {
    let mut window = ProbeWindow {
        window: Some(Millis(10_000)),
        sent: Some(Count(sent)),
        received: Some(Count(received)),
        ..ProbeWindow::default()
    };
    if received > 0 {
        window.rtt_min = Some(Micros(9_000));
        window.rtt_max = Some(Micros(15_000));
        window.jitter = Some(Micros(500));
        for _ in 0..received {
            window.rtt.record(10_000);
        }
    }
    let subject = Subject::lenient(EntityKind::Link, "jenin");
    Observation { subject, at: Timestamp(at), value: window.into() }
}

fn traffic(at: i64, bytes: u64) -> Observation {
    let sample = InterfaceSample {
        interval: Some(Millis(60_000)),
        receive_bytes: Some(Bytes(bytes)),
        ..InterfaceSample::default()
    };
    let subject = Subject::lenient(EntityKind::Interface, "core/0");
    Observation { subject, at: Timestamp(at), value: Value::Interface(sample) }
}

pub(super) async fn store(observations: Vec<Observation>) -> (tempfile::TempDir, SqliteStore) {
    let dir = tempfile::tempdir().expect("a folder");
    let store = SqliteStore::open(&dir.path().join("wasl.db"), decode, 7).await.expect("a store");
    for (n, part) in observations.chunks(500).enumerate() {
        let item = Item {
            seq: n as u64 + 1,
            first_ms: part.first().map_or(0, |o| o.at.0),
            last_ms: part.last().map_or(0, |o| o.at.0),
            body: wasl_protocol::batch::encode(part),
        };
        let upload = Upload {
            agent: "gw".parse().expect("valid"),
            epoch: 1,
            received_ms: START + 3 * HOUR,
            items: vec![item],
            gaps: Vec::new(),
        };
        store.ingest(vec![upload]).await.expect("kept");
    }
    (dir, store)
}

pub(super) fn link() -> LinkView {
    let series = "interface/core/0#receive_rate@gw".to_owned();
    LinkView {
        id: "jenin".into(),
        name: Localized::from("jenin"),
        places: Vec::new(),
        activity: "primary",
        class: "link",
        state: Judgement { health: Health::Ok, reason: Reason::new("link_up"), since: None },
        caused_by: None,
        incident: None,
        ends: vec![EndView { agent: "gw".into(), ..EndView::default() }],
        directions: None,
        deciding: None,
        rtt_history: Vec::new(),
        loss_history: Vec::new(),
        down: FlowView { contracted: Some(8_000), series: Some(series), ..FlowView::default() },
        up: FlowView::default(),
        contract: ContractView { availability: Some(0.99), ..ContractView::default() },
        accounting: None,
    }
}

pub(super) fn question(link: &LinkView, now: i64) -> Question<'_> {
    Question {
        link,
        sites: &[],
        window: Duration::from_secs(10),
        pace: Duration::from_millis(200),
        zone: TimeZone::UTC,
        now: Timestamp(now),
    }
}

async fn read_month(store: &SqliteStore, question: &Question<'_>, month: Month) -> Result<MonthView, Error> {
    super::month(store, question, month, maintenances(store, question, month).await?).await
}

/// Two hours of windows: the eleventh minute is cut, and nobody looks in the whole second half hour.
fn two_hours() -> Vec<Observation> {
    (1..=720)
        .filter(|i| !(181..=360).contains(i))
        .map(|i| {
            let received = match i {
                61..=66 => 0,
                100 => 49,
                _ => 50,
            };
            window(START + i * 10_000, 50, received)
        })
        .chain(
            (1..=120)
                .map(|minute| traffic(START + minute * 60_000, 60 * 125 * if minute > 115 { 4 } else { 1 })),
        )
        .collect()
}

#[tokio::test]
async fn a_month_is_added_up_from_what_was_measured() {
    let (_dir, store) = store(two_hours()).await;
    let link = link();
    let month = "2026-11".parse().expect("a month");
    let found = read_month(&store, &question(&link, START + 2 * HOUR), month).await.expect("read");
    assert_eq!((found.total, found.down, found.unobserved), (7200.0, 60.0, 1800.0));
    assert_eq!(found.up, 7200.0 - 60.0 - 1800.0);
    assert_eq!(found.outages.len(), 1);
    assert_eq!(found.outages[0].from, Timestamp(START + 600_000));
    assert_eq!(found.outages[0].seconds(), 60.0);
    assert_eq!(found.verdict, "open", "what nobody saw decides");
    let quality = &found.quality;
    assert_eq!((quality.sent, quality.lost), (540 * 50, 6 * 50 + 1));
    assert_eq!(quality.expected, 7200 * 5);
    let rtt = quality.rtt_p50.expect("measured");
    assert!((0.0095..0.0115).contains(&rtt), "{rtt}");
    assert_eq!(found.from_means, 0.0);
    assert!(!found.over);
    let flow = &found.down_flow;
    assert_eq!((flow.samples, flow.expected), (24, 24));
    assert_eq!(flow.p95, Some(125.0), "the highest average is free: {flow:?}");
    assert!(flow.max > Some(400.0));
}

#[tokio::test]
async fn once_windows_are_gone_means_tell_and_say_so() {
    let (_dir, store) = store(two_hours()).await;
    let later = Timestamp(START + 40 * DAY_MS);
    age(&store, later.0).await;
    let link = link();
    let month = "2026-11".parse().expect("a month");
    let found = read_month(&store, &question(&link, later.0), month).await.expect("read");
    assert!(found.over);
    assert!(found.from_windows == 0.0 && found.from_means > 5000.0, "{found:?}");
    assert_eq!(found.down, 0.0, "no cell of five minutes was down all along");
    assert!(found.hidden >= 59.0, "but a minute of one may have been: {}", found.hidden);
    assert!(found.worst < found.best);
    assert_eq!(found.quality.sent, 540 * 50, "probes are not counted by cells");
    assert_eq!(found.by_loss, found.from_means);
}

/// Lets go of the windows of a store whose history is over.
pub(super) async fn age(store: &SqliteStore, now: i64) {
    let later = Timestamp(now);
    let all = CompactOptions { force: true, ..CompactOptions::default() };
    while store.compact(later, &all, None).await.expect("compacted").more {}
    store.retain(later, &wasl_store::Retention::default()).await.expect("let go");
}

#[tokio::test]
async fn a_line_that_answers_twice_a_day_sends_no_more_than_it_sends() {
    let answers = |i: i64| i > 8640 || i == 2160 || i == 4320;
    let windows = (1..=2 * 8640).map(|i| window(START + i * 10_000, 50, if answers(i) { 50 } else { 0 }));
    let (_dir, store) = store(windows.collect()).await;
    let link = link();
    let month = "2026-11".parse().expect("a month");
    let found = read_month(&store, &question(&link, START + 2 * DAY_MS), month).await.expect("read");
    assert_eq!((found.quality.sent, found.quality.lost), (2 * 8640 * 50, 8638 * 50));
    assert_eq!((found.down, found.up, found.unobserved), (86_380.0, 86_420.0, 0.0));
    assert_eq!((found.from_means, found.from_windows), (0.0, 172_800.0));
    assert_eq!(found.outages_total, 3);
}

#[tokio::test]
async fn windows_of_five_minutes_are_windows_and_no_cells() {
    let windows = (1..=24).map(|i| window(START + i * 300_000 + 7_000, 1500, if i == 12 { 0 } else { 1500 }));
    let (_dir, store) = store(windows.collect()).await;
    let link = link();
    let question = Question { window: Duration::from_mins(5), ..question(&link, START + 2 * HOUR) };
    let found = read_month(&store, &question, "2026-11".parse().expect("a month")).await.expect("read");
    assert_eq!((found.from_means, found.down), (0.0, 300.0));
    assert_eq!(found.outages[0].from, Timestamp(START + 11 * 300_000 + 7_000));
}

/// The windows of an end that was cut at these times, as agents tell them: one ends where the verdict turns.
fn told(cuts: &[(i64, i64)], until: i64) -> Vec<Observation> {
    const SURE: i64 = 1_400;
    let turns = cuts.iter().flat_map(|(from, to)| [from + SURE, to + SURE]);
    let ends: std::collections::BTreeSet<i64> =
        turns.chain((1..=until / 10_000).map(|i| i * 10_000)).collect();
    // What the detector knows at a moment of the time that it was down.
    let known = |at: i64| -> i64 {
        let sure = cuts.iter().filter(|(from, _)| from + SURE <= at);
        sure.map(|(from, to)| if to + SURE <= at { to - from } else { at - from }).sum()
    };
    let mut before = 0;
    ends.into_iter()
        .map(|at| {
            let mut seen = window(START + at, 50, 49);
            let down = known(at) - known(before);
            if let Value::Probe(window) = &mut seen.value {
                window.window = Some(Millis((at - before).unsigned_abs()));
                window.down = Some(wasl_model::units::SignedMicros(down * 1_000));
            }
            before = at;
            seen
        })
        .collect()
}

#[tokio::test]
async fn what_was_down_is_the_same_by_windows_and_by_cells_and_to_the_second() {
    let cuts: Vec<(i64, i64)> = (0..15)
        .map(|i| (i * 400_000 + 33_300, i * 400_000 + 33_300 + 240_000))
        .chain([(6_100_500, 6_103_000)])
        .collect();
    let (_dir, store) = store(told(&cuts, 2 * HOUR)).await;
    let link = link();
    let month: Month = "2026-11".parse().expect("a month");
    let fresh = read_month(&store, &question(&link, START + 2 * HOUR), month).await.expect("read");
    let spans: Vec<(i64, i64)> = fresh.outages.iter().map(|o| (o.from.0 - START, o.to.0 - START)).collect();
    assert_eq!(spans, cuts);
    assert_eq!((fresh.down, fresh.by_loss, fresh.unobserved), (3602.5, 0.0, 0.0));
    age(&store, START + 40 * DAY_MS).await;
    let later = read_month(&store, &question(&link, START + 40 * DAY_MS), month).await.expect("read");
    assert_eq!((later.from_windows, later.by_loss), (0.0, 0.0));
    assert!((later.down - 3602.5).abs() < 0.01, "{}", later.down);
    assert_eq!((later.hidden, later.doubtful), (0.0, 0.0));
    assert!(later.outages.iter().all(|outage| outage.placed));
}

#[tokio::test]
async fn a_month_of_which_nothing_is_kept_says_nothing() {
    let (_dir, store) = store(Vec::new()).await;
    let link = link();
    let month = "2026-10".parse().expect("a month");
    let found = read_month(&store, &question(&link, START), month).await.expect("read");
    assert_eq!((found.observed, found.quality.sent, found.quality.loss), (None, 0, None));
    assert_eq!(found.unobserved, found.total);
    assert_eq!(found.verdict, "open");
}

#[tokio::test]
async fn a_month_without_the_agent_hides_no_earlier_ones() {
    let day = |days: i64| (1..=30).map(move |i| window(START - days * DAY_MS + i * 10_000, 50, 50));
    let (_dir, store) = store(day(70).chain(day(0)).collect()).await;
    let (link, past) = (link(), Past::default());
    let now = question(&link, START + HOUR);
    let names = |months: Vec<std::sync::Arc<MonthView>>| -> Vec<String> {
        months.iter().map(|month| month.month.clone()).collect()
    };
    let all = past.months(&store, &now, 60).await.expect("read");
    assert_eq!(all[1].covered, Some(0.0), "nobody looked, and that is said");
    assert_eq!(names(all), ["2026-11", "2026-10", "2026-09", "2026-08"]);
    assert_eq!(names(past.months(&store, &now, 2).await.expect("read")), ["2026-11", "2026-10"]);
}

fn shared(ids: [&str; 2]) -> wasl_pages::view::AccountingView {
    let share = |id: &str| {
        let flow = |field: &str| FlowView {
            contracted: Some(8_000),
            series: Some(format!("share/jenin/{id}#{field}@gw")),
            ..FlowView::default()
        };
        wasl_pages::view::ShareView {
            id: id.into(),
            name: Localized::from(id),
            state: None,
            down: flow("down_rate"),
            up: flow("up_rate"),
            down_of_line: None,
            up_of_line: None,
            down_p95: None,
            up_p95: None,
            at: None,
            old: false,
        }
    };
    wasl_pages::view::AccountingView {
        agent: "gw".into(),
        interface: "wan0".into(),
        shares: ids.map(share).into(),
        trouble: None,
        talkers: None,
    }
}

/// Two institutions, one of which takes four times as much as the other.
fn used(at: i64) -> [Observation; 2] {
    [("college", 125), ("partner", 500)].map(|(id, rate)| {
        let sample = wasl_model::ShareSample {
            interval: Some(Millis(60_000)),
            down_bytes: Some(Bytes(60 * rate)),
            ..Default::default()
        };
        let subject = Subject::lenient(EntityKind::Share, &format!("jenin/{id}"));
        Observation { subject, at: Timestamp(at), value: Value::Share(sample) }
    })
}

#[tokio::test]
async fn a_month_tells_what_each_institution_used_in_whatever_order_they_stand() {
    let (_dir, store) = store((0..120).flat_map(|minute| used(START + minute * 60_000)).collect()).await;
    let past = Past::default();
    let now = Timestamp(START + 2 * HOUR);
    let p95 = |link: &LinkView| -> Vec<Option<f64>> {
        link.accounting.iter().flat_map(|accounting| &accounting.shares).map(|share| share.down_p95).collect()
    };
    for (ids, expected) in
        [(["college", "partner"], [125.0, 500.0]), (["partner", "college"], [500.0, 125.0])]
    {
        let mut link = LinkView { accounting: Some(shared(ids)), ..link() };
        past.fill_shares(&store, &mut link, now, &TimeZone::UTC).await.expect("read");
        assert_eq!(p95(&link), expected.map(Some));
        let month = past.month(&store, &question(&link, now.0), "2026-11".parse().expect("a month")).await;
        let month = month.expect("read");
        let told: Vec<_> = month.shares.iter().map(|share| (share.id.as_str(), share.down.bytes)).collect();
        assert_eq!(told, [(ids[0], Some(7200.0 * expected[0])), (ids[1], Some(7200.0 * expected[1]))]);
        assert_eq!(month.shares[0].down.share(), Some(expected[0] / 1_000.0));
    }
}

#[tokio::test]
async fn another_contract_or_interface_has_another_answer() {
    let (_dir, store) = store(two_hours()).await;
    let past = Past::default();
    let month: Month = "2026-11".parse().expect("a month");
    let asked = |link: LinkView| {
        let (past, store) = (&past, &store);
        async move {
            let found = past.month(store, &question(&link, START + 2 * HOUR), month).await.expect("read");
            let forecast =
                past.forecast(store, &link, true, Timestamp(START + 2 * HOUR), &TimeZone::UTC).await;
            (found.promises.clone(), found.down_flow.p95, forecast.expect("read").word())
        }
    };
    let limited = |loss, rtt| {
        let contract = ContractView { loss: Some(loss), rtt: Some(rtt), ..link().contract };
        LinkView { contract, ..link() }
    };
    let (promises, p95, forecast) = asked(limited(0.02, 0.02)).await;
    let verdicts: Vec<_> = promises.iter().map(|promise| (promise.item, promise.verdict)).collect();
    assert_eq!(verdicts, [("loss", "kept"), ("rtt", "kept")]);
    assert_eq!((p95, forecast), (Some(125.0), "too_little"));
    let (promises, ..) = asked(limited(0.001, 0.01)).await;
    let verdicts: Vec<_> = promises.iter().map(|promise| (promise.item, promise.verdict)).collect();
    assert_eq!(verdicts, [("loss", "broken"), ("rtt", "open")]);
    let (_, p95, forecast) = asked(LinkView { down: FlowView::default(), ..limited(0.001, 0.01) }).await;
    assert_eq!((p95, forecast), (None, "unasked"));
}
