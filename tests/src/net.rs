//! Networks of a story's own, made of network namespaces, and the faults of their lines.
//!
//! The centre and each branch have a namespace, and one more is the router between them, where the faults
//! live. Nothing leads out of these namespaces, so no story ever speaks to the real network, and the same
//! addresses can be used by every story at once. The names carry the number of the test's process; what a
//! test that was killed left behind is swept up by the next one.

mod faults;
mod lab;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

use nix::sched::{CloneFlags, setns};

use crate::tool;

pub use faults::Fault;
pub use lab::Lab;

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

    /// Lets the centre answer for a whole block of addresses, to which a branch's packets find their way.
    pub fn settle_block(&self, block: &str) {
        self.centre.ip(&["route", "add", "local", block, "dev", "lo"]);
        self.router.ip(&["route", "add", block, "via", &address(0).to_string()]);
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
