//! What is probed: a target of the assignment, or a link from this end.

use std::time::Duration;

use wasl_model::assignment::{
    Address, Assignment, LinkAssignment, LinkClass, LinkLimits, TargetAssignment, Via,
};
use wasl_model::{EntityKind, Subject};

/// How long an answer through a link may take: beyond it nobody can talk, whatever still arrives.
const LINK_TIMEOUT: Duration = Duration::from_secs(1);

/// One thing to probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    pub(super) subject: Subject,
    pub(super) address: Address,
    /// By which way probes leave; as the routes say, if nothing stands here.
    pub(super) via: Option<Via>,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
    /// The port for TCP connect where ICMP is not permitted.
    pub(super) tcp_port: u16,
    /// For a link, how closely it is watched and what it is held to.
    pub(super) link: Option<(LinkClass, LinkLimits)>,
}

/// Everything that an assignment asks to probe.
pub(super) fn of(assignment: &Assignment) -> Vec<Watched> {
    let targets = assignment.targets.iter().map(of_target);
    targets.chain(assignment.links.iter().map(of_link)).collect()
}

fn of_target(target: &TargetAssignment) -> Watched {
    Watched {
        subject: Subject::lenient(EntityKind::Target, &target.id),
        address: target.address.clone(),
        via: None,
        every: Duration::from_millis(target.every_ms),
        timeout: Duration::from_millis(target.timeout_ms),
        tcp_port: target.tcp_port,
        link: None,
    }
}

fn of_link(link: &LinkAssignment) -> Watched {
    Watched {
        subject: Subject::lenient(EntityKind::Link, &link.id),
        address: link.address.clone(),
        via: link.via.clone(),
        every: Duration::from_millis(link.class.every_ms()),
        timeout: LINK_TIMEOUT,
        tcp_port: link.tcp_port,
        link: Some((link.class, link.limits)),
    }
}
