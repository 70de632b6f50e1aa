//! `wasl link NAME --months` and `--report YYYY-MM`: what a link was in calendar months.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::{dash, percent, rate, seconds};
use crate::cli::client::Client;
use crate::cli::table;
use crate::operators::api::{List, MonthBody};
use crate::past::Month;

/// What is asked of a link's past.
#[derive(Debug, Args)]
pub(super) struct Past {
    /// Show its calendar months instead, the newest first: 12, or so many (1 to 60)
    #[arg(
        long,
        value_name = "N",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "12",
        value_parser = clap::value_parser!(u8).range(1..=60),
        conflicts_with = "watch"
    )]
    months: Option<u8>,
    /// Print the report of a calendar month instead, as CSV
    #[arg(long, value_name = "YYYY-MM", conflicts_with_all = ["watch", "months", "json"])]
    report: Option<Month>,
}

impl Past {
    /// Whether anything is asked.
    pub(super) fn is_asked(&self) -> bool {
        self.months.is_some() || self.report.is_some()
    }

    /// Shows it of the link at this path of the API.
    pub(super) async fn run(&self, client: &Client, link: &str, json: bool) -> Result<ExitCode> {
        if let Some(month) = self.report {
            table::show(&client.get_text(&format!("{link}/report.csv?month={month}")).await?);
            return Ok(ExitCode::SUCCESS);
        }
        let most = self.months.unwrap_or(12);
        let months: List<MonthBody> = client.get(&format!("{link}/months?months={most}")).await?;
        if json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&months)?));
        } else {
            let (heading, rows) = shown(&months.items);
            table::print(&heading, &rows);
        }
        Ok(ExitCode::SUCCESS)
    }
}

const HEADING: [&str; 11] = [
    "MONTH",
    "AVAILABLE",
    "WORST–BEST",
    "PROMISED",
    "OBSERVED",
    "OUTAGES",
    "TIME DOWN",
    "LOSS",
    "RTT P95",
    "DOWN P95",
    "UP P95",
];

/// What is added where directions are measured by themselves.
const WAYS: [&str; 2] = ["LOSS DOWN", "LOSS UP"];

/// The months as a table.
fn shown(months: &[MonthBody]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let (mut heading, mut rows) = (HEADING.to_vec(), months.iter().map(row).collect::<Vec<_>>());
    if months.iter().any(|month| !month.tests.is_empty()) {
        heading.extend(WAYS);
        for (row, month) in rows.iter_mut().zip(months) {
            row.extend(["down", "up"].map(|way| lost(month, way)));
        }
    }
    (heading, rows)
}

/// What a direction lost, as all ends that measure it found together.
fn lost(month: &MonthBody, direction: &str) -> String {
    let ways = || {
        let ways = month.tests.iter().flat_map(|end| [&end.forward, &end.back]);
        ways.filter(|way| way.direction.as_deref() == Some(direction))
    };
    let (tests, lost) = ways().fold((0, 0), |(tests, lost), way| (tests + way.tests, lost + way.lost));
    if tests == 0 { dash() } else { wasl_pages::format::hundredths(lost as f64 / tests as f64) }
}

/// A month as a row of the table.
fn row(month: &MonthBody) -> Vec<String> {
    let fine = |share: Option<f64>| share.map_or_else(dash, wasl_pages::format::fine_percent);
    let between = format!("{}–{}", fine(month.availability_worst), fine(month.availability_best));
    let promised = match month.promised {
        Some(least) => format!("{} {}", fine(Some(least)), month.verdict),
        None => dash(),
    };
    vec![
        format!("{}{}", month.month, if month.over { "" } else { " so far" }),
        fine(month.availability_owed),
        if month.availability_worst.is_some() { between } else { dash() },
        promised,
        percent(month.covered),
        month.outages_total.to_string(),
        lasting(month.down),
        percent(month.quality.loss),
        seconds(month.quality.rtt_p95),
        rate(month.down_flow.p95),
        rate(month.up_flow.p95),
    ]
}

/// A length of time: `2 h 05 min`, `4 min 20 s`, `8 s`.
fn lasting(length: f64) -> String {
    let whole = length.max(0.0).round() as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{rest} s"),
        (0, _) => format!("{minutes} min {rest:02} s"),
        _ => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    use wasl_pages::view::{CarriedView, MonthView, QualityView, TestsMonthView, WayMonthView};

    use super::*;

    #[test]
    fn a_month_is_a_row_with_its_promise() {
        let quality = QualityView { loss: Some(0.002), rtt_p95: Some(0.031), ..QualityView::default() };
        let month = MonthView {
            month: "2026-10".into(),
            over: true,
            down: 260.4,
            owed: Some(0.9991),
            best: Some(0.9993),
            worst: Some(0.9985),
            covered: Some(0.998),
            promised: Some(0.995),
            verdict: "kept",
            outages_total: 3,
            quality,
            down_flow: CarriedView { p95: Some(1_250_000.0), ..CarriedView::default() },
            ..MonthView::default()
        };
        let row = row(&MonthBody::from(&month));
        assert_eq!(row.len(), HEADING.len());
        assert_eq!(row[..4], ["2026-10", "99.910 %", "99.850 %–99.930 %", "99.500 % kept"]);
        assert_eq!(row[5..7], ["3", "4 min 20 s"]);
        assert_eq!(row[9..], ["10.0 Mbit/s".to_owned(), dash()]);
    }

    /// Catches: a direction's loss in the column of the other, and columns for what nobody measures.
    #[test]
    fn what_a_direction_lost_is_told_of_all_who_measure_it() {
        let way = |tests, lost| WayMonthView { tests, lost, ..WayMonthView::default() };
        let end =
            |leads_down, there, back| TestsMonthView { leads_down, there, back, ..TestsMonthView::default() };
        let months = [
            vec![
                end(Some(true), way(10_000, 5), way(9_995, 0)),
                end(Some(false), way(10_000, 1), way(9_999, 15)),
            ],
            vec![end(None, way(100, 50), way(50, 50))],
        ];
        let months = months.map(|tests| MonthBody::from(&MonthView { tests, ..MonthView::default() }));
        let (heading, rows) = shown(&months);
        assert_eq!(heading[11..], WAYS);
        assert_eq!(rows[0][11..], ["0.10 %", "<0.01 %"]);
        assert_eq!(rows[1][11..], [dash(), dash()], "nobody knows where it leads");
        let (heading, rows) = shown(&[MonthBody::from(&MonthView::default())]);
        assert_eq!((heading.len(), rows[0].len()), (HEADING.len(), HEADING.len()));
    }

    #[test]
    fn a_length_of_time_is_told_to_what_matters() {
        assert_eq!(
            (lasting(8.4), lasting(65.0), lasting(7_500.0)),
            ("8 s".into(), "1 min 05 s".into(), "2 h 05 min".into())
        );
    }
}
