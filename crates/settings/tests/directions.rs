//! Who measures the two directions of links, and what the other ends are told of it.

use std::path::PathBuf;

use wasl_model::AgentId;
use wasl_model::assignment::Assignment;
use wasl_settings::{Settings, load_from};

fn settings(links: &[&str]) -> Settings {
    let line = |id: &&str| {
        let tests = "[{ from: gw, to: 192.0.2.1, port: 8620 }, { from: hub-gw, to: 192.0.2.2 }]";
        let probes = "[{ from: gw, to: 192.0.2.1 }]";
        format!("  {id}: {{ between: [hub, one], probes: {probes}, stamp: {tests} }}")
    };
    let lines = links.iter().map(line).collect::<Vec<_>>().join("\n");
    let text = format!(
        "
institution: {{ id: u, name: {{ en: U }}, timezone: UTC }}
sites: {{ hub: {{ name: {{ en: Hub }} }}, one: {{ name: {{ en: One }} }} }}
agents:
  hub-gw: {{ site: hub, role: gateway, reflect: {{ listen: 192.0.2.1, port: 8620, peers: [192.0.2.2] }} }}
  gw: {{ site: one, role: gateway, reflect: {{ listen: 192.0.2.2, peers: [192.0.2.1] }} }}
links:
{lines}"
    );
    load_from(&[(PathBuf::from("wasl.yaml"), text)]).expect("sound")
}

fn assignment(settings: &Settings, agent: &str) -> Assignment {
    settings.assignment_for(&AgentId::new(agent).expect("valid")).expect("named")
}

/// The identifiers of the sessions that an agent begins, by link.
fn begins(settings: &Settings, agent: &str) -> Vec<(String, u16)> {
    assignment(settings, agent).stamp.into_iter().map(|session| (session.id, session.ssid)).collect()
}

/// The same of those that it answers, with who begins them.
fn answers(settings: &Settings, agent: &str) -> Vec<(String, u16, String)> {
    let reflector = assignment(settings, agent).reflect.expect("it reflects");
    reflector.sessions.into_iter().map(|session| (session.link, session.ssid, session.from)).collect()
}

/// Catches: arrivals that are counted for another link, because the two ends were told different identifiers.
#[test]
fn both_ends_know_a_session_by_the_same_identifier() {
    let settings = settings(&["first", "second"]);
    for (begins_it, answers_it) in [("gw", "hub-gw"), ("hub-gw", "gw")] {
        let begun = begins(&settings, begins_it);
        let known = answers(&settings, answers_it);
        let expected: Vec<_> =
            begun.iter().map(|(link, ssid)| (link.clone(), *ssid, begins_it.to_owned())).collect();
        assert_eq!(known, expected, "what {answers_it} answers: tests to its own port, no others");
        assert_eq!(begun.len(), 2);
    }
}

#[test]
fn identifiers_are_not_shared_and_stay_when_a_link_is_added() {
    let ids: Vec<String> = (0..600).map(|n| format!("line-{n:03}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let all = settings(&ids);
    let [one, other] = ["gw", "hub-gw"].map(|agent| begins(&all, agent));
    let mut numbers: Vec<u16> = one.iter().chain(&other).map(|(_, ssid)| *ssid).collect();
    numbers.sort_unstable();
    numbers.dedup();
    // Eleven of them would share one without the search for a free one.
    assert_eq!((numbers.len(), numbers[0] > 0), (1200, true));

    let [few, more] = [&ids[..9], &ids[..10]].map(|ids| begins(&settings(ids), "gw"));
    assert_eq!(few, more[..9]);
}
