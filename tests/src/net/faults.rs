//! What can be wrong with a branch's lines, and is undone when the fault is dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use super::{Namespace, Net, gateway_address, lay, line, spare};
use crate::{binaries, tool};

/// A fault of a line. It is undone when this is dropped.
#[must_use = "the fault is undone when this is dropped"]
pub struct Fault<'a> {
    net: &'a Net,
    undo: Vec<String>,
    child: Option<Child>,
}

impl Fault<'_> {
    /// Undoes the fault.
    pub fn heal(self) {}
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        for command in &self.undo {
            let words: Vec<&str> = command.split(' ').collect();
            tool::try_run("ip", &[&["netns", "exec", &self.net.router.0], &words[..]].concat());
        }
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Net {
    /// Takes a branch's first interface away altogether and lays it anew when the fault is undone, as a modem that is
    /// started again does.
    pub fn without_uplink(&self, branch: u8) -> impl Drop + '_ {
        struct Gone<'a>(&'a Net, u8);
        impl Drop for Gone<'_> {
            fn drop(&mut self) {
                let Self(net, branch) = *self;
                let at = &net.branches[usize::from(branch) - 1];
                lay(at, "uplink", &net.router, &line(branch), branch);
                at.sysctl("net/ipv4/conf/uplink/rp_filter", "0");
                let first = gateway_address(branch).to_string();
                at.ip(&["route", "add", "default", "via", &first, "dev", "uplink", "metric", "20"]);
            }
        }
        self.branches[usize::from(branch) - 1].ip(&["link", "delete", "uplink"]);
        Gone(self, branch)
    }

    /// Puts a rule into the packet filter of a branch's own gateway, at the hook `input` or `output`.
    pub fn own_firewall(&self, branch: u8, hook: &str, rule: &str) -> impl Drop + '_ {
        struct Table<'a>(&'a Namespace);
        impl Drop for Table<'_> {
            fn drop(&mut self) {
                self.0.exec(&["nft", "delete table inet own"]);
            }
        }
        let at = &self.branches[usize::from(branch) - 1];
        at.exec(&[
            "nft",
            &format!("table inet own {{ chain c {{ type filter hook {hook} priority 0; {rule}; }}; }}"),
        ]);
        Table(at)
    }

    /// Cuts a branch off without a sign: packets vanish and every interface stays up. A second line goes on.
    pub fn cut(&self, branch: u8) -> Fault<'_> {
        self.rule(branch, "drop")
    }

    /// Cuts a branch's second line without a sign.
    pub fn cut_second_line(&self, branch: u8) -> Fault<'_> {
        self.rule_of(&spare(branch), "drop")
    }

    /// Lets a branch be heard and not hear: what is sent to it vanishes.
    pub fn deafen(&self, branch: u8) -> Fault<'_> {
        self.rule(branch, &format!("oifname {} drop", line(branch)))
    }

    /// Loses this share of a branch's packets, each way.
    pub fn loss(&self, branch: u8, percent: f64) -> Fault<'_> {
        let of_a_thousand = (percent * 10.0).round() as u32;
        self.rule(branch, &format!("numgen random mod 1000 < {of_a_thousand} drop"))
    }

    /// Loses every so many-th packet from the branch and none towards it: of `of` packets in a row, the first `lost`.
    pub fn loss_from(&self, branch: u8, lost: u32, of: u32) -> Fault<'_> {
        let line = line(branch);
        self.rule(branch, &format!("iifname {line} meta l4proto udp numgen inc mod {of} < {lost} drop"))
    }

    /// Loses every so many-th packet towards the branch and none from it.
    pub fn loss_towards(&self, branch: u8, lost: u32, of: u32) -> Fault<'_> {
        let line = line(branch);
        self.rule(branch, &format!("oifname {line} meta l4proto udp numgen inc mod {of} < {lost} drop"))
    }

    fn rule(&self, branch: u8, rule: &str) -> Fault<'_> {
        self.rule_of(&line(branch), rule)
    }

    fn rule_of(&self, line: &str, rule: &str) -> Fault<'_> {
        self.router.exec(&["nft", &format!("add rule inet faults {line} {rule}")]);
        Fault { net: self, undo: vec![format!("nft flush chain inet faults {line}")], child: None }
    }

    /// Takes a branch's carrier away, as a cable that is pulled.
    pub fn cut_carrier(&self, branch: u8) -> Fault<'_> {
        let line = line(branch);
        self.router.ip(&["link", "set", &line, "down"]);
        Fault { net: self, undo: vec![format!("ip link set {line} up")], child: None }
    }

    /// Narrows a branch's line, towards the branch, to so many kbit/s.
    pub fn rate(&self, branch: u8, kbit: u32) -> Fault<'_> {
        let line = line(branch);
        let rate = format!("{kbit}kbit");
        let shape = ["burst", "16kb", "latency", "200ms"];
        self.router.exec(
            &[&["tc", "qdisc", "replace", "dev", &line, "root", "tbf", "rate", &rate], &shape[..]].concat(),
        );
        Fault { net: self, undo: vec![format!("tc qdisc del dev {line} root")], child: None }
    }

    /// Narrows a branch's line, from the branch, to so many kbit/s.
    pub fn rate_up(&self, branch: u8, kbit: u32) -> Fault<'_> {
        let namespace = &self.branches[usize::from(branch) - 1].0;
        let change = |what: &str| format!("tc -n {namespace} qdisc {what} dev uplink root");
        let narrow = format!("{} tbf rate {kbit}kbit burst 4kb latency 400ms", change("replace"));
        self.router.exec(&narrow.split(' ').collect::<Vec<_>>());
        Fault { net: self, undo: vec![change("del")], child: None }
    }

    /// Delays a branch's packets, each way, by `ms` plus or minus `jitter_ms`. The kernel's own delay
    /// (netem) is missing in many containers, so a small program does it, which needs python3.
    pub fn delay(&self, branch: u8, ms: u32, jitter_ms: u32) -> Fault<'_> {
        self.detour(branch, ms, jitter_ms, true)
    }

    /// Delays what comes from a branch by `ms`, and nothing that is sent to it.
    pub fn delay_from(&self, branch: u8, ms: u32) -> Fault<'_> {
        self.detour(branch, ms, 0, false)
    }

    fn detour(&self, branch: u8, ms: u32, jitter_ms: u32, both_ways: bool) -> Fault<'_> {
        let line = line(branch);
        let (near, far) = (format!("{line}-near"), format!("{line}-far"));
        let script = binaries::repository().join("tests/tools/delay.py");
        let mut command = self.router.place().command("python3");
        command.arg(script).args([&near, &far, &ms.to_string(), &jitter_ms.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("starting the delay line: {error}"));
        let mut word = String::new();
        let out = child.stdout.take().expect("it was piped");
        let read = BufReader::new(out).read_line(&mut word);
        let mut fault = Fault { net: self, undo: Vec::new(), child: Some(child) };
        assert!(read.is_ok() && word == "ready\n", "the delay line did not start: {word:?}");
        let run = |text: String| self.router.exec(&text.split(' ').collect::<Vec<_>>());
        // What enters by one of the devices leaves by the other.
        for device in [&near, &far] {
            run(format!("ip link set {device} up"));
        }
        let (network, table) = (format!("10.90.{branch}.0/24"), u32::from(branch) * 2 + 100);
        let ways =
            [(format!("iif {line}"), table, near), (format!("iif centre to {network}"), table + 1, far)];
        for (traffic, table, device) in ways.into_iter().take(if both_ways { 2 } else { 1 }) {
            let rule = format!("{traffic} lookup {table}");
            run(format!("ip route add default dev {device} table {table}"));
            run(format!("ip rule add {rule}"));
            fault.undo.push(format!("ip rule del {rule}"));
        }
        fault
    }
}
