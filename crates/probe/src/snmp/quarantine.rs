//! A device that does not answer is tried more rarely, and with one small request instead of several.
//!
//! In an outage half of an institution's devices are dead at once. Tried like the living ones, they would
//! take the requests that may be under way, and the living ones would be read late: when that matters most.
//! But a device that is back should be seen soon, and what is said about a silent one must not grow so
//! old that it counts as unknown, so it is left out for two turns at most.
//!
//! Pure: it counts turns.

/// After so many turns without an answer a device is in quarantine.
const PATIENT: u32 = 2;
/// A device in quarantine is tried at every turn for so long, then at every third.
const CLOSE: u32 = 6;
/// At each of how many turns a device that has long been silent is tried.
const RARELY: u32 = 3;

/// What to do at a device's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Poll it.
    Poll,
    /// Try whether it answers one request.
    Try,
    /// Leave it alone.
    Skip,
}

/// One device's standing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quarantine {
    silent: u32,
}

impl Quarantine {
    /// What to do at this turn.
    pub fn turn(&mut self) -> Turn {
        if self.silent < PATIENT {
            return Turn::Poll;
        }
        if self.silent >= PATIENT + CLOSE && !(self.silent - PATIENT - CLOSE).is_multiple_of(RARELY) {
            self.silent = self.silent.saturating_add(1);
            return Turn::Skip;
        }
        Turn::Try
    }

    /// What to do where somebody heard from it or asks for it: at least to try.
    pub fn asked_for(&self) -> Turn {
        if self.silent < PATIENT { Turn::Poll } else { Turn::Try }
    }

    /// It answered.
    pub fn answered(&mut self) {
        self.silent = 0;
    }

    /// It did not.
    pub fn silent(&mut self) {
        self.silent = self.silent.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_device_is_tried_cheaply_then_rarely_and_polled_once_it_answers() {
        let mut device = Quarantine::default();
        let turns: Vec<Turn> = (0..14)
            .map(|_| {
                let turn = device.turn();
                if turn != Turn::Skip {
                    device.silent();
                }
                turn
            })
            .collect();
        assert_eq!(turns[..2], [Turn::Poll; 2]);
        assert_eq!(turns[2..8], [Turn::Try; 6]);
        assert_eq!(turns[8..], [Turn::Try, Turn::Skip, Turn::Skip, Turn::Try, Turn::Skip, Turn::Skip]);
        device.answered();
        assert_eq!(device.turn(), Turn::Poll);
    }

    /// Catches: a device that is back and says so, and is left alone for two turns more.
    #[test]
    fn one_that_somebody_asks_for_is_never_skipped() {
        let mut device = Quarantine::default();
        assert_eq!(device.asked_for(), Turn::Poll);
        for _ in 0..9 {
            device.silent();
        }
        assert_eq!((device.asked_for(), device.turn()), (Turn::Try, Turn::Skip));
        assert_eq!(device.asked_for(), Turn::Try);
    }

    #[test]
    fn one_silence_is_no_quarantine() {
        let mut device = Quarantine::default();
        device.silent();
        assert_eq!(device.turn(), Turn::Poll);
    }
}
