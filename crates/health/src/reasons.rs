//! The codes of all reasons, with what they mean.

use std::fmt::Write as _;

/// A code and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonCode {
    /// The code.
    pub code: &'static str,
    /// The figures that come with it.
    pub args: &'static [&'static str],
    /// What it means.
    pub meaning: &'static str,
}

macro_rules! reasons {
    ($($ident:ident = $code:literal [$($arg:literal),*] $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $ident: &str = $code;)*
        /// All of them.
        pub const ALL: &[ReasonCode] = &[$(ReasonCode { code: $code, args: &[$($arg),*], meaning: $meaning }),*];
    };
}

reasons! {
    NOT_OBSERVED = "not_observed" [] "Nothing has been seen of it yet";
    NOT_MEASURED = "not_measured" [] "The machine that is to probe it cannot send its probes, so nothing is known of it";
    OBSERVATIONS_STALE = "observations_stale" ["age_s"] "The last observation is too old to say anything of the present";
    AGENT_CONNECTED = "agent_connected" [] "The agent has a session with the controller";
    AGENT_DISCONNECTED = "agent_disconnected" ["since"] "The agent has no session with the controller";
    AGENT_NEVER_SEEN = "agent_never_seen" [] "The agent was enrolled but has never had a session";
    AGENT_CLOCK_OFF = "agent_clock_off" ["offset_s", "limit_s"] "The agent's clock differs too much from the controller's";
    AGENT_CERTIFICATE_ENDS = "agent_certificate_ends" ["days"] "The agent's certificate ends soon and was not renewed";
    AGENT_SPOOL_DROPPING = "agent_spool_dropping" ["count"] "The agent's spool had to give up batches";
    MACHINE_FINE = "machine_fine" [] "The machine works as it should";
    MEMORY_LOW = "memory_low" ["percent"] "Little memory is left";
    DISK_FINE = "disk_fine" [] "The file system has room";
    DISK_FILLING = "disk_filling" ["percent"] "The file system is nearly full";
    DISK_FULL = "disk_full" ["percent"] "The file system is full";
    DISK_READ_ONLY = "disk_read_only" [] "The file system is mounted read-only";
    INTERFACE_UP = "interface_up" [] "The interface is operational";
    INTERFACE_DOWN = "interface_down" [] "The interface is not operational, and something depends on it, or it is to be watched";
    INTERFACE_DISABLED = "interface_disabled" [] "The interface is switched off on purpose";
    INTERFACE_UNUSED = "interface_unused" [] "The interface is not operational, and nothing depends on it or says that it is to be watched";
    INTERFACE_GONE = "interface_gone" [] "The device or machine has no such interface any more, and something depends on it, or it is to be watched";
    INTERFACE_ERRORS = "interface_errors" ["per_second"] "The interface loses packets to errors";
    TARGET_ANSWERS = "target_answers" ["rtt_ms"] "The target answers";
    TARGET_LOSSY = "target_lossy" ["loss_percent"] "The target answers only some of the probes";
    TARGET_SILENT = "target_silent" [] "The target answers no probe";
    TARGET_SLOW = "target_slow" ["rtt_ms"] "The target takes longer to answer than it usually does";
    TARGET_JITTERY = "target_jittery" ["jitter_ms"] "The target's round-trip times vary more than they usually do";
    TARGET_FLAPPING = "target_flapping" [] "The target comes and goes so often that, while it answers, it counts as degraded until it is steady";
    PATH_MEASURED = "path_measured" [] "Both directions carry tests as they should";
    PATH_LOSES_THERE = "path_loses_there" ["loss_percent"] "Packets are lost on the way from the measuring end to the other";
    PATH_LOSES_BACK = "path_loses_back" ["loss_percent"] "Packets are lost on the way back to the measuring end";
    PATH_SILENT = "path_silent" [] "The reflector at the other end answers no test";
    PATH_CUT_THERE = "path_cut_there" [] "No test arrives at the other end, whose agent says so; of the way back nothing is known";
    PATH_CUT_BACK = "path_cut_back" [] "Tests arrive at the other end, whose agent says so, and none of its answers comes back";
    LINK_UP = "link_up" ["rtt_ms"] "The link carries probes as it should";
    LINK_CUT = "link_cut" [] "No probe comes through the link";
    LINK_NO_WAY = "link_no_way" [] "The machine at this end has no way into the link";
    LINK_ONE_ENDED = "link_one_ended" ["agent"] "The link carries the probes of one end there and back, but none of those of the other, so something at an end drops them";
    LINK_LOSSY = "link_lossy" ["loss_percent"] "The link loses more than it may";
    LINK_SLOW = "link_slow" ["rtt_ms"] "The link takes longer than it may or usually does";
    LINK_JITTERY = "link_jittery" ["jitter_ms"] "Round-trip times through the link vary more than they may or usually do";
    LINK_CONGESTED = "link_congested" ["direction", "load_percent", "loss_percent", "rtt_ms"] "The link loses or delays packets because it is full";
    LINK_FAULTY = "link_faulty" ["load_percent", "loss_percent", "rtt_ms"] "The link loses or delays packets although it has room, so something is wrong with it";
    LINK_FLAPPING = "link_flapping" [] "The link goes up and down so often that, while it is up, it counts as degraded until it is steady";
    SHARE_COUNTED = "share_counted" [] "What it uses of the line is counted; what it may use was not written down";
    SHARE_FAIR = "share_fair" ["percent"] "It uses no more than its share of the line, or nobody goes short of it";
    SHARE_EXCEEDED = "share_exceeded" ["direction", "load_percent", "percent"] "It uses more than its share of a full line while others who use it too have less than theirs";
    RING_WHOLE = "ring_whole" ["count", "names", "total"] "All links of the ring work";
    RING_BROKEN = "ring_broken" ["count", "names", "total"] "One link of the ring is down; all places are still joined, and the next break would part them";
    RING_PARTED = "ring_parted" ["count", "names", "total"] "Several links of the ring are down, so some of its places are parted from the others";
    DEVICE_ANSWERS = "device_answers" [] "The device answers SNMP";
    DEVICE_SILENT = "device_silent" [] "The device does not answer SNMP";
    SENSOR_FINE = "sensor_fine" [] "What the sensor measures is as it should be";
    SENSOR_MEASURES = "sensor_measures" [] "The sensor measures; its profile says nothing of what is good";
    SENSOR_DEGRADED = "sensor_degraded" ["value"] "What the sensor measures is beyond what is good";
    SENSOR_DOWN = "sensor_down" ["value"] "What the sensor measures means that something does not work or is about to stop";
    BACKUP_FRESH = "backup_fresh" ["age_hours"] "The newest snapshot is recent enough";
    BACKUP_STALE = "backup_stale" ["age_hours", "limit_hours"] "The newest snapshot is too old";
    BACKUP_UNREADABLE = "backup_unreadable" ["outcome"] "The repository could not be read";
    BACKUP_EMPTY = "backup_empty" [] "The repository holds no snapshot";
    NOT_HEARD = "not_heard" ["since"] "Nothing has been heard of it since then, which is too long ago to say anything of the present";
    SITE_REACHABLE = "site_reachable" [] "An agent of the site has a session with the controller";
    SITE_SILENT = "site_silent" ["count"] "No agent of the site has a session with the controller";
    UPLINKS_UP = "uplinks_up" ["total"] "What leads to the site works";
    UPLINKS_DEGRADED = "uplinks_degraded" ["count", "names", "total"] "What leads to the site works, but not as it should";
    UPLINKS_DOWN = "uplinks_down" ["count", "names", "total"] "Some or all of what leads to the site does not work";
    REDUNDANCY_LOST = "redundancy_lost" ["count", "names", "total"] "It works, but one of several things that it could rely on does not";
    FLAPPING = "flapping" ["count", "window_s"] "It changes so often that, while it is not down, it counts as degraded until it is steady";
    IN_MAINTENANCE = "in_maintenance" ["until"] "It is being worked on, and its trouble is expected";
}

/// The page `docs/reasons.md`.
pub fn document() -> String {
    let mut out = String::from(
        "# Reasons\n\nGenerated from `crates/health/src/reasons.rs`; do not edit. The texts that people read are in\n`crates/pages/locales`.\n\n| code | figures | meaning |\n|---|---|---|\n",
    );
    for reason in ALL {
        let args = reason.args.iter().map(|a| format!("`{a}`")).collect::<Vec<_>>().join(", ");
        let _ = writeln!(out, "| `{}` | {args} | {} |", reason.code, reason.meaning);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `UPDATE=1` writes the page anew.
    #[test]
    fn the_page_of_reasons_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reasons.md");
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, document()).expect("docs/reasons.md can be written");
        }
        let found = std::fs::read_to_string(path).expect("docs/reasons.md is there");
        assert_eq!(found, document(), "run this test with UPDATE=1 to write docs/reasons.md anew");
    }
}
