//! Open vSwitch in a namespace, and a PF whose bridge is in it.

use serde_json::Value;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::bridge::OpenVswitch;
use sriovd_core::model::{Action, Node, PciAddress, PfSnapshot, PfStep, Step};
use sriovd_core::plan::Blocked;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::file::parse;
use sriovd_core::reconcile::{Addresses, End, Outcome, Pass};
use sriovd_host::ovsdb::Ovsdb;
use sriovd_sim::{DriverModel, MemoryLedger, Quiet, SimHost, SimPf};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const PF: &str = "0000:01:00.0";
pub const UPLINK: &str = "enp1s0";

pub fn pf() -> PciAddress {
    PF.parse().unwrap()
}

/// Ended with the value.
pub struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Open vSwitch in a network namespace of its own.
pub struct Switch {
    pub server: Option<Program>,
    pub daemon: Option<Program>,
    /// Has the namespace.
    holder: Program,
    directory: TempDir,
}

impl Switch {
    fn new() -> Self {
        let holder = Command::new("unshare")
            .args(["--net", "sleep", "infinity"])
            .spawn()
            .unwrap();
        let mut switch = Self {
            server: None,
            daemon: None,
            holder: Program(holder),
            directory: TempDir::new().unwrap(),
        };
        let own = format!("/proc/{}/ns/net", std::process::id());
        let theirs = format!("/proc/{}/ns/net", switch.holder.0.id());
        let is_apart = || std::fs::read_link(&own).unwrap() != std::fs::read_link(&theirs).unwrap();
        wait("a network namespace", is_apart);
        let database = switch.path("conf.db");
        let schema = Path::new("/usr/share/openvswitch/vswitch.ovsschema");
        switch.run("ovsdb-tool", &["create".as_ref(), &database, schema]);
        switch.serve();
        switch.vsctl(&["--no-wait", "init"]);
        switch.forward();
        switch
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.holder.0.id()));
        command
            .arg(program)
            .env("OVS_RUNDIR", self.directory.path());
        command
    }

    fn run(&self, program: &str, arguments: &[&Path]) -> String {
        let done = self.command(program).args(arguments).output().unwrap();
        let told = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} {arguments:?}: {told}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn start(&self, program: &str, arguments: &[String]) -> Program {
        let log = std::fs::File::create(self.path(&format!("{program}.log"))).unwrap();
        let mut command = self.command(program);
        command.args(arguments).stderr(log).stdout(Stdio::null());
        Program(command.spawn().unwrap())
    }

    pub fn serve(&mut self) {
        let socket = self.path("db.sock");
        let arguments = [
            format!("--remote=punix:{}", socket.display()),
            format!("--unixctl={}", self.path("server.ctl").display()),
            self.path("conf.db").display().to_string(),
        ];
        self.server = Some(self.start("ovsdb-server", &arguments));
        wait("ovsdb-server", || socket.exists());
    }

    pub fn forward(&mut self) {
        let arguments = [
            format!("--unixctl={}", self.path("daemon.ctl").display()),
            format!("unix:{}", self.path("db.sock").display()),
        ];
        self.daemon = Some(self.start("ovs-vswitchd", &arguments));
    }

    /// As an administrator, or the reference.
    pub fn vsctl(&self, arguments: &[&str]) -> String {
        let database = format!("--db=unix:{}", self.path("db.sock").display());
        let timeout = "--timeout=20";
        let all = [&[database.as_str(), timeout], arguments].concat();
        let paths: Vec<&Path> = all.iter().map(Path::new).collect();
        self.run("ovs-vsctl", &paths)
    }

    pub fn ip(&self, arguments: &str) {
        let arguments: Vec<&Path> = arguments.split(' ').map(Path::new).collect();
        self.run("ip", &arguments);
    }

    pub fn add_link(&self, name: &str) {
        self.ip(&format!("link add {name} type veth peer name p-{name}"));
    }

    pub fn ports(&self, bridge: &str) -> BTreeSet<String> {
        self.vsctl(&["list-ports", bridge])
            .lines()
            .map(str::to_owned)
            .collect()
    }

    /// What a table holds, without what differs from one bridge made so to the next.
    pub fn rows(&self, table: &str, columns: &str, name: &str) -> Value {
        let columns = format!("--columns={columns}");
        let condition = format!("name={name}");
        let told = self.vsctl(&["--format=json", &columns, "find", table, &condition]);
        serde_json::from_str::<Value>(&told).unwrap()["data"].take()
    }
}

#[track_caller]
pub fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "waited for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The PF is imagined, its bridge is not.
pub struct Mixed {
    pub imagined: SimHost,
    pub database: Ovsdb,
}

impl Host for Mixed {
    fn node(&self) -> Result<Node, HostError> {
        self.imagined.node()
    }

    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        self.imagined.pfs()
    }

    fn pf_of(&self, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
        self.imagined.pf_of(device)
    }

    fn observe(&self, pf: PciAddress, look: Look) -> Result<Option<PfSnapshot>, HostError> {
        self.imagined.observe(pf, look)
    }

    fn open_vswitch(&self) -> OpenVswitch {
        self.database.look()
    }

    fn apply(&self, action: &Action) -> Result<(), HostError> {
        match &action.step {
            Step::Pf(PfStep::SetBridge(change)) => self.database.set_bridge(action.pf, change),
            Step::Pf(PfStep::RemoveBridge { name }) => self.database.remove_bridge(action.pf, name),
            _ => self.imagined.apply(action),
        }
    }
}

pub struct Lab {
    pub switch: Switch,
    pub host: Mixed,
    pub policies: PolicySet,
    pub ledger: MemoryLedger,
    addresses: Addresses,
    blocked: Blocked,
}

impl Lab {
    pub fn new(bridge: &str) -> Self {
        let switch = Switch::new();
        let imagined = SimHost::default();
        imagined.plug(SimPf::new(pf(), DriverModel::MLX5));
        imagined.finish_name(pf(), UPLINK.parse().unwrap());
        let database = Ovsdb::at(switch.path("db.sock"));
        let mut lab = Self {
            switch,
            host: Mixed { imagined, database },
            policies: PolicySet::default(),
            ledger: MemoryLedger::default(),
            addresses: Addresses::default(),
            blocked: Blocked::default(),
        };
        lab.want(bridge);
        lab.switch.add_link(UPLINK);
        for vf in 0..2 {
            lab.switch.add_link(&format!("{UPLINK}r{vf}"));
        }
        lab
    }

    pub fn want(&mut self, bridge: &str) {
        let text = format!(
            "[[policy]]\nname = \"a\"\nnum_vfs = 2\neswitch_mode = \"switchdev\"\n\
             match = {{ pf_name = \"*\" }}\n{bridge}\n"
        );
        let content = parse(Path::new("a.toml"), &text).unwrap();
        self.policies.policies = content.policies;
    }

    pub fn pass(&mut self) -> Outcome {
        let node = self.host.node().unwrap();
        let pass = Pass {
            host: &self.host,
            policies: &self.policies,
            node: &node,
            ledger: &self.ledger,
            addresses: &self.addresses,
            progress: &Quiet,
            force: false,
            paused: None,
            interface_is_overdue: false,
        };
        let outcome = pass.run(pf(), std::mem::take(&mut self.blocked));
        self.blocked = outcome.blocked.clone();
        self.blocked.allow_retries();
        outcome
    }

    /// What a pass did to bridges, and what it tells.
    #[track_caller]
    pub fn passes(&mut self, did: &[&str], tells: &[&str]) {
        let outcome = self.pass();
        let performed = outcome.performed.iter().map(|it| it.step.to_string());
        let of_bridges: Vec<_> = performed.filter(|it| it.starts_with("bridge")).collect();
        let End::Seen { problems, .. } = outcome.end else {
            panic!("{:?}", outcome.end);
        };
        let told: Vec<_> = problems.iter().map(|it| it.reason.as_str()).collect();
        let is_told = |(told, expected): (&&str, &&str)| told.contains(expected);
        let all = told.len() == tells.len() && told.iter().zip(tells).all(is_told);
        assert!(all && of_bridges == did, "{of_bridges:?}, {told:#?}");
    }
}
