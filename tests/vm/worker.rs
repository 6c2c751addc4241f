//! A cluster with one node: a guest whose kubelet speaks to a control plane of the test's own.
#![allow(dead_code, reason = "what scenarios of a cluster need")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};

use crate::cluster::{ADMIN, Api, ControlPlane, Network, Setup, node_disk};
use crate::lab::{Guest, Node, PowerOn};

pub(crate) const NODE: &str = "node1";
/// Users there are for these too; a test may pretend to be their kubelet.
const OTHERS: [&str; 2] = ["node2", "node3"];
const PODS: &str = "/api/v1/namespaces/default/pods";
const ESTABLISHED: [&str; 5] = [
    "wait",
    "--for=condition=Established",
    "crd",
    "--all",
    "--timeout=60s",
];
/// Where the node keeps its credential.
const CA: &str = "/etc/kubernetes/ca.pem";
const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";
/// It takes half a minute, and many times that where others work too.
const PATIENCE: Duration = Duration::from_secs(240);

/// Both end when this is dropped.
pub(crate) struct Worker {
    // First, so that it ends first.
    pub(crate) guest: Guest,
    pub(crate) cluster: ControlPlane,
}

impl Worker {
    /// A node that is ready and has no pod yet, saved on first use.
    pub(crate) fn resume() -> Result<Self> {
        let network = Arc::new(Network::new()?);
        let node = Node::new(&node_disk()?, &*network)?;
        let saved = saved(&node)?;
        let setup = Setup {
            controllers: true,
            network: Some(&network),
            ..Setup::default()
        };
        let (cluster, guest) = thread::scope(|scope| {
            let cluster = scope.spawn(|| ControlPlane::resume(&saved.join("cluster"), setup));
            let guest = node.resume(&saved.join("guest"));
            (cluster.join(), guest)
        });
        let cluster = cluster.map_err(|_| anyhow!("the control plane's thread panicked"))??;
        let worker = Self {
            guest: guest?,
            cluster,
        };
        worker.wait_until_alive()?;
        Ok(worker)
    }

    /// Boots a guest and lets it join a new cluster.
    fn boot(network: &Arc<Network>, node: &Node) -> Result<Self> {
        let [two, three] = OTHERS;
        let cluster = ControlPlane::new(Setup {
            nodes: &[NODE, two, three],
            controllers: true,
            network: Some(network),
            ..Setup::default()
        })?;
        let guest = PowerOn::new().node(node).boot()?;
        guest.run("modprobe -a igb igbvf && udevadm settle")?;
        let kubelet = cluster.kubeconfig_for_guests(&format!("system:node:{NODE}"), CA);
        guest.put(cluster.ca()?, CA, 0o644)?;
        guest.put(kubelet, KUBECONFIG, 0o600)?;
        guest.put(format!("NODE={NODE}\n"), "/etc/kubernetes/node", 0o644)?;
        let start = "mkdir -p /opt/node && mount -o ro LABEL=node /opt/node && /opt/node/start";
        guest.run_for(start, PATIENCE)?;
        let worker = Self { guest, cluster };
        worker.until("the node is ready", || worker.is_ready())?;
        Ok(worker)
    }

    pub(crate) fn admin(&self) -> Result<Api> {
        self.cluster.api(ADMIN)
    }

    /// The node as the cluster knows it.
    pub(crate) fn node(&self) -> Result<Value> {
        self.admin()?.get(&format!("/api/v1/nodes/{NODE}"))?.ok()
    }

    fn is_ready(&self) -> Result<bool> {
        let answer = self.admin()?.get(&format!("/api/v1/nodes/{NODE}"))?;
        let conditions = answer.body["status"]["conditions"].as_array();
        let is_true = |it: &Value| it["type"] == "Ready" && it["status"] == "True";
        Ok(conditions.is_some_and(|all| all.iter().any(is_true)))
    }

    /// Its kubelet is in touch with the control plane, and has said so.
    fn wait_until_alive(&self) -> Result<()> {
        let admin = self.admin()?;
        let lease =
            format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{NODE}");
        // A node that has just become ready may have none yet.
        let renewed = || anyhow::Ok(admin.get(&lease)?.body["spec"]["renewTime"].clone());
        let before = renewed()?;
        self.until("the node is alive", || Ok(renewed()? != before))?;
        self.until("the node is ready", || self.is_ready())
    }

    /// From now on pods get the networks that their annotations ask for.
    pub(crate) fn add_multus(&self) -> Result<()> {
        let manifests = sriovd_tests::root().join("tests/cluster/manifests");
        let manifests = manifests.to_str().context("no UTF-8")?;
        self.cluster.kubectl(&["apply", "--filename", manifests])?;
        self.cluster.kubectl(&ESTABLISHED)?;
        let kubeconfig = self.cluster.kubeconfig_for_guests(ADMIN, CA);
        self.guest
            .put(kubeconfig, "/etc/kubernetes/multus", 0o600)?;
        // containerd takes the first file, and looks again when one is put there.
        let multus = "cp /opt/node/multus.conf /etc/cni/net.d/00-multus.conf";
        self.guest.run(multus)?;
        Ok(())
    }

    pub(crate) fn create_pod(&self, pod: &Value) -> Result<()> {
        self.admin()?.create(PODS, pod)?.ok()?;
        Ok(())
    }

    pub(crate) fn wait_for_pod(&self, name: &str) -> Result<Value> {
        let (admin, path) = (self.admin()?, format!("{PODS}/{name}"));
        let get = || admin.get(&path)?.ok();
        let running = || Ok(get()?["status"]["phase"] == "Running");
        self.until("the pod runs", running)
            .with_context(|| self.events(name))?;
        get()
    }

    pub(crate) fn delete_pod(&self, name: &str) -> Result<()> {
        let (admin, path) = (self.admin()?, format!("{PODS}/{name}"));
        admin.delete(&path)?.ok()?;
        self.until("the pod is gone", || Ok(admin.get(&path)?.status == 404))
    }

    /// What the pod's container has said. The API server has no way to the kubelet, so its logs are read where they lie.
    pub(crate) fn pod_log(&self, name: &str) -> Result<String> {
        self.guest
            .run(&format!("cat /var/log/pods/default_{name}_*/box/*.log"))
    }

    /// For an error: what the cluster has to say of a pod.
    fn events(&self, name: &str) -> String {
        let of = format!("involvedObject.name={name}");
        let events = ["get", "events", "--field-selector", &of];
        let events = self.cluster.kubectl(&events);
        events.unwrap_or_else(|error| format!("no events: {error:#}"))
    }

    /// For what gives no event; the guest needs the processors meanwhile.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds()? {
            if Instant::now() > deadline {
                let journal = "journalctl --no-pager --lines 30 -u kubelet -u containerd";
                let journal = self.guest.try_run(journal)?;
                return Err(anyhow!("{what}: not in {PATIENCE:?}\n{}", journal.stdout));
            }
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }
}

/// A pod with one container of busybox, which runs a shell script.
pub(crate) fn pod(name: &str, script: &str) -> Value {
    let container = json!({
        "name": "box", "image": "localhost/box:1", "imagePullPolicy": "Never",
        "command": ["sh", "-c", script],
    });
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name },
        "spec": { "terminationGracePeriodSeconds": 1, "containers": [container] },
    })
}

/// The directory of a saved cluster and its saved node, made on first use by one process at a time.
fn saved(node: &Node) -> Result<PathBuf> {
    let saved = node.snapshot("ready")?;
    if saved.exists() {
        return Ok(saved);
    }
    let directory = saved.parent().context("no parent")?;
    let lock = File::create(directory.join("node.lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if !saved.exists() {
        remove_old(directory)?;
        let unfinished = saved.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished)?;
        }
        fs::create_dir(&unfinished)?;
        let network = Arc::new(Network::new()?);
        let node = Node::new(&node_disk()?, &*network)?;
        let Worker { guest, cluster } = Worker::boot(&network, &node)?;
        node.save(&guest, &unfinished.join("guest"))?;
        drop(guest);
        cluster.save(&unfinished.join("cluster"))?;
        fs::rename(&unfinished, &saved)?;
    }
    Ok(saved)
}

/// What was saved from other programs than today's; not what another run may just be using.
fn remove_old(directory: &Path) -> Result<()> {
    const OLD: Duration = Duration::from_secs(3600);
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_one = entry.file_name().to_string_lossy().starts_with("node-");
        if is_one && entry.metadata()?.modified()?.elapsed()? > OLD {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
