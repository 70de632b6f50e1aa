//! From the files of a directory to a spool that knows the fate of every sequence.
//!
//! Nothing is believed without a checksum, and nothing that might still be read by a person is deleted. What a sequence's
//! fate is follows from the invariants at the head of the crate: above the watermark, in no segment and in no hole means
//! destroyed.

use std::io;

use crate::disk::{Disk, TEMPORARY};
use crate::error::medium_failed;
use crate::format::{self, HEADER_BYTES, Header, HeaderFault, RECORD_BYTES};
use crate::ledger::{Ledger, uncovered};
use crate::segment::{Segment, name_of, parse_name};
use crate::state::{self, Correction, Start, State};
use crate::{Damage, Epoch, Error, Policy, Recovery, StateFile};

pub(crate) struct Found {
    pub(crate) epoch: Epoch,
    pub(crate) watermark: u64,
    pub(crate) produced: u64,
    pub(crate) clock_ms: u64,
    pub(crate) ledger: Ledger,
    /// Oldest first. Empty for a new spool, or when no segment could be used.
    pub(crate) segments: Vec<Segment>,
    pub(crate) incarnation: u64,
    pub(crate) cut: Option<u64>,
    pub(crate) correction: Correction,
    pub(crate) starts: Vec<Start>,
}

#[derive(Clone, Copy)]
enum Head {
    Good(Header),
    Damaged,
    BadSector,
}

pub(crate) fn recover(disk: &mut dyn Disk, fresh_epoch: Epoch) -> Result<(Found, Recovery), Error> {
    let names = disk.list().map_err(|e| Error::io("listing", "its directory", e))?;
    for name in names.iter().filter(|name| is_leftover(name)) {
        disk.remove(name).map_err(|e| Error::io("removing", name, e))?;
    }
    let mut firsts: Vec<u64> = names.iter().filter_map(|name| parse_name(name)).collect();
    firsts.sort_unstable();
    let mut heads = Vec::with_capacity(firsts.len());
    for first in firsts {
        heads.push((first, read_head(disk, first)?));
    }

    let (mut state, state_file) = read_state(disk, &names)?;
    if let Some(cut) = state.as_ref().and_then(|state| state.cut) {
        // What lies above the cut lives on in another epoch.
        heads.retain(|(first, _)| *first <= cut);
    }
    let epochs = || heads.iter().filter_map(|(first, head)| own_epoch(*first, *head));
    if let Some(known) = &state
        && epochs().next().is_some()
        && !epochs().any(|epoch| epoch == known.epoch)
    {
        state = None;
    }
    let epoch = state.as_ref().map(|state| state.epoch).or_else(|| epochs().next_back());
    let mut recovery = Recovery {
        fresh: false,
        state: if state.is_none() && state_file == StateFile::Good {
            StateFile::Unreadable
        } else {
            state_file
        },
        torn_bytes: 0,
        damage: Vec::new(),
        lost: Vec::new(),
        set_aside: Vec::new(),
        pending: 0,
    };
    let is_cut = state.as_ref().is_some_and(|state| state.cut.is_some());
    let Some(epoch) = epoch.filter(|_| is_cut || !heads.is_empty()) else {
        for (first, _) in &heads {
            set_aside(disk, &names, &name_of(*first), &mut recovery)?;
        }
        // A state without its segments would claim the new ones for the old epoch at the next start.
        disk.remove(state::NAME).map_err(|e| Error::io("removing", state::NAME, e))?;
        recovery.fresh = true;
        return Ok((fresh(fresh_epoch), recovery));
    };
    let found = read_segments(disk, &names, &heads, epoch, state.as_ref(), &mut recovery)?;
    Ok((found, recovery))
}

fn fresh(epoch: Epoch) -> Found {
    Found {
        epoch,
        watermark: 0,
        produced: 0,
        clock_ms: 0,
        ledger: Ledger::default(),
        segments: Vec::new(),
        incarnation: 0,
        cut: None,
        correction: Correction::default(),
        starts: Vec::new(),
    }
}

fn is_leftover(name: &str) -> bool {
    name.strip_suffix(TEMPORARY).is_some_and(|stem| stem == state::NAME || parse_name(stem).is_some())
}

fn own_epoch(first: u64, head: Head) -> Option<Epoch> {
    match head {
        Head::Good(header) if header.first == first => Some(header.epoch),
        _ => None,
    }
}

fn read_head(disk: &mut dyn Disk, first: u64) -> Result<Head, Error> {
    let name = name_of(first);
    match disk.read(&name, 0, HEADER_BYTES as u64) {
        Ok(bytes) => match format::decode_header(&bytes) {
            Ok(header) => Ok(Head::Good(header)),
            Err(HeaderFault::Damaged) => Ok(Head::Damaged),
            Err(HeaderFault::Version(version)) => Err(Error::Version { name, version }),
        },
        Err(error) if medium_failed(&error) => Ok(Head::BadSector),
        Err(error) => Err(Error::io("reading", &name, error)),
    }
}

fn read_state(disk: &mut dyn Disk, names: &[String]) -> Result<(Option<State>, StateFile), Error> {
    if !names.iter().any(|name| name == state::NAME) {
        return Ok((None, StateFile::Missing));
    }
    let read = disk.size(state::NAME).and_then(|size| disk.read(state::NAME, 0, size));
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) if medium_failed(&error) => return Ok((None, StateFile::Unreadable)),
        Err(error) => return Err(Error::io("reading", state::NAME, error)),
    };
    match state::decode(&bytes) {
        Ok(state) => Ok((Some(state), StateFile::Good)),
        Err(state::Fault::Damaged) => Ok((None, StateFile::Unreadable)),
        Err(state::Fault::Version(version)) => Err(Error::Version { name: state::NAME.to_owned(), version }),
    }
}

fn read_segments(
    disk: &mut dyn Disk,
    names: &[String],
    heads: &[(u64, Head)],
    epoch: Epoch,
    state: Option<&State>,
    recovery: &mut Recovery,
) -> Result<Found, Error> {
    let cut = state.and_then(|state| state.cut);
    let end = cut.map_or(format::SEQ_LIMIT, |cut| cut + 1);
    let lowest = heads.first().map_or(cut.map_or(1, |_| end), |(first, _)| *first);
    let mut segments: Vec<Segment> = Vec::new();
    let mut produced = 0;
    let mut clock_ms = state.map_or(0, |state| state.clock_ms);
    for (at, &(first, head)) in heads.iter().enumerate() {
        let name = name_of(first);
        let size = disk.size(&name).map_err(|e| Error::io("reading", &name, e))?;
        produced = produced.max(first - 1);
        let is_ours = match head {
            Head::Good(header) => header.epoch == epoch && header.first == first,
            Head::Damaged => true,
            Head::BadSector => false,
        };
        let bytes = if is_ours { read_whole(disk, &name, size)? } else { None };
        let Some(bytes) = bytes else {
            if !matches!(head, Head::Good(_)) || is_ours {
                // How many sequences it gave out is unknown. More than it has room for it cannot have been.
                let most = size.saturating_sub(HEADER_BYTES as u64) / RECORD_BYTES as u64;
                let below = heads.get(at + 1).map_or(end - 1, |(next, _)| next - 1);
                produced = produced.max((first - 1 + most).min(below));
            }
            recovery.damage.push(Damage { segment: first, offset: 0, bytes: size });
            set_aside(disk, names, &name, recovery)?;
            continue;
        };
        let limit = heads.get(at + 1).map_or(end, |(next, _)| *next);
        let (mut segment, until) = index(first, head, &bytes, limit, clock_ms, recovery);
        segment.sealed |= cut.is_some();
        clock_ms = clock_ms.max(segment.opened_ms);
        produced = produced.max(segment.last_seq().unwrap_or(0));
        segments.push(segment);
        let trailing = bytes.len() as u64 - until;
        if trailing > 0 {
            let is_torn = at + 1 == heads.len() && matches!(head, Head::Good(_));
            if is_torn {
                disk.truncate(&name, until).map_err(|e| Error::io("cutting the torn end of", &name, e))?;
                recovery.torn_bytes = trailing;
                segments.last_mut().expect("one was pushed above").bytes = until;
            } else {
                recovery.damage.push(Damage { segment: first, offset: until, bytes: trailing });
            }
        }
    }

    let mut ledger = state.map(|state| state.ledger.clone()).unwrap_or_default();
    let mut watermark = state.map_or(lowest - 1, |state| state.watermark);
    let noted = if names.iter().any(|name| name == state::WATERMARK) { read_note(disk, epoch) } else { None };
    if let Some((_, last)) = uncovered(watermark + 1, lowest - 1, ledger.ranges()).last() {
        watermark = *last;
    }
    watermark = watermark.max(noted.unwrap_or(0));
    produced = produced.max(ledger.last()).max(watermark).max(cut.unwrap_or(0));

    for segment in &mut segments {
        for (first, last) in ledger.ranges() {
            segment.remove(first, last);
        }
    }
    let mut known: Vec<(u64, u64)> =
        segments.iter().flat_map(Segment::ranges).chain(ledger.ranges()).collect();
    known.sort_unstable();
    recovery.lost = uncovered(watermark + 1, produced, known);
    for &(first, last) in &recovery.lost {
        ledger.add(first, last, Policy::Corrupt);
    }
    Ok(Found {
        epoch,
        watermark,
        produced,
        clock_ms,
        ledger,
        segments,
        incarnation: state.map_or(0, |state| state.incarnation),
        cut,
        correction: state.map(|state| state.correction).unwrap_or_default(),
        starts: state.map(|state| state.starts.clone()).unwrap_or_default(),
    })
}

/// The watermark as it was last noted. Nothing depends on it but how much is sent again.
fn read_note(disk: &mut dyn Disk, epoch: Epoch) -> Option<u64> {
    let bytes = disk.read(state::WATERMARK, 0, 64).ok()?;
    state::decode_watermark(&bytes, epoch)
}

/// None when the medium failed.
fn read_whole(disk: &mut dyn Disk, name: &str, size: u64) -> Result<Option<Vec<u8>>, Error> {
    match disk.read(name, 0, size) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if medium_failed(&error) => Ok(None),
        Err(error) => Err(Error::io("reading", name, error)),
    }
}

/// The index of a segment, and the end of its last sound record.
fn index(
    first: u64,
    head: Head,
    bytes: &[u8],
    limit: u64,
    clock_ms: u64,
    recovery: &mut Recovery,
) -> (Segment, u64) {
    let start = HEADER_BYTES.min(bytes.len());
    let records = format::scan_records(bytes, start, first - 1);
    let opened_ms = if let Head::Good(header) = head { header.clock_ms } else { clock_ms };
    let mut segment = Segment::new(first, opened_ms, bytes.len() as u64);
    if matches!(head, Head::Damaged) {
        segment.sealed = true;
        recovery.damage.push(Damage { segment: first, offset: 0, bytes: start as u64 });
    }
    for span in records.spans.iter().filter(|span| span.seq < limit) {
        segment.push(span.seq, span.class, span.start as u64);
    }
    for &(from, to) in &records.damage {
        recovery.damage.push(Damage { segment: first, offset: from as u64, bytes: (to - from) as u64 });
    }
    (segment, records.end as u64)
}

/// Renames a file that cannot be used, so that neither its name nor its bytes are lost.
fn set_aside(
    disk: &mut dyn Disk,
    names: &[String],
    name: &str,
    recovery: &mut Recovery,
) -> Result<(), Error> {
    let aside = (1..=names.len() + 1)
        .map(|n| if n == 1 { format!("{name}.unreadable") } else { format!("{name}.unreadable.{n}") })
        .find(|aside| !names.contains(aside))
        .ok_or_else(|| Error::io("setting aside", name, io::ErrorKind::AlreadyExists.into()))?;
    disk.rename(name, &aside).map_err(|e| Error::io("setting aside", name, e))?;
    recovery.set_aside.push(aside);
    Ok(())
}
