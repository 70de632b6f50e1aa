//! All words that people read, in both languages, from the Fluent files in `locales/`.
//!
//! English texts are plain. In Arabic texts every inserted figure or name is wrapped in the isolate
//! characters U+2068 and U+2069, so that `12.3 ms` keeps its order inside a right-to-left sentence;
//! in English this is done only to what is not plain (ASCII and `µ`), because an API's reader wants to
//! search for what it reads.
//!
//! # Arguments of reasons
//! A [`Reason`]'s arguments are texts; the end of an argument's name tells what the text means:
//!
//! | name | meaning | shown as |
//! |---|---|---|
//! | `…_ms` | milliseconds | `12.3 ms` |
//! | `…_s` | seconds | a time below 90 s, otherwise in words |
//! | `…_hours` | hours | in words |
//! | `…percent` | 0 to 100 | `12.5 %` |
//! | `…per_second` | a rate | `0.250 /s` |
//! | `days`, `count` | a whole number | with the right plural |
//! | `since`, `until` | milliseconds since 1970 | a date and time |
//! | `outcome` | a word of [`BackupOutcome`](wasl_model::BackupOutcome) | in words |
//! | `direction` | `down` or `up`, seen from a link's last place | in words |
//!
//! A text that does not parse so is shown as it is.

mod occurrence;

use std::borrow::Cow;
use std::time::Duration;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use jiff::tz::TimeZone;
use unic_langid::langid;
use wasl_model::Timestamp;
use wasl_model::health::Reason;

use crate::Lang;
use crate::format::{self, TimeUnit};

/// Every reason code that has a text.
pub const REASONS: &[&str] = &[
    "agent_connected",
    "agent_disconnected",
    "agent_never_seen",
    "agent_clock_off",
    "agent_certificate_ends",
    "agent_spool_dropping",
    "machine_fine",
    "memory_low",
    "disk_fine",
    "disk_filling",
    "disk_full",
    "disk_read_only",
    "interface_up",
    "interface_down",
    "interface_disabled",
    "interface_unused",
    "interface_gone",
    "interface_errors",
    "target_answers",
    "target_lossy",
    "target_silent",
    "device_answers",
    "device_silent",
    "target_slow",
    "target_jittery",
    "target_flapping",
    "path_measured",
    "path_loses_there",
    "path_loses_back",
    "path_silent",
    "path_cut_there",
    "path_cut_back",
    "link_up",
    "link_one_ended",
    "link_cut",
    "link_no_way",
    "link_lossy",
    "link_slow",
    "link_jittery",
    "link_flapping",
    "link_congested",
    "link_faulty",
    "share_counted",
    "share_fair",
    "share_exceeded",
    "ring_whole",
    "ring_broken",
    "ring_parted",
    "sensor_fine",
    "sensor_measures",
    "sensor_degraded",
    "sensor_down",
    "backup_fresh",
    "backup_stale",
    "backup_unreadable",
    "backup_empty",
    "not_observed",
    "not_measured",
    "observations_stale",
    "not_heard",
    "site_reachable",
    "site_silent",
    "uplinks_up",
    "uplinks_degraded",
    "uplinks_down",
    "redundancy_lost",
    "flapping",
    "in_maintenance",
];

const ENGLISH: [(&str, &str); 3] = [
    ("en/pages.ftl", include_str!("../locales/en/pages.ftl")),
    ("en/reasons.ftl", include_str!("../locales/en/reasons.ftl")),
    ("en/words.ftl", include_str!("../locales/en/words.ftl")),
];
const ARABIC: [(&str, &str); 3] = [
    ("ar/pages.ftl", include_str!("../locales/ar/pages.ftl")),
    ("ar/reasons.ftl", include_str!("../locales/ar/reasons.ftl")),
    ("ar/words.ftl", include_str!("../locales/ar/words.ftl")),
];

/// What is inserted into a text.
#[derive(Debug, Clone, Copy)]
pub enum Arg<'a> {
    /// A name or a figure with its unit.
    Text(&'a str),
    /// A number that the text's plural depends on.
    Number(u64),
}

impl<'a> From<&'a str> for Arg<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Arg<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Arg<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

/// The texts of both languages. Make one at start and share it between threads.
pub struct Texts {
    english: FluentBundle<FluentResource>,
    arabic: FluentBundle<FluentResource>,
}

impl Default for Texts {
    fn default() -> Self {
        Self::new()
    }
}

impl Texts {
    /// Parses the embedded files. They are part of the program, so a fault in them is a fault of the
    /// build, and a test finds it.
    pub fn new() -> Self {
        let bundle = |lang, isolating, files: &[(&str, &str)]| {
            let mut bundle = FluentBundle::new_concurrent(vec![lang]);
            bundle.set_use_isolating(isolating);
            for (name, text) in files {
                let resource = FluentResource::try_new((*text).to_owned())
                    .unwrap_or_else(|(_, errors)| panic!("locales/{name} is not valid Fluent: {errors:?}"));
                bundle
                    .add_resource(resource)
                    .unwrap_or_else(|errors| panic!("locales/{name} repeats a key: {errors:?}"));
            }
            bundle
        };
        Self { english: bundle(langid!("en"), false, &ENGLISH), arabic: bundle(langid!("ar"), true, &ARABIC) }
    }

    fn bundle(&self, lang: Lang) -> &FluentBundle<FluentResource> {
        match lang {
            Lang::En => &self.english,
            Lang::Ar => &self.arabic,
        }
    }

    /// Whether a text exists.
    pub fn has(&self, lang: Lang, key: &str) -> bool {
        self.bundle(lang).has_message(key)
    }

    /// The text for a key. An unknown key comes back as itself: ugly, harmless, and found by tests.
    pub fn get(&self, lang: Lang, key: &str, args: &[(&str, Arg<'_>)]) -> String {
        let bundle = self.bundle(lang);
        let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else {
            return key.to_owned();
        };
        let mut values = FluentArgs::with_capacity(args.len());
        for (name, arg) in args {
            values.set(
                *name,
                match arg {
                    Arg::Number(n) => FluentValue::from(*n as f64),
                    Arg::Text(text) => FluentValue::String(insertable(lang, text)),
                },
            );
        }
        let mut errors = Vec::new();
        bundle.format_pattern(pattern, Some(&values), &mut errors).into_owned()
    }

    /// The text of a reason, with times in UTC.
    pub fn reason(&self, lang: Lang, reason: &Reason) -> String {
        self.reason_in(lang, reason, &TimeZone::UTC)
    }

    /// The text of a reason, with times in `zone`. A code that this version does not know is shown
    /// with its arguments.
    pub fn reason_in(&self, lang: Lang, reason: &Reason, zone: &TimeZone) -> String {
        let key = format!("reason-{}", reason.code);
        if !self.has(lang, &key) {
            let args: Vec<String> = reason.args.iter().map(|(k, v)| format!("{k}={v}")).collect();
            return self.get(
                lang,
                "reason-unlisted",
                &[("code", Arg::Text(&reason.code)), ("args", Arg::Text(&args.join(", ")))],
            );
        }
        let texts: Vec<(&str, Result<u64, String>)> = reason
            .args
            .iter()
            .map(|(name, value)| (name.as_str(), self.reason_arg(lang, name, value, zone)))
            .collect();
        let args: Vec<(&str, Arg<'_>)> = texts
            .iter()
            .map(|(name, value)| match value {
                Ok(number) => (*name, Arg::Number(*number)),
                Err(text) => (*name, Arg::Text(text)),
            })
            .collect();
        self.get(lang, &key, &args)
    }

    /// A number that decides a plural, or else a text.
    fn reason_arg(&self, lang: Lang, name: &str, value: &str, zone: &TimeZone) -> Result<u64, String> {
        let Some(number) = value.parse::<f64>().ok().filter(|n| n.is_finite()) else {
            let word = format!("{name}-{value}");
            return Err(if matches!(name, "outcome" | "direction") && self.has(lang, &word) {
                self.get(lang, &word, &[])
            } else {
                value.to_owned()
            });
        };
        let words = |seconds: f64| self.duration(lang, Duration::from_secs_f64(seconds.clamp(0.0, 1e12)));
        if matches!(name, "days" | "count") {
            return Ok(number.max(0.0).round() as u64);
        }
        Err(if matches!(name, "since" | "until") {
            let zone_name = if *zone == TimeZone::UTC { " UTC" } else { "" };
            format!("{}{zone_name}", format::date_time(Timestamp(number as i64), zone))
        } else if name.ends_with("_ms") {
            format::seconds(number / 1000.0)
        } else if name.ends_with("_s") && number.abs() < 90.0 {
            format::seconds(number)
        } else if name.ends_with("_s") {
            words(number.abs())
        } else if name.ends_with("_hours") {
            words(number * 3600.0)
        } else if name.ends_with("percent") {
            format::percent(number / 100.0)
        } else if name.ends_with("per_second") {
            format::per_second(number)
        } else {
            value.to_owned()
        })
    }

    /// A duration in its two largest units: "3 d 4 h", "3 أيام و4 ساعات".
    pub fn duration(&self, lang: Lang, duration: Duration) -> String {
        let part = |(unit, n): (TimeUnit, u64)| {
            let key = match unit {
                TimeUnit::Second => "duration-seconds",
                TimeUnit::Minute => "duration-minutes",
                TimeUnit::Hour => "duration-hours",
                TimeUnit::Day => "duration-days",
            };
            self.get(lang, key, &[("n", Arg::Number(n))])
        };
        let [first, second] = format::duration(duration).map(|p| p.map(part));
        let first = first.unwrap_or_default();
        match second {
            Some(second) => self.get(
                lang,
                "duration-two",
                &[("first", Arg::Text(&first)), ("second", Arg::Text(&second))],
            ),
            None => first,
        }
    }

    /// How long ago, or in how long: "3 min ago", "in 24 days".
    pub fn age(&self, lang: Lang, at: Timestamp, now: Timestamp) -> String {
        let past = at <= now;
        let (unit, n) = format::age(if past { now.since(at) } else { at.since(now) });
        let key = match (past, unit) {
            (true, TimeUnit::Second) => "ago-seconds",
            (true, TimeUnit::Minute) => "ago-minutes",
            (true, TimeUnit::Hour) => "ago-hours",
            (true, TimeUnit::Day) => "ago-days",
            (false, TimeUnit::Second) => "in-seconds",
            (false, TimeUnit::Minute) => "in-minutes",
            (false, TimeUnit::Hour) => "in-hours",
            (false, TimeUnit::Day) => "in-days",
        };
        self.get(lang, key, &[("n", Arg::Number(n))])
    }
}

/// A text that cannot reorder its surroundings.
fn insertable(lang: Lang, text: &str) -> Cow<'static, str> {
    // A duration that was put together from parts holds isolates of ours, in pairs.
    let ours = lang == Lang::Ar && text.starts_with('\u{2068}') && balanced(text);
    let shown = if ours { Cow::Borrowed(text) } else { format::visible(text) };
    match lang {
        Lang::En if !is_plain(text) => format!("\u{2068}{shown}\u{2069}").into(),
        _ => shown.into_owned().into(),
    }
}

/// Whether the text is read from left to right by itself: ASCII, and the sign in the unit of most round trips on a local net.
fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii() || c == 'µ')
}

/// Whether the text is made of first-strong isolates, each closed, and no other control character.
fn balanced(text: &str) -> bool {
    let mut open = 0i32;
    for c in text.chars() {
        match c {
            '\u{2068}' => open += 1,
            '\u{2069}' => open -= 1,
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}' | '\u{2067}') => {
                return false;
            }
            _ => {}
        }
        if open < 0 {
            return false;
        }
    }
    open == 0
}

#[cfg(test)]
mod tests;
