use std::collections::HashMap;

use super::*;
use crate::polling::client::{Oid, SnmpError};
use proptest::prelude::*;

const NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1];
const IN: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
const OUT: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10];
const ERRORS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14];
const ALL: &[&[u32]] = &[NAME, IN, OUT, ERRORS];

/// A device's agent, with the habits of bad ones.
#[derive(Default)]
struct Agent {
    objects: BTreeMap<Oid, Datum>,
    /// Cuts a reply here, as RFC 3416 lets it.
    most_bindings: Option<usize>,
    /// Says tooBig instead, above so many bindings.
    too_big_above: Option<usize>,
    /// Answers a column with genErr, naming the place or not.
    broken: Option<(Oid, bool)>,
    /// Gives a column's first row again and again.
    looping: Option<Oid>,
    /// Requests with more rows than this get no reply.
    silent_above: Option<u32>,
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
        match self.objects.range(oid.clone()..).find(|(name, _)| *name > oid) {
            Some((name, value)) => Binding { oid: name.clone(), value: value.clone() },
            None => Binding { oid: oid.clone(), value: Datum::End },
        }
    }

    fn get_bulk(&mut self, oids: &[Oid], repetitions: u32) -> Result<Vec<Binding>, SnmpError> {
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
        let mut reply = vec![self.after(&oids[0])];
        let mut cursors = oids[1..].to_vec();
        for _ in 0..repetitions {
            for cursor in &mut cursors {
                let binding = self.after(cursor);
                cursor.clone_from(&binding.oid);
                reply.push(binding);
            }
        }
        if self.too_big_above.is_some_and(|most| reply.len() > most) {
            return Err(SnmpError::TooBig);
        }
        reply.truncate(self.most_bindings.unwrap_or(usize::MAX).max(1));
        self.largest = self.largest.max(reply.iter().map(Binding::encoded_len).sum());
        Ok(reply)
    }
}

fn read(agent: &mut Agent, columns: &[&[u32]]) -> (BTreeMap<u32, Row>, usize) {
    let mut walk = Walk::new(columns);
    while let Some(ask) = walk.next() {
        match agent.get_bulk(&ask.oids, ask.repetitions) {
            Ok(reply) => walk.take(&ask, &reply, Duration::from_secs(agent.asked as u64)),
            Err(SnmpError::TooBig) => walk.too_big(&ask),
            Err(SnmpError::Status { index }) => walk.refused(&ask, index),
            Err(_) if walk.unanswered(&ask) => {}
            Err(_) => break,
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

fn cells(rows: &BTreeMap<u32, Row>) -> usize {
    rows.values().map(|row| row.cells.len()).sum()
}

/// The figure to beat: 78 datagrams for 48 interfaces, by a walk per column.
#[test]
fn a_switch_is_read_in_few_requests_that_fit_a_frame() {
    let columns = crate::polling::interfaces::COLUMNS;
    let mut agent = Agent::new((1..=48).flat_map(|i| {
        columns.iter().enumerate().map(move |(number, column)| {
            let value = match number {
                0 => Datum::Text(format!("Gi1/0/{i}").into_bytes()),
                4..12 => Datum::Counter64(u64::MAX),
                12..16 => Datum::Counter32(u32::MAX),
                _ => Datum::Number(1),
            };
            (*column, i, value)
        })
    }));
    let (rows, failed) = read(&mut agent, columns);
    assert_eq!((rows.len(), cells(&rows), failed), (48, 48 * columns.len(), 0));
    assert!(agent.asked <= 25, "{} requests", agent.asked);
    assert!(agent.largest <= REPLY_BYTES + 50, "{} bytes", agent.largest);
    assert_eq!(rows[&1].uptime, Some(777));
    assert!(rows[&1].at < rows[&48].at, "each row has its own moment");
}

#[test]
fn an_agent_that_says_too_big_is_asked_for_less() {
    for most in [5, 4, 3, 2] {
        let mut agent = Agent { too_big_above: Some(most), ..table(9) };
        let (rows, failed) = read(&mut agent, ALL);
        assert_eq!((cells(&rows), failed), (36, 0), "at most {most}");
    }
    let mut agent = Agent { too_big_above: Some(1), ..table(9) };
    assert_eq!(read(&mut agent, ALL).1, 4, "an agent that answers nothing else ends the walk");
}

#[test]
fn a_column_with_an_error_leaves_the_others_their_rows() {
    for named in [true, false] {
        let mut agent = Agent { broken: Some((OUT.to_vec(), named)), ..table(5) };
        let (rows, failed) = read(&mut agent, ALL);
        assert_eq!((cells(&rows), failed), (15, 1));
        assert!(rows.values().all(|row| !row.cells.contains_key(&2)));
    }
}

#[test]
fn a_column_that_loops_ends_alone() {
    let mut agent = Agent { looping: Some(IN.to_vec()), ..table(5) };
    let (rows, failed) = read(&mut agent, ALL);
    assert_eq!((cells(&rows), failed), (16, 1), "one cell of the looping column, five of each other");
    assert!(agent.asked < 5, "{} requests", agent.asked);
}

#[test]
fn a_reply_that_is_lost_for_its_size_is_asked_for_in_single_rows() {
    let mut agent = Agent { silent_above: Some(1), ..table(5) };
    assert_eq!(cells(&read(&mut agent, ALL).0), 20);
    let mut agent = Agent { silent_above: Some(0), ..table(5) };
    assert_eq!(cells(&read(&mut agent, ALL).0), 0, "silence ends the walk");
}

#[test]
fn an_empty_device_is_an_empty_table() {
    let (rows, failed) = read(&mut Agent::new([]), ALL);
    assert_eq!((rows.len(), failed), (0, 0));
    let mut agent = Agent { most_bindings: Some(1), ..table(3) };
    assert_eq!(read(&mut agent, ALL).1, 4, "replies without a cell end the walk");
}

proptest! {
    /// Whatever rows a column lacks, and wherever replies are cut, every cell is read once and none is made up.
    #[test]
    fn the_table_is_read_as_it_is(
        held in prop::collection::btree_set((0usize..4, 1u32..40), 0..120),
        cut in prop::option::of(2usize..20),
    ) {
        let mut agent = Agent::new(held.iter().map(|&(column, index)| {
            (ALL[column], index, Datum::Counter64(u64::from(index) * 10 + column as u64))
        }));
        agent.most_bindings = cut;
        let (rows, failed) = read(&mut agent, ALL);
        prop_assert_eq!(failed, 0);
        let seen: HashMap<(usize, u32), Datum> = rows.iter()
            .flat_map(|(&index, row)| row.cells.iter().map(move |(&column, v)| ((column, index), v.clone())))
            .collect();
        prop_assert_eq!(seen.len(), held.len());
        for ((column, index), value) in seen {
            prop_assert_eq!(value, Datum::Counter64(u64::from(index) * 10 + column as u64));
        }
    }
}
