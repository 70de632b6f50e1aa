//! How far this machine's clock may be off.
//!
//! The kernel knows (`adjtimex`), but there is no way to ask it without unsafe code; chrony, which disciplines
//! the clock, answers anybody (`chronyc tracking`). Its manual gives the bound: the present correction, plus the
//! root dispersion, plus half of the root delay. A machine without chrony counts as not synchronised, and the
//! delays of single directions are not told. What the agent knows of its offset to the controller is no
//! substitute: it was measured over the same link, and is no better known than half of its round trip.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::{self, Instant};
use wasl_model::assignment::Assignment;

/// How often chrony is asked.
const EVERY: Duration = Duration::from_secs(16);
/// An answer older than this counts no more.
const STALE: Duration = Duration::from_secs(60);
const ANSWER: Duration = Duration::from_secs(5);
/// How fast a disciplined clock's error may grow: 15 ppm (RFC 5905, section 7.1).
const GROWTH: u32 = 66_666;
/// The reference of a chrony that follows nothing but itself.
const LOCAL: &str = "7F7F0101";

/// What is known of the clock's error. Cheap to clone.
#[derive(Clone)]
pub(super) struct ClockError(Arc<watch::Sender<Option<(Duration, Instant)>>>);

impl Default for ClockError {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl ClockError {
    /// What this machine's clock may be off by now; `None` if nobody knows.
    pub(super) fn bound(&self) -> Option<Duration> {
        let (bound, asked) = (*self.0.borrow())?;
        grown(bound, asked.elapsed())
    }

    /// Keeps asking while the assignment needs it; never ends.
    pub(super) async fn keep(
        &self,
        mut assignment: watch::Receiver<Arc<Assignment>>,
        needed: impl Fn(&Assignment) -> bool,
    ) {
        loop {
            if assignment.wait_for(|assignment| needed(assignment)).await.is_err() {
                return std::future::pending().await;
            }
            let asked = Instant::now();
            let bound = ask().await;
            self.0.send_replace(bound.map(|bound| (bound, asked)));
            time::sleep(EVERY).await;
        }
    }
}

/// What a bound has become after so long.
fn grown(bound: Duration, age: Duration) -> Option<Duration> {
    (age <= STALE).then(|| bound + age / GROWTH)
}

async fn ask() -> Option<Duration> {
    let mut command = Command::new("chronyc");
    command.args(["-n", "-c", "tracking"]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = time::timeout(ANSWER, command.output()).await.ok()?.ok()?;
    output.status.success().then(|| bound(&String::from_utf8_lossy(&output.stdout)))?
}

/// The bound from the line that `chronyc -c tracking` prints; `None` if the clock follows nothing.
fn bound(line: &str) -> Option<Duration> {
    let fields: Vec<&str> = line.trim().split(',').collect();
    let &[reference, _, _, _, correction, _, _, _, _, _, root_delay, root_dispersion, _, leap] =
        fields.as_slice()
    else {
        return None;
    };
    if leap == "Not synchronised" || reference == LOCAL || reference == "00000000" {
        return None;
    }
    let seconds = |text: &str| text.parse::<f64>().ok().map(f64::abs);
    let bound = seconds(correction)? + seconds(root_dispersion)? + seconds(root_delay)? / 2.0;
    Duration::try_from_secs_f64(bound).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_what_chronys_manual_gives() {
        let line = "A9FEA97B,169.254.169.123,4,1795867190.123,-0.000012345,0.000001,0.000020,-4.5,0.001,0.020,0.000400000,0.000300000,16.1,Normal\n";
        let bound = bound(line).expect("synchronised").as_nanos();
        assert_eq!(bound, 12_345 + 300_000 + 200_000);
    }

    #[test]
    fn a_clock_that_follows_nothing_has_no_bound() {
        let unsynchronised =
            "00000000,,0,0.0,0.0,0.0,0.0,-4.5,0.000,0.000,1.000000000,1.000000000,0.0,Not synchronised";
        assert_eq!(bound(unsynchronised), None);
        let itself = "7F7F0101,,10,1795867190.1,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Normal";
        assert_eq!(bound(itself), None);
        for line in ["", "506 Cannot talk to daemon", "A,B,C,D,E,F,G,H,I,J,K,L,M,Normal"] {
            assert_eq!(bound(line), None, "{line:?}");
        }
    }

    #[test]
    fn the_bound_grows_with_its_age_and_then_counts_no_more() {
        assert_eq!(ClockError::default().bound(), None);
        let after = |secs| grown(Duration::from_micros(500), Duration::from_secs(secs));
        assert_eq!(after(20).map(|bound| bound.as_micros()), Some(800));
        assert_eq!(after(61), None);
    }
}
