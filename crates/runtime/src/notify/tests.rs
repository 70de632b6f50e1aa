use std::ffi::OsStr;
use std::os::unix::net::UnixDatagram;

use super::*;
use crate::supervise::OnFailure;

/// A service manager: a real socket in a folder of its own.
struct Heard {
    socket: UnixDatagram,
    path: OsString,
    _dir: tempfile::TempDir,
}

impl Heard {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("bound");
        socket.set_nonblocking(true).expect("ours");
        Self { socket, path: path.into_os_string(), _dir: dir }
    }

    fn manager(&self, watchdog: Option<Duration>) -> Manager {
        Manager {
            socket: Some(self.path.clone()),
            watchdog_usec: watchdog.map(|every| every.as_micros().to_string()),
            watchdog_pid: None,
        }
    }

    /// Everything that came in and was not read yet.
    fn all(&self) -> Vec<String> {
        let mut buffer = [0u8; 1024];
        std::iter::from_fn(|| {
            let length = self.socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8(buffer[..length].to_vec()).expect("text"))
        })
        .collect()
    }
}

#[test]
fn the_manager_hears_of_the_start_and_of_the_end() {
    let heard = Heard::new();
    let notifier = Notifier::new(&heard.manager(None), 7).expect("a way");
    notifier.ready("listening on 127.0.0.1:8080\nREADY=0");
    notifier.stopping();
    let all = heard.all();
    assert_eq!(all[0], "READY=1\nSTATUS=listening on 127.0.0.1:8080 READY=0", "a status is one line");
    assert!(all[1].starts_with("STOPPING=1\nSTATUS="), "{all:?}");
}

#[test]
fn an_abstract_name_is_heard_as_well() {
    let name = format!("wasl-notify-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).expect("a name");
    let socket = UnixDatagram::bind_addr(&address).expect("bound");
    let manager = Manager { socket: Some(format!("@{name}").into()), ..Manager::default() };
    Notifier::new(&manager, 7).expect("a way").ready("here");
    let mut buffer = [0u8; 64];
    let length = socket.recv(&mut buffer).expect("a message");
    assert_eq!(&buffer[..length], b"READY=1\nSTATUS=here");
}

#[test]
fn without_a_manager_nothing_is_sent_and_a_strange_one_is_named() {
    for socket in [None, Some(OsString::new())] {
        let notifier =
            Notifier::new(&Manager { socket, ..Manager::default() }, 7).expect("no way is no fault");
        assert!(notifier.way.is_none());
        notifier.ready("nobody hears this");
    }
    let manager = Manager { socket: Some("vsock:2:9".into()), ..Manager::default() };
    assert!(matches!(Notifier::new(&manager, 7), Err(NotifyError::Address(name)) if name == "vsock:2:9"));
    // A manager that went away costs a line in the log.
    let manager = Manager { socket: Some(OsStr::new("/nowhere/notify").to_owned()), ..Manager::default() };
    Notifier::new(&manager, 7).expect("a way").ready("nobody hears this");
}

#[test]
fn the_watchdog_is_for_the_process_that_it_names() {
    let manager = |usec: &str, pid: Option<&str>| Manager {
        socket: None,
        watchdog_usec: Some(usec.to_owned()),
        watchdog_pid: pid.map(str::to_owned),
    };
    assert_eq!(manager("30000000", None).watchdog(7), Some(Duration::from_secs(30)));
    assert_eq!(manager("30000000", Some("7")).watchdog(7), Some(Duration::from_secs(30)));
    assert_eq!(manager("30000000", Some("8")).watchdog(7), None);
    assert_eq!(manager("0", None).watchdog(7), None);
    assert_eq!(manager("soon", None).watchdog(7), None);
    assert_eq!(Manager::default().watchdog(7), None);
}

/// Catches: a watchdog that is fed by a timer while the daemon's work hangs.
#[tokio::test(start_paused = true)]
async fn a_daemon_whose_work_hangs_gives_no_sign_of_life_until_it_goes_on() {
    let heard = Heard::new();
    let notifier = Notifier::new(&heard.manager(Some(Duration::from_secs(60))), 7).expect("a way");
    let supervisor = Supervisor::new();
    let (hang, hanging) = tokio::sync::watch::channel(false);
    supervisor.spawn("worker", OnFailure::Restart, move || {
        let mut hanging = hanging.clone();
        async move {
            loop {
                tokio::time::sleep(Duration::from_secs(10)).await;
                hanging.wait_for(|hangs| !hangs).await.map_err(|error| error.to_string())?;
            }
            #[expect(unreachable_code, reason = "it names the type of the failure")]
            Ok::<(), String>(())
        }
    });
    supervisor.must_move("worker", Duration::from_secs(25));
    let own = supervisor.clone();
    let keeping = tokio::spawn(async move { notifier.keep_alive(&[&own], "at work").await });

    tokio::time::sleep(Duration::from_secs(301)).await;
    assert_eq!(heard.all(), vec!["WATCHDOG=1"; 11], "at half the interval, and at once");

    hang.send_replace(true);
    tokio::time::sleep(Duration::from_secs(300)).await;
    let silent = heard.all();
    assert!(silent.iter().filter(|word| *word == "WATCHDOG=1").count() <= 1, "{silent:?}");
    assert_eq!(
        silent.iter().filter(|word| *word == "STATUS=standing still: worker").count(),
        1,
        "{silent:?}"
    );

    hang.send_replace(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(heard.all(), ["STATUS=at work", "WATCHDOG=1"]);
    keeping.abort();
}
