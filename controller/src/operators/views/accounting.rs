//! Whose traffic a line carries, from what its gateway counted.

use std::time::Duration;

use wasl_model::{EntityKind, Localized, NoticeCode, SeriesKey, Subject, Talkers, Timestamp, Value};
use wasl_pages::view::{AccountingView, FlowView, ShareView, TalkerView, TalkersView};
use wasl_settings::{Accounting, Link, Rate, Settings, ShareOf};

use super::judgement;
use crate::board::Board;
use crate::live::{State, number};

pub(super) fn view(
    settings: &Settings,
    board: &Board,
    live: &State,
    id: &str,
    link: &Link,
    now: Timestamp,
) -> Option<AccountingView> {
    let accounting = link.accounting.as_ref()?;
    let every = settings.window().as_duration();
    Some(AccountingView {
        agent: accounting.from.to_string(),
        interface: accounting.interface.clone(),
        shares: accounting
            .shares
            .iter()
            .map(|of| share(board, live, accounting, id, link, of, now, every))
            .collect(),
        trouble: trouble(live, accounting),
        talkers: talkers(live, accounting, id, now, every),
    })
}

/// What the gateway says of counting, if it cannot.
fn trouble(live: &State, accounting: &Accounting) -> Option<String> {
    let here = (accounting.from.clone(), accounting.interface());
    let mut notices =
        live.notices().filter(|(key, _, notice)| **key == here && notice.code == NoticeCode::NotSupported);
    notices.next().map(|(_, _, notice)| notice.detail.clone())
}

#[expect(clippy::too_many_arguments, reason = "one share out of all that is known")]
fn share(
    board: &Board,
    live: &State,
    accounting: &Accounting,
    id: &str,
    link: &Link,
    of: &ShareOf,
    now: Timestamp,
    every: Duration,
) -> ShareView {
    let subject = Subject::lenient(EntityKind::Share, &format!("{id}/{}", of.id));
    let latest = live.values.get(&(accounting.from.clone(), subject.clone()));
    let old = latest.is_some_and(|latest| !latest.is_of_now(every, now));
    let flow = |field: &str, bought: Option<Rate>| {
        let rate = latest.filter(|_| !old).and_then(|latest| number(&latest.value, field));
        let key =
            SeriesKey { subject: subject.clone(), field: field.to_owned(), agent: accounting.from.clone() };
        let of_line = bought.zip(rate).map(|(bought, rate)| rate * 8.0 / bought.bits_per_second() as f64);
        let flow = FlowView {
            rate,
            contracted: of.share.and_then(|share| share.of(bought)),
            at: latest.map(|latest| latest.at),
            old,
            interface: None,
            series: Some(key.to_string()),
        };
        (flow, of_line)
    };
    let (down, down_of_line) = flow("down_rate", link.contract.down);
    let (up, up_of_line) = flow("up_rate", link.contract.up);
    ShareView {
        id: of.id.clone(),
        name: of.name.clone(),
        state: board.entities.get(&subject).map(|entity| judgement(entity)),
        down,
        up,
        down_of_line,
        up_of_line,
        down_p95: None,
        up_p95: None,
        at: latest.map(|latest| latest.at),
        old,
    }
}

fn talkers(
    live: &State,
    accounting: &Accounting,
    id: &str,
    now: Timestamp,
    every: Duration,
) -> Option<TalkersView> {
    let line = Subject::lenient(EntityKind::Share, id);
    let latest = live.values.get(&(accounting.from.clone(), line))?;
    let Value::Talkers(Talkers { interval, talkers, seen, crowded }) = &latest.value else { return None };
    let seconds = interval.0 as f64 / 1000.0;
    let rate = |bytes: u64| if seconds > 0.0 { bytes as f64 / seconds } else { 0.0 };
    let whose = |address| -> Option<Localized> {
        let owns = |share: &&ShareOf| share.prefixes.iter().any(|prefix| prefix.contains(address));
        accounting.shares.iter().find(owns).map(|share| share.name.clone())
    };
    Some(TalkersView {
        at: latest.at,
        old: !latest.is_of_now(every, now),
        seconds,
        seen: *seen,
        crowded: *crowded,
        most: talkers
            .iter()
            .map(|talker| TalkerView {
                address: talker.address,
                share: whose(talker.address),
                down: rate(talker.down.0),
                up: rate(talker.up.0),
            })
            .collect(),
    })
}
