//! Polls of the real net-snmp agent, each with its own configuration, state and port.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wasl_model::assignment::{AuthProtocol, PrivacyProtocol, SnmpAccess};
use wasl_model::{DeviceSample, InterfaceSample, Notice, NoticeCode, Observation, Value, VoidReason};

use super::*;

mod buggy;

const CONFIG: &str = "rocommunity hello 127.0.0.1\n\
    createUser ops SHA-256 \"authpass99\" AES \"privpass99\"\n\
    createUser strong SHA-512 \"authpass99\" AES-256 \"privpass99\"\n\
    createUser cisco SHA-384 \"authpass99\" AES-256-C \"privpass99\"\n\
    rouser ops priv\n\
    rouser strong priv\n\
    rouser cisco priv\n";

/// Where Debian puts it; a user's PATH does not hold it.
const SNMPD: &str = "/usr/sbin/snmpd";

/// Whether snmpd is here; says so where it is not.
fn snmpd_is_here(test: &str) -> bool {
    let found = std::path::Path::new(SNMPD).exists();
    if !found {
        crate::skips::skip(test, "snmpd is not installed");
    }
    found
}

/// An snmpd with one poller at it.
struct Stage {
    dir: tempfile::TempDir,
    port: u16,
    snmpd: Option<Child>,
    send: watch::Sender<Arc<Assignment>>,
    out: mpsc::Receiver<Observation>,
    bells: Bells,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    /// When the whole story must be told; without it, polls that never bring what is awaited go on for ever.
    deadline: Instant,
}

impl Stage {
    fn begin() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("secrets")).expect("made");
        std::fs::create_dir(dir.path().join("state")).expect("made");
        let free = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("bound").port();
        let (reporter, out) = Reporter::new();
        let (send, receive) = watch::channel(Arc::default());
        let shutdown = CancellationToken::new();
        let secrets = Secrets::new(dir.path().join("secrets"));
        let bells = Bells::default();
        let task = tokio::spawn(run(
            reporter,
            secrets,
            receive,
            bells.clone(),
            Addresses::default(),
            shutdown.clone(),
        ));
        Self {
            dir,
            port,
            snmpd: None,
            send,
            out,
            bells,
            shutdown,
            task,
            deadline: Instant::now() + Duration::from_mins(1),
        }
    }

    /// Starts snmpd and waits until it says that it is up.
    async fn start_snmpd(&mut self) {
        let config = self.dir.path().join("snmpd.conf");
        let listen = format!("agentaddress udp:127.0.0.1:{}\n", self.port);
        std::fs::write(&config, listen + CONFIG).expect("written");
        let mut snmpd = Command::new(SNMPD)
            .args(["-f", "-C", "-Lo", "-I", "-smux", "-c"])
            .arg(&config)
            .env("SNMP_PERSISTENT_DIR", self.dir.path().join("state"))
            .env("MIBS", "")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("snmpd starts");
        let mut lines = BufReader::new(snmpd.stdout.take().expect("a pipe")).lines();
        let up = async {
            while let Some(line) = lines.next_line().await.expect("text") {
                if line.starts_with("NET-SNMP version") {
                    return true;
                }
            }
            false
        };
        let up = tokio::time::timeout(Duration::from_secs(20), up).await.expect("snmpd starts in time");
        assert!(up, "snmpd ended");
        // It keeps writing; somebody has to read.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        self.snmpd = Some(snmpd);
    }

    async fn kill_snmpd(&mut self) {
        self.snmpd.take().expect("runs").kill().await.expect("killed");
    }

    fn secret(&self, name: &str, text: &str) {
        let path = self.dir.path().join("secrets").join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
    }

    fn assign(&self, access: SnmpAccess) {
        self.assign_every(access, 1000);
    }

    fn assign_every(&self, access: SnmpAccess, every_ms: u64) {
        let host = "127.0.0.1".to_owned();
        let device = DeviceAssignment {
            id: "sw".to_owned(),
            host,
            port: self.port,
            every_ms,
            access,
            profiles: Vec::new(),
            trap_sources: Vec::new(),
        };
        self.send.send_replace(Arc::new(Assignment { devices: vec![device], ..Assignment::default() }));
    }

    async fn next(&mut self) -> Observation {
        let wait = tokio::time::timeout_at(self.deadline, self.out.recv());
        wait.await.expect("an observation in time").expect("the poller runs")
    }

    /// The next poll's sample, with the notices and the loopback's sample that came before it.
    async fn poll(&mut self) -> (DeviceSample, Vec<Notice>, Option<InterfaceSample>) {
        let (mut notices, mut loopback) = (Vec::new(), None);
        loop {
            let Observation { subject, value, .. } = self.next().await;
            match value {
                Value::Device(sample) => {
                    assert_eq!(subject.to_string(), "device/sw");
                    return (sample, notices, loopback);
                }
                Value::Notice(notice) => {
                    assert_eq!(subject.to_string(), "device/sw");
                    notices.push(notice);
                }
                Value::Interface(sample) => {
                    assert!(subject.id.starts_with("sw/"), "{subject}");
                    if subject.id == "sw/lo" {
                        loopback = Some(sample);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    async fn notice(&mut self) -> Notice {
        loop {
            if let Value::Notice(notice) = self.next().await.value {
                return notice;
            }
        }
    }

    async fn end(mut self) {
        self.shutdown.cancel();
        self.task.await.expect("ends");
        if let Some(snmpd) = &mut self.snmpd {
            snmpd.kill().await.expect("killed");
        }
    }
}

fn v2c() -> SnmpAccess {
    SnmpAccess::V2c { community: "community".to_owned() }
}

fn v3() -> SnmpAccess {
    user("ops", AuthProtocol::Sha256, PrivacyProtocol::Aes128)
}

fn user(name: &str, auth: AuthProtocol, privacy: PrivacyProtocol) -> SnmpAccess {
    SnmpAccess::V3 {
        user: name.to_owned(),
        auth: Some((auth, "auth".to_owned())),
        privacy: Some((privacy, "privacy".to_owned())),
    }
}

async fn interfaces_are_read_and_have_rates_at_the_second_poll(stage: &mut Stage) {
    let (sample, notices, loopback) = stage.poll().await;
    assert_eq!(notices, []);
    assert_eq!(sample.answered, Some(true));
    assert!(sample.interfaces.expect("counted").0 >= 1 && sample.requests.expect("counted").0 >= 2);
    assert_eq!(sample.voided, Some(wasl_model::units::Count(0)));
    let first = loopback.expect("every machine has a loopback");
    assert_eq!((first.voided, first.receive_bytes, first.up), (Some(VoidReason::First), None, Some(true)));
    let (sample, _, loopback) = stage.poll().await;
    let second = loopback.expect("the loopback");
    assert_eq!((sample.answered, second.voided), (Some(true), None));
    let told =
        (second.receive_bytes, second.transmit_packets, second.receive_errors, second.transmit_discards);
    assert!(matches!(told, (Some(_), Some(_), Some(_), Some(_))), "{second:?}");
    let interval = second.interval.expect("an interval").0;
    assert!((200..10_000).contains(&interval), "{interval} ms");
    assert_eq!(second.enabled, Some(true));
}

#[tokio::test]
async fn a_device_is_read_with_a_community() {
    if !snmpd_is_here("a_device_is_read_with_a_community") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.secret("community", "hello\n");
    stage.assign(v2c());
    interfaces_are_read_and_have_rates_at_the_second_poll(&mut stage).await;
    stage.end().await;
}

#[tokio::test]
async fn a_device_is_read_with_a_user_that_signs_and_encrypts() {
    if !snmpd_is_here("a_device_is_read_with_a_user_that_signs_and_encrypts") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.secret("auth", "authpass99\n");
    stage.secret("privacy", "privpass99\n");
    stage.assign(v3());
    interfaces_are_read_and_have_rates_at_the_second_poll(&mut stage).await;
    // The engine's next start has another clock (RFC 3414 2.2): that must not look like a refused user.
    let mut uptime = stage.poll().await.0.uptime.expect("told");
    stage.kill_snmpd().await;
    stage.start_snmpd().await;
    loop {
        let (sample, notices, _) = stage.poll().await;
        assert!(notices.iter().all(|notice| !notice.detail.contains("refuses")), "{notices:?}");
        match sample.uptime {
            Some(now) if now < uptime => break,
            Some(now) => uptime = now,
            None => assert_eq!(sample.answered, Some(false)),
        }
    }
    stage.end().await;
}

#[tokio::test]
async fn a_wrong_community_is_told_and_mended_by_writing_the_right_one() {
    if !snmpd_is_here("a_wrong_community_is_told_and_mended_by_writing_the_right_one") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.assign(v2c());
    let missing = stage.notice().await;
    assert_eq!((missing.code, missing.cleared), (NoticeCode::SecretMissing, false));
    assert!(missing.detail.contains("`community`"), "{}", missing.detail);
    stage.secret("community", "goodbye\n");
    let (sample, notices, loopback) = stage.poll().await;
    assert_eq!((sample.answered, loopback), (Some(false), None));
    let told: Vec<_> = notices.iter().map(|n| (n.code, n.cleared)).collect();
    assert_eq!(told, [(NoticeCode::SecretMissing, true), (NoticeCode::DeviceSilent, false)]);
    assert!(notices[1].detail.contains("community") && !notices[1].detail.contains("goodbye"));
    stage.secret("community", "hello\n");
    let (code, cleared) = loop {
        let (sample, notices, _) = stage.poll().await;
        if sample.answered == Some(true) {
            break (notices[0].code, notices[0].cleared);
        }
        assert_eq!(notices, [], "a standing notice is not said again");
    };
    assert_eq!((code, cleared), (NoticeCode::DeviceSilent, true));
    stage.end().await;
}

#[tokio::test]
async fn a_secret_is_not_sent_to_an_address_that_its_list_does_not_name() {
    let mut stage = Stage::begin();
    let listener = std::net::UdpSocket::bind(("127.0.0.1", stage.port)).expect("a socket");
    listener.set_nonblocking(true).expect("set");
    stage.secret("community", "hello\n");
    stage.secret("community.hosts", "10.20.0.0/24\n");
    stage.assign(v2c());
    let refused = stage.notice().await;
    assert_eq!((refused.code, refused.cleared), (NoticeCode::SecretMissing, false));
    assert!(refused.detail.contains("towards 127.0.0.1"), "{}", refused.detail);
    let mut heard = [0; 512];
    assert!(listener.recv(&mut heard).is_err(), "something was sent");
    // The list names it: the next poll goes there.
    stage.secret("community.hosts", "127.0.0.1\n");
    let allowed = stage.notice().await;
    assert_eq!((allowed.code, allowed.cleared), (NoticeCode::SecretMissing, true));
    let silent = stage.notice().await;
    assert_eq!(silent.code, NoticeCode::DeviceSilent);
    assert!(listener.recv(&mut heard).is_ok(), "it was asked");
    stage.end().await;
}

#[tokio::test]
async fn the_strongest_protocols_are_understood_as_real_agents_speak_them() {
    if !snmpd_is_here("the_strongest_protocols_are_understood_as_real_agents_speak_them") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.secret("auth", "authpass99\n");
    stage.secret("privacy", "privpass99\n");
    for (name, auth, privacy) in [
        ("strong", AuthProtocol::Sha512, PrivacyProtocol::Aes256),
        ("cisco", AuthProtocol::Sha384, PrivacyProtocol::Aes256Reeder),
    ] {
        stage.assign(user(name, auth, privacy));
        interfaces_are_read_and_have_rates_at_the_second_poll(&mut stage).await;
    }
    stage.end().await;
}

#[tokio::test]
async fn a_wrong_password_and_no_answer_at_all_are_told_apart() {
    if !snmpd_is_here("a_wrong_password_and_no_answer_at_all_are_told_apart") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.secret("auth", "wrongpass99\n");
    stage.secret("privacy", "privpass99\n");
    stage.assign(v3());
    let refused = stage.notice().await;
    assert_eq!((refused.code, refused.cleared), (NoticeCode::DeviceSilent, false));
    assert!(refused.detail.contains("refuses the user `ops`"), "{}", refused.detail);
    stage.kill_snmpd().await;
    let silent = stage.notice().await;
    assert!(!silent.cleared && silent.detail.contains("no answer at all"), "{}", silent.detail);
    // A device that is polled no more leaves no notice behind.
    stage.send.send_replace(Arc::default());
    let cleared = stage.notice().await;
    assert_eq!((cleared.code, cleared.cleared), (NoticeCode::DeviceSilent, true));
    stage.end().await;
}

#[tokio::test]
async fn a_restart_voids_one_interval_and_no_more() {
    if !snmpd_is_here("a_restart_voids_one_interval_and_no_more") {
        return;
    }
    let mut stage = Stage::begin();
    stage.start_snmpd().await;
    stage.secret("community", "hello\n");
    stage.assign(v2c());
    // Long enough up that the new start's uptime is less.
    while stage.poll().await.0.uptime.is_none_or(|up| up.0 < 4000) {}
    stage.kill_snmpd().await;
    while stage.poll().await.0.answered == Some(true) {}
    stage.start_snmpd().await;
    let (sample, loopback) = loop {
        let (sample, _, loopback) = stage.poll().await;
        if sample.answered == Some(true) {
            break (sample, loopback.expect("the loopback"));
        }
    };
    assert_eq!(loopback.voided, Some(VoidReason::Restart));
    assert_eq!((loopback.receive_bytes, loopback.transmit_packets), (None, None));
    assert!(sample.voided.expect("counted").0 > 0);
    let loopback = stage.poll().await.2.expect("the loopback");
    assert_eq!(loopback.voided, None);
    assert!(loopback.receive_bytes.is_some());
    stage.end().await;
}

/// Catches: a device that is back, says so by a trap, and is left alone for two turns more. Time passes by itself here.
#[tokio::test(start_paused = true)]
async fn whoever_rings_has_a_device_asked_that_has_long_been_silent() {
    let mut stage = Stage::begin();
    stage.deadline = Instant::now() + Duration::from_hours(24);
    stage.secret("community", "hello\n");
    stage.assign_every(v2c(), 60_000);
    for _ in 0..9 {
        assert_eq!(stage.poll().await.0.answered, Some(false));
    }
    let rung = Instant::now();
    stage.bells.find("sw").expect("it is polled").ring();
    assert_eq!(stage.poll().await.0.answered, Some(false));
    assert!(rung.elapsed() < Duration::from_secs(5), "after {:?}", rung.elapsed());
    stage.end().await;
}
