//! What lists of events are made of.

use std::fmt::Write as _;

use wasl_model::EntityKind;

use super::{Markup, Painter, escape, keep_units};
use crate::format;
use crate::view::{ChangeView, OccurrenceView};

impl Painter<'_> {
    /// What an entity became, or what happened to it, and why.
    pub(crate) fn changed_to(&self, change: &ChangeView) -> Markup {
        let mut out = Markup::default();
        if let Some(subject) = &change.subject {
            let kind = escape(&self.kind(subject.kind));
            // What was only found has no page of its own.
            let found = matches!(subject.kind, EntityKind::Station | EntityKind::Neighbour);
            let name = if found { self.code(&subject.id) } else { self.subject(subject) };
            let _ = write!(out.0, "<span class=\"meta\">{kind}</span> {name} ");
        }
        let what = match (&change.occurrence, change.health) {
            (Some(occurrence), _) => self.occurrence(occurrence),
            (None, None) => Markup(escape(&self.t("change-gone"))),
            (None, Some(health)) => {
                let reason = change.reason.as_ref().map(|reason| format!(" {}", self.because(reason)));
                Markup(format!("{}{}", self.health(health), reason.unwrap_or_default()))
            }
        };
        out.0.push_str(&what.0);
        out
    }

    fn occurrence(&self, occurrence: &OccurrenceView) -> Markup {
        let OccurrenceView { code, severity, detail, args, late } = occurrence;
        let sentence = self.texts.occurrence(self.lang, code, args);
        // The sentence isolates its figures by marks of its own, which stay; what a device said may hold others.
        let mut out = self.severity(*severity);
        let _ = write!(out.0, " {}", escape(&keep_units(&sentence)));
        if *late {
            let _ = write!(out.0, " <span class=\"meta\">{}</span>", escape(&self.t("event-late")));
        }
        // Where the sentence has all the figures, the agent's words would only say it again.
        if !matches!(*code, "unknown_station" | "address_conflict" | "gone" | "activity_changed")
            && !detail.is_empty()
        {
            let shown: String = detail.chars().take(DETAIL).collect();
            let more = if detail.chars().nth(DETAIL).is_some() { "…" } else { "" };
            let _ = write!(
                out.0,
                " <small class=\"meta\">{}{more}</small>",
                self.detail(format::visible(&shown))
            );
        }
        out
    }
}

/// Characters of an agent's words in a list.
const DETAIL: usize = 300;
