//! What detectors watch: links as one of their ends sees them, targets, and the two directions of a link.

use std::time::Duration;

use wasl_model::health::{Health, Reason};
use wasl_model::units::{Micros, Millis, Scalar};
use wasl_model::{AgentId, LinkCause, LinkVerdict, ProbeWindow, StampWindow, Timestamp};

use super::{holds, millis, target, unseen};
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

/// A link that one end finds down, where another end's probes come through: they went there and back, so the link
/// carries, and something at an end drops the probes of the first. `judged`: what the first says at `at` by `window`.
/// `others`: the last windows of those ends whose probes can leave by the link only, with their end.
///
/// They count only if they began after the first end had found it down, by both ends' clocks, and ended so lately that
/// their end still says it: windows come `every` so often.
pub fn link_from_both_ends<'a>(
    at: Timestamp,
    window: &ProbeWindow,
    judged: Judgement,
    from: &AgentId,
    others: impl IntoIterator<Item = (Timestamp, &'a ProbeWindow)>,
    every: Duration,
) -> Judgement {
    let Some(held) = window.verdict_age.filter(|_| judged.health == Health::Down) else { return judged };
    let down_from = at.minus(Duration::from_millis(held.0)).plus(CLOCKS_APART);
    let comes_through = |(ended, other): (Timestamp, &ProbeWindow)| {
        let Some(length) = other.window else { return false };
        let began = ended.minus(Duration::from_millis(length.0));
        began >= down_from
            && at.since(ended) <= holds(every)
            && other.verdict != Some(LinkVerdict::Down)
            && other.received.is_some_and(|n| n.0 > 0)
    };
    if !others.into_iter().any(comes_through) {
        return judged;
    }
    let reason = Reason::new(reasons::LINK_ONE_ENDED).with("agent", from);
    Judgement { health: Health::Degraded, reason, ..judged }
}

/// Whether anything of the two directions is measured, by the last window of tests. How much they lose is told by
/// [`Directions`](crate::directions::Directions).
pub fn path(window: &StampWindow) -> Judgement {
    if window.loss_forward().is_some() || window.loss_back().is_some() {
        return Judgement::new(Health::Ok, Reason::new(reasons::PATH_MEASURED));
    }
    if window.received.is_some_and(|n| n.0 == 0) && window.sent.is_some_and(|n| n.0 > 0) {
        return Judgement::new(Health::Down, Reason::new(reasons::PATH_SILENT));
    }
    unseen()
}

/// A path where both ends are heard: where no answer comes back at all, what arrives tells which direction is cut.
/// `judged`: what its own end says by `window`, which ended at `at`; `arrivals` are those of the other end, with their
/// end.
///
/// They count only if they began after the last answer had come back, by both ends' clocks: before, tests arrived and
/// were answered.
pub fn path_from_both_ends(
    at: Timestamp,
    window: &StampWindow,
    judged: Judgement,
    arrivals: Option<(Timestamp, &StampWindow)>,
) -> Judgement {
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
    if window.is_unsent() {
        return Judgement::new(Health::Unknown, Reason::new(reasons::NOT_MEASURED));
    }
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
        let judged_jitter = Some(Micros(43));
        let little = ProbeWindow { judged_jitter, ..with(LinkVerdict::Degraded, Some(LinkCause::Jitter)) };
        assert_eq!(
            link(&little).reason.args["jitter_ms"],
            "0.043",
            "to a microsecond, where it is told in these"
        );
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
    fn a_path_is_measured_silent_or_not_seen() {
        let all = StampWindow {
            sent: Some(Count(100)),
            reflected: Some(Count(80)),
            received: Some(Count(79)),
            lost_forward: Some(Count(20)),
            lost_back: Some(Count(1)),
            ..StampWindow::default()
        };
        assert_eq!(path(&all).reason.code, "path_measured");
        let silent = StampWindow { sent: Some(Count(9)), received: Some(Count(0)), ..StampWindow::default() };
        assert_eq!(path(&silent).health, Health::Down);
        assert_eq!(path(&StampWindow::default()).health, Health::Unknown);
    }

    /// Catches: a link that stays green, or red, while its agent cannot send a single probe.
    #[test]
    fn what_cannot_be_probed_is_not_known() {
        let with = |verdict, voided, sent| ProbeWindow {
            verdict: Some(verdict),
            cause: (verdict == LinkVerdict::Down).then_some(LinkCause::BlackHole),
            voided: Some(Count(voided)),
            ..window(sent, sent)
        };
        for verdict in [LinkVerdict::Up, LinkVerdict::Down] {
            assert_eq!(judged(&with(verdict, 50, 0)), (Health::Unknown, "not_measured".into()));
            assert_eq!(target(&with(verdict, 50, 0)).reason.code, "not_measured");
        }
        assert_eq!(
            judged(&with(LinkVerdict::Up, 1, 0)).0,
            Health::Unknown,
            "it may be probed only now and then"
        );
        assert_eq!(judged(&with(LinkVerdict::Up, 20, 30)).0, Health::Ok);
    }

    /// Catches: a cut that is told only to one end, a cut whose last good window is taken for a sign of life, and a link
    /// that carries but is called down.
    #[test]
    fn a_link_that_carries_the_probes_of_its_other_end_is_not_cut() {
        const EVERY: Duration = Duration::from_secs(10);
        let at = |seconds: i64| Timestamp(1_795_000_000_000 + seconds * 1000);
        let (length, agent) = (Some(Millis(10_000)), AgentId::new("jenin-gw").expect("a name"));
        let cut = ProbeWindow {
            verdict: Some(LinkVerdict::Down),
            cause: Some(LinkCause::BlackHole),
            verdict_age: Some(Millis(30_000)),
            window: length,
            ..window(50, 0)
        };
        let other = ProbeWindow { verdict: Some(LinkVerdict::Up), window: length, ..window(50, 50) };
        // Down from second 70 on.
        let says = |window: &ProbeWindow, ended, other: &ProbeWindow| {
            let judged =
                link_from_both_ends(at(100), window, link(window), &agent, [(at(ended), other)], EVERY);
            (judged.health, judged.reason.code)
        };
        assert_eq!(says(&cut, 95, &other), (Health::Degraded, "link_one_ended".into()));
        let is_cut = (Health::Down, "link_cut".into());
        assert_eq!(says(&cut, 81, &other), is_cut, "it may have begun before the cut");
        assert_eq!(says(&cut, 95, &cut), is_cut);
        let long = ProbeWindow { verdict_age: Some(Millis(130_000)), ..cut.clone() };
        assert_eq!(says(&long, 95, &other).1, "link_one_ended");
        assert_eq!(says(&long, 59, &other), is_cut, "of the other end nothing has been heard for too long");
        assert_eq!(says(&cut, 95, &ProbeWindow { received: Some(Count(0)), ..other.clone() }), is_cut);
        assert_eq!(says(&other, 95, &other).0, Health::Ok);
        let alone = link_from_both_ends(at(100), &cut, link(&cut), &agent, [], EVERY);
        assert_eq!(alone.health, Health::Down);
        let told = link_from_both_ends(at(100), &cut, link(&cut), &agent, [(at(95), &other)], EVERY);
        assert_eq!(told.reason.args["agent"], "jenin-gw");
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
            let judged =
                path_from_both_ends(at(100), &silent, path(&silent), Some((at(ended), &there(arrived))));
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
        let alone = |window: &StampWindow, arrivals| {
            path_from_both_ends(at(100), window, path(window), arrivals).reason.code
        };
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
