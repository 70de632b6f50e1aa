//! What a window of probes means to those who use the link: how sure its loss is, and how speech over it
//! would sound.
//!
//! Speech is rated by the E-model (ITU-T G.107) as simplified by Cole and Rosenbluth ("Voice over IP
//! performance monitoring", 2001) for G.711 with packet-loss concealment and random loss:
//! `R = 93.2 − Id − Ie`, where delay costs `Id = 0.024 d + 0.11 (d − 177.3)` (the second part only beyond
//! 177.3 ms) and loss costs `Ie = 30 ln(1 + 15 e)`. 93.2 is R for the default values of all else in
//! G.107; the paper's 94.2 is that of an older edition. The opinion score follows from R by G.107,
//! annex B.

use crate::observation::ProbeWindow;
use crate::units::Scalar;

/// R without delay and loss.
const CLEAN: f64 = 93.2;
/// Packetisation and look-ahead of G.711 in packets of 20 ms, in milliseconds.
const CODEC_DELAY_MS: f64 = 20.0;
/// Delay beyond this many milliseconds makes people talk into each other.
const TALKING_LIMIT_MS: f64 = 177.3;
/// The normal deviate of a confidence of 95 % on both sides.
const CONFIDENCE_95: f64 = 1.959_964;

/// Loss, from counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    lost: u64,
    sent: u64,
}

impl Loss {
    /// So many of those sent were lost; `None` if none was sent. More lost than sent counts as all.
    pub fn of(sent: u64, lost: u64) -> Option<Self> {
        (sent > 0).then_some(Self { lost: lost.min(sent), sent })
    }

    /// The share, 0 to 1.
    pub fn share(self) -> f64 {
        self.lost as f64 / self.sent as f64
    }

    /// The share in hundredths of a percent, rounded; but never 0 when something was lost, and never
    /// 10000 when something was not.
    pub fn basis_points(self) -> u32 {
        let rounded = (self.share() * 10_000.0).round() as u32;
        let least = u32::from(self.lost > 0);
        let most = 10_000 - u32::from(self.lost < self.sent);
        rounded.clamp(least, most.max(least))
    }

    /// Between which shares the link's true loss lies with a confidence of 95 %, if losses are
    /// independent: the score interval of Wilson (1927), which also holds for few probes and for no loss
    /// at all.
    pub fn interval(self) -> (f64, f64) {
        let (n, p, z2) = (self.sent as f64, self.share(), CONFIDENCE_95 * CONFIDENCE_95);
        let middle = p + z2 / (2.0 * n);
        let half = CONFIDENCE_95 * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        let scale = 1.0 + z2 / n;
        let low = if self.lost == 0 { 0.0 } else { (middle - half) / scale };
        let high = if self.lost == self.sent { 1.0 } else { (middle + half) / scale };
        (low.clamp(0.0, 1.0), high.clamp(0.0, 1.0))
    }
}

/// The delay from mouth to ear in milliseconds of speech over a link, from its round-trip time and its
/// jitter, both in milliseconds: half of the round trip, the codec's own delay, and a buffer of twice
/// the jitter.
pub fn mouth_to_ear(rtt_ms: f64, jitter_ms: f64) -> f64 {
    rtt_ms.max(0.0) / 2.0 + 2.0 * jitter_ms.max(0.0) + CODEC_DELAY_MS
}

/// The rating R, 0 (unusable) to 93.2, at this delay from mouth to ear in milliseconds and this loss
/// (0 to 1).
pub fn rating(delay_ms: f64, loss: f64) -> f64 {
    let delay = delay_ms.max(0.0);
    let delayed = 0.024 * delay + 0.11 * (delay - TALKING_LIMIT_MS).max(0.0);
    let lossy = 30.0 * (15.0 * loss.clamp(0.0, 1.0)).ln_1p();
    (CLEAN - delayed - lossy).clamp(0.0, CLEAN)
}

/// The mean opinion score that a rating corresponds to, 1 (bad) to 4.5 (G.107, annex B).
pub fn opinion(rating: f64) -> f64 {
    let r = rating.clamp(0.0, 100.0);
    (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).clamp(1.0, 4.5)
}

impl ProbeWindow {
    /// The window's loss with its uncertainty; `None` when no probe was decided.
    pub fn loss_counts(&self) -> Option<Loss> {
        let (sent, received) = (self.sent?.0, self.received?.0);
        Loss::of(sent, sent.saturating_sub(received))
    }

    /// How speech over the link would have sounded in this window, by the median round-trip time, the
    /// jitter and the loss of the round trip. The loss of one direction is at most that of both, so
    /// speech is no worse than this. `None` when no probe was answered.
    pub fn opinion(&self) -> Option<f64> {
        self.rating().map(opinion)
    }

    /// The same as a transmission rating R, 0 to 93.2; above 80 users are satisfied, below 50 nearly all are not
    /// (G.107, annex B).
    pub fn rating(&self) -> Option<f64> {
        let rtt_ms = self.rtt.quantile(0.5)? / 1_000.0;
        let jitter_ms = self.jitter.map_or(0.0, |jitter| jitter.value() * 1_000.0);
        Some(rating(mouth_to_ear(rtt_ms, jitter_ms), self.loss()?))
    }
}

#[cfg(test)]
mod tests;
