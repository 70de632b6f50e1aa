//! The words of the spool: what goes in, what comes out, and how it is counted.

use crate::Error;

/// Identity of one life of a spool. The caller draws it at random; it is used when a spool is created and ignored when
/// one is found. (agent, epoch, sequence) names a batch for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Epoch(pub u64);

/// What a batch is worth when space runs out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Measurements: many, each worth little. They go first.
    Sample,
    /// Things that happened: few, each worth keeping. They outlive samples.
    Event,
}

/// Why a sequence will never be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The spool was full.
    Quota,
    /// The disk destroyed it.
    Corrupt,
    /// It waited longer than [`Options::max_age_ms`].
    Age,
    /// It had been acknowledged and deleted before the controller was restored from an older copy.
    Forgotten,
    /// The controller refuses it for good; its bytes are in a file `SEQUENCE.refused`.
    Refused,
    /// The disk took nothing, and the caller could not hold it in memory any longer ([`Spool::skip`](crate::Spool::skip)).
    DiskFull,
    /// Written after the copy was made from which this directory was restored, and not delivered before that
    /// ([`Spool::set_aside`](crate::Spool::set_aside)).
    RolledBack,
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Quota,
        Self::Corrupt,
        Self::Age,
        Self::Forgotten,
        Self::Refused,
        Self::DiskFull,
        Self::RolledBack,
    ];

    /// The word for programs, also on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Corrupt => "corrupt",
            Self::Age => "age",
            Self::Forgotten => "forgotten",
            Self::Refused => "refused",
            Self::DiskFull => "disk_full",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Reads a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.word() == word)
    }
}

/// Sequences that will never be sent, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gap {
    /// Lowest lost sequence.
    pub first: u64,
    /// Highest lost sequence.
    pub last: u64,
    /// Why they are lost.
    pub policy: Policy,
}

/// One batch as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number in the epoch, from 1.
    pub seq: u64,
    /// When it was appended: the caller's clock, milliseconds since 1970.
    pub at_ms: i64,
    /// Its worth.
    pub class: Class,
    /// The caller's bytes.
    pub payload: Vec<u8>,
}

/// Sizes and ages of a spool. They may differ from one opening to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment is closed before it would grow beyond this; bytes. At least `max_payload` + 65.
    pub segment_bytes: u64,
    /// A segment is closed when the spool clock has run this long since it was opened; milliseconds.
    pub segment_age_ms: i64,
    /// All segments together, the one being written included; bytes. At least twice `segment_bytes`.
    pub quota_bytes: u64,
    /// How long acknowledged segments stay for a controller restored from an older copy; milliseconds.
    pub retain_acked_ms: i64,
    /// Largest payload; bytes.
    pub max_payload: usize,
    /// Pending segments older than this go; milliseconds. None keeps them as long as the quota allows.
    pub max_age_ms: Option<i64>,
}

const HOUR_MS: i64 = 3_600_000;

impl Options {
    /// A gateway: 1 GB in segments of 8 MiB, payloads up to 1 MiB, seven days.
    pub fn gateway() -> Self {
        Self {
            segment_bytes: 8 << 20,
            segment_age_ms: HOUR_MS,
            quota_bytes: 1_000_000_000,
            retain_acked_ms: 2 * HOUR_MS,
            max_payload: 1 << 20,
            max_age_ms: Some(7 * 24 * HOUR_MS),
        }
    }

    /// A lab PC: 64 MB in segments of 1 MiB (a start reads one segment into memory), payloads up to 256 KiB, seven days.
    pub fn lab() -> Self {
        Self { segment_bytes: 1 << 20, quota_bytes: 64_000_000, max_payload: 256 << 10, ..Self::gateway() }
    }

    /// The same with another quota, in bytes; at least 200 kB. A small one gets smaller segments, so that what the quota takes
    /// away at once stays a small part of all, and smaller payloads, so that each fits a segment.
    #[must_use]
    pub fn with_quota(self, quota_bytes: u64) -> Self {
        let quota_bytes = quota_bytes.max(200_000);
        let segment_bytes = self.segment_bytes.min(quota_bytes / 8);
        let overhead = crate::format::HEADER_BYTES + crate::format::RECORD_BYTES;
        let largest = usize::try_from(segment_bytes).unwrap_or(usize::MAX).saturating_sub(overhead);
        Self { segment_bytes, quota_bytes, max_payload: self.max_payload.min(largest), ..self }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let overhead = (crate::format::HEADER_BYTES + crate::format::RECORD_BYTES) as u64;
        if self.max_payload as u64 > u64::from(u32::MAX) {
            return Err(Error::Options("max_payload must stay below 4 GiB"));
        }
        if self.segment_bytes < self.max_payload as u64 + overhead {
            return Err(Error::Options("segment_bytes must hold the largest payload and 65 bytes"));
        }
        if self.quota_bytes / 2 < self.segment_bytes {
            return Err(Error::Options("quota_bytes must hold two segments"));
        }
        if self.segment_age_ms <= 0 || self.retain_acked_ms < 0 || self.max_age_ms.is_some_and(|age| age <= 0)
        {
            return Err(Error::Options("ages must be positive"));
        }
        Ok(())
    }
}

/// Dropped batches per policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// [`Policy::Quota`].
    pub quota: u64,
    /// [`Policy::Corrupt`].
    pub corrupt: u64,
    /// [`Policy::Age`].
    pub age: u64,
    /// [`Policy::Forgotten`].
    pub forgotten: u64,
    /// [`Policy::Refused`].
    pub refused: u64,
    /// [`Policy::DiskFull`].
    pub disk_full: u64,
    /// [`Policy::RolledBack`].
    pub rolled_back: u64,
}

impl Dropped {
    /// All policies together.
    pub fn total(&self) -> u64 {
        self.by_policy().map(|(_, count)| count).sum()
    }

    /// Each policy with its count.
    pub fn by_policy(&self) -> impl Iterator<Item = (Policy, u64)> + use<> {
        let all = *self;
        Policy::ALL.into_iter().map(move |policy| (policy, *all.clone().count_mut(policy)))
    }

    /// The count of one policy.
    pub fn count_mut(&mut self, policy: Policy) -> &mut u64 {
        match policy {
            Policy::Quota => &mut self.quota,
            Policy::Corrupt => &mut self.corrupt,
            Policy::Age => &mut self.age,
            Policy::Forgotten => &mut self.forgotten,
            Policy::Refused => &mut self.refused,
            Policy::DiskFull => &mut self.disk_full,
            Policy::RolledBack => &mut self.rolled_back,
        }
    }

    pub(crate) fn add(&mut self, policy: Policy, count: u64) {
        *self.count_mut(policy) += count;
    }
}

/// Where every batch of the epoch is. Counted from the segments, the holes and the watermark apart, and corrected by what
/// the controller counted ([`Spool::agree`](crate::Spool::agree)); always:
/// `produced = acknowledged + dropped.total() + pending` and `produced = watermark + dropped_beyond + pending`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounting {
    /// Batches given a sequence; also the last sequence.
    pub produced: u64,
    /// The highest sequence up to which the controller knows everything.
    pub watermark: u64,
    /// Batches that the controller has.
    pub acknowledged: u64,
    /// Batches that will never be sent, over the epoch; confirmed gaps included.
    pub dropped: Dropped,
    /// Sequences in holes above the watermark.
    pub dropped_beyond: u64,
    /// Batches on disk above the watermark.
    pub pending: u64,
    /// Lowest pending sequence.
    pub oldest_pending: Option<u64>,
    /// Highest pending sequence.
    pub newest_pending: Option<u64>,
    /// Size of all segments; bytes.
    pub bytes: u64,
    /// Number of segment files.
    pub segments: usize,
}

/// What [`Spool::open`](crate::Spool::open) did with the state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFile {
    /// Read.
    Good,
    /// Not there. Normal before the first acknowledgement.
    Missing,
    /// There and damaged: the watermark and the record of earlier drops are lost. Pending batches are sent again; the
    /// controller recognises the duplicates.
    Unreadable,
}

/// Bytes of a segment that hold no readable record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// First sequence of the segment: its name.
    pub segment: u64,
    /// Where the damage begins; bytes from the start of the file.
    pub offset: u64,
    /// Its length; bytes.
    pub bytes: u64,
}

/// What was found at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// A new spool was begun with the caller's epoch.
    pub fresh: bool,
    /// The state file.
    pub state: StateFile,
    /// Bytes cut from the end of the newest segment: an append that a crash interrupted. Nobody was promised them.
    pub torn_bytes: u64,
    /// Unreadable places. The batches they held are in `lost`, unless they had been acknowledged.
    pub damage: Vec<Damage>,
    /// Sequences found to be destroyed at this start (first, last).
    pub lost: Vec<(u64, u64)>,
    /// Files renamed to `*.unreadable`.
    pub set_aside: Vec<String>,
    /// Batches waiting to be sent.
    pub pending: u64,
}

/// What [`Spool::rewind`](crate::Spool::rewind) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewound {
    /// Batches that had been acknowledged and are pending again.
    pub again: u64,
    /// Sequences that had been acknowledged and are no longer held (first, last). They are in
    /// [`Spool::gaps`](crate::Spool::gaps) as [`Policy::Forgotten`].
    pub forgotten: Vec<(u64, u64)>,
}

/// What the controller's highest sequence says about this directory's past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what was last written; go on.
    Continues,
    /// The controller holds sequences that this directory never gave out: it was restored from an older copy. Move on
    /// with [`Spool::set_aside`](crate::Spool::set_aside).
    RolledBack {
        /// Up to this sequence, what is here is what was sent; above it, other batches bore the same numbers.
        shared: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_quota_makes_options_that_a_spool_takes() {
        for options in [Options::gateway(), Options::lab()] {
            for quota in [0, 1, 199_999, 200_000, 999_999, 3_333_333, 64_000_000, 5_000_000_000, u64::MAX] {
                let with = options.clone().with_quota(quota);
                with.check().unwrap_or_else(|error| panic!("{quota}: {error}"));
                assert_eq!(with.quota_bytes, quota.max(200_000));
                assert!(
                    with.segment_bytes <= options.segment_bytes && with.max_payload <= options.max_payload
                );
            }
            assert_eq!(options.clone().with_quota(options.quota_bytes), options);
        }
    }
}
