//! Reads the history of a month in pieces.

mod directions;

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::tz::TimeZone;
use wasl_health::report::{self, Availability, Loss, Record, Span, Stretch, Times, Told};
use wasl_model::quality::{mouth_to_ear, opinion, rating};
use wasl_model::{AgentId, EntityKind, Maintenance, MaintenanceScope, SeriesKey, SiteId, Subject, Timestamp};
use wasl_pages::view::{
    CarriedView, ContractView, EndMonthView, EndView, FlowView, LinkView, MonthView, OutageView, PlannedView,
    PromiseView, QualityView, ShareMonthView,
};
use wasl_store::{Error, ErrorKind, History, Store};

use super::{LISTED, Month};

/// The narrowest of the store's cells.
const CELL_MS: i64 = 300_000;
/// Windows in a piece; below what the store gives at once without widening.
const PIECE: i64 = 15_000;
const DAY_MS: i64 = 86_400_000;
/// The fields that a month is told from.
const FIELDS: [&str; 10] =
    ["loss", "sent", "rtt_min", "rtt_p50", "rtt_p95", "rtt_p99", "rtt_max", "jitter", "down", "observed"];

/// What fields are at one time.
type Row<const N: usize> = [Option<Figure>; N];

/// A field of a window, or of a cell of windows.
#[derive(Debug, Clone, Copy)]
struct Figure {
    /// The mean.
    mean: f64,
    /// Of so many windows.
    count: u64,
}

impl Figure {
    /// The sum over the windows.
    fn sum(self) -> f64 {
        self.mean * self.count as f64
    }
}

/// What a month is asked about.
pub(crate) struct Question<'a> {
    /// The link as it is configured now.
    pub(crate) link: &'a LinkView,
    /// The sites whose maintenance covers it.
    pub(crate) sites: &'a [SiteId],
    /// The length of a window.
    pub(crate) window: Duration,
    /// The time between two probes.
    pub(crate) pace: Duration,
    /// The institution's time zone.
    pub(crate) zone: TimeZone,
    /// Now.
    pub(crate) now: Timestamp,
}

/// What one end says of a stretch of time.
#[derive(Default)]
struct Seen {
    record: Record,
    loss: Loss,
    /// Losses while something got through, for how a call sounds.
    loss_up: Loss,
    rtt: Times,
    jitter: Times,
    from_windows: i64,
    from_means: i64,
    by_loss: i64,
    damaged: u64,
    /// The time of the last row: a cell that two pieces reach into counts once.
    last: Option<i64>,
}

/// Works a month out.
pub(super) async fn month(
    store: &dyn Store,
    question: &Question<'_>,
    month: Month,
    planned: Vec<PlannedView>,
) -> Result<MonthView, Error> {
    let whole = month.span(&question.zone);
    let within = so_far(question, month);
    let mut ends = Vec::new();
    let mut all = Seen::default();
    for end in &question.link.ends {
        let seen = end_seen(store, question, end, within).await?;
        all.take(&seen);
        let clock = clock(store, &end.agent, within).await?;
        ends.push((end, seen, clock));
    }
    let spans: Vec<Span> = planned.iter().map(|m| Span { from: m.from.0, to: m.until.0 }).collect();
    let together: Vec<Vec<Stretch>> =
        ends.iter().map(|(_, seen, _)| seen.record.stretches().to_vec()).collect();
    let found = report::availability(&report::combine(&together), &spans, within);
    let expected_each = expected(question, within);
    let promised = question.link.contract.availability;
    let end_month = |(end, seen, clock): (&EndView, Seen, Option<(f64, f64)>)| {
        let own = report::availability(seen.record.stretches(), &spans, within);
        EndMonthView {
            agent: end.agent.clone(),
            site: end.site.clone(),
            up: seconds(own.up),
            down: seconds(own.down),
            unobserved: seconds(own.unobserved),
            quality: seen.quality(expected_each),
            clock,
        }
    };
    let count = question.link.ends.len() as u64;
    let carried = |flow| carried(store, flow, within);
    let quality = all.quality(expected_each * count);
    let (tests, damaged_tests) = directions::month(store, question.link, within).await?;
    Ok(MonthView {
        month: month.to_string(),
        from: Timestamp(within.from),
        to: Timestamp(within.to),
        over: whole.to <= question.now.0,
        total: seconds(found.total),
        up: seconds(found.up),
        down: seconds(found.down),
        unobserved: seconds(found.unobserved),
        hidden: seconds(found.hidden),
        doubtful: seconds(found.doubtful),
        planned: seconds(found.planned),
        planned_down: seconds(found.planned_down),
        observed: found.observed(),
        owed: found.owed(),
        best: found.best(),
        worst: found.worst(),
        covered: found.covered(),
        promised,
        verdict: verdict(&found, promised),
        outages: outages(&found),
        outages_total: found.outages.len() as u64,
        longest: found.outages.iter().map(|outage| seconds(outage.span.length())).reduce(f64::max),
        promises: promises(&question.link.contract, &quality),
        quality,
        shares: shares(store, question, within).await?,
        down_flow: carried(&question.link.down).await?,
        up_flow: carried(&question.link.up).await?,
        from_windows: seconds(all.from_windows),
        from_means: seconds(all.from_means),
        by_loss: seconds(all.by_loss),
        damaged: all.damaged + damaged_tests,
        tests,
        ends: ends.into_iter().map(end_month).collect(),
        maintenances: planned,
        window: question.window.as_secs_f64(),
        pace: question.pace.as_secs_f64(),
        zone: question.zone.iana_name().unwrap_or("UTC").to_owned(),
    })
}

fn verdict(found: &Availability, promised: Option<f64>) -> &'static str {
    match promised.map(|promised| found.keeps(promised)) {
        None => "none",
        Some(None) => "open",
        Some(Some(true)) => "kept",
        Some(Some(false)) => "broken",
    }
}

/// What was measured against what was promised beside the availability.
fn promises(contract: &ContractView, quality: &QualityView) -> Vec<PromiseView> {
    let times = |found: Option<f64>| found.map(report::quality::within);
    let all = [
        ("loss", contract.loss, quality.loss, quality.loss_between),
        ("rtt", contract.rtt, quality.rtt_p50, times(quality.rtt_p50)),
        ("jitter", contract.jitter, quality.jitter_p50, times(quality.jitter_p50)),
    ];
    let promise = |(item, most, found, between): (_, Option<f64>, _, Option<(f64, f64)>)| {
        let most = most?;
        let kept = between.and_then(|between| report::quality::keeps(between, most));
        let verdict = kept.map_or("open", |kept| if kept { "kept" } else { "broken" });
        Some(PromiseView { item, most, found, verdict })
    };
    all.into_iter().filter_map(promise).collect()
}

/// What each institution used of a shared line.
async fn shares(
    store: &dyn Store,
    question: &Question<'_>,
    within: Span,
) -> Result<Vec<ShareMonthView>, Error> {
    let mut out = Vec::new();
    for share in question.link.accounting.iter().flat_map(|accounting| &accounting.shares) {
        out.push(ShareMonthView {
            id: share.id.clone(),
            name: share.name.clone(),
            down: carried(store, &share.down, within).await?,
            up: carried(store, &share.up, within).await?,
        });
    }
    Ok(out)
}

/// A month as far as it has gone.
fn so_far(question: &Question<'_>, month: Month) -> Span {
    let whole = month.span(&question.zone);
    Span { from: whole.from, to: whole.to.min(question.now.0).max(whole.from) }
}

fn outages(found: &Availability) -> Vec<OutageView> {
    let view = |outage: &report::Outage| OutageView {
        from: Timestamp(outage.span.from),
        to: Timestamp(outage.span.to),
        planned: seconds(outage.planned),
        open: outage.open,
        placed: outage.placed,
    };
    found.outages.iter().take(LISTED).map(view).collect()
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn expected(question: &Question<'_>, within: Span) -> u64 {
    let pace = i64::try_from(question.pace.as_millis()).unwrap_or(i64::MAX).max(1);
    u64::try_from(within.length() / pace).unwrap_or(0)
}

impl Seen {
    fn take(&mut self, other: &Self) {
        self.loss.sent += other.loss.sent;
        self.loss.lost += other.loss.lost;
        self.loss_up.sent += other.loss_up.sent;
        self.loss_up.lost += other.loss_up.lost;
        self.rtt.merge(&other.rtt);
        self.jitter.merge(&other.jitter);
        self.from_windows += other.record.from_windows;
        self.from_means += other.record.from_cells;
        self.by_loss += other.record.by_loss;
        self.damaged += other.damaged;
    }

    fn quality(&self, expected: u64) -> QualityView {
        let (rtt, jitter) = (self.rtt.quantile(0.5), self.jitter.quantile(0.5));
        let call = rtt.zip(self.loss_up.share()).map(|(rtt, loss)| {
            let delay = mouth_to_ear(rtt * 1e3, jitter.unwrap_or(0.0) * 1e3);
            opinion(rating(delay, loss))
        });
        QualityView {
            sent: self.loss.sent,
            expected,
            lost: self.loss.lost,
            loss: self.loss.share(),
            loss_between: self.loss.interval(),
            rtt_p50: rtt,
            rtt_p95: self.rtt.quantile(0.95),
            rtt_p99: self.rtt.quantile(0.99),
            rtt_max: self.rtt.max(),
            jitter_p50: jitter,
            jitter_p95: self.jitter.quantile(0.95),
            mos: call,
        }
    }

    /// Takes in a piece of the history, whose fields are all of one tier.
    fn add(&mut self, fields: &[History], window: i64, within: Span) {
        let cell = widest(fields);
        let length = if cell == 0 { window } else { cell };
        self.damaged += fields.iter().map(|field| field.skipped_blocks).sum::<u64>();
        for (at, row) in rows(fields) {
            let begins = if cell == 0 { at - length } else { at };
            let is_new = self.last.is_none_or(|last| at > last);
            if is_new && begins < within.to && begins + length > within.from {
                self.last = Some(at);
                self.record(at, &row, window, cell);
                self.count(&row);
            }
        }
    }

    /// When it was up and down.
    fn record(&mut self, at: i64, row: &Row<{ FIELDS.len() }>, window: i64, cell: i64) {
        let [loss, .., down, observed] = row;
        let ms = |figure: &Figure| (figure.sum() * 1e3).round() as i64;
        let told = down.as_ref().zip(observed.as_ref());
        let told = told.map(|(down, observed)| Told { down: ms(down), observed: ms(observed) });
        let seen = report::Seen { at, loss: loss.map(|loss| loss.mean), told };
        if cell == 0 {
            self.record.window(seen, window);
        } else {
            self.record.cell(seen, cell, observed.map_or(0, |observed| observed.count));
        }
    }

    /// What was lost, and how long it took.
    fn count(&mut self, row: &Row<{ FIELDS.len() }>) {
        let [loss, sent, min, p50, p95, p99, max, jitter, ..] = *row;
        let (Some(loss), Some(sent)) = (loss.map(|loss| loss.mean), sent.map(Figure::sum)) else { return };
        self.loss.add(sent, loss);
        if loss < 1.0 {
            self.loss_up.add(sent, loss);
        }
        let answered = sent * (1.0 - loss.clamp(0.0, 1.0));
        if let (Some(min), Some(p50), Some(p95), Some(p99), Some(max)) = (min, p50, p95, p99, max) {
            self.rtt.add_window(answered, [min, p50, p95, p99, max].map(|figure| figure.mean));
        }
        if let Some(jitter) = jitter {
            self.jitter.add(jitter.mean, jitter.count as f64);
        }
    }
}

/// The width of the cells that any of these is made of; 0 where all are windows as they were measured.
fn widest(fields: &[History]) -> i64 {
    let filled = fields.iter().filter(|field| !field.points.is_empty());
    filled.map(|field| field.cell_ms).max().unwrap_or(0)
}

/// The fields of a piece side by side, by their times. Mostly all fields have a point at each.
fn rows<const N: usize>(fields: &[History]) -> Vec<(i64, Row<N>)> {
    let mut times: Vec<i64> = fields.iter().flat_map(|field| &field.points).map(|(at, _)| *at).collect();
    #[expect(clippy::stable_sort_primitive, reason = "it merges runs that are sorted, as each field's is")]
    times.sort();
    times.dedup();
    let mut rows: Vec<(i64, Row<N>)> = times.into_iter().map(|at| (at, [None; N])).collect();
    for (index, field) in fields.iter().enumerate().take(N) {
        let mut next = 0;
        for ((at, value), count) in field.points.iter().zip(&field.counts) {
            if rows.get(next).is_none_or(|(time, _)| time != at) {
                next = rows.partition_point(|(time, _)| time < at);
            }
            if let Some((_, row)) = rows.get_mut(next) {
                row[index] = value.map(|mean| Figure { mean, count: *count });
            }
            next += 1;
        }
    }
    rows
}

async fn end_seen(
    store: &dyn Store,
    question: &Question<'_>,
    end: &EndView,
    within: Span,
) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    let Ok(agent) = AgentId::new(end.agent.clone()) else { return Ok(seen) };
    let subject = Subject::lenient(EntityKind::Link, &question.link.id);
    let window = i64::try_from(question.window.as_millis()).unwrap_or(CELL_MS).max(1);
    // Whole cells, so that no cell is cut between two pieces.
    let length = ((PIECE * window).min(DAY_MS) / CELL_MS * CELL_MS).max(CELL_MS);
    let mut from = within.from;
    while from < within.to {
        let to = (from + length).min(within.to);
        // A window that ends after the last moment may have begun before it.
        let last = if to == within.to { to + window } else { to - 1 };
        let keys = FIELDS.map(|field| SeriesKey {
            subject: subject.clone(),
            field: field.to_owned(),
            agent: agent.clone(),
        });
        let piece = Span { from, to: last };
        let mut fields = try_join_all(keys.iter().map(|key| history(store, key, piece, None))).await?;
        // Where a tier ends, one field may be told by windows and another by cells.
        let cell = widest(&fields);
        for (field, key) in fields.iter_mut().zip(&keys).filter(|(field, _)| field.cell_ms != cell) {
            let step = Duration::from_millis(cell.unsigned_abs());
            if !field.points.is_empty() {
                *field = history(store, key, piece, Some(step)).await?;
            }
        }
        seen.add(&fields, window, within);
        from = to;
    }
    Ok(seen)
}

/// A stretch of a series; one that there is nothing of is empty.
async fn history(
    store: &dyn Store,
    key: &SeriesKey,
    span: Span,
    step: Option<Duration>,
) -> Result<History, Error> {
    match store.history(key, Timestamp(span.from), Timestamp(span.to), step).await {
        Err(error) if *error.kind() == ErrorKind::NoSuchSeries => Ok(History {
            unit: wasl_model::units::Unit::Count,
            resolution_ms: 0,
            points: Vec::new(),
            cell_ms: 0,
            counts: Vec::new(),
            skipped_blocks: 0,
        }),
        other => other,
    }
}

/// When the first window within this time ended that is kept of any end, to a day.
pub(super) async fn first(
    store: &dyn Store,
    question: &Question<'_>,
    within: Span,
) -> Result<Option<i64>, Error> {
    let subject = Subject::lenient(EntityKind::Link, &question.link.id);
    let mut first = None;
    for end in &question.link.ends {
        let Ok(agent) = AgentId::new(end.agent.clone()) else { continue };
        let key = SeriesKey { subject: subject.clone(), field: "sent".to_owned(), agent };
        let days = history(store, &key, within, Some(Duration::from_hours(24))).await?;
        let begins = days.points.iter().find(|(_, sent)| sent.is_some()).map(|(at, _)| *at);
        first = first.into_iter().chain(begins).min();
    }
    Ok(first)
}

/// The 5-minute averages of a series.
pub(super) async fn averages(
    store: &dyn Store,
    series: &str,
    within: Span,
) -> Result<Vec<(i64, f64)>, Error> {
    const PIECE: i64 = 30 * DAY_MS;
    let Ok(key) = series.parse::<SeriesKey>() else { return Ok(Vec::new()) };
    let step = Duration::from_millis(CELL_MS.unsigned_abs());
    let mut out = Vec::new();
    let mut from = within.from.div_euclid(CELL_MS) * CELL_MS;
    while from < within.to {
        let to = (from + PIECE).min(within.to);
        let found = history(store, &key, Span { from, to: to - 1 }, Some(step)).await?;
        // Longer cells are no 5-minute averages: their peaks are flattened.
        if found.resolution_ms <= CELL_MS {
            out.extend(found.points.into_iter().filter_map(|(at, value)| Some((at, value?))));
        }
        from = to;
    }
    Ok(out)
}

pub(super) async fn carried(store: &dyn Store, flow: &FlowView, within: Span) -> Result<CarriedView, Error> {
    let averages = match &flow.series {
        Some(series) => averages(store, series, within).await?,
        None => Vec::new(),
    };
    let values: Vec<f64> = averages.into_iter().map(|(_, value)| value).collect();
    let burst = report::burst(&values, within.length());
    Ok(CarriedView {
        p95: burst.p95,
        max: burst.max,
        mean: burst.mean,
        bytes: burst.mean.map(|mean| mean * burst.samples as f64 * CELL_MS as f64 / 1000.0),
        samples: burst.samples,
        expected: burst.expected,
        contracted: flow.contracted,
        interface: flow.interface.clone(),
    })
}

/// The least and the greatest offset of an agent's clock.
async fn clock(store: &dyn Store, agent: &str, within: Span) -> Result<Option<(f64, f64)>, Error> {
    let Ok(agent) = AgentId::new(agent) else { return Ok(None) };
    let subject = Subject::lenient(EntityKind::Agent, agent.as_str());
    let key = SeriesKey { subject, field: "clock_offset".to_owned(), agent };
    let span = Span { from: within.from, to: within.to - 1 };
    let found = history(store, &key, span, Some(Duration::from_mins(5))).await?;
    let known = found.points.iter().filter_map(|(_, value)| *value);
    Ok(known.fold(None, |range, value| {
        Some(range.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
    }))
}

/// The maintenance of a month that was announced for the link or its place.
pub(super) async fn maintenances(
    store: &dyn Store,
    question: &Question<'_>,
    month: Month,
) -> Result<Vec<PlannedView>, Error> {
    let within = so_far(question, month);
    let subject = Subject::lenient(EntityKind::Link, &question.link.id);
    let covers = |maintenance: &Maintenance| match &maintenance.scope {
        MaintenanceScope::Subject(scope) => *scope == subject,
        MaintenanceScope::Site(site) => question.sites.contains(site),
    };
    let all = store.maintenances(Timestamp(within.from)).await?;
    Ok(all
        .into_iter()
        .filter(|maintenance| maintenance.from.0 < within.to && covers(maintenance))
        .map(|m| PlannedView { from: m.from, until: m.until, by: m.by, note: m.note })
        .collect())
}

#[cfg(test)]
mod tests;
