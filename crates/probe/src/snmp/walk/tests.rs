use std::collections::HashMap;

use super::*;
use proptest::prelude::*;

const NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
const IN: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
const OUT: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10];
const ERRORS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14];
const ALL: &[&[u32]] = &[NAME, IN, OUT, ERRORS];

const NUMBER: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 1];
const BUDGET: usize = 1300;

#[derive(Debug, PartialEq)]
enum SnmpError {
    Silent,
    TooBig,
    Status { index: u32 },
}

/// A device's agent, with the habits of bad ones.
#[derive(Default)]
struct Agent {
    objects: BTreeMap<Oid, Datum>,
    /// Cuts a reply here, as RFC 3416 lets it.
    most_bindings: Option<usize>,
    /// Says tooBig instead, above so many bindings.
    too_big_above: Option<usize>,
    /// Says genErr without a place where it should say tooBig.
    misnames_too_big: bool,
    /// Answers a column with genErr, naming the place or not.
    broken: Option<(Oid, bool)>,
    /// Gives a column's first row again and again.
    looping: Option<Oid>,
    /// Requests with more rows than this get no reply.
    silent_above: Option<u32>,
    /// Makes up rows without an end.
    endless: Option<Oid>,
    asked: usize,
    largest: usize,
}

impl Agent {
    fn new(cells: impl IntoIterator<Item = (&'static [u32], u32, Datum)>) -> Self {
        let mut objects: BTreeMap<Oid, Datum> =
            cells.into_iter().map(|(column, index, value)| ([column, &[index]].concat(), value)).collect();
        objects.insert([SYS_UPTIME, &[0]].concat(), Datum::Ticks(777));
        Self { objects, ..Self::default() }
    }

    fn after(&self, oid: &Oid) -> Binding {
        if let Some(looping) = &self.looping
            && oid.starts_with(looping)
            && oid.len() > looping.len()
        {
            return Binding { oid: oid.clone(), value: Datum::Number(1) };
        }
        if let Some(endless) = &self.endless
            && oid.starts_with(endless)
        {
            let last = if oid.len() > endless.len() { oid[endless.len()] } else { 0 };
            return Binding { oid: [endless.as_slice(), &[last + 1]].concat(), value: Datum::Number(1) };
        }
        match self.objects.range(oid.clone()..).find(|(name, _)| *name > oid) {
            Some((name, value)) => Binding { oid: name.clone(), value: value.clone() },
            None => Binding { oid: oid.clone(), value: Datum::End },
        }
    }

    fn get_bulk(&mut self, ask: &Ask) -> Result<Vec<Binding>, SnmpError> {
        let Ask { oids, single, repetitions, .. } = ask;
        let (single, repetitions) = (*single, *repetitions);
        self.asked += 1;
        assert!(self.asked < 5_000, "the walk does not end");
        if self.silent_above.is_some_and(|most| repetitions > most) {
            return Err(SnmpError::Silent);
        }
        if let Some((column, named)) = &self.broken
            && let Some(place) = oids.iter().position(|oid| oid.starts_with(column))
        {
            return Err(SnmpError::Status { index: if *named { place as u32 + 1 } else { 0 } });
        }
        let mut reply: Vec<Binding> = oids[..single].iter().map(|oid| self.after(oid)).collect();
        let mut cursors = oids[single..].to_vec();
        for _ in 0..repetitions {
            for cursor in &mut cursors {
                let binding = self.after(cursor);
                cursor.clone_from(&binding.oid);
                reply.push(binding);
            }
        }
        if self.too_big_above.is_some_and(|most| reply.len() > most) {
            let misnamed = SnmpError::Status { index: 0 };
            return Err(if self.misnames_too_big { misnamed } else { SnmpError::TooBig });
        }
        reply.truncate(self.most_bindings.unwrap_or(usize::MAX).max(single));
        self.largest = self.largest.max(reply.iter().map(Binding::encoded_len).sum());
        Ok(reply)
    }
}

fn read(agent: &mut Agent, columns: &[&[u32]]) -> Table {
    read_with(agent, columns, 1, Known::default())
}

/// Reads as the shell does, its budget halved when a reply is too big or does not come.
fn read_with(agent: &mut Agent, columns: &[&[u32]], lanes: usize, known: Known) -> Table {
    let mut walk = Walk::new(columns, &[NUMBER], lanes, known);
    let mut budget = BUDGET;
    for lane in 0..walk.lanes() {
        while let Some(ask) = walk.next(lane, budget) {
            match agent.get_bulk(&ask) {
                Ok(reply) => walk.take(&ask, &reply, Duration::from_secs(agent.asked as u64)),
                Err(SnmpError::TooBig) => walk.too_big(&ask),
                Err(SnmpError::Status { index }) => walk.refused(&ask, index),
                Err(SnmpError::Silent) if budget > 20 => budget /= 2,
                Err(SnmpError::Silent) => walk.give_up(lane),
            }
        }
    }
    walk.finish()
}

fn table(interfaces: u32) -> Agent {
    Agent::new((1..=interfaces).flat_map(|i| {
        [
            (NAME, i, Datum::Text(format!("GigabitEthernet1/0/{i}").into_bytes())),
            (IN, i, Datum::Counter64(u64::from(i))),
            (OUT, i, Datum::Counter64(1 << 40)),
            (ERRORS, i, Datum::Counter32(7)),
        ]
    }))
}

fn cells(table: &Table) -> usize {
    table.rows.values().map(|row| row.cells.len()).sum()
}

const TRAFFIC: &[&[u32]] = &[
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 19],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 7],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 8],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 9],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 13],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 11],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 12],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 13],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 20],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1, 19],
];

/// A switch that has carried some terabytes.
fn switch(interfaces: u32) -> Agent {
    let mut agent = Agent::new((1..=interfaces).flat_map(|i| {
        TRAFFIC.iter().enumerate().map(move |(number, column)| {
            let value = match number {
                0 | 1 => Datum::Counter64(1 << 50),
                2 => Datum::Ticks(0),
                5..=7 | 10..=12 => Datum::Counter64(1 << 42),
                8 | 9 | 13 | 14 => Datum::Counter32(1000),
                _ => Datum::Number(1),
            };
            (*column, i, value)
        })
    }));
    agent.objects.insert([NUMBER, &[0]].concat(), Datum::Number(i64::from(interfaces)));
    agent
}

/// The figure to beat: 78 requests for 48 interfaces, by a walk per column.
#[test]
fn a_switch_that_has_not_changed_is_read_in_thirteen_requests_that_fit_a_datagram() {
    let mut agent = switch(48);
    let first = read_with(&mut agent, TRAFFIC, 3, Known::default());
    assert_eq!((first.rows.len(), cells(&first), &first.faults[..]), (48, 48 * TRAFFIC.len(), &[][..]));
    assert!(agent.asked <= 16, "{} requests at first", agent.asked);
    agent.asked = 0;
    let second = read_with(&mut agent, TRAFFIC, 3, first.known);
    assert_eq!(cells(&second), 48 * TRAFFIC.len());
    assert!(agent.asked <= 13, "{} requests", agent.asked);
    assert!(agent.largest <= BUDGET + 50, "{} bytes", agent.largest);
    let (first, last) = (&second.rows[&vec![1]], &second.rows[&vec![48]]);
    assert_eq!(first.uptime, Some(777));
    assert!(first.at < last.at, "each row has its own moment");
    assert!(last.at <= Duration::from_secs(8), "the moment is that of the bytes, not of what is read later");
}

#[test]
fn a_table_that_says_that_it_has_changed_is_read_to_its_new_end() {
    let known = read_with(&mut switch(20), TRAFFIC, 3, Known::default()).known;
    let mut grown = switch(24);
    assert_eq!(read_with(&mut grown, TRAFFIC, 3, known.clone()).rows.len(), 24);
    let mut shrunk = switch(16);
    assert_eq!(read_with(&mut shrunk, TRAFFIC, 3, known.clone()).rows.len(), 16);
    // One that always says the same is found out by the walk that does not trust it.
    let mut liar = switch(24);
    liar.objects.insert([NUMBER, &[0]].concat(), Datum::Number(20));
    assert_eq!(read_with(&mut liar, TRAFFIC, 3, known.clone()).rows.len(), 20);
    let mut wary = known;
    wary.distrust();
    assert_eq!(read_with(&mut liar, TRAFFIC, 3, wary).rows.len(), 24);
}

#[test]
fn a_device_that_tells_nothing_of_its_table_is_read_to_the_end_each_time() {
    let mut agent = switch(20);
    agent.objects.remove(&[NUMBER, &[0]].concat());
    let known = read_with(&mut agent, TRAFFIC, 3, Known::default()).known;
    let mut grown = switch(24);
    grown.objects.remove(&[NUMBER, &[0]].concat());
    assert_eq!(read_with(&mut grown, TRAFFIC, 3, known).rows.len(), 24);
}

#[test]
fn an_agent_that_says_too_big_is_asked_for_less() {
    for most in [6, 5, 4, 3] {
        let mut agent = Agent { too_big_above: Some(most), ..table(9) };
        let table = read(&mut agent, ALL);
        assert_eq!((cells(&table), table.faults.len()), (36, 0), "at most {most}");
    }
    // So net-snmp does in SNMPv3.
    for most in [6, 3] {
        let mut agent = Agent { too_big_above: Some(most), misnames_too_big: true, ..table(9) };
        let table = read(&mut agent, ALL);
        assert_eq!((cells(&table), table.faults.len()), (36, 0), "at most {most}");
    }
    let mut agent = Agent { too_big_above: Some(1), ..table(9) };
    let table = read(&mut agent, ALL);
    assert_eq!(table.faults.len(), 4, "an agent that answers nothing else ends the walk");
    assert!(table.faults.iter().all(|(_, fault)| *fault == Fault::TooBig));
}

#[test]
fn a_column_with_an_error_leaves_the_others_their_rows() {
    for named in [true, false] {
        let mut agent = Agent { broken: Some((OUT.to_vec(), named)), ..table(5) };
        let table = read(&mut agent, ALL);
        assert_eq!((cells(&table), &table.faults[..]), (15, &[(2, Fault::Refused)][..]));
        assert!(table.rows.values().all(|row| !row.cells.contains_key(&2)));
    }
}

#[test]
fn a_scalar_with_an_error_is_done_without() {
    let mut agent = Agent { broken: Some((NUMBER.to_vec(), true)), ..table(5) };
    let table = read(&mut agent, ALL);
    assert_eq!((cells(&table), table.head), (20, vec![Datum::Missing]));
}

#[test]
fn a_column_that_loops_ends_alone() {
    let mut agent = Agent { looping: Some(IN.to_vec()), ..table(5) };
    let table = read(&mut agent, ALL);
    assert_eq!((cells(&table), &table.faults[..]), (16, &[(1, Fault::NotIncreasing)][..]));
    assert!(agent.asked < 5, "{} requests", agent.asked);
}

#[test]
fn a_column_without_an_end_is_cut() {
    let mut agent = Agent { endless: Some(IN.to_vec()), ..table(5) };
    let table = read(&mut agent, ALL);
    assert_eq!(table.faults, [(1, Fault::Endless)]);
    assert_eq!(table.rows.len(), 2 * 5 + LONGER_THAN_OTHERS, "the other columns have five cells");
    // Nor is it asked for again, until everything is looked at anew.
    agent.asked = 0;
    let mut known = table.known;
    let again = read_with(&mut agent, ALL, 1, known.clone());
    assert_eq!((again.faults, again.rows.len()), (vec![(1, Fault::Endless)], 5));
    assert!(agent.asked < 5, "{} requests", agent.asked);
    known.distrust();
    assert!(read_with(&mut agent, ALL, 1, known).rows.len() > 5);
    let mut alone = Agent { endless: Some(IN.to_vec()), ..Agent::new([]) };
    assert_eq!(read(&mut alone, &[IN]).rows.len(), LONGEST_COLUMN);
}

#[test]
fn a_reply_that_is_lost_for_its_size_is_asked_for_in_single_rows() {
    let mut agent = Agent { silent_above: Some(1), ..table(5) };
    assert_eq!(cells(&read(&mut agent, ALL)), 20);
    let mut agent = Agent { silent_above: Some(0), ..table(5) };
    let table = read(&mut agent, ALL);
    assert_eq!((cells(&table), table.faults[0]), (0, (0, Fault::Unread)), "silence ends the walk");
}

#[test]
fn an_empty_device_is_an_empty_table() {
    let table = read(&mut Agent::new([]), ALL);
    assert_eq!((table.rows.len(), table.faults.len()), (0, 0));
    let mut agent = Agent { most_bindings: Some(1), ..self::table(3) };
    assert_eq!(read(&mut agent, ALL).faults, [0, 1, 2, 3].map(|n| (n, Fault::Empty)));
}

#[test]
fn a_restart_in_the_middle_of_a_walk_is_told() {
    let restarted = |before: u32, after: u32| {
        let mut walk = Walk::new(&[IN], &[], 1, Known::default());
        for (n, ticks) in [before, after].into_iter().enumerate() {
            let ask = walk.next(0, 60).expect("open");
            let uptime = Binding { oid: [SYS_UPTIME, &[0]].concat(), value: Datum::Ticks(ticks) };
            let cell = Binding { oid: [IN, &[n as u32 + 1]].concat(), value: Datum::Counter64(1) };
            walk.take(&ask, &[uptime, cell], Duration::ZERO);
        }
        walk.finish().restarted
    };
    assert!(restarted(500_000, 100));
    assert!(!restarted(500_000, 499_990), "a reply that was overtaken");
    assert!(!restarted(u32::MAX - 5, 3), "day 497");
}

proptest! {
    /// Whatever rows a column lacks, and wherever replies are cut, every cell is read once and none is made up.
    #[test]
    fn the_table_is_read_as_it_is(
        held in prop::collection::btree_set((0usize..4, 1u32..40), 0..120),
        cut in prop::option::of(3usize..20),
        lanes in 1usize..5,
        budget in 10usize..3000,
    ) {
        let mut agent = Agent::new(held.iter().map(|&(column, index)| {
            (ALL[column], index, Datum::Counter64(u64::from(index) * 10 + column as u64))
        }));
        agent.most_bindings = cut;
        let mut walk = Walk::new(ALL, &[NUMBER], lanes, Known::default());
        // The lanes in turn, as replies come in.
        let mut open = true;
        while open {
            open = false;
            for lane in 0..walk.lanes() {
                if let Some(ask) = walk.next(lane, budget) {
                    open = true;
                    let reply = agent.get_bulk(&ask).expect("answers");
                    walk.take(&ask, &reply, Duration::ZERO);
                }
            }
        }
        let table = walk.finish();
        prop_assert_eq!(&table.faults, &[]);
        let seen: HashMap<(usize, u32), Datum> = table.rows.iter()
            .flat_map(|(index, row)| row.cells.iter().map(move |(&column, v)| ((column, index[0]), v.clone())))
            .collect();
        prop_assert_eq!(seen.len(), held.len());
        for ((column, index), value) in seen {
            prop_assert_eq!(value, Datum::Counter64(u64::from(index) * 10 + column as u64));
        }
    }
}
