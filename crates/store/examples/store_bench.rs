//! Measures the store: `store_bench ingest FOLDER` and `store_bench charts FOLDER` write a line of JSON each to
//! standard output. `bench/store.sh` runs both; the figures of a development build say nothing. `store_bench month FILE`
//! fills a store for `bench/report.sh`.
#![allow(clippy::print_stdout)] // its output is what it is for

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use wasl_model::units::{BitsPerSecond, Bytes, Count, Micros, Millis};
use wasl_model::{
    AgentId, EntityKind, Histogram, InterfaceSample, Observation, ProbeMethod, ProbeWindow, SeriesKey,
    Subject, Timestamp, Value,
};
use wasl_protocol::batch;
use wasl_store::{CompactOptions, Depth, HistoryStore, Ingest, Item, Retention, SqliteStore, Upkeep, Upload};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const DAY: i64 = 24 * 60 * MINUTE;
/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600_000;

/// A batch in the agents' format, or one of [`synthetic`]'s.
fn decode(body: &[u8]) -> Vec<Observation> {
    match body.strip_prefix(b"S") {
        Some(rest) => expand(rest),
        None => batch::decode(body).map(|decoded| decoded.observations).unwrap_or_default(),
    }
}

/// Stands for windows of `targets` targets every `every` milliseconds within `from..to`.
fn synthetic(from: i64, to: i64, every: i64, targets: i64) -> Vec<u8> {
    let mut body = b"S".to_vec();
    body.extend([from, to, every, targets].iter().flat_map(|n| n.to_le_bytes()));
    body
}

fn expand(body: &[u8]) -> Vec<Observation> {
    let numbers: Vec<i64> = body.as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect();
    let [from, to, every, targets] = numbers[..] else { return Vec::new() };
    let mut out = Vec::new();
    for n in 0..targets {
        let mut at = from;
        while at < to {
            out.push(target(n as u64, at + jitter(at + n, 4)));
            at += every;
        }
    }
    out
}

/// Looks random and is the same in every run.
fn mixed(n: u64) -> u64 {
    let n = (n ^ (n >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (n ^ (n >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 20
}

fn jitter(seed: i64, most: i64) -> i64 {
    (mixed(seed as u64) % most as u64) as i64
}

fn target(n: u64, at: i64) -> Observation {
    let mut rtt = Histogram::default();
    let seed = mixed(at as u64 / 1000 + n * 7919);
    let times: Vec<u64> = (0..10).map(|k| 20_000 + n * 37 % 900 + mixed(seed + k) % 1500).collect();
    for time in &times {
        rtt.record(*time);
    }
    let received = 10 - u64::from(seed.is_multiple_of(50));
    Observation {
        subject: Subject::lenient(EntityKind::Target, &format!("branch-{n}-uplink")),
        at: Timestamp(at),
        value: ProbeWindow {
            window: Some(Millis(10_000)),
            method: Some(ProbeMethod::IcmpDatagram),
            sent: Some(Count(10)),
            received: Some(Count(received)),
            rtt_min: times.iter().min().map(|time| Micros(*time)),
            rtt_max: times.iter().max().map(|time| Micros(*time)),
            jitter: Some(Micros(300 + seed % 71)),
            rtt,
            ..Default::default()
        }
        .into(),
    }
}

fn interface(n: u64, at: i64) -> Observation {
    let seed = mixed(at as u64 / 1000 + n * 104_729);
    // A third of the ports of a network are idle.
    let bytes = if n.is_multiple_of(3) { 0 } else { seed % 10_000_000 };
    Observation {
        subject: Subject::lenient(
            EntityKind::Interface,
            &format!("switch-{}/GigabitEthernet1/0/{}", n / 50, n % 50),
        ),
        at: Timestamp(at),
        value: Value::Interface(InterfaceSample {
            interval: Some(Millis(30_000 + seed % 9)),
            receive_bytes: Some(Bytes(bytes)),
            transmit_bytes: Some(Bytes(bytes / 7)),
            receive_packets: Some(Count(bytes / 800)),
            transmit_packets: Some(Count(bytes / 900)),
            receive_errors: Some(Count(0)),
            transmit_errors: Some(Count(0)),
            receive_discards: Some(Count(0)),
            transmit_discards: Some(Count(0)),
            speed: Some(BitsPerSecond(1_000_000_000)),
            up: Some(true),
            enabled: Some(true),
            ..Default::default()
        }),
    }
}

/// What a gateway sees in one second: a tenth of its targets, a thirtieth of its switches.
fn second(from: i64, targets: u64, interfaces: u64) -> Vec<Observation> {
    let number = (from / SECOND) as u64;
    let mut out: Vec<Observation> = (0..targets)
        .filter(|n| n % 10 == number % 10)
        .map(|n| target(n, from + jitter(from + n as i64, 4)))
        .collect();
    let polled = (0..interfaces).filter(|n| n / 50 % 30 == number % 30);
    out.extend(polled.map(|n| interface(n, from + 200 + jitter(from + (n / 50) as i64, 40))));
    out
}

fn agent() -> AgentId {
    "gw-1".parse().expect("a name")
}

fn upload(received_ms: i64, items: Vec<Item>) -> Upload {
    Upload { agent: agent(), epoch: 1, received_ms, items, gaps: Vec::new() }
}

async fn open(file: &Path) -> SqliteStore {
    SqliteStore::open(file, decode, 7).await.expect("the store opens")
}

/// Processor time of this process in seconds, all threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("this process");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    ticks as f64 / 100.0
}

/// Bytes that this process gave to the disk.
fn written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok()).unwrap_or(0)
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Hours of one gateway, committed by the second-handful and compacted by the minute, as the controller does.
async fn ingest(folder: &Path) -> serde_json::Value {
    let (targets, interfaces) = (number("TARGETS", 500), number("INTERFACES", 2_000));
    let (seconds, group) = (number("HOURS", 4) as i64 * 3_600, number("GROUP", 10) as usize);
    let store = open(&folder.join("ingest.db")).await;
    let mut seq = 0;
    let (mut in_ingest, mut in_compact, mut points, mut wire) = (0.0, 0.0, 0, 0usize);
    let (mut blocks, mut slowest) = (0, Duration::ZERO);
    let began = written();
    for minute in 0..seconds / 60 {
        let from = START + minute * MINUTE;
        let items: Vec<Item> = (0..60)
            .map(|s| {
                let seen = second(from + s * SECOND, targets, interfaces);
                let (first_ms, last_ms) = batch::span(&seen).unwrap_or((from, from));
                seq += 1;
                Item { seq, first_ms, last_ms, body: batch::encode(&seen) }
            })
            .collect();
        wire += items.iter().map(|item| item.body.len()).sum::<usize>();
        let before = cpu();
        for items in items.chunks(group) {
            let received = items[items.len() - 1].last_ms + 1_200;
            store.ingest(vec![upload(received, items.to_vec())]).await.expect("ingest");
        }
        let after = cpu();
        in_ingest += after - before;
        let took = Instant::now();
        loop {
            let now = Timestamp(from + MINUTE + 5 * SECOND);
            let done = store.compact(now, &CompactOptions::default(), None).await.expect("compaction");
            points += done.points;
            blocks += done.blocks_written;
            if !done.more {
                break;
            }
        }
        slowest = slowest.max(took.elapsed());
        in_compact += cpu() - after;
    }
    let written = written() - began;
    store.close().await.expect("closed");
    let size = std::fs::metadata(folder.join("ingest.db")).expect("there").len();
    json!({
        "points": points, "points_per_cpu_second": points as f64 / (in_ingest + in_compact),
        "ingest_cpu_seconds": in_ingest, "compact_cpu_seconds": in_compact, "blocks_written": blocks,
        "slowest_compaction_ms": slowest.as_secs_f64() * 1e3,
        "wire_bytes_per_point": wire as f64 / points as f64,
        "disk_bytes_written_per_point": written as f64 / points as f64,
        "file_bytes_per_point": size as f64 / points as f64,
    })
}

/// A year of a few series among the rows of many.
async fn charts(folder: &Path) -> serde_json::Value {
    let (targets, others) = (7, number("OTHERS", 10_000) as i64);
    let days = number("DAYS", 365) as i64;
    let file = folder.join("charts.db");
    let store = open(&file).await;
    let mut beside = SqliteConnectOptions::new().filename(&file).connect().await.expect("a connection");
    sqlx::raw_sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
        .execute(&mut beside)
        .await
        .expect("set");
    add_series(&mut beside, others).await;
    let seeding = Instant::now();
    let mut seq = 0;
    for day in 0..days {
        let from = START + day * DAY;
        let every = if day >= days - 30 { 10 * SECOND } else { MINUTE };
        let items = (0..4i64)
            .map(|quarter| {
                seq += 1;
                let (from, to) = (from + quarter * DAY / 4, from + (quarter + 1) * DAY / 4);
                Item { seq, first_ms: from, last_ms: to, body: synthetic(from, to, every, targets) }
            })
            .collect();
        store.ingest(vec![upload(from, items)]).await.expect("ingest");
        let options = CompactOptions { force: true, ..CompactOptions::default() };
        while store.compact(Timestamp(from + DAY), &options, None).await.expect("compaction").more {}
        add_rows(&mut beside, day, days, others).await;
    }
    let end = START + days * DAY;
    // Half an hour that is still under way, of a gateway as design §10 has twenty.
    let mut now = end;
    for minute in 0..30 {
        let items = (0..60)
            .map(|s| {
                let from = end + minute * MINUTE + s * SECOND;
                let seen = second(from, number("TARGETS", 100), number("INTERFACES", 500));
                seq += 1;
                Item { seq, first_ms: from, last_ms: from + SECOND, body: batch::encode(&seen) }
            })
            .collect();
        now = end + (minute + 1) * MINUTE;
        store.ingest(vec![upload(now, items)]).await.expect("ingest");
        while store.compact(Timestamp(now), &CompactOptions::default(), None).await.expect("compaction").more
        {
        }
    }
    store.retain(Timestamp(end), &Retention::default()).await.expect("retention");
    let seeded_in = seeding.elapsed().as_secs_f64();
    let rows: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM block").fetch_one(&mut beside).await.expect("a count");
    drop(beside);
    let fields: Vec<&str> =
        wasl_model::series::fields(EntityKind::Target).iter().map(|(name, _)| *name).collect();
    let keys: Vec<SeriesKey> = (0..targets)
        .flat_map(|n| fields.iter().map(move |field| format!("target/branch-{n}-uplink#{field}@gw-1")))
        .map(|name| name.parse().expect("a series"))
        .collect();
    let mut shapes = Vec::new();
    for (name, span, step) in [
        ("24 h", DAY, None),
        ("24 h in steps of 2 min", DAY, Some(120)),
        ("7 d", 7 * DAY, None),
        ("30 d in steps of 1 h", 30 * DAY, Some(3_600)),
        ("1 y", 365 * DAY, None),
        ("1 y in steps of 12 h", 365 * DAY, Some(43_200)),
    ] {
        let mut took = Vec::new();
        let mut points = 0;
        for key in keys.iter().cycle().take(keys.len() * 4) {
            let step = step.map(Duration::from_secs);
            let begin = Instant::now();
            let history =
                store.history(key, Timestamp(now - span), Timestamp(now), step).await.expect("a history");
            took.push(begin.elapsed().as_secs_f64() * 1e3);
            points = points.max(history.points.len());
            assert_eq!(history.skipped_blocks, 0);
        }
        shapes.push(json!({
            "chart": name, "n": took.len(), "points": points,
            "p50": quantile(&mut took, 0.5), "p99": quantile(&mut took, 0.99), "unit": "ms",
        }));
    }
    let mut first = Vec::new();
    for key in keys.iter().take(20) {
        let fresh = SqliteStore::open_beside(&file, decode).await.expect("opens");
        let begin = Instant::now();
        fresh.history(key, Timestamp(now - DAY), Timestamp(now), None).await.expect("a history");
        first.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    let quick = Instant::now();
    store.check(Timestamp(now), Depth::Quick).await.expect("checked");
    let quick = quick.elapsed().as_secs_f64() * 1e3;
    json!({
        "block_rows": rows, "file_bytes": std::fs::metadata(&file).expect("there").len(),
        "seeded_in_seconds": seeded_in, "charts": shapes, "quick_check_ms": quick,
        "first_24_h_after_start": { "n": first.len(), "p50": quantile(&mut first, 0.5), "p99": quantile(&mut first, 0.99) },
    })
}

/// What a backup costs whoever delivers meanwhile, in the store that `charts` left.
async fn backup(folder: &Path) -> serde_json::Value {
    let store = open(&folder.join("charts.db")).await;
    let to = folder.join("copy.db");
    let mut seq = 20_000_000;
    let mut deliver = async |took: &mut Vec<f64>| {
        let begin = Instant::now();
        seq += 1;
        let item = Item { seq, first_ms: 0, last_ms: 0, body: vec![0x28; 3_000] };
        store.ingest(vec![upload(0, vec![item])]).await.expect("ingest");
        took.push(begin.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut idle = Vec::new();
    for _ in 0..250 {
        deliver(&mut idle).await;
    }
    let copying = tokio::spawn({
        let (store, to) = (store.clone(), to.clone());
        async move { store.backup(Timestamp(START + 365 * DAY), &to).await }
    });
    let mut beside = Vec::new();
    while !copying.is_finished() {
        deliver(&mut beside).await;
    }
    let report = copying.await.expect("no panic").expect("a backup");
    let log = std::fs::metadata(folder.join("charts.db-wal")).map_or(0, |log| log.len());
    std::fs::remove_file(&to).expect("removed");
    json!({
        "bytes": report.bytes, "blocks": report.blocks, "log_bytes": log,
        "copied_in_seconds": report.copied_in.as_secs_f64(), "checked_in_seconds": report.checked_in.as_secs_f64(),
        "ingest_alone_ms": { "n": idle.len(), "p50": quantile(&mut idle, 0.5), "p99": quantile(&mut idle, 0.99) },
        "ingest_beside_ms": { "n": beside.len(), "p50": quantile(&mut beside, 0.5), "p99": quantile(&mut beside, 0.99) },
    })
}

/// A month of a link as two ends see it, up to now, in the store that a controller left.
async fn month(file: &Path) -> serde_json::Value {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that was set");
    let now = i64::try_from(since_1970.as_millis()).expect("not that late");
    let store = open(file).await;
    let (days, hour) = (number("DAYS", 30) as i64, 60 * MINUTE);
    let begin = (now / hour - days * 24) * hour;
    for (seq, from) in (1..).zip((begin..now).step_by(hour as usize)) {
        let uploads = ["gw", "hub-gw"].map(|agent| {
            let windows: Vec<Observation> = (from..(from + hour).min(now))
                .step_by(10 * SECOND as usize)
                .map(|at| {
                    let subject = Subject::lenient(EntityKind::Link, "line");
                    Observation { subject, ..target(0, at + jitter(at, 4)) }
                })
                .collect();
            let (first_ms, last_ms) = batch::span(&windows).unwrap_or((from, from));
            let items = vec![Item { seq, first_ms, last_ms, body: batch::encode(&windows) }];
            let agent = agent.parse().expect("a name");
            Upload { agent, epoch: 1, received_ms: last_ms, items, gaps: Vec::new() }
        });
        store.ingest(uploads.into()).await.expect("ingest");
    }
    let options = CompactOptions { force: true, ..CompactOptions::default() };
    let mut points = 0;
    loop {
        let done = store.compact(Timestamp(now), &options, None).await.expect("compaction");
        points += done.points;
        if !done.more {
            break;
        }
    }
    store.close().await.expect("closed");
    json!({ "days": days, "points": points })
}

async fn add_series(beside: &mut SqliteConnection, others: i64) {
    sqlx::query(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $1) \
         INSERT INTO series (agent, kind, subject, field) \
         SELECT 'gw-' || (2 + i % 20), 4, 'switch-' || (i / 8), 'field' || (i % 8) FROM n",
    )
    .bind(others - 1)
    .execute(beside)
    .await
    .expect("series");
}

/// One day of the other series: what retention leaves of it after a year. The content of their blocks does
/// not matter here, only that they are there.
async fn add_rows(beside: &mut SqliteConnection, day: i64, days: i64, others: i64) {
    let from = START + day * DAY;
    let mut stretches = vec![(1i64, from, DAY, 900i64)];
    if day % 7 == 0 {
        stretches.push((2, from, 7 * DAY, 600));
    }
    if day >= days - 30 {
        stretches.extend((0..12).map(|n| (0, from + n * DAY / 12, DAY / 12, 300)));
    }
    for (tier, start, span, bytes) in stretches {
        sqlx::query(
            "INSERT INTO block (series, tier, start_ms, end_ms, count, sealed, codec, crc, body) \
             SELECT id, $1, $2, $2 + $3 - 1, 1, TRUE, 0, 0, ZEROBLOB($4) FROM series WHERE field LIKE 'field%' LIMIT $5",
        )
        .bind(tier)
        .bind(start)
        .bind(span)
        .bind(bytes)
        .bind(others)
        .execute(&mut *beside)
        .await
        .expect("rows");
    }
}

/// The nearest-rank method: always a value that was measured.
fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (q * values.len() as f64).ceil() as usize;
    values[rank.clamp(1, values.len()) - 1]
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let figures = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["ingest", folder] => ingest(Path::new(folder)).await,
        ["charts", folder] => charts(Path::new(folder)).await,
        ["backup", folder] => backup(Path::new(folder)).await,
        ["month", file] => month(Path::new(file)).await,
        _ => {
            eprintln!("usage: store_bench ingest|charts|backup FOLDER, store_bench month FILE");
            std::process::exit(2);
        }
    };
    println!("{figures}");
}
