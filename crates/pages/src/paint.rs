//! Turns values into the small pieces of HTML that the templates are made of.
//!
//! Whatever comes from outside is escaped here or by the template engine, and isolated: names in
//! `<bdi>`, figures in `<bdi dir="ltr">`. Methods take `impl Borrow`, because the template engine
//! hands over references.

mod accounting;
mod discovery;
mod events;
pub(crate) mod incidents;
mod links;

use std::borrow::Borrow;
use std::fmt::{self, Write as _};

use askama::filters::{Escaper, Html, HtmlSafe};
use jiff::tz::TimeZone;
use wasl_model::health::{Health, Proof, Reason};
use wasl_model::units::Unit;
use wasl_model::{AgentRole, EntityKind, Localized, Subject, Timestamp, UserRole};

use crate::texts::Arg;
use crate::view::{FigureView, Judgement, KindTotal, Nav};
use crate::{Lang, Texts, assets, format, spark};

/// A piece of HTML that is safe to insert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(pub(crate) String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Escapes text for element content and quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    Html.write_escaped_str(&mut out, text).expect("writing to a String cannot fail");
    out
}

/// What every page needs: a language, the moment it is made for and where its reader's clock hangs.
#[derive(Clone)]
pub struct Painter<'a> {
    texts: &'a Texts,
    lang: Lang,
    now: Timestamp,
    zone: TimeZone,
}

#[expect(clippy::unused_self, reason = "templates reach everything through the painter")]
impl<'a> Painter<'a> {
    /// `now` is what ages are told from; `zone` is the institution's.
    pub fn new(texts: &'a Texts, lang: Lang, now: Timestamp, zone: TimeZone) -> Self {
        Self { texts, lang, now, zone }
    }

    /// The language.
    pub fn lang(&self) -> Lang {
        self.lang
    }

    pub(crate) fn t(&self, key: &str) -> String {
        self.texts.get(self.lang, key, &[])
    }

    pub(crate) fn tn(&self, key: &str, n: impl Borrow<u64>) -> String {
        self.texts.get(self.lang, key, &[("n", Arg::Number(*n.borrow()))])
    }

    /// The text for a word of the model, such as `outcome` and `locked`.
    pub(crate) fn word(&self, family: &str, word: impl AsRef<str>) -> String {
        self.t(&format!("{family}-{}", word.as_ref()))
    }

    pub(crate) fn asset(&self, name: &str) -> String {
        assets::url(name)
    }

    pub(crate) fn nav(&self) -> Vec<(Nav, String)> {
        Nav::ALL.into_iter().map(|nav| (nav, self.t(nav.key()))).collect()
    }

    pub(crate) fn role(&self, role: impl Borrow<AgentRole>) -> String {
        self.word("role", role.borrow().as_str())
    }

    pub(crate) fn user_role(&self, role: impl Borrow<UserRole>) -> String {
        self.word("user-role", role.borrow().as_str())
    }

    pub(crate) fn kind(&self, kind: impl Borrow<EntityKind>) -> String {
        self.word("kind", kind.borrow().as_str())
    }

    pub(crate) fn kinds(&self, kind: impl Borrow<EntityKind>) -> String {
        self.word("kinds", kind.borrow().as_str())
    }

    pub(crate) fn health_word(&self, health: impl Borrow<Health>) -> String {
        self.word("health", health.borrow().as_str())
    }

    /// A name that somebody or something else chose.
    pub(crate) fn name(&self, name: impl AsRef<str>) -> Markup {
        Markup(format!("<bdi>{}</bdi>", escape(&format::visible(name.as_ref()))))
    }

    /// A name in the reader's language.
    pub(crate) fn called<'n>(&self, name: &'n Localized) -> &'n str {
        name.get(self.lang.tag())
    }

    /// An address, a version or another technical word: always left to right.
    pub(crate) fn code(&self, text: impl AsRef<str>) -> Markup {
        let text = escape(&format::visible(text.as_ref()));
        Markup(format!("<bdi class=\"code\" dir=\"ltr\">{text}</bdi>"))
    }

    /// Words of an agent, which are English.
    pub(crate) fn detail(&self, text: impl AsRef<str>) -> Markup {
        let text = escape(&format::visible(text.as_ref()));
        Markup(format!("<bdi lang=\"en\" dir=\"auto\">{text}</bdi>"))
    }

    pub(crate) fn place(&self, site: impl Borrow<Option<Localized>>) -> Markup {
        match site.borrow() {
            Some(site) => self.name(site.get(self.lang.tag())),
            None => Markup(format::NOTHING.to_owned()),
        }
    }

    /// The visible part of a text that goes into an attribute or a title.
    pub(crate) fn plain(&self, text: impl AsRef<str>) -> String {
        format::visible(text.as_ref()).into_owned()
    }

    /// A figure and its unit, or a dash that is read as "not known".
    fn figure(&self, text: Option<String>) -> Markup {
        match text {
            Some(text) => Markup(format!("<bdi class=\"fig\" dir=\"ltr\">{}</bdi>", escape(&text))),
            None => Markup(format!(
                "<span class=\"fig none\"><span aria-hidden=\"true\">{}</span><span class=\"unseen\">{}</span></span>",
                format::NOTHING,
                escape(&self.t("not-known"))
            )),
        }
    }

    pub(crate) fn bytes(&self, bytes: impl Borrow<Option<u64>>) -> Markup {
        self.figure(bytes.borrow().map(|n| format::bytes(n as f64)))
    }

    /// A nominal speed; a trailing `.00` would pretend to a measurement.
    pub(crate) fn speed(&self, bits_per_second: impl Borrow<Option<u64>>) -> Markup {
        let text = bits_per_second.borrow().map(|n| format::bit_rate(n as f64).replace(".00 ", " "));
        self.figure(text)
    }

    /// Bytes per second, shown as bits per second.
    pub(crate) fn rate(&self, bytes_per_second: impl Borrow<Option<f64>>) -> Markup {
        self.figure(bytes_per_second.borrow().map(|n| format::bit_rate(n * 8.0)))
    }

    pub(crate) fn seconds(&self, seconds: impl Borrow<Option<f64>>) -> Markup {
        self.figure(seconds.borrow().map(format::seconds))
    }

    pub(crate) fn clock(&self, offset: impl Borrow<Option<f64>>, error: impl Borrow<Option<f64>>) -> Markup {
        self.give_or_take(offset.borrow().map(format::offset), *error.borrow())
    }

    /// A figure, and by how many seconds it may be off.
    fn give_or_take(&self, figure: Option<String>, error: Option<f64>) -> Markup {
        let error = error.filter(|_| figure.is_some());
        let mut markup = self.figure(figure);
        if let Some(error) = error {
            let error = self.figure(Some(format!("± {}", format::seconds(error))));
            let _ = write!(markup.0, " <small class=\"meta\">{error}</small>");
        }
        markup
    }

    pub(crate) fn percent(&self, ratio: impl Borrow<Option<f64>>) -> Markup {
        self.figure(ratio.borrow().map(format::percent))
    }

    pub(crate) fn load(&self, ratio: impl Borrow<Option<f64>>) -> Markup {
        self.figure(ratio.borrow().map(format::percent_coarse))
    }

    pub(crate) fn per_second(&self, rate: impl Borrow<Option<f64>>) -> Markup {
        self.figure(rate.borrow().map(format::per_second))
    }

    pub(crate) fn count(&self, n: impl Borrow<Option<u64>>) -> Markup {
        self.figure(n.borrow().map(format::count))
    }

    pub(crate) fn number(&self, n: impl Borrow<u64>) -> Markup {
        self.count(Some(*n.borrow()))
    }

    pub(crate) fn load_of(&self, ratio: impl Borrow<f64>) -> Markup {
        self.load(Some(*ratio.borrow()))
    }

    pub(crate) fn unknown(&self) -> Markup {
        self.figure(None)
    }

    pub(crate) fn age_at(&self, at: impl Borrow<Timestamp>) -> Markup {
        self.age(Some(*at.borrow()))
    }

    pub(crate) fn value(&self, figure: &FigureView) -> Markup {
        let Some(value) = figure.value else {
            return self.figure(None);
        };
        match format::value(figure.unit, value, &self.zone) {
            Some(text) => self.figure(Some(text)),
            None => Markup(escape(&self.flag(value != 0.0))),
        }
    }

    fn flag(&self, on: bool) -> String {
        self.t(if on { "yes" } else { "no" })
    }

    /// An age, with the point in time behind it.
    pub(crate) fn age(&self, at: impl Borrow<Option<Timestamp>>) -> Markup {
        let Some(at) = *at.borrow() else {
            return self.figure(None);
        };
        Markup(format!(
            "<time datetime=\"{}\" title=\"{}\">{}</time>",
            format::instant(at),
            format::date_time(at, &self.zone),
            escape(&self.texts.age(self.lang, at, self.now))
        ))
    }

    /// A point in time, with the age behind it.
    pub(crate) fn date(&self, at: impl Borrow<Option<Timestamp>>) -> Markup {
        let Some(at) = *at.borrow() else {
            return self.figure(None);
        };
        Markup(format!(
            "<time class=\"fig\" dir=\"ltr\" datetime=\"{}\" title=\"{}\">{}</time>",
            format::instant(at),
            escape(&self.texts.age(self.lang, at, self.now)),
            format::date_time(at, &self.zone)
        ))
    }

    /// The name of the clock, for scripts.
    pub(crate) fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    pub(crate) fn now(&self) -> Markup {
        Markup(format!(
            "<time class=\"fig\" dir=\"ltr\" datetime=\"{}\">{}</time>",
            format::instant(self.now),
            format::time_of_day(self.now, &self.zone)
        ))
    }

    /// The shape and colour of a health; the word must stand beside it.
    pub(crate) fn mark(&self, health: impl Borrow<Health>) -> Markup {
        mark(health.borrow().as_str())
    }

    /// Shape, colour and word of a health.
    pub(crate) fn health(&self, health: impl Borrow<Health>) -> Markup {
        let health = *health.borrow();
        self.badge(health.as_str(), &self.health_word(health))
    }

    /// Shape, colour and word of a notice's severity.
    pub(crate) fn severity(&self, severity: impl Borrow<wasl_model::Severity>) -> Markup {
        let severity = *severity.borrow();
        let class = match severity {
            wasl_model::Severity::Info => "info",
            wasl_model::Severity::Warning => "degraded",
            wasl_model::Severity::Error => "down",
        };
        self.badge(class, &self.word("severity", severity.as_str()))
    }

    /// Shape, colour and word of a proof. Only `proved` looks like success.
    pub(crate) fn proof(&self, proof: impl Borrow<Proof>) -> Markup {
        let proof = *proof.borrow();
        let class = match proof {
            Proof::Proved => "ok",
            Proof::Due => "degraded",
            Proof::None => "unknown",
            Proof::Failed => "down",
        };
        self.badge(class, &self.word("proof", proof.as_str()))
    }

    fn badge(&self, class: &str, word: &str) -> Markup {
        Markup(format!("<span class=\"state is-{class}\">{}{}</span>", mark(class), escape(word)))
    }

    pub(crate) fn reason(&self, reason: &Reason) -> String {
        self.texts.reason_in(self.lang, reason, &self.zone)
    }

    /// Why and since when.
    pub(crate) fn why(&self, state: &Judgement) -> Markup {
        let reason = keep_units(&self.reason(&state.reason));
        Markup(format!("<span class=\"why\">{}</span>", escape(&reason)))
    }

    /// The address of an entity's page. The identifier is one path segment, its slashes encoded.
    pub(crate) fn href(&self, kind: impl Borrow<EntityKind>, id: impl AsRef<str>) -> String {
        let id = encode(id.as_ref());
        match kind.borrow() {
            EntityKind::Agent => format!("/agents/{id}"),
            kind => format!("/entities/{kind}/{id}"),
        }
    }

    /// Where entities of a kind are listed.
    pub(crate) fn kind_page(&self, kind: impl Borrow<EntityKind>) -> &'static str {
        match kind.borrow() {
            EntityKind::Agent => "/agents",
            EntityKind::Machine | EntityKind::Disk => "#machines-title",
            EntityKind::Target
            | EntityKind::Link
            | EntityKind::Ring
            | EntityKind::Path
            | EntityKind::Share
            | EntityKind::Sensor
            | EntityKind::Device
            | EntityKind::Interface => "/links",
            EntityKind::BackupJob => "/backups",
            EntityKind::Neighbour | EntityKind::Station => "/discovery",
            EntityKind::Site => "/",
        }
    }

    /// A link to an entity, called `name`.
    pub(crate) fn link(
        &self,
        kind: impl Borrow<EntityKind>,
        id: impl AsRef<str>,
        name: impl AsRef<str>,
    ) -> Markup {
        Markup(format!("<a href=\"{}\">{}</a>", escape(&self.href(kind, id)), self.name(name)))
    }

    /// A link to an entity, called by its identifier.
    pub(crate) fn subject(&self, subject: &Subject) -> Markup {
        Markup(format!(
            "<a href=\"{}\">{}</a>",
            escape(&self.href(subject.kind, &subject.id)),
            self.name(&subject.id)
        ))
    }

    pub(crate) fn encode(&self, text: impl AsRef<str>) -> String {
        encode(text.as_ref())
    }

    /// The unit's word in the API.
    pub(crate) fn unit(&self, unit: impl Borrow<Unit>) -> &'static str {
        match unit.borrow() {
            Unit::Ratio => "ratio",
            Unit::Bytes => "bytes",
            Unit::BytesPerSecond => "bytes_per_second",
            Unit::BitsPerSecond => "bits_per_second",
            Unit::Count => "count",
            Unit::PerSecond => "per_second",
            Unit::Seconds => "seconds",
            Unit::UnixSeconds => "unix_seconds",
            Unit::Flag => "flag",
            Unit::Score => "score",
            Unit::Celsius => "celsius",
            Unit::Volts => "volts",
            Unit::Amperes => "amperes",
            Unit::Watts => "watts",
            Unit::Hertz => "hertz",
            Unit::PerMinute => "per_minute",
        }
    }

    pub(crate) fn bar(&self, share: impl Borrow<Option<f64>>, class: &str) -> Markup {
        Markup(spark::bar(*share.borrow(), class))
    }

    pub(crate) fn total_bar(&self, total: &KindTotal) -> Markup {
        let parts: Vec<(&str, f64)> =
            Health::ALL.iter().zip(total.counts).map(|(health, n)| (health.as_str(), n as f64)).collect();
        Markup(spark::segments(&parts, total.total() as f64))
    }

    /// A share over time, from 0 to 1.
    pub(crate) fn load_line(&self, values: &[Option<f64>]) -> Markup {
        Markup(spark::sparkline(&[values], Some(1.0)))
    }

    pub(crate) fn line(&self, values: &[Option<f64>]) -> Markup {
        Markup(spark::sparkline(&[values], None))
    }

    pub(crate) fn lines(&self, a: &[Option<f64>], b: &[Option<f64>]) -> Markup {
        Markup(spark::sparkline(&[a, b], None))
    }
}

/// Keeps a figure and its unit on one line: `91.2 %`, `3 d`.
fn keep_units(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    let mut rest = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = rest.next() {
        let unit_follows =
            rest.peek().is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, '%' | '/' | 'µ'));
        out.push(if c == ' ' && before.is_ascii_digit() && unit_follows { '\u{a0}' } else { c });
        before = c;
    }
    out
}

fn mark(class: &str) -> Markup {
    Markup(format!("<svg class=\"mark is-{class}\" aria-hidden=\"true\"><use href=\"#mark-{class}\"/></svg>"))
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_one_segment_of_a_path() {
        assert_eq!(encode("pc-1//var/lib"), "pc-1%2F%2Fvar%2Flib");
        assert_eq!(encode("sw/Gi0 \"<ع"), "sw%2FGi0%20%22%3C%D8%B9");
    }

    #[test]
    fn a_hostile_name_stays_text_and_in_its_place() {
        let texts = Texts::new();
        let p = Painter::new(&texts, Lang::Ar, Timestamp(0), TimeZone::UTC);
        let name = p.name("<script>\u{202e}\"'");
        assert_eq!(name.0, "<bdi>&#60;script&#62;⟨U+202E⟩&#34;&#39;</bdi>");
        let link = p.link(EntityKind::Device, "a\"onclick=x", "b");
        assert_eq!(link.0, "<a href=\"/entities/device/a%22onclick%3Dx\"><bdi>b</bdi></a>");
    }
}
