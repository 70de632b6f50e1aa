//! How finds are shown.

use std::borrow::Borrow;

use wasl_model::EntityKind;

use super::{Markup, Painter, escape};
use crate::format;
use crate::view::Known;

impl Painter<'_> {
    /// Whether the configuration knows a find, and as what.
    pub(crate) fn known(&self, known: impl Borrow<Known>) -> Markup {
        match known.borrow() {
            Known::No => self.badge("degraded", &self.t("known-no")),
            Known::Listed => self.badge("ok", &self.t("known-listed")),
            // A station of the configuration has no page of its own.
            Known::As(subject) if subject.kind == EntityKind::Station => self.badge("ok", &subject.id),
            Known::As(subject) => self.subject(subject),
        }
    }

    /// Lines of a text for a program, as they stand.
    #[expect(clippy::unused_self, reason = "templates reach everything through the painter")]
    pub(crate) fn listing(&self, lines: &[String]) -> Markup {
        let lines: Vec<String> = lines.iter().map(|line| escape(&format::visible(line))).collect();
        Markup(lines.join("\n"))
    }
}
