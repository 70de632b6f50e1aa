use super::*;

fn rooms(most: usize, of_one_source: usize, grace_s: u64) -> Rooms {
    let room = Size::new(most, of_one_source, grace_s);
    Rooms { silent: room, handshake: room, stranger: room, asking: room }
}

fn source(last: u8) -> Source {
    Source::of(IpAddr::from([192, 0, 2, last]))
}

/// Enters the first room as somebody new.
fn comes(crowd: &mut Crowd, from: Source, now: Instant) -> (u64, Entry) {
    let id = crowd.id();
    (id, crowd.enter(Room::Silent, from, id, now))
}

#[test]
fn a_source_that_has_its_share_pushes_out_its_own_longest_wait() {
    let (mut crowd, now) = (Crowd::new(rooms(100, 3, 0)), Instant::now());
    let other = comes(&mut crowd, source(1), now).0;
    let first: Vec<u64> = (0..3).map(|_| comes(&mut crowd, source(2), now).0).collect();
    assert_eq!(comes(&mut crowd, source(2), now).1, Entry::Instead(first[0]));
    assert_eq!(crowd.len(Room::Silent), 4);
    crowd.leave(Room::Silent, source(1), other);
    assert_eq!(crowd.len(Room::Silent), 3);
}

/// Catches: three thousand machines behind one address that end each other's handshakes and never get anywhere.
#[test]
fn who_has_just_come_is_not_pushed_out_by_its_neighbour() {
    let (mut crowd, now) = (Crowd::new(rooms(100, 2, 3)), Instant::now());
    let first = comes(&mut crowd, source(1), now).0;
    comes(&mut crowd, source(1), now);
    let soon = now + Duration::from_secs(2);
    assert_eq!(comes(&mut crowd, source(1), soon).1, Entry::Later);
    assert_eq!(crowd.len(Room::Silent), 2);
    assert_eq!(comes(&mut crowd, source(2), soon).1, Entry::In);
    let late = now + Duration::from_secs(3);
    assert_eq!(comes(&mut crowd, source(1), late).1, Entry::Instead(first));
}

#[test]
fn in_a_full_room_whoever_fills_it_most_makes_way_at_once() {
    let (mut crowd, now) = (Crowd::new(rooms(10, 10, 60)), Instant::now());
    let honest = comes(&mut crowd, source(1), now).0;
    let crowding: Vec<u64> = (0..9).map(|_| comes(&mut crowd, source(2), now).0).collect();
    for (expected, newcomer) in crowding.iter().take(4).zip(3..) {
        assert_eq!(comes(&mut crowd, source(newcomer), now).1, Entry::Instead(*expected));
    }
    assert_eq!(crowd.len(Room::Silent), 10);
    assert!(crowd.rooms[0].by_source[&source(1)].contains_key(&honest));
}

#[test]
fn rooms_do_not_crowd_each_other() {
    let (mut crowd, now) = (Crowd::new(rooms(4, 4, 0)), Instant::now());
    for _ in 0..1000 {
        comes(&mut crowd, source(1), now);
    }
    let (id, _) = comes(&mut crowd, source(1), now);
    assert_eq!(crowd.enter(Room::Handshake, source(1), id, now), Entry::In);
    crowd.leave(Room::Silent, source(1), id);
    assert_eq!((crowd.len(Room::Silent), crowd.len(Room::Handshake)), (3, 1));
}

#[test]
fn who_had_to_go_leaves_only_once() {
    let (mut crowd, now) = (Crowd::new(rooms(1, 1, 0)), Instant::now());
    let (first, _) = comes(&mut crowd, source(1), now);
    assert_eq!(comes(&mut crowd, source(1), now).1, Entry::Instead(first));
    crowd.leave(Room::Silent, source(1), first);
    assert_eq!(crowd.len(Room::Silent), 1);
}

#[test]
fn one_machine_is_one_source_however_many_addresses_it_takes() {
    let of = |text: &str| Source::of(text.parse().expect("an address"));
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}

mod whatever_happens {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nobody_is_counted_twice_and_no_room_overflows(
            steps in prop::collection::vec((0u8..3, any::<bool>(), 0u64..4), 1..300)
        ) {
            let mut crowd = Crowd::new(rooms(7, 3, 5));
            let mut now = Instant::now();
            let mut inside: Vec<(Source, u64)> = Vec::new();
            for (from, leaves, seconds) in steps {
                now += Duration::from_secs(seconds);
                if leaves && !inside.is_empty() {
                    let (source, id) = inside.remove(0);
                    crowd.leave(Room::Silent, source, id);
                } else {
                    let (id, entry) = comes(&mut crowd, source(from), now);
                    match entry {
                        Entry::In => inside.push((source(from), id)),
                        Entry::Instead(goes) => {
                            prop_assert!(inside.iter().any(|(_, other)| *other == goes));
                            inside.retain(|(_, other)| *other != goes);
                            inside.push((source(from), id));
                        }
                        Entry::Later => {}
                    }
                }
                prop_assert_eq!(crowd.len(Room::Silent), inside.len());
                prop_assert!(inside.len() <= 7);
                for last in 0..3 {
                    prop_assert!(inside.iter().filter(|(s, _)| *s == source(last)).count() <= 3);
                }
            }
        }
    }
}
