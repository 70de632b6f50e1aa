use super::*;

fn closed(counts: &[(u64, u64)]) -> Vec<Candidate> {
    counts
        .iter()
        .map(|&(pending_samples, pending_events)| Candidate { pending_samples, pending_events })
        .collect()
}

#[test]
fn the_named_order_holds() {
    type Row = (&'static str, &'static [(u64, u64)], bool, Option<Step>);
    let table: &[Row] = &[
        ("nothing closed", &[], true, None),
        ("acknowledged first", &[(3, 0), (0, 0)], true, Some(Step::Forget(1))),
        ("then the oldest samples", &[(0, 2), (5, 0), (5, 0)], true, Some(Step::Drop(1))),
        ("out of mixed segments too", &[(0, 2), (5, 1), (5, 0)], true, Some(Step::Thin(1))),
        ("mixed ones stay while there are many holes", &[(0, 2), (5, 1), (5, 0)], false, Some(Step::Drop(2))),
        ("events last, oldest first", &[(0, 2), (0, 9)], true, Some(Step::Drop(0))),
        ("whole segments when nothing else is left", &[(4, 2), (4, 9)], false, Some(Step::Drop(0))),
    ];
    for (why, counts, may_thin, wanted) in table {
        assert_eq!(next_step(&closed(counts), *may_thin), *wanted, "{why}");
    }
}
