//! What is remembered of an interface from one poll to the next.
//!
//! A poll may miss a part of an interface's row: columns are read in lanes of their own, and the replies of one lane
//! may be lost. A counter that was missed keeps its last reading, and once it is there again it is compared with that
//! one, over its own time, in a sample of its own. So no increment is lost, and none makes a rate over less time than
//! it took.
//!
//! Pure: no clock and no socket.

use std::time::Duration;

use wasl_model::InterfaceSample;

use super::counters::{self, Counter, Reading};

/// A reading that is older than this is compared with no longer.
const KEPT: Duration = Duration::from_hours(1);

/// One interface as it was.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Past {
    /// Newest first. Each counter stands in one of them only: in the last that had it.
    readings: Vec<Reading>,
    /// Whether it was up, and enabled, and when that was read.
    status: [Option<(Duration, Option<bool>)>; 2],
}

impl Past {
    /// Takes the next reading in. What happened since the ones before, in one sample for each stretch of time, the one
    /// with the bytes last; and how many increments had to be left out. Where the reading missed whether the interface
    /// is up, what was known is told for so long as it is `fresh`.
    pub(crate) fn take(&mut self, mut current: Reading, fresh: Duration) -> (Vec<InterfaceSample>, u64) {
        self.lend_status(&mut current, fresh);
        let mut rest = current.clone();
        let (mut samples, mut voids) = (Vec::new(), 0);
        for earlier in self.readings.iter().skip(1) {
            let late = part(&mut rest, earlier);
            if has_counters(&late) {
                let (sample, left_out) = counters::compare(Some(earlier), &late);
                samples.push(sample);
                voids += left_out;
            }
        }
        if samples.is_empty() || has_counters(&rest) {
            let (sample, left_out) = counters::compare(self.readings.first(), &rest);
            samples.push(sample);
            voids += left_out;
        }
        samples.sort_by_key(|sample| sample.receive_bytes.is_some() || sample.transmit_bytes.is_some());
        self.keep(current);
        (samples, voids)
    }

    fn lend_status(&mut self, current: &mut Reading, fresh: Duration) {
        let told = [&mut current.up, &mut current.enabled];
        for ((known, told), missed) in self.status.iter_mut().zip(told).zip(current.status_missed) {
            match *known {
                _ if !missed => *known = Some((current.at, *told)),
                Some((at, before)) if current.at.saturating_sub(at) < fresh => *told = before,
                _ => {}
            }
        }
    }

    fn keep(&mut self, mut current: Reading) {
        // The counters that were read are to be compared with those after the next change of it as well.
        let before = self.readings.first().and_then(|reading| reading.discontinuity);
        current.discontinuity = current.discontinuity.or(before);
        for earlier in &mut self.readings {
            part(earlier, &current);
        }
        let is_young = |reading: &Reading| current.at.saturating_sub(reading.at) < KEPT;
        self.readings.retain(|reading| has_counters(reading) && is_young(reading));
        if has_counters(&current) || self.readings.is_empty() {
            // There mostly is one, and a gateway remembers thousands of interfaces: no room for four.
            self.readings.reserve_exact(1);
            self.readings.insert(0, current);
        }
    }
}

/// Takes out of `reading` the counters that `pattern` has.
fn part(reading: &mut Reading, pattern: &Reading) -> Reading {
    let mut taken = reading.clone();
    let mut pattern = pattern.clone();
    for ((from, to), has) in
        counters(reading).into_iter().zip(counters(&mut taken)).zip(counters(&mut pattern))
    {
        if has.is_some() {
            *from = None;
        } else {
            *to = None;
        }
    }
    taken
}

fn has_counters(reading: &Reading) -> bool {
    let Reading { octets, packets, errors, discards, .. } = reading;
    octets.iter().chain(packets.as_flattened()).chain(errors).chain(discards).any(Option::is_some)
}

fn counters(reading: &mut Reading) -> Vec<&mut Option<Counter>> {
    let Reading { octets, packets, errors, discards, .. } = reading;
    octets.iter_mut().chain(packets.as_flattened_mut()).chain(errors).chain(discards).collect()
}

#[cfg(test)]
mod tests {
    use wasl_model::VoidReason;
    use wasl_model::units::{Bytes, Count, Millis};

    use super::*;

    const FRESH: Duration = Duration::from_secs(30);

    /// A port at so many seconds, with so many bytes in and errors in.
    fn port(secs: u32, bytes: Option<u64>, errors: Option<u32>) -> Reading {
        Reading {
            at: Duration::from_secs(secs.into()),
            uptime: Some((secs + 100) * 100),
            index: 3,
            speed: Some(1_000_000_000),
            up: bytes.map(|_| true),
            enabled: bytes.map(|_| true),
            status_missed: [bytes.is_none(); 2],
            discontinuity: bytes.map(|_| 7),
            octets: [bytes.map(Counter::Wide), None],
            errors: [errors.map(Counter::Narrow), None],
            ..Reading::default()
        }
    }

    /// Catches: bytes that went through while replies were lost, and that nobody ever counts.
    #[test]
    fn what_was_missed_is_told_later_over_its_own_time() {
        let mut past = Past::default();
        let (first, voids) = past.take(port(0, Some(1_000), Some(5)), FRESH);
        assert_eq!((first[0].voided, voids), (Some(VoidReason::First), 0));
        let (samples, voids) = past.take(port(10, None, Some(6)), FRESH);
        assert_eq!((samples.len(), voids), (1, 0));
        assert_eq!((samples[0].receive_bytes, samples[0].receive_errors), (None, Some(Count(1))));
        let (samples, voids) = past.take(port(20, Some(9_000), Some(9)), FRESH);
        assert_eq!((samples.len(), voids), (2, 0));
        let told = |n: usize| (samples[n].interval, samples[n].receive_bytes, samples[n].receive_errors);
        assert_eq!(told(0), (Some(Millis(10_000)), None, Some(Count(3))));
        assert_eq!(told(1), (Some(Millis(20_000)), Some(Bytes(8_000)), None));
        let (samples, voids) = past.take(port(30, Some(9_500), Some(9)), FRESH);
        assert_eq!((samples.len(), voids), (1, 0));
        assert_eq!((samples[0].receive_bytes, samples[0].receive_errors), (Some(Bytes(500)), Some(Count(0))));
    }

    #[test]
    fn a_poll_that_missed_all_counters_changes_nothing() {
        let mut past = Past::default();
        past.take(port(0, Some(1_000), Some(5)), FRESH);
        past.take(port(10, None, None), FRESH);
        let (samples, voids) = past.take(port(20, Some(2_000), Some(6)), FRESH);
        assert_eq!((samples.len(), voids, samples[0].interval), (1, 0, Some(Millis(20_000))));
        assert_eq!(
            (samples[0].receive_bytes, samples[0].receive_errors),
            (Some(Bytes(1_000)), Some(Count(1)))
        );
    }

    /// Catches: a reset behind which the counters of another lane are taken to have run on.
    #[test]
    fn a_discontinuity_is_seen_by_counters_that_were_missed_as_well() {
        let mut past = Past::default();
        past.take(port(0, Some(1_000), Some(5)), FRESH);
        past.take(port(10, None, Some(6)), FRESH);
        let mut after = port(20, Some(9_000), Some(9));
        after.discontinuity = Some(11_000);
        let (samples, voids) = past.take(after, FRESH);
        assert_eq!(voids, 2);
        assert!(samples.iter().all(|sample| sample.voided == Some(VoidReason::Discontinuity)), "{samples:?}");
    }

    /// Catches: a port whose state is unknown because one reply was lost.
    #[test]
    fn whether_it_is_up_is_known_while_it_is_fresh() {
        let mut past = Past::default();
        past.take(port(0, Some(1), Some(5)), FRESH);
        let up = |past: &mut Past, at| past.take(port(at, None, Some(6)), FRESH).0[0].up;
        assert_eq!((up(&mut past, 10), up(&mut past, 29), up(&mut past, 30)), (Some(true), Some(true), None));
        let mut told = port(40, None, Some(6));
        told.status_missed = [false; 2];
        assert_eq!(past.take(told, FRESH).0[0].up, None, "the device itself does not know");
        assert_eq!(up(&mut past, 50), None);
    }

    #[test]
    fn what_is_long_ago_is_forgotten() {
        let mut past = Past::default();
        past.take(port(0, Some(1_000), Some(5)), FRESH);
        past.take(port(3_600, None, Some(5)), FRESH);
        let kept: Vec<_> = past.readings.iter().map(|reading| reading.at).collect();
        assert_eq!(kept, [Duration::from_secs(3_600)]);
        let (samples, voids) = past.take(port(3_610, Some(9_000), Some(5)), FRESH);
        assert_eq!(
            (samples[0].voided, voids),
            (Some(VoidReason::First), 1),
            "its increments are counted as missing"
        );
    }
}
