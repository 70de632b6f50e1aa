//! What the agents of that institution found.

use wasl_model::{EntityKind, Severity, Subject};
use wasl_pages::view::{ChangeView, DiscoveryView, Known, NeighbourView, OccurrenceView, StationView};

use super::{DAY, HOUR, MINUTE, ago, jenin};

fn station(mac: &str, addresses: &[&str], known: Known, first: i64) -> StationView {
    StationView {
        mac: mac.to_owned(),
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        site: jenin(),
        agent: "jenin-gw".to_owned(),
        interface: "lab0".to_owned(),
        first: ago(first),
        last: ago(12 * MINUTE),
        known,
    }
}

/// `/discovery`
pub(crate) fn view() -> DiscoveryView {
    let subject = |kind, id: &str| Subject { kind, id: id.to_owned() };
    let stranger = ChangeView {
        at: ago(38 * MINUTE),
        subject: Some(subject(EntityKind::Station, "jenin/b8:27:eb:12:9f:03")),
        health: None,
        reason: None,
        occurrence: Some(OccurrenceView {
            code: "unknown_station",
            severity: Severity::Warning,
            detail: "a station that is on no list was seen on lab0".to_owned(),
            args: [
                ("mac", "b8:27:eb:12:9f:03"),
                ("ip", "10.3.16.77"),
                ("interface", "lab0"),
                ("site", "jenin"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            late: false,
        }),
    };
    DiscoveryView {
        changes: vec![stranger],
        stations: vec![
            station("b8:27:eb:12:9f:03", &["10.3.16.77", "fd00:3:16::77"], Known::No, 38 * MINUTE),
            station("52:54:00:aa:00:01", &["10.3.16.21"], Known::Listed, 9 * DAY),
            station(
                "52:54:00:aa:00:07",
                &["10.3.16.27"],
                Known::As(subject(EntityKind::Station, "pc-07")),
                9 * DAY,
            ),
            station(
                "00:1b:17:00:01:10",
                &["10.3.16.2"],
                Known::As(subject(EntityKind::Device, "jenin-core")),
                9 * DAY,
            ),
        ],
        strangers: 1,
        more_stations: 0,
        neighbours: vec![
            NeighbourView {
                agent: "jenin-gw".to_owned(),
                heard_at: "jenin-gw/lan0".to_owned(),
                system_name: Some("jenin-core".to_owned()),
                description: Some("Aruba JL679A 6100 12G, ArubaOS-CX PL.10.10".to_owned()),
                chassis: "00:1b:17:00:01:10".to_owned(),
                port: "1/1/12".to_owned(),
                management_address: Some("10.3.0.2".to_owned()),
                device: Some("jenin-core".to_owned()),
                last: ago(4 * MINUTE),
            },
            NeighbourView {
                agent: "jenin-gw".to_owned(),
                heard_at: "jenin-core/1/1/3".to_owned(),
                system_name: Some("<b>lab</b>-ap".to_owned()),
                description: None,
                chassis: "f4:92:bf:00:00:9a".to_owned(),
                port: "eth0".to_owned(),
                management_address: None,
                device: None,
                last: ago(HOUR),
            },
        ],
        more_neighbours: 3,
        proposal: [
            "# What was found and is not yet known.",
            "stations:",
            "  station-b827eb129f03:",
            "    site: jenin",
            "    mac: \"b8:27:eb:12:9f:03\"",
        ]
        .map(str::to_owned)
        .to_vec(),
        more_lines: 12,
    }
}
