use super::*;
use crate::units::{Count, Micros};

fn near(a: f64, b: f64, by: f64) -> bool {
    (a - b).abs() <= by
}

#[test]
fn the_score_interval_has_its_known_values() {
    // Worked examples of the score interval at 95 %, to four digits.
    for (sent, lost, low, high) in [
        (10, 1, 0.0179, 0.4042),
        (10, 0, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (100, 50, 0.4038, 0.5962),
        (1, 0, 0.0, 0.7935),
    ] {
        let interval = Loss::of(sent, lost).expect("sent").interval();
        assert!(near(interval.0, low, 6e-5) && near(interval.1, high, 6e-5), "{lost}/{sent}: {interval:?}");
    }
}

#[test]
fn an_interval_holds_its_share_and_narrows_with_more_probes() {
    let mut width = 1.0;
    for n in [1, 10, 100, 1_000, 100_000, u64::MAX / 4] {
        let loss = Loss::of(n * 4, n).expect("sent");
        let (low, high) = loss.interval();
        assert!(low <= loss.share() && loss.share() <= high && high - low < width, "{n}");
        width = high - low;
    }
}

#[test]
fn a_hundredth_of_a_percent_is_told_apart() {
    let points = |sent, lost| Loss::of(sent, lost).expect("sent").basis_points();
    assert_eq!(points(10_000, 1), 1);
    assert_eq!(points(10_000, 2), 2);
    assert_eq!(points(300, 1), 33);
    assert_eq!(points(1_000_000, 1), 1, "a loss is never shown as none");
    assert_eq!(points(1_000_000, 999_999), 9_999, "nor all but one as all");
    assert_eq!((points(7, 0), points(7, 7), points(7, 9)), (0, 10_000, 10_000));
    assert_eq!(Loss::of(0, 0), None);
}

#[test]
fn the_rating_follows_the_formulas() {
    assert!(near(rating(0.0, 0.0), 93.2, 1e-9));
    // 0.024 × 150 = 3.6 below the limit; 0.024 × 300 + 0.11 × 122.7 = 20.697 beyond it.
    assert!(near(rating(150.0, 0.0), 89.6, 1e-9));
    assert!(near(rating(300.0, 0.0), 72.503, 1e-9));
    // 30 ln(1.15) = 4.193 at 1 % and 30 ln(1.75) = 16.788 at 5 %.
    assert!(near(rating(0.0, 0.01), 89.007, 1e-3));
    assert!(near(rating(0.0, 0.05), 76.412, 1e-3));
    assert!(near(rating(10_000.0, 1.0), 0.0, 1e-9), "R is never negative");
}

#[test]
fn the_opinion_has_the_values_of_annex_b() {
    // G.107, annex B: R 50, 60, 70, 80, 90 are 2.6, 3.1, 3.6, 4.0, 4.3; the default 93.2 is 4.41.
    for (r, mos) in [(50.0, 2.58), (60.0, 3.10), (70.0, 3.60), (80.0, 4.02), (90.0, 4.34), (93.2, 4.41)] {
        assert!(near(opinion(r), mos, 0.006), "{r}: {}", opinion(r));
    }
    assert!(
        near(opinion(-5.0), 1.0, 1e-9) && near(opinion(3.0), 1.0, 1e-9) && near(opinion(120.0), 4.5, 1e-9)
    );
}

#[test]
fn more_delay_jitter_or_loss_never_sounds_better() {
    let sound = |rtt: u32, jitter: u32, loss: u32| {
        opinion(rating(mouth_to_ear(rtt.into(), jitter.into()), f64::from(loss) / 100.0))
    };
    for rtt in (0..1_000).step_by(50) {
        for jitter in (0..100).step_by(10) {
            for loss in 0..100 {
                let here = sound(rtt, jitter, loss);
                assert!((1.0..=4.5).contains(&here));
                assert!(sound(rtt + 50, jitter, loss) <= here);
                assert!(sound(rtt, jitter + 10, loss) <= here);
                assert!(sound(rtt, jitter, loss + 1) <= here);
            }
        }
    }
}

#[test]
fn a_window_without_an_answer_has_no_sound() {
    let mut window = ProbeWindow { sent: Some(Count(3)), received: Some(Count(0)), ..Default::default() };
    assert_eq!(window.opinion(), None);
    assert_eq!(window.loss_counts().map(Loss::share), Some(1.0));
    for _ in 0..3 {
        window.rtt.record(40_000);
    }
    window.received = Some(Count(3));
    window.jitter = Some(Micros(5_000));
    // 20 + 10 + 20 = 50 ms from mouth to ear: R = 92.0.
    assert!(window.opinion().is_some_and(|mos| near(mos, opinion(92.0), 0.01)), "{:?}", window.opinion());
}
