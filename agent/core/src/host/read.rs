//! One reading of `/proc` and `/sys`. What cannot be read is left out.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};
use procfs::{Current, CurrentSI, KernelStats, Meminfo};
use wasl_model::DiskSample;
use wasl_model::units::{Bytes, Count};

use super::delta::{HostReading, InterfaceReading};

/// Everything at one moment.
pub(super) struct Reading {
    pub host: Option<HostReading>,
    pub disks: Vec<(String, DiskSample)>,
    pub interfaces: Vec<InterfaceReading>,
}

pub(super) fn all() -> Reading {
    Reading { host: host(), disks: disks(), interfaces: interfaces() }
}

fn host() -> Option<HostReading> {
    let stats = KernelStats::current().ok()?;
    let memory = Meminfo::current().ok()?;
    let cpu = &stats.total;
    let idle = cpu.idle + cpu.iowait.unwrap_or(0);
    // Time for guests is already part of user and nice.
    let busy = cpu.user
        + cpu.nice
        + cpu.system
        + cpu.irq.unwrap_or(0)
        + cpu.softirq.unwrap_or(0)
        + cpu.steal.unwrap_or(0);
    Some(HostReading {
        busy,
        total: busy + idle,
        processors: stats.cpu_time.len() as u64,
        memory_total: memory.mem_total,
        memory_available: memory.mem_available,
        swap_total: memory.swap_total,
        swap_free: memory.swap_free,
        booted_s: stats.btime,
        sessions: sessions(),
    })
}

/// How many people are logged in: by logind where it runs, else by utmp.
fn sessions() -> Option<u64> {
    match fs::read_dir("/run/systemd/sessions") {
        Ok(entries) => Some(
            entries
                .filter_map(Result::ok)
                .filter_map(|entry| fs::read_to_string(entry.path()).ok())
                .filter(|text| is_user_session(text))
                .count() as u64,
        ),
        Err(_) => fs::read("/run/utmp").ok().map(|utmp| users_in_utmp(&utmp)),
    }
}

/// Whether a session file of logind is about a person who is logged in.
fn is_user_session(text: &str) -> bool {
    let has = |line: &str| text.lines().any(|l| l == line);
    has("CLASS=user") && !has("STATE=closing")
}

/// The records of type `USER_PROCESS` in an utmp file of 64-bit Linux (utmp(5): 384 bytes a record,
/// the type in the first two).
fn users_in_utmp(utmp: &[u8]) -> u64 {
    const USER_PROCESS: u16 = 7;
    utmp.chunks_exact(384).filter(|r| u16::from_ne_bytes([r[0], r[1]]) == USER_PROCESS).count() as u64
}

/// File systems that hold something of this machine's own. Network file systems are left out: asking
/// one whose server is gone can hang for ever.
const DISK_TYPES: [&str; 13] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "vfat", "exfat", "ntfs3", "fuseblk", "bcachefs",
    "overlay",
];

fn disks() -> Vec<(String, DiskSample)> {
    let Ok(mounts) = procfs::process::Process::myself().and_then(|p| p.mountinfo()) else {
        return Vec::new();
    };
    let mut mounts: Vec<_> =
        mounts.0.into_iter().filter(|m| DISK_TYPES.contains(&m.fs_type.as_str())).collect();
    // A file system that is mounted in several places counts once, at its shortest path.
    mounts.sort_by_key(|m| m.mount_point.as_os_str().len());
    let mut seen = HashSet::new();
    mounts
        .into_iter()
        // Layers of containers are somebody else's disks; the root may well be one.
        .filter(|m| m.fs_type != "overlay" || m.mount_point == Path::new("/"))
        .filter(|m| m.mount_point.is_dir() && seen.insert(m.majmin.clone()))
        .filter_map(|m| Some((m.mount_point.to_string_lossy().into_owned(), disk(&m.mount_point)?)))
        .collect()
}

fn disk(path: &Path) -> Option<DiskSample> {
    let stat = statvfs(path).ok()?;
    let unit = stat.fragment_size();
    let reserved = stat.blocks_free().saturating_sub(stat.blocks_available());
    Some(DiskSample {
        size: Some(Bytes(stat.blocks().saturating_sub(reserved) * unit)),
        available: Some(Bytes(stat.blocks_available() * unit)),
        inodes: Some(stat.files()).filter(|n| *n > 0).map(Count),
        inodes_free: Some(stat.files_free()).filter(|_| stat.files() > 0).map(Count),
        read_only: Some(stat.flags().contains(FsFlags::ST_RDONLY)),
    })
}

fn interfaces() -> Vec<InterfaceReading> {
    let Ok(devices) = procfs::net::dev_status() else {
        return Vec::new();
    };
    let mut all: Vec<InterfaceReading> = devices
        .into_values()
        .filter(|d| d.name != "lo")
        .map(|d| {
            let sys = Path::new("/sys/class/net").join(&d.name);
            let text = |file: &str| fs::read_to_string(sys.join(file)).ok().map(|t| t.trim().to_owned());
            let flags = text("flags").and_then(|t| u32::from_str_radix(t.strip_prefix("0x")?, 16).ok());
            InterfaceReading {
                index: text("ifindex").and_then(|t| t.parse().ok()).unwrap_or(0),
                counters: [
                    d.recv_bytes,
                    d.recv_packets,
                    d.recv_errs,
                    d.recv_drop,
                    d.sent_bytes,
                    d.sent_packets,
                    d.sent_errs,
                    d.sent_drop,
                ],
                // -1 where there is no link or no such thing as a speed.
                speed_mbit: text("speed").and_then(|t| t.parse().ok()).filter(|s| *s > 0),
                up: text("operstate").and_then(|state| operational(&state, flags)),
                enabled: flags.map(|f| f & IFF_UP != 0),
                name: d.name,
            }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

const IFF_UP: u32 = 0x1;

/// The operational state of RFC 2863 as the kernel tells it. Devices without a carrier of their own
/// (tunnels) say `unknown` and are up while they are enabled.
fn operational(state: &str, flags: Option<u32>) -> Option<bool> {
    match state {
        "up" | "dormant" => Some(true),
        "unknown" => flags.map(|f| f & IFF_UP != 0),
        "down" | "lowerlayerdown" | "notpresent" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_can_be_read() {
        let reading = all();
        let host = reading.host.expect("/proc is there");
        assert!(host.processors > 0 && host.total > host.busy && host.memory_total > 0);
        assert!(host.booted_s > 1_000_000_000);
        for (mount_point, disk) in &reading.disks {
            let (size, available) = (disk.size.expect("set").0, disk.available.expect("set").0);
            assert!(
                mount_point.starts_with('/') && available <= size,
                "{mount_point}: {available} of {size}"
            );
        }
    }

    #[test]
    fn only_people_count_as_sessions() {
        assert!(is_user_session("UID=1000\nCLASS=user\nSTATE=active\n"));
        assert!(!is_user_session("UID=1000\nCLASS=manager\nSTATE=active\n"));
        assert!(!is_user_session("UID=1000\nCLASS=user\nSTATE=closing\n"));
        let mut utmp = vec![0u8; 384 * 3];
        utmp[384] = 7;
        utmp[768] = 2;
        assert_eq!(users_in_utmp(&utmp), 1);
    }

    #[test]
    fn a_tunnel_is_up_while_it_is_enabled() {
        assert_eq!(operational("unknown", Some(0x1)), Some(true));
        assert_eq!(operational("unknown", Some(0x0)), Some(false));
        assert_eq!(operational("lowerlayerdown", Some(0x1)), Some(false));
        assert_eq!(operational("testing", None), None);
    }
}
