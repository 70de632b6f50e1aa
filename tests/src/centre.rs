//! A controller and its agents, as a person would start them.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::daemon::Daemon;
use crate::net::Place;
use crate::{binaries, tool, wait};

/// What a process finds in its environment beside what the test has.
pub type Environment = Vec<(String, String)>;

/// How long a daemon may take to be there. Generous: two stories share two slow processors, and a
/// controller reads what it kept of the last hour or two before it listens.
const START: Duration = Duration::from_secs(60);
/// How long a daemon may take to end in good order.
pub const END: Duration = Duration::from_secs(15);

/// A controller started with `wasl serve`.
pub struct Centre {
    /// The process.
    pub daemon: Daemon,
    /// Speaks to it from its own machine.
    pub client: Client,
    place: Place,
    dir: PathBuf,
    http: SocketAddr,
    agents: SocketAddr,
    options: Vec<String>,
    environment: Environment,
}

impl Centre {
    /// Writes the configuration and starts the controller. Everything of it lies in `dir`.
    pub fn start(
        place: &Place,
        dir: &Path,
        configuration: &str,
        http: SocketAddr,
        agents: SocketAddr,
    ) -> Self {
        Self::start_with(place, dir, configuration, http, agents, &[])
    }

    /// The same with further options of `wasl serve`.
    pub fn start_with(
        place: &Place,
        dir: &Path,
        configuration: &str,
        http: SocketAddr,
        agents: SocketAddr,
        options: &[&str],
    ) -> Self {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let config = dir.join("config");
        fs::create_dir_all(&config).expect("a folder of our own");
        fs::write(config.join("wasl.yaml"), configuration).expect("written");
        let environment = Environment::new();
        let daemon = serve(place, dir, http, agents, &options, &environment);
        let mut centre = Self {
            client: Client::new(place, http),
            daemon,
            place: place.clone(),
            dir: dir.to_owned(),
            http,
            agents,
            options,
            environment,
        };
        centre.await_ready();
        centre
    }

    /// What its next start finds in its environment.
    pub fn set_environment(&mut self, environment: Environment) {
        self.environment = environment;
    }

    /// Starts it again after its end, on the same ports.
    pub fn start_again(&mut self) {
        self.launch_again();
        self.await_ready();
    }

    /// The same without waiting until it is there.
    pub fn launch_again(&mut self) {
        assert!(self.daemon.ended().is_some(), "it has not ended");
        let (http, agents) = (self.client.address(), self.agents_listener_or(self.agents));
        self.http = SocketAddr::new(self.http.ip(), http.port());
        self.agents = SocketAddr::new(self.agents.ip(), agents.port());
        let _ = fs::remove_file(self.state().join("addresses.json"));
        self.daemon = serve(&self.place, &self.dir, self.http, self.agents, &self.options, &self.environment);
    }

    /// Reads where it listens, and waits until it answers.
    pub fn await_ready(&mut self) {
        let addresses = wait::until("the controller tells its addresses", START, || {
            self.daemon.assert_running();
            self.addresses()
        });
        self.client = Client::of(&self.place, &addresses);
        self.agents = self.agents_listener_or(self.agents);
        wait::until("the controller answers", START, || {
            self.daemon.assert_running();
            self.client.try_get("/healthz").ok().filter(|answer| answer.status.is_success())
        });
    }

    fn addresses(&self) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.state().join("addresses.json")).ok()?).ok()
    }

    fn agents_listener_or(&self, other: SocketAddr) -> SocketAddr {
        let told = self.addresses().and_then(|all| all["agents"].as_str()?.parse().ok());
        told.unwrap_or(other)
    }

    /// Where agents connect.
    pub fn agents_listener(&self) -> SocketAddr {
        self.agents
    }

    /// Its state folder.
    pub fn state(&self) -> PathBuf {
        self.dir.join("controller")
    }

    /// Its folder of configuration.
    pub fn config(&self) -> PathBuf {
        self.dir.join("config")
    }

    /// Speaks to it as its own commands do.
    pub fn admin(&self) -> Client {
        let token = fs::read_to_string(self.state().join("cli.token")).expect("it has made a token");
        self.client.with("authorization", &format!("Bearer {}", token.trim()))
    }

    /// Runs a command of `wasl` beside it.
    pub fn wasl(&self, args: &[&str]) -> Output {
        let mut command = self.place.command(binaries::path("wasl"));
        tool::output(command.args(args).arg("--state").arg(self.state()))
    }

    /// Makes a token for one agent; the file that holds it.
    pub fn token(&self, site: &str, role: &str, name: &str) -> PathBuf {
        let made = self.wasl(&["token", "create", "--site", site, "--role", role, "--name", name]);
        assert!(made.status.success(), "no token: {}", String::from_utf8_lossy(&made.stderr));
        let file = self.dir.join(format!("{name}.token"));
        write_secret(&file, &String::from_utf8_lossy(&made.stdout));
        file
    }

    /// Makes an account with this password.
    pub fn account(&self, name: &str, role: &str, password: &str) {
        let answer = self.admin().post(
            "/api/v1/accounts",
            &serde_json::json!({ "name": name, "role": role, "password": password }),
        );
        assert_eq!(answer.status.as_u16(), 204, "{}", answer.text());
    }

    /// What is known of one entity; `None` before it is known.
    pub fn entity(&self, path: &str) -> Option<Value> {
        self.admin().try_json(&format!("/api/v1/entities/{path}"))
    }

    /// An agent as the API shows it.
    pub fn agent(&self, name: &str) -> Option<Value> {
        let all = self.admin().try_json("/api/v1/agents")?;
        all["items"].as_array()?.iter().find(|agent| agent["id"] == name).cloned()
    }

    /// Whether an agent has a session.
    pub fn is_connected(&self, name: &str) -> bool {
        self.agent(name).is_some_and(|agent| agent["connected"] == true)
    }

    /// Waits until an agent has a session.
    pub fn await_agent(&self, name: &str) {
        wait::until_true(&format!("{name} connects"), START, || self.is_connected(name));
    }

    /// Waits until an entity satisfies `wanted`.
    pub fn await_entity(
        &self,
        what: &str,
        path: &str,
        within: Duration,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Value {
        let mut last = None;
        let begun = std::time::Instant::now();
        loop {
            last = self.entity(path).or(last);
            if let Some(found) = last.as_ref().filter(|entity| wanted(entity)) {
                return found.clone();
            }
            assert!(
                begun.elapsed() < within,
                "waited {within:?} in vain: {what}; {path} is {}",
                last.map_or_else(|| "unknown".to_owned(), |entity| format!("{entity:#}"))
            );
            wait::during(Duration::from_millis(100), || {});
        }
    }

    /// A series' points between two times, milliseconds since 1970; none before anything was kept of it.
    pub fn history(&self, series: &str, from: i64, to: i64) -> Vec<(i64, Option<f64>)> {
        let path = format!("/api/v1/history?series={}&from={from}&to={to}", crate::client::encoded(series));
        if self.client.get(&path).status == 404 {
            return Vec::new();
        }
        let answer = self.client.json(&path);
        let points = answer["points"].as_array().expect("points are a list");
        points
            .iter()
            .map(|point| (point[0].as_i64().expect("a time is a number"), point[1].as_f64()))
            .collect()
    }

    /// The accounts of an agent's epochs; empty before it has delivered anything.
    pub fn accounts_of(&self, agent: &str) -> Vec<Value> {
        let all = self.client.json(&format!("/api/v1/accounting?agent={agent}"));
        all.as_array().expect("accounts are a list").clone()
    }

    /// The account of an agent's one epoch.
    pub fn account_of(&self, agent: &str) -> Value {
        let all = self.accounts_of(agent);
        assert_eq!(all.len(), 1, "an agent whose spool was never lost has one epoch: {all:#?}");
        all[0].clone()
    }

    /// The metrics page.
    pub fn metrics(&self) -> String {
        let answer = self.client.get("/metrics");
        assert!(answer.status.is_success(), "{}", answer.text());
        answer.text()
    }
}

fn serve(
    place: &Place,
    dir: &Path,
    http: SocketAddr,
    agents: SocketAddr,
    options: &[String],
    environment: &Environment,
) -> Daemon {
    let mut command = program(place, "wasl", environment);
    command.arg("serve").arg("--config").arg(dir.join("config")).arg("--state").arg(dir.join("controller"));
    command.args(["--http", &http.to_string(), "--agents", &agents.to_string()]).args(options);
    Daemon::start("controller", command, dir)
}

/// A command of one of the programs with something in its environment. It is set behind the wrappers that lead to the
/// place, so that it concerns the program alone.
fn program(place: &Place, name: &str, environment: &Environment) -> Command {
    let path = binaries::path(name);
    if environment.is_empty() {
        return place.command(path);
    }
    let mut command = place.command("/usr/bin/env");
    command.args(environment.iter().map(|(key, value)| format!("{key}={value}"))).arg(path);
    command
}

/// An agent that has joined.
pub struct Agent {
    /// Its name.
    pub name: String,
    daemon: Option<Daemon>,
    place: Place,
    dir: PathBuf,
    state: PathBuf,
    environment: Environment,
    options: Vec<String>,
}

impl Agent {
    /// Lets an agent join a centre with a token of its own; it does not run yet.
    pub fn join(centre: &Centre, place: &Place, dir: &Path, site: &str, role: &str, name: &str) -> Self {
        let agent = Self::prepare(place, dir, name);
        let token = centre.token(site, role, name);
        let output = agent.try_join(centre.agents_listener(), &token);
        assert!(
            output.status.success(),
            "{name} could not join: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        agent
    }

    /// An agent that has not joined yet.
    pub fn prepare(place: &Place, dir: &Path, name: &str) -> Self {
        let state = dir.join(name);
        Self {
            name: name.to_owned(),
            daemon: None,
            place: place.clone(),
            dir: dir.to_owned(),
            state,
            environment: Environment::new(),
            options: Vec::new(),
        }
    }

    /// Tries to join.
    pub fn try_join(&self, listener: SocketAddr, token: &Path) -> Output {
        let mut command = self.place.command(binaries::path("wasl-agent"));
        command.args(["join", "--controller", &listener.to_string(), "--token"]).arg(token);
        tool::output(command.arg("--state").arg(&self.state))
    }

    /// A second machine with a copy of this one's disk.
    #[must_use]
    pub fn clone_to(&self, place: &Place, folder: &str) -> Self {
        let state = self.dir.join(folder);
        tool::run("cp", &["-a", &self.state.to_string_lossy(), &state.to_string_lossy()]);
        Self {
            name: folder.to_owned(),
            daemon: None,
            place: place.clone(),
            dir: self.dir.clone(),
            state,
            environment: self.environment.clone(),
            options: self.options.clone(),
        }
    }

    /// What its next start finds in its environment.
    pub fn set_environment(&mut self, environment: Environment) {
        self.environment = environment;
    }

    /// Further options of `wasl-agent run` from its next start on.
    pub fn set_options(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
    }

    /// Starts it.
    pub fn start(&mut self) {
        assert!(self.daemon.as_mut().is_none_or(|daemon| daemon.ended().is_some()), "it runs already");
        let mut command = program(&self.place, "wasl-agent", &self.environment);
        command.arg("run").arg("--state").arg(&self.state).args(&self.options);
        self.daemon = Some(Daemon::start(&self.name, command, &self.dir));
    }

    /// The process.
    pub fn daemon(&mut self) -> &mut Daemon {
        self.daemon.as_mut().expect("it was started")
    }

    /// Ends it in good order.
    pub fn end(&mut self) {
        let name = self.name.clone();
        let status = self.daemon().end(Signal::SIGTERM, END);
        assert!(status.success(), "{name} ended with {status}:\n{}", self.daemon().tail());
    }

    /// Its state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Puts a secret where the agent looks for it.
    pub fn secret(&self, name: &str, value: &str) {
        let folder = self.state.join("secrets");
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.expect("a folder of our own");
        write_secret(&folder.join(name), value);
    }

    /// The agent's own account of the spool that it writes.
    pub fn spool(&self) -> Value {
        self.spools().swap_remove(0)
    }

    /// The agent's own accounts: of the spool that it writes, and of those that it left behind.
    pub fn spools(&self) -> Vec<Value> {
        let mut command = self.place.command(binaries::path("wasl-agent"));
        let said = tool::finish(command.args(["spool", "--json", "--state"]).arg(&self.state));
        let document: Value = serde_json::from_str(&said).expect("it prints JSON");
        document["items"].as_array().expect("a list").clone()
    }
}

/// Writes a file that only its owner can read.
pub fn write_secret(file: &Path, text: &str) {
    use std::io::Write;
    let made = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file);
    made.and_then(|mut file| file.write_all(text.as_bytes()))
        .unwrap_or_else(|error| panic!("writing {}: {error}", file.display()));
}
