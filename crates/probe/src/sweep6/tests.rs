use super::*;
use proptest::prelude::*;

const OWN: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ip(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, last)
}

fn local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last)
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0x77, a, b, c, d])
}

fn has(number: u32, ip: Ipv6Addr) -> Said {
    Said { mac: mac(number), ip, has: true }
}

fn wants(number: u32, ip: Ipv6Addr) -> Said {
    Said { has: false, ..has(number, ip) }
}

fn plan() -> Plan {
    let own = Own { mac: OWN, local: local(1), ip: Some(ip(1)) };
    Plan { network: ip(0), prefix: 64, every: at(600), rate: 20, phase: at(7), places: 100, own }
}

fn sweep() -> Sweep6 {
    Sweep6::new(plan(), Duration::ZERO)
}

type Asked = Vec<(Duration, Ask)>;
type Told = Vec<(Duration, Find)>;

/// Goes on until a time; what was asked and what was told on the way.
fn until(sweep: &mut Sweep6, end: Duration) -> (Asked, Told) {
    let (mut asked, mut told) = (Vec::new(), Vec::new());
    while sweep.due() <= end {
        let now = sweep.due();
        asked.extend(sweep.ask(now).map(|ask| (now, ask)));
        told.extend(sweep.news(now).into_iter().map(|find| (now, find)));
        assert!(sweep.due() > now, "it stands still at {now:?}");
    }
    (asked, told)
}

fn ips(found: &(Duration, Find)) -> Vec<Ipv6Addr> {
    match &found.1 {
        Find::Present(seen) => seen.ips.clone(),
        Find::Crowded => Vec::new(),
    }
}

#[test]
fn everybody_is_called_twice_a_round_from_each_address() {
    let mut sweep = sweep();
    assert_eq!(sweep.ask(at(6)), None, "its phase is not over");
    let round = |began: u64| {
        [(0, local(1)), (1, ip(1)), (2, local(1)), (3, ip(1))].map(|(s, ip)| (at(began + s), Ask::All(ip)))
    };
    let (asked, told) = until(&mut sweep, at(606));
    assert_eq!((asked, told), (round(7).to_vec(), Vec::new()));
    assert!(!sweep.begins(at(606)) && sweep.begins(at(607)));
    assert_eq!(until(&mut sweep, at(1_200)).0, round(607));
    // Without an address there, it calls from the one of the link alone.
    sweep.called(Own { ip: None, ..plan().own });
    assert_eq!(until(&mut sweep, at(1_800)).0, [1_207, 1_208].map(|s| (at(s), Ask::All(local(1)))));
    // After a pause of the machine nothing is made up for.
    assert_eq!(sweep.ask(at(90_000)), Some(Ask::All(local(1))));
    assert_eq!(sweep.ask(at(90_000)), None);
}

#[test]
fn a_station_is_told_with_all_its_addresses_once_and_again_each_hour() {
    let mut sweep = sweep();
    sweep.heard(has(9, local(9)), at(10));
    sweep.heard(has(9, ip(9)), at(11));
    let told = until(&mut sweep, at(60)).1;
    let seen = Seen { mac: mac(9), ip: ip(9), ips: vec![ip(9), local(9)], first: at(10), last: at(11) };
    assert_eq!(told, [(at(13), Find::Present(seen))]);
    let mut told = 0;
    for round in 1..=14 {
        let now = at(10 + round * 600);
        sweep.heard(has(9, local(9)), now);
        sweep.heard(has(9, ip(9)), now);
        told += until(&mut sweep, now + at(500)).1.len();
    }
    assert_eq!(told, 2);
    // Another address is told at once, and many one after the other are not told one by one.
    let mut told = Vec::new();
    for (n, second) in (10..20).zip(9_000..) {
        sweep.heard(has(9, ip(n)), at(second));
        told.extend(until(&mut sweep, at(second)).1);
    }
    told.extend(until(&mut sweep, at(9_200)).1);
    assert_eq!(
        told.iter().map(|told| (told.0, ips(told).len())).collect::<Vec<_>>(),
        [(at(9_002), 5), (at(9_062), 12)]
    );
}

#[test]
fn who_was_silent_is_asked_alone_and_forgotten_when_he_does_not_answer() {
    let mut sweep = sweep();
    for number in 9..12 {
        sweep.heard(has(u32::from(number), ip(number)), at(10));
    }
    until(&mut sweep, at(606));
    sweep.heard(has(9, ip(9)), at(606));
    // In the second round 10 answers the call, 11 the question; 9 was heard before it and neither answers.
    assert_eq!(until(&mut sweep, at(610)).0.len(), 4);
    sweep.heard(has(10, ip(10)), at(610));
    let asked = until(&mut sweep, at(620)).0;
    assert_eq!(
        asked.iter().map(|(_, ask)| *ask).collect::<Vec<_>>(),
        [Ask::One(mac(11), ip(11)), Ask::One(mac(9), ip(9))]
    );
    assert!(asked[1].0 >= asked[0].0 + Duration::from_millis(50), "{asked:?}");
    sweep.heard(has(11, ip(11)), at(620));
    until(&mut sweep, at(606 + 1_800));
    assert_eq!(sweep.stations.len(), 3);
    until(&mut sweep, at(620 + 1_800 + 600));
    assert_eq!(sweep.stations.len(), 0);
}

#[test]
fn who_would_have_an_address_is_asked_whether_he_has_it() {
    let mut sweep = sweep();
    sweep.heard(wants(9, ip(9)), at(100));
    let (asked, told) = until(&mut sweep, at(200));
    assert_eq!(asked.last(), Some(&(at(104), Ask::One(mac(9), ip(9)))));
    assert_eq!(told, [], "nobody said that it has it");
    sweep.heard(has(9, ip(9)), at(200));
    assert_eq!(until(&mut sweep, at(210)).1.iter().map(ips).collect::<Vec<_>>(), [[ip(9)]]);
    // Who says so meanwhile is not asked.
    sweep.heard(wants(10, ip(10)), at(300));
    sweep.heard(has(10, ip(10)), at(302));
    assert_eq!(until(&mut sweep, at(310)).0, []);
}

#[test]
fn what_is_not_of_the_subnet_or_is_this_host_itself_is_no_station() {
    let mut sweep = sweep();
    for said in [
        has(9, ip(0)),
        has(9, ip(1)),
        has(9, local(1)),
        has(9, local(0)),
        has(9, "fd00:8::9".parse().expect("valid")),
        has(9, "fe80:0:0:1::9".parse().expect("valid")),
        has(9, Ipv6Addr::UNSPECIFIED),
        Said { mac: OWN, ..has(9, ip(9)) },
        Said { mac: Mac([0xff; 6]), ..has(9, ip(9)) },
    ] {
        sweep.heard(said, at(10));
        assert!(sweep.stations.is_empty(), "{said:?}");
    }
    // Where there is no prefix but the link's own.
    let own = Own { ip: None, ..plan().own };
    let mut bare = Sweep6::new(Plan { network: local(0), own, ..plan() }, Duration::ZERO);
    bare.heard(has(9, local(9)), at(10));
    bare.heard(has(9, ip(9)), at(10));
    assert_eq!(until(&mut bare, at(20)).1.iter().map(ips).collect::<Vec<_>>(), [[local(9)]]);
}

#[test]
fn a_station_of_many_addresses_keeps_those_that_it_was_first_known_by() {
    let mut sweep = sweep();
    for last in 100..1_000 {
        sweep.heard(has(9, ip(last)), at(10));
    }
    let told = until(&mut sweep, at(20)).1;
    let first: Vec<Ipv6Addr> = (100..100 + MAX_STATION_IP6 as u16).map(ip).collect();
    assert_eq!(ips(&told[0]), first);
    // One that is not heard any more gives way.
    for last in 101..116 {
        sweep.heard(has(9, ip(last)), at(900));
    }
    sweep.heard(has(9, ip(2_000)), at(901));
    let told = until(&mut sweep, at(910)).1;
    assert!(ips(&told[0]).contains(&ip(2_000)) && !ips(&told[0]).contains(&ip(100)), "{told:?}");
}

#[test]
fn one_without_an_address_in_the_subnet_is_told_when_a_round_has_passed() {
    let mut sweep = sweep();
    sweep.heard(has(9, local(9)), at(10));
    sweep.heard(has(10, local(10)), at(10));
    sweep.heard(has(10, ip(10)), at(400));
    let told = until(&mut sweep, at(606)).1;
    assert_eq!(
        told.iter().map(|told| (told.0, ips(told))).collect::<Vec<_>>(),
        [(at(402), vec![ip(10), local(10)])]
    );
    let told = until(&mut sweep, at(620)).1;
    assert_eq!(told.iter().map(|told| (told.0, ips(told))).collect::<Vec<_>>(), [(at(615), vec![local(9)])]);
}

#[test]
fn one_that_is_not_to_be_told_yet_is_handed_out_again() {
    let mut sweep = sweep();
    sweep.heard(has(9, ip(9)), at(10));
    assert_eq!(until(&mut sweep, at(20)).1.len(), 1);
    sweep.later(mac(9), at(400));
    assert_eq!(until(&mut sweep, at(399)).1, []);
    assert_eq!(until(&mut sweep, at(400)).1.len(), 1);
}

#[test]
fn a_machine_that_makes_up_thousands_costs_bounded_memory_and_is_told_of_once() {
    let mut sweep = sweep();
    let mut crowded = 0;
    for number in 0..50_000 {
        let said = if number % 3 == 0 {
            wants(number, ip(2 + (number % 200) as u16))
        } else {
            has(number, local(7))
        };
        sweep.heard(said, at(10));
        crowded += sweep.news(at(10)).len();
    }
    for last in 0..50_000 {
        sweep.heard(wants(1, ip(last)), at(10));
    }
    assert_eq!(crowded, 1);
    assert_eq!(sweep.stations.len(), 100);
    assert!(sweep.wants.len() <= WANTS && sweep.agenda.len() <= 100);
    let (asked, told) = until(&mut sweep, at(600));
    assert!(told.len() <= 100, "{}", told.len());
    for pair in asked.windows(2) {
        assert!(pair[1].0 >= pair[0].0 + Duration::from_millis(50), "{pair:?}");
    }
    until(&mut sweep, at(3_000));
    assert_eq!(sweep.stations.len(), 0, "those who are silent make room again");
    sweep.heard(has(60_000, ip(7)), at(3_000));
    assert_eq!(until(&mut sweep, at(3_010)).1.len(), 1);
}

proptest! {
    #[test]
    fn whatever_is_said_the_tables_stay_within_their_bounds_and_time_goes_on(
        said in proptest::collection::vec((0u32..40, 0u16..60, any::<bool>(), any::<bool>(), 0u64..20_000), 0..400),
        every in 0u64..100,
        rate in any::<u16>(),
    ) {
        let mut sweep = Sweep6::new(Plan { every: at(every), rate, places: 20, ..plan() }, Duration::ZERO);
        let mut now = Duration::ZERO;
        for (number, last, link, has, wait) in said {
            now += Duration::from_millis(wait);
            let ip = if link { local(last) } else { ip(last) };
            sweep.heard(Said { mac: mac(number), ip, has }, now);
            sweep.ask(now);
            for find in sweep.news(now) {
                if let Find::Present(seen) = find {
                    prop_assert!(!seen.ips.is_empty() && seen.ips.len() <= MAX_STATION_IP6);
                    prop_assert!(seen.first <= seen.last && seen.last <= now && seen.ip == seen.ips[0]);
                }
            }
            prop_assert!(sweep.due() > now);
            prop_assert!(sweep.stations.len() <= 20 && sweep.agenda.len() <= 20 && sweep.wants.len() <= WANTS);
        }
    }
}
