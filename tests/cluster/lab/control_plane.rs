//! etcd, the API server and, where wanted, controllers and scheduler.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::api::Api;
use super::credentials::{self, CA, CERTIFICATE, KEY, SIGNED_BY, SIGNING_KEY, TOKENS};
use super::keeper::{Keeper, Program};
use super::network::Network;
use super::programs::program;

/// The user who may do everything.
pub const ADMIN: &str = "admin";
const CONTROLLERS: &str = "system:kube-controller-manager";
const SCHEDULER: &str = "system:kube-scheduler";
const PORT: u16 = 6443;
const ETCD: &str = "http://127.0.0.1:2379";
const ETCD_PEERS: &str = "http://127.0.0.1:2380";
/// It takes five seconds, and many times that where others work too.
const PATIENCE: Duration = Duration::from_secs(180);
const AUDIT_POLICY: &str = r#"{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}]}"#;

/// What a cluster is to consist of.
#[derive(Default, Clone, Copy)]
pub struct Setup<'a> {
    /// Each has a user `system:node:NAME`, as whom its kubelet speaks. They need not exist.
    pub nodes: &'a [&'a str],
    /// Garbage collection, service accounts' tokens, DaemonSets, pods that get a node: all that takes more than storage.
    pub controllers: bool,
    /// More of the API server's flags.
    pub flags: &'a [&'a str],
    /// One that is shared with others, rather than one of its own.
    pub network: Option<&'a Arc<Network>>,
}

/// A running cluster; it ends when this is dropped.
pub struct ControlPlane {
    // First, so that they are dropped first: the API server never ends by itself once etcd is gone.
    scheduler: Option<Program>,
    controllers: Option<Program>,
    api_server: Option<Program>,
    etcd: Option<Program>,
    keeper: Keeper,
    network: Arc<Network>,
    flags: Vec<String>,
    directory: TempDir,
}

impl ControlPlane {
    /// Without controllers.
    pub fn start(nodes: &[&str]) -> Result<Self> {
        Self::new(Setup {
            nodes,
            ..Setup::default()
        })
    }

    pub fn with_controllers(nodes: &[&str]) -> Result<Self> {
        Self::new(Setup {
            nodes,
            controllers: true,
            ..Setup::default()
        })
    }

    pub fn new(setup: Setup<'_>) -> Result<Self> {
        let directory = directory()?;
        let mut users: Vec<_> = vec![(ADMIN.to_owned(), "system:masters")];
        users.extend([CONTROLLERS, SCHEDULER].map(|user| (user.to_owned(), "")));
        let node = |name: &&str| (format!("system:node:{name}"), "system:nodes");
        users.extend(setup.nodes.iter().map(node));
        credentials::make(directory.path(), &users)?;
        fs::write(directory.path().join("audit-policy.json"), AUDIT_POLICY)?;
        Self::run(directory, setup)
    }

    /// A cluster as it was saved; the nodes are those that it was started with.
    pub fn resume(saved: &Path, setup: Setup<'_>) -> Result<Self> {
        let directory = directory()?;
        copy(saved, directory.path())?;
        Self::run(directory, setup)
    }

    /// Ends the cluster, and keeps what is in it.
    pub fn save(mut self, to: &Path) -> Result<()> {
        (self.scheduler, self.controllers) = (None, None);
        self.stop_api_server();
        let etcd = self.etcd.take().context("etcd is not running")?;
        etcd.end(PATIENCE)?;
        copy(self.directory.path(), to)
    }

    fn run(directory: TempDir, setup: Setup<'_>) -> Result<Self> {
        let network = match setup.network {
            Some(network) => Arc::clone(network),
            None => Arc::new(Network::new()?),
        };
        let keeper = Keeper::new(&network, directory.path());
        let mut cluster = Self {
            scheduler: None,
            controllers: None,
            api_server: None,
            etcd: None,
            keeper,
            network,
            flags: setup.flags.iter().map(|&flag| flag.to_owned()).collect(),
            directory,
        };
        cluster.etcd = Some(cluster.start_etcd()?);
        cluster.start_api_server()?;
        if setup.controllers {
            cluster.start_controllers()?;
        }
        Ok(cluster)
    }

    fn start_etcd(&self) -> Result<Program> {
        let flags = [
            format!("--data-dir={}", self.file("etcd").display()),
            // Nothing in a test outlives the machine.
            "--unsafe-no-fsync".to_owned(),
            format!("--listen-client-urls={ETCD}"),
            format!("--advertise-client-urls={ETCD}"),
            format!("--listen-peer-urls={ETCD_PEERS}"),
            format!("--initial-advertise-peer-urls={ETCD_PEERS}"),
            format!("--initial-cluster=default={ETCD_PEERS}"),
            "--log-level=warn".to_owned(),
        ];
        self.component("etcd", &flags)
    }

    /// Starts it (again) and waits until it is ready.
    pub fn start_api_server(&mut self) -> Result<()> {
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.file(name).display());
        let mut flags = vec![
            format!("--etcd-servers={ETCD}"),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={PORT}"),
            file("tls-cert-file", CERTIFICATE),
            file("tls-private-key-file", KEY),
            file("token-auth-file", TOKENS),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            file("service-account-key-file", SIGNED_BY),
            file("service-account-signing-key-file", SIGNING_KEY),
            "--service-cluster-ip-range=10.96.0.0/24".to_owned(),
            // In a network without a way out it finds no address of its own, and gives up.
            "--advertise-address=10.0.2.2".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
            "--allow-privileged".to_owned(),
            "--profiling=false".to_owned(),
            file("audit-policy-file", "audit-policy.json"),
            file("audit-log-path", "audit.log"),
        ];
        flags.extend(self.flags.iter().cloned());
        self.api_server = Some(self.component("kube-apiserver", &flags)?);
        let admin = self.api(ADMIN)?;
        self.wait(|| {
            Ok(admin
                .get("/readyz")
                .is_ok_and(|answer| answer.status == 200))
        })
    }

    /// Kills it, as a power failure would.
    pub fn stop_api_server(&mut self) {
        self.api_server = None;
    }

    /// Starts controllers and scheduler, and waits until pods can be made.
    fn start_controllers(&mut self) -> Result<()> {
        let flags = |user: &str| -> Result<Vec<String>> {
            Ok(vec![
                format!("--kubeconfig={}", self.kubeconfig(user)?.display()),
                "--leader-elect=false".to_owned(),
                "--secure-port=0".to_owned(),
                "--profiling=false".to_owned(),
            ])
        };
        let mut controllers = flags(CONTROLLERS)?;
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.file(name).display());
        controllers.extend([
            file("service-account-private-key-file", SIGNING_KEY),
            file("root-ca-file", CA),
            "--use-service-account-credentials".to_owned(),
        ]);
        let scheduler = flags(SCHEDULER)?;
        self.controllers = Some(self.component("kube-controller-manager", &controllers)?);
        self.scheduler = Some(self.component("kube-scheduler", &scheduler)?);
        let account = "/api/v1/namespaces/default/serviceaccounts/default";
        let admin = self.api(ADMIN)?;
        self.wait(|| Ok(admin.get(account)?.status == 200))
    }

    fn component(&self, name: &str, flags: &[String]) -> Result<Program> {
        let arguments: Vec<&str> = [name]
            .into_iter()
            .chain(flags.iter().map(String::as_str))
            .collect();
        self.keeper.start(name, &program("kube")?, &arguments)
    }

    /// For what gives no event, while all that was started is alive.
    pub fn wait(&mut self, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds()? {
            let all = [
                &mut self.etcd,
                &mut self.api_server,
                &mut self.controllers,
                &mut self.scheduler,
            ];
            for program in all.into_iter().flatten() {
                program.is_alive()?;
            }
            ensure!(
                Instant::now() < deadline,
                "did not come true in {PATIENCE:?}"
            );
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where logs and whatever a test wants to put beside them are.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// Requests as a user: `admin`, or `system:node:NAME`.
    pub fn api(&self, user: &str) -> Result<Api> {
        self.api_of(credentials::token(user))
    }

    /// Requests with a token, a service account's perhaps.
    pub fn api_of(&self, token: String) -> Result<Api> {
        Api::new(Arc::clone(&self.network), &self.file(CA), PORT, token)
    }

    /// A kubeconfig for a guest, which has the CA's certificate in the named file.
    pub fn kubeconfig_for_guests(&self, user: &str, ca: &str) -> String {
        let server = format!("https://{}:{PORT}", credentials::FROM_GUESTS);
        credentials::kubeconfig(Path::new(ca), &credentials::token(user), &server)
    }

    /// The certificate of who signed the API server's.
    pub fn ca(&self) -> Result<String> {
        Ok(fs::read_to_string(self.file(CA))?)
    }

    /// A file for a program in the cluster's network.
    pub fn kubeconfig(&self, user: &str) -> Result<PathBuf> {
        let name = format!("{}.kubeconfig", user.replace(':', "-"));
        self.kubeconfig_of(&credentials::token(user), &name)
    }

    /// The same with a token, a service account's perhaps.
    pub fn kubeconfig_of(&self, token: &str, name: &str) -> Result<PathBuf> {
        let path = self.file(name);
        let server = format!("https://127.0.0.1:{PORT}");
        let text = credentials::kubeconfig(&self.file(CA), token, &server);
        fs::write(&path, text)?;
        Ok(path)
    }

    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(program("kube")?);
        kubectl
            .args(["kubectl", "--kubeconfig"])
            .arg(self.kubeconfig(ADMIN)?)
            .args(arguments)
            .env("HOME", self.directory.path());
        let output = self.network.within(|| Ok(kubectl.output()?))?;
        ensure!(
            output.status.success(),
            "kubectl {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Starts a program in the cluster's network, which ends with it.
    pub fn spawn(&self, name: &str, program: &Path, arguments: &[&str]) -> Result<Program> {
        self.keeper.start(name, program, arguments)
    }

    /// What a user has asked of the API server so far, as it keeps it in its audit log: `verb`, `requestURI`, `stage`, …
    pub fn requests(&self, user: &str) -> Result<Vec<Value>> {
        let log = fs::read_to_string(self.file("audit.log"))?;
        // The last line may still be on its way.
        let lines = log
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'));
        let all: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok(all
            .into_iter()
            .filter(|it| it["user"]["username"] == user)
            .collect())
    }
}

fn directory() -> Result<TempDir> {
    Ok(tempfile::Builder::new()
        .prefix("sriovd-cluster-")
        .tempdir()?)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let status = Command::new("cp")
        .args(["--archive", "--no-target-directory"])
        .args([from, to])
        .status()?;
    ensure!(status.success(), "cp {}: {status}", from.display());
    Ok(())
}
