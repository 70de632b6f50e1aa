use wasl_model::units::Micros;
use wasl_model::{LinkCause, LinkVerdict, ProbeMethod};
use wasl_probe::clock::Reading;
use wasl_probe::detector::Class;
use wasl_probe::fleet::{Detect, Plan};

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const WEEK_MS: i64 = 7 * 24 * 3_600_000;

fn plan(id: &str) -> Plan {
    let every = Duration::from_millis(200);
    Plan {
        id: id.to_owned(),
        to: ([192, 0, 2, 1], 0).into(),
        method: ProbeMethod::IcmpRaw,
        every,
        timeout: Duration::from_secs(1),
        detect: Some(Detect::of(Class::Link, every)),
    }
}

fn way() -> Via {
    Via::Interface("wan".to_owned())
}

fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    fleet.set(Duration::from_secs(10), &[plan("link/line")], Duration::ZERO);
    fleet
}

/// Answers every probe after `rtt` for so long; the last verdict that a window carried.
fn run(fleet: &mut Fleet, seconds: u64, rtt: Duration) -> (Option<LinkVerdict>, Option<LinkCause>) {
    let mut last = (None, None);
    let at = |mono| Reading { mono, wall: Duration::from_secs(1_800_000_000) + mono };
    for step in 0..seconds * 100 {
        let now = Duration::from_millis(step * 10);
        while let Some(due) = fleet.pop_probe(now) {
            fleet.on_sent(&due, at(now));
            fleet.on_reply(due.key, due.number, due.to.ip(), Some(at(now + rtt).wall), at(now + rtt));
        }
        fleet.on_deadline(now);
        while let Some(key) = fleet.pop_window(now) {
            if let Some(closed) = fleet.close(key, now) {
                last = (closed.window.verdict, closed.window.cause);
            }
        }
    }
    last
}

fn folder() -> (tempfile::TempDir, Option<PathBuf>) {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("usual.json");
    (dir, Some(file))
}

#[test]
fn a_restarted_agent_judges_a_brown_out_by_what_was_usual_before() {
    let (fast, slow) = (Duration::from_millis(20), Duration::from_millis(120));
    let (_dir, file) = folder();
    let mut before = fleet();
    assert_eq!(run(&mut before, 90, fast).0, Some(LinkVerdict::Up));
    let usual = Usual::read(file.clone(), NOW);
    usual.learn(&before, Some(&way()), NOW);
    usual.write(NOW);

    let mut forgetful = fleet();
    assert_eq!(run(&mut forgetful, 60, slow).0, Some(LinkVerdict::Up), "it knows nothing else");
    let mut after = fleet();
    Usual::read(file.clone(), NOW).tell(&mut after, Some(&way()));
    assert_eq!(run(&mut after, 60, slow), (Some(LinkVerdict::Degraded), Some(LinkCause::Latency)));
    let mut another = fleet();
    Usual::read(file, NOW).tell(&mut another, None);
    assert_eq!(run(&mut another, 60, slow).0, Some(LinkVerdict::Up), "another way is another line");
}

#[test]
fn what_was_learnt_a_week_ago_is_forgotten() {
    let (_dir, file) = folder();
    let mut fleet = fleet();
    run(&mut fleet, 20, Duration::from_millis(20));
    let usual = Usual::read(file.clone(), NOW);
    usual.learn(&fleet, None, NOW);
    usual.write(NOW);
    let known = |at| Usual::read(file.clone(), Timestamp(at)).lock().len();
    assert_eq!((known(NOW.0 + WEEK_MS), known(NOW.0 + WEEK_MS + 1), known(0)), (1, 0, 1));
}

#[test]
fn what_is_learnt_here_is_not_replaced_by_what_is_remembered() {
    let mut fleet = fleet();
    run(&mut fleet, 20, Duration::from_millis(20));
    let usual = Usual::default();
    let remembered = Baseline { rtt: Micros(1), jitter: Micros(1), parts: 100 };
    usual.lock().insert(("link/line".into(), plan("").to, None), Learnt { usual: remembered, at: NOW });
    usual.tell(&mut fleet, None);
    assert!(fleet.baselines().all(|(_, baseline)| baseline != remembered));
}

#[test]
fn a_file_that_makes_no_sense_is_none() {
    let (dir, file) = folder();
    let path = dir.path().join("usual.json");
    let long = " ".repeat(MAX_FILE as usize + 1);
    for content in ["", "{", "[]", "{\"version\":2,\"targets\":[]}", "\u{0}\u{1}", &long] {
        fs::write(&path, content).expect("written");
        let usual = Usual::read(file.clone(), NOW);
        assert_eq!(usual.lock().len(), 0);
        usual.write(NOW);
        assert_eq!(
            fs::read_to_string(&path).expect("there").len(),
            content.len(),
            "nothing is known to write"
        );
    }
}

#[test]
fn no_more_are_kept_than_there_is_room_for() {
    let (_dir, file) = folder();
    let usual = Usual::read(file.clone(), NOW);
    let baseline = Baseline { rtt: Micros(1), jitter: Micros(1), parts: 1 };
    usual.lock().extend((0..MOST + 5).map(|n| {
        let at = Timestamp(NOW.0 - i64::from(n < 5));
        ((format!("target/{n}"), plan("").to, None), Learnt { usual: baseline, at })
    }));
    usual.write(NOW);
    let read = Usual::read(file, NOW);
    assert_eq!(read.lock().len(), MOST);
    assert!(read.lock().keys().all(|(id, ..)| !["target/0", "target/4"].contains(&id.as_str())));
}
