//! Every metric that Wasl shows, declared once with its unit, its help and its labels.
//!
//! The controller fills an [`Exposition`] from its live state at each scrape; there are no metric
//! objects to keep in step with the entities, so a device that is gone leaves nothing behind.
//! `docs/metrics.md` is generated from this list, and dashboards are checked against it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use prometheus::collector::Collector;
use prometheus::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus::metrics::MetricType;
use prometheus::registry::Registry;

/// The content type of [`Exposition::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The shape of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows; its name ends in `_total` where it is shown.
    Counter,
    /// Counts in buckets.
    Histogram,
}

/// A declared metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name without `_total`.
    pub name: &'static str,
    /// The shape.
    pub kind: Kind,
    /// What it says.
    pub help: &'static str,
    /// The labels, in the order in which values are given.
    pub labels: &'static [&'static str],
}

macro_rules! metrics {
    ($($ident:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $ident: Metric =
                Metric { name: $name, kind: Kind::$kind, help: $help, labels: &[$($label),*] };
        )*
        /// All of them, in the order of their declaration.
        pub static ALL: &[&Metric] = &[$(&$ident),*];
    };
}

metrics! {
    BUILD_INFO = Gauge "wasl_build_info" ["version"] "Always 1; the label says which version runs";
    AGENT_CONNECTED = Gauge "wasl_agent_connected" ["site", "agent"] "Whether the agent has a session";
    AGENT_SPOOL_PENDING = Gauge "wasl_agent_spool_pending_batches" ["site", "agent"] "Batches on the agent that the controller has not acknowledged";
    AGENT_SPOOL_BYTES = Gauge "wasl_agent_spool_bytes" ["site", "agent"] "Bytes that the agent's spool takes on disk";
    AGENT_RESIDENT = Gauge "wasl_agent_resident_bytes" ["site", "agent"] "Resident memory of the agent";
    AGENT_CLOCK_OFFSET = Gauge "wasl_agent_clock_offset_seconds" ["site", "agent"] "The agent's clock minus the controller's";
    AGENT_CLOCK_ERROR = Gauge "wasl_agent_clock_error_seconds" ["site", "agent"] "The clock offset is within plus or minus this";
    AGENT_CERTIFICATE_EXPIRES = Gauge "wasl_agent_certificate_expires_timestamp_seconds" ["site", "agent"] "When the agent's certificate ends";
    CLOCK_CORRECTION = Gauge "wasl_clock_correction_seconds" [] "What the controller adds to its machine's clock; not 0 only after that was set, while the agents' clocks say that it was right before, or after a start with one that was behind";
    INCIDENTS_OPEN = Gauge "wasl_incidents_open" ["severity"] "Incidents that last";
    OCCURRENCES = Counter "wasl_occurrences" ["site", "code"] "What happened and is no change of health (traps, unknown stations, other neighbours, address conflicts, interfaces that went, lines that took over), late word of it included";
    UNKNOWN_STATIONS = Gauge "wasl_unknown_stations" ["site"] "Stations on the swept subnets that are on no list, seen in the last fourteen days";
    MACHINE_HEALTH = Gauge "wasl_machine_health" ["site", "machine", "health"] "1 for the health that the machine has, 0 for the others";
    MACHINE_CPU_BUSY = Gauge "wasl_machine_cpu_busy_ratio" ["site", "machine"] "Share of all processors' time that was not idle";
    MACHINE_MEMORY_TOTAL = Gauge "wasl_machine_memory_bytes" ["site", "machine"] "Memory in all";
    MACHINE_MEMORY_AVAILABLE = Gauge "wasl_machine_memory_available_bytes" ["site", "machine"] "Memory that programs could still get without swapping";
    MACHINE_BOOT = Gauge "wasl_machine_boot_timestamp_seconds" ["site", "machine"] "When the machine was started";
    MACHINE_SESSIONS = Gauge "wasl_machine_sessions" ["site", "machine"] "How many people are logged in";
    DISK_SIZE = Gauge "wasl_disk_size_bytes" ["site", "machine", "disk"] "Size of the file system";
    DISK_AVAILABLE = Gauge "wasl_disk_available_bytes" ["site", "machine", "disk"] "Bytes that unprivileged users may still write";
    INTERFACE_RECEIVE = Counter "wasl_interface_receive_bytes" ["site", "device", "interface"] "Bytes received; the device is a machine or an SNMP device";
    INTERFACE_TRANSMIT = Counter "wasl_interface_transmit_bytes" ["site", "device", "interface"] "Bytes sent";
    INTERFACE_ERRORS = Counter "wasl_interface_errors" ["site", "device", "interface"] "Packets lost to errors, both ways";
    INTERFACE_RECEIVE_PACKETS = Counter "wasl_interface_receive_packets" ["site", "device", "interface"] "Packets received";
    INTERFACE_TRANSMIT_PACKETS = Counter "wasl_interface_transmit_packets" ["site", "device", "interface"] "Packets sent";
    INTERFACE_RECEIVE_ERRORS = Counter "wasl_interface_receive_errors" ["site", "device", "interface"] "Packets received with an error";
    INTERFACE_TRANSMIT_ERRORS = Counter "wasl_interface_transmit_errors" ["site", "device", "interface"] "Packets that an error kept from being sent";
    INTERFACE_RECEIVE_DISCARDS = Counter "wasl_interface_receive_discards" ["site", "device", "interface"] "Good packets that were received and thrown away";
    INTERFACE_TRANSMIT_DISCARDS = Counter "wasl_interface_transmit_discards" ["site", "device", "interface"] "Good packets that were thrown away before sending";
    INTERFACE_SPEED = Gauge "wasl_interface_speed_bits_per_second" ["site", "device", "interface"] "Nominal speed";
    INTERFACE_UP = Gauge "wasl_interface_up" ["site", "device", "interface"] "Whether the interface is operational";
    DEVICE_UP = Gauge "wasl_device_up" ["site", "device"] "Whether the device answered its last poll";
    DEVICE_BOOT = Gauge "wasl_device_boot_timestamp_seconds" ["site", "device"] "Since when the device's SNMP agent has been up";
    DEVICE_POLL_SECONDS = Gauge "wasl_device_poll_duration_seconds" ["site", "device"] "How long the last poll took";
    DEVICE_VOIDED = Counter "wasl_device_voided_increments" ["site", "device"] "Increments of a device's counters that could not be told for certain (a restart, a jump, a new interface) and were left out";
    DEVICE_COLUMNS_FAILED = Gauge "wasl_device_columns_failed" ["site", "device"] "Columns that could not be read to their end at the last poll";
    SENSOR_STATE = Gauge "wasl_sensor_state" ["site", "device", "sensor", "state"] "1 for the health that the sensor's value means, 0 for the others";
    SENSOR_TEMPERATURE = Gauge "wasl_sensor_temperature_celsius" ["site", "device", "sensor"] "Temperature";
    SENSOR_VOLTAGE = Gauge "wasl_sensor_voltage_volts" ["site", "device", "sensor"] "Voltage";
    SENSOR_CURRENT = Gauge "wasl_sensor_current_amperes" ["site", "device", "sensor"] "Current";
    SENSOR_POWER = Gauge "wasl_sensor_power_watts" ["site", "device", "sensor"] "Power";
    SENSOR_FREQUENCY = Gauge "wasl_sensor_frequency_hertz" ["site", "device", "sensor"] "Frequency";
    SENSOR_HUMIDITY = Gauge "wasl_sensor_humidity_ratio" ["site", "device", "sensor"] "Relative humidity";
    SENSOR_CHARGE = Gauge "wasl_sensor_charge_ratio" ["site", "device", "sensor"] "How full a battery is";
    SENSOR_LOAD = Gauge "wasl_sensor_load_ratio" ["site", "device", "sensor"] "How busy something is";
    SENSOR_RUNTIME = Gauge "wasl_sensor_runtime_seconds" ["site", "device", "sensor"] "For how long a battery lasts";
    SENSOR_FAN = Gauge "wasl_sensor_fan_revolutions_per_minute" ["site", "device", "sensor"] "Speed of a fan";
    SENSOR_STATUS = Gauge "wasl_sensor_status" ["site", "device", "sensor"] "The number of a state, as the profile reads it";
    SENSOR_USED = Gauge "wasl_sensor_used_bytes" ["site", "device", "sensor"] "What is used of a storage";
    SENSOR_SIZE = Gauge "wasl_sensor_size_bytes" ["site", "device", "sensor"] "The size of a storage";
    SENSOR_RATE = Gauge "wasl_sensor_rate_per_second" ["site", "device", "sensor"] "By how much a counter goes forward in a second";
    LINK_RTT = Histogram "wasl_link_rtt_seconds" ["site", "agent", "link", "target"] "Round-trip times of probes";
    LINK_PROBES = Counter "wasl_link_probes" ["site", "agent", "link", "target"] "Probes whose fate is decided";
    LINK_PROBES_LOST = Counter "wasl_link_probes_lost" ["site", "agent", "link", "target"] "Probes that were not answered in time";
    LINK_PROBES_LATE = Counter "wasl_link_probes_late" ["site", "agent", "link", "target"] "Answers that came after their probe had been given up as lost";
    LINK_PROBES_DUPLICATE = Counter "wasl_link_probes_duplicate" ["site", "agent", "link", "target"] "Answers beyond the first to one probe";
    LINK_PROBES_REORDERED = Counter "wasl_link_probes_reordered" ["site", "agent", "link", "target"] "Answers that arrived after that of a probe which was sent later (RFC 4737)";
    LINK_PROBES_FORGED = Counter "wasl_link_probes_forged" ["site", "agent", "link", "target"] "Answers that carried the probe's secret, but came from another address";
    LINK_PROBES_VOIDED = Counter "wasl_link_probes_voided" ["site", "agent", "link", "target"] "Probes that a step of the clock or a local fault made meaningless; not part of those whose fate is decided";
    LINK_CONTRACT = Gauge "wasl_link_contract_bits_per_second" ["site", "link", "direction"] "What was bought, down (towards the last place, or from the Internet) or up";
    LINK_USED = Gauge "wasl_link_used_bits_per_second" ["site", "link", "direction"] "What the link carries now, as the first of its interfaces that tells of now tells it, down or up";
    LINK_ACTIVITY = Gauge "wasl_link_activity" ["site", "link", "activity"] "1 for what the link does: `primary` is meant to carry the traffic, `backup` carries because all primaries between its places are down, `standby` waits; 0 for the others";
    LINK_STATE = Gauge "wasl_link_state" ["site", "link", "state"] "1 for the health that the link has, 0 for the others";
    LINK_MOS = Gauge "wasl_link_mos" ["site", "agent", "link", "target"] "Mean opinion score of speech over it in the last window, 1 to 4.5 (ITU-T G.107)";
    LINK_SHARE = Gauge "wasl_link_share_bits_per_second" ["site", "link", "share", "direction"] "What an institution's addresses use of a shared line, down (towards the last place) or up, as the gateway counted it last";
    LINK_SHARE_DUE = Gauge "wasl_link_share_due_bits_per_second" ["site", "link", "share", "direction"] "An institution's part of what was bought, down or up";
    LINK_SHARE_STATE = Gauge "wasl_link_share_state" ["site", "link", "share", "state"] "1 for the health that an institution's share of a line has, 0 for the others";
    RING_STATE = Gauge "wasl_ring_state" ["site", "ring", "state"] "1 for the health that the ring has, 0 for the others";
    PATH_STATE = Gauge "wasl_path_state" ["site", "link", "state"] "1 for the health that the two directions of a link have, as STAMP measures them, 0 for the others";
    PATH_LOSS = Gauge "wasl_path_loss_ratio" ["site", "agent", "link", "direction"] "Share of STAMP tests lost in one direction in the last window";
    PATH_DELAY = Gauge "wasl_path_delay_seconds" ["site", "agent", "link", "direction"] "Median delay of STAMP tests in one direction in the last window, where the clocks of both ends are known to be right";
    PATH_DELAY_ERROR = Gauge "wasl_path_delay_error_seconds" ["site", "agent", "link"] "By how much the delays of both directions may be off, at most";
    LINK_JITTER = Gauge "wasl_link_jitter_seconds" ["site", "agent", "link", "target"] "Mean difference between successive round-trip times in the last window";
    BACKUP_LAST_GOOD = Gauge "wasl_backup_last_good_timestamp_seconds" ["site", "backup_job"] "When the newest snapshot that the repository lists was made; listing is evidence, not proof";
    BACKUP_SNAPSHOTS = Gauge "wasl_backup_snapshots" ["site", "backup_job"] "Snapshots that the repository lists";
    INGEST_BATCHES = Counter "wasl_ingest_batches" [] "Batches stored";
    INGEST_DUPLICATES = Counter "wasl_ingest_duplicate_batches" [] "Batches that had been stored before and were dropped";
    INGEST_REFUSED = Counter "wasl_ingest_refused_observations" [] "Observations that were unreadable, unknown, about something that their agent may not speak of, or about more things than one agent has room for";
}

/// The values of one scrape.
#[derive(Debug, Default)]
pub struct Exposition {
    families: BTreeMap<usize, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    labels: Vec<(&'static str, String)>,
    value: Measured,
}

#[derive(Debug)]
enum Measured {
    Number(f64),
    Histogram { sum: f64, count: u64, buckets: Vec<(f64, u64)> },
}

impl Exposition {
    /// Adds a value of a gauge or counter; the labels' values stand in the declared order.
    pub fn add(&mut self, metric: &'static Metric, labels: &[&str], value: f64) {
        self.push(metric, labels, Measured::Number(value));
    }

    /// Adds a histogram: the sum, and for each upper bound (ascending, the last infinite) the number of
    /// values in that bucket alone.
    pub fn add_histogram(
        &mut self,
        metric: &'static Metric,
        labels: &[&str],
        sum: f64,
        buckets: Vec<(f64, u64)>,
    ) {
        let count = buckets.iter().map(|(_, n)| n).sum();
        self.push(metric, labels, Measured::Histogram { sum, count, buckets });
    }

    fn push(&mut self, metric: &'static Metric, values: &[&str], value: Measured) {
        debug_assert_eq!(metric.labels.len(), values.len(), "labels of {}", metric.name);
        let Some(place) = ALL.iter().position(|m| std::ptr::eq(*m, metric)) else {
            return;
        };
        let labels = metric.labels.iter().zip(values).map(|(l, v)| (*l, (*v).to_owned())).collect();
        self.families.entry(place).or_default().push(Entry { labels, value });
    }

    /// The text of the scrape.
    pub fn render(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut out = String::new();
        // Writing into a string cannot fail.
        let _ = text::encode(&mut out, &registry);
        out
    }
}

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (place, entries) in &self.families {
            let metric = ALL[*place];
            let kind = match metric.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(metric.name, metric.help, None, kind)?;
            for entry in entries {
                // Without a label there would be empty braces, which few expect.
                if entry.labels.is_empty() {
                    entry.value.encode(metric.kind, &mut family)?;
                } else {
                    entry.value.encode(metric.kind, &mut family.encode_family(&entry.labels)?)?;
                }
            }
        }
        Ok(())
    }
}

impl Measured {
    fn encode(&self, kind: Kind, encoder: &mut MetricEncoder<'_>) -> Result<(), fmt::Error> {
        match (self, kind) {
            (Self::Number(value), Kind::Counter) => {
                encoder.encode_counter::<NoLabelSet, f64, f64>(value, None)
            }
            (Self::Number(value), _) => encoder.encode_gauge(value),
            (Self::Histogram { sum, count, buckets }, _) => {
                encoder.encode_histogram::<NoLabelSet>(*sum, *count, buckets, None)
            }
        }
    }
}

/// The page `docs/metrics.md`.
pub fn document() -> String {
    let mut out = String::from(
        "# Metrics\n\nGenerated from `crates/runtime/src/metrics.rs`; do not edit.\n\nA gauge whose last value says nothing of now (three times as old as it should be renewed, and ten seconds) is left out until there is a new one; counters stay, and so do the date of the last good backup and the end of an agent's certificate.\n\n| metric | type | labels | what it says |\n|---|---|---|---|\n",
    );
    for metric in ALL {
        let (suffix, kind) = match metric.kind {
            Kind::Gauge => ("", "gauge"),
            Kind::Counter => ("_total", "counter"),
            Kind::Histogram => ("", "histogram"),
        };
        let labels = metric.labels.iter().map(|l| format!("`{l}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "| `{}{suffix}` | {kind} | {labels} | {} |", metric.name, metric.help);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scrape_is_openmetrics_with_hostile_labels_escaped() {
        let mut page = Exposition::default();
        page.add(&INTERFACE_RECEIVE, &["jenin", "sw\"\n} evil 1\n#", "Gi0/1"], 12.0);
        page.add(&AGENT_CONNECTED, &["jenin", "gw"], 1.0);
        page.add(&INGEST_BATCHES, &[], 3.0);
        page.add_histogram(&LINK_RTT, &["jenin", "gw", "", "isp"], 0.5, vec![(0.1, 2), (f64::INFINITY, 1)]);
        let text = page.render();
        assert!(text.contains("wasl_agent_connected{site=\"jenin\",agent=\"gw\"} 1.0"), "{text}");
        assert!(
            text.contains(
                "wasl_interface_receive_bytes_total{site=\"jenin\",device=\"sw\\\"\\n} evil 1\\n#\",interface=\"Gi0/1\"} 12.0"
            ),
            "{text}"
        );
        assert!(
            text.contains(
                "wasl_link_rtt_seconds_bucket{le=\"+Inf\",site=\"jenin\",agent=\"gw\",link=\"\",target=\"isp\"} 3"
            ),
            "{text}"
        );
        assert!(text.contains("\nwasl_ingest_batches_total 3.0\n"), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn names_follow_the_conventions_and_no_label_is_reserved() {
        for metric in ALL {
            assert!(metric.name.starts_with("wasl_") && !metric.name.ends_with("_total"), "{}", metric.name);
            assert!(!metric.help.is_empty());
            for label in metric.labels {
                assert!(
                    !matches!(*label, "job" | "instance" | "le"),
                    "{} has the label {label}",
                    metric.name
                );
            }
        }
    }

    /// `UPDATE=1` writes the page anew.
    #[test]
    fn the_page_of_metrics_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, document()).expect("docs/metrics.md can be written");
        }
        let found = std::fs::read_to_string(path).expect("docs/metrics.md is there");
        assert_eq!(found, document(), "run this test with UPDATE=1 to write docs/metrics.md anew");
    }
}
