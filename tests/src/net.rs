//! Networks of a story's own, made of network namespaces, and the faults of their lines.
//!
//! The centre and each branch have a namespace, and one more is the router between them, where the faults
//! live. Nothing leads out of these namespaces, so no story ever speaks to the real network, and the same
//! addresses can be used by every story at once. The names carry the number of the test's process; what a
//! test that was killed left behind is swept up by the next one.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use crate::{binaries, tool};

/// The port of the agents' listener in stories with a network of their own.
pub const AGENTS_PORT: u16 = 8443;
/// The user and group of nobody.
const NOBODY: &str = "65534";

/// Where a process runs, or a client speaks from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// This machine's own network.
    Here,
    /// A network namespace.
    Namespace(String),
}

impl Place {
    /// A command that runs a program here. The kernel kills it when the test's thread ends, however that
    /// comes about.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        self.wrapped(&[], program.as_ref())
    }

    /// The same as the user nobody, without any privilege.
    pub fn command_as_nobody(&self, program: impl AsRef<Path>) -> Command {
        let drop = [
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
            "--no-new-privs",
            "--inh-caps=-all",
            "--bounding-set=-all",
        ];
        self.wrapped(&drop, program.as_ref())
    }

    fn wrapped(&self, privileges: &[&str], program: &Path) -> Command {
        let mut command = match self {
            Self::Here => Command::new("setpriv"),
            Self::Namespace(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name, "setpriv"]);
                command
            }
        };
        command.args(privileges).args(["--pdeathsig", "KILL", "--"]).arg(program);
        command
    }

    /// Runs `work` on a thread in this place and waits for it.
    pub fn on_a_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        self.start_thread(work).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Starts a thread in this place.
    pub fn start_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let place = self.clone();
        std::thread::spawn(move || {
            if let Self::Namespace(name) = place {
                let file = fs::File::open(format!("/run/netns/{name}"));
                let file = file.unwrap_or_else(|error| panic!("opening the namespace {name}: {error}"));
                setns(file, CloneFlags::CLONE_NEWNET)
                    .unwrap_or_else(|error| panic!("entering the namespace {name}: {error}"));
            }
            work()
        })
    }
}

/// A namespace; it is removed when this is dropped.
struct Namespace(String);

impl Namespace {
    fn make(label: &str) -> Self {
        // Without nextest all stories are threads of one process.
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("wasl-{}-{label}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        tool::run("ip", &["netns", "add", &name]);
        let made = Self(name);
        made.ip(&["link", "set", "lo", "up"]);
        // As systemd sets it: anybody may send ICMP echo requests.
        made.sysctl("net/ipv4/ping_group_range", "0 2147483647");
        made
    }

    fn ip(&self, args: &[&str]) {
        tool::run("ip", &[&["-n", &self.0], args].concat());
    }

    fn exec(&self, args: &[&str]) -> String {
        tool::run("ip", &[&["netns", "exec", &self.0], args].concat())
    }

    fn sysctl(&self, key: &str, value: &str) {
        let (key, value) = (format!("/proc/sys/{key}"), value.to_owned());
        self.place().on_a_thread(move || {
            fs::write(&key, value).unwrap_or_else(|error| panic!("writing {key}: {error}"));
        });
    }

    /// Gives the namespace a name server: with none of its own it would look for this machine's.
    fn name_server(&self, address: Ipv4Addr) {
        let folder = Path::new("/etc/netns").join(&self.0);
        fs::create_dir_all(&folder).expect("root may write to /etc/netns");
        fs::write(folder.join("resolv.conf"), format!("nameserver {address}\n")).expect("written");
    }

    fn place(&self) -> Place {
        Place::Namespace(self.0.clone())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

fn remove(name: &str) {
    tool::try_run("ip", &["netns", "del", name]);
    let _ = fs::remove_dir_all(Path::new("/etc/netns").join(name));
    let _ = fs::remove_dir("/etc/netns");
}

/// Removes the namespaces of tests that are no more.
fn sweep() {
    for folder in ["/run/netns", "/etc/netns"] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let owner = name.strip_prefix("wasl-").and_then(|rest| rest.split_once('-'));
            let owner = owner.and_then(|(pid, _)| pid.parse::<u32>().ok());
            if owner.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                remove(&name);
            }
        }
    }
}

/// One machine behind a gateway that leads nowhere.
pub struct Lone {
    machine: Namespace,
    _gateway: Namespace,
}

impl Lone {
    /// Makes it.
    pub fn new() -> Self {
        sweep();
        let (machine, gateway) = (Namespace::make("machine"), Namespace::make("gateway"));
        join(&machine, &gateway, "inside", 1);
        machine.name_server(gateway_address(1));
        Self { machine, _gateway: gateway }
    }

    /// The machine.
    pub fn place(&self) -> Place {
        self.machine.place()
    }

    /// Takes away everybody's right to send ICMP that is not root's.
    pub fn forbid_icmp(&self) {
        self.machine.sysctl("net/ipv4/ping_group_range", "1 0");
    }
}

impl Default for Lone {
    fn default() -> Self {
        Self::new()
    }
}

/// A centre, branches, and the lines between them.
pub struct Net {
    centre: Namespace,
    branches: Vec<Namespace>,
    router: Namespace,
    partners: Vec<Namespace>,
}

impl Net {
    /// A centre and so many branches, all lines sound.
    pub fn centre_and_branches(branches: u8) -> Self {
        sweep();
        let router = Namespace::make("router");
        router.sysctl("net/ipv4/ip_forward", "1");
        for scope in ["all", "default"] {
            router.sysctl(&format!("net/ipv4/conf/{scope}/rp_filter"), "0");
        }
        let centre = Namespace::make("centre");
        join(&centre, &router, "centre", 0);
        centre.name_server(gateway_address(0));
        router.exec(&["nft", "add", "table", "inet", "faults"]);
        router.exec(&[
            "nft",
            "add chain inet faults lines { type filter hook forward priority 0; policy accept; }",
        ]);
        let branches = (1..=branches)
            .map(|number| {
                let branch = Namespace::make(&format!("branch-{number}"));
                let line = line(number);
                join(&branch, &router, &line, number);
                branch.name_server(gateway_address(number));
                watch_line(&router, &line);
                branch
            })
            .collect();
        Self { centre, branches, router, partners: Vec::new() }
    }

    /// The centre.
    pub fn centre(&self) -> Place {
        self.centre.place()
    }

    /// Where the centre's agents' listener is.
    pub fn agents_listener(&self) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(address(0)), AGENTS_PORT)
    }

    /// The centre's address.
    pub fn centre_address(&self) -> Ipv4Addr {
        address(0)
    }

    /// A branch, counted from 1.
    pub fn branch(&self, number: u8) -> Place {
        self.branches[usize::from(number) - 1].place()
    }

    /// A branch's address.
    pub fn branch_address(&self, number: u8) -> Ipv4Addr {
        address(number)
    }

    /// Settles so many institutions behind a branch, which becomes their gateway: each has a network of its own, and one
    /// machine in it.
    pub fn settle_partners(&mut self, branch: u8, partners: u8) {
        let at = &self.branches[usize::from(branch) - 1];
        at.sysctl("net/ipv4/ip_forward", "1");
        let gateway = address(branch).to_string();
        for number in 1..=partners {
            let partner = Namespace::make(&format!("partner-{number}"));
            let network = PARTNERS + number;
            lay(&partner, "lan", at, &format!("lan-{number}"), network);
            partner.ip(&["route", "add", "default", "via", &gateway_address(network).to_string()]);
            self.router.ip(&["route", "add", &partner_network(number), "via", &gateway]);
            self.partners.push(partner);
        }
    }

    /// The machine of an institution, counted from 1.
    pub fn partner(&self, number: u8) -> Place {
        self.partners[usize::from(number) - 1].place()
    }

    /// That machine's address.
    pub fn partner_address(&self, number: u8) -> Ipv4Addr {
        address(PARTNERS + number)
    }

    /// What the packet filter of a branch's gateway holds under this name; `None` if there is no such table.
    pub fn table(&self, branch: u8, name: &str) -> Option<String> {
        let at = &self.branches[usize::from(branch) - 1].0;
        let listed = Command::new("ip")
            .args(["netns", "exec", at, "nft", "list", "table", "inet", name])
            .output()
            .expect("ip can be run");
        listed.status.success().then(|| String::from_utf8_lossy(&listed.stdout).into_owned())
    }

    /// Makes a table in the packet filter of a branch's gateway that is none of ours.
    pub fn foreign_table(&self, branch: u8, name: &str) {
        let rules = format!(
            "table inet {name} {{ counter mine {{ }}; chain c {{ type filter hook forward priority 0; counter name mine; }}; }}"
        );
        self.branches[usize::from(branch) - 1].exec(&["nft", &rules]);
    }

    /// Lays a second line to a branch, with its own interface `backup` there, by which the branch's traffic goes from
    /// now on: what is cut is then told by another way.
    pub fn second_line(&self, branch: u8) {
        let (at, router, spare) = (&self.branches[usize::from(branch) - 1], &self.router, spare(branch));
        let network = SPARE + branch;
        lay(at, "backup", router, &spare, network);
        let gateway = gateway_address(network).to_string();
        at.ip(&["route", "add", "default", "via", &gateway, "dev", "backup", "metric", "10"]);
        at.ip(&["route", "del", "default", "dev", "uplink"]);
        let first = gateway_address(branch).to_string();
        at.ip(&["route", "add", "default", "via", &first, "dev", "uplink", "metric", "20"]);
        // An answer may come in by another line than traffic leaves by.
        for scope in ["all", "uplink", "backup"] {
            at.sysctl(&format!("net/ipv4/conf/{scope}/rp_filter"), "0");
        }
        watch_line(router, &spare);
    }

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

    /// Lets the centre answer for a whole block of addresses, to which a branch's packets find their way.
    pub fn settle_block(&self, block: &str) {
        self.centre.ip(&["route", "add", "local", block, "dev", "lo"]);
        self.router.ip(&["route", "add", block, "via", &address(0).to_string()]);
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

/// The router's end of a branch's line.
fn line(branch: u8) -> String {
    format!("line-{branch}")
}

/// The router's end of a branch's second line, and what its network is numbered from.
fn spare(branch: u8) -> String {
    format!("spare-{branch}")
}
const SPARE: u8 = 100;
/// What the networks of institutions are numbered from.
const PARTNERS: u8 = 200;

/// The network of an institution, counted from 1.
pub fn partner_network(number: u8) -> String {
    format!("10.90.{}.0/24", PARTNERS + number)
}

/// Makes a place for the faults of a line.
fn watch_line(router: &Namespace, line: &str) {
    router.exec(&["nft", &format!("add chain inet faults {line}")]);
    for way in ["iifname", "oifname"] {
        router.exec(&["nft", &format!("add rule inet faults lines {way} {line} jump {line}")]);
    }
}

fn address(network: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 90, network, 2)
}

fn gateway_address(network: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 90, network, 1)
}

/// Lays a line between two namespaces: `uplink` on the one, `name` on the other, which is its gateway.
fn join(one: &Namespace, gateway: &Namespace, name: &str, network: u8) {
    lay(one, "uplink", gateway, name, network);
    one.ip(&["route", "add", "default", "via", &gateway_address(network).to_string(), "dev", "uplink"]);
}

/// Lays a line without a route over it.
fn lay(one: &Namespace, end: &str, gateway: &Namespace, name: &str, network: u8) {
    one.ip(&["link", "add", end, "type", "veth", "peer", "name", name, "netns", &gateway.0]);
    one.ip(&["address", "add", &format!("{}/24", address(network)), "dev", end]);
    gateway.ip(&["address", "add", &format!("{}/24", gateway_address(network)), "dev", name]);
    gateway.ip(&["link", "set", name, "up"]);
    one.ip(&["link", "set", end, "up"]);
}
