//! `wasl links` and `wasl link NAME`: the lines between the places.

mod months;

use std::fmt::Write as _;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Args;

use super::client::Client;
use super::{Where, exit, table};
use crate::home::Home;
use crate::operators::api::{
    AccountingBody, ContractBody, DirectionsBody, FlowBody, ForecastBody, LinkBody, LinkEndBody, List,
    UseBody,
};
use crate::time::now;

/// All links, what needs a look first. Exits 1 if one is degraded or down.
#[derive(Debug, Args)]
pub(super) struct Links {
    #[command(flatten)]
    place: Where,
    /// Only those that join this site
    #[arg(long)]
    site: Option<String>,
}

/// One link: how it is, what each end sees, and what the provider owes. Exits 1 if it is degraded or down.
#[derive(Debug, Args)]
pub(super) struct Link {
    #[command(flatten)]
    place: Where,
    /// Its identifier, as `wasl links` shows it
    name: String,
    /// Show it again every second until Ctrl-C; with --json one document a line
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    past: months::Past,
}

fn unhealthy(link: &LinkBody) -> bool {
    matches!(link.health.as_str(), "degraded" | "down")
}

fn code(unhealthy: bool) -> ExitCode {
    if unhealthy { exit::UNHEALTHY.into() } else { ExitCode::SUCCESS }
}

impl Links {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        let mut links: List<LinkBody> = client.get("/api/v1/links").await?;
        if let Some(site) = &self.site {
            links.items.retain(|link| link.between.contains(site));
        }
        let rank = |link: &LinkBody| {
            wasl_model::health::Health::ALL.iter().position(|health| health.as_str() == link.health)
        };
        links.items.sort_by_key(|link| std::cmp::Reverse(rank(link)));
        if self.place.json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&links)?));
        } else if links.items.is_empty() {
            table::show("No link is configured. Add them under `links` in the YAML directory.\n");
        } else {
            list(&links.items);
        }
        Ok(code(links.items.iter().any(unhealthy)))
    }
}

fn list(links: &[LinkBody]) {
    let now = now().0;
    let rows: Vec<Vec<String>> = links
        .iter()
        .map(|link| {
            let end = deciding(link).filter(|end| !end.old);
            let of = |field: fn(&LinkEndBody) -> Option<f64>| end.and_then(field);
            vec![
                table::health(&link.health),
                link.id.clone(),
                link.between.join("–"),
                link.activity.clone(),
                seconds(of(|end| end.rtt_p50)),
                seconds(of(|end| end.rtt_p95)),
                percent(of(|end| end.loss)),
                seconds(of(|end| end.jitter)),
                of(|end| end.mos).map_or_else(dash, |mos| format!("{mos:.2}")),
                flow(&link.down),
                flow(&link.up),
                link.since.map(|since| table::age(since, now)).unwrap_or_default(),
                why(link),
            ]
        })
        .collect();
    let heading = [
        "HEALTH", "LINK", "BETWEEN", "ROLE", "RTT", "P95", "LOSS", "JITTER", "MOS", "DOWN", "UP", "SINCE",
        "WHY",
    ];
    table::print(&heading, &rows);
}

fn why(link: &LinkBody) -> String {
    let differ = if link.ends_differ { " (the ends differ)" } else { "" };
    match &link.caused_by {
        Some(cause) => format!("{}, because of {cause}{differ}", link.reason.text_en),
        None => format!("{}{differ}", link.reason.text_en),
    }
}

fn deciding(link: &LinkBody) -> Option<&LinkEndBody> {
    let agent = link.deciding.as_ref()?;
    link.ends.iter().find(|end| end.agent == *agent)
}

fn dash() -> String {
    "–".to_owned()
}

fn seconds(value: Option<f64>) -> String {
    value.map_or_else(dash, wasl_pages::format::seconds)
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(dash, wasl_pages::format::percent)
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(dash, wasl_pages::format::bit_rate)
}

/// What is carried, and how much of what was bought that is.
fn flow(flow: &FlowBody) -> String {
    match flow.share {
        Some(share) => {
            format!("{} ({})", rate(flow.bits_per_second), wasl_pages::format::percent_coarse(share))
        }
        None => rate(flow.bits_per_second),
    }
}

impl Link {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        let path = format!("/api/v1/links/{}", encoded(&self.name));
        if self.past.is_asked() {
            return self.past.run(&client, &path, self.place.json).await;
        }
        let link: LinkBody = client.get(&path).await?;
        if self.watch {
            return self.follow(client, &path, link).await;
        }
        if self.place.json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&link)?));
        } else {
            table::show(&page(&link));
        }
        Ok(code(unhealthy(&link)))
    }

    /// Shows it again every second. A controller that does not answer is asked again; meanwhile the last page stays,
    /// and says so.
    async fn follow(&self, mut client: Client, path: &str, mut link: LinkBody) -> Result<ExitCode> {
        let screens = std::io::stdout().is_terminal() && !self.place.json;
        // One for all rounds: a Ctrl-C while the controller is asked is none that is missed.
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        let mut answered = Instant::now();
        let mut silent: Option<Duration> = None;
        loop {
            let shown = if self.place.json {
                shown_as_json(&link, silent)?
            } else if screens {
                screen(&format!("{}{}", unanswered(silent), page(&link)))
            } else {
                match silent {
                    Some(_) => format!("{} {}", crate::time::rfc3339(now()), unanswered(silent)),
                    None => line(&link),
                }
            };
            if !table::try_show(&shown) {
                return Ok(code(unhealthy(&link)));
            }
            let next = async {
                ticks.tick().await;
                if silent.is_some() {
                    // One that comes back may listen elsewhere.
                    client = Client::new(&Home::at(self.place.state()))?;
                }
                client.get_within(PATIENCE, path).await
            };
            let answer = tokio::select! {
                _ = &mut interrupted => break,
                answer = next => answer,
            };
            match answer {
                Ok(now) => (link, answered, silent) = (now, Instant::now(), None),
                // One that has just come back may not know its links yet.
                Err(error) if error.is_final() && silent.is_none_or(|time| time > STARTING) => {
                    return Err(error.into());
                }
                Err(_) => silent = Some(answered.elapsed()),
            }
        }
        if screens {
            table::show("\n");
        }
        Ok(code(unhealthy(&link)))
    }
}

/// How often a link that is watched is shown.
const EVERY: Duration = Duration::from_secs(1);
/// How long a controller that has come back may be without its links.
const STARTING: Duration = Duration::from_secs(30);
/// How long an answer may take while a link is watched.
const PATIENCE: Duration = Duration::from_secs(3);

/// The head of what is shown while the controller does not answer; nothing while it does.
fn unanswered(silent: Option<Duration>) -> String {
    silent
        .map_or_else(String::new, |time| format!("no answer from the controller for {} s\n", time.as_secs()))
}

/// A document in a line; nothing but a word on standard error where there is none.
fn shown_as_json(link: &LinkBody, silent: Option<Duration>) -> Result<String, serde_json::Error> {
    if silent.is_some() {
        eprint!("wasl: {}", unanswered(silent));
        return Ok(String::new());
    }
    Ok(format!("{}\n", serde_json::to_string(link)?))
}

/// A page drawn over what a terminal shows, whatever its size. Each line goes to its own place and is cut at the edge; a place
/// below the last row is the last row, so nothing scrolls, and what is too much is overwritten by the last line.
/// Between two pages the terminal is as it was found, so whatever ends the program leaves it sane.
fn screen(page: &str) -> String {
    let mut out = String::from("\u{1b}[?7l");
    let mut row = 0;
    for text in page.lines().chain(["", "  Ctrl-C ends this."]) {
        row += 1;
        let _ = write!(out, "\u{1b}[{row};1H{text}\u{1b}[K");
    }
    out.push_str("\u{1b}[J\u{1b}[?7h");
    out
}

/// A path segment; identifiers hold nothing odd, but what was typed may.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// One line for a log.
fn line(link: &LinkBody) -> String {
    let end = deciding(link).filter(|end| !end.old);
    let of = |field: fn(&LinkEndBody) -> Option<f64>| end.and_then(field);
    format!(
        "{} {} {} rtt={} p95={} loss={} jitter={} down={} up={}\n",
        crate::time::rfc3339(now()),
        link.id,
        link.health,
        seconds(of(|end| end.rtt_p50)),
        seconds(of(|end| end.rtt_p95)),
        percent(of(|end| end.loss)),
        seconds(of(|end| end.jitter)),
        rate(link.down.bits_per_second),
        rate(link.up.bits_per_second),
    )
}

fn page(link: &LinkBody) -> String {
    let now = now().0;
    let since = link.since.map(|since| format!(" for {}", table::age(since, now))).unwrap_or_default();
    let mut out = format!(
        "{}  {}\n\n  state     {}{since}: {}\n  joins     {}\n  role      {} (watched as {})\n",
        link.id,
        link.name_en,
        table::health(&link.health),
        why(link),
        link.between.join(" – "),
        link.activity,
        link.class
    );
    if let Some(incident) = link.incident {
        let _ = writeln!(out, "  incident  {incident} (`wasl incidents show {incident}`)");
    }
    let _ = writeln!(out, "\n  last hour, a minute a sign");
    let _ =
        writeln!(out, "    rtt   {}  {}", spark(&link.rtt_history, None), range(&link.rtt_history, seconds));
    let _ = writeln!(
        out,
        "    loss  {}  {}",
        spark(&link.loss_history, Some(1.0)),
        range(&link.loss_history, percent)
    );
    let _ = writeln!(out, "\n  seen by");
    for end in &link.ends {
        let via = end.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        let seen = match end.observed_at {
            None => "nothing heard yet".to_owned(),
            Some(at) if end.old => format!("silent for {}", table::age(at, now)),
            Some(_) => format!(
                "{}\n      rtt {} / {} / {}  loss {}  jitter {}  MOS {}",
                end.verdict.as_deref().unwrap_or("-"),
                seconds(end.rtt_p50),
                seconds(end.rtt_p95),
                seconds(end.rtt_p99),
                percent(end.loss),
                seconds(end.jitter),
                end.mos.map_or_else(dash, |mos| format!("{mos:.2}")),
            ),
        };
        let _ = writeln!(out, "    {} → {}{via}: {seen}{}", end.agent, end.to, irregular(end));
    }
    if let Some(measured) = &link.directions {
        directions(&mut out, measured, now);
    }
    let _ = writeln!(out, "\n  carries");
    for (name, flow, forecast) in [
        ("down", &link.down, link.forecast.as_ref().map(|f| &f.down)),
        ("up  ", &link.up, link.forecast.as_ref().map(|f| &f.up)),
    ] {
        let full = forecast.map(outlook).unwrap_or_default();
        let _ = writeln!(out, "    {name}  {}{full}", carried(flow, now));
    }
    if link.down.interface.is_none() && link.up.interface.is_none() {
        out.push_str("    say in the link's `interfaces` where it ends, and what it carries is known\n");
    }
    if let Some(accounting) = &link.accounting {
        shared(&mut out, accounting);
    }
    let _ = writeln!(out, "\n  owed      {}", owed(&link.contract));
    out
}

/// What was not as it should be in the last window of an end; nothing where all was.
fn irregular(end: &LinkEndBody) -> String {
    let counts = [
        ("late", end.late),
        ("duplicate", end.duplicates),
        ("reordered", end.reordered),
        ("forged", end.forged),
        ("voided", end.voided),
    ];
    let told: Vec<String> = counts
        .iter()
        .filter_map(|(word, n)| Some(format!("{} {word}", n.filter(|n| *n > 0 && !end.old)?)))
        .collect();
    if told.is_empty() { String::new() } else { format!("\n      {}", told.join(", ")) }
}

/// What a direction carries, of what was bought if anything was.
fn carried(flow: &FlowBody, now: i64) -> String {
    let bought = flow.contracted.map(|bits| rate(Some(bits as f64)));
    let share = flow.share.map(|share| format!(" {}", wasl_pages::format::percent_coarse(share)));
    let silent =
        flow.observed_at.filter(|_| flow.old).map(|at| format!("silent for {}", table::age(at, now)));
    match (flow.bits_per_second.filter(|_| !flow.old), bought) {
        (None, None) if silent.is_some() => silent.unwrap_or_default(),
        (None, Some(bought)) if silent.is_some() => {
            format!("{}; {bought} are bought", silent.unwrap_or_default())
        }
        (None, None) => "not known".to_owned(),
        (None, Some(bought)) => format!("not known; {bought} are bought"),
        (bits, None) => rate(bits),
        (bits, Some(bought)) => format!("{} of {bought}{}", rate(bits), share.unwrap_or_default()),
    }
}

/// What the provider owes, as far as it was agreed.
fn owed(contract: &ContractBody) -> String {
    let at_most = |name: &str, most: Option<String>| most.map(|most| format!("{name} ≤ {most}"));
    let terms = [
        at_most("rtt", contract.rtt.map(wasl_pages::format::seconds)),
        at_most("jitter", contract.jitter.map(wasl_pages::format::seconds)),
        at_most("loss", contract.loss.map(wasl_pages::format::percent)),
        contract
            .availability
            .map(|least| format!("availability ≥ {}", wasl_pages::format::fine_percent(least))),
    ];
    let terms: Vec<String> = terms.into_iter().flatten().collect();
    if terms.is_empty() { "nothing is in the link's `contract`".to_owned() } else { terms.join(", ") }
}

/// What each direction loses, and how long it takes where the clocks can tell.
fn directions(out: &mut String, directions: &DirectionsBody, now: i64) {
    let health = directions.health.as_deref().map_or_else(dash, table::health);
    let since = directions.since.map(|since| format!(" for {}", table::age(since, now))).unwrap_or_default();
    let why = directions.reason.as_ref().map(|reason| reason.text_en.as_str()).unwrap_or_default();
    let _ = writeln!(out, "\n  directions  {health}{since}: {why}");
    for end in &directions.measured {
        let via = end.via.as_ref().map(|via| format!(" via {via}")).unwrap_or_default();
        let _ = write!(out, "    {} → {}{via}: ", end.agent, end.to);
        match end.observed_at {
            None => out.push_str("nothing heard yet\n"),
            Some(at) if end.old => {
                let _ = writeln!(out, "silent for {}", table::age(at, now));
            }
            Some(_) => {
                let _ = writeln!(out, "rtt {}", seconds(end.rtt_p50));
                let error = end.delay_error.map(|error| format!(" ± {}", seconds(Some(error))));
                let error = error.unwrap_or_else(|| " (a clock is not known to be right)".to_owned());
                for (name, loss, delay) in
                    [("there", end.loss_forward, end.delay_forward), ("back ", end.loss_back, end.delay_back)]
                {
                    let _ = writeln!(
                        out,
                        "      {name}  loss {}  delay {}{error}",
                        percent(loss),
                        seconds(delay)
                    );
                }
            }
        }
    }
}

/// Who shares it, and who uses it most.
fn shared(out: &mut String, accounting: &AccountingBody) {
    let _ = writeln!(out, "\n  shared by (counted by {} at {})", accounting.agent, accounting.interface);
    if let Some(trouble) = &accounting.trouble {
        let _ = writeln!(out, "    {trouble}");
    }
    let part = |used: &UseBody| {
        let of = |part: Option<f64>| part.map_or_else(dash, wasl_pages::format::percent_coarse);
        let due = rate(used.due.map(|bits| bits as f64));
        format!(
            "{} of {due} ({}, {} of the line)",
            rate(used.bits_per_second),
            of(used.of_due),
            of(used.of_line)
        )
    };
    for share in &accounting.shares {
        let (down, up) = (part(&share.down), part(&share.up));
        let _ = writeln!(out, "    {}  {}: down {down}, up {up}", table::health(&share.health), share.id);
        if let Some(reason) = share.reason.as_ref().filter(|_| share.health != "ok") {
            let _ = writeln!(out, "      {}", reason.text_en);
        }
    }
    let Some(talkers) = accounting.talkers.as_ref().filter(|talkers| !talkers.old) else { return };
    let more = if talkers.crowded { ", and there are more than are counted" } else { "" };
    let _ = writeln!(out, "\n  used most by ({} addresses in {:.0} s{more})", talkers.seen, talkers.seconds);
    for talker in &talkers.most {
        let whose = talker.share.as_ref().map(|share| format!("  {share}")).unwrap_or_default();
        let (down, up) = (rate(Some(talker.down)), rate(Some(talker.up)));
        let _ = writeln!(out, "    {:<39}  down {down:>12}  up {up:>12}{whose}", talker.address);
    }
}

/// When it will be full, in words.
fn outlook(forecast: &ForecastBody) -> String {
    let day = |at: i64| crate::time::rfc3339(wasl_model::Timestamp(at)).chars().take(10).collect::<String>();
    let busy = forecast.now.map_or_else(dash, wasl_pages::format::percent_coarse);
    match (forecast.state.as_str(), forecast.at) {
        ("full", _) => format!("; its busy hours are full, at {busy}"),
        ("steady", _) => format!("; its busy hours are at {busy} and do not grow"),
        ("too_little", _) => "; too few days to tell when it is full".to_owned(),
        ("grows", Some(at)) => {
            let until = forecast.latest.map_or_else(|| "later".to_owned(), day);
            let from = forecast.earliest.map_or_else(dash, day);
            format!("; its busy hours are at {busy}, full (90 %) on {} ({from} to {until})", day(at))
        }
        ("grows", None) => format!("; its busy hours are at {busy}, growing, not full within two years"),
        _ => String::new(),
    }
}

/// The smallest and the largest of what is known.
fn range(values: &[Option<f64>], show: fn(Option<f64>) -> String) -> String {
    let known = || values.iter().flatten().copied();
    match (known().reduce(f64::min), known().reduce(f64::max)) {
        (Some(low), Some(high)) => format!("{} to {}", show(Some(low)), show(Some(high))),
        _ => "nothing known".to_owned(),
    }
}

/// Values as blocks of eight heights, from zero to `top` or the largest; a hole is a dot.
fn spark(values: &[Option<f64>], top: Option<f64>) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let top = top.or_else(|| values.iter().flatten().copied().reduce(f64::max)).filter(|top| *top > 0.0);
    let sign = |value: &Option<f64>| match (value, top) {
        (None, _) => '·',
        (Some(value), Some(top)) if *value > 0.0 => {
            let height = (value / top * 8.0).ceil().clamp(1.0, 8.0) as usize;
            BLOCKS[height - 1]
        }
        (Some(_), _) => '▁',
    };
    values.iter().map(sign).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_has_a_sign_for_each_minute_and_shows_holes() {
        assert_eq!(spark(&[Some(0.0), Some(1.0), None, Some(2.0)], None), "▁▄·█");
        assert_eq!(spark(&[Some(0.02)], Some(1.0)), "▁", "a little loss is not none, and not much");
        assert_eq!(spark(&[None, None], None), "··");
        assert_eq!(spark(&[], None), "");
    }

    #[test]
    fn what_was_typed_is_one_segment() {
        assert_eq!(encoded("a/b?c"), "a%2Fb%3Fc");
    }

    #[test]
    fn a_screen_never_scrolls_and_leaves_the_terminal_as_it_was() {
        let drawn = screen("one\n\nthree\n");
        assert!(!drawn.contains('\n'), "{drawn:?}");
        assert!(drawn.contains("\u{1b}[3;1Hthree\u{1b}[K"), "{drawn:?}");
        assert!(drawn.contains("\u{1b}[5;1H  Ctrl-C ends this.\u{1b}[K"), "{drawn:?}");
        assert!(drawn.starts_with("\u{1b}[?7l") && drawn.ends_with("\u{1b}[J\u{1b}[?7h"), "{drawn:?}");
    }

    #[test]
    fn a_page_of_before_says_for_how_long_nobody_has_answered() {
        assert_eq!(unanswered(None), "");
        assert_eq!(unanswered(Some(Duration::from_millis(7_900))), "no answer from the controller for 7 s\n");
    }

    #[test]
    fn what_was_not_agreed_is_not_owed() {
        let nothing =
            ContractBody { down: None, up: None, rtt: None, jitter: None, loss: None, availability: None };
        assert_eq!(owed(&nothing), "nothing is in the link's `contract`");
        let some = ContractBody { rtt: Some(0.12), availability: Some(0.995), ..nothing };
        assert_eq!(owed(&some), "rtt ≤ 120 ms, availability ≥ 99.500 %");
    }

    #[test]
    fn what_is_carried_stands_beside_what_was_bought_if_anything_was() {
        let nothing = FlowBody {
            bits_per_second: None,
            contracted: None,
            share: None,
            interface: None,
            direction: None,
            series: None,
            observed_at: None,
            old: false,
        };
        let carried = |flow: &FlowBody| carried(flow, 200_000);
        assert_eq!(carried(&nothing), "not known");
        let bought = FlowBody { contracted: Some(45_000_000), ..nothing.clone() };
        assert_eq!(carried(&bought), "not known; 45.0 Mbit/s are bought");
        let measured = FlowBody { bits_per_second: Some(9e6), share: Some(0.2), ..bought };
        assert_eq!(carried(&measured), "9.00 Mbit/s of 45.0 Mbit/s 20 %");
        assert_eq!(carried(&FlowBody { bits_per_second: Some(9e6), ..nothing.clone() }), "9.00 Mbit/s");
        let silent = FlowBody { observed_at: Some(80_000), old: true, bits_per_second: None, ..measured };
        assert_eq!(carried(&silent), "silent for 2 min; 45.0 Mbit/s are bought");
        assert_eq!(carried(&FlowBody { contracted: None, ..silent }), "silent for 2 min");
    }

    #[test]
    fn a_line_of_a_log_tells_nothing_of_an_end_that_is_silent() {
        let line_of = |old: bool| {
            let link: LinkBody = serde_json::from_value(serde_json::json!({
                "id": "l", "name_en": "L", "between": ["a"], "class": "link", "activity": "primary",
                "health": "unknown", "ends_differ": false, "deciding": "gw",
                "reason": { "code": "x", "text_en": "", "text_ar": "", "args": {} },
                "ends": [{ "agent": "gw", "to": "10.0.0.1", "rtt_p50": 0.005, "loss": 0.25, "old": old }],
                "down": { "old": old }, "up": { "old": old }, "contract": {},
                "rtt_history": [], "loss_history": [],
            }))
            .expect("a link");
            line(&link)
        };
        assert!(
            line_of(false).contains("rtt=5 ms") && line_of(false).contains("loss=25.0 %"),
            "{}",
            line_of(false)
        );
        assert!(line_of(true).contains("rtt=– ") && line_of(true).contains("loss=– "), "{}", line_of(true));
    }

    #[test]
    fn a_range_tells_both_ends() {
        assert_eq!(range(&[Some(0.01), None, Some(0.02)], seconds), "10 ms to 20 ms");
        assert_eq!(range(&[None], seconds), "nothing known");
    }
}
