//! From a request and a policy to what is done: pure.

use crate::count::Lines;
use crate::policy::Policy;
use crate::request::{PowerAction, Request, Unit};

/// What is done. A closed list; nothing in it is a caller's text but the checked names of
/// what is allowed, and blocks of addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Tell the version and what is allowed.
    Tell {
        /// The permissions, as the policy writes them.
        allowed: String,
    },
    /// Let a group send ICMP echo requests.
    LetPing {
        /// The group's number.
        group: u32,
    },
    /// Ask systemd for the state of a unit.
    Show(Unit),
    /// Let systemd reload a unit.
    Reload(Unit),
    /// Let the kernel count these lines.
    Count(Lines),
    /// Read what was counted.
    ReadCounts,
    /// Let the kernel count nothing.
    StopCounting,
    /// Let systemd end the machine's run.
    Power(PowerAction),
}

/// What may be done about a request of a caller whose group is `group`; or why nothing.
pub fn decide(request: &Request, policy: &Policy, group: u32) -> Result<Action, String> {
    let missing = |line: String| {
        Err(format!(
            "this is not allowed here: root can allow it by the line `{line}` in the helper's policy"
        ))
    };
    match request {
        Request::Version {} => {
            Ok(Action::Tell { allowed: permissions(policy).collect::<Vec<_>>().join(", ") })
        }
        Request::PingGroupRange {} if policy.ping_group_range => Ok(Action::LetPing { group }),
        Request::PingGroupRange {} => missing("ping-group-range".to_owned()),
        Request::ServiceStatus { unit } if policy.status.contains(unit) => Ok(Action::Show(unit.clone())),
        Request::ServiceStatus { unit } => missing(format!("status {unit}")),
        Request::ServiceReload { unit } if policy.reload.contains(unit) => Ok(Action::Reload(unit.clone())),
        Request::ServiceReload { unit } => missing(format!("reload {unit}")),
        Request::AccountingSet { lines } => {
            let forbidden = lines.as_slice().iter().find(|line| !policy.account.contains(&line.interface));
            match forbidden {
                None => Ok(Action::Count(lines.clone())),
                Some(line) => missing(format!("account {}", line.interface)),
            }
        }
        Request::AccountingRead {} if !policy.account.is_empty() => Ok(Action::ReadCounts),
        Request::AccountingClear {} if !policy.account.is_empty() => Ok(Action::StopCounting),
        Request::AccountingRead {} | Request::AccountingClear {} => missing("account INTERFACE".to_owned()),
        Request::Power { action } if policy.power.contains(action) => Ok(Action::Power(*action)),
        Request::Power { action } => missing(format!("power {}", action.as_str())),
    }
}

/// What a policy allows, a permission each, as the policy writes them.
pub fn permissions(policy: &Policy) -> impl Iterator<Item = String> + '_ {
    let ping = policy.ping_group_range.then(|| "ping-group-range".to_owned());
    let status = policy.status.iter().map(|unit| format!("status {unit}"));
    let reload = policy.reload.iter().map(|unit| format!("reload {unit}"));
    let power = policy.power.iter().map(|action| format!("power {}", action.as_str()));
    let account = policy.account.iter().map(|interface| format!("account {interface}"));
    ping.into_iter().chain(status).chain(reload).chain(account).chain(power)
}

#[cfg(test)]
mod tests {
    use wasl_model::assignment::Way;

    use super::*;
    use crate::count::{Interface, Line};

    /// Catches: an interface that is counted because another one may be.
    #[test]
    fn every_interface_that_is_counted_must_be_allowed() {
        let line = |interface: &str| Line {
            interface: Interface::try_from(interface.to_owned()).expect("a name"),
            down: Way::In,
            shares: Vec::new(),
            talkers: true,
        };
        let lines = Lines::try_from(vec![line("wan0"), line("wan1")]).expect("within bounds");
        let request = Request::AccountingSet { lines: lines.clone() };
        let one = Policy::parse("account wan0").expect("sound");
        let refusal = decide(&request, &one, 7).expect_err("wan1 is not allowed");
        assert!(refusal.contains("`account wan1`"), "{refusal}");
        let both = Policy::parse("account wan0\naccount wan1").expect("sound");
        assert_eq!(decide(&request, &both, 7), Ok(Action::Count(lines)));
    }

    #[test]
    fn each_verb_needs_its_own_permission() {
        let unit = |name: &str| Unit::try_from(name.to_owned()).expect("a name");
        let requests = [
            (Request::PingGroupRange {}, "ping-group-range", Action::LetPing { group: 7 }),
            (
                Request::ServiceStatus { unit: unit("a.service") },
                "status a.service",
                Action::Show(unit("a.service")),
            ),
            (
                Request::ServiceReload { unit: unit("a.service") },
                "reload a.service",
                Action::Reload(unit("a.service")),
            ),
            (Request::Power { action: PowerAction::Off }, "power off", Action::Power(PowerAction::Off)),
            (
                Request::Power { action: PowerAction::Reboot },
                "power reboot",
                Action::Power(PowerAction::Reboot),
            ),
        ];
        for (request, line, action) in &requests {
            let only = Policy::parse(line).expect("sound");
            assert_eq!(decide(request, &only, 7).as_ref(), Ok(action));
            assert_eq!(
                decide(&Request::Version {}, &only, 7),
                Ok(Action::Tell { allowed: (*line).to_owned() })
            );
            let others = requests.iter().map(|(_, line, _)| *line).filter(|other| other != line);
            let others = Policy::parse(&others.collect::<Vec<_>>().join("\n")).expect("sound");
            let refusal = decide(request, &others, 7).expect_err("not allowed");
            assert!(refusal.contains(&format!("`{line}`")), "{refusal}");
        }
        let read = (Request::AccountingRead {}, Request::AccountingClear {});
        let none = Policy::parse("power off").expect("sound");
        assert!(decide(&read.0, &none, 7).is_err() && decide(&read.1, &none, 7).is_err());
        let counting = Policy::parse("account wan0").expect("sound");
        assert_eq!(decide(&read.0, &counting, 7), Ok(Action::ReadCounts));
        assert_eq!(decide(&read.1, &counting, 7), Ok(Action::StopCounting));
        let other = Policy::parse("reload b.service").expect("sound");
        assert!(decide(&Request::ServiceReload { unit: unit("a.service") }, &other, 7).is_err());
    }
}
