//! Links and the rings that they form.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;

use super::accounting::Accounting;
use super::{LIMIT, STAMP_EVERY, port_number, refuse};
use crate::period::Period;
use crate::quantity::{Rate, Share};
use crate::values::{EntityRef, Host, Name, SecretName, TargetAddress, ViaText, line};

/// A line between two places, or from a place to the Internet.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// The places that it joins: two sites, or one for a line to the Internet.
    #[garde(custom(ends))]
    #[schemars(length(min = 1, max = 2))]
    pub(crate) between: Vec<String>,
    /// Whether it carries the traffic or waits for another to fail. Default: primary.
    #[garde(skip)]
    pub(crate) role: Option<LinkRole>,
    /// How closely it is watched. Default: link.
    #[garde(skip)]
    pub(crate) class: Option<Class>,
    /// Who probes it: one agent at each end where there is one.
    #[garde(custom(some_probe), dive)]
    pub(crate) probes: Vec<LinkProbe>,
    /// Who measures its two directions, each by itself, by STAMP (RFC 8762).
    #[garde(custom(few), dive)]
    pub(crate) stamp: Option<Vec<Stamp>>,
    /// The interfaces that it ends in, such as `interface/jenin-core/Gi0/1`. While one is down, so is the link. When a device
    /// says by a trap that one has moved, the link is probed at once.
    #[garde(inner(length(max = 8)))]
    pub(crate) interfaces: Option<Vec<EntityRef>>,
    /// What the provider owes; beyond it the link is degraded, and reports say so.
    #[garde(dive)]
    pub(crate) contract: Option<Contract>,
    /// Whose traffic it carries, counted where it enters a gateway.
    #[garde(dive)]
    pub(crate) accounting: Option<Accounting>,
    /// Where trouble with it is noted. Default: the last of `between`.
    #[garde(skip)]
    pub(crate) site: Option<String>,
    /// Without which of these it cannot work, such as `device/jenin-core`.
    #[garde(inner(length(max = 16)))]
    pub(crate) depends_on: Option<Vec<EntityRef>>,
}

/// Whether a link carries the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LinkRole {
    /// It carries the traffic.
    #[default]
    Primary,
    /// It waits for the primary one to fail.
    Backup,
}

/// How closely a link is watched.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Class {
    /// A probe every 100 ms; for a line that a failover hangs on.
    Uplink,
    /// A probe every 200 ms.
    Link,
    /// A probe every second; for a line that is paid by volume.
    Target,
}

/// One end that probes.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkProbe {
    /// The agent.
    #[garde(skip)]
    pub(crate) from: String,
    /// Something at the other end that answers.
    #[garde(skip)]
    pub(crate) to: TargetAddress,
    /// By which way the probes leave: a network interface of the agent's machine, or one of its addresses. Without it, as
    /// the routes say; then a dead line may be answered for by another.
    #[garde(skip)]
    pub(crate) via: Option<ViaText>,
    /// The port for TCP connect where ICMP is not permitted; a refusal counts as an answer. Default: 443.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) tcp_port: Option<u16>,
}

/// One end that measures a link's two directions.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stamp {
    /// The agent.
    #[garde(skip)]
    pub(crate) from: String,
    /// The reflector at the other end: an agent with `reflect`, or any other that speaks RFC 8762.
    #[garde(skip)]
    pub(crate) to: Host,
    /// Its UDP port. Default: 862.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: Option<u16>,
    /// The time between two tests, 10ms to 10s. Default: 100ms.
    #[garde(custom(STAMP_EVERY.rule()))]
    pub(crate) every: Option<Period>,
    /// The network interface that the tests leave by; without it, as the routes say.
    #[garde(inner(custom(line)))]
    pub(crate) via: Option<String>,
    /// The name of the secret that both ends know. Without one the tests are open.
    #[garde(skip)]
    pub(crate) key: Option<SecretName>,
}

/// Answers STAMP tests (RFC 8762) of the peers that are named.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reflect {
    /// The address to listen at: the one that is asked, since answers come from it.
    #[garde(skip)]
    pub(crate) listen: std::net::IpAddr,
    /// The UDP port. Default: 862.
    #[garde(inner(custom(port_number)))]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) port: Option<u16>,
    /// Who is answered: addresses, or blocks such as `10.20.0.0/16`.
    #[garde(length(min = 1, max = 64), inner(custom(line)))]
    pub(crate) peers: Vec<String>,
    /// The name of the secret that both ends know. Without one open tests are answered.
    #[garde(skip)]
    pub(crate) key: Option<SecretName>,
}

/// What the provider owes.
#[derive(Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contract {
    /// The rate towards the last of `between`, or from the Internet.
    #[garde(skip)]
    pub(crate) down: Option<Rate>,
    /// The rate the other way.
    #[garde(skip)]
    pub(crate) up: Option<Rate>,
    /// The longest round-trip time (median), 1ms to 10s.
    #[garde(custom(LIMIT.rule()))]
    pub(crate) rtt: Option<Period>,
    /// The most jitter, 1ms to 10s.
    #[garde(custom(LIMIT.rule()))]
    pub(crate) jitter: Option<Period>,
    /// The most loss.
    #[garde(skip)]
    pub(crate) loss: Option<Share>,
    /// The least availability in a calendar month.
    #[garde(skip)]
    pub(crate) availability: Option<Share>,
}

/// Links that form a ring: broken in one place it still joins all its places, broken in two it does not.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ring {
    /// Its name for people. Default: its identifier.
    #[garde(dive)]
    pub(crate) name: Option<Name>,
    /// The links, in the order of the ring.
    #[garde(custom(round))]
    #[schemars(length(min = 3, max = 64))]
    pub(crate) links: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
fn ends(between: &[String], (): &()) -> garde::Result {
    if (1..=2).contains(&between.len()) {
        return Ok(());
    }
    Err(refuse(
        format!("a link has one or two ends, not {}", between.len()),
        "name two sites, such as `between: [presidency, jenin]`, or one for a line to the Internet",
    ))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
fn some_probe(probes: &[LinkProbe], (): &()) -> garde::Result {
    if (1..=8).contains(&probes.len()) {
        return Ok(());
    }
    Err(refuse(
        format!("{} probes cannot tell how the link is", probes.len()),
        "name at least one, such as `probes: [{ from: jenin-gw, to: 10.0.0.1, via: wan0 }]`, and at most 8",
    ))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde hands the context on by reference")]
fn round(links: &[String], (): &()) -> garde::Result {
    if (3..=64).contains(&links.len()) {
        return Ok(());
    }
    Err(refuse(format!("{} links form no ring", links.len()), "name 3 to 64 links, in the order of the ring"))
}

#[expect(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "garde hands both on by reference")]
fn few(tests: &Option<Vec<Stamp>>, (): &()) -> garde::Result {
    if tests.as_ref().is_none_or(|tests| tests.len() <= 4) {
        return Ok(());
    }
    Err(refuse("more than 4 agents measure this link", "leave one at each end"))
}
