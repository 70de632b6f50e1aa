//! A month's report as CSV (RFC 4180).

use std::fmt::Write as _;

use wasl_model::Timestamp;
use wasl_pages::view::{LinkView, MonthView};

use crate::time::rfc3339;

/// A field as RFC 4180 wants it. What a spreadsheet would take for a formula is made a text.
fn field(text: &str) -> String {
    let number = text.parse::<f64>().is_ok();
    let formula = !number && text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// The report as `by` has it made at this time: `part,item,value,unit,from,until`.
pub(super) fn csv(link: &LinkView, month: &MonthView, by: &str, made: Timestamp) -> String {
    let mut out = "part,item,value,unit,from,until\r\n".to_owned();
    let mut row = |part: &str, item: &str, value: &str, unit: &str, span: [&str; 2]| {
        let cells = [part, item, value, unit, span[0], span[1]].map(field);
        let _ = write!(out, "{}\r\n", cells.join(","));
    };
    let none = ["", ""];
    let some = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let at = [rfc3339(month.from), rfc3339(month.to)];
    row("report", "link", &link.id, "", [&at[0], &at[1]]);
    row("report", "name", &link.name.en, "", none);
    row("report", "month", &month.month, "", none);
    row("report", "time_zone", &month.zone, "", none);
    row("report", "over", if month.over { "yes" } else { "no" }, "", none);
    row("report", "generated_at", &rfc3339(made), "", none);
    row("report", "generated_by", by, "", none);
    row("report", "version", env!("CARGO_PKG_VERSION"), "", none);
    row("method", "class", link.class, "", none);
    row("method", "window", &month.window.to_string(), "s", none);
    row("method", "probe_interval", &month.pace.to_string(), "s", none);
    row("method", "from_windows", &month.from_windows.to_string(), "s", none);
    row("method", "from_means", &month.from_means.to_string(), "s", none);
    row("method", "by_loss_alone", &month.by_loss.to_string(), "s", none);
    row("method", "damaged_blocks", &month.damaged.to_string(), "count", none);
    for end in &link.ends {
        let probe = format!("{} to {} via {}", end.agent, end.to, end.via.as_deref().unwrap_or("any route"));
        row("method", "probe", &probe, end.method.unwrap_or_default(), none);
    }
    for end in &month.tests {
        let tests = format!("{} to {} via {}", end.agent, end.to, end.via.as_deref().unwrap_or("any route"));
        row("method", "tests", &tests, "stamp", none);
    }
    for (item, value, unit) in [
        ("down", link.contract.down.map(|n| n as f64), "bit/s"),
        ("up", link.contract.up.map(|n| n as f64), "bit/s"),
        ("rtt", link.contract.rtt, "s"),
        ("jitter", link.contract.jitter, "s"),
        ("loss", link.contract.loss, "ratio"),
        ("availability", link.contract.availability, "ratio"),
    ] {
        row("contract", item, &some(value), unit, none);
    }
    for (item, value, unit) in [
        ("observed", month.observed, "ratio"),
        ("outside_maintenance", month.owed, "ratio"),
        ("best_case", month.best, "ratio"),
        ("worst_case", month.worst, "ratio"),
        ("time_observed", month.covered, "ratio"),
        ("total", Some(month.total), "s"),
        ("up", Some(month.up), "s"),
        ("down", Some(month.down), "s"),
        ("unobserved", Some(month.unobserved), "s"),
        ("hidden_in_means", Some(month.hidden), "s"),
        ("doubtful_in_means", Some(month.doubtful), "s"),
        ("planned", Some(month.planned), "s"),
        ("planned_down", Some(month.planned_down), "s"),
    ] {
        row("availability", item, &some(value), unit, none);
    }
    row("availability", "verdict", month.verdict, "", none);
    row("availability", "outages", &month.outages_total.to_string(), "count", none);
    row("availability", "outages_listed", &month.outages.len().to_string(), "count", none);
    for promise in &month.promises {
        row("promise", &format!("{}_most", promise.item), &promise.most.to_string(), "", none);
        row("promise", &format!("{}_found", promise.item), &some(promise.found), "", none);
        row("promise", &format!("{}_verdict", promise.item), promise.verdict, "", none);
    }
    for (part, quality) in std::iter::once(("quality".to_owned(), &month.quality))
        .chain(month.ends.iter().map(|end| (format!("quality of {}", end.agent), &end.quality)))
    {
        for (item, value, unit) in [
            ("probes_expected", Some(quality.expected as f64), "count"),
            ("probes_decided", Some(quality.sent as f64), "count"),
            ("probes_lost", Some(quality.lost as f64), "count"),
            ("loss", quality.loss, "ratio"),
            ("loss_low_95", quality.loss_between.map(|(low, _)| low), "ratio"),
            ("loss_high_95", quality.loss_between.map(|(_, high)| high), "ratio"),
            ("rtt_p50", quality.rtt_p50, "s"),
            ("rtt_p95", quality.rtt_p95, "s"),
            ("rtt_p99", quality.rtt_p99, "s"),
            ("rtt_max", quality.rtt_max, "s"),
            ("jitter_p50", quality.jitter_p50, "s"),
            ("jitter_p95", quality.jitter_p95, "s"),
            ("mos", quality.mos, ""),
        ] {
            row(&part, item, &some(value), unit, none);
        }
    }
    for end in &month.tests {
        for (there, down, way) in end.ways() {
            let direction = match (down, there) {
                (Some(true), _) => "down",
                (Some(false), _) => "up",
                (None, true) => "there",
                (None, false) => "back",
            };
            let part = format!("direction {direction} by {}", end.agent);
            for (item, value, unit) in [
                ("tests", Some(way.tests as f64), "count"),
                ("tests_lost", Some(way.lost as f64), "count"),
                ("loss", way.loss, "ratio"),
                ("loss_low_95", way.loss_between.map(|(low, _)| low), "ratio"),
                ("loss_high_95", way.loss_between.map(|(_, high)| high), "ratio"),
                ("delay_mean", way.delay, "s"),
                ("delay_error", end.delay_error, "s"),
            ] {
                row(&part, item, &some(value), unit, none);
            }
        }
        let part = format!("tests of {}", end.agent);
        for (item, value, unit) in [
            ("interval", Some(end.pace), "s"),
            ("lost_in_unknown_direction", Some(end.undecided as f64), "count"),
            ("observed", Some(end.observed), "s"),
            ("time_observed", end.covered, "ratio"),
            ("windows", Some(end.windows as f64), "count"),
            ("windows_with_delay", Some(end.windows_with_delays as f64), "count"),
        ] {
            row(&part, item, &some(value), unit, none);
        }
    }
    let line = [("carried down".to_owned(), &month.down_flow), ("carried up".to_owned(), &month.up_flow)];
    let shares = month.shares.iter().flat_map(|share| {
        let part = |way: &str| format!("share {} {way}", share.id);
        [(part("down"), &share.down), (part("up"), &share.up)]
    });
    for (part, flow) in line.into_iter().chain(shares) {
        let bits = |value: Option<f64>| value.map(|bytes| bytes * 8.0);
        for (item, value, unit) in [
            ("p95", bits(flow.p95), "bit/s"),
            ("max", bits(flow.max), "bit/s"),
            ("mean", bits(flow.mean), "bit/s"),
            ("contracted", flow.contracted.map(|bits| bits as f64), "bit/s"),
            ("bytes", flow.bytes, "B"),
            ("averages", Some(flow.samples as f64), "count"),
            ("averages_expected", Some(flow.expected as f64), "count"),
        ] {
            row(&part, item, &some(value), unit, none);
        }
    }
    for end in &month.ends {
        let (low, high) = end.clock.map_or((None, None), |(low, high)| (Some(low), Some(high)));
        row(&format!("clock of {}", end.agent), "offset_low", &some(low), "s", none);
        row(&format!("clock of {}", end.agent), "offset_high", &some(high), "s", none);
    }
    for planned in &month.maintenances {
        let span = [rfc3339(planned.from), rfc3339(planned.until)];
        row("maintenance", &planned.by, &planned.note, "", [&span[0], &span[1]]);
    }
    for (index, outage) in month.outages.iter().enumerate() {
        let span = [rfc3339(outage.from), rfc3339(outage.to)];
        let part = match (outage.open, outage.placed) {
            (false, false) => "outage",
            (true, false) => "outage (may be longer)",
            (false, true) => "outage (placed within means)",
            (true, true) => "outage (placed within means, may be longer)",
        };
        row(part, &(index + 1).to_string(), &outage.seconds().to_string(), "s", [&span[0], &span[1]]);
    }
    out
}

#[cfg(test)]
mod tests {
    use wasl_model::Localized;
    use wasl_model::health::{Health, Reason};
    use wasl_pages::view::{
        CarriedView, ContractView, FlowView, Judgement, OutageView, PromiseView, ShareMonthView,
        TestsMonthView, WayMonthView,
    };

    use super::*;

    fn link() -> LinkView {
        let state = Judgement { health: Health::Ok, reason: Reason::new("link_up"), since: None };
        LinkView {
            id: "line".into(),
            name: Localized::from("Line"),
            places: Vec::new(),
            activity: "primary",
            class: "uplink",
            state,
            caused_by: None,
            incident: None,
            ends: Vec::new(),
            directions: None,
            deciding: None,
            rtt_history: Vec::new(),
            loss_history: Vec::new(),
            down: FlowView::default(),
            up: FlowView::default(),
            contract: ContractView { loss: Some(0.01), ..ContractView::default() },
            accounting: None,
        }
    }

    #[test]
    fn whoever_reads_it_needs_nothing_else_to_check_it() {
        let outage =
            OutageView { from: Timestamp(0), to: Timestamp(1_500), planned: 0.0, open: false, placed: true };
        let carried = CarriedView { bytes: Some(9e9), contracted: Some(8_000_000), ..CarriedView::default() };
        let month = MonthView {
            month: "2026-10".into(),
            zone: "Asia/Hebron".into(),
            pace: 0.1,
            window: 10.0,
            damaged: 2,
            outages: vec![outage],
            outages_total: 1_200,
            promises: vec![PromiseView { item: "loss", most: 0.01, found: Some(0.02), verdict: "broken" }],
            shares: vec![ShareMonthView {
                id: "partner".into(),
                name: Localized::from("Partner"),
                down: carried.clone(),
                up: CarriedView::default(),
            }],
            tests: vec![TestsMonthView {
                agent: "gaza-gw".into(),
                to: "10.0.0.1".into(),
                leads_down: Some(false),
                there: WayMonthView {
                    tests: 20_000,
                    lost: 3,
                    loss: Some(0.000_15),
                    ..WayMonthView::default()
                },
                undecided: 7,
                observed: 4_000.5,
                ..TestsMonthView::default()
            }],
            ..MonthView::default()
        };
        let text = csv(&link(), &month, "amal", Timestamp(0));
        for line in [
            "report,time_zone,Asia/Hebron,,,",
            "method,probe_interval,0.1,s,,",
            "method,damaged_blocks,2,count,,",
            "availability,outages,1200,count,,",
            "availability,outages_listed,1,count,,",
            "promise,loss_most,0.01,,,",
            "promise,loss_verdict,broken,,,",
            "method,tests,gaza-gw to 10.0.0.1 via any route,stamp,,",
            "direction up by gaza-gw,tests,20000,count,,",
            "direction up by gaza-gw,tests_lost,3,count,,",
            "direction up by gaza-gw,loss,0.00015,ratio,,",
            "direction up by gaza-gw,delay_mean,,s,,",
            "direction down by gaza-gw,loss,,ratio,,",
            "tests of gaza-gw,lost_in_unknown_direction,7,count,,",
            "tests of gaza-gw,observed,4000.5,s,,",
            "share partner down,bytes,9000000000,B,,",
            "share partner down,contracted,8000000,bit/s,,",
            "outage (placed within means),1,1.5,s,1970-01-01T00:00:00Z,1970-01-01T00:00:01.5Z",
        ] {
            assert!(text.split("\r\n").any(|found| found == line), "{line} is not in\n{text}");
        }
        let untested = csv(&link(), &MonthView::default(), "amal", Timestamp(0));
        assert!(!untested.contains("direction") && !untested.contains("tests"), "nobody tests: {untested}");
    }

    #[test]
    fn a_field_stays_one_field_and_no_formula() {
        assert_eq!(field("plain"), "plain");
        assert_eq!(field("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(field("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(field("-0.25"), "-0.25", "a number is one");
        assert_eq!(field("-cmd"), "'-cmd");
    }
}
