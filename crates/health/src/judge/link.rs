//! A link, as one of its ends sees it.

use wasl_model::health::{Health, Reason};
use wasl_model::units::{Micros, Scalar};
use wasl_model::{LinkCause, LinkVerdict, ProbeWindow};

use super::{target, unseen};
use crate::{Judgement, reasons};

/// A link by the last window of one end's probes: what that end's detector holds of it. A window without a
/// verdict, as agents without a detector send it, is judged by its loss alone.
pub fn link(window: &ProbeWindow) -> Judgement {
    let Some(verdict) = window.verdict else {
        let judged = target(window);
        let code = match judged.health {
            Health::Down => reasons::LINK_CUT,
            Health::Degraded => reasons::LINK_LOSSY,
            Health::Ok => reasons::LINK_UP,
            Health::Unknown | Health::Maintenance => return judged,
        };
        return Judgement { reason: Reason { code: code.to_owned(), ..judged.reason }, ..judged };
    };
    let millis = |micros: f64| format!("{:.2}", micros / 1000.0);
    let rtt = window.rtt.quantile(0.5).map(millis);
    let with_rtt = |code| match &rtt {
        Some(rtt) => Reason::new(code).with("rtt_ms", rtt),
        None => Reason::new(code).with("rtt_ms", "?"),
    };
    match (verdict, window.cause) {
        (LinkVerdict::Up, _) => Judgement::new(Health::Ok, with_rtt(reasons::LINK_UP)),
        (LinkVerdict::Down, Some(LinkCause::NoRoute)) => {
            Judgement::new(Health::Down, Reason::new(reasons::LINK_NO_WAY))
        }
        (LinkVerdict::Down, _) => Judgement::new(Health::Down, Reason::new(reasons::LINK_CUT)),
        (LinkVerdict::Degraded, cause) => {
            let seen = |figure: Option<Micros>| figure.map(|f| millis(f.0 as f64));
            let reason = match cause {
                Some(LinkCause::Latency) => match seen(window.judged_rtt) {
                    Some(rtt) => Reason::new(reasons::LINK_SLOW).with("rtt_ms", rtt),
                    None => with_rtt(reasons::LINK_SLOW),
                },
                Some(LinkCause::Jitter) => {
                    let jitter = seen(window.judged_jitter.or(window.jitter));
                    let jitter = jitter.unwrap_or_else(|| "?".to_owned());
                    Reason::new(reasons::LINK_JITTERY).with("jitter_ms", jitter)
                }
                Some(LinkCause::Flapping) => Reason::new(reasons::LINK_FLAPPING),
                _ => match window.judged_loss.map(Scalar::value).or_else(|| window.loss()) {
                    Some(loss) => {
                        Reason::new(reasons::LINK_LOSSY).with("loss_percent", format!("{:.2}", loss * 100.0))
                    }
                    None => return unseen(),
                },
            };
            Judgement::new(Health::Degraded, reason)
        }
    }
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
    fn an_agent_without_a_detector_is_judged_by_loss() {
        assert_eq!(judged(&window(50, 50)), (Health::Ok, "link_up".into()));
        assert_eq!(judged(&window(50, 40)), (Health::Degraded, "link_lossy".into()));
        assert_eq!(judged(&window(50, 0)), (Health::Down, "link_cut".into()));
        assert_eq!(judged(&ProbeWindow::default()), (Health::Unknown, "not_observed".into()));
    }
}
