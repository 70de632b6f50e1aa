//! What the pages of links are made of.

use std::borrow::Borrow;
use std::time::Duration;

use wasl_model::Timestamp;

use super::{Markup, Painter, escape, mark};
use crate::texts::Arg;
use crate::view::{EndMonthView, EndView, FlowView, ForecastView, LinkView, MonthView};
use crate::{format, spark};

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

    /// Where a direction of a link leads: to the last of its places, or back to the first or the Internet.
    pub(crate) fn towards(&self, link: &LinkView, down: bool) -> String {
        self.texts.get(self.lang, "towards", &[("place", Arg::Text(&self.end_of(link, down)))])
    }

    /// What a chart or a row is about; the two directions of a link by where they lead.
    pub(crate) fn flow_label(&self, link: &LinkView, label: impl AsRef<str>) -> String {
        let down = match label.as_ref() {
            "throughput-down" => true,
            "throughput-up" => false,
            other => return self.t(other),
        };
        self.texts.get(self.lang, "throughput-towards", &[("place", Arg::Text(&self.end_of(link, down)))])
    }

    /// A direction that is measured by itself: by where it leads, or as seen from who measures it.
    pub(crate) fn way_label(
        &self,
        link: &LinkView,
        there: impl Borrow<bool>,
        down: impl Borrow<Option<bool>>,
    ) -> String {
        match *down.borrow() {
            Some(down) => self.towards(link, down),
            None if *there.borrow() => self.t("r-there"),
            None => self.t("r-back"),
        }
    }

    fn end_of(&self, link: &LinkView, down: bool) -> String {
        let place = match (link.places.as_slice(), down) {
            ([.., (_, last)], true) => Some(last),
            ([(_, first), _, ..], false) => Some(first),
            _ => None,
        };
        place.map_or_else(|| self.t("the-internet"), |name| format::visible(self.called(name)).into_owned())
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

    /// The delay of one direction, and by how much it may be off.
    pub(crate) fn delay(&self, delay: impl Borrow<Option<f64>>, error: impl Borrow<Option<f64>>) -> Markup {
        self.give_or_take(delay.borrow().map(format::seconds), *error.borrow())
    }

    /// An opinion score: `4.21`.
    pub(crate) fn score(&self, score: impl Borrow<Option<f64>>) -> Markup {
        self.figure(score.borrow().map(|score| format!("{score:.2}")))
    }

    /// A rating R: `87.3`.
    pub(crate) fn rating(&self, rating: impl Borrow<Option<f64>>) -> Markup {
        self.figure(rating.borrow().map(|rating| format!("{rating:.1}")))
    }

    /// An availability or another share that is close to one: `99.973 %`.
    pub(crate) fn fine_percent(&self, share: impl Borrow<Option<f64>>) -> Markup {
        self.figure(share.borrow().map(format::fine_percent))
    }

    /// What was not as it should be in an end's last window; nothing where all was.
    pub(crate) fn irregular(&self, end: &EndView) -> Markup {
        let told = end
            .irregular
            .counts()
            .into_iter()
            .map(|(word, n)| format!("{}: {}", escape(&self.word("irregular", word)), self.number(n)));
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return Markup::default();
        }
        Markup(format!(" <small class=\"meta\">{}</small>", told.join(" · ")))
    }

    /// What a direction carries now; where it is no longer told, for how long.
    pub(crate) fn carries(&self, flow: &FlowView) -> Markup {
        match flow.at.filter(|_| flow.old) {
            Some(at) => self.silent(at),
            None => self.rate(flow.rate),
        }
    }

    /// When something was last told; where that says nothing of now, for how long it has been silent.
    pub(crate) fn told(&self, at: impl Borrow<Option<Timestamp>>, old: impl Borrow<bool>) -> Markup {
        match at.borrow().filter(|_| *old.borrow()) {
            Some(at) => self.silent(at),
            None => self.age(at),
        }
    }

    fn silent(&self, since: Timestamp) -> Markup {
        let time = self.texts.duration(self.lang, self.now.since(since));
        let text = escape(&self.texts.get(self.lang, "silent-for", &[("time", Arg::Text(&time))]));
        Markup(format!("<time class=\"meta\" datetime=\"{}\">{text}</time>", format::instant(since)))
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

    /// A limit from above on a time.
    pub(crate) fn at_most(&self, seconds: impl Borrow<Option<f64>>) -> Markup {
        self.figure(seconds.borrow().map(|limit| format!("≤ {}", format::seconds(limit))))
    }

    /// A limit from above on a share.
    pub(crate) fn share_at_most(&self, share: impl Borrow<Option<f64>>) -> Markup {
        self.figure(share.borrow().map(|limit| format!("≤ {}", format::percent(limit))))
    }

    /// A limit from below on a share.
    pub(crate) fn share_at_least(&self, share: impl Borrow<Option<f64>>) -> Markup {
        self.figure(share.borrow().map(|limit| format!("≥ {}", format::fine_percent(limit))))
    }

    /// A share with all the digits that a report needs: `0.0123 %`.
    pub(crate) fn exact_percent(&self, share: impl Borrow<Option<f64>>) -> Markup {
        self.figure(share.borrow().map(|share| format!("{:.4} %", share * 100.0)))
    }

    /// The interval of a loss.
    pub(crate) fn loss_between(&self, between: impl Borrow<Option<(f64, f64)>>) -> Markup {
        let text = |(low, high): (f64, f64)| format!("{:.4} – {:.4} %", low * 100.0, high * 100.0);
        self.figure(between.borrow().map(text))
    }

    /// A share to a hundredth of a percent.
    pub(crate) fn hundredths(&self, share: impl Borrow<Option<f64>>) -> Markup {
        self.figure(share.borrow().map(format::hundredths))
    }

    /// Worst and best case of an availability.
    pub(crate) fn fine_between(&self, month: &MonthView) -> Markup {
        let both = month.worst.zip(month.best);
        self.figure(
            both.map(|(worst, best)| {
                format!("{} – {}", format::fine_percent(worst), format::fine_percent(best))
            }),
        )
    }

    /// A length of time in words.
    pub(crate) fn lasting(&self, seconds: impl Borrow<f64>) -> Markup {
        let length = Duration::try_from_secs_f64(seconds.borrow().max(0.0)).unwrap_or_default();
        Markup(escape(&self.texts.duration(self.lang, length)))
    }

    /// A time that is known, in seconds.
    pub(crate) fn time(&self, seconds: impl Borrow<f64>) -> Markup {
        self.seconds(Some(*seconds.borrow()))
    }

    /// When this page was made.
    pub(crate) fn stamp(&self) -> Markup {
        self.moment(self.now)
    }

    /// Whether the promise of a month was kept, as shape, colour and word.
    pub(crate) fn promise(&self, month: &MonthView) -> Markup {
        let class = match month.verdict {
            "kept" => "ok",
            "broken" => "down",
            _ => "unknown",
        };
        self.badge(class, &self.word("promise", month.verdict))
    }

    /// The same in a sentence.
    pub(crate) fn promise_text(&self, month: &MonthView) -> String {
        self.word("promise-text", month.verdict)
    }

    /// Whether a limit from above was kept in a month, with what was found; nothing where none was promised.
    pub(crate) fn promised(&self, month: &MonthView, item: &str) -> Markup {
        let Some(promise) = month.promises.iter().find(|promise| promise.item == item) else {
            return Markup::default();
        };
        let class = match promise.verdict {
            "kept" => "ok",
            "broken" => "down",
            _ => "unknown",
        };
        let found =
            if item == "loss" { self.exact_percent(promise.found) } else { self.seconds(promise.found) };
        Markup(format!(" {} {found}", self.badge(class, &self.word("promise", promise.verdict))))
    }

    /// Bytes that were moved, from averages.
    pub(crate) fn in_all(&self, bytes: impl Borrow<Option<f64>>) -> Markup {
        self.figure(bytes.borrow().map(format::bytes))
    }

    /// What an agent's clock was off by.
    pub(crate) fn clock_range(&self, end: &EndMonthView) -> Markup {
        self.figure(
            end.clock.map(|(low, high)| format!("{} … {}", format::offset(low), format::offset(high))),
        )
    }

    /// When a direction will be full, in words.
    pub(crate) fn forecast(&self, forecast: &ForecastView) -> Markup {
        let share = format::percent_coarse;
        let day = |at: Option<Timestamp>, key: &str| match at {
            Some(at) => format::date_time(at, &self.zone).chars().take(10).collect::<String>(),
            None => self.t(key),
        };
        let texts = |key: &str, args: &[(&str, &str)]| {
            let args: Vec<(&str, Arg<'_>)> = args.iter().map(|(k, v)| (*k, Arg::Text(v))).collect();
            escape(&self.texts.get(self.lang, key, &args))
        };
        Markup(match *forecast {
            ForecastView::Unasked => escape(&self.t("forecast-unasked")),
            ForecastView::TooLittle { days, needed } => {
                texts("forecast-too-little", &[("have", &days.to_string()), ("need", &needed.to_string())])
            }
            ForecastView::Full { now } => texts("forecast-full", &[("share", &share(now))]),
            ForecastView::Steady { now } => texts("forecast-steady", &[("share", &share(now))]),
            ForecastView::Grows { now, at: None, .. } => texts("forecast-far", &[("share", &share(now))]),
            ForecastView::Grows { now, per_month, at, earliest, latest } => texts(
                "forecast-grows",
                &[
                    ("share", &share(now)),
                    ("growth", &format!("{:.1} %", per_month * 100.0)),
                    ("day", &day(at, "forecast-never")),
                    ("from", &day(earliest, "forecast-never")),
                    ("until", &day(latest, "forecast-never")),
                ],
            ),
        })
    }
}
