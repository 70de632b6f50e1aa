//! The links of the institution on that day.

use std::collections::BTreeMap;

use wasl_model::health::{Health, Reason};
use wasl_model::{EntityKind, Localized, Severity, Subject, Timestamp};
use wasl_pages::view::{
    AccountingView, CarriedView, ChangeView, ContractView, DirectionView, DirectionsView, EndMonthView,
    EndView, FlowView, ForecastView, IrregularView, Judgement, LinkPageView, LinkView, MeasuredView,
    MonthView, OccurrenceView, OutageView, PlaceView, PlannedView, QualityView, ReportView, RingView,
    ShareView, TalkerView, TalkersView,
};
use wasl_pages::view::{PromiseView, ShareMonthView, TestsMonthView, WayMonthView};

use super::{DAY, HOUR, MINUTE, ago, bilingual, subject, wave};

/// The places: identifier, English and Arabic name.
const PLACES: [(&str, &str, &str); 21] = [
    ("presidency", "Presidency", "الرئاسة"),
    ("bethlehem", "Bethlehem", "بيت لحم"),
    ("biddya", "Biddya", "بديا"),
    ("deir-al-balah", "Deir al-Balah", "دير البلح"),
    ("dura", "Dura", "دورا"),
    ("gaza", "Gaza", "غزة"),
    ("halhul", "Halhul", "حلحول"),
    ("hebron", "Hebron", "الخليل"),
    ("jenin", "Jenin", "جنين"),
    ("jericho", "Jericho", "أريحا"),
    ("jerusalem", "Jerusalem", "القدس"),
    ("khan-yunis", "Khan Yunis", "خان يونس"),
    ("nablus", "Nablus", "نابلس"),
    ("north-gaza", "North Gaza", "شمال غزة"),
    ("qalqilya", "Qalqilya", "قلقيلية"),
    ("rafah", "Rafah", "رفح"),
    ("ramallah", "Ramallah and Al-Bireh", "رام الله والبيرة"),
    ("salfit", "Salfit", "سلفيت"),
    ("tubas", "Tubas", "طوباس"),
    ("tulkarm", "Tulkarm", "طولكرم"),
    ("yatta", "Yatta", "يطا"),
];

fn named(id: &str) -> Localized {
    let found = PLACES.iter().find(|(place, ..)| *place == id).expect("a place of the fixture");
    bilingual(found.1, found.2)
}

pub(crate) fn places() -> Vec<PlaceView> {
    let health = |id: &str| match id {
        "rafah" => Health::Down,
        "jenin" | "gaza" => Health::Degraded,
        _ => Health::Ok,
    };
    PLACES
        .iter()
        .map(|(id, en, ar)| PlaceView { id: (*id).to_owned(), name: bilingual(en, ar), health: health(id) })
        .collect()
}

fn end(agent: &str, site: &str, to: &str, via: &str, rtt: f64, loss: f64) -> EndView {
    let verdict = if loss >= 1.0 {
        "down"
    } else if loss > 0.02 {
        "degraded"
    } else {
        "up"
    };
    let heard = loss < 1.0;
    EndView {
        agent: agent.to_owned(),
        site: Some(named(site)),
        to: to.to_owned(),
        via: Some(via.to_owned()),
        verdict: Some(verdict),
        verdict_since: Some(ago(3 * HOUR + 12 * MINUTE)),
        method: Some("icmp"),
        rtt_p50: heard.then_some(rtt),
        rtt_p95: heard.then_some(rtt * 1.4),
        rtt_p99: heard.then_some(rtt * 2.1),
        loss: Some(loss),
        jitter: heard.then_some(rtt * 0.06),
        mos: heard.then_some(4.4 - loss * 20.0),
        rating: heard.then_some(92.0 - loss * 400.0),
        irregular: IrregularView {
            late: Some(0),
            forged: Some(u64::from(loss > 0.0) * 3),
            ..Default::default()
        },
        at: Some(ago(6_000)),
        old: false,
    }
}

fn flow(rate: Option<f64>, contracted: u64, branch: &str, field: &'static str) -> FlowView {
    let interface = subject(EntityKind::Interface, &format!("{branch}-core/Gi0/1"));
    FlowView {
        rate,
        contracted: Some(contracted),
        series: Some(format!("{interface}#{field}_rate@{branch}-gw")),
        interface: Some((interface, field)),
        at: Some(ago(6_000)),
        old: false,
    }
}

fn leased(branch: &str, seed: u64) -> LinkView {
    let rtt = 0.009 + seed as f64 * 0.000_9;
    let name = named(branch);
    let arabic = name.ar.clone().unwrap_or_default();
    LinkView {
        id: format!("{branch}-leased"),
        name: bilingual(&format!("{} – leased line", name.en), &format!("{arabic} – الخط المؤجر")),
        places: ["presidency", branch].map(|id| (id.to_owned(), named(id))).to_vec(),
        activity: "primary",
        class: "link",
        state: Judgement {
            health: Health::Ok,
            reason: Reason::new("link_up").with("rtt_ms", rtt * 1000.0),
            since: Some(ago(40 * DAY)),
        },
        caused_by: None,
        incident: None,
        ends: vec![
            end("presidency-gw", "presidency", "10.20.0.1", "wan2", rtt, 0.0),
            end(&format!("{branch}-gw"), branch, "10.0.0.1", "wan0", rtt * 1.02, 0.0),
        ],
        directions: None,
        deciding: Some(0),
        rtt_history: wave(rtt, rtt * 0.2, seed),
        loss_history: vec![Some(0.0); 60],
        down: flow(Some(420_000.0 + 60_000.0 * seed as f64), 20_000_000, branch, "receive"),
        up: flow(Some(90_000.0 + 9_000.0 * seed as f64), 20_000_000, branch, "transmit"),
        contract: ContractView {
            down: Some(20_000_000),
            up: Some(20_000_000),
            rtt: Some(0.04),
            jitter: None,
            loss: Some(0.005),
            availability: Some(0.995),
        },
        accounting: None,
    }
}

fn adsl(branch: &str) -> LinkView {
    let name = named(branch);
    let arabic = name.ar.clone().unwrap_or_default();
    LinkView {
        id: format!("{branch}-adsl"),
        name: bilingual(&format!("{} – ADSL backup", name.en), &format!("{arabic} – خط ADSL الاحتياطي")),
        activity: "standby",
        class: "target",
        ends: vec![end(&format!("{branch}-gw"), branch, "203.0.113.161", "adsl0", 0.041, 0.0)],
        down: FlowView { contracted: Some(8_000_000), ..FlowView::default() },
        up: FlowView { contracted: Some(1_000_000), ..FlowView::default() },
        contract: ContractView {
            down: Some(8_000_000),
            up: Some(1_000_000),
            rtt: Some(0.08),
            loss: Some(0.02),
            ..ContractView::default()
        },
        ..leased(branch, 30)
    }
}

fn fibre(a: &str, b: &str, seed: u64) -> LinkView {
    let (from, to) = (named(a), named(b));
    let arabic = |name: &Localized| name.ar.clone().unwrap_or_default();
    LinkView {
        id: format!("{a}-{b}"),
        name: bilingual(
            &format!("{} – {} fibre", from.en, to.en),
            &format!("ألياف {} – {}", arabic(&from), arabic(&to)),
        ),
        places: [a, b].map(|id| (id.to_owned(), named(id))).to_vec(),
        class: "uplink",
        ends: vec![
            end(&format!("{a}-gw"), a, "10.255.1.2", "ring-0", 0.000_43, 0.0),
            end(&format!("{b}-gw"), b, "10.255.1.1", "ring-1", 0.000_43, 0.0),
        ],
        rtt_history: wave(0.000_43, 0.000_1, seed),
        down: FlowView { contracted: Some(1_000_000_000), ..FlowView::default() },
        up: FlowView { contracted: Some(1_000_000_000), ..FlowView::default() },
        ..leased(b, seed)
    }
}

/// A leased line and an ADSL line for each branch, a ring of three, and a day that is not a good one.
pub(crate) fn links() -> Vec<LinkView> {
    let mut links: Vec<LinkView> = Vec::new();
    for (seed, (branch, ..)) in PLACES.iter().enumerate().skip(1) {
        links.push(leased(branch, seed as u64));
        links.push(adsl(branch));
    }
    links.push(fibre("jenin", "tulkarm", 51));
    links.push(fibre("tulkarm", "nablus", 53));
    links.push(fibre("nablus", "jenin", 57));
    let at = |links: &[LinkView], id: &str| links.iter().position(|l| l.id == id).expect("a link");
    let judged = |health, reason, ago_ms| Judgement { health, reason, since: Some(ago(ago_ms)) };

    let cut = at(&links, "rafah-leased");
    links[cut].state = judged(Health::Down, Reason::new("link_cut"), 26 * MINUTE);
    links[cut].incident = Some(1041);
    links[cut].ends = vec![
        end("presidency-gw", "presidency", "10.20.0.1", "wan2", 0.0, 1.0),
        EndView { old: true, ..end("rafah-gw", "rafah", "10.0.0.1", "wan0", 0.021, 0.0) },
    ];
    links[cut].down = flow(None, 20_000_000, "rafah", "receive");
    links[cut].up = flow(None, 20_000_000, "rafah", "transmit");
    let hole: Vec<_> = wave(0.02, 0.004, 5).into_iter().take(34).chain(vec![None; 26]).collect();
    links[cut].rtt_history = hole;
    let spare = at(&links, "rafah-adsl");
    links[spare].activity = "backup";

    let lossy = at(&links, "gaza-leased");
    let reason = Reason::new("link_lossy").with("loss_percent", 4.2);
    links[lossy].state = judged(Health::Degraded, reason, 2 * HOUR);
    links[lossy].ends[0] = end("presidency-gw", "presidency", "10.20.0.1", "wan2", 0.0312, 0.042);
    links[lossy].down = flow(Some(2_380_000.0), 20_000_000, "gaza", "receive");

    let fibre_cut = at(&links, "nablus-jenin");
    links[fibre_cut].state = judged(Health::Down, Reason::new("link_cut"), 5 * HOUR);
    links[fibre_cut].ends.iter_mut().for_each(|e| {
        *e = EndView { verdict: Some("down"), loss: Some(1.0), rtt_p50: None, ..e.clone() };
    });

    let planned = at(&links, "hebron-leased");
    links[planned].state =
        judged(Health::Maintenance, Reason::new("in_maintenance").with("until", super::NOW.0 + HOUR), HOUR);
    let silent = at(&links, "dura-adsl");
    links[silent].state = judged(Health::Unknown, Reason::new("not_observed"), 9 * DAY);
    links[silent].ends[0] =
        EndView { agent: "dura-gw".into(), to: "203.0.113.105".into(), ..EndView::default() };
    links[silent].rtt_history = vec![None; 60];
    links[silent].caused_by = Some(Subject { kind: EntityKind::Agent, id: "dura-gw".into() });
    links
}

fn quality(scale: u64) -> QualityView {
    QualityView {
        expected: 9_900_000 * scale,
        sent: 9_812_400 * scale,
        lost: 10_210 * scale,
        loss: Some(0.001_040_5),
        loss_between: Some((0.001_02, 0.001_061)),
        rtt_p50: Some(0.0187),
        rtt_p95: Some(0.0291),
        rtt_p99: Some(0.0702),
        rtt_max: Some(1.31),
        jitter_p50: Some(0.0011),
        jitter_p95: Some(0.0048),
        mos: Some(4.33),
    }
}

fn carried(p95: Option<f64>, field: &'static str) -> CarriedView {
    CarriedView {
        p95,
        max: p95.map(|v| v * 1.1),
        mean: p95.map(|v| v * 0.4),
        bytes: p95.map(|v| v * 0.4 * 6_580.0 * 300.0),
        samples: if p95.is_some() { 6_580 } else { 0 },
        expected: 6_612,
        contracted: Some(20_000_000),
        interface: Some((subject(EntityKind::Interface, "gaza-core/Gi0/1"), field)),
    }
}

/// Both ends measured; one without a clock that is known to be right, and not all the time.
fn tests() -> Vec<TestsMonthView> {
    let way = |tests, lost, loss, between, delay| WayMonthView {
        tests,
        lost,
        loss: Some(loss),
        loss_between: Some(between),
        delay,
    };
    let whole = TestsMonthView {
        agent: "gaza-gw".into(),
        to: "10.0.0.1".into(),
        via: Some("wan0".into()),
        pace: 0.1,
        leads_down: Some(false),
        there: way(19_790_310, 412, 0.000_020_8, (0.000_018_9, 0.000_022_9), Some(0.009_21)),
        back: way(19_789_898, 41_204, 0.002_082_1, (0.002_062, 0.002_102_3), Some(0.021_4)),
        undecided: 51_000,
        observed: 1_983_400.0,
        covered: Some(0.999_88),
        windows: 198_340,
        windows_with_delays: 191_004,
        delay_error: Some(0.000_41),
    };
    let partly = TestsMonthView {
        agent: "presidency-gw".into(),
        to: "10.20.0.1".into(),
        via: None,
        there: way(4_120_000, 0, 0.0, (0.0, 0.000_000_93), None),
        leads_down: Some(true),
        back: way(4_120_000, 4_943, 0.001_199_8, (0.001_166_8, 0.001_233_7), None),
        undecided: 0,
        observed: 412_000.0,
        covered: Some(0.207_7),
        windows: 41_200,
        windows_with_delays: 0,
        delay_error: None,
        ..whole.clone()
    };
    vec![whole, partly]
}

/// The month that is under way; `verdict` is a word of the API.
pub(crate) fn month(name: &str, over: bool, verdict: &'static str) -> MonthView {
    let outage = |hours_ago: i64, minutes: i64, planned, open| OutageView {
        from: ago(hours_ago * HOUR),
        to: ago(hours_ago * HOUR - minutes * MINUTE),
        planned,
        open,
        placed: over && hours_ago > 300,
    };
    let end = |agent: &str, site: &str, clock| EndMonthView {
        agent: agent.to_owned(),
        site: Some(named(site)),
        up: 1_955_000.0,
        down: 5_400.0,
        unobserved: 23_231.0,
        quality: quality(1),
        clock,
    };
    MonthView {
        month: name.to_owned(),
        from: ago(23 * DAY),
        to: ago(0),
        over,
        total: 1_983_631.0,
        up: 1_971_331.0,
        down: 5_100.0,
        unobserved: 7_200.0,
        hidden: if over { 640.0 } else { 0.0 },
        doubtful: if over { 90.0 } else { 0.0 },
        planned: 7_200.0,
        planned_down: 1_800.0,
        observed: Some(0.997_42),
        owed: Some(0.998_33),
        best: Some(0.998_34),
        worst: Some(0.994_69),
        covered: Some(0.996_37),
        promised: Some(0.995),
        verdict,
        outages: vec![
            outage(400, 45, 0.0, false),
            outage(210, 30, 1_800.0, false),
            outage(51, 10, 0.0, true),
        ],
        outages_total: if over { 5 } else { 3 },
        longest: Some(2_700.0),
        quality: quality(2),
        down_flow: carried(Some(2_210_000.0), "receive"),
        up_flow: carried(None, "transmit"),
        ends: vec![
            end("presidency-gw", "presidency", Some((-0.000_4, 0.001_2))),
            end("gaza-gw", "gaza", None),
        ],
        tests: if over { tests() } else { Vec::new() },
        maintenances: vec![PlannedView {
            from: ago(211 * HOUR),
            until: ago(209 * HOUR),
            by: "lina".into(),
            note: "استبدال المحوّل".into(),
        }],
        from_windows: if over { 400_000.0 } else { 3_900_000.0 },
        from_means: if over { 3_500_000.0 } else { 0.0 },
        by_loss: if over { 86_400.0 } else { 0.0 },
        promises: vec![
            PromiseView { item: "loss", most: 0.01, found: Some(0.004), verdict: "kept" },
            PromiseView { item: "rtt", most: 0.03, found: Some(0.031), verdict: "open" },
            PromiseView { item: "jitter", most: 0.002, found: Some(0.003), verdict: "broken" },
        ],
        shares: if over {
            let share = |id: &str, name, down, up| ShareMonthView {
                id: id.into(),
                name,
                down: CarriedView {
                    contracted: Some(10_000_000),
                    interface: None,
                    ..carried(down, "receive")
                },
                up: CarriedView { contracted: Some(10_000_000), interface: None, ..carried(up, "transmit") },
            };
            vec![share(
                "partner",
                bilingual("Partner university", "الجامعة الشريكة"),
                Some(1_400_000.0),
                Some(90_000.0),
            )]
        } else {
            Vec::new()
        },
        window: 10.0,
        pace: 0.2,
        zone: "Asia/Hebron".to_owned(),
        damaged: u64::from(over),
    }
}

/// A device's word about the port that the link ends in.
pub(crate) fn trap(hours: i64) -> ChangeView {
    ChangeView {
        at: ago(hours * HOUR),
        subject: Some(subject(EntityKind::Interface, "gaza-core/Gi0/1")),
        health: None,
        reason: None,
        occurrence: Some(OccurrenceView {
            code: "link_down_trap",
            severity: Severity::Warning,
            detail: "linkDown of <b>Gi0/1</b> from 10.20.0.1".to_owned(),
            args: BTreeMap::new(),
            late: true,
        }),
    }
}

fn gaza() -> LinkView {
    links().into_iter().find(|link| link.id == "gaza-leased").expect("a link of the fixture")
}

/// Two institutions on one line; the larger takes more than its share.
fn shared() -> AccountingView {
    let part = |id: &str, field: &str, rate: f64| FlowView {
        rate: Some(rate),
        contracted: Some(10_000_000),
        series: Some(format!("share/gaza-leased/{id}#{field}@gaza-gw")),
        ..FlowView::default()
    };
    let share = |id: &str, name: Localized, state: Judgement, down: f64, up: f64| ShareView {
        id: id.into(),
        name,
        state: Some(state),
        down: part(id, "down_rate", down),
        up: part(id, "up_rate", up),
        down_of_line: Some(down * 8.0 / 20e6),
        up_of_line: Some(up * 8.0 / 20e6),
        down_p95: Some(down * 1.1),
        up_p95: None,
        at: Some(ago(4)),
        old: false,
    };
    let university = bilingual("Partner university", "الجامعة الشريكة");
    let exceeded =
        Reason::new("share_exceeded").with("direction", "down").with("percent", 168).with("load_percent", 97);
    let talker = |address: &str, share: Option<&Localized>, down, up| TalkerView {
        address: address.parse().expect("an address"),
        share: share.cloned(),
        down,
        up,
    };
    AccountingView {
        agent: "gaza-gw".into(),
        interface: "wan0".into(),
        shares: vec![
            share(
                "partner",
                university.clone(),
                Judgement { health: Health::Degraded, reason: exceeded, since: Some(ago(12 * MINUTE)) },
                2_100_000.0,
                130_000.0,
            ),
            share(
                "college",
                bilingual("Technical college", "الكلية التقنية"),
                Judgement {
                    health: Health::Ok,
                    reason: Reason::new("share_fair").with("percent", 26),
                    since: Some(ago(HOUR)),
                },
                325_000.0,
                41_000.0,
            ),
        ],
        trouble: None,
        talkers: Some(TalkersView {
            at: ago(4),
            old: false,
            seconds: 10.0,
            seen: 212,
            crowded: false,
            most: vec![
                talker("10.18.4.77", Some(&university), 910_000.0, 22_000.0),
                talker("2001:db8:18:4::1f", Some(&university), 240_000.0, 8_000.0),
                talker("10.90.0.9", None, 1_200.0, 30_500.0),
            ],
        }),
    }
}

/// Both ends measure; one of them has a clock that nobody disciplines.
fn directions() -> DirectionsView {
    let way = |agent: &str, loss: f64, delay: Option<f64>, word: &str| DirectionView {
        loss: Some(loss),
        delay,
        loss_series: format!("path/gaza-leased#loss_{word}@{agent}"),
        delay_series: format!("path/gaza-leased#delay_{word}_p50@{agent}"),
    };
    let measured = MeasuredView {
        agent: "gaza-gw".into(),
        site: Some(named("gaza")),
        to: "10.0.0.1".into(),
        via: Some("wan0".into()),
        pace: 0.1,
        leads_down: Some(false),
        there: way("gaza-gw", 0.0, Some(0.0092), "forward"),
        back: way("gaza-gw", 0.083, Some(0.0214), "back"),
        clock_error: Some(0.00041),
        rtt_p50: Some(0.0306),
        at: Some(ago(4)),
        old: false,
    };
    let undisciplined = MeasuredView {
        agent: "presidency-gw".into(),
        site: Some(named("presidency")),
        to: "10.20.0.1".into(),
        via: None,
        leads_down: Some(true),
        there: way("presidency-gw", 0.081, None, "forward"),
        back: way("presidency-gw", 0.0, None, "back"),
        clock_error: None,
        rtt_p50: Some(0.0311),
        ..measured.clone()
    };
    let reason = Reason::new("path_loses_back").with("loss_percent", "8.30");
    DirectionsView {
        state: Some(Judgement { health: Health::Degraded, reason, since: Some(ago(9 * MINUTE)) }),
        measured: vec![measured, undisciplined],
    }
}

/// `/entities/link/gaza-leased`
pub(crate) fn link_page() -> LinkPageView {
    let change = |hours: i64, health, reason: Reason| ChangeView {
        at: ago(hours * HOUR),
        subject: None,
        health: Some(health),
        reason: Some(reason),
        occurrence: None,
    };
    LinkPageView {
        link: LinkView { accounting: Some(shared()), directions: Some(directions()), ..gaza() },
        changes: vec![
            change(2, Health::Degraded, Reason::new("link_lossy").with("loss_percent", "4.2")),
            change(50, Health::Ok, Reason::new("link_up").with("rtt_ms", "48.1")),
            trap(50),
            change(51, Health::Down, Reason::new("link_cut")),
        ],
        months: vec![
            month("2026-11", false, "open"),
            month("2026-10", true, "kept"),
            month("2026-09", true, "broken"),
            month("2026-08", true, "none"),
        ],
        down_forecast: ForecastView::Grows {
            now: 0.81,
            per_month: 0.043,
            at: Some(Timestamp(super::NOW.0 + 132 * DAY)),
            earliest: Some(Timestamp(super::NOW.0 + 97 * DAY)),
            latest: None,
        },
        up_forecast: ForecastView::TooLittle { days: 9, needed: 14 },
    }
}

/// `/links/gaza-leased/report`
pub(crate) fn report() -> ReportView {
    ReportView { link: gaza(), month: month("2026-10", true, "kept"), by: Some("lina".to_owned()) }
}

pub(crate) fn rings() -> Vec<RingView> {
    let ring = ["jenin-tulkarm", "tulkarm-nablus", "nablus-jenin"];
    let links = links();
    let of = |id: &str| {
        let link = links.iter().find(|l| l.id == id).expect("a link of the fixture");
        (id.to_owned(), link.name.clone(), link.state.health)
    };
    vec![RingView {
        id: "north".into(),
        name: bilingual("Northern ring", "الحلقة الشمالية"),
        state: Judgement {
            health: Health::Degraded,
            reason: Reason::new("ring_broken").with("names", "nablus-jenin"),
            since: Some(ago(5 * HOUR)),
        },
        links: ring.map(of).to_vec(),
        places: ["jenin", "tulkarm", "nablus"].map(str::to_owned).to_vec(),
    }]
}
