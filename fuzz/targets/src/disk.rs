//! The agent's spool after anything may have happened to its files.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use wasl_spool::format::{HEADER_BYTES, Header, decode_header, encode_header, encode_record, scan};
use wasl_spool::{Class, Epoch, Options, Spool};

use crate::Bytes;

const EPOCH: Epoch = Epoch(7);
const NOW: i64 = 1_795_000_000_000;
/// Acts of one script; more only take longer.
const ACTS: usize = 64;

/// A segment's bytes alone, and behind a sound header.
pub(crate) fn spool_segment(data: &[u8]) {
    let _ = scan(data);
    let header = Header { epoch: EPOCH, first: 1, clock_ms: 0 };
    assert_eq!(decode_header(&encode_header(&header)), Ok(header));
    let mut bytes = Bytes(data);
    let mut segment = encode_header(&header).to_vec();
    let mut sequence = 0;
    while !bytes.is_empty() {
        let (how, length) = (bytes.byte(), usize::from(bytes.byte()));
        let payload = bytes.slice(length);
        match how {
            0..=0xbf => {
                sequence += 1 + u64::from(how & 3);
                encode_record(&mut segment, sequence, NOW, class(how), payload);
            }
            _ => segment.extend_from_slice(payload),
        }
    }
    let _ = scan(&segment);
    opened(&[("00000000000000000001.segment", &segment)]);
}

/// A state file and two segments of any content.
pub(crate) fn spool_files(data: &[u8]) {
    let mut bytes = Bytes(data);
    let (state, one) = (usize::from(bytes.short()), usize::from(bytes.short()));
    let (state, one) = (bytes.slice(state), bytes.slice(one));
    opened(&[
        ("state", state),
        ("00000000000000000001.segment", one),
        ("00000000000000000005.segment", bytes.0),
    ]);
}

/// Opens a spool of these files, uses it, and opens it again.
fn opened(files: &[(&str, &[u8])]) {
    let dir = folder();
    for (name, content) in files {
        fs::write(dir.path().join(name), content).expect("a file in a folder of our own");
    }
    let Some(mut spool) = open(dir.path()) else { return };
    check(&mut spool);
    let before = spool.accounting();
    if spool.append(Class::Event, b"one more", NOW).is_ok() {
        let after = spool.accounting();
        assert_eq!((after.produced, after.pending), (before.produced + 1, before.pending + 1));
    }
    check(&mut spool);
    let before = spool.accounting();
    drop(spool);
    let mut again = open(dir.path()).expect("what was open can be opened again");
    check(&mut again);
    assert_eq!(again.accounting(), before, "another start tells another story");
}

/// A script: batches come and go, the process ends, and files are damaged in between.
pub(crate) fn spool_damage(data: &[u8]) {
    let mut bytes = Bytes(data);
    let dir = folder();
    let mut spool = open(dir.path()).expect("an empty folder is a new spool");
    for _ in 0..ACTS {
        if bytes.is_empty() {
            break;
        }
        match bytes.byte() % 8 {
            0..=2 => {
                let (how, length) = (bytes.byte(), usize::from(bytes.byte()) * 4);
                let _ = spool.append(class(how), &vec![how; length], NOW);
            }
            3 => {
                let known = spool.accounting().produced;
                let _ = spool.acknowledge(u64::from(bytes.byte()).min(known), NOW + i64::from(bytes.int()));
            }
            4 => {
                let _ = spool.rewind(u64::from(bytes.byte()));
            }
            5 => {
                let _ = spool.maintain(NOW + i64::from(bytes.int()));
            }
            6 => {
                drop(spool);
                let Some(again) = open(dir.path()) else { return };
                spool = again;
            }
            _ => {
                drop(spool);
                damage(dir.path(), &mut bytes);
                let Some(again) = open(dir.path()) else { return };
                spool = again;
            }
        }
        check(&mut spool);
    }
}

fn class(how: u8) -> Class {
    if how & 8 == 0 { Class::Sample } else { Class::Event }
}

fn damage(dir: &Path, bytes: &mut Bytes<'_>) {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir).expect("our own folder").filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.sort();
    let (which, how, at) = (usize::from(bytes.byte()), bytes.byte(), usize::from(bytes.short()));
    let file = &files[which % files.len()];
    let mut content = fs::read(file).unwrap_or_default();
    match how % 4 {
        0 => {
            let _ = fs::remove_file(file);
            return;
        }
        1 => content.truncate(at % (content.len() + 1)),
        2 => content.extend(std::iter::repeat_n(how, at % 200)),
        _ => {
            // Beyond the header more often than in it.
            let place = if at & 1 == 0 { at } else { at + HEADER_BYTES };
            let length = content.len();
            if let Some(byte) = content.get_mut(place % length.max(1)) {
                *byte ^= how | 1;
            }
        }
    }
    fs::write(file, content).expect("a file in a folder of our own");
}

fn open(dir: &Path) -> Option<Spool> {
    let options = Options {
        segment_bytes: 2048,
        segment_age_ms: 60_000,
        quota_bytes: 8192,
        retain_acked_ms: 60_000,
        max_payload: 1200,
        max_age_ms: Some(3_600_000),
    };
    Spool::open(dir, options, EPOCH, NOW).ok().map(|(spool, _)| spool)
}

/// Every sequence has one fate, and what is pending can be read (damage found by reading becomes a gap).
fn check(spool: &mut Spool) {
    let account = spool.accounting();
    assert_eq!(
        account.produced,
        account.acknowledged + account.dropped.total() + account.pending,
        "{account:?}"
    );
    let Ok(records) = spool.read(0, usize::MAX, usize::MAX) else { return };
    assert_eq!(records.len() as u64, spool.accounting().pending);
    assert!(records.windows(2).all(|pair| pair[0].seq < pair[1].seq), "out of order");
    assert!(records.iter().all(|record| record.seq <= account.produced));
}

/// A fresh folder, in memory where there is such a place: each run syncs files.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder of our own")
}
