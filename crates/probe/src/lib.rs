//! The parts of probing that decide: codecs, loss and round-trip accounting, pacing, clock checks.
//!
//! A prober that mixes these with its sockets can only be tested by waiting for packets, and then
//! its hardest cases (a reply after the deadline, a clock set back between send and receive, a
//! forged reply) are the ones that nobody tests. So nothing here opens a socket or reads a clock:
//! times and bytes are handed in, and what should be sent or reported comes out. The shell with the
//! sockets is part of the agent.
//!
//! - [`icmp`]: echo requests and replies as bytes, with a payload that cannot be guessed.
//! - [`clock`]: two clocks read together, and what can be said when one of them is set.
//! - [`window`]: the fate of each probe to one target, summed up into windows.
//! - [`schedule`]: when to do what, spread evenly.
//! - [`detector`]: from the fates to whether the target is up, degraded or down, and why.
//! - [`fleet`]: all of it together for any number of targets.
//! - [`snmp`]: what is asked of a device by SNMP.
//! - [`stamp`]: the two directions of a link, each by itself.
//! - [`lldp`]: what a neighbour says of itself.
//! - [`arp`], [`sweep`]: who is on a subnet of IPv4.
//! - [`nd`], [`sweep6`]: who is on a subnet of IPv6.
//! - [`roster`]: both together, a station at a time.

pub mod arp;
pub mod clock;
pub mod detector;
pub mod fleet;
pub mod icmp;
mod keys;
pub mod lldp;
pub mod nd;
pub mod roster;
pub mod schedule;
pub mod snmp;
pub mod stamp;
pub mod sweep;
pub mod sweep6;
pub mod window;
