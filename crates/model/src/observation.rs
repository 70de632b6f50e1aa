//! What agents report: regular samples, which become columns, and occasional records.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::sample;
use crate::subject::Subject;
use crate::time::Timestamp;
use crate::units::{
    BitsPerSecond, Bytes, Count, Micros, MilliAmperes, MilliCelsius, MilliHertz, MilliPerSecond, MilliVolts,
    MilliWatts, Millis, Ppm, Scalar, SignedMicros, TurnsPerMinute, Unit,
};

/// One thing that was seen: about what, when by the agent's clock, and what.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// About what.
    pub subject: Subject,
    /// When, by the agent's clock; for a window, its end.
    pub at: Timestamp,
    /// What was seen.
    pub value: Value,
}

/// Everything that can be observed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Value {
    /// A machine as a whole.
    Host(HostSample),
    /// A mounted file system.
    Disk(DiskSample),
    /// A network interface.
    Interface(InterfaceSample),
    /// A window of probes to a target.
    Probe(Box<ProbeWindow>),
    /// The agent itself.
    Agent(AgentSample),
    /// One SNMP poll of a device.
    Device(DeviceSample),
    /// A window of STAMP tests of a link's two directions.
    Stamp(Box<StampWindow>),
    /// Something that a device measures.
    Sensor(SensorSample),
    /// What a backup tool's repository holds.
    Backup(BackupEvidence),
    /// Something that a person should know.
    Notice(Notice),
    /// Something that happened.
    Event(Event),
    /// What an institution's addresses sent and received over a shared line.
    Share(ShareSample),
    /// Who used a line most.
    Talkers(Talkers),
    /// Who is at a port.
    Neighbour(Neighbour),
    /// Who is on a subnet.
    Station(Station),
    /// What was reported before is no longer there, as its owner's table says whole, more than once. It holds until the
    /// subject is reported again.
    Gone,
}

sample! {
    /// A machine as a whole, over an interval.
    HostSample = 1 {
        /// The monotonic time that the rates were measured over.
        1 interval: Millis,
        /// The share of all processors' time that was not idle (nor waiting for input and output).
        2 cpu_busy: Ppm,
        /// How many processors are on line.
        3 processors: Count,
        /// Memory in all.
        4 memory_total: Bytes,
        /// Memory that programs could still get without swapping (`MemAvailable`).
        5 memory_available: Bytes,
        /// Swap space in all.
        6 swap_total: Bytes,
        /// Swap space that is free.
        7 swap_free: Bytes,
        /// When the machine was started.
        8 booted_at: Timestamp,
        /// How many people are logged in; a number, never names.
        9 sessions: Count,
    }
}

sample! {
    /// A mounted file system.
    DiskSample = 2 {
        /// Size as seen by unprivileged users.
        1 size: Bytes,
        /// What unprivileged users may still write.
        2 available: Bytes,
        /// Inodes in all; unset where the file system has no fixed number.
        3 inodes: Count,
        /// Inodes that are free.
        4 inodes_free: Count,
        /// Whether it is mounted read-only.
        5 read_only: bool,
    }
}

sample! {
    /// A network interface over an interval. All counts are increments of that interval, so a reader
    /// needs no earlier sample and a device's restart cannot make a negative rate.
    InterfaceSample = 3 {
        /// The monotonic time between the two readings.
        1 interval: Millis,
        /// Bytes received.
        2 receive_bytes: Bytes,
        /// Bytes sent.
        3 transmit_bytes: Bytes,
        /// Packets received.
        4 receive_packets: Count,
        /// Packets sent.
        5 transmit_packets: Count,
        /// Packets received with an error.
        6 receive_errors: Count,
        /// Packets that an error kept from being sent.
        7 transmit_errors: Count,
        /// Good packets that were received and thrown away.
        8 receive_discards: Count,
        /// Good packets that were thrown away before sending.
        9 transmit_discards: Count,
        /// The nominal speed.
        10 speed: BitsPerSecond,
        /// Whether it is operational.
        11 up: bool,
        /// Whether it is meant to be operational.
        12 enabled: bool,
        /// Why increments are missing from this sample.
        13 voided: VoidReason,
    }
}

sample! {
    /// The agent about itself.
    AgentSample = 5 {
        /// Resident memory.
        1 resident: Bytes,
        /// Processor time used since the agent started.
        2 cpu_time: Millis,
        /// How long the agent has been running.
        3 uptime: Millis,
        /// Batches in the spool that the controller has not acknowledged.
        4 spool_pending: Count,
        /// Bytes that the spool takes on disk.
        5 spool_bytes: Bytes,
        /// Batches that were given up by policy since the epoch began.
        6 spool_dropped: Count,
        /// The agent's clock minus the controller's.
        7 clock_offset: SignedMicros,
        /// The offset is within plus or minus this.
        8 clock_error: Micros,
        /// When the agent's certificate ends.
        9 certificate_expires: Timestamp,
        /// The generation of the assignment that the agent works by.
        10 assignment_generation: Count,
    }
}

sample! {
    /// One poll of a device by SNMP.
    DeviceSample = 6 {
        /// Whether it answered.
        1 answered: bool,
        /// How long the poll took.
        2 duration: Millis,
        /// Requests that the poll took, retries included.
        3 requests: Count,
        /// For how long the device's SNMP agent has been up (`sysUpTime`).
        4 uptime: Millis,
        /// Interfaces that were read.
        5 interfaces: Count,
        /// Increments that could not be told and were left out.
        6 voided: Count,
        /// Columns that could not be read to their end; what was read of them is kept.
        7 columns_failed: Count,
    }
}

impl DeviceSample {
    /// Since when the device's SNMP agent has been up, by a poll at this time; `None` where the poll did not tell.
    pub fn up_since(&self, at: Timestamp) -> Option<Timestamp> {
        self.uptime.map(|up| at.minus(Duration::from_millis(up.0)))
    }
}

sample! {
    /// Something that a device measures, at one moment; what it does not measure is unset.
    SensorSample = 8 {
        /// What the value means, by the profile.
        1 state: SensorState,
        /// A temperature.
        2 temperature: MilliCelsius,
        /// A voltage.
        3 voltage: MilliVolts,
        /// A current.
        4 current: MilliAmperes,
        /// A power.
        5 power: MilliWatts,
        /// A frequency.
        6 frequency: MilliHertz,
        /// Relative humidity.
        7 humidity: Ppm,
        /// How full a battery is.
        8 charge: Ppm,
        /// How busy something is.
        9 load: Ppm,
        /// For how long something will still last.
        10 runtime: Millis,
        /// How fast a fan turns.
        11 fan: TurnsPerMinute,
        /// The number that stands for a state, as the device gives it.
        12 status: Count,
        /// What is in use of memory or storage.
        13 used: Bytes,
        /// How much there is of it.
        14 size: Bytes,
        /// By how much a counter goes forward in a second.
        15 rate: MilliPerSecond,
    }
}

sample! {
    /// What an institution's addresses received and sent over a shared line, counted where the line enters the
    /// gateway. Counts are increments of the interval, of whole IP packets without the frames around them. What the
    /// gateway sends is counted before it waits in the line's queue, so a queue that drops makes `up` more than
    /// the line carried.
    ShareSample = 9 {
        /// The monotonic time between the two readings.
        1 interval: Millis,
        /// Bytes towards the institution.
        2 down_bytes: Bytes,
        /// Bytes from it.
        3 up_bytes: Bytes,
        /// Packets towards the institution.
        4 down_packets: Count,
        /// Packets from it.
        5 up_packets: Count,
        /// Why increments are missing from this sample.
        6 voided: VoidReason,
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant = $code,)* }

        impl $name {
            /// The word in the API.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
            /// The word for this wire number, if this version knows it.
            pub fn from_code(code: u32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }

        impl Scalar for $name {
            const UNIT: Unit = Unit::Count;
            const SCALE: f64 = 1.0;
            fn to_wire(self) -> i64 {
                i64::from(self as u32)
            }
            fn from_wire(value: i64) -> Option<Self> {
                Self::from_code(u32::try_from(value).ok()?)
            }
        }
    };
}

mod event;
mod found;
mod talkers;
mod windows;

pub use event::{Event, EventCode, MAX_EVENT_ARG_NAME, MAX_EVENT_ARG_VALUE, MAX_EVENT_ARGS};
pub use found::{MAX_NEIGHBOUR_TEXT, MAX_STATION_IP6, Neighbour, Station};
pub use talkers::{MAX_TALKERS, Talker, Talkers};
pub use windows::{ProbeWindow, StampWindow};

words!(
    /// How a target is probed.
    ProbeMethod {
        /// ICMP echo over a datagram socket.
        IcmpDatagram = 1 "icmp",
        /// ICMP echo over a raw socket.
        IcmpRaw = 2 "icmp_raw",
        /// A TCP connection attempt; both an accept and a refusal are answers.
        TcpConnect = 3 "tcp_connect",
    }
);

words!(
    /// What a detector holds of a link.
    LinkVerdict {
        /// It answers as it should.
        Up = 1 "up",
        /// It answers, but worse than it should.
        Degraded = 2 "degraded",
        /// It does not answer.
        Down = 3 "down",
    }
);

words!(
    /// Why a link is not simply up.
    LinkCause {
        /// Probes leave and nothing comes back.
        BlackHole = 1 "black_hole",
        /// Too many probes are lost.
        Loss = 2 "loss",
        /// Round trips take too long.
        Latency = 3 "latency",
        /// Round trips differ too much from one to the next.
        Jitter = 4 "jitter",
        /// It changes too often to be called anything else.
        Flapping = 5 "flapping",
        /// This machine has no route to it.
        NoRoute = 6 "no_route",
    }
);

words!(
    /// Why a counter's increment is unknown.
    VoidReason {
        /// The first reading: there is nothing to compare with.
        First = 1 "first",
        /// The device restarted between the readings.
        Restart = 2 "restart",
        /// The device reported a discontinuity (`ifCounterDiscontinuityTime`).
        Discontinuity = 3 "discontinuity",
        /// The counter went back without a restart, or forward faster than the interface can go.
        Implausible = 4 "implausible",
        /// The previous reading is too old to say whether the counter wrapped meanwhile.
        TooOld = 5 "too_old",
    }
);

words!(
    /// What a sensor's value means.
    SensorState {
        /// It is as it should be.
        Ok = 1 "ok",
        /// It should be looked at.
        Degraded = 2 "degraded",
        /// It does not work, or is about to stop.
        Down = 3 "down",
    }
);

words!(
    /// How much a notice matters.
    Severity {
        /// Worth knowing.
        Info = 1 "info",
        /// Something is limited and should be mended.
        Warning = 2 "warning",
        /// Something does not work.
        Error = 3 "error",
    }
);

words!(
    /// What looking at a backup repository came to.
    BackupOutcome {
        /// The repository was read.
        Read = 1 "read",
        /// The tool is not installed.
        ToolMissing = 2 "tool_missing",
        /// The password or key was refused.
        WrongPassword = 3 "wrong_password",
        /// The repository is not there or cannot be reached.
        Unreachable = 4 "unreachable",
        /// Another process holds the repository's lock.
        Locked = 5 "locked",
        /// The tool said something that this version does not understand.
        Unreadable = 6 "unreadable",
        /// The tool did not finish in time.
        TimedOut = 7 "timed_out",
        /// The secret that the job names is missing or readable by others on the agent's host.
        SecretMissing = 8 "secret_missing",
    }
);

words!(
    /// Things that an agent tells people about, with a text for each in the pages.
    NoticeCode {
        /// ICMP sockets are not permitted; targets are measured by TCP connect.
        IcmpNotPermitted = 1 "icmp_not_permitted",
        /// The wall clock was set by more than the tolerance while measuring.
        ClockStepped = 2 "clock_stepped",
        /// The spool met its quota and gave up batches.
        SpoolQuota = 3 "spool_quota",
        /// Parts of the spool could not be read back.
        SpoolCorrupt = 4 "spool_corrupt",
        /// A device does not answer, or refuses the credentials.
        DeviceSilent = 5 "device_silent",
        /// A secret that the assignment names is missing or readable by others.
        SecretMissing = 6 "secret_missing",
        /// A part of the assignment is beyond this agent's version or abilities.
        NotSupported = 7 "not_supported",
        /// The spool's disk is full; new observations cannot be kept.
        DiskFull = 8 "disk_full",
        /// A target's name has no address.
        NameUnresolved = 9 "name_unresolved",
        /// The spool's folder had gone back to an older copy of itself.
        SpoolRolledBack = 10 "spool_rolled_back",
        /// The controller refuses a batch for good.
        UploadRefused = 11 "upload_refused",
        /// The controller works with another store than before.
        StoreReplaced = 12 "store_replaced",
        /// A device answers, but parts of what is asked cannot be read to their end, poll after poll.
        DevicePartial = 13 "device_partial",
        /// This machine cannot send the probes of something, so it is not measured.
        ProbesNotSent = 14 "probes_not_sent",
    }
);

/// What a backup tool's repository holds, as read at one moment.
///
/// This is evidence, not proof: nothing was read back and compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackupEvidence {
    /// The tool, such as `restic`.
    pub tool: String,
    /// The tool's own version text; empty where it could not be asked.
    pub tool_version: String,
    /// What looking came to.
    pub outcome: BackupOutcome,
    /// How many snapshots (archives, backups) there are.
    pub snapshots: u64,
    /// When the newest was made.
    pub newest_at: Option<Timestamp>,
    /// The newest one's identifier, as the tool shows it.
    pub newest_id: Option<String>,
    /// Bytes of the files that the newest covers, where the tool tells.
    pub newest_bytes: Option<u64>,
    /// How long looking took.
    pub took: Millis,
    /// In words, without secrets: what went wrong, and what to do.
    pub detail: String,
}

/// Something that a person should know, about one subject. A notice stays until it is cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// What kind of thing.
    pub code: NoticeCode,
    /// How much it matters.
    pub severity: Severity,
    /// `true` when it is over.
    pub cleared: bool,
    /// In words, without secrets: what is so, and the remedy.
    pub detail: String,
}

macro_rules! into_value {
    ($($ty:ident => $variant:ident,)*) => {$(
        impl From<$ty> for Value {
            fn from(value: $ty) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

into_value!(
    HostSample => Host,
    DiskSample => Disk,
    InterfaceSample => Interface,
    ProbeWindow => Probe,
    AgentSample => Agent,
    DeviceSample => Device,
    StampWindow => Stamp,
    SensorSample => Sensor,
    ShareSample => Share,
    Talkers => Talkers,
    BackupEvidence => Backup,
    Notice => Notice,
    Event => Event,
    Neighbour => Neighbour,
    Station => Station,
);
