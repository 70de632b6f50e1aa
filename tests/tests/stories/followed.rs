//! What is followed as it changes: events and links in the terminal, a link's page in the browser.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use wasl_tests::centre::{Agent, Centre, END};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::Place;
use wasl_tests::{binaries, wait};

const SOON: Duration = Duration::from_secs(30);

const CONFIGURATION: &str = "institution: { id: story, name: { en: Story }, timezone: Asia/Hebron }
sites: { one: { name: { en: One } } }
agents: { branch-1: { site: one, role: gateway } }
links:
  line:
    name: { en: Line }
    between: [one]
    probes: [{ from: branch-1, to: 127.0.0.1 }]
";

/// A command of `wasl` that goes on.
fn going_on(centre: &Centre, name: &str, args: &[&str], dir: &std::path::Path) -> Daemon {
    let mut command = Place::Here.command(binaries::path("wasl"));
    command.args(args).arg("--state").arg(centre.state());
    Daemon::start(name, command, dir)
}

fn documents(daemon: &Daemon) -> Vec<Value> {
    daemon.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Catches: a command that ends with the first answer that does not come, tells something twice or not at all, shows the
/// last page as if it were the present, or cannot be ended; a link's page that stands still.
#[test]
fn what_is_followed_is_followed_over_a_restart_of_the_controller() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let mut centre = Centre::start(&Place::Here, dir.path(), CONFIGURATION, any, any);
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    centre.await_entity("the link is up", "link/line", SOON, |link| link["health"] == "ok");

    let mut events = going_on(&centre, "events", &["events", "--follow", "--json"], dir.path());
    let mut of_another =
        going_on(&centre, "other", &["events", "--follow", "--subject", "link/other"], dir.path());
    let mut json = going_on(&centre, "json", &["link", "line", "--watch", "--json"], dir.path());
    let mut words = going_on(&centre, "words", &["link", "line", "--watch"], dir.path());
    wait::until_true("the link's change is told", SOON, || {
        documents(&events).iter().any(|event| event["subject"] == "link/line" && event["health"] == "ok")
    });
    wait::until_true("the link is shown", SOON, || {
        documents(&json).len() > 1 && words.log().contains(" line ok rtt=")
    });

    centre.daemon.end(Signal::SIGTERM, END);
    wait::until_true("it is told that nobody answers", SOON, || {
        [&events, &of_another].iter().all(|daemon| daemon.log().contains("the controller went away"))
            && [&json, &words]
                .iter()
                .all(|daemon| daemon.log().contains("no answer from the controller for "))
    });
    let shown = documents(&json).len();
    centre.start_again();
    let page = centre.client.events("/live/link/line?lang=en");
    let first = page.next("the page as it is", SOON, |event| event.kind == "fragments");
    for id in ["head", "contract", "ends", "directions", "shares", "talkers", "events"] {
        assert!(first.data.contains(&format!("id=\"live-link-{id}\"")), "no {id} in {}", first.data);
    }
    let announced = centre.wasl(&["maintenance", "start", "link/line", "--for", "1h"]);
    assert!(announced.status.success(), "{}", String::from_utf8_lossy(&announced.stderr));
    page.next("the event stands on the page", SOON, |event| {
        let event_list = event.data.split("id=\"live-link-events\"").nth(1);
        event_list.is_some_and(|list| list.contains("Maintenance"))
    });
    wait::until_true("the event after the restart is told", SOON, || {
        documents(&events).iter().any(|event| event["health"] == "maintenance")
    });
    wait::until_true("the link is shown again", SOON, || {
        documents(&json).len() > shown + 1 && words.log().contains(" line maintenance ")
    });
    let numbers: Vec<u64> = documents(&events).iter().filter_map(|event| event["id"].as_u64()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "told twice or out of order: {numbers:?}");
    let all = centre.client.json("/api/v1/events?limit=1000&after=0");
    let all: Vec<u64> =
        all["items"].as_array().expect("a list").iter().filter_map(|e| e["id"].as_u64()).collect();
    assert_eq!(numbers, all, "not told");
    let told: Vec<Value> = documents(&of_another);
    assert!(told.is_empty(), "{told:?}");

    for follower in [&mut events, &mut of_another, &mut json, &mut words] {
        let ended = follower.end(Signal::SIGINT, END);
        assert_eq!(ended.code(), Some(0), "{}", follower.tail());
    }
    assert_eq!(centre.client.get("/live/link/nowhere").status, 404);
    let gone = centre.wasl(&["link", "nowhere", "--watch"]);
    assert_eq!(gone.status.code(), Some(1), "what does not exist is not waited for");
}

/// Catches: a list that forgets what happened, shows more than was asked for, or takes nonsense for a filter.
#[test]
fn events_are_listed_by_what_they_are_about() {
    let dir = tempfile::tempdir().expect("a folder");
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir.path(), CONFIGURATION, any, any);
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "gateway", "branch-1");
    agent.start();
    centre.await_entity("the link is up", "link/line", SOON, |link| link["health"] == "ok");
    let list = |query: &str| {
        let answer = centre.client.json(&format!("/api/v1/events?{query}"));
        assert_eq!(answer["schema"], "wasl.events.v1");
        answer["items"].as_array().expect("a list").clone()
    };
    let of_link = list("subject=link/line");
    assert!(
        !of_link.is_empty() && of_link.iter().all(|event| event["subject"] == "link/line"),
        "{of_link:?}"
    );
    assert_eq!(of_link[0]["health"], "ok");
    let at_site = list("subject=site/one&limit=1000");
    assert!(
        at_site.len() > of_link.len() && at_site.iter().all(|event| event["site"] == "one"),
        "{at_site:?}"
    );
    assert!(list("kind=occurrence").is_empty() && !list("kind=change").is_empty());
    let newest = of_link[0]["id"].as_u64().expect("a number");
    assert!(
        list(&format!("subject=link/line&before={newest}")).iter().all(|e| e["id"].as_u64() < Some(newest))
    );
    let first = list("after=0&limit=1");
    assert_eq!((first.len(), first[0]["id"].as_u64()), (1, Some(1)), "the oldest first");
    for (query, code) in [
        ("subject=link", "subject"),
        ("subject=lnik/line", "subject"),
        ("kind=trap", "kind"),
        ("code=nonsense", "code"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=many", "query"),
    ] {
        let answer = centre.client.get(&format!("/api/v1/events?{query}"));
        assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (400, &code.into()), "{query}");
    }
    let shown = centre.wasl(&["events", "--subject", "link/line", "--limit", "1"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.lines().count() == 1 && shown.contains("  ● ok  link/line  "), "{shown}");
    let page = centre.client.get("/entities/link/line?lang=en").text();
    assert!(page.contains("id=\"live-link-events\"") && page.contains("Median"), "{page}");
}
