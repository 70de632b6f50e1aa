use super::*;
use proptest::prelude::*;

const OWN: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 3, 16, last)
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0x77, a, b, c, d])
}

fn answer(number: u32, from: Ipv4Addr) -> Said {
    Said { mac: mac(number), ip: from, answers: Some(OWN) }
}

fn plan(prefix: u8) -> Plan {
    Plan { network: ip(0), prefix, every: at(600), rate: 20, phase: at(7), own: OWN, own_ip: ip(1) }
}

fn sweep(prefix: u8) -> Sweep {
    Sweep::new(plan(prefix), Duration::ZERO)
}

#[test]
fn every_address_is_asked_once_a_round_and_never_two_at_once() {
    let mut sweep = sweep(24);
    assert_eq!(sweep.ask(at(6)), None, "its phase is not over");
    let (mut now, mut asked, mut last) = (Duration::ZERO, Vec::new(), None);
    while now < at(620) {
        now = sweep.due();
        if let Some(ip) = sweep.ask(now) {
            let gap = last.map_or(at(1), |last| now.saturating_sub(last));
            assert!(gap >= Duration::from_millis(50), "{gap:?} before {ip}");
            asked.push(ip);
            last = Some(now);
        }
        assert_eq!(sweep.ask(now), None);
    }
    let first: Vec<_> = (2..=254).map(ip).collect();
    assert_eq!(asked[..253], first, "all but this host's own");
    assert_eq!(asked[253], ip(2), "the second round");
    assert!(last.expect("asked") >= at(607), "on the grid of rounds");
    // A later round takes most of the time there is.
    let began = now;
    while !sweep.begins() {
        now = sweep.due();
        sweep.ask(now);
    }
    let took = now.saturating_sub(began);
    assert!((at(400)..at(600)).contains(&took), "{took:?}");
}

#[test]
fn after_a_pause_of_the_machine_questions_are_not_made_up_for() {
    let mut sweep = sweep(24);
    assert!(sweep.ask(at(5_000)).is_none() && sweep.ask(at(5_000)).is_none());
    assert_eq!(sweep.ask(at(5_001)), Some(ip(2)));
    assert_eq!(sweep.ask(at(5_001)), None);
}

#[test]
fn a_station_is_told_once_and_again_each_hour() {
    let mut sweep = sweep(24);
    let first = sweep.heard(answer(9, ip(9)), at(10));
    let seen = Seen { mac: mac(9), ip: ip(9), first: at(10), last: at(10) };
    assert_eq!(first, [Find::Present(seen)]);
    let mut told = 0;
    for round in 1..=12 {
        told += sweep.heard(answer(9, ip(9)), at(10 + round * 600)).len();
    }
    assert_eq!(told, 2);
}

#[test]
fn what_is_not_on_the_subnet_or_is_this_host_itself_is_no_station() {
    let mut sweep = sweep(24);
    for said in [
        answer(9, ip(0)),
        answer(9, ip(255)),
        answer(9, Ipv4Addr::UNSPECIFIED),
        answer(9, Ipv4Addr::new(10, 3, 17, 9)),
        Said { mac: OWN, ip: ip(9), answers: None },
        Said { mac: Mac([0xff; 6]), ip: ip(9), answers: None },
    ] {
        assert_eq!(sweep.heard(said, at(10)), [], "{said:?}");
    }
}

#[test]
fn a_station_with_another_address_is_told_and_one_that_has_many_is_not() {
    let mut sweep = sweep(24);
    sweep.heard(answer(9, ip(9)), at(10));
    // A router that answers for everything.
    for last in 10..200 {
        assert_eq!(sweep.heard(answer(9, ip(last)), at(11)), []);
    }
    sweep.heard(answer(9, ip(9)), at(610));
    let moved = sweep.heard(answer(9, ip(77)), at(610 + 604));
    assert!(
        matches!(moved[..], [Find::Present(Seen { ip: now, first, .. })] if now == ip(77) && first == at(10))
    );
}

#[test]
fn two_stations_that_answer_for_one_address_are_a_conflict_told_once() {
    let mut sweep = sweep(24);
    let conflicts = |finds: Vec<Find>| {
        finds.into_iter().filter(|find| matches!(find, Find::Conflict(..))).collect::<Vec<_>>()
    };
    assert_eq!(conflicts(sweep.heard(answer(1, ip(9)), at(10))), []);
    assert_eq!(conflicts(sweep.heard(answer(2, ip(9)), at(11))), [Find::Conflict(ip(9), [mac(1), mac(2)])]);
    for round in 1..10 {
        assert_eq!(conflicts(sweep.heard(answer(1, ip(9)), at(10 + 600 * round))), []);
        assert_eq!(conflicts(sweep.heard(answer(2, ip(9)), at(11 + 600 * round))), []);
    }
    // An address that goes over to another station is none.
    assert_eq!(conflicts(sweep.heard(answer(3, ip(20)), at(10))), []);
    assert_eq!(conflicts(sweep.heard(answer(4, ip(20)), at(610))), []);
    assert_eq!(conflicts(sweep.heard(answer(4, ip(20)), at(611))), []);
    // Nor is what stations say to each other.
    let gossip = Said { answers: None, ..answer(5, ip(20)) };
    assert_eq!(conflicts(sweep.heard(gossip, at(612))), []);
    // Somebody has this host's own address.
    let own = sweep.heard(answer(6, ip(1)), at(613));
    assert_eq!(own, [Find::Conflict(ip(1), [OWN, mac(6)])]);
}

#[test]
fn a_machine_that_makes_up_thousands_costs_bounded_memory_and_is_told_of_once() {
    let mut sweep = sweep(24);
    let (mut present, mut crowded, mut conflicts) = (0, 0, 0);
    for number in 0..50_000 {
        for find in sweep.heard(answer(number, ip(2 + (number % 200) as u8)), at(10)) {
            match find {
                Find::Present(_) => present += 1,
                Find::Crowded => crowded += 1,
                Find::Conflict(..) => conflicts += 1,
            }
        }
    }
    assert_eq!((present, crowded, conflicts), (254, 1, CONFLICTS));
    assert!(sweep.stations.len() == 254 && sweep.holders.len() <= 254);
    // Those who are silent make room again.
    for _ in 0..254 {
        sweep.ask(sweep.due());
    }
    for _ in 0..2 {
        let round = sweep.due() + at(1_800);
        sweep.ask(round);
    }
    assert_eq!(sweep.stations.len(), 0);
}

proptest! {
    #[test]
    fn whatever_is_said_the_tables_stay_within_the_subnet(
        said in proptest::collection::vec((any::<[u8; 6]>(), any::<u16>(), any::<bool>(), 0u64..2_000), 0..400),
        prefix in any::<u8>(),
        every in 0u64..5_000,
        rate in any::<u16>(),
    ) {
        let mut sweep = Sweep::new(Plan { every: at(every), rate, ..plan(prefix) }, Duration::ZERO);
        let mut now = Duration::ZERO;
        for (mac, last, answers, wait) in said {
            now += Duration::from_millis(wait);
            let ip = Ipv4Addr::from(u32::from(ip(0)) & 0xffff_0000 | u32::from(last));
            sweep.heard(Said { mac: Mac(mac), ip, answers: answers.then_some(OWN) }, now);
            let before = sweep.due();
            let asked = sweep.ask(now);
            prop_assert!(asked.is_none() || before <= now && sweep.due() > now);
            prop_assert!(sweep.stations.len() <= sweep.hosts as usize);
            prop_assert!(sweep.holders.len() <= sweep.hosts as usize);
        }
    }
}
