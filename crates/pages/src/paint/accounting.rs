//! What the tables of who uses a line are made of.

use std::borrow::Borrow;
use std::time::Duration;

use wasl_model::EntityKind;

use super::{Markup, Painter, escape};
use crate::format;
use crate::texts::Arg;
use crate::view::{AccountingView, FlowView, LinkView, ShareView, TalkersView};

impl Painter<'_> {
    /// Who counts, and where.
    pub(crate) fn counted(&self, accounting: &AccountingView) -> Markup {
        let args = [("agent", Arg::Text(&accounting.agent)), ("interface", Arg::Text(&accounting.interface))];
        Markup(escape(&self.texts.get(self.lang, "shares-counted", &args)))
    }

    /// An institution, as a link to its share.
    pub(crate) fn share(&self, link: &LinkView, share: &ShareView) -> Markup {
        self.link(EntityKind::Share, format!("{}/{}", link.id, share.id), self.called(&share.name))
    }

    /// What an institution may use, down and up; once where both are the same.
    pub(crate) fn shares_due(&self, share: &ShareView) -> Markup {
        let due = |flow: &FlowView| self.speed(flow.contracted);
        if share.down.contracted == share.up.contracted {
            return due(&share.down);
        }
        Markup(format!("{} / {}", due(&share.down), due(&share.up)))
    }

    /// What an institution uses of one direction: the rate, of its share, and of the line.
    pub(crate) fn share_use(&self, flow: &FlowView, of_line: impl Borrow<Option<f64>>) -> Markup {
        let part = |key: &str, part: Option<f64>| {
            part.map(|part| {
                let text = format::percent_coarse(part);
                format!(
                    "<small class=\"meta\">{}</small>",
                    escape(&self.texts.get(self.lang, key, &[("share", Arg::Text(&text))]))
                )
            })
        };
        let parts = [
            Some(self.rate(flow.rate).to_string()),
            part("of-share", flow.share()),
            part("of-line", *of_line.borrow()),
        ];
        Markup(parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }

    /// What an address moves, in bytes per second.
    pub(crate) fn moved(&self, rate: impl Borrow<f64>) -> Markup {
        self.rate(Some(*rate.borrow()))
    }

    /// How many addresses were counted, over what time.
    pub(crate) fn talkers_seen(&self, talkers: &TalkersView) -> Markup {
        let time = self.texts.duration(self.lang, Duration::from_secs_f64(talkers.seconds.clamp(0.0, 1e9)));
        let args = [("n", Arg::Number(u64::from(talkers.seen))), ("time", Arg::Text(&time))];
        Markup(escape(&self.texts.get(self.lang, "talkers-seen", &args)))
    }
}
