//! How quickly which kind of target is judged, and by what limits.

use std::time::Duration;

use wasl_model::units::Ppm;

/// What is probed, which decides how quickly its end must be noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The way to a provider, whose end makes traffic take another way: 100 ms × 3.
    Uplink,
    /// A link between sites: 200 ms × 5.
    Link,
    /// Anything else: 1 s × 3.
    Target,
}

impl Class {
    /// The time between probes that the class is made for.
    pub fn pace(self) -> Duration {
        match self {
            Self::Uplink => Duration::from_millis(100),
            Self::Link => Duration::from_millis(200),
            Self::Target => Duration::from_secs(1),
        }
    }

    /// The class of a target that is probed at this pace.
    pub fn for_pace(every: Duration) -> Self {
        match every {
            every if every <= Self::Uplink.pace() => Self::Uplink,
            every if every < Duration::from_millis(500) => Self::Link,
            _ => Self::Target,
        }
    }
}

/// A limit that follows a baseline: `percent` of it, but at least `margin` more than it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excess {
    /// Percent of the baseline; below 100 counts as 100.
    pub percent: u32,
    /// The least distance from the baseline, so that a fast link's small changes mean nothing.
    pub margin: Duration,
}

impl Excess {
    /// The limit over a baseline, both in microseconds.
    pub(super) fn over(self, baseline: u64) -> u64 {
        let share = baseline.saturating_mul(u64::from(self.percent.max(100))) / 100;
        share.max(baseline.saturating_add(micros(self.margin)))
    }
}

/// Every number that the detector decides by.
///
/// `*_enter` begins a degradation and the matching `*_leave` ends it; the distance between the two is
/// the hysteresis that keeps a value near the limit from changing the state again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thresholds {
    /// So many probes in a row without an answer raise suspicion.
    pub suspect_after: u32,
    /// So many in a row, those sent under suspicion included, are the least for "down". A link that
    /// loses packets needs more: see [`down_at_most`](Self::down_at_most).
    pub down_after: u32,
    /// The most that are needed for "down", however lossy the link has been.
    pub down_at_most: u32,
    /// The time between probes under suspicion.
    pub confirm_every: Duration,
    /// The longest that suspicion asks for the faster pace.
    pub confirm_for: Duration,
    /// The longest that a hint asks for the faster pace, and the least time between two hints that are followed while
    /// nothing has changed.
    pub hinted_for: Duration,
    /// The least that the adaptive time-out lies above the smoothed round-trip time.
    pub margin: Duration,
    /// So many answers, without [`suspect_after`](Self::suspect_after) unanswered probes in a row
    /// among them, end "down".
    pub recover_after: u32,
    /// How far back the slow path looks.
    pub window: Duration,
    /// With fewer decided probes in the window, the slow path says nothing new.
    pub min_samples: u32,
    /// Loss above this is a degradation, where no contract says otherwise.
    pub loss_enter: Ppm,
    /// Loss at or below this is none any more.
    pub loss_leave: Ppm,
    /// A median round-trip time above this is a degradation, from a round trip that is above it as well.
    pub latency_enter: Excess,
    /// A median round-trip time at or below this is none any more, once clearly fewer than half of the round trips are above
    /// [`latency_enter`](Self::latency_enter).
    pub latency_leave: Excess,
    /// Mean jitter above this is a degradation.
    pub jitter_enter: Excess,
    /// Mean jitter at or below this is none any more.
    pub jitter_leave: Excess,
    /// So many changes to down and back within [`flap_within`](Self::flap_within) are flapping; at most 16.
    pub flap_changes: u32,
    /// See [`flap_changes`](Self::flap_changes).
    pub flap_within: Duration,
    /// A flapping link is called up or merely degraded once it has not gone down or come back for this
    /// long. Down it is called at once.
    pub flap_steady: Duration,
    /// A degradation against the baseline that has lasted this long is the new normal.
    pub rebase_after: Duration,
}

impl Thresholds {
    /// The usual numbers of a class.
    ///
    /// The time to "down" is at most `pace × suspect_after + RTO + (down_after − suspect_after − 1) ×
    /// confirm_every + RTO`, where RTO is the round-trip time plus `margin` on a steady link. For a
    /// link of 100 ms that is 1000 + 150 + 100 + 150 = 1.4 s; for an uplink of 20 ms
    /// 300 + 50 + 100 + 50 = 0.5 s.
    ///
    /// Eight in a row are 4e-11 at 5 % independent loss: 2e-5 false alarms a day at five probes a
    /// second, 3e-5 at ten.
    pub fn of(class: Class) -> Self {
        let (suspect_after, confirm_every, margin, recover_after) = match class {
            Class::Uplink => (3, 25, 30, 10),
            Class::Link => (5, 50, 50, 5),
            Class::Target => (3, 50, 100, 2),
        };
        Self {
            suspect_after,
            down_after: 8,
            down_at_most: 40,
            confirm_every: Duration::from_millis(confirm_every),
            confirm_for: Duration::from_secs(5),
            hinted_for: Duration::from_secs(1),
            margin: Duration::from_millis(margin),
            recover_after,
            window: Duration::from_secs(60),
            min_samples: 30,
            loss_enter: Ppm(30_000),
            loss_leave: Ppm(10_000),
            latency_enter: Excess { percent: 200, margin: Duration::from_millis(25) },
            latency_leave: Excess { percent: 150, margin: Duration::from_millis(12) },
            jitter_enter: Excess { percent: 400, margin: Duration::from_millis(20) },
            jitter_leave: Excess { percent: 200, margin: Duration::from_millis(10) },
            flap_changes: 6,
            flap_within: Duration::from_mins(5),
            flap_steady: Duration::from_secs(30),
            rebase_after: Duration::from_hours(24),
        }
    }

    /// The same for a slower pace than the class is made for: the window is long enough for twice the
    /// samples that are needed.
    #[must_use]
    pub fn paced(mut self, every: Duration) -> Self {
        self.window = self.window.max(every.saturating_mul(self.min_samples.saturating_mul(2)));
        self
    }
}

/// What a provider has promised, as far as it is known. A promise takes the place of the baseline where
/// it is stricter, and of the usual limit for loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contract {
    /// The longest median round-trip time.
    pub rtt: Option<Duration>,
    /// The largest mean jitter of the round trip.
    pub jitter: Option<Duration>,
    /// The largest share of lost probes.
    pub loss: Option<Ppm>,
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
