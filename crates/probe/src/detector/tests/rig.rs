//! A link and a prober that follows the detector's wishes, by a clock of its own.

use std::collections::VecDeque;

use super::*;

/// Numbers that look random and are the same in every run (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Whether something happens that happens this often.
    pub(super) fn chance(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1u64 << 53) as f64
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

struct Probe {
    sent: Duration,
    answer: Option<Duration>,
    overdue: bool,
}

pub(super) struct Rig {
    pub(super) detector: Detector,
    pace: Duration,
    pub(super) timeout: Duration,
    now: Duration,
    next_send: Duration,
    waiting: VecDeque<Probe>,
    pub(super) sent: u64,
}

impl Rig {
    pub(super) fn new(class: Class) -> Self {
        Self::with(detector(class), class.pace())
    }

    pub(super) fn with(detector: Detector, pace: Duration) -> Self {
        Self {
            detector,
            pace,
            timeout: ms(1_000),
            now: ms(0),
            next_send: ms(0),
            waiting: VecDeque::new(),
            sent: 0,
        }
    }

    /// Probes until `until`. `link` is asked at each sending: the round-trip time, or `None` for a loss.
    pub(super) fn run(
        &mut self,
        until: Duration,
        mut link: impl FnMut(Duration, u64) -> Option<Duration>,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        loop {
            let patience = self.detector.patience();
            let next = self.waiting.iter().map(|probe| {
                let answer = probe.answer.map_or(Duration::MAX, |rtt| probe.sent + rtt);
                let overdue = if probe.overdue { Duration::MAX } else { probe.sent + patience };
                answer.min(overdue).min(probe.sent + self.timeout)
            });
            let next = next.min().unwrap_or(Duration::MAX).min(self.next_send);
            if next > until {
                return changes;
            }
            self.now = self.now.max(next);
            self.settle(&mut changes);
            if self.next_send <= self.now {
                let answer = link(self.now, self.sent).filter(|rtt| *rtt < self.timeout);
                self.waiting.push_back(Probe { sent: self.now, answer, overdue: false });
                self.sent += 1;
                self.next_send = self.now + self.pace;
            }
            // The faster pace begins with a probe at once.
            if let Some(pace) = self.detector.confirming(self.now) {
                let last = self.waiting.back().map_or(ms(0), |probe| probe.sent);
                self.next_send = self.next_send.min((last + pace).max(self.now));
            }
        }
    }

    fn settle(&mut self, changes: &mut Vec<Change>) {
        let (now, detector, timeout) = (self.now, &mut self.detector, self.timeout);
        self.waiting.retain(|probe| match probe.answer {
            Some(rtt) if probe.sent + rtt <= now => {
                changes.extend(detector.answered(rtt, now));
                false
            }
            _ => true,
        });
        for probe in &mut self.waiting {
            if !probe.overdue && probe.sent + detector.patience() <= now {
                probe.overdue = true;
                changes.extend(detector.overdue(probe.sent, now));
            }
        }
        self.waiting.retain(|probe| {
            let lost = probe.sent + timeout <= now;
            if lost {
                changes.extend(detector.lost(Lost::Silent, probe.sent, probe.overdue, now));
            }
            !lost
        });
    }
}
