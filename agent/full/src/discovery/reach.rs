//! Whether announcements reach the socket at all.
//!
//! A network card passes on only the groups that somebody has joined, or all while `allmulticast` or `promisc` is on.
//! Joining for one socket (PACKET_ADD_MEMBERSHIP) has no safe call in the libraries in use here, and switching
//! `allmulticast` on takes a privilege (CAP_NET_ADMIN) that the agent does without. So it looks, and says what to do.

use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use wasl_probe::lldp::GROUPS;

/// Whether a port has a card behind it that is at work and keeps the announcements back.
pub(super) fn is_kept_back(port: &str) -> bool {
    // Bridges, VLANs and virtual ports pass on everything.
    let is_card = Path::new("/sys/class/net").join(port).join("device").exists();
    let flags = getifaddrs().ok().and_then(|mut all| all.find(|one| one.interface_name == port));
    let Some(flags) = flags.map(|one| one.flags).filter(|_| is_card) else { return false };
    let open = InterfaceFlags::IFF_ALLMULTI | InterfaceFlags::IFF_PROMISC;
    let groups = std::fs::read_to_string("/proc/net/dev_mcast");
    flags.contains(InterfaceFlags::IFF_RUNNING)
        && !flags.intersects(open)
        && groups.is_ok_and(|groups| !has_joined(&groups, port))
}

/// What to do about it.
pub(super) fn remedy(port: &str) -> String {
    format!(
        "no neighbour has been heard at {port}, whose card passes on no announcements: nobody has joined their group. \
         `ip link set dev {port} allmulticast on` lets them in; for good, `AllMulticast=yes` in systemd-networkd's file \
         of the interface, or what your system has for it."
    )
}

/// Whether somebody on this machine has joined the group of LLDP at a port, by `/proc/net/dev_mcast`: number, name, users,
/// global users, group.
fn has_joined(groups: &str, port: &str) -> bool {
    let wanted = GROUPS[0].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    groups.lines().any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(port) && words.nth(2) == Some(&wanted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_counts_at_the_port_that_has_joined_it() {
        let groups = "1    lo              1     0     333300000001\n\
                      2    eth0            1     0     01005e000001\n\
                      2    eth0            1     0     0180c200000e\n\
                      3    eth1            1     0     0180c2000003\n";
        assert!(has_joined(groups, "eth0"));
        assert!(!has_joined(groups, "eth1"), "another group");
        assert!(!has_joined(groups, "eth"), "another port");
        assert!(!has_joined("", "eth0") && !has_joined("2 eth0\n", "eth0"));
    }

    #[test]
    fn a_port_without_a_card_keeps_nothing_back() {
        assert!(!is_kept_back("lo") && !is_kept_back("no-such-port"));
    }
}
