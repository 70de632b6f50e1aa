//! A laboratory behind a branch.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Namespace, Net, Place};

/// A laboratory: a switch at a branch's interface `lab0`, and machines at it.
pub struct Lab<'a> {
    branch: &'a Namespace,
    machines: Vec<Namespace>,
}

impl Net {
    /// Sets up a laboratory without machines at a branch; its subnet is 10.3.16.0/28, the branch has the address
    /// 10.3.16.1 there.
    pub fn lab(&self, branch: u8) -> Lab<'_> {
        let branch = &self.branches[usize::from(branch) - 1];
        branch.ip(&["link", "add", "lab0", "address", &Lab::mac(1), "type", "bridge"]);
        branch.ip(&["address", "add", &format!("{}/28", Lab::address(1)), "dev", "lab0"]);
        branch.ip(&["link", "set", "lab0", "up"]);
        Lab { branch, machines: Vec::new() }
    }
}

impl Lab<'_> {
    /// Switches a machine on. Its number is the last part of its addresses, 2 to 14.
    pub fn machine(&mut self, number: u8) -> Place {
        let machine = self.plug_in(number);
        machine.ip(&["address", "add", &format!("{}/28", Self::address(number)), "dev", "eth0"]);
        machine.ip(&["link", "set", "eth0", "up"]);
        let place = machine.place();
        self.machines.push(machine);
        place
    }

    /// Gives the branch an address of IPv6 in its laboratory: fd00:7::1.
    pub fn speak_ipv6(&self) {
        let own = format!("{}/64", Self::address6(1));
        self.branch.ip(&["address", "add", &own, "dev", "lab0", "nodad"]);
    }

    /// Switches a machine on that has no IPv4.
    pub fn machine6(&mut self, number: u8) -> Place {
        self.machine6_that(number, "0")
    }

    /// The same for one that does not answer those who call everybody, as Windows does not.
    pub fn reserved_machine6(&mut self, number: u8) -> Place {
        self.machine6_that(number, "1")
    }

    fn machine6_that(&mut self, number: u8, ignores_calls: &str) -> Place {
        let machine = self.plug_in(number);
        machine.sysctl("net/ipv6/icmp/echo_ignore_multicast", ignores_calls);
        machine.ip(&["address", "add", &format!("{}/64", Self::address6(number)), "dev", "eth0"]);
        machine.ip(&["link", "set", "eth0", "up"]);
        let place = machine.place();
        self.machines.push(machine);
        place
    }

    /// A machine with a cable, not yet switched on.
    fn plug_in(&self, number: u8) -> Namespace {
        let machine = Namespace::make(&format!("machine-{number}"));
        let port = format!("port-{number}");
        let (mac, name) = (Self::mac(number), machine.0.as_str());
        self.branch.ip(&[
            "link", "add", &port, "type", "veth", "peer", "name", "eth0", "address", &mac, "netns", name,
        ]);
        self.branch.ip(&["link", "set", &port, "master", "lab0", "up"]);
        machine
    }

    /// The address of IPv6 of a machine.
    pub fn address6(number: u8) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 7, 0, 0, 0, 0, 0, u16::from(number))
    }

    /// The hardware address of a machine.
    pub fn mac(number: u8) -> String {
        format!("02:00:00:00:10:{number:02x}")
    }

    /// The address of a machine.
    pub fn address(number: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 3, 16, number)
    }
}
