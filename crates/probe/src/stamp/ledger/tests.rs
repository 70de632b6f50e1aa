use proptest::prelude::*;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(2);
const HOLD: Duration = Duration::from_secs(10);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A reflector, a sender and the line between them: a probe every 100 ms, answered after 20 ms.
struct Line {
    ledger: Ledger,
    number: u32,
    next: u32,
    now: Duration,
}

impl Line {
    /// The sender begins at 0 and leaves out 1; the reflector begins at `number`.
    fn new(number: u32) -> Self {
        let mut line = Self { ledger: Ledger::new(TIMEOUT, HOLD), number, next: 0, now: ms(0) };
        line.pass();
        line.next += 1;
        line
    }

    fn send(&mut self) -> u32 {
        self.now += ms(100);
        self.ledger.on_sent(self.next, self.now);
        self.next += 1;
        self.next - 1
    }

    fn reflect(&mut self) -> Mark {
        self.number = self.number.wrapping_add(1);
        self.mark(self.number.wrapping_sub(1))
    }

    fn mark(&self, sequence: u32) -> Mark {
        Mark { sequence, sent: self.now.as_nanos() as u64 }
    }

    fn answer(&mut self, sequence: u32, mark: Mark) -> Verdict {
        self.ledger.on_answer(sequence, mark, self.now + ms(20))
    }

    fn pass(&mut self) -> Verdict {
        let sequence = self.send();
        let mark = self.reflect();
        self.answer(sequence, mark)
    }

    fn lose_forward(&mut self) -> u32 {
        self.send()
    }

    fn lose_back(&mut self) -> (u32, Mark) {
        (self.send(), self.reflect())
    }

    /// What has been told once everything is old enough.
    fn told(&mut self, after: Duration) -> Losses {
        self.now += after + ms(1);
        self.ledger.settle(self.now);
        self.ledger.take()
    }
}

const FRESH: Verdict = Verdict::Fresh { reordered: false, restarted: false };

fn losses(forward: u64, back: u64, undecided: u64) -> Losses {
    Losses { forward, back, undecided }
}

#[test]
fn each_direction_is_told_what_it_lost_even_in_one_gap() {
    let mut line = Line::new(0);
    for _ in 0..3 {
        assert_eq!(line.pass(), FRESH);
    }
    line.lose_forward();
    line.lose_forward();
    line.lose_back();
    line.lose_forward();
    assert_eq!(line.pass(), FRESH);
    line.lose_back();
    assert_eq!(line.pass(), FRESH);
    assert_eq!(line.told(ms(0)), losses(0, 0, 0), "not before they are given up");
    assert_eq!(line.told(TIMEOUT), losses(3, 2, 0));
    assert_eq!(line.ledger.outstanding(), 0);
}

#[test]
fn a_line_that_is_cut_altogether_is_undecided_until_it_comes_back_and_then_told_if_it_still_can_be() {
    let mut line = Line::new(40);
    line.pass();
    for _ in 0..20 {
        line.lose_forward();
    }
    assert_eq!(line.told(TIMEOUT), losses(0, 0, 0), "the direction may still come to be known");
    assert_eq!(line.pass(), FRESH);
    assert_eq!(line.told(ms(1)), losses(20, 0, 0));
    for _ in 0..20 {
        line.lose_back();
    }
    assert_eq!(line.told(TIMEOUT + HOLD), losses(0, 0, 20), "long enough");
    line.lose_back();
    assert_eq!(line.pass(), FRESH);
    assert_eq!(line.told(TIMEOUT), losses(0, 1, 0), "all of the span were lost on the way back");
    for _ in 0..20 {
        line.lose_forward();
    }
    assert_eq!(line.told(TIMEOUT + HOLD), losses(0, 0, 20));
    line.lose_back();
    line.lose_forward();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(0, 0, 2), "what was told undecided may have been any of them");
}

#[test]
fn a_reflector_that_repeats_the_senders_numbers_is_not_believed_to_count() {
    let mut line = Line::new(0);
    for _ in 0..5 {
        let sequence = line.send();
        let mark = line.mark(sequence);
        assert_eq!(line.answer(sequence, mark), FRESH);
    }
    line.lose_forward();
    let sequence = line.send();
    let mark = line.mark(sequence);
    line.answer(sequence, mark);
    assert_eq!(line.told(TIMEOUT), losses(0, 0, 1));
}

#[test]
fn a_reflector_that_begins_anew_leaves_only_the_gap_undecided() {
    let mut line = Line::new(0);
    for _ in 0..10 {
        line.pass();
    }
    line.lose_forward();
    line.pass();
    line.told(TIMEOUT);
    line.lose_back();
    line.number = 0;
    line.lose_forward();
    assert_eq!(line.pass(), Verdict::Fresh { reordered: false, restarted: true });
    assert_eq!(line.pass(), FRESH);
    line.lose_back();
    line.lose_forward();
    line.lose_forward();
    assert_eq!(line.pass(), FRESH);
    assert_eq!(line.told(TIMEOUT), losses(2, 1, 2));
}

#[test]
fn a_straggler_from_before_the_restart_is_no_restart() {
    let mut line = Line::new(0);
    for _ in 0..10 {
        line.pass();
    }
    let (slow, old) = line.lose_back();
    line.number = 0;
    assert_eq!(line.pass(), Verdict::Fresh { reordered: false, restarted: true });
    assert_eq!(line.answer(slow, old), Verdict::Fresh { reordered: true, restarted: false });
    assert_eq!(line.pass(), FRESH);
    line.lose_back();
    assert_eq!(line.pass(), FRESH);
    assert_eq!(line.told(TIMEOUT), losses(0, 1, 0));
}

#[test]
fn probes_that_change_their_order_on_the_way_are_no_restart_and_no_loss() {
    let mut line = Line::new(0);
    line.pass();
    let (first, second) = (line.send(), line.send());
    let mark = line.reflect();
    assert_eq!(line.answer(second, mark), FRESH);
    line.now += ms(1);
    let mark = line.reflect();
    assert_eq!(line.answer(first, mark), Verdict::Fresh { reordered: true, restarted: false });
    line.lose_back();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(0, 1, 0));
}

#[test]
fn a_late_answer_is_a_loss_of_neither_direction_and_comes_once() {
    let mut line = Line::new(0);
    line.pass();
    let (slow, mark) = line.lose_back();
    line.now += TIMEOUT;
    assert_eq!(line.answer(slow, mark), Verdict::Late);
    assert_eq!(line.answer(slow, mark), Verdict::Duplicate);
    line.lose_forward();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(1, 0, 1));
}

#[test]
fn an_answer_to_what_was_settled_is_late_and_takes_nothing_back() {
    let mut line = Line::new(0);
    line.pass();
    let (slow, mark) = line.lose_back();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(0, 1, 0));
    assert_eq!(line.answer(slow, mark), Verdict::Late);
    line.lose_forward();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(1, 0, 0));
}

#[test]
fn doubled_packets_are_no_answers_to_others() {
    let mut line = Line::new(0);
    line.pass();
    let sequence = line.send();
    let (one, two) = (line.reflect(), line.reflect());
    assert_eq!(line.answer(sequence, one), FRESH);
    assert_eq!(line.answer(sequence, two), Verdict::Duplicate, "doubled on the way there");
    assert_eq!(line.answer(sequence, two), Verdict::Duplicate, "doubled on the way back");
    line.lose_forward();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(1, 0, 0));
}

#[test]
fn what_was_not_sent_is_not_lost() {
    let mut line = Line::new(0);
    line.pass();
    let sequence = line.send();
    assert!(line.ledger.on_unsent(sequence));
    assert!(!line.ledger.on_unsent(sequence));
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(0, 0, 0));
}

#[test]
fn both_sides_numbers_may_begin_again_at_zero() {
    let mut line = Line::new(u32::MAX - 3);
    for _ in 0..4 {
        line.lose_back();
        line.lose_forward();
        assert_eq!(line.pass(), FRESH);
    }
    assert_eq!(line.told(TIMEOUT), losses(4, 4, 0));
}

#[test]
fn an_endless_outage_takes_bounded_memory_and_is_counted_whole() {
    let mut line = Line::new(0);
    line.pass();
    for n in 0..3 * MAX_OUTSTANDING {
        line.lose_forward();
        if n % 100 == 0 {
            line.ledger.settle(line.now);
        }
    }
    assert!(line.ledger.probes.len() <= MAX_OUTSTANDING);
    let undecided = line.told(TIMEOUT + HOLD).undecided;
    assert_eq!(undecided, 3 * MAX_OUTSTANDING as u64);
    line.pass();
    line.pass();
    line.lose_back();
    line.pass();
    assert_eq!(line.told(TIMEOUT), losses(0, 1, 0));
}

/// What happens to one probe.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Passes,
    LostForward,
    LostBack,
    /// It is overtaken on the way there by the next.
    Overtaken,
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        5 => Just(Luck::Passes),
        1 => Just(Luck::LostForward),
        1 => Just(Luck::LostBack),
        1 => Just(Luck::Overtaken),
    ]
}

proptest! {
    #[test]
    fn whatever_the_line_does_both_counts_are_exact(
        lucks in proptest::collection::vec(luck(), 1..200),
        begin: u32,
        settle_every in 1usize..40,
    ) {
        let mut line = Line::new(begin);
        line.pass();
        let mut truth = Losses::default();
        let mut told = Losses::default();
        let mut overtaken = None;
        for (n, luck) in lucks.into_iter().enumerate() {
            let sequence = line.send();
            match luck {
                Luck::LostForward => truth.forward += 1,
                Luck::LostBack => {
                    line.reflect();
                    truth.back += 1;
                }
                Luck::Overtaken if overtaken.is_none() => overtaken = Some(sequence),
                Luck::Overtaken | Luck::Passes => {
                    let mark = line.reflect();
                    prop_assert_eq!(line.answer(sequence, mark), FRESH);
                    if let Some(slow) = overtaken.take() {
                        line.now += ms(1);
                        let mark = line.reflect();
                        match line.answer(slow, mark) {
                            Verdict::Fresh { restarted, .. } => prop_assert!(!restarted),
                            verdict => {
                                prop_assert_eq!(verdict, Verdict::Late);
                                truth.undecided += 1;
                            }
                        }
                    }
                }
            }
            if n % settle_every == 0 {
                line.ledger.settle(line.now);
                told.add(line.ledger.take());
            }
        }
        truth.forward += u64::from(overtaken.is_some());
        line.pass();
        told.add(line.told(TIMEOUT));
        prop_assert_eq!(told, truth);
    }

    #[test]
    fn any_reflector_keeps_the_account_whole(
        events in proptest::collection::vec((any::<bool>(), 0u32..40, any::<u32>(), any::<u64>(), 0u64..3_000), 1..300),
    ) {
        let mut line = Line::new(0);
        let (mut sent, mut fresh) = (1u64, 1u64);
        for (send, back, number, at, wait) in events {
            line.now += ms(wait);
            if send {
                line.send();
                sent += 1;
            }
            let mark = Mark { sequence: number % 64, sent: at };
            let verdict = line.answer(line.next.saturating_sub(back), mark);
            fresh += u64::from(matches!(verdict, Verdict::Fresh { .. }));
            line.ledger.settle(line.now);
        }
        let told = line.told(TIMEOUT + HOLD);
        prop_assert_eq!(fresh + told.forward + told.back + told.undecided, sent);
        prop_assert_eq!(line.ledger.outstanding(), 0);
    }
}
