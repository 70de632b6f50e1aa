//! The pieces that the pages about incidents are made of.

use std::borrow::Borrow;
use std::fmt::Write as _;

use wasl_model::health::Reason;
use wasl_model::{EntityKind, IncidentEvent, IncidentSeverity, Timestamp};

use super::{Markup, Painter, escape, keep_units};
use crate::format;
use crate::view::{IncidentView, MaintenanceView};

/// The word of an event in the family of texts `event-…`; the same as in the API.
pub(crate) fn event_word(event: &IncidentEvent) -> &'static str {
    match event {
        IncidentEvent::Opened { .. } => "opened",
        IncidentEvent::Changed { .. } => "changed",
        IncidentEvent::Joined { .. } => "joined",
        IncidentEvent::Left { .. } => "left",
        IncidentEvent::Flapping { .. } => "flapping",
        IncidentEvent::Absorbed { .. } => "absorbed",
        IncidentEvent::MergedInto { .. } => "merged_into",
        IncidentEvent::Acknowledged { .. } => "acknowledged",
        IncidentEvent::Maintenance { .. } => "maintenance",
        IncidentEvent::Ended => "ended",
    }
}

/// The mark whose shape and colour a severity has.
fn severity_class(severity: IncidentSeverity) -> &'static str {
    match severity {
        IncidentSeverity::Warning => "degraded",
        IncidentSeverity::Critical => "down",
    }
}

#[expect(clippy::unused_self, reason = "templates reach everything through the painter")]
impl Painter<'_> {
    /// Shape, colour and word of an incident's severity.
    pub(crate) fn incident_severity(&self, severity: impl Borrow<IncidentSeverity>) -> Markup {
        let severity = *severity.borrow();
        self.badge(severity_class(severity), &self.word("incident-severity", severity.as_str()))
    }

    /// An incident's number, with the word before it, as a link to its page.
    pub(crate) fn incident_link(&self, id: impl Borrow<u64>) -> Markup {
        let id = id.borrow();
        Markup(format!("<a href=\"/incidents/{id}\">{}</a>", self.incident_number(id)))
    }

    /// An incident's number, with the word before it. It is a name, so its digits are not grouped.
    pub(crate) fn incident_number(&self, id: impl Borrow<u64>) -> Markup {
        let number = self.figure(Some(id.borrow().to_string()));
        Markup(format!("{} {number}", escape(&self.t("incident"))))
    }

    /// What kind of thing the cause is and, unless it is a site itself, where it stands.
    pub(crate) fn incident_root(&self, view: &IncidentView) -> Markup {
        let kind = escape(&self.kind(view.root.kind));
        match &view.site {
            Some(site) if view.root.kind != EntityKind::Site => {
                Markup(format!("{kind} · {}", self.name(self.called(site))))
            }
            _ => Markup(kind),
        }
    }

    /// The title of `/incidents`: as on the overview, what is open stands in front.
    pub(crate) fn incidents_title(&self, open: &[IncidentView]) -> String {
        let count = |wanted| open.iter().filter(|i| i.severity == wanted).count();
        let mut title = String::new();
        for (severity, shape) in [(IncidentSeverity::Critical, '■'), (IncidentSeverity::Warning, '▲')] {
            match count(severity) {
                0 => {}
                n => {
                    let _ = write!(title, "{shape}{n} ");
                }
            }
        }
        title + &self.t("nav-incidents")
    }

    /// Why, without a judgement around it.
    pub(crate) fn because(&self, reason: &Reason) -> Markup {
        Markup(format!("<span class=\"why\">{}</span>", escape(&keep_units(&self.reason(reason)))))
    }

    /// How long something lasted, or has lasted until now.
    pub(crate) fn lasted(
        &self,
        from: impl Borrow<Timestamp>,
        until: impl Borrow<Option<Timestamp>>,
    ) -> Markup {
        let until = until.borrow().unwrap_or(self.now);
        let text = self.texts.duration(self.lang, until.since(*from.borrow()));
        Markup(format!("<span class=\"span\">{}</span>", escape(&text)))
    }

    /// A point in time to the second, with the age behind it.
    pub(crate) fn moment(&self, at: impl Borrow<Timestamp>) -> Markup {
        let at = *at.borrow();
        Markup(format!(
            "<time class=\"fig\" dir=\"ltr\" datetime=\"{}\" title=\"{}\">{}</time>",
            format::instant(at),
            escape(&self.texts.age(self.lang, at, self.now)),
            format::moment(at, &self.zone)
        ))
    }

    /// A point in time that is known, with the age behind it.
    pub(crate) fn date_at(&self, at: impl Borrow<Timestamp>) -> Markup {
        self.date(Some(*at.borrow()))
    }

    /// The label of an event; what it is about follows it.
    pub(crate) fn event(&self, event: &IncidentEvent) -> String {
        let word = event_word(event);
        match event {
            IncidentEvent::Flapping { changes } => self.tn(&format!("event-{word}"), changes),
            _ => self.word("event", word),
        }
    }

    /// The shape beside an event in a timeline; its text says the same.
    pub(crate) fn event_mark(&self, event: &IncidentEvent) -> Markup {
        let class = match event {
            IncidentEvent::Opened { health, .. } | IncidentEvent::Changed { health, .. } => health.as_str(),
            IncidentEvent::Ended => "ok",
            IncidentEvent::Maintenance { .. } => "maintenance",
            IncidentEvent::Acknowledged { .. } => "info",
            _ => "step",
        };
        super::mark(class)
    }

    /// Whether a maintenance is in force, will be, or was: shape, colour and word.
    pub(crate) fn maintenance_state(&self, view: &MaintenanceView) -> Markup {
        if view.under_way {
            self.badge("maintenance", &self.t("maintenance-under-way"))
        } else if view.from > self.now {
            self.badge("step", &self.t("maintenance-planned"))
        } else {
            self.badge("over", &self.t("maintenance-over"))
        }
    }

    /// Whether an incident lasts: shape, colour and word.
    pub(crate) fn incident_state(&self, view: &IncidentView) -> Markup {
        match view.ended {
            None => self.badge(severity_class(view.severity), &self.t("incident-goes-on")),
            Some(_) => self.badge("over", &self.t("incident-over")),
        }
    }
}
