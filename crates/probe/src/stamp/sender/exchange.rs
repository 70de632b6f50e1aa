//! The four times of one exchange.

use std::time::Duration;

use super::super::packet::Reflection;
use super::super::time::{Format, moment};
use crate::clock::{Reading, SAMPLE_TOLERANCE, round_trip};

/// What one exchange tells. Nanoseconds, where there is a sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exchange {
    /// The time on the way, both ways together.
    pub(super) rtt: Duration,
    /// The reflector's clock at its receiving, minus this clock at sending.
    pub(super) forward: i64,
    /// This clock at receiving, minus the reflector's at its sending.
    pub(super) back: i64,
    /// What the reflector's clock may be off by, if it is known and the clock tells UTC.
    pub(super) error: Option<Duration>,
}

impl Exchange {
    /// `None` if this clock was set meanwhile, or the reflector's times cannot be: then the exchange tells no
    /// times.
    pub(super) fn of(
        sent: Reading,
        reply: &Reflection,
        arrived: Option<Duration>,
        now: Reading,
    ) -> Option<Self> {
        let total = round_trip(sent, arrived, now)?;
        let format = reply.error.format();
        let received = moment(reply.received, format, now.wall)?;
        let answered = moment(reply.sent, format, now.wall)?;
        let kept = answered.checked_sub(received)?;
        if kept > total + SAMPLE_TOLERANCE {
            return None;
        }
        let came = sent.wall + total;
        Some(Self {
            rtt: total.saturating_sub(kept),
            forward: apart(sent.wall, received)?,
            back: apart(answered, came)?,
            error: reply.error.bound().filter(|_| format == Format::Ntp),
        })
    }

    /// The reflector's clock minus this one, nanoseconds; true to within half of the round trip, whatever the
    /// clocks say of themselves.
    pub(super) fn offset(&self) -> i64 {
        self.forward / 2 - self.back / 2
    }
}

fn apart(from: Duration, to: Duration) -> Option<i64> {
    let nanos = i64::try_from(to.abs_diff(from).as_nanos()).ok()?;
    Some(if to >= from { nanos } else { -nanos })
}
