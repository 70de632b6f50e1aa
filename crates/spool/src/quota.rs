//! What goes first when space runs out: *samples before events, oldest first*. Pure.

#[cfg(test)]
mod tests;

/// A closed segment as the policy sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) pending_samples: u64,
    pub(crate) pending_events: u64,
}

/// What to do with the segment at this place of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Unlink; the controller has it all.
    Forget(usize),
    /// Rewrite with its pending events only.
    Thin(usize),
    /// Unlink, and count what was pending.
    Drop(usize),
}

/// The next step for closed segments, oldest first. None when there are none left.
pub(crate) fn next_step(closed: &[Candidate], may_thin: bool) -> Option<Step> {
    let first = |wanted: &dyn Fn(&Candidate) -> bool| closed.iter().position(wanted);
    if let Some(at) = first(&|c| c.pending_samples == 0 && c.pending_events == 0) {
        return Some(Step::Forget(at));
    }
    if let Some(at) = first(&|c| c.pending_samples > 0 && (may_thin || c.pending_events == 0)) {
        return Some(if closed[at].pending_events == 0 { Step::Drop(at) } else { Step::Thin(at) });
    }
    (!closed.is_empty()).then_some(Step::Drop(0))
}
