//! What happened, for the pages of those to whom it did.

use wasl_model::Subject;
use wasl_pages::view::{ChangeView, OccurrenceView};
use wasl_store::{HealthEvent, Occurrence, StoredEvent};

/// An event as a page shows it; `page`: what the page is about, which need not be named.
pub(in crate::operators) fn change(stored: StoredEvent, page: Option<&Subject>) -> ChangeView {
    let HealthEvent { at, subject, health, reason, occurrence, .. } = stored.event;
    let occurrence = occurrence.map(|Occurrence { event, late, .. }| OccurrenceView {
        code: event.code.as_str(),
        severity: event.severity,
        detail: event.detail,
        args: event.args,
        late,
    });
    ChangeView {
        at,
        subject: Some(subject).filter(|subject| Some(subject) != page),
        health,
        reason,
        occurrence,
    }
}
