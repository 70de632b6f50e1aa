//! `wasl events`: what changed and what happened.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use wasl_model::Timestamp;
use wasl_model::health::Reason;
use wasl_pages::{Lang, Texts, format};

use super::client::{Client, ClientError};
use super::links::encoded;
use super::{Where, table};
use crate::board::Event;
use crate::home::Home;
use crate::operators::api::List;
use crate::time::rfc3339;

/// How soon a controller that is away is looked for again.
const AGAIN: Duration = Duration::from_secs(1);

/// What changed and what happened (traps, unknown stations, other neighbours, address conflicts, interfaces that went, lines that took over), the latest last.
#[derive(Debug, Args)]
pub(super) struct Events {
    #[command(flatten)]
    place: Where,
    /// Go on as they come, until Ctrl-C; with --json one document a line
    #[arg(long, short)]
    follow: bool,
    /// Only those about this entity and what belongs to it, such as link/jenin or site/jenin
    #[arg(long, value_name = "KIND/ID")]
    subject: Option<String>,
    /// Only changes of health, or only what happened otherwise
    #[arg(long)]
    kind: Option<Kind>,
    /// Only those with this code, such as unknown_station
    #[arg(long)]
    code: Option<String>,
    /// How many to show at most, or to begin with
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Change,
    Occurrence,
}

impl Events {
    /// Runs it.
    pub(super) async fn run(self) -> Result<ExitCode> {
        let client = Client::new(&Home::at(self.place.state()))?;
        let mut latest: List<Event> = client.get(&self.path(&format!("limit={}", self.limit))).await?;
        if self.follow {
            return self.go_on(latest.items).await;
        }
        if self.place.json {
            table::show(&format!("{}\n", serde_json::to_string_pretty(&latest)?));
        } else if latest.items.is_empty() {
            table::show("Nothing has happened, as far as is remembered.\n");
        } else {
            latest.items.reverse();
            let texts = Texts::new();
            table::show(&latest.items.iter().map(|event| line(event, &texts)).collect::<String>());
        }
        Ok(ExitCode::SUCCESS)
    }

    fn path(&self, first: &str) -> String {
        let mut path = format!("/api/v1/events?{first}");
        if let Some(subject) = &self.subject {
            let _ = write!(path, "&subject={}", encoded(subject));
        }
        if let Some(kind) = self.kind {
            path.push_str(match kind {
                Kind::Change => "&kind=change",
                Kind::Occurrence => "&kind=occurrence",
            });
        }
        if let Some(code) = &self.code {
            let _ = write!(path, "&code={}", encoded(code));
        }
        path
    }

    /// Tells the latest and what comes after them. A controller that goes away is waited for.
    async fn go_on(&self, mut latest: Vec<Event>) -> Result<ExitCode> {
        let mut teller = Teller { json: self.place.json, texts: Texts::new(), last: 0 };
        latest.reverse();
        if latest.iter().any(|event| teller.tell(event).is_break()) {
            return Ok(ExitCode::SUCCESS);
        }
        // One for all rounds: a Ctrl-C while the controller is away is none that is missed.
        let mut interrupted = std::pin::pin!(tokio::signal::ctrl_c());
        let mut is_away = false;
        loop {
            let round = async {
                let outcome = self.round(&mut teller, &mut is_away).await;
                if let Ok(ControlFlow::Continue(())) = outcome {
                    tokio::time::sleep(AGAIN).await;
                }
                outcome
            };
            let outcome = tokio::select! {
                _ = &mut interrupted => return Ok(ExitCode::SUCCESS),
                outcome = round => outcome,
            };
            if outcome?.is_break() {
                return Ok(ExitCode::SUCCESS);
            }
            if !std::mem::replace(&mut is_away, true) {
                eprintln!("wasl: the controller went away; this goes on when it is back");
            }
        }
    }

    /// Follows for as long as the controller is there. Breaks when nobody reads any more.
    async fn round(&self, teller: &mut Teller, is_away: &mut bool) -> Result<ControlFlow<()>, ClientError> {
        match self.follow_once(teller, is_away).await {
            Err(error) if error.is_final() => Err(error),
            Err(_) => Ok(ControlFlow::Continue(())),
            Ok(flow) => Ok(flow),
        }
    }

    async fn follow_once(
        &self,
        teller: &mut Teller,
        is_away: &mut bool,
    ) -> Result<ControlFlow<()>, ClientError> {
        // Anew each time: a controller that comes back may listen elsewhere.
        let client = Client::new(&Home::at(self.place.state()))?;
        let newest: List<Event> = client.get("/api/v1/events?limit=1").await?;
        if let Some(newest) = newest.items.first() {
            teller.rewind(newest.id);
        }
        let mut following = client.follow(&self.path(&format!("after={}", teller.last))).await?;
        *is_away = false;
        while let Some(data) = following.next().await {
            let Ok(event) = serde_json::from_str::<Event>(&data) else { continue };
            if teller.tell(&event).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// Tells events once each.
struct Teller {
    json: bool,
    texts: Texts,
    last: u64,
}

impl Teller {
    /// Nothing after `newest` has happened yet: a store that was restored from an older copy counts on from there.
    fn rewind(&mut self, newest: u64) {
        self.last = self.last.min(newest);
    }

    /// Tells an event that was not told yet. Breaks when nobody reads any more.
    fn tell(&mut self, event: &Event) -> ControlFlow<()> {
        match self.news(event) {
            Some(text) if !table::try_show(&text) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }

    /// What is to be told of an event; nothing where it was told.
    fn news(&mut self, event: &Event) -> Option<String> {
        if event.id <= self.last {
            return None;
        }
        self.last = event.id;
        Some(match serde_json::to_string(event) {
            Ok(document) if self.json => format!("{document}\n"),
            _ => line(event, &self.texts),
        })
    }
}

/// An event in a line: when, how it is or how much it matters, about what, and a sentence.
fn line(event: &Event, texts: &Texts) -> String {
    let (sign, sentence) = match (&event.occurrence, &event.health) {
        (Some(occurrence), _) => {
            let late = if occurrence.late { " (told late)" } else { "" };
            (occurrence.severity.clone(), format!("{}{late}", occurrence.text_en))
        }
        (None, Some(health)) => {
            let code = event.reason.clone().unwrap_or_default();
            let reason = Reason { code, args: event.args.clone() };
            (table::health(health), texts.reason(Lang::En, &reason).replace(['\u{2068}', '\u{2069}'], ""))
        }
        (None, None) => ("gone".to_owned(), "no longer followed".to_owned()),
    };
    // What devices say of themselves must not steer a terminal.
    format!(
        "{}  {sign}  {}  {}\n",
        rfc3339(Timestamp(event.at_ms)),
        format::visible(&event.subject),
        format::visible(&sentence)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::OccurrenceBody;

    fn event() -> Event {
        Event {
            id: 7,
            at_ms: 1_795_000_000_000,
            subject: "link/jenin".into(),
            site: None,
            was: Some("ok".into()),
            health: Some("down".into()),
            reason: Some("link_cut".into()),
            args: std::collections::BTreeMap::new(),
            occurrence: None,
        }
    }

    #[test]
    fn an_event_is_a_line_with_a_sentence_and_steers_no_terminal() {
        let texts = Texts::new();
        let cut = line(&event(), &texts);
        assert!(cut.starts_with("2026-11-18T") && cut.contains("  ■ down  link/jenin  "), "{cut}");
        assert!(!cut.contains("link_cut"), "{cut}");
        let gone = Event { health: None, ..event() };
        assert!(line(&gone, &texts).ends_with("  gone  link/jenin  no longer followed\n"));
        let trap = OccurrenceBody {
            code: "other_trap".into(),
            severity: "warning".into(),
            detail: String::new(),
            text_en: "\u{1b}[2Jhello\n".into(),
            text_ar: String::new(),
            args: std::collections::BTreeMap::new(),
            agent: "gw".into(),
            late: true,
        };
        let told = line(&Event { health: None, occurrence: Some(trap.into()), ..event() }, &texts);
        assert!(told.ends_with("  warning  link/jenin  ⟨U+001B⟩[2Jhello⟨U+000A⟩ (told late)\n"), "{told}");
    }

    /// Catches: a list and a stream that tell the same event, and silence after a store was restored from an older copy.
    #[test]
    fn an_event_is_told_once_and_one_of_a_store_that_went_back_is_another() {
        let mut teller = Teller { json: true, texts: Texts::new(), last: 0 };
        let mut told = |id, newest| {
            teller.rewind(newest);
            teller
                .news(&Event { id, ..event() })
                .is_some_and(|text| text.starts_with(&format!("{{\"id\":{id},")))
        };
        assert_eq!([7, 7, 6, 9, 8].map(|id| told(id, 9)), [true, false, false, true, false]);
        assert!(!told(9, 400), "nothing was lost, and nothing is told twice");
        assert!(told(6, 5), "it counts on from 5");
    }

    #[test]
    fn what_is_asked_for_stays_one_parameter() {
        let events = Events {
            place: Where { state: None, home: ".wasl".into(), json: false },
            follow: false,
            subject: Some("interface/sw/Gi0/1&x".into()),
            kind: Some(Kind::Occurrence),
            code: None,
            limit: 5,
        };
        let path = events.path("limit=5");
        assert_eq!(path, "/api/v1/events?limit=5&subject=interface%2Fsw%2FGi0%2F1%26x&kind=occurrence");
    }
}
