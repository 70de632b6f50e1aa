//! STAMP, the Simple Two-way Active Measurement Protocol (RFC 8762): what gets lost and how long it takes,
//! each direction by itself.
//!
//! A round trip that fails does not say where: packets may get lost on the way there or on the way back. A
//! STAMP reflector that counts what it answers ([`reflector`]) puts its own number beside the sender's on
//! every reply, and with both numbers the sender ([`sender`]) tells the two losses apart, exactly and without
//! any clock. The delay of one direction is another matter: it is the difference of two clocks, so it is only
//! told together with the bound of what those clocks may be wrong by ([`time::ErrorEstimate`]), and not at all
//! where nobody knows that bound.
//!
//! - [`time`]: the wire's points in time and their error.
//! - [`packet`]: test packets and reflections as bytes, open and authenticated.
//! - [`tlv`]: the extensions of RFC 8972, which are carried and never obeyed.
//! - [`peers`]: whom a reflector answers.
//! - [`reflector`]: what a reflector answers.
//! - [`ledger`]: which direction lost what.
//! - [`sender`]: what a sender sends, and what its windows come to.
//!
//! No cryptography is here: whoever holds a key implements [`packet::Key`].

pub mod ledger;
pub mod packet;
pub mod peers;
pub mod reflector;
pub mod sender;
pub mod time;
pub mod tlv;

/// The UDP port that reflectors listen on (RFC 8762, section 4.1).
pub const PORT: u16 = 862;
