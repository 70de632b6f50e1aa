//! Things that agents look at for the institution: devices and backups.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use wasl_tests::centre::{Agent, Centre, write_secret};
use wasl_tests::daemon::Daemon;
use wasl_tests::net::{Net, Place};
use wasl_tests::wait::{self, now_ms};
use wasl_tests::{packages, skip, tool};

/// Two polls and some patience.
const POLLS: Duration = Duration::from_secs(25);
/// How much is sent through the device's uplink.
const SENT: u64 = 300 * 1_000;

const SECRETS: [&str; 5] = [
    "story-community",
    "story-authentication",
    "story-privacy",
    "story-wrong-community",
    "story-repository-password",
];

/// The value of a metric with these labels, wherever they stand.
fn metric(page: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    page.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")).find_map(
        |(found, value)| {
            let all = labels.iter().all(|(key, value)| found.contains(&format!("{key}=\"{value}\"")));
            if all { value.split(' ').next()?.parse().ok() } else { None }
        },
    )
}

/// No secret may ever leave the host that uses it.
fn assert_no_secret_leaks(centre: &Centre, agent: &mut Agent, pages: &[&str]) {
    let mut said = vec![centre.daemon.log(), agent.daemon().log()];
    said.extend(pages.iter().map(|path| centre.client.get(path).text()));
    for path in ["/api/v1/entities", "/api/v1/notices", "/metrics"] {
        said.push(centre.client.get(path).text());
    }
    for secret in SECRETS {
        assert!(said.iter().all(|text| !text.contains(secret)), "{secret} can be read");
    }
}

fn snmpd(place: &Place, dir: &Path) -> Daemon {
    let own = dir.join("snmpd");
    fs::create_dir(&own).expect("a folder of our own");
    let configuration = own.join("snmpd.conf");
    write_secret(
        &configuration,
        "agentAddress udp:127.0.0.1:1161
rocommunity story-community 127.0.0.1
createUser wasl SHA-256 story-authentication AES story-privacy
rouser wasl authpriv
sysName story-switch
",
    );
    let mut command = place.command("/usr/sbin/snmpd");
    command.args(["-f", "-Lo", "-C", "-c"]).arg(&configuration).arg("-p").arg(own.join("pid"));
    command.env("SNMP_PERSISTENT_DIR", &own);
    Daemon::start("snmpd", command, dir)
}

/// Catches: counters that are read wrongly, shown without a rate, doubled, or lost between the device and any
/// of the four places where people look; a secret that travels; a wrong password that reads as a dead device
/// without a word.
#[test]
fn snmp_counters_of_a_real_device_reach_page_api_metrics_and_history() {
    let name = "snmp_counters_of_a_real_device_reach_page_api_metrics_and_history";
    if let Err(reason) = packages::need_network().and_then(|()| packages::need("snmpd", "snmpd")) {
        skip!(name, reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let net = Net::centre_and_branches(1);
    let _snmpd = snmpd(&net.branch(1), dir.path());
    let device = |id: &str, snmp: &str| {
        format!("  {id}: {{ host: 127.0.0.1, port: 1161, from: branch-1, every: 5s, snmp: {{ {snmp} }} }}\n")
    };
    let v3 = "version: v3, user: wasl, auth: { protocol: sha256, secret: authentication }, privacy: { protocol: aes128, secret: privacy }";
    let configuration = format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
sites: {{ one: {{ name: {{ en: One }} }} }}
agents: {{ branch-1: {{ site: one, role: gateway }} }}
devices:
{}{}{}{}",
        device("switch-v2c", "version: v2c, community: community"),
        device("switch-v3", v3),
        device("stranger", "version: v2c, community: wrong"),
        device("unarmed", "version: v2c, community: missing"),
    );
    let http = "127.0.0.1:8080".parse().expect("an address");
    let centre = Centre::start(&net.centre(), dir.path(), &configuration, http, net.agents_listener());
    let mut agent = Agent::join(&centre, &net.branch(1), dir.path(), "one", "gateway", "branch-1");
    for (name, value) in ["community", "authentication", "privacy", "wrong"].iter().zip(SECRETS) {
        agent.secret(name, value);
    }
    agent.start();

    for id in ["switch-v2c", "switch-v3"] {
        let entity = centre
            .await_entity("the device answers", &format!("device/{id}"), POLLS, |e| e["health"] == "ok");
        assert_eq!(entity["reason"]["code"], "device_answers", "{entity:#}");
        centre.await_entity("its uplink has a rate", &format!("interface/{id}%2Fuplink"), POLLS, |e| {
            e["numbers"]["transmit_rate"].is_number() && e["numbers"]["up"] == 1.0
        });
    }
    let counted = |id: &str| {
        let labels = [("device", id), ("interface", "uplink"), ("site", "one")];
        metric(&centre.metrics(), "wasl_interface_transmit_bytes_total", &labels).unwrap_or(0.0)
    };
    let before = [counted("switch-v2c"), counted("switch-v3")];
    let kernel = |place: &Place| {
        let text = tool::finish(place.command("ip").args(["-j", "-s", "link", "show", "uplink"]));
        let links: Value = serde_json::from_str(&text).expect("ip prints JSON");
        links[0]["stats64"]["tx"]["bytes"].as_u64().expect("a counter")
    };
    let kernel_before = kernel(&net.branch(1));
    let begin = now_ms();
    let to = (net.centre_address(), 9);
    net.branch(1).on_a_thread(move || {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        for _ in 0..SENT / 1_000 {
            // Nobody listens there; what counts is that it was sent.
            let _ = socket.send_to(&[0; 1_000], to);
        }
    });
    for (id, before) in ["switch-v2c", "switch-v3"].into_iter().zip(before) {
        wait::until_true(&format!("{id} shows what was sent"), POLLS, || counted(id) - before >= SENT as f64);
        let (seen, truth) = (counted(id) - before, (kernel(&net.branch(1)) - kernel_before) as f64);
        // What it saw of the time before `kernel_before` is at most one poll of an idle line.
        assert!(seen <= truth + 50_000.0, "{id} counted {seen} bytes, the kernel {truth}");
        let series = format!("interface/{id}/uplink#transmit_rate@branch-1");
        let peak = centre
            .history(&series, begin, now_ms())
            .into_iter()
            .filter_map(|(_, rate)| rate)
            .fold(0.0, f64::max);
        assert!(peak >= SENT as f64 / 10.0, "{series} has a peak of {peak} bytes a second only");
        assert_eq!(metric(&centre.metrics(), "wasl_device_up", &[("device", id)]), Some(1.0));
        let speed =
            metric(&centre.metrics(), "wasl_interface_up", &[("device", id), ("interface", "uplink")]);
        assert_eq!(speed, Some(1.0));
    }
    for lang in ["en", "ar"] {
        let page = centre.client.get(&format!("/links?lang={lang}")).text();
        for word in ["switch-v2c", "switch-v3", "stranger"] {
            assert!(page.contains(word), "{word} is not on /links in {lang}");
        }
        for device in ["switch-v2c", "switch-v3"] {
            let page = centre.client.get(&format!("/entities/device/{device}?lang={lang}")).text();
            assert!(page.contains("<bdi>uplink</bdi>"), "its port is not on the page of {device} in {lang}");
        }
    }
    let page = centre.client.get("/entities/interface/switch-v3/uplink?lang=en");
    assert_eq!(page.status.as_u16(), 200);

    for id in ["stranger", "unarmed"] {
        let subject = format!("device/{id}");
        let told = wait::until(&format!("somebody is told about {id}"), POLLS, || {
            let notices = centre.client.json("/api/v1/notices");
            notices["items"].as_array()?.iter().find(|notice| notice["subject"] == subject.as_str()).cloned()
        });
        assert!(told["detail"].as_str().is_some_and(|words| words.len() > 20), "{told:#}");
        assert_ne!(centre.entity(&subject).expect("it is known")["health"], "ok");
    }
    assert_no_secret_leaks(&centre, &mut agent, &["/links", "/", "/entities/device/stranger"]);
}

fn restic(repository: &Path, password: &Path, args: &[&str]) -> String {
    let mut command = Command::new("restic");
    command.arg("-q").arg("--no-cache").arg("-r").arg(repository).arg("--password-file").arg(password);
    tool::finish(command.args(args))
}

/// Catches: a backup that is called proved because it was listed, a repository that cannot be read and looks
/// healthy, a time that is the look's and not the backup's, and a password that leaves the host.
#[test]
fn a_restic_repository_is_seen_as_evidence() {
    if let Err(reason) = packages::need("restic", "restic") {
        skip!("a_restic_repository_is_seen_as_evidence", reason);
    }
    let dir = tempfile::tempdir().expect("a folder");
    let (repository, password) = (dir.path().join("repository"), dir.path().join("password"));
    write_secret(&password, SECRETS[4]);
    let documents = dir.path().join("documents");
    fs::create_dir(&documents).expect("a folder");
    fs::write(documents.join("letter"), "Dear student").expect("written");
    let documents = documents.to_string_lossy().into_owned();
    restic(&repository, &password, &["init"]);
    restic(&repository, &password, &["backup", "--time", "2001-02-03 04:05:06", &documents]);
    restic(&repository, &password, &["backup", &documents]);
    let snapshots: Value =
        serde_json::from_str(&restic(&repository, &password, &["snapshots", "--json"])).expect("JSON");
    let newest = snapshots.as_array().expect("a list").last().expect("two")["short_id"].clone();

    let job = |id: &str, repository: &Path, secret: &str| {
        let repository = repository.display();
        format!(
            "  {id}: {{ tool: restic, repository: {repository}, password: {secret}, from: keeper, every: 1m }}\n"
        )
    };
    let configuration = format!(
        "institution: {{ id: story, name: {{ en: Story }}, timezone: Asia/Hebron }}
sites: {{ one: {{ name: {{ en: One }} }} }}
agents: {{ keeper: {{ site: one, role: server }} }}
backups:
{}{}{}",
        job("documents", &repository, "repository-password"),
        job("locked-out", &repository, "wrong"),
        job("nowhere", &dir.path().join("nothing"), "repository-password"),
    );
    let any = "127.0.0.1:0".parse().expect("an address");
    let centre = Centre::start(&Place::Here, dir.path(), &configuration, any, any);
    let mut agent = Agent::join(&centre, &Place::Here, dir.path(), "one", "server", "keeper");
    agent.secret("repository-password", SECRETS[4]);
    agent.secret("wrong", SECRETS[3]);
    let before = now_ms();
    agent.start();

    let looked = Duration::from_secs(60);
    let entity = centre.await_entity("the repository was read", "backup_job/documents", looked, |e| {
        e["value"].is_object() && e["health"] != "unknown"
    });
    assert_eq!(
        (&entity["health"], &entity["reason"]["code"]),
        (&"ok".into(), &"backup_fresh".into()),
        "{entity:#}"
    );
    assert_eq!(entity["proof"], "none", "a snapshot that is listed is no proof: {entity:#}");
    assert_eq!(
        (&entity["value"]["snapshots"], &entity["value"]["newest_id"]),
        (&2.into(), &newest),
        "{entity:#}"
    );
    let newest_at = entity["numbers"]["newest_at"].as_f64().expect("it has a time");
    assert!((newest_at - before as f64 / 1000.0).abs() < 120.0, "{entity:#}");
    for id in ["locked-out", "nowhere"] {
        let subject = format!("backup_job/{id}");
        let entity = centre.await_entity("the fault is seen", &subject, looked, |e| {
            e["value"].is_object() && e["reason"]["code"] != "not_observed"
        });
        assert_eq!(entity["reason"]["code"], "backup_unreadable", "{entity:#}");
        assert_ne!(entity["health"], "ok", "{entity:#}");
        assert_ne!(entity["proof"], "proved", "{entity:#}");
        assert!(entity["value"]["detail"].as_str().is_some_and(|words| words.len() > 20), "{entity:#}");
    }

    let metrics = centre.metrics();
    let labels = [("backup_job", "documents"), ("site", "one")];
    let told =
        metric(&metrics, "wasl_backup_last_good_timestamp_seconds", &labels).expect("the metric is there");
    assert!((told - newest_at).abs() < 1.0, "{told} is not {newest_at}");
    let labels = [("backup_job", "nowhere")];
    assert_eq!(
        metric(&metrics, "wasl_backup_last_good_timestamp_seconds", &labels),
        None,
        "nothing good was seen there"
    );

    let series = "backup_job/documents#snapshots@keeper";
    let points = centre.history(series, before, now_ms());
    assert!(!points.is_empty() && points.iter().all(|(_, n)| *n == Some(2.0)), "{points:?}");
    for (lang, name, proof) in [("en", "documents", "None"), ("ar", "documents", "")] {
        let page = centre.client.get(&format!("/backups?lang={lang}")).text();
        assert!(page.contains(name) && page.contains("locked-out") && page.contains("nowhere"), "{page}");
        assert!(page.to_lowercase().contains(&proof.to_lowercase()), "{page}");
        assert!(!page.contains("is-proved"), "a page calls a listing a proof: {page}");
    }

    // The next look sees the next backup; a start looks at once.
    restic(&repository, &password, &["backup", &documents]);
    agent.end();
    agent.start();
    centre.await_entity("the new backup is seen", "backup_job/documents", looked, |e| {
        e["value"]["snapshots"] == 3
    });
    let locks = fs::read_dir(repository.join("locks")).expect("the repository has the folder").count();
    assert_eq!(locks, 0, "looking leaves locks behind");
    assert_no_secret_leaks(&centre, &mut agent, &["/backups", "/entities/backup_job/locked-out"]);
}
