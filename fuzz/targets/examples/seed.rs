//! Makes the corpus's first inputs from things that are valid: `cargo run -p wasl-fuzz-targets --example seed`.
//!
//! A fuzzer that begins with valid input is past the first checks at once. The same program makes the same
//! files; inputs that the fuzzer found stand beside them under other names.

use std::fs;
use std::net::Ipv6Addr;
use std::path::Path;

use prost::Message;
use wasl_model::units::{BitsPerSecond, Bytes, Count, Micros, Millis, Ppm};
use wasl_model::{
    BackupEvidence, BackupOutcome, EntityKind, Histogram, HostSample, InterfaceSample, Notice, NoticeCode,
    Observation, ProbeMethod, ProbeWindow, Severity, Subject, Timestamp, Value,
};
use wasl_pki::{EnrolToken, Fingerprint};
use wasl_probe::arp::Mac;
use wasl_probe::icmp::{Echo, Family, request};
use wasl_probe::nd;
use wasl_protocol::batch;
use wasl_protocol::message::{
    Alive, AssignmentMessage, Certificate, ClockReading, Downlink, EnrolRequest, Facts, Gap, Goodbye,
    Refusal, RenewRequest, SessionRequest, SessionResponse, Upload, UploadItem, UploadResponse, downlink,
    frame,
};

fn main() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let put = |target: &str, name: &str, data: &[u8]| {
        let folder = corpus.join(target);
        fs::create_dir_all(&folder).expect("a folder in the checkout");
        fs::write(folder.join(format!("seed-{name}")), data).expect("a file in the checkout");
    };
    batches(&put);
    messages(&put);
    devices(&put);
    neighbours(&put);
    stamps(&put);
    spools(&put);
    history(&put);
    texts(&put);
}

type Put<'a> = &'a dyn Fn(&str, &str, &[u8]);

const AT: Timestamp = Timestamp(1_795_000_000_000);

fn about(kind: EntityKind, id: &str, value: impl Into<Value>) -> Observation {
    Observation { subject: Subject::new(kind, id).expect("valid"), at: AT, value: value.into() }
}

fn batches(put: Put<'_>) {
    let mut rtt = Histogram::default();
    (0..10).for_each(|n| rtt.record(20_000 + n * 317));
    let window = ProbeWindow {
        window: Some(Millis(10_000)),
        method: Some(ProbeMethod::IcmpDatagram),
        sent: Some(Count(10)),
        received: Some(Count(10)),
        rtt_min: Some(Micros(20_000)),
        rtt_max: Some(Micros(22_853)),
        rtt,
        ..ProbeWindow::default()
    };
    let interface = InterfaceSample {
        interval: Some(Millis(30_000)),
        receive_bytes: Some(Bytes(1_234_567)),
        speed: Some(BitsPerSecond(1_000_000_000)),
        up: Some(true),
        ..InterfaceSample::default()
    };
    let host =
        HostSample { cpu_busy: Some(Ppm(12_345)), processors: Some(Count(4)), ..HostSample::default() };
    let notice = Notice {
        code: NoticeCode::IcmpNotPermitted,
        severity: Severity::Warning,
        cleared: false,
        detail: "run setcap".into(),
    };
    let backup = BackupEvidence {
        tool: "restic".into(),
        tool_version: "restic 0.14.0".into(),
        outcome: BackupOutcome::Read,
        snapshots: 3,
        newest_at: Some(AT),
        newest_id: Some("abcd1234".into()),
        newest_bytes: Some(1 << 30),
        took: Millis(812),
        detail: String::new(),
    };
    let all = [
        ("host", about(EntityKind::Machine, "pc-1", host)),
        ("probe", about(EntityKind::Target, "gateway", window)),
        ("interface", about(EntityKind::Interface, "sw/Gi1/0/1", interface)),
        ("notice", about(EntityKind::Agent, "gw", notice)),
        ("backup", about(EntityKind::BackupJob, "central-db", backup)),
    ];
    let both = |name: &str, observations: &[Observation]| {
        let packed = batch::encode(observations);
        put("batch", name, &packed);
        // The target packs any bytes, so that the inside is reached too.
        let plain = wasl_protocol::limits::unpack(&packed, 1 << 20).expect("just packed");
        put("batch", &format!("{name}-plain"), &plain);
    };
    for (name, observation) in &all {
        both(name, std::slice::from_ref(observation));
    }
    both("all", &all.iter().map(|(_, observation)| observation.clone()).collect::<Vec<_>>());
    let several = [1, 2, 3].map(|sequence| {
        let seen: Vec<Observation> = all.iter().map(|(_, observation)| observation.clone()).collect();
        UploadItem { sequence, body: batch::encode(&seen) }
    });
    for level in 1..=wasl_protocol::LEVEL {
        let frame = wasl_protocol::pack::pack(&several, level).expect("they are alike");
        put("pack", &format!("level-{level}"), &frame);
        let plain = wasl_protocol::limits::unpack(&frame, 1 << 20).expect("just packed");
        put("pack", &format!("level-{level}-plain"), &plain);
    }
    both(
        "many",
        &(0..20)
            .map(|n| about(EntityKind::Machine, &format!("pc-{n}"), HostSample::default()))
            .collect::<Vec<_>>(),
    );
}

fn messages(put: Put<'_>) {
    let facts = Some(Facts {
        version: "0.1.0".into(),
        os: "Debian 12".into(),
        kernel: "6.1".into(),
        arch: "x86_64".into(),
    });
    let clock = Some(ClockReading { received_us: AT.0 * 1000, answered_us: AT.0 * 1000 + 250 });
    let message =
        |which: u8, name: &str, body: Vec<u8>| put("messages", name, &[&[which], body.as_slice()].concat());
    message(
        0,
        "enrol",
        EnrolRequest {
            protocol: 1,
            token: "wasl1.aaaa".into(),
            csr: vec![0x30, 0],
            name: "pc-1".into(),
            facts: facts.clone(),
        }
        .encode_to_vec(),
    );
    message(
        1,
        "certificate",
        Certificate {
            chain: vec![vec![0x30, 0]],
            authorities: vec![vec![0x30, 0]],
            agent: "pc-1".into(),
            site: "here".into(),
            role: "lab".into(),
        }
        .encode_to_vec(),
    );
    message(2, "renew", RenewRequest { csr: vec![0x30, 0] }.encode_to_vec());
    message(
        3,
        "session",
        SessionRequest {
            protocol: 1,
            facts,
            epoch: 7,
            last: 12,
            boot: 9,
            generation: 5,
            ..SessionRequest::default()
        }
        .encode_to_vec(),
    );
    message(
        4,
        "session-answer",
        SessionResponse { session: 1, incarnation: 2, contiguous: 12, clock, ..SessionResponse::default() }
            .encode_to_vec(),
    );
    let upload = Upload {
        session: 1,
        epoch: 7,
        lane: 1,
        items: vec![UploadItem { sequence: 13, body: batch::encode(&[]) }],
        gaps: vec![Gap { first: 1, last: 2, policy: "quota".into() }],
        last: 13,
        ..Upload::default()
    };
    message(5, "upload", upload.encode_to_vec());
    message(
        6,
        "upload-answer",
        UploadResponse { contiguous: 13, stored: 1, duplicates: 0, clock, ..UploadResponse::default() }
            .encode_to_vec(),
    );
    message(
        7,
        "refusal",
        Refusal { code: "token_used".into(), message: "it was used".into(), ..Refusal::default() }
            .encode_to_vec(),
    );

    let said = [
        downlink::What::Assignment(AssignmentMessage {
            generation: 5,
            json: b"{\"window_ms\":10000}".to_vec(),
        }),
        downlink::What::Alive(Alive {}),
        downlink::What::Goodbye(Goodbye { reason: "ending".into(), retry_after_ms: 500 }),
    ];
    let framed: Vec<u8> =
        said.iter().flat_map(|what| frame(&Downlink { what: Some(what.clone()) })).collect();
    message(8, "downlink", Downlink { what: Some(said[0].clone()) }.encode_to_vec());
    for cut in [0u8, 3, 17] {
        put("downlink", &format!("cut-{cut}"), &[&[cut], framed.as_slice()].concat());
    }
    put("downlink", "giant", &[2, 0xff, 0xff, 0xff, 0xff, 1, 2]);
}

/// Packets of another implementation, open and authenticated, and one with extensions.
fn stamps(put: Put<'_>) {
    let recorded = [
        include_str!("../../../crates/probe/src/stamp/packet/recorded/open.hex"),
        include_str!("../../../crates/probe/src/stamp/packet/recorded/authenticated.hex"),
    ];
    for (name, text) in ["open", "authenticated"].into_iter().zip(recorded) {
        for (kind, octets) in text.lines().filter_map(|line| line.split_once(' ')).take(2) {
            let octets = data_encoding::HEXLOWER.decode(octets.as_bytes()).expect("as it was recorded");
            put("stamp", &format!("{name}-{kind}"), &octets);
            put(
                "stamp",
                &format!("{name}-{kind}-tlv"),
                &[&octets[..], &[0x80, 1, 0, 2, 0, 0, 0x80, 9, 0xff, 0xff]].concat(),
            );
        }
    }
}

fn devices(put: Put<'_>) {
    let echo = Echo { target: 5, nonce: 0x0123_4567_89ab_cdef, counter: 3 };
    let mut six = request(Family::V6, &echo);
    six[0] = 129;
    put("icmp", "v6", &six);
    let mut four = request(Family::V4, &echo);
    four[0] = 0;
    // From 8 (request) to 0 (reply), the checksum's first byte grows by 8.
    four[2] = four[2].wrapping_add(8);
    put("icmp", "v4", &four);
    let mut header =
        vec![0x45, 0, 0, 20 + four.len() as u8, 0, 0, 0, 0, 64, 1, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2];
    header.extend(four);
    put("icmp", "v4-raw", &header);

    for (name, value) in [("counters", 1u8), ("text", 4), ("end", 6)] {
        let mut walk = Vec::new();
        for round in 0..12u8 {
            walk.extend([0, 24]);
            for cell in 0..24 {
                walk.extend([cell, round, value]);
                walk.extend(if value == 4 { b"\x05eth-0\0\0".to_vec() } else { vec![cell; 8] });
            }
        }
        put("snmp_walk", name, &walk);
    }
    put("snmp_walk", "refused", &[0xf0, 1, 0xf0, 2, 0xe0, 0xe0, 0xe0, 0xff, 0xff]);
    for (name, step) in [("same", 0u8), ("onward", 9), ("back", 0xf7)] {
        let one: Vec<u8> = (0..120).map(|n| if n % 9 == 0 { 2 } else { n }).collect();
        let two: Vec<u8> = one.iter().map(|byte| byte.wrapping_add(step)).collect();
        put("snmp_counters", name, &[one, two].concat());
    }
}

/// Frames as stations send them: the plan, then each with a pause, a flag for the checksum, and its length.
fn neighbours(put: Put<'_>) {
    const NONCE: u64 = 0x0123_4567_89ab_cdef;
    let (own, station) = (Mac([2, 0, 0, 0, 0, 1]), Mac([2, 0, 0, 0, 0, 9]));
    let ip = |last| Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, last);
    let local = |last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
    // Answers to a call from two addresses, its own question, and what it tells and looks for.
    let answer = |from: Ipv6Addr| {
        let mut frame = nd::call(station, from, NONCE).to_vec();
        frame[38..54].copy_from_slice(&local(1).octets());
        frame[54] = 129;
        frame
    };
    let asks = nd::solicit(station, ip(9), own, ip(1)).to_vec();
    let tells = {
        let mut frame = nd::solicit(station, local(9), own, ip(9)).to_vec();
        frame[38..54].copy_from_slice(&local(1).octets());
        (frame[54], frame[58], frame[78]) = (136, 0x60, 2);
        frame
    };
    let looks = {
        let mut frame = nd::solicit(station, Ipv6Addr::UNSPECIFIED, own, ip(9)).to_vec();
        frame.truncate(78);
        frame[19] = 24;
        frame[38..54].copy_from_slice(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 9]);
        frame
    };
    let announces = {
        let mut frame = nd::solicit(station, local(9), own, ip(9)).to_vec();
        frame.truncate(70);
        frame[19] = 16 + 8 + 32;
        frame[38..54].copy_from_slice(&[0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        frame[54] = 134;
        frame.extend([1, 1, 2, 0, 0, 0, 0, 9, 3, 4, 64, 0xc0]);
        frame.extend([0; 28]);
        frame
    };
    let stream = |frames: &[&Vec<u8>], pause: u16| {
        let mut out = vec![64, 30, 0, 20, 0, 8];
        for frame in frames {
            out.extend(pause.to_le_bytes());
            out.extend([1, frame.len() as u8]);
            out.extend(*frame);
        }
        out
    };
    let (near, far) = (answer(local(9)), answer(ip(9)));
    put("nd", "answers", &stream(&[&near, &far], 1_000));
    put("nd", "asks", &stream(&[&asks], 100));
    put("nd", "tells", &stream(&[&tells], 100));
    put("nd", "looks", &stream(&[&looks, &tells], 5_000));
    put("nd", "announces", &stream(&[&announces], 100));
    let all = [&near, &far, &asks, &tells, &looks, &announces];
    put("nd", "all", &stream(&all, 3_000));
    put("nd", "rounds", &stream(&all.repeat(8), 10_000));
}

fn spools(put: Put<'_>) {
    use wasl_spool::format::{Header, encode_header, encode_record};
    use wasl_spool::{Class, Epoch, Options, Spool};

    let mut segment = encode_header(&Header { epoch: Epoch(7), first: 1, clock_ms: 0 }).to_vec();
    for sequence in 1..=4 {
        encode_record(
            &mut segment,
            sequence,
            AT.0,
            if sequence == 3 { Class::Event } else { Class::Sample },
            b"payload",
        );
    }
    let mut second = encode_header(&Header { epoch: Epoch(7), first: 5, clock_ms: 9 }).to_vec();
    encode_record(&mut second, 5, AT.0, Class::Sample, b"more");
    put("spool_segment", "whole", &segment);
    put("spool_segment", "script", &[0, 3, 1, 2, 3, 8, 2, 4, 5, 0xff, 4, 9, 9, 9, 9, 3, 1, 7]);
    let short = |bytes: &[u8]| (bytes.len() as u16).to_le_bytes();
    let files =
        |state: &[u8], one: &[u8], two: &[u8]| [&short(state)[..], &short(one)[..], state, one, two].concat();
    put("spool_files", "no-state", &files(&[], &segment, &second));
    put("spool_files", "cut", &files(&[], &segment[..segment.len() - 3], &second));
    put("spool_files", "torn-end", &files(&[], &segment, &second[..second.len() - 2]));
    // A state file as the spool itself writes it: some batches acknowledged, some given up for want of room.
    let dir = tempfile::tempdir().expect("a folder");
    let small = Options { segment_bytes: 2048, quota_bytes: 8192, max_payload: 1200, ..Options::lab() };
    let (mut spool, _) = Spool::open(dir.path(), small, Epoch(7), AT.0).expect("a new spool");
    for _ in 0..20 {
        spool.append(Class::Sample, &[7; 1000], AT.0).expect("room is made");
        spool.acknowledge(2.min(spool.accounting().produced), AT.0).expect("known");
    }
    drop(spool);
    let state = fs::read(dir.path().join("state")).expect("written when batches are given up");
    put("spool_files", "state", &files(&state, &segment, &second));
    put("spool_damage", "fill-and-restart", &[0, 1, 200, 0, 1, 200, 1, 8, 200, 6, 3, 1, 0, 0, 0, 0, 6, 4, 0]);
    put("spool_damage", "cut", &[0, 1, 200, 0, 1, 200, 0, 1, 200, 7, 0, 1, 90, 0, 0, 1, 9, 6]);
    put("spool_damage", "flip", &[0, 1, 200, 0, 1, 200, 6, 7, 1, 3, 61, 0, 0, 1, 20, 7, 2, 7, 13, 0, 6]);
    put("spool_damage", "remove", &[0, 1, 250, 0, 1, 250, 0, 1, 250, 7, 1, 0, 0, 0, 0, 1, 9, 7, 0, 0, 0, 0]);
    put("spool_damage", "quota", &[0, 1, 255, 1, 8, 255].repeat(14));
}

fn history(put: Put<'_>) {
    let insert = [5u64.to_le_bytes(), 9u64.to_le_bytes()].concat();
    for (name, list) in [("empty", &[][..]), ("one", &[1, 99]), ("holes", &[1, 3, 4, 0, 2, 0x80, 1])] {
        put("ranges", name, &[insert.as_slice(), list].concat());
    }
    let block = |codec: u8, count: u16, body: &[u8]| {
        let (start, end) = (AT.0, AT.0 + 10_000 * i64::from(count.saturating_sub(1)));
        [&[codec][..], &count.to_le_bytes(), &start.to_le_bytes(), &end.to_le_bytes(), body].concat()
    };
    let times: Vec<i64> = (0..50).map(|n| AT.0 + n * 10_000).collect();
    let values: Vec<f64> = (0..50).map(|n| f64::from(n).sin()).collect();
    let plain = |n: usize| -> Vec<u8> {
        let times = times[..n].iter().flat_map(|t| t.to_le_bytes());
        times.chain(values[..n].iter().flat_map(|v| v.to_le_bytes())).collect()
    };
    put("block", "plain", &block(0, 3, &plain(3)));
    let config = pco::ChunkConfig::default();
    let mut body = Vec::new();
    for column in [
        pco::standalone::simple_compress(&times, &config).expect("packed"),
        pco::standalone::simple_compress(&values, &config).expect("packed"),
    ] {
        body.extend((column.len() as u32).to_le_bytes());
        body.extend(column);
    }
    put("block", "pco", &block(1, 50, &body));
    put("block", "cut", &block(1, 50, &body[..body.len() / 2]));
}

fn texts(put: Put<'_>) {
    let ca = Fingerprint::of(b"a certificate");
    // A token is random; of each only its form matters here, so one that was made once is kept.
    if !Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus/token/seed-whole").exists() {
        put("token", "whole", EnrolToken::generate(ca).expect("random").to_string().as_bytes());
    }
    put("token", "short", b"wasl1.aaaa");
    put("token", "other-version", b"wasl2.aaaabbbbcccc");
    put("token", "spaced", b" WASL1.AAAA bbbb\n7777 ");

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
    put("settings", "starter", wasl_settings::starter().as_bytes());
    put("settings", "example", &fs::read(root.join("example/wasl.yaml")).expect("in the checkout"));
    for entry in fs::read_dir(root.join("bad")).expect("in the checkout").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "yaml") {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            put("settings", &name, &fs::read(&path).expect("readable"));
        }
    }
    for (name, text) in [
        ("utc", "2026-11-23T14:24:40Z"),
        ("fraction", "2026-11-23T14:24:40.123456789+02:00"),
        ("leap", "2024-02-29T23:59:60Z"),
        ("none", "2026-02-30T00:00:00Z"),
    ] {
        put("rfc3339", name, text.as_bytes());
    }
}
