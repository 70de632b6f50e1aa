//! The root helper: what an agent cannot do as its own user, and nothing else.
//!
//! An agent reads from the network and must be expected to be taken over one day. So it has no rights; the few
//! things that need root are verbs here, with checked arguments, each allowed by name in a file that only root
//! can write. A verb becomes the arguments of one fixed program or the content of one fixed file; there is no
//! shell, no path and no text of the caller's in between.
//!
//! [`count`] is the one ruleset of the packet filter that it can make. [`request`] reads what was asked and [`decide`] says what may be done about it under a [`policy`]; both are
//! pure, and whatever comes in ends there or is a value of a closed type. [`perform`] does it. [`server`] asks
//! the kernel who is calling, holds everybody to the limits, and writes each request into the log. A new
//! verb is a variant of [`request::Request`] and of [`decide::Action`], and the compiler leads to the rest.

pub mod cli;
pub mod client;
pub mod count;
pub mod decide;
pub mod limit;
pub mod perform;
pub mod policy;
pub mod request;
pub mod server;
