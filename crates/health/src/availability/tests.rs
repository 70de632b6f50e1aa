use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const MONTH: i64 = 30 * DAY;

fn span(from: i64, to: i64, was: Was) -> Span {
    Span { from: Timestamp(from), to: Timestamp(to), was }
}

fn month(spans: &[Span]) -> Account {
    reckon(Timestamp(0), Timestamp(MONTH), Timestamp(MONTH), spans.iter().copied())
}

fn promise(percent: f64) -> Promise {
    let availability = Ppm((percent * 10_000.0).round() as u32);
    Promise { availability, degraded_is_down: false, longest_outage: None }
}

fn minutes(n: i64) -> Millis {
    Millis((n * MINUTE) as u64)
}

#[test]
fn a_month_of_thirty_days_at_99_9_percent_may_be_down_for_43_2_minutes() {
    let down = |millis: i64| {
        month(&[
            span(0, DAY, Was::Up),
            span(DAY, DAY + millis, Was::Down),
            span(DAY + millis, MONTH, Was::Up),
        ])
    };
    let just = down(43 * MINUTE + 12_000);
    assert_eq!(just.kept(&promise(99.9)), Kept::Kept);
    assert_eq!(just.availability(), Some(0.999));
    assert_eq!(down(43 * MINUTE + 12_001).kept(&promise(99.9)), Kept::Broken);
}

#[test]
fn what_nobody_observed_is_neither_up_nor_down() {
    let account = month(&[span(0, 10 * DAY, Was::Up), span(20 * DAY, MONTH, Was::Up)]);
    assert_eq!(account.unknown, minutes(10 * 24 * 60));
    assert_eq!(account.availability(), Some(1.0));
    assert_eq!(account.bounds(), Some((2.0 / 3.0, 1.0)));
    assert_eq!(account.kept(&promise(99.0)), Kept::CannotBeTold);
    assert_eq!(account.kept(&promise(60.0)), Kept::Kept);
}

#[test]
fn a_broken_promise_is_told_before_the_month_is_over_and_a_kept_one_is_not() {
    let spans = [span(0, DAY, Was::Down), span(DAY, 10 * DAY, Was::Up)];
    let now = Timestamp(10 * DAY);
    let account = reckon(Timestamp(0), Timestamp(MONTH), now, spans);
    assert_eq!(account.ahead, minutes(20 * 24 * 60));
    assert_eq!(account.kept(&promise(99.0)), Kept::Broken, "29 of 30 days at best");
    assert_eq!(account.kept(&promise(95.0)), Kept::CannotBeTold);
    assert_eq!(reckon(Timestamp(0), Timestamp(MONTH), Timestamp(-1), spans).ahead, account.month());
}

#[test]
fn announced_maintenance_is_left_out_even_if_it_is_down_meanwhile() {
    let account = month(&[
        span(0, MONTH, Was::Up),
        span(DAY, 2 * DAY, Was::Down),
        span(DAY, 2 * DAY, Was::Maintenance),
    ]);
    assert_eq!((account.maintenance, account.down, account.outages), (minutes(24 * 60), Millis(0), 0));
    assert_eq!(account.kept(&promise(100.0)), Kept::Kept);
    let all = month(&[span(-DAY, MONTH + DAY, Was::Maintenance)]);
    assert_eq!((all.availability(), all.bounds()), (None, None));
    assert_eq!(all.kept(&promise(100.0)), Kept::Kept, "there was nothing to keep it in");
}

#[test]
fn outages_are_counted_and_measured() {
    let account = month(&[
        span(0, MONTH, Was::Up),
        span(MINUTE, 3 * MINUTE, Was::Down),
        span(DAY, DAY + 10 * MINUTE, Was::Down),
        // Right after it: the same outage.
        span(DAY + 10 * MINUTE, DAY + 16 * MINUTE, Was::Down),
    ]);
    assert_eq!(account.outages, 2);
    assert_eq!(account.longest, Some(Outage { from: Timestamp(DAY), down: minutes(16) }));
    assert_eq!(account.mean_time_to_repair(), Some(Duration::from_mins(9)));
    assert_eq!(account.mean_time_between_failures(), Some(Duration::from_mins((30 * 24 * 60 - 18) / 2)));
    assert_eq!(month(&[span(0, MONTH, Was::Up)]).mean_time_to_repair(), None);
}

#[test]
fn an_outage_that_nobody_saw_end_is_one() {
    let account = month(&[
        span(0, DAY, Was::Up),
        span(DAY, DAY + 5 * MINUTE, Was::Down),
        span(DAY + 50 * MINUTE, DAY + 60 * MINUTE, Was::Down),
        span(DAY + 60 * MINUTE, MONTH, Was::Up),
    ]);
    assert_eq!((account.outages, account.down, account.unknown), (1, minutes(15), minutes(45)));
    let limit = |n| Promise { longest_outage: Some(minutes(n)), ..promise(90.0) };
    assert_eq!(account.kept(&limit(14)), Kept::Broken);
    assert_eq!(account.kept(&limit(15)), Kept::CannotBeTold);
    assert_eq!(account.kept(&limit(60)), Kept::Kept);
}

#[test]
fn degraded_time_counts_as_the_contract_says() {
    let account = month(&[span(0, MONTH, Was::Up), span(0, 3 * DAY, Was::Degraded)]);
    assert_eq!(account.availability(), Some(1.0));
    assert_eq!(account.kept(&promise(99.0)), Kept::Kept);
    let strict = Promise { degraded_is_down: true, ..promise(99.0) };
    assert_eq!(account.kept(&strict), Kept::Broken);
}

fn was() -> impl Strategy<Value = Was> {
    prop_oneof![
        Just(Was::Unknown),
        Just(Was::Up),
        Just(Was::Degraded),
        Just(Was::Down),
        Just(Was::Maintenance)
    ]
}

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let one = (-1_000i64..11_000, -100i64..2_000, was()).prop_map(|(from, n, was)| span(from, from + n, was));
    proptest::collection::vec(one, 0..60)
}

fn short(spans: &[Span], now: i64) -> Account {
    reckon(Timestamp(0), Timestamp(10_000), Timestamp(now), spans.iter().copied())
}

/// The same, asked of every single millisecond.
fn by_hand(spans: &[Span], now: i64) -> [u64; 6] {
    let mut parts = [0; 6];
    for at in 0..10_000 {
        let covers = |span: &&Span| span.from.0 <= at && at < span.to.0;
        let was = spans.iter().filter(covers).map(|span| span.was).max();
        let part = if at < now { was.unwrap_or(Was::Unknown) as usize } else { 5 };
        parts[part] += 1;
    }
    parts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_parts_are_what_each_moment_was(spans in spans(), now in -100i64..12_000) {
        let account = short(&spans, now);
        let parts = [
            account.unknown, account.up, account.degraded, account.down, account.maintenance, account.ahead,
        ];
        prop_assert_eq!(parts.map(|part| part.0), by_hand(&spans, now));
        prop_assert_eq!(account.month(), Millis(10_000));
        if let Some((worst, best)) = account.bounds() {
            prop_assert!((0.0..=best).contains(&worst) && best <= 1.0);
            if let Some(seen) = account.availability() {
                prop_assert!(worst <= seen && seen <= best);
            }
        }
        prop_assert_eq!(account.longest.is_some(), account.outages > 0);
        prop_assert_eq!(account.down.0 > 0, account.outages > 0);
        prop_assert!(account.longest.is_none_or(|longest| longest.down <= account.down));
    }

    #[test]
    fn order_and_cuts_do_not_matter(
        spans in spans(),
        cuts in proptest::collection::vec(any::<u16>(), 60),
        now in 0i64..12_000,
    ) {
        let mut pieces = Vec::new();
        for (span, cut) in spans.iter().zip(&cuts) {
            let length = span.to.0 - span.from.0;
            if length > 1 {
                let at = Timestamp(span.from.0 + 1 + i64::from(*cut) % (length - 1));
                pieces.extend([Span { to: at, ..*span }, Span { from: at, ..*span }]);
            } else {
                pieces.push(*span);
            }
        }
        pieces.reverse();
        let middle = usize::from(cuts[0]) % (pieces.len() + 1);
        pieces.rotate_left(middle);
        prop_assert_eq!(short(&pieces, now), short(&spans, now));
    }

    #[test]
    fn what_becomes_known_can_only_settle_a_promise(
        spans in spans(),
        percent in 0u32..=100,
    ) {
        let promise = Promise {
            availability: Ppm(percent * 10_000),
            degraded_is_down: false,
            longest_outage: None,
        };
        let before = short(&spans, 10_000).kept(&promise);
        // All that was unknown turns out to have been up, which is weaker than anything that was known.
        let mut known = spans;
        known.push(span(0, 10_000, Was::Up));
        let after = short(&known, 10_000).kept(&promise);
        prop_assert!(after != Kept::CannotBeTold);
        prop_assert!(before == Kept::CannotBeTold || before == after);
    }
}
