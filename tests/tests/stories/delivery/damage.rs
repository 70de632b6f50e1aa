//! An agent is killed and its spool is damaged on the disk before it starts again.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use wasl_tests::evidence::{self, Written};
use wasl_tests::{clock, packages, skip, wait};

use super::{NAME, Pair, SELDOM, SOON};

/// The closed segments that hold at least `least` pending records, oldest first, and the newest segment.
fn segments(pending: &[Written]) -> (Vec<PathBuf>, PathBuf) {
    let mut files: Vec<PathBuf> = pending.iter().map(|record| record.file.clone()).collect();
    files.dedup();
    let newest = files.pop().expect("a segment");
    (files, newest)
}

fn of<'a>(pending: &'a [Written], file: &PathBuf) -> Vec<&'a Written> {
    pending.iter().filter(|record| record.file == *file).collect()
}

/// Overwrites bytes of a file.
fn spoil(file: &PathBuf, at: usize, bytes: &[u8]) {
    let opened = OpenOptions::new().write(true).open(file).expect("a segment");
    opened.write_all_at(bytes, at as u64).expect("overwritten");
}

/// Catches: damage that takes more than it touched, that goes uncounted or is counted differently on the two sides, a torn
/// end that is taken for damage, and a start that damage prevents.
#[test]
fn damaged_segments_cost_what_was_damaged_and_both_sides_count_it() {
    if let Err(reason) = packages::need_network().and_then(|()| clock::need()) {
        skip!("damaged_segments_cost_what_was_damaged_and_both_sides_count_it", reason);
    }
    let mut story = Pair::open(SELDOM);
    let net = story.net.clone();
    story.deliver();
    let delivered = story.produced();
    let cut = net.cut(1);
    // Eight hours of the agent's time, because a segment is an hour long.
    story.agent.set_environment(clock::fast(9 * 3600, 4_000));
    story.agent.start();
    wait::during(Duration::from_secs(8 * 3600) / 4_000, || story.agent.daemon().assert_running());
    story.agent.daemon().kill();
    cut.heal();

    let all = story.written();
    let pending: Vec<Written> = all.iter().filter(|record| record.seq > delivered).cloned().collect();
    let (closed, newest) = segments(&pending);
    assert!(closed.len() >= 6, "{closed:?}");
    let mut gone = Vec::new();
    // One bit of a payload.
    let one = of(&pending, &closed[1]);
    let victim = one[one.len() / 2];
    let middle = usize::midpoint(victim.place.0 + wasl_spool::format::RECORD_BYTES, victim.place.1);
    let byte = fs::read(&victim.file).expect("a segment")[middle];
    spoil(&victim.file, middle, &[byte ^ 0x10]);
    gone.push(victim.seq);
    // A page that the disk gives back as zeros: what it touches of records, and no more.
    let many = of(&pending, &closed[2]);
    let from = many[many.len() / 3].place.0 + 5;
    spoil(&closed[2], from, &[0; 4096]);
    let touched = many.iter().filter(|record| record.place.0 < from + 4096 && record.place.1 > from);
    gone.extend(touched.map(|record| record.seq));
    // The head of a segment: its records are found without it.
    spoil(&closed[3], 0, &[0xff; 30]);
    // A segment that is there no more.
    gone.extend(of(&pending, &closed[4]).iter().map(|record| record.seq));
    fs::remove_file(&closed[4]).expect("a segment");
    // A record that was being written when the power went: it was never promised.
    let torn = fs::read(&newest).expect("a segment")[of(&pending, &newest)[0].place.0..][..60].to_vec();
    OpenOptions::new().append(true).open(&newest).expect("open").write_all(&torn[..40]).expect("appended");
    gone.sort_unstable();
    assert!(gone.len() > 10, "{gone:?}");

    story.deliver();
    let accounts = evidence::balanced(&story.centre, &story.agent);
    assert_eq!(accounts.len(), 1, "{accounts:#?}");
    let account = &accounts[0];
    assert_eq!(account.dropped, BTreeMap::from([("corrupt".to_owned(), gone.len() as u64)]), "{account:#?}");
    let left = story.written();
    assert_eq!(evidence::missing(&left, 1, account.produced), gone);
    // What was sound before is what arrived, byte by byte and time by time.
    let sound = all.iter().filter(|record| !gone.contains(&record.seq));
    let later = left.iter().filter(|record| all.iter().all(|before| before.seq != record.seq));
    let expected: Vec<Written> = sound.chain(later).cloned().collect();
    assert_eq!(evidence::points(NAME, &expected), evidence::points(NAME, &left));
    evidence::assert_history_is(&story.centre, NAME, &left);
    let told = format!("{} batches in the spool could not be read back", gone.len());
    wait::until_true("a person is told", SOON, || notices(&story).iter().any(|words| words.contains(&told)));
}

fn notices(story: &Pair) -> Vec<String> {
    let all = story.centre.client.json("/api/v1/notices");
    let all = all["items"].as_array().expect("a list").iter();
    all.filter(|notice| notice["code"] == "spool_corrupt").map(Value::to_string).collect()
}

/// Catches: a spool that forgets what was delivered or what it has numbered together with its state file, and a state file
/// that keeps an agent from starting.
#[test]
fn a_spool_that_lost_its_state_files_loses_no_batch() {
    if let Err(reason) = packages::need_network() {
        skip!("a_spool_that_lost_its_state_files_loses_no_batch", reason);
    }
    let mut story = Pair::open(super::OFTEN);
    let net = story.net.clone();
    story.agent.start();
    story.await_delivery(4);
    let spoils: fn(PathBuf) = |file| fs::write(file, b"not what was written here").expect("written");
    let removes: fn(PathBuf) = |file| fs::remove_file(file).expect("it was there");
    let damages = [spoils, removes];
    for damage in damages {
        let cut = net.cut(1);
        story.await_production(3);
        story.agent.daemon().kill();
        for name in ["state", "watermark"].map(|name| story.spool().join(name)) {
            if name.exists() {
                damage(name);
            }
        }
        cut.heal();
        story.agent.start();
        story.centre.await_agent(NAME);
        story.await_delivery(2);
    }
    story.finish();
    story.arrived_whole();
}
