//! What is measured of a link's two directions, each by itself (STAMP, RFC 8762).

use wasl_model::{Localized, Timestamp};

use super::Judgement;

/// The two directions of a link.
#[derive(Debug, Clone, Default)]
pub struct DirectionsView {
    /// How they are judged; `None` while nobody has told anything.
    pub state: Option<Judgement>,
    /// What each end that measures has found, in the order of the configuration.
    pub measured: Vec<MeasuredView>,
}

/// What one end has measured in its last window. "There" is from that end to the other.
#[derive(Debug, Clone, Default)]
pub struct MeasuredView {
    /// The agent that measures.
    pub agent: String,
    /// That agent's site.
    pub site: Option<Localized>,
    /// The reflector.
    pub to: String,
    /// The network interface that tests leave by, where that is bound.
    pub via: Option<String>,
    /// The time between two tests, seconds.
    pub pace: f64,
    /// Whether the way there leads to the last of the link's places, and the way back to the first or from the Internet;
    /// `None` where it leads from another place.
    pub leads_down: Option<bool>,
    /// The way there.
    pub there: DirectionView,
    /// The way back.
    pub back: DirectionView,
    /// By how much both delays may be off, seconds; `None` where that is not known, and then nor are the delays.
    pub clock_error: Option<f64>,
    /// Median round-trip time without the other end's own, seconds.
    pub rtt_p50: Option<f64>,
    /// When its last window ended; `None` where it has sent none.
    pub at: Option<Timestamp>,
    /// Whether that is too long ago to say anything of now.
    pub old: bool,
}

impl MeasuredView {
    /// Without the figures, where they say nothing of now.
    pub(crate) fn of_now(&self) -> Self {
        let mut end = self.clone();
        if self.old {
            (end.clock_error, end.rtt_p50) = (None, None);
            for way in [&mut end.there, &mut end.back] {
                (way.loss, way.delay) = (None, None);
            }
        }
        end
    }
}

/// One direction.
#[derive(Debug, Clone, Default)]
pub struct DirectionView {
    /// Share of lost tests, of those whose direction is known.
    pub loss: Option<f64>,
    /// Median delay, seconds.
    pub delay: Option<f64>,
    /// The history of the loss: `kind/identifier#field@agent`.
    pub loss_series: String,
    /// The history of the delay.
    pub delay_series: String,
}

/// What one end has measured in a calendar month.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TestsMonthView {
    /// The agent that measures.
    pub agent: String,
    /// The reflector.
    pub to: String,
    /// The network interface that tests leave by, where that is bound.
    pub via: Option<String>,
    /// The time between two tests, seconds.
    pub pace: f64,
    /// As in [`MeasuredView`].
    pub leads_down: Option<bool>,
    /// The way there.
    pub there: WayMonthView,
    /// The way back.
    pub back: WayMonthView,
    /// Lost tests of which nobody knows the direction; they count in neither.
    pub undecided: u64,
    /// For how long the fates of tests were decided, seconds.
    pub observed: f64,
    /// That as a share of the time that is looked at.
    pub covered: Option<f64>,
    /// Windows.
    pub windows: u64,
    /// Windows that tell delays, because both clocks were known to be right.
    pub windows_with_delays: u64,
    /// By how much both delays may be off, seconds; `None` where there are none.
    pub delay_error: Option<f64>,
}

/// One direction in a calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct WayMonthView {
    /// Tests whose fate in this direction is known.
    pub tests: u64,
    /// Those that it lost.
    pub lost: u64,
    /// Their share.
    pub loss: Option<f64>,
    /// The 95 % interval of that share.
    pub loss_between: Option<(f64, f64)>,
    /// The mean of the windows' median delays, seconds.
    pub delay: Option<f64>,
}

impl TestsMonthView {
    /// Both directions: whether it is the way there, whether it leads to the last place, and what was found.
    pub fn ways(&self) -> [(bool, Option<bool>, &WayMonthView); 2] {
        let back = self.leads_down.map(|down| !down);
        [(true, self.leads_down, &self.there), (false, back, &self.back)]
    }
}

impl DirectionsView {
    /// Whether an end that measures cannot tell delays, because a clock is not known to be right.
    pub(crate) fn lacks_delays(&self) -> bool {
        self.measured.iter().any(|end| end.rtt_p50.is_some() && end.clock_error.is_none())
    }
}
