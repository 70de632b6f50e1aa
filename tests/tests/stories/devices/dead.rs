//! Devices that do not answer, or too late, among those that do.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use wasl_tests::net::Place;
use wasl_tests::skip;
use wasl_tests::wait::{self, now_ms};

use super::{EVERY, Polled, SOON, Scene, V2C, V3, need};

/// How long a device takes that is too slow for this: its answers come when nobody awaits them any more.
const SLOWNESS: Duration = Duration::from_secs(3);
/// In quarantine a device is asked at one turn of so many.
const RARELY: u32 = 3;

/// A device that takes its time: what `snmpd` answers is held back, one answer after the other.
struct Slow {
    /// Whether it takes its time.
    hesitates: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
    ways: Vec<JoinHandle<()>>,
}

impl Slow {
    /// At one address of the branch for the `snmpd` at another.
    fn start(place: &Place, at: &str, to: &str) -> Self {
        let (at, to) = (format!("{at}:1161"), format!("{to}:1161"));
        let (front, back) = place.on_a_thread(move || {
            let front = UdpSocket::bind(at).expect("a free address");
            let back = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            back.connect(to).expect("connected");
            for socket in [&front, &back] {
                socket.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
            }
            (Arc::new(front), Arc::new(back))
        });
        let (slow, ended) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
        let asker = Arc::new(OnceLock::new());
        let there = {
            let (front, back, asker, ended) = (front.clone(), back.clone(), asker.clone(), ended.clone());
            place.start_thread(move || {
                let mut datagram = vec![0; 65_535];
                while !ended.load(Ordering::Relaxed) {
                    let Ok((length, from)) = front.recv_from(&mut datagram) else { continue };
                    asker.get_or_init(|| from);
                    let _ = back.send(&datagram[..length]);
                }
            })
        };
        let again = {
            let (slow, ended) = (slow.clone(), ended.clone());
            place.start_thread(move || {
                let mut datagram = vec![0; 65_535];
                while !ended.load(Ordering::Relaxed) {
                    let Ok(length) = back.recv(&mut datagram) else { continue };
                    if slow.load(Ordering::Relaxed) {
                        wait::during(SLOWNESS, || {});
                    }
                    let to = asker.get().expect("nobody is answered who did not ask");
                    let _ = front.send_to(&datagram[..length], to);
                }
            })
        };
        Self { hesitates: slow, ended, ways: vec![there, again] }
    }

    fn hurry(&self) {
        self.hesitates.store(false, Ordering::Relaxed);
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for way in self.ways.drain(..) {
            let _ = way.join();
        }
    }
}

/// Catches: a dead device that holds up the living ones, or that nobody is told of, or that stays dead.
#[test]
fn one_dead_device_of_ten_holds_up_none_of_the_others() {
    let name = "one_dead_device_of_ten_holds_up_none_of_the_others";
    if let Err(reason) = need() {
        skip!(name, reason);
    }
    let ids: Vec<String> = (0..10).map(|n| format!("switch-{n}")).collect();
    let polled: Vec<(&str, u8, &str)> = ids
        .iter()
        .zip(11..)
        .map(|(id, host)| (id.as_str(), host, if host % 2 == 0 { V3 } else { V2C }))
        .collect();
    let scene = Scene::open(&polled, |_| {});
    // It keeps its socket and says nothing, as a device that hangs.
    scene.devices[3].daemon.signal(Signal::SIGSTOP);
    let from = now_ms();
    scene.await_device("switch-3", "device_silent");
    let told = wait::until("somebody is told", SOON, || {
        let notices = scene.centre.client.json("/api/v1/notices");
        notices["items"].as_array()?.iter().find(|notice| notice["subject"] == "device/switch-3").cloned()
    });
    assert!(told["detail"].as_str().is_some_and(|words| words.len() > 20), "{told:#}");
    let others = || ids.iter().filter(|id| *id != "switch-3");
    // Some turns of its quarantine are among these; held up, they would take far longer than the patience here.
    wait::until_true("the others are polled as often as ever", SOON, || {
        others().all(|id| scene.points(&format!("device/{id}#duration"), from).len() >= 8)
    });
    for id in others() {
        let entity = scene.centre.entity(&format!("device/{id}")).expect("it is known");
        assert_eq!(entity["reason"]["code"], "device_answers", "{entity:#}");
    }
    scene.devices[3].daemon.signal(Signal::SIGCONT);
    scene.await_device("switch-3", "device_answers");
    wait::until_true("the notice is taken back", SOON, || {
        let notices = scene.centre.client.json("/api/v1/notices");
        notices["items"].as_array().is_some_and(|all| all.iter().all(|n| n["subject"] != "device/switch-3"))
    });
}

/// The `snmpd` that is not there, of those that answer for a hundred devices.
const DEAD: u8 = 4;
/// The `snmpd` that hangs.
const HANGING: u8 = 5;
/// Where the slow device is asked, and where it asks itself.
const SLOW: [&str; 2] = ["127.0.6.100", "127.0.1.1"];

/// A hundred devices: of the last ten four are dead, five hang, and one is too slow.
fn a_hundred() -> Vec<Polled> {
    let device = |n: u8| {
        let snmpd = match n {
            0..90 => Some(1 + n % 3),
            90..94 => Some(DEAD),
            94..99 => Some(HANGING),
            _ => None,
        };
        let address = snmpd.map_or_else(|| SLOW[0].to_owned(), |snmpd| format!("127.0.{snmpd}.{}", n + 1));
        Polled {
            id: format!("switch-{n:02}"),
            snmpd,
            address,
            snmp: if n.is_multiple_of(2) { V3 } else { V2C },
        }
    };
    (0..100).map(device).collect()
}

/// Catches: dead devices that hold up the living ones, or that nobody is told of, or that are asked for ever as if they
/// lived, or that are forgotten.
#[test]
fn ten_dead_devices_of_a_hundred_hold_up_none_of_the_others() {
    let name = "ten_dead_devices_of_a_hundred_hold_up_none_of_the_others";
    if let Err(reason) = need() {
        skip!(name, reason);
    }
    let polled = a_hundred();
    let mut slow = None;
    let mut scene = Scene::open_with(&polled, |place, devices| {
        slow = Some(Slow::start(place, SLOW[0], SLOW[1]));
        devices[usize::from(DEAD) - 1].kill();
        devices[usize::from(HANGING) - 1].daemon.signal(Signal::SIGSTOP);
    });
    let (living, dead) = polled.split_at(90);

    // The first two polls and the first turn on the beat, which is at any time of the interval.
    wait::until_true("all the others are on their beat", SOON, || {
        living.iter().all(|device| scene.polls(device, 0).len() >= 3)
    });
    let from = now_ms();
    let notices = |scene: &Scene| {
        let notices = scene.centre.client.json("/api/v1/notices");
        notices["items"].as_array().cloned().unwrap_or_default()
    };
    for device in dead {
        scene.await_device(&device.id, "device_silent");
        let subject = format!("device/{}", device.id);
        let told = wait::until("somebody is told", SOON, || {
            notices(&scene).into_iter().find(|notice| notice["subject"] == subject.as_str())
        });
        let words = told["detail"].as_str().expect("it says why");
        let place = format!("from {} port 1161", device.address);
        assert!(words.contains("no answer") && words.contains(&place), "{words}");
    }

    // Left alone for longer than between any two turns.
    let every = EVERY.as_millis() as i64;
    wait::until_true("the dead are asked rarely", SOON + SOON, || {
        dead.iter().all(|device| scene.longest_rest(device, from) > every * 5 / 2)
    });
    for device in dead {
        let requests = scene.points(&format!("device/{}#requests", device.id), 0);
        let counts: Vec<f64> = requests.iter().map(|(_, count)| *count).collect();
        // Two polls in full; then one request, and another where SNMPv3 has to find out who is there.
        let most = if device.snmp == V3 { 2.0 } else { 1.0 };
        assert!(
            counts.len() > 8 && counts[2..].iter().all(|count| *count <= most),
            "{}: {counts:?}",
            device.id
        );
    }

    let revived = now_ms();
    slow.as_ref().expect("made").hurry();
    scene.devices[usize::from(HANGING) - 1].daemon.signal(Signal::SIGCONT);
    scene.devices[usize::from(DEAD) - 1].live_again();
    let answered = |device: &Polled| {
        scene.polls(device, revived).into_iter().find(|(_, answered)| *answered).map(|(at, _)| at)
    };
    for device in dead {
        let at = wait::until("it is polled again", SOON, || answered(device));
        let took = Duration::from_millis((at - revived).unsigned_abs());
        assert!(took <= EVERY * RARELY + EVERY, "{} came back after {took:?}", device.id);
        scene.await_device(&device.id, "device_answers");
    }
    wait::until_true("nothing is said of them any more", SOON, || {
        let about = |notice: &Value| notice["subject"].as_str().unwrap_or_default().to_owned();
        notices(&scene).iter().all(|notice| !about(notice).starts_with("device/"))
    });

    // What was seen of the others at the centre, from before the first was found dead until the last was back.
    for device in living {
        let longest = scene.longest_rest(device, from);
        let seen = scene.polls(device, from);
        assert!(seen.iter().all(|(_, answered)| *answered), "{}: {seen:?}", device.id);
        assert!(longest <= every * 3 / 2, "{} was not polled for {longest} ms: {seen:?}", device.id);
    }
    scene.agent.daemon().assert_running();
}
