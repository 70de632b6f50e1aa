//! What the pages of links are made of.

use std::borrow::Borrow;

use super::{Markup, Painter, escape, mark};
use crate::spark;
use crate::view::{EndView, FlowView, LinkView};

#[expect(clippy::unused_self, reason = "templates reach everything through the painter")]
impl Painter<'_> {
    /// The names of the places that a link joins.
    pub(crate) fn joins(&self, link: &LinkView) -> Markup {
        let mut names: Vec<String> =
            link.places.iter().map(|(_, name)| self.name(self.called(name)).0).collect();
        if names.len() == 1 {
            names.push(escape(&self.t("internet")));
        }
        Markup(names.join(" – "))
    }

    /// A time of the end whose word decides, in seconds.
    pub(crate) fn end_seconds(&self, link: &LinkView, field: &str) -> Markup {
        self.seconds(link.figure(|end| match field {
            "rtt_p50" => end.rtt_p50,
            "rtt_p95" => end.rtt_p95,
            "rtt_p99" => end.rtt_p99,
            "jitter" => end.jitter,
            _ => None,
        }))
    }

    pub(crate) fn end_loss(&self, link: &LinkView) -> Markup {
        self.percent(link.figure(|end| end.loss))
    }

    pub(crate) fn end_mos(&self, link: &LinkView) -> Markup {
        self.score(link.figure(|end| end.mos))
    }

    /// An opinion score: `4.21`.
    pub(crate) fn score(&self, score: impl Borrow<Option<f64>>) -> Markup {
        self.figure(score.borrow().map(|score| format!("{score:.2}")))
    }

    /// How much of what was bought is used; nothing where that is not known.
    pub(crate) fn share_bar(&self, flow: &FlowView) -> Markup {
        match flow.share() {
            Some(share) => Markup(spark::bar(Some(share), if share >= 0.9 { "degraded" } else { "plain" })),
            None => Markup::default(),
        }
    }

    /// What an end holds of a link, as a mark with its word for whoever does not see it.
    pub(crate) fn verdict_mark(&self, end: &EndView) -> Markup {
        let silent = end.old || end.at.is_none();
        let lost = end.verdict.is_none() && end.loss.is_some_and(|loss| loss >= 1.0);
        let class = match end.verdict {
            _ if silent => "unknown",
            Some("degraded") => "degraded",
            Some("down") => "down",
            _ if lost => "down",
            _ => "ok",
        };
        let word = escape(&self.word("health", class));
        Markup(format!("{}<span class=\"unseen\">{word}</span>", mark(class)))
    }
}
