//! What the page of all links and its picture show.

use wasl_model::health::Health;
use wasl_model::{Localized, Subject, Timestamp};

use super::{AccountingView, DeviceView, DirectionsView, Judgement, TargetView};

/// `/links`
#[derive(Debug, Clone, Default)]
pub struct LinksView {
    /// The links, in any order.
    pub links: Vec<LinkView>,
    /// The rings, in any order.
    pub rings: Vec<RingView>,
    /// The places that links join.
    pub places: Vec<PlaceView>,
    /// The targets.
    pub targets: Vec<TargetView>,
    /// The devices.
    pub devices: Vec<DeviceView>,
}

impl LinksView {
    /// The links, what needs a look first, among these by identifier.
    pub(crate) fn worst_first(&self) -> Vec<&LinkView> {
        let mut links: Vec<&LinkView> = self.links.iter().collect();
        links.sort_by(|a, b| b.state.health.cmp(&a.state.health).then_with(|| a.id.cmp(&b.id)));
        links
    }
}

/// A place that links join.
#[derive(Debug, Clone)]
pub struct PlaceView {
    /// The site's identifier.
    pub id: String,
    /// What people call it.
    pub name: Localized,
    /// How it is judged.
    pub health: Health,
}

/// A link.
#[derive(Debug, Clone)]
pub struct LinkView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it; the identifier where it has no name.
    pub name: Localized,
    /// The identifiers and names of the places that it joins; one for a line to the Internet.
    pub places: Vec<(String, Localized)>,
    /// `primary`, `backup` or `standby`.
    pub activity: &'static str,
    /// `uplink`, `link` or `target`: how closely it is watched.
    pub class: &'static str,
    /// How it is judged.
    pub state: Judgement,
    /// The entity whose trouble causes its own.
    pub caused_by: Option<Subject>,
    /// The open incident that it is the cause of or suffers from.
    pub incident: Option<u64>,
    /// Those who probe it, in the order of the configuration.
    pub ends: Vec<EndView>,
    /// Its two directions, where they are measured each by itself.
    pub directions: Option<DirectionsView>,
    /// Which of `ends` the figures of the table are taken from: the one whose word decides.
    pub deciding: Option<usize>,
    /// Median round-trip time over the last hour by that end, seconds, oldest first.
    pub rtt_history: Vec<Option<f64>>,
    /// Loss over the last hour by that end, oldest first.
    pub loss_history: Vec<Option<f64>>,
    /// Traffic towards the last of `places`, or from the Internet.
    pub down: FlowView,
    /// Traffic the other way.
    pub up: FlowView,
    /// What the provider owes.
    pub contract: ContractView,
    /// Whose traffic it carries, where that is counted.
    pub accounting: Option<AccountingView>,
}

/// What one end sees of a link.
#[derive(Debug, Clone, Default)]
pub struct EndView {
    /// The agent that probes.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// What it probes.
    pub to: String,
    /// By which way the probes leave, where that is bound.
    pub via: Option<String>,
    /// What its detector holds: `up`, `degraded` or `down`.
    pub verdict: Option<&'static str>,
    /// Since when, as far as its last window tells.
    pub verdict_since: Option<Timestamp>,
    /// How it is probed, a word of the API.
    pub method: Option<&'static str>,
    /// Median round-trip time, seconds.
    pub rtt_p50: Option<f64>,
    /// 95th percentile, seconds.
    pub rtt_p95: Option<f64>,
    /// 99th percentile, seconds.
    pub rtt_p99: Option<f64>,
    /// Share of lost probes.
    pub loss: Option<f64>,
    /// Jitter, seconds.
    pub jitter: Option<f64>,
    /// Mean opinion score of a call, 1 to 4.5.
    pub mos: Option<f64>,
    /// Transmission rating R of a call, 0 to 93.2.
    pub rating: Option<f64>,
    /// What was not as it should be in its last window.
    pub irregular: IrregularView,
    /// When its last window ended; `None` where it has sent none.
    pub at: Option<Timestamp>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

/// Answers to probes, and probes, of a window that were not as they should be; `None` where that is not counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct IrregularView {
    /// Answers that came after their probe had been given up.
    pub late: Option<u64>,
    /// Answers beyond the first to one probe.
    pub duplicates: Option<u64>,
    /// Answers that came after that of a probe which was sent later.
    pub reordered: Option<u64>,
    /// Answers from another address.
    pub forged: Option<u64>,
    /// Probes that a step of the clock or a local fault made meaningless.
    pub voided: Option<u64>,
}

impl IrregularView {
    /// What there was of each, by its word; what there was none of is left out.
    pub fn counts(&self) -> Vec<(&'static str, u64)> {
        let all = [
            ("late", self.late),
            ("duplicates", self.duplicates),
            ("reordered", self.reordered),
            ("forged", self.forged),
            ("voided", self.voided),
        ];
        all.into_iter().filter_map(|(word, n)| Some((word, n.filter(|n| *n > 0)?))).collect()
    }
}

impl EndView {
    /// Without the figures, where they say nothing of now.
    pub(crate) fn of_now(&self) -> Self {
        if !self.old {
            return self.clone();
        }
        let Self { agent, site, to, via, at, old, .. } = self.clone();
        Self { agent, site, to, via, at, old, ..Self::default() }
    }
}

/// Traffic in one direction.
#[derive(Debug, Clone, Default)]
pub struct FlowView {
    /// Bytes per second now; `None` where that is not known, or no longer.
    pub rate: Option<f64>,
    /// The rate that was bought, bits per second.
    pub contracted: Option<u64>,
    /// The interface that it is read from, and its direction there: `receive` or `transmit`.
    pub interface: Option<(Subject, &'static str)>,
    /// The history of it, where the interface has one: `kind/identifier#field@agent`.
    pub series: Option<String>,
    /// When it was last read; `None` where it never was.
    pub at: Option<Timestamp>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

impl FlowView {
    /// The share of the bought rate that is used.
    pub fn share(&self) -> Option<f64> {
        let bought = self.contracted.filter(|bits| *bits > 0)?;
        Some(self.rate? * 8.0 / bought as f64)
    }

    /// Whether anything is known of it.
    pub(crate) fn is_known(&self) -> bool {
        self.rate.is_some() || self.contracted.is_some() || self.old
    }
}

/// What a provider owes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ContractView {
    /// Bits per second towards the last place.
    pub down: Option<u64>,
    /// Bits per second the other way.
    pub up: Option<u64>,
    /// The longest median round-trip time, seconds.
    pub rtt: Option<f64>,
    /// The most jitter, seconds.
    pub jitter: Option<f64>,
    /// The most loss, 0 to 1.
    pub loss: Option<f64>,
    /// The least availability in a calendar month, 0 to 1.
    pub availability: Option<f64>,
}

impl LinkView {
    /// The end that the table's figures are taken from.
    pub fn decider(&self) -> Option<&EndView> {
        self.ends.get(self.deciding?)
    }

    pub(crate) fn figure(&self, of: impl Fn(&EndView) -> Option<f64>) -> Option<f64> {
        self.decider().filter(|end| !end.old).and_then(of)
    }

    /// Whether its ends disagree: on what it is, by more than 1 % in loss, or by more than a quarter and
    /// 2 ms in the round-trip time. Ends that have nothing recent to say are not asked.
    pub fn differs(&self) -> bool {
        let fresh: Vec<&EndView> = self.ends.iter().filter(|end| !end.old && end.at.is_some()).collect();
        let spread = |of: fn(&EndView) -> Option<f64>| {
            let known = fresh.iter().filter_map(|end| of(end));
            let (low, high) =
                known.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
            (low <= high).then_some((low, high))
        };
        let verdicts = fresh.iter().filter_map(|end| end.verdict);
        let first = verdicts.clone().next();
        verdicts.clone().any(|verdict| Some(verdict) != first)
            || spread(|end| end.loss).is_some_and(|(low, high)| high - low > 0.01)
            || spread(|end| end.rtt_p50).is_some_and(|(low, high)| high - low > 0.002 && high > low * 1.25)
    }
}

/// Links that form a ring.
#[derive(Debug, Clone)]
pub struct RingView {
    /// The entity's identifier.
    pub id: String,
    /// What people call it.
    pub name: Localized,
    /// How it is judged.
    pub state: Judgement,
    /// Its links in the order of the ring: identifier, name, health.
    pub links: Vec<(String, Localized, Health)>,
    /// The identifiers of its places in the order of the ring.
    pub places: Vec<String>,
}

#[cfg(test)]
mod tests {
    use wasl_model::health::Reason;

    use super::*;

    fn link(ends: Vec<EndView>) -> LinkView {
        let state = Judgement { health: Health::Ok, reason: Reason::new("link_up"), since: None };
        LinkView {
            id: "a".into(),
            name: Localized::from("a"),
            places: Vec::new(),
            activity: "primary",
            class: "link",
            state,
            caused_by: None,
            incident: None,
            ends,
            directions: None,
            deciding: Some(0),
            rtt_history: Vec::new(),
            loss_history: Vec::new(),
            down: FlowView::default(),
            up: FlowView::default(),
            contract: ContractView::default(),
            accounting: None,
        }
    }

    fn end(verdict: &'static str, rtt: f64, loss: f64) -> EndView {
        EndView {
            verdict: Some(verdict),
            rtt_p50: Some(rtt),
            loss: Some(loss),
            at: Some(Timestamp(1)),
            ..EndView::default()
        }
    }

    #[test]
    fn ends_differ_in_verdict_loss_or_time_but_not_by_what_is_old() {
        assert!(!link(vec![end("up", 0.010, 0.0), end("up", 0.0115, 0.005)]).differs());
        assert!(link(vec![end("up", 0.010, 0.0), end("degraded", 0.010, 0.0)]).differs());
        assert!(link(vec![end("up", 0.010, 0.0), end("up", 0.010, 0.02)]).differs());
        assert!(link(vec![end("up", 0.010, 0.0), end("up", 0.020, 0.0)]).differs());
        assert!(!link(vec![end("up", 0.0010, 0.0), end("up", 0.0020, 0.0)]).differs(), "1 ms is nothing");
        let old = EndView { old: true, ..end("down", 0.010, 1.0) };
        assert!(!link(vec![end("up", 0.010, 0.0), old]).differs());
        assert!(!link(Vec::new()).differs());
    }

    #[test]
    fn a_share_needs_both_a_rate_and_a_contract() {
        let flow = FlowView { rate: Some(1_250_000.0), contracted: Some(20_000_000), ..FlowView::default() };
        assert_eq!(flow.share(), Some(0.5));
        assert_eq!(FlowView { contracted: Some(0), ..flow.clone() }.share(), None);
        assert_eq!(FlowView { rate: None, ..flow }.share(), None);
    }
}
