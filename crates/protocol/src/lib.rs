//! What agents and the controller say to each other, without the sockets they say it over.
//!
//! Agents dial the controller over HTTP/2 with mutual TLS (`docs/protocol.md` has the exchange). This
//! crate holds the messages, the columnar batches that observations travel and rest in, the limits
//! that both sides enforce, and the pure decision which batches go next. Everything is protobuf, so
//! that fields can be added by either side at any time: a reader skips what it does not know.

pub mod batch;
pub mod lanes;
pub mod limits;
pub mod message;
pub mod pace;
pub mod pack;

/// The version of the protocol that this build speaks. It changes only when a peer that ignores
/// unknown fields would misunderstand; such a peer is refused with a clear message.
pub const VERSION: u32 = 1;

/// How much of version 1 a controller of this build knows; it says so in [`message::SessionResponse::level`]. A controller
/// ignores fields that it does not know, and its answer cannot show that: so whatever must not be ignored is sent only to
/// those that know it.
///
/// - 0: the first form.
/// - 1: takes `packed` batches, and tells `highest` and `dropped`.
/// - 2: takes packed batches that are told by their differences to each other.
pub const LEVEL: u32 = 2;

/// The ALPN name of HTTP/2, the only one that the agents' listener accepts.
pub const ALPN: &[u8] = b"h2";

/// The media type of all bodies.
pub const MEDIA_TYPE: &str = "application/vnd.wasl.v1+protobuf";
