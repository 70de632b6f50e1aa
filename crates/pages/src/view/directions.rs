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

impl DirectionsView {
    /// Whether an end that measures cannot tell delays, because a clock is not known to be right.
    pub(crate) fn lacks_delays(&self) -> bool {
        self.measured.iter().any(|end| end.rtt_p50.is_some() && end.clock_error.is_none())
    }
}
