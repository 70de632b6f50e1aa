//! The messages. Tags are the wire's: a retired tag is never used again.

use prost::Message;

/// Asks for a certificate with a one-time token. The only request that needs no certificate.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct EnrolRequest {
    /// [`crate::VERSION`].
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// The token as text.
    #[prost(string, tag = "2")]
    pub token: String,
    /// PKCS#10, DER. What it asks for beyond its key is ignored.
    #[prost(bytes = "vec", tag = "3")]
    pub csr: Vec<u8>,
    /// The name that the agent would like; a token that names an agent overrides it.
    #[prost(string, tag = "4")]
    pub name: String,
    /// About the machine.
    #[prost(message, optional, tag = "5")]
    pub facts: Option<Facts>,
}

/// What does not change while an agent runs.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Facts {
    /// The agent's version.
    #[prost(string, tag = "1")]
    pub version: String,
    /// The operating system's name and version, for people.
    #[prost(string, tag = "2")]
    pub os: String,
    /// The kernel's release.
    #[prost(string, tag = "3")]
    pub kernel: String,
    /// The processor architecture.
    #[prost(string, tag = "4")]
    pub arch: String,
}

/// A certificate, in answer to an enrolment or a renewal.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Certificate {
    /// The certificate and then its issuers, DER.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub chain: Vec<Vec<u8>>,
    /// The authorities that the agent trusts from now on, DER.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub authorities: Vec<Vec<u8>>,
    /// The agent's name.
    #[prost(string, tag = "3")]
    pub agent: String,
    /// The agent's site.
    #[prost(string, tag = "4")]
    pub site: String,
    /// The agent's role.
    #[prost(string, tag = "5")]
    pub role: String,
}

/// Asks for a new certificate with the present one.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct RenewRequest {
    /// PKCS#10, DER, of a new key.
    #[prost(bytes = "vec", tag = "1")]
    pub csr: Vec<u8>,
}

/// Opens a session: the first request of a connection.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionRequest {
    /// [`crate::VERSION`].
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    /// About the machine.
    #[prost(message, optional, tag = "2")]
    pub facts: Option<Facts>,
    /// The life of the spool that this agent writes now.
    #[prost(fixed64, tag = "3")]
    pub epoch: u64,
    /// The last sequence that was written; 0 before the first.
    #[prost(uint64, tag = "4")]
    pub last: u64,
    /// A number made anew at each start of the agent: two live sessions of one identity with
    /// different numbers are a cloned disk.
    #[prost(fixed64, tag = "5")]
    pub boot: u64,
    /// The generation of the assignment that the agent holds; 0 for none.
    #[prost(uint64, tag = "6")]
    pub generation: u64,
    /// The SHA-256 of each authority's certificate that the agent trusts.
    #[prost(bytes = "vec", repeated, tag = "20")]
    pub authorities: Vec<Vec<u8>>,
}

/// The session as the controller opened it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct SessionResponse {
    /// Names the session in later requests.
    #[prost(fixed64, tag = "1")]
    pub session: u64,
    /// The identity of the store's life; it changes when the store was made anew.
    #[prost(fixed64, tag = "2")]
    pub incarnation: u64,
    /// All sequences up to this one of the agent's epoch are stored or given up.
    #[prost(uint64, tag = "3")]
    pub contiguous: u64,
    /// The controller's clock.
    #[prost(message, optional, tag = "4")]
    pub clock: Option<ClockReading>,
    /// The highest sequence of the agent's epoch that is stored or given up; 0 for none. An agent that never gave out that
    /// number has gone back to an older copy of its disk.
    #[prost(uint64, tag = "5")]
    pub highest: u64,
    /// What the controller counts as given up in the agent's epoch.
    #[prost(message, repeated, tag = "6")]
    pub dropped: Vec<Dropped>,
    /// [`crate::LEVEL`] of the controller; 0 from controllers that are older than it.
    #[prost(uint32, tag = "7")]
    pub level: u32,
}

/// The controller's clock around one exchange (the receive and transmit timestamps of RFC 5905, 8).
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct ClockReading {
    /// Microseconds since 1970 when the request had arrived.
    #[prost(int64, tag = "1")]
    pub received_us: i64,
    /// Microseconds since 1970 when the answer was made.
    #[prost(int64, tag = "2")]
    pub answered_us: i64,
}

/// Which of the two ways batches go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Lane {
    /// Not said; treated as backfill.
    Unspecified = 0,
    /// What was just seen; goes first.
    Live = 1,
    /// What waited while there was no connection; fills the rest.
    Backfill = 2,
}

/// Some batches of one epoch, in ascending order.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Upload {
    /// From [`SessionResponse::session`].
    #[prost(fixed64, tag = "1")]
    pub session: u64,
    /// The life of the spool that they come from.
    #[prost(fixed64, tag = "2")]
    pub epoch: u64,
    /// Which way.
    #[prost(enumeration = "Lane", tag = "3")]
    pub lane: i32,
    /// The batches.
    #[prost(message, repeated, tag = "4")]
    pub items: Vec<UploadItem>,
    /// Sequences that will never come.
    #[prost(message, repeated, tag = "5")]
    pub gaps: Vec<Gap>,
    /// The last sequence that the agent has written.
    #[prost(uint64, tag = "6")]
    pub last: u64,
    /// Further batches, packed together by [`crate::pack::pack`], where that is smaller; `items` is empty then.
    #[prost(bytes = "vec", tag = "7")]
    pub packed: Vec<u8>,
}

/// One batch.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UploadItem {
    /// Its place in its epoch.
    #[prost(uint64, tag = "1")]
    pub sequence: u64,
    /// The batch as [`crate::batch::encode`] made it.
    #[prost(bytes = "vec", tag = "2")]
    pub body: Vec<u8>,
}

/// Sequences that were given up by a named policy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Gap {
    /// The first of them.
    #[prost(uint64, tag = "1")]
    pub first: u64,
    /// The last of them.
    #[prost(uint64, tag = "2")]
    pub last: u64,
    /// The policy's word, such as `quota`.
    #[prost(string, tag = "3")]
    pub policy: String,
}

/// The answer to an upload, given after the data is durable.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct UploadResponse {
    /// All sequences up to this one are stored or given up.
    #[prost(uint64, tag = "1")]
    pub contiguous: u64,
    /// How many batches of the upload were new.
    #[prost(uint64, tag = "2")]
    pub stored: u64,
    /// How many had been stored before.
    #[prost(uint64, tag = "3")]
    pub duplicates: u64,
    /// The controller's clock.
    #[prost(message, optional, tag = "4")]
    pub clock: Option<ClockReading>,
    /// What the controller counts as given up in this epoch, after an upload with gaps. A batch that it had stored before
    /// the gap came is not in it; one that comes after its gap stays in it.
    #[prost(message, repeated, tag = "5")]
    pub dropped: Vec<Dropped>,
}

/// Batches given up by one policy, over a whole epoch.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Dropped {
    /// The policy's word.
    #[prost(string, tag = "1")]
    pub policy: String,
    /// How many.
    #[prost(uint64, tag = "2")]
    pub batches: u64,
}

/// What the controller sends on the long-lived stream, each preceded by its length in four bytes,
/// most significant first.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Downlink {
    /// One of these. An agent that knows none of it ignores the message.
    #[prost(oneof = "downlink::What", tags = "1, 2, 3, 4, 20")]
    pub what: Option<downlink::What>,
}

/// The kinds of [`Downlink`] messages.
pub mod downlink {
    /// One of these.
    #[derive(Clone, PartialEq, Eq, prost::Oneof)]
    pub enum What {
        /// The desired state of the agent, whole.
        #[prost(message, tag = "1")]
        Assignment(super::AssignmentMessage),
        /// Nothing new; the connection is alive.
        #[prost(message, tag = "2")]
        Alive(super::Alive),
        /// The session ends; the agent may come back after a while.
        #[prost(message, tag = "3")]
        Goodbye(super::Goodbye),
        /// Is this agent still there? It answers at once, with an upload that carries nothing.
        #[prost(message, tag = "4")]
        Ping(super::Ping),
        /// Who the controller is, and where.
        #[prost(message, tag = "20")]
        Centre(super::Centre),
    }
}

/// Desired state for one agent.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AssignmentMessage {
    /// Names the assignment: another number is another assignment. Never 0.
    #[prost(uint64, tag = "1")]
    pub generation: u64,
    /// `wasl_model::assignment::Assignment` as JSON.
    #[prost(bytes = "vec", tag = "2")]
    pub json: Vec<u8>,
}

/// By what an agent recognises the controller, and where it may find it; whole, as it holds from now on.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Centre {
    /// The certificates of the authorities to trust, DER, the one that signs now first. Never empty.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub authorities: Vec<Vec<u8>>,
    /// Whether the agent's certificate should be renewed now: its authority is about to be retired.
    #[prost(bool, tag = "2")]
    pub renew: bool,
    /// `HOST:PORT`s to try where the address that the agent knows does not answer.
    #[prost(string, repeated, tag = "3")]
    pub controllers: Vec<String>,
}

/// What an agent holds after a [`Centre`] or a renewal.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Holds {
    /// The SHA-256 of each authority's certificate that the agent trusts.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub authorities: Vec<Vec<u8>>,
    /// The serial number of its newest certificate, lower-case hexadecimal.
    #[prost(string, tag = "2")]
    pub serial: String,
}

/// What an agent holds has been noted.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Noted {}

/// A sign of life.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Alive {}

/// Asks for a sign of life: another machine wants a session with the same identity.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Ping {}

/// The end of a session, as the controller wants it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Goodbye {
    /// Why, for the agent's log.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// How long to stay away.
    #[prost(uint64, tag = "2")]
    pub retry_after_ms: u64,
}

/// Why a request was refused; the body of every answer that is not 200.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Refusal {
    /// A word for programs, such as `token_used`.
    #[prost(string, tag = "1")]
    pub code: String,
    /// For people: what is wrong and what to do.
    #[prost(string, tag = "2")]
    pub message: String,
    /// Of an upload: the first sequence that is at fault; 0 where that cannot be said.
    #[prost(uint64, tag = "3")]
    pub sequence: u64,
}

/// The paths of the requests.
pub mod path {
    /// [`super::EnrolRequest`] → [`super::Certificate`].
    pub const ENROL: &str = "/agent/v1/enrol";
    /// [`super::RenewRequest`] → [`super::Certificate`].
    pub const RENEW: &str = "/agent/v1/renew";
    /// [`super::SessionRequest`] → [`super::SessionResponse`].
    pub const SESSION: &str = "/agent/v1/session";
    /// [`super::Upload`] → [`super::UploadResponse`].
    pub const UPLOAD: &str = "/agent/v1/upload";
    /// [`super::Holds`] → [`super::Noted`].
    pub const HOLDS: &str = "/agent/v1/holds";
    /// Nothing → a stream of [`super::Downlink`]; the session's number follows, in decimal.
    pub const DOWNLINK: &str = "/agent/v1/downlink/";
}

/// Puts a downlink message into its frame.
pub fn frame(message: &Downlink) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut out = Vec::with_capacity(body.len() + 4);
    out.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&body);
    out
}

/// Takes downlink messages out of a stream of bytes that arrives in any pieces.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
}

/// A downlink stream that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum DownlinkError {
    /// A frame is longer than [`crate::limits::MAX_DOWNLINK_BYTES`].
    #[error("the controller announced a message of {0} bytes, beyond the limit")]
    TooLong(usize),
    /// Not protobuf.
    #[error("the controller sent a message that is not protobuf")]
    Malformed(#[source] prost::DecodeError),
}

impl Deframer {
    /// Adds bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, if it is there.
    pub fn next_message(&mut self) -> Result<Option<Downlink>, DownlinkError> {
        let Some(header) = self.buffer.first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*header) as usize;
        if length > crate::limits::MAX_DOWNLINK_BYTES {
            return Err(DownlinkError::TooLong(length));
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        let message = Downlink::decode(&self.buffer[4..4 + length]).map_err(DownlinkError::Malformed)?;
        self.buffer.drain(..4 + length);
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let message = Downlink {
            what: Some(downlink::What::Assignment(AssignmentMessage { generation: 7, json: b"{}".to_vec() })),
        };
        let bytes: Vec<u8> = frame(&message).into_iter().chain(frame(&message)).collect();
        for cut in 0..bytes.len() {
            let mut deframer = Deframer::default();
            let mut seen = 0;
            for part in [&bytes[..cut], &bytes[cut..]] {
                deframer.push(part);
                while let Some(got) = deframer.next_message().expect("well formed") {
                    assert_eq!(got, message);
                    seen += 1;
                }
            }
            assert_eq!(seen, 2);
        }
    }

    #[test]
    fn an_announced_giant_is_refused_before_it_arrives() {
        let mut deframer = Deframer::default();
        deframer.push(&u32::MAX.to_be_bytes());
        assert!(matches!(deframer.next_message(), Err(DownlinkError::TooLong(_))));
    }
}
