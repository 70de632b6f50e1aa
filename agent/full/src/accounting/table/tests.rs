use proptest::prelude::*;

use super::*;

/// As nft 1.0.6 wrote it.
const LISTED: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
{"table": {"family": "inet", "name": "wasl_acct", "handle": 2}},
{"counter": {"family": "inet", "name": "l0s0_down", "table": "wasl_acct", "handle": 3, "packets": 16, "bytes": 2272}},
{"set": {"family": "inet", "name": "l0s0_4", "table": "wasl_acct", "type": "ipv4_addr", "handle": 5, "flags": ["interval"], "elem": [{"prefix": {"addr": "127.0.0.0", "len": 8}}, "10.0.0.1"]}},
{"set": {"family": "inet", "name": "l0t_up4", "table": "wasl_acct", "type": "ipv4_addr", "handle": 7}},
{"set": {"family": "inet", "name": "l0t_down4", "table": "wasl_acct", "type": "ipv4_addr", "handle": 6, "size": 16, "flags": ["timeout"], "timeout": 60,
 "elem": [{"elem": {"val": "127.0.0.1", "expires": 59, "counter": {"packets": 13, "bytes": 1888}}}, {"elem": {"val": "127.0.0.2", "expires": 59, "counter": {"packets": 3, "bytes": 384}}}], "stmt": [{"counter": null}]}},
{"chain": {"family": "inet", "table": "wasl_acct", "name": "l0_down", "handle": 1}},
{"rule": {"family": "inet", "table": "wasl_acct", "chain": "l0_down", "handle": 7, "expr": [{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "@l0s0_4"}}, {"counter": "l0s0_down"}]}}]}"#;

#[test]
fn what_nft_lists_is_read() {
    let counts = read(LISTED).expect("a table");
    assert_eq!(counts.handle, 2);
    assert_eq!(counts.counters["l0s0_down"], Counted { packets: 16, bytes: 2272 });
    assert_eq!(counts.sets["l0s0_4"], [], "blocks count nothing");
    assert_eq!(counts.sets["l0t_up4"], []);
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let expected = [
        (address("127.0.0.1"), Counted { packets: 13, bytes: 1888 }),
        (address("127.0.0.2"), Counted { packets: 3, bytes: 384 }),
    ];
    assert_eq!(counts.sets["l0t_down4"], expected);
}

#[test]
fn what_is_no_table_is_refused() {
    assert!(matches!(read(r#"{"nftables": []}"#), Err(TableError::Missing)));
    assert!(matches!(read(""), Err(TableError::Form(_))));
    assert!(matches!(read(&" ".repeat(MAX_TEXT + 1)), Err(TableError::TooMuch(_))));
    let counter = |n: usize| format!(r#"{{"counter": {{"name": "c{n}", "packets": 0, "bytes": 0}}}}"#);
    let many: Vec<String> = (0..=MAX_COUNTERS).map(counter).collect();
    let many = format!(r#"{{"nftables": [{{"table": {{"handle": 1}}}}, {}]}}"#, many.join(","));
    assert!(matches!(read(&many), Err(TableError::TooMuch("counters"))));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,300}") {
        let _ = read(&text);
    }

    /// Catches: a table that is damaged in one place and then read as something that it never said.
    #[test]
    fn a_damaged_table_is_refused_or_bounded(place in 0..LISTED.len(), with in ".{0,3}") {
        if LISTED.is_char_boundary(place) {
            let damaged = format!("{}{with}{}", &LISTED[..place], &LISTED[place + 1..]);
            if let Ok(counts) = read(&damaged) {
                prop_assert!(counts.sets.values().map(Vec::len).sum::<usize>() <= 2);
            }
        }
    }
}
