use super::*;

fn says(chassis: &str, name: &str, ttl: u16) -> Announcement {
    Announcement {
        chassis: chassis.into(),
        port: "Gi1/0/3".into(),
        ttl,
        port_description: None,
        system_name: Some(name.into()),
        system_description: None,
        management_address: None,
    }
}

fn words(news: &[News]) -> Vec<String> {
    let word = |news: &News| match news {
        News::Seen(neighbour) => format!("seen {}", neighbour.system_name.as_deref().unwrap_or("?")),
        News::Changed(port, event) => format!("{} {} {port}", event.args["chassis"], event.args["change"]),
    };
    news.iter().map(word).collect()
}

fn second(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_neighbour_is_told_when_it_comes_changes_and_goes_and_not_in_between() {
    let mut all = Neighbours::new(["eth0".to_owned()]);
    let mut hear = |name: &str, ttl, at| words(&all.heard("eth0", says("a", name, ttl), second(at)));
    assert_eq!(hear("core", 120, 0), ["a came eth0", "seen core"]);
    assert_eq!(hear("core", 120, 30), [""; 0]);
    assert_eq!(hear("core-2", 120, 60), ["seen core-2"]);
    assert_eq!(hear("core-2", 0, 61), ["a went eth0"]);
    assert_eq!(hear("core-2", 0, 62), [""; 0], "it goes once");
}

#[test]
fn one_that_falls_silent_goes_when_its_word_no_longer_holds() {
    let mut all = Neighbours::new(["eth0".to_owned()]);
    all.heard("eth0", says("a", "core", 120), second(10));
    assert_eq!(all.expire(second(129)), []);
    assert_eq!(words(&all.expire(second(130))), ["a went eth0"]);
    assert_eq!(all.expire(second(131)), []);
}

#[test]
fn what_stays_is_said_again_after_an_hour() {
    let mut all = Neighbours::new(["eth0".to_owned()]);
    let told: Vec<u64> = (0..=240)
        .filter(|n| !all.heard("eth0", says("a", "core", 120), second(n * 30)).is_empty())
        .map(|n| n * 30)
        .collect();
    assert_eq!(told, [0, 3600, 7200]);
}

#[test]
fn only_the_ports_that_are_asked_for_are_heard_and_no_port_fills_memory() {
    let mut all = Neighbours::new(["eth0".to_owned()]);
    assert_eq!(all.heard("eth1", says("a", "core", 120), second(0)), []);
    for n in 0..1000 {
        all.heard("eth0", says(&format!("forged-{n}"), "x", 120), second(0));
    }
    assert_eq!(all.ports["eth0"].len(), MOST);
}

#[test]
fn of_what_a_device_tells_only_changes_since_the_first_time_are_news() {
    let mut all = Neighbours::new([]);
    let mut read = |found: &[(&str, &str)], at| {
        let found = found.iter().map(|(port, name)| ((*port).to_owned(), says(name, name, 600)));
        words(&all.read(found.collect(), second(at)))
    };
    assert_eq!(read(&[("Gi1", "a"), ("Gi2", "b")], 0), ["seen a", "seen b"]);
    assert_eq!(read(&[("Gi1", "a"), ("Gi2", "b")], 300), [""; 0]);
    // The device was silent for long; nobody has gone for that.
    assert_eq!(read(&[("Gi1", "a"), ("Gi3", "c")], 3_000), ["c came Gi3", "seen c", "b went Gi2"]);
    assert_eq!(read(&[], 3_300), ["a went Gi1", "c went Gi3"]);
    let many: Vec<String> = (0..3_000).map(|n| format!("Gi{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|port| (port.as_str(), "a")).collect();
    assert_eq!(read(&many, 3_600).len(), 2 * PORTS);
}
