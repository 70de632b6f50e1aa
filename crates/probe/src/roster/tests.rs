use super::*;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn mac(number: u32) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    Mac([0x02, 0x77, a, b, c, d])
}

fn v4(number: u32, first: u64) -> sweep::Seen {
    sweep::Seen { mac: mac(number), ip: [10, 3, 16, 9].into(), first: at(first), last: at(first) }
}

fn v6(number: u32, first: u64) -> sweep6::Seen {
    let ips: Vec<Ipv6Addr> = ["fd00:7::9", "fe80::9"].map(|ip| ip.parse().expect("valid")).to_vec();
    sweep6::Seen { mac: mac(number), ip: ips[0], ips, first: at(first), last: at(first) }
}

fn told(word: Word) -> Present {
    match word {
        Word::Tell(present) => present,
        Word::Later(at) => panic!("not until {at:?}"),
    }
}

#[test]
fn a_station_of_both_families_is_one() {
    let mut roster = Roster::new(Duration::ZERO, at(7_200));
    let first = told(roster.v6(&v6(1, 10), at(12)));
    assert_eq!((first.ip.to_string().as_str(), first.ip6.len()), ("fd00:7::9", 2));
    let both = roster.v4(v4(1, 20), at(20));
    let whole = Present { ip: [10, 3, 16, 9].into(), last: at(20), ..first };
    assert_eq!(both, whole);
    assert_eq!(told(roster.v6(&v6(1, 10), at(30))), whole);
    assert_eq!(roster.v4(v4(2, 20), at(20)).ip6, Vec::<Ipv6Addr>::new(), "another one");
    // An address that was given back is not told for ever.
    let later = told(roster.v6(&v6(1, 10), at(20 + 7_200)));
    assert_eq!(later.ip.to_string(), "fd00:7::9");
}

#[test]
fn one_that_was_heard_by_ipv6_waits_until_its_other_address_had_its_turn() {
    let mut roster = Roster::new(at(600), at(7_200));
    assert_eq!(roster.v6(&v6(1, 10), at(12)), Word::Later(at(610)));
    assert_eq!(roster.v4(v4(1, 40), at(40)).ip6.len(), 2, "told as a whole");
    assert_eq!(roster.v6(&v6(2, 10), at(12)), Word::Later(at(610)));
    assert_eq!(told(roster.v6(&v6(2, 10), at(610))).ip.to_string(), "fd00:7::9");
}

#[test]
fn made_up_stations_take_no_more_than_their_places() {
    let mut roster = Roster::new(Duration::ZERO, at(100));
    for number in 0..PLACES as u32 + 100 {
        told(roster.v6(&v6(number, 10), at(10)));
    }
    assert_eq!(roster.known.len(), PLACES);
    roster.v4(v4(1_000_000, 200), at(200));
    assert_eq!(roster.known.len(), 1, "who is over makes room");
}
