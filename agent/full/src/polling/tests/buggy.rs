//! Polls of an agent that breaks the protocol, one habit at a time, over a real socket.

use std::collections::BTreeMap;

use tokio::net::UdpSocket;

use super::*;

mod gone;

/// A value's tag and content (X.690; RFC 2578 7.1).
type Raw = (u8, Vec<u8>);

const INTEGER: u8 = 0x02;
const TEXT: u8 = 0x04;
const COUNTER64: u8 = 0x46;
const TICKS: u8 = 0x43;
const END: u8 = 0x82;

/// What the agent does wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Habit {
    None,
    /// Every reply is cut in the middle.
    Truncated,
    /// Every reply answers another request.
    WrongId,
    /// Every reply is noise.
    Noise,
    /// Replies with more bindings than this are too big for it.
    TooBig(usize),
    /// `ifInErrors` goes on for ever.
    Endless,
    /// `ifInErrors` begins anew after each row.
    NotIncreasing,
    /// Every second request is lost.
    Lossy,
    /// Two rows of `ifHCInOctets` and the columns beside it come; what is asked behind them is lost.
    Broken,
    /// The port of this number is gone.
    Without(u32),
    /// It is gone, and replies are lost as with [`Self::Broken`].
    BrokenWithout(u32),
    /// It is gone, and the device has just started.
    StartingWithout(u32),
}

impl Habit {
    /// Whether it has no object of this name at the moment.
    fn hides(self, name: &[u32]) -> bool {
        let (Self::Without(port) | Self::BrokenWithout(port) | Self::StartingWithout(port)) = self else {
            return false;
        };
        let is_column = [PLAIN, EXTENDED].iter().any(|table| name.starts_with(table));
        is_column && name.last() == Some(&port)
    }

    fn loses_replies(self) -> bool {
        matches!(self, Self::Broken | Self::BrokenWithout(_))
    }
}

/// `ifEntry` and `ifXEntry`.
const PLAIN: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1];
const EXTENDED: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1];
const UPTIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..=0x7f => out.push(length as u8),
        _ => out.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    out.extend(content);
    out
}

/// The first element: its tag, its content, and what follows.
fn element(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    let (length, at) = match bytes[1] {
        0x81 => (usize::from(bytes[2]), 3),
        0x82 => (usize::from(bytes[2]) << 8 | usize::from(bytes[3]), 4),
        short => (usize::from(short), 2),
    };
    (bytes[0], &bytes[at..at + length], &bytes[at + length..])
}

fn number(content: &[u8]) -> u32 {
    content.iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
}

fn encode_oid(oid: &[u32]) -> Vec<u8> {
    let mut out = vec![(oid[0] * 40 + oid[1]) as u8];
    for &arc in &oid[2..] {
        let groups = (32 - arc.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let more = if group > 0 { 0x80 } else { 0 };
            out.push((arc >> (7 * group)) as u8 & 0x7f | more);
        }
    }
    out
}

fn decode_oid(bytes: &[u8]) -> Vec<u32> {
    let mut out = vec![u32::from(bytes[0]) / 40, u32::from(bytes[0]) % 40];
    let mut arc = 0;
    for byte in &bytes[1..] {
        arc = arc << 7 | u32::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            out.push(arc);
            arc = 0;
        }
    }
    out
}

const ERRORS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 14];

struct Fake {
    objects: BTreeMap<Vec<u32>, Raw>,
    habit: watch::Receiver<Habit>,
    heard: u64,
}

impl Fake {
    fn after(&self, oid: &[u32]) -> (Vec<u32>, Raw) {
        let habit = *self.habit.borrow();
        if oid.starts_with(ERRORS) && habit == Habit::Endless {
            let last = oid.get(ERRORS.len()).copied().unwrap_or(0);
            return ([ERRORS, &[last + 1]].concat(), (INTEGER, vec![1]));
        }
        if oid.starts_with(ERRORS) && habit == Habit::NotIncreasing && oid.len() > ERRORS.len() {
            return ([ERRORS, &[1]].concat(), (INTEGER, vec![1]));
        }
        let mut after = self.objects.range(oid.to_vec()..);
        let next = after.find(|(name, _)| name.as_slice() > oid && !habit.hides(name));
        match next {
            Some((name, _)) if name == UPTIME && matches!(habit, Habit::StartingWithout(_)) => {
                (name.clone(), (TICKS, vec![0x40, 0]))
            }
            Some((name, value)) => (name.clone(), value.clone()),
            None => (oid.to_vec(), (END, vec![])),
        }
    }

    /// The reply to a GETBULK of SNMPv2c; nothing if it is lost.
    fn reply(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.heard += 1;
        let habit = *self.habit.borrow();
        let (_, message, _) = element(request);
        let (_, _, rest) = element(message);
        let (_, community, rest) = element(rest);
        let (_, pdu, _) = element(rest);
        let (_, id, rest) = element(pdu);
        let (_, single, rest) = element(rest);
        let (_, repetitions, rest) = element(rest);
        let (_, mut list, _) = element(rest);
        let mut oids = Vec::new();
        while !list.is_empty() {
            let (_, binding, more) = element(list);
            oids.push(decode_oid(element(binding).1));
            list = more;
        }
        let single = number(single) as usize;
        let mut found: Vec<(Vec<u32>, Raw)> = oids[..single].iter().map(|oid| self.after(oid)).collect();
        let mut cursors = oids[single..].to_vec();
        for _ in 0..number(repetitions) {
            for cursor in &mut cursors {
                let (name, value) = self.after(cursor);
                cursor.clone_from(&name);
                found.push((name, value));
            }
        }
        let in_octets: &[u32] = &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 6];
        let asked = oids[single..].iter().find(|oid| oid.starts_with(in_octets));
        if let Some(asked) = asked.filter(|_| habit.loses_replies()) {
            if asked.len() > in_octets.len() {
                return None;
            }
            found.truncate(single + 2 * (oids.len() - single));
        }
        let mut status = 0;
        if matches!(habit, Habit::TooBig(most) if found.len() > most) {
            (status, found) = (1, Vec::new());
        }
        let bindings: Vec<u8> = found
            .iter()
            .flat_map(|(name, (tag, content))| {
                tlv(0x30, &[tlv(0x06, &encode_oid(name)), tlv(*tag, content)].concat())
            })
            .collect();
        let mut id = id.to_vec();
        if habit == Habit::WrongId {
            *id.last_mut().expect("an identifier has a byte") ^= 1;
        }
        let pdu = [tlv(INTEGER, &id), tlv(INTEGER, &[status]), tlv(INTEGER, &[0]), tlv(0x30, &bindings)];
        let message = [tlv(INTEGER, &[1]), tlv(TEXT, community), tlv(0xa2, &pdu.concat())];
        let mut reply = tlv(0x30, &message.concat());
        match habit {
            Habit::Truncated => reply.truncate(reply.len() / 2),
            Habit::Noise => reply.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= at as u8 | 1),
            Habit::Lossy if self.heard.is_multiple_of(2) => return None,
            _ => {}
        }
        Some(reply)
    }
}

/// A device with four interfaces: two that are well, one with empty and wrongly typed values, one without a name.
fn objects() -> BTreeMap<Vec<u32>, Raw> {
    let x = |column: u32, index: u32| vec![1, 3, 6, 1, 2, 1, 31, 1, 1, 1, column, index];
    let plain = |column: u32, index: u32| vec![1, 3, 6, 1, 2, 1, 2, 2, 1, column, index];
    let mut objects = BTreeMap::from([
        (UPTIME.to_vec(), (TICKS, vec![1, 0, 0])),
        (vec![1, 3, 6, 1, 2, 1, 2, 1, 0], (INTEGER, vec![4])),
    ]);
    for index in 1..=4 {
        objects.insert(x(6, index), (COUNTER64, vec![0x7f, 1]));
        objects.insert(x(10, index), (COUNTER64, vec![0x7f, 2]));
        objects.insert(plain(8, index), (INTEGER, vec![1]));
        objects.insert(plain(14, index), (0x41, vec![0]));
        objects.insert(x(1, index), (TEXT, format!("port{index}").into_bytes()));
    }
    objects.insert(x(6, 3), (TEXT, b"many".to_vec()));
    objects.insert(plain(8, 3), (TEXT, vec![]));
    objects.insert(x(1, 4), (TEXT, vec![]));
    objects
}

/// The fake with one poller at it; the stage's own snmpd is not started.
async fn stage_with(habit: Habit) -> (Stage, watch::Sender<Habit>) {
    stage_every(habit, 1000).await
}

async fn stage_every(habit: Habit, every_ms: u64) -> (Stage, watch::Sender<Habit>) {
    let mut stage = Stage::begin();
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
    stage.port = socket.local_addr().expect("bound").port();
    let (send, receive) = watch::channel(habit);
    let mut fake = Fake { objects: objects(), habit: receive, heard: 0 };
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            if let Some(reply) = fake.reply(&buffer[..length]) {
                socket.send_to(&reply, from).await.expect("sent");
            }
        }
    });
    stage.secret("community", "hello\n");
    stage.assign_every(v2c(), every_ms);
    (stage, send)
}

/// The next poll's sample, with its interfaces by name.
async fn poll(stage: &mut Stage) -> (DeviceSample, BTreeMap<String, InterfaceSample>) {
    let mut interfaces = BTreeMap::new();
    loop {
        let Observation { subject, value, .. } = stage.next().await;
        match value {
            Value::Device(sample) => return (sample, interfaces),
            Value::Interface(sample) => drop(interfaces.insert(subject.id, sample)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn wrong_types_and_empty_strings_cost_what_they_should_have_said() {
    let (mut stage, _habit) = stage_with(Habit::None).await;
    poll(&mut stage).await;
    let (sample, interfaces) = poll(&mut stage).await;
    assert_eq!(interfaces.keys().collect::<Vec<_>>(), ["sw/if4", "sw/port1", "sw/port2", "sw/port3"]);
    assert_eq!((sample.columns_failed.map(|n| n.0), sample.voided.map(|n| n.0)), (Some(0), Some(0)));
    assert_eq!(sample.uptime.map(|up| up.0), Some(655_360), "sysUpTime is in hundredths of a second");
    let (well, odd) = (&interfaces["sw/port1"], &interfaces["sw/port3"]);
    assert_eq!((well.receive_bytes.map(|n| n.0), well.up), (Some(0), Some(true)));
    assert_eq!((odd.receive_bytes, odd.transmit_bytes.map(|n| n.0), odd.up), (None, Some(0), None));
    stage.end().await;
}

#[tokio::test]
async fn what_is_no_reply_is_silence_and_the_device_is_seen_once_it_speaks_properly() {
    for broken in [Habit::Truncated, Habit::WrongId, Habit::Noise] {
        let (mut stage, habit) = stage_with(broken).await;
        let (sample, interfaces) = poll(&mut stage).await;
        assert_eq!((sample.answered, interfaces.len()), (Some(false), 0), "{broken:?}");
        habit.send_replace(Habit::None);
        while poll(&mut stage).await.0.answered != Some(true) {}
        stage.end().await;
    }
}

#[tokio::test]
async fn a_device_for_which_replies_are_too_big_is_read_in_small_ones() {
    for most in [4, 9, 20] {
        let (mut stage, _habit) = stage_with(Habit::TooBig(most)).await;
        let (sample, interfaces) = poll(&mut stage).await;
        assert_eq!((interfaces.len(), sample.columns_failed.map(|n| n.0)), (4, Some(0)), "at most {most}");
        stage.end().await;
    }
}

#[tokio::test]
async fn a_column_that_never_ends_is_told_and_the_others_are_kept() {
    for broken in [Habit::Endless, Habit::NotIncreasing] {
        let (mut stage, _habit) = stage_with(broken).await;
        let (sample, interfaces) = poll(&mut stage).await;
        assert!(interfaces.contains_key("sw/port1") && interfaces.contains_key("sw/port2"), "{broken:?}");
        assert!(sample.columns_failed.expect("counted").0 >= 1, "{broken:?}");
        let told = stage.notice().await;
        assert_eq!((told.code, told.cleared), (NoticeCode::DevicePartial, false), "{broken:?}");
        assert!(told.detail.contains("ifInErrors: it"), "{}", told.detail);
        stage.send.send_replace(Arc::default());
        let cleared = stage.notice().await;
        assert_eq!((cleared.code, cleared.cleared), (NoticeCode::DevicePartial, true), "{broken:?}");
        stage.end().await;
    }
}

/// Catches: replies of one lane that are lost, by which ports behind them lose bytes without a count and are unknown.
#[tokio::test]
async fn a_port_of_which_a_part_is_lost_stays_up_and_loses_no_bytes() {
    let (mut stage, habit) = stage_every(Habit::None, 3_000).await;
    poll(&mut stage).await;
    let (_, interfaces) = poll(&mut stage).await;
    assert_eq!(interfaces["sw/if4"].receive_bytes.map(|n| n.0), Some(0));
    habit.send_replace(Habit::Broken);
    loop {
        let (sample, interfaces) = poll(&mut stage).await;
        let port = &interfaces["sw/if4"];
        assert_eq!((port.up, sample.voided.map(|n| n.0)), (Some(true), Some(0)), "{port:?}");
        if sample.columns_failed.is_some_and(|n| n.0 > 0) {
            assert_eq!((port.receive_bytes, port.receive_errors.map(|n| n.0)), (None, Some(0)));
            break;
        }
    }
    habit.send_replace(Habit::None);
    loop {
        let (sample, interfaces) = poll(&mut stage).await;
        let port = &interfaces["sw/if4"];
        assert_eq!((sample.voided.map(|n| n.0), port.voided), (Some(0), None), "{port:?}");
        if sample.columns_failed.is_some_and(|n| n.0 == 0) {
            // The poll's last sample of it, with the bytes of both intervals.
            assert_eq!(port.receive_bytes.map(|n| n.0), Some(0), "{port:?}");
            assert!(port.interval.is_some_and(|n| n.0 > 4_500), "{port:?}");
            break;
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn lost_requests_are_asked_again_within_the_poll() {
    // Each loss costs a second's patience at most.
    let (mut stage, _habit) = stage_every(Habit::Lossy, 30_000).await;
    let (sample, interfaces) = poll(&mut stage).await;
    assert_eq!((sample.answered, interfaces.len()), (Some(true), 4));
    stage.end().await;
}
