//! A link as the API tells it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wasl_pages::view::{DirectionsView, EndView, FlowView, ForecastView, LinkView, MeasuredView};

use crate::operators::Operators;
use crate::operators::api::accounting::AccountingBody;
use crate::operators::api::entities::{ReasonBody, reason};

/// A link now. Times of round trips are seconds, shares 0 to 1, moments milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkBody {
    /// The identifier.
    pub id: String,
    /// Its name in English.
    pub name_en: String,
    /// Its name in Arabic.
    pub name_ar: Option<String>,
    /// The sites that it joins; one for a line to the Internet.
    pub between: Vec<String>,
    /// `uplink`, `link` or `target`: how closely it is watched.
    pub class: String,
    /// `primary`, `backup` or `standby`.
    pub activity: String,
    /// `ok`, `degraded`, `down`, `unknown` or `maintenance`.
    pub health: String,
    /// Why.
    pub reason: ReasonBody,
    /// Since when.
    pub since: Option<i64>,
    /// The entity whose trouble causes this one's, `kind/identifier`.
    pub caused_by: Option<String>,
    /// The open incident that it is part of.
    pub incident: Option<u64>,
    /// Whether the ends disagree.
    pub ends_differ: bool,
    /// The agent whose figures decide.
    pub deciding: Option<String>,
    /// What each end sees.
    pub ends: Vec<LinkEndBody>,
    /// What is measured of its two directions, each by itself, where that is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directions: Option<DirectionsBody>,
    /// Traffic towards the last of `between`, or from the Internet.
    pub down: FlowBody,
    /// Traffic the other way.
    pub up: FlowBody,
    /// What the provider owes.
    pub contract: ContractBody,
    /// Whose traffic it carries, where that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounting: Option<AccountingBody>,
    /// Median round-trip time in each minute of the last hour, oldest first, by the deciding end.
    pub rtt_history: Vec<Option<f64>>,
    /// Loss likewise.
    pub loss_history: Vec<Option<f64>>,
    /// When it will be full. Only for single links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastsBody>,
}

/// What one end sees of a link.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LinkEndBody {
    /// The agent that probes.
    pub agent: String,
    /// What it probes.
    pub to: String,
    /// By which way the probes leave, where that is bound.
    pub via: Option<String>,
    /// How it is probed, such as `icmp`.
    pub method: Option<String>,
    /// What its detector holds: `up`, `degraded` or `down`.
    pub verdict: Option<String>,
    /// Since when.
    pub verdict_since: Option<i64>,
    /// Round-trip time, median.
    pub rtt_p50: Option<f64>,
    /// 95th percentile.
    pub rtt_p95: Option<f64>,
    /// 99th percentile.
    pub rtt_p99: Option<f64>,
    /// Share of probes that were lost.
    pub loss: Option<f64>,
    /// Jitter.
    pub jitter: Option<f64>,
    /// Mean opinion score of a call, 1 to 4.5, estimated (ITU-T G.107).
    pub mos: Option<f64>,
    /// Transmission rating R of a call, 0 to 93.2.
    pub rating: Option<f64>,
    /// Answers in its last window that came after their probe had been given up.
    #[serde(default)]
    pub late: Option<u64>,
    /// Answers beyond the first to one probe.
    #[serde(default)]
    pub duplicates: Option<u64>,
    /// Answers that came after that of a probe which was sent later (RFC 4737).
    #[serde(default)]
    pub reordered: Option<u64>,
    /// Answers that carried the probe's secret, but came from another address.
    #[serde(default)]
    pub forged: Option<u64>,
    /// Probes that a step of the clock or a local fault made meaningless.
    #[serde(default)]
    pub voided: Option<u64>,
    /// When its last window ended.
    pub observed_at: Option<i64>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// The two directions of a link, measured by STAMP (RFC 8762).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DirectionsBody {
    /// `ok`, `degraded`, `down`, `unknown` or `maintenance`; none while nobody has told anything.
    pub health: Option<String>,
    /// Why.
    pub reason: Option<ReasonBody>,
    /// Since when.
    pub since: Option<i64>,
    /// What each end that measures has found.
    pub measured: Vec<MeasuredBody>,
}

/// What one end has measured in its last window. "Forward" is from it to the other end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeasuredBody {
    /// The agent that measures.
    pub agent: String,
    /// The reflector.
    pub to: String,
    /// The network interface that tests leave by, where that is bound.
    pub via: Option<String>,
    /// Share of tests that were lost on the way there, of those whose direction is known.
    pub loss_forward: Option<f64>,
    /// Share of answers that were lost on the way back.
    pub loss_back: Option<f64>,
    /// Median delay on the way there, seconds; only where both clocks are known to be right.
    pub delay_forward: Option<f64>,
    /// Median delay on the way back, seconds.
    pub delay_back: Option<f64>,
    /// By how much both delays may be off, seconds.
    pub delay_error: Option<f64>,
    /// Median round-trip time without the other end's own.
    pub rtt_p50: Option<f64>,
    /// When its last window ended.
    pub observed_at: Option<i64>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// Traffic in one direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FlowBody {
    /// Bits per second now; none where that is not known, or no longer.
    pub bits_per_second: Option<f64>,
    /// Bits per second that were bought.
    pub contracted: Option<u64>,
    /// The share that is used.
    pub share: Option<f64>,
    /// The interface that it is read from, `interface/owner/name`.
    pub interface: Option<String>,
    /// `receive` or `transmit` of that interface.
    pub direction: Option<String>,
    /// Its history, for `/api/v1/history`.
    pub series: Option<String>,
    /// When it was last read.
    #[serde(default)]
    pub observed_at: Option<i64>,
    /// Whether that is too long ago to say anything of now.
    #[serde(default)]
    pub old: bool,
}

/// What a provider owes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ContractBody {
    /// Bits per second towards the last of `between`.
    pub down: Option<u64>,
    /// Bits per second the other way.
    pub up: Option<u64>,
    /// The longest median round-trip time, seconds.
    pub rtt: Option<f64>,
    /// The most jitter, seconds.
    pub jitter: Option<f64>,
    /// The most loss.
    pub loss: Option<f64>,
    /// The least availability in a calendar month.
    pub availability: Option<f64>,
}

/// When both directions will be full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastsBody {
    /// Towards the last of `between`.
    pub down: ForecastBody,
    /// The other way.
    pub up: ForecastBody,
}

/// When a direction will be full: the trend of its busy hours over up to 90 days (Theil–Sen), at 95 %. From 90 % of
/// what was bought on it counts as full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ForecastBody {
    /// `unasked` (no rate or no interface is configured), `too_little`, `full`, `steady` or `grows`.
    pub state: String,
    /// Days with a busy hour, where they are too few.
    pub days: Option<u64>,
    /// The busy hour by the trend now, a share of what was bought.
    pub now: Option<f64>,
    /// Growth in 30 days, in such shares.
    pub per_month: Option<f64>,
    /// When it is full; none beyond two years.
    pub at: Option<i64>,
    /// At the earliest.
    pub earliest: Option<i64>,
    /// At the latest; none where it may also never be.
    pub latest: Option<i64>,
}

impl From<&EndView> for LinkEndBody {
    fn from(end: &EndView) -> Self {
        Self {
            agent: end.agent.clone(),
            to: end.to.clone(),
            via: end.via.clone(),
            method: end.method.map(str::to_owned),
            verdict: end.verdict.map(str::to_owned),
            verdict_since: end.verdict_since.map(|at| at.0),
            rtt_p50: end.rtt_p50,
            rtt_p95: end.rtt_p95,
            rtt_p99: end.rtt_p99,
            loss: end.loss,
            jitter: end.jitter,
            mos: end.mos,
            rating: end.rating,
            late: end.irregular.late,
            duplicates: end.irregular.duplicates,
            reordered: end.irregular.reordered,
            forged: end.irregular.forged,
            voided: end.irregular.voided,
            observed_at: end.at.map(|at| at.0),
            old: end.old,
        }
    }
}

impl From<&MeasuredView> for MeasuredBody {
    fn from(end: &MeasuredView) -> Self {
        Self {
            agent: end.agent.clone(),
            to: end.to.clone(),
            via: end.via.clone(),
            loss_forward: end.there.loss,
            loss_back: end.back.loss,
            delay_forward: end.there.delay,
            delay_back: end.back.delay,
            delay_error: end.clock_error,
            rtt_p50: end.rtt_p50,
            observed_at: end.at.map(|at| at.0),
            old: end.old,
        }
    }
}

impl DirectionsBody {
    fn of(view: &DirectionsView, operators: &Operators) -> Self {
        let state = view.state.as_ref();
        Self {
            health: state.map(|state| state.health.as_str().to_owned()),
            reason: state.map(|state| reason(&state.reason, &operators.texts)),
            since: state.and_then(|state| state.since).map(|at| at.0),
            measured: view.measured.iter().map(MeasuredBody::from).collect(),
        }
    }
}

impl From<&FlowView> for FlowBody {
    fn from(flow: &FlowView) -> Self {
        Self {
            bits_per_second: flow.rate.map(|bytes| bytes * 8.0),
            contracted: flow.contracted,
            share: flow.share(),
            interface: flow.interface.as_ref().map(|(subject, _)| subject.to_string()),
            direction: flow.interface.as_ref().map(|(_, direction)| (*direction).to_owned()),
            series: flow.series.clone(),
            observed_at: flow.at.map(|at| at.0),
            old: flow.old,
        }
    }
}

impl LinkBody {
    pub(super) fn of(link: &LinkView, operators: &Operators) -> Self {
        let contract = &link.contract;
        Self {
            id: link.id.clone(),
            name_en: link.name.en.clone(),
            name_ar: link.name.ar.clone(),
            between: link.places.iter().map(|(id, _)| id.clone()).collect(),
            class: link.class.to_owned(),
            activity: link.activity.to_owned(),
            health: link.state.health.as_str().to_owned(),
            reason: reason(&link.state.reason, &operators.texts),
            since: link.state.since.map(|at| at.0),
            caused_by: link.caused_by.as_ref().map(ToString::to_string),
            incident: link.incident,
            ends_differ: link.differs(),
            deciding: link.decider().map(|end| end.agent.clone()),
            ends: link.ends.iter().map(LinkEndBody::from).collect(),
            directions: link.directions.as_ref().map(|view| DirectionsBody::of(view, operators)),
            down: FlowBody::from(&link.down),
            up: FlowBody::from(&link.up),
            contract: ContractBody {
                down: contract.down,
                up: contract.up,
                rtt: contract.rtt,
                jitter: contract.jitter,
                loss: contract.loss,
                availability: contract.availability,
            },
            accounting: link.accounting.as_ref().map(|view| AccountingBody::of(view, operators)),
            rtt_history: link.rtt_history.clone(),
            loss_history: link.loss_history.clone(),
            forecast: None,
        }
    }
}

impl From<ForecastView> for ForecastBody {
    fn from(view: ForecastView) -> Self {
        let mut body = Self {
            state: view.word().to_owned(),
            days: None,
            now: None,
            per_month: None,
            at: None,
            earliest: None,
            latest: None,
        };
        match view {
            ForecastView::Unasked => {}
            ForecastView::TooLittle { days, .. } => body.days = Some(days),
            ForecastView::Full { now } | ForecastView::Steady { now } => body.now = Some(now),
            ForecastView::Grows { now, per_month, at, earliest, latest } => {
                body.now = Some(now);
                body.per_month = Some(per_month);
                body.at = at.map(|at| at.0);
                body.earliest = earliest.map(|at| at.0);
                body.latest = latest.map(|at| at.0);
            }
        }
        body
    }
}
