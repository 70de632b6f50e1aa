//! What detectors watch: links as one of their ends sees them, targets, and the two directions of a link.

use std::time::Duration;

use wasl_model::health::{Health, Reason};
use wasl_model::units::{Micros, Millis, Scalar};
use wasl_model::{LinkCause, LinkVerdict, ProbeWindow, StampWindow, Timestamp};

use super::{target, unseen};
use crate::{Judgement, reasons};

/// The words for one kind of thing that is probed.
struct Words {
    fine: &'static str,
    silent: &'static str,
    no_way: &'static str,
    lossy: &'static str,
    slow: &'static str,
    unsteady: &'static str,
    flapping: &'static str,
}

const LINK: Words = Words {
    fine: reasons::LINK_UP,
    silent: reasons::LINK_CUT,
    no_way: reasons::LINK_NO_WAY,
    lossy: reasons::LINK_LOSSY,
    slow: reasons::LINK_SLOW,
    unsteady: reasons::LINK_JITTERY,
    flapping: reasons::LINK_FLAPPING,
};

const TARGET: Words = Words {
    fine: reasons::TARGET_ANSWERS,
    silent: reasons::TARGET_SILENT,
    no_way: reasons::TARGET_SILENT,
    lossy: reasons::TARGET_LOSSY,
    slow: reasons::TARGET_SLOW,
    unsteady: reasons::TARGET_JITTERY,
    flapping: reasons::TARGET_FLAPPING,
};

/// More loss in one direction than this and a path is degraded.
const PATH_LOSSY: f64 = 0.05;

/// Two agents' clocks may be this far apart.
const CLOCKS_APART: Duration = Duration::from_secs(2);

/// A link by the last window of one end's probes: what that end's detector holds of it. A window without a
/// verdict, as agents without a detector send it, is judged by its loss alone.
pub fn link(window: &ProbeWindow) -> Judgement {
    if window.verdict.is_some() {
        return by_verdict(window, &LINK);
    }
    let judged = target(window);
    let code = match judged.health {
        Health::Down => reasons::LINK_CUT,
        Health::Degraded => reasons::LINK_LOSSY,
        Health::Ok => reasons::LINK_UP,
        Health::Unknown | Health::Maintenance => return judged,
    };
    Judgement { reason: Reason { code: code.to_owned(), ..judged.reason }, ..judged }
}

/// A target whose window carries a verdict.
pub(super) fn of_target(window: &ProbeWindow) -> Judgement {
    by_verdict(window, &TARGET)
}

/// The two directions of a link, by the last window of tests; which direction loses is told.
pub fn path(window: &StampWindow) -> Judgement {
    let percent = |loss: f64| format!("{:.2}", loss * 100.0);
    let (there, back) = (window.loss_forward(), window.loss_back());
    let worst = [(there, reasons::PATH_LOSES_THERE), (back, reasons::PATH_LOSES_BACK)]
        .into_iter()
        .filter_map(|(loss, code)| Some((loss?, code)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match worst {
        Some((loss, code)) if loss > PATH_LOSSY => {
            Judgement::new(Health::Degraded, Reason::new(code).with("loss_percent", percent(loss)))
        }
        Some(_) => Judgement::new(Health::Ok, Reason::new(reasons::PATH_MEASURED)),
        None if window.received.is_some_and(|n| n.0 == 0) && window.sent.is_some_and(|n| n.0 > 0) => {
            Judgement::new(Health::Down, Reason::new(reasons::PATH_SILENT))
        }
        None => unseen(),
    }
}

/// The same where both ends are heard: a direction that carries nothing at all is told as well. `at` is the end of
/// `window`; `arrivals` are those of the other end, with their end.
///
/// They count only if they began after the last answer had come back, by both ends' clocks: before, tests arrived and
/// were answered.
pub fn path_from_both_ends(
    at: Timestamp,
    window: &StampWindow,
    arrivals: Option<(Timestamp, &StampWindow)>,
) -> Judgement {
    let judged = path(window);
    if judged.reason.code != reasons::PATH_SILENT {
        return judged;
    }
    let millis = |time: Option<Millis>| time.map(|ms| Duration::from_millis(ms.0));
    let code = || {
        let (ended, there) = arrivals?;
        let silent_from = at.minus(millis(window.silent)?);
        let began = ended.minus(millis(there.window)?);
        let arrived = there.reflected?.0;
        if began < silent_from.plus(CLOCKS_APART) {
            return None;
        }
        Some(if arrived > 0 { reasons::PATH_CUT_BACK } else { reasons::PATH_CUT_THERE })
    };
    match code() {
        Some(code) => Judgement { reason: Reason::new(code), ..judged },
        None => judged,
    }
}

fn by_verdict(window: &ProbeWindow, words: &Words) -> Judgement {
    let Some(verdict) = window.verdict else { return unseen() };
    let millis = |micros: f64| format!("{:.2}", micros / 1000.0);
    let seen = |figure: Option<Micros>| figure.map(|f| millis(f.0 as f64));
    let rtt = |code, rtt: Option<String>| {
        let rtt = rtt.or_else(|| window.rtt.quantile(0.5).map(millis));
        Reason::new(code).with("rtt_ms", rtt.unwrap_or_else(|| "?".to_owned()))
    };
    let (health, reason) = match (verdict, window.cause) {
        (LinkVerdict::Up, _) => (Health::Ok, rtt(words.fine, None)),
        (LinkVerdict::Down, Some(LinkCause::NoRoute)) => (Health::Down, Reason::new(words.no_way)),
        (LinkVerdict::Down, _) => (Health::Down, Reason::new(words.silent)),
        (LinkVerdict::Degraded, Some(LinkCause::Latency)) => {
            (Health::Degraded, rtt(words.slow, seen(window.judged_rtt)))
        }
        (LinkVerdict::Degraded, Some(LinkCause::Jitter)) => {
            let jitter = seen(window.judged_jitter.or(window.jitter)).unwrap_or_else(|| "?".to_owned());
            (Health::Degraded, Reason::new(words.unsteady).with("jitter_ms", jitter))
        }
        (LinkVerdict::Degraded, Some(LinkCause::Flapping)) => (Health::Degraded, Reason::new(words.flapping)),
        (LinkVerdict::Degraded, _) => match window.judged_loss.map(Scalar::value).or_else(|| window.loss()) {
            Some(loss) => {
                let percent = format!("{:.2}", loss * 100.0);
                (Health::Degraded, Reason::new(words.lossy).with("loss_percent", percent))
            }
            None => return unseen(),
        },
    };
    Judgement::new(health, reason)
}

#[cfg(test)]
mod tests {
    use wasl_model::units::{Count, Ppm};

    use super::*;

    fn window(sent: u64, received: u64) -> ProbeWindow {
        let mut window = ProbeWindow {
            sent: Some(Count(sent)),
            received: Some(Count(received)),
            jitter: Some(Micros(2_500)),
            ..ProbeWindow::default()
        };
        window.rtt.record(12_000);
        window
    }

    fn judged(window: &ProbeWindow) -> (Health, String) {
        let judgement = link(window);
        (judgement.health, judgement.reason.code)
    }

    #[test]
    fn the_detector_decides_and_not_the_loss_of_one_window() {
        let lossy = window(50, 40);
        let with = |verdict, cause| ProbeWindow { verdict: Some(verdict), cause, ..lossy.clone() };
        let says = |verdict, cause| judged(&with(verdict, cause));
        assert_eq!(says(LinkVerdict::Up, None), (Health::Ok, "link_up".into()));
        assert_eq!(says(LinkVerdict::Down, Some(LinkCause::BlackHole)), (Health::Down, "link_cut".into()));
        assert_eq!(says(LinkVerdict::Down, Some(LinkCause::NoRoute)), (Health::Down, "link_no_way".into()));
        for (cause, code) in [
            (LinkCause::Loss, "link_lossy"),
            (LinkCause::Latency, "link_slow"),
            (LinkCause::Jitter, "link_jittery"),
            (LinkCause::Flapping, "link_flapping"),
        ] {
            assert_eq!(says(LinkVerdict::Degraded, Some(cause)), (Health::Degraded, code.into()));
        }
        let jittery = link(&with(LinkVerdict::Degraded, Some(LinkCause::Jitter)));
        assert_eq!(jittery.reason.args["jitter_ms"], "2.50");
        let lossy = with(LinkVerdict::Degraded, Some(LinkCause::Loss));
        assert_eq!(link(&lossy).reason.args["loss_percent"], "20.00", "an agent that tells no more");
        let told = link(&ProbeWindow { judged_loss: Some(Ppm(73_000)), ..lossy });
        assert_eq!(told.reason.args["loss_percent"], "7.30", "what the detector saw, not one window");
    }

    #[test]
    fn a_target_is_held_to_its_detector_too() {
        let with = |verdict, cause| ProbeWindow { verdict: Some(verdict), cause, ..window(0, 0) };
        let says = |verdict, cause| {
            let judgement = target(&with(verdict, cause));
            (judgement.health, judgement.reason.code)
        };
        // A window that a change has cut short may hold no decided probe at all.
        assert_eq!(
            says(LinkVerdict::Down, Some(LinkCause::BlackHole)),
            (Health::Down, "target_silent".into())
        );
        let slow = says(LinkVerdict::Degraded, Some(LinkCause::Latency));
        assert_eq!(slow, (Health::Degraded, "target_slow".into()));
    }

    #[test]
    fn a_path_names_the_direction_that_loses() {
        let lost = |forward: u64, back: u64| {
            path(&StampWindow {
                sent: Some(Count(100)),
                reflected: Some(Count(100 - forward)),
                received: Some(Count(100 - forward - back)),
                lost_forward: Some(Count(forward)),
                lost_back: Some(Count(back)),
                ..StampWindow::default()
            })
        };
        assert_eq!(lost(0, 0).reason.code, "path_measured");
        assert_eq!(lost(2, 1).health, Health::Ok);
        assert_eq!(
            (lost(20, 1).health, lost(20, 1).reason.code),
            (Health::Degraded, "path_loses_there".into())
        );
        assert_eq!(lost(1, 20).reason.code, "path_loses_back");
        let silent = StampWindow { sent: Some(Count(9)), received: Some(Count(0)), ..StampWindow::default() };
        assert_eq!(path(&silent).health, Health::Down);
        assert_eq!(path(&StampWindow::default()).health, Health::Unknown);
    }

    /// Catches: a direction that is called cut by what arrived before the cut, or by a clock that is a little off.
    #[test]
    fn what_arrives_at_the_other_end_tells_which_direction_is_cut() {
        let at = |seconds: i64| Timestamp(1_795_000_000_000 + seconds * 1000);
        let length = Some(Millis(10_000));
        let silent = StampWindow {
            window: length,
            sent: Some(Count(100)),
            received: Some(Count(0)),
            silent: Some(Millis(20_000)),
            ..StampWindow::default()
        };
        let there = |arrived| StampWindow {
            window: length,
            reflected: Some(Count(arrived)),
            ..StampWindow::default()
        };
        // Silent from second 80 on.
        let says = |ended: i64, arrived| {
            let judged = path_from_both_ends(at(100), &silent, Some((at(ended), &there(arrived))));
            assert_eq!(judged.health, Health::Down);
            judged.reason.code
        };
        assert_eq!(says(95, 100), "path_cut_back");
        assert_eq!(says(95, 1), "path_cut_back", "whatever else it loses");
        assert_eq!(says(95, 0), "path_cut_there");
        for arrived in [0, 60] {
            assert_eq!(says(91, arrived), "path_silent", "it may have begun before the cut");
            assert_eq!(says(80, arrived), "path_silent");
        }
        let none = there(0);
        let alone =
            |window: &StampWindow, arrivals| path_from_both_ends(at(100), window, arrivals).reason.code;
        let recent = Some((at(95), &none));
        assert_eq!(alone(&silent, None), "path_silent");
        let old = StampWindow { silent: None, ..silent.clone() };
        assert_eq!(alone(&old, recent), "path_silent", "an agent that does not say since when");
        let answered = StampWindow {
            received: Some(Count(1)),
            reflected: Some(Count(1)),
            lost_back: Some(Count(0)),
            ..silent
        };
        assert_eq!(alone(&answered, recent), "path_measured", "who answers is heard");
    }

    #[test]
    fn an_agent_without_a_detector_is_judged_by_loss() {
        assert_eq!(judged(&window(50, 50)), (Health::Ok, "link_up".into()));
        assert_eq!(judged(&window(50, 40)), (Health::Degraded, "link_lossy".into()));
        assert_eq!(judged(&window(50, 0)), (Health::Down, "link_cut".into()));
        assert_eq!(judged(&ProbeWindow::default()), (Health::Unknown, "not_observed".into()));
    }
}
