//! What is fuzzed: one function for each place where bytes from outside, or from a damaged disk, are read.
//!
//! Each function takes any bytes and panics if the code under it breaks a promise; refusing is no fault. The
//! fuzzer (`make fuzz`) and the replay of the corpus (`make test`) call the same functions. A few readers are
//! private to their crates and stay so: their files are included here by path.

#[path = "../../../agent/full/src/backup"]
#[allow(dead_code, unreachable_pub, reason = "private modules of another crate")]
mod backup {
    #[rustfmt::skip]
    mod rfc3339;

    pub(crate) fn time(text: &str) -> Option<wasl_model::Timestamp> {
        rfc3339::parse(text)
    }
}

#[path = "../../../agent/full/src/accounting"]
#[allow(dead_code, unreachable_pub, reason = "private modules of another crate")]
mod accounting {
    #[rustfmt::skip]
    pub(crate) mod table;
}

#[path = "../../../agent/full/src/polling"]
#[allow(dead_code, unreachable_pub, reason = "private modules of another crate")]
mod polling {
    #[rustfmt::skip]
    pub(crate) mod counters;
    #[rustfmt::skip]
    pub(crate) mod identity;
    #[rustfmt::skip]
    pub(crate) mod interfaces;
}

#[path = "../../../agent/full/src/traps"]
#[allow(dead_code, unreachable_pub, reason = "private modules of another crate")]
mod traps {
    #[rustfmt::skip]
    pub(crate) mod community;
    #[rustfmt::skip]
    pub(crate) mod meaning;
}

#[path = "../../../crates/store/src"]
#[allow(dead_code, unreachable_pub, reason = "private modules of another crate")]
mod store {
    #[rustfmt::skip]
    pub(crate) mod block;
    #[rustfmt::skip]
    pub(crate) mod ranges;
    #[rustfmt::skip]
    pub(crate) mod rollup;
}

// By these names the store's modules know each other.
use store::{block, ranges, rollup};

mod device;
mod disk;
mod history;
mod stamp;
mod text;
mod wire;

/// Takes any bytes; panics if a promise is broken.
pub type Target = fn(&[u8]);

/// All targets by name, which is also the name of the corpus folder.
pub const TARGETS: &[(&str, Target)] = &[
    ("batch", wire::batch),
    ("pack", wire::packed),
    ("messages", wire::messages),
    ("downlink", wire::downlink),
    ("icmp", device::icmp),
    ("stamp", stamp::stamp),
    ("trap", device::trap),
    ("lldp", device::lldp),
    ("arp", device::arp),
    ("nd", device::nd),
    ("snmp_walk", device::snmp_walk),
    ("lldp_mib", device::lldp_mib),
    ("snmp_counters", device::snmp_counters),
    ("spool_segment", disk::spool_segment),
    ("spool_files", disk::spool_files),
    ("spool_damage", disk::spool_damage),
    ("ranges", history::ranges),
    ("block", history::block),
    ("counts", text::counts),
    ("token", text::token),
    ("settings", text::settings),
    ("rfc3339", text::rfc3339),
];

/// The target of this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}

/// A supply of numbers out of a fuzzer's bytes; when it is used up, all are 0.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let taken = N.min(self.0.len());
        let (head, tail) = self.0.split_at(taken);
        out[..taken].copy_from_slice(head);
        self.0 = tail;
        out
    }

    fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn short(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn int(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn long(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

impl<'a> Bytes<'a> {
    /// Up to `length` bytes.
    fn slice(&mut self, length: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(length.min(self.0.len()));
        self.0 = tail;
        head
    }
}
