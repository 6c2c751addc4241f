//! The device plugin between an agent and a kubelet that are made up, over real sockets: what kubelet is told, in whatever order
//! the three of them start again.

mod agent;
mod allocation;
mod kubelet;
mod pods;

use super::fixture::{pf, vf};
use super::proto::plugin::{
    AllocateRequest, ContainerPreference, ContainerRequest, PreStartContainerRequest,
    PreferredAllocationRequest,
};
use super::{PluginSettings, Registration};
use agent::{Agent, Disk};
use kubelet::{ENDED, Kubelet, connect};
use serde_json::{Value, json};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::thread::{self, JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};
use std::{fs, mem};
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

const RESOURCE: &str = "sriovd.io/fast";
const BOTH: &str = "0000:01:10.0 0000:01:10.1";
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for what must not happen to happen.
const A_WHILE: Duration = Duration::from_millis(300);

/// Ends with all of its connections when this is dropped, as a process does that is killed.
struct Process {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Process {
    fn new(work: impl Future<Output = ()> + Send + 'static) -> Self {
        let (end, ended) = oneshot::channel();
        let thread = spawn(|| {
            executor().block_on(async {
                tokio::select! {
                    () = work => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            end: Some(end),
            thread: Some(thread),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.end.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn executor() -> Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().unwrap()
}

struct Node {
    directory: TempDir,
    disk: Disk,
}

impl Node {
    fn new() -> Self {
        Self {
            directory: TempDir::new().unwrap(),
            disk: Disk::default(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn settings(&self) -> PluginSettings {
        PluginSettings {
            socket: self.path("run/sriovd.sock"),
            kubelet_dir: self.path("kubelet"),
            registration: Registration::Call,
            device_info_dir: self.path("devinfo"),
            spread: false,
            cdi: false,
        }
    }

    fn plugin_with(settings: PluginSettings) -> Process {
        Process::new(async {
            let ended = super::run(settings).await;
            panic!("the device plugin ended: {ended:?}");
        })
    }

    fn plugin(&self) -> Process {
        Self::plugin_with(self.settings())
    }

    fn agent(&self) -> Agent {
        self.agent_with(false, vec![both()])
    }

    fn agent_with(&self, starting: bool, pfs: Vec<Value>) -> Agent {
        Agent::start(&self.path("run/sriovd.sock"), &self.disk, starting, pfs)
    }

    fn kubelet(&self) -> Kubelet {
        fs::create_dir_all(self.path("kubelet")).unwrap();
        Kubelet::start(&self.path("kubelet/device-plugins"))
    }

    fn socket(&self) -> PathBuf {
        self.path("kubelet/device-plugins/sriovd_sriovd.io_fast.sock")
    }
}

fn both() -> Value {
    pf(1, vec![vf(1, 0, "fast"), vf(1, 1, "fast")])
}

fn wait_for(kubelet: &Kubelet, lists: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    while kubelet.lists(RESOURCE) != lists {
        let got = kubelet.lists(RESOURCE);
        assert!(Instant::now() < deadline, "{got:?} instead of {lists:?}");
        sleep(Duration::from_millis(10));
    }
}

/// What was told stays as it is.
fn stays(kubelet: &Kubelet, lists: &[&str]) {
    wait_for(kubelet, lists);
    sleep(A_WHILE);
    assert_eq!(kubelet.lists(RESOURCE), lists);
}

#[test]
fn kubelet_has_the_list_in_whatever_order_they_start() {
    for order in ["akp", "apk", "kap", "kpa", "pak", "pka"] {
        let node = Node::new();
        fs::create_dir_all(node.path("kubelet")).unwrap();
        let (mut agent, mut kubelet, mut plugin) = (None, None, None);
        for who in order.chars() {
            match who {
                'a' => agent = Some(node.agent()),
                'k' => kubelet = Some(node.kubelet()),
                _ => plugin = Some(node.plugin()),
            }
            sleep(Duration::from_millis(50));
        }
        // One list, which is the whole one: it is never told that there is less.
        stays(kubelet.as_ref().unwrap(), &[BOTH]);
        drop((agent, plugin));
    }
}

#[test]
fn kubelet_is_told_again_whenever_it_or_the_plugin_starts_and_nothing_else_when_the_agent_does() {
    let node = Node::new();
    let (mut agent, mut kubelet, mut plugin) = (node.agent(), node.kubelet(), node.plugin());
    wait_for(&kubelet, &[BOTH]);
    for restart in ["agent", "kubelet", "plugin", "both", "agent", "all"] {
        let mut lists = vec![BOTH];
        if ["agent", "both", "all"].contains(&restart) {
            drop(agent);
            stays(&kubelet, &lists);
            // It has looked at nothing yet.
            agent = node.agent_with(true, vec![]);
        }
        if ["plugin", "all"].contains(&restart) {
            drop(mem::replace(&mut plugin, Process::new(async {})));
            wait_for(&kubelet, &[BOTH, ENDED]);
            plugin = node.plugin();
            lists.extend([ENDED, BOTH]);
        }
        if ["kubelet", "both", "all"].contains(&restart) {
            drop(kubelet);
            kubelet = node.kubelet();
            lists = vec![BOTH];
        }
        agent.tell(false, vec![both()]);
        stays(&kubelet, &lists);
        drop(kubelet);
        kubelet = node.kubelet();
        wait_for(&kubelet, &[BOTH]);
    }
    drop(plugin);
}

#[test]
fn the_list_follows_the_host_and_is_sent_when_it_is_another_one() {
    let node = Node::new();
    let (agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    wait_for(&kubelet, &[BOTH]);
    let mut held = both();
    held["vfs"][0]["holders"] = json!([{ "kind": "namespace", "name": "blue" }]);
    held["vfs"][0]["interface"] = Value::Null;
    held["device"]["mtu"] = json!(9000);
    agent.tell(false, vec![held]);
    stays(&kubelet, &[BOTH]);
    let mut sick = both();
    sick["vfs"][1]["not_ready"] = json!("it has no driver");
    agent.tell(false, vec![sick]);
    let one = "0000:01:10.0 (0000:01:10.1 Unhealthy)";
    wait_for(&kubelet, &[BOTH, one]);
    agent.tell(false, vec![]);
    wait_for(&kubelet, &[BOTH, one, ""]);
    agent.tell(false, vec![both(), pf(2, vec![vf(2, 0, "other")])]);
    stays(&kubelet, &[BOTH, one, "", BOTH]);
    assert_eq!(kubelet.lists("sriovd.io/other"), ["0000:02:10.0"]);
}

#[test]
fn a_container_gets_what_it_asks_for_and_multus_its_file() {
    let node = Node::new();
    let (agent, kubelet, _plugin) = (node.agent(), node.kubelet(), node.plugin());
    wait_for(&kubelet, &[BOTH]);
    let ids = |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
    let info = node.path("devinfo/sriovd.io-fast-0000:01:10.1-device.json");
    executor().block_on(async {
        let mut plugin = connect(&node.socket()).await;
        let preferred = plugin.get_preferred_allocation(PreferredAllocationRequest {
            container_requests: vec![ContainerPreference {
                available_device_ids: ids(BOTH),
                must_include_device_ids: ids("0000:01:10.1"),
                allocation_size: 1,
            }],
        });
        let preferred = preferred.await.unwrap().into_inner().container_responses;
        assert_eq!(preferred[0].device_ids, ids("0000:01:10.1"));
        let request = |id: &str| AllocateRequest {
            container_requests: vec![ContainerRequest {
                device_ids: ids(id),
            }],
        };
        for _again in 0..2 {
            let given = plugin.allocate(request("0000:01:10.1")).await.unwrap();
            let given = &given.into_inner().container_responses[0];
            assert_eq!(given.envs["PCIDEVICE_SRIOVD_IO_FAST"], "0000:01:10.1");
            let text = fs::read_to_string(&info).unwrap();
            assert!(text.contains("0000:01:10.1"), "{text}");
        }
        let start = |id: &str| PreStartContainerRequest {
            device_ids: ids(id),
        };
        plugin
            .pre_start_container(start("0000:01:10.1"))
            .await
            .unwrap();
        let gone =
            "sriovd.io/fast has no device 0000:01:10.7: there is no such VF on this node any more";
        let refused = plugin.allocate(request("0000:01:10.7")).await.unwrap_err();
        assert_eq!(refused.message(), gone);
        let refused = plugin
            .pre_start_container(start("0000:01:10.7"))
            .await
            .unwrap_err();
        assert_eq!(refused.message(), gone);
    });
    // It goes with its VF.
    agent.tell(false, vec![]);
    wait_for(&kubelet, &[BOTH, ""]);
    let deadline = Instant::now() + PATIENCE;
    while info.exists() {
        assert!(
            Instant::now() < deadline,
            "{} is still there",
            info.display()
        );
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_resource_that_another_plugin_serves_is_left_to_it() {
    let node = Node::new();
    let kubelet = node.kubelet();
    let theirs = node.path("kubelet/plugins_registry/sriovd.io_fast.sock");
    fs::create_dir_all(theirs.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&theirs).unwrap();
    let other = pf(2, vec![vf(2, 0, "other")]);
    let agent = node.agent_with(false, vec![both(), other]);
    let _plugin = node.plugin();
    stays(&kubelet, &[]);
    let deadline = Instant::now() + PATIENCE;
    while kubelet.lists("sriovd.io/other") != ["0000:02:10.0"] {
        assert!(
            Instant::now() < deadline,
            "a conflict over one resource keeps others back"
        );
        sleep(Duration::from_millis(10));
    }
    drop(listener);
    wait_for(&kubelet, &[BOTH]);
    drop(agent);
}

#[test]
fn kubelet_finds_sockets_in_its_directory_of_plugins() {
    use super::proto::registration::InfoRequest;
    use super::proto::registration::registration_client::RegistrationClient;
    let node = Node::new();
    let agent = node.agent();
    let settings = PluginSettings {
        registration: Registration::Directory,
        ..node.settings()
    };
    let _plugin = Node::plugin_with(settings);
    let socket = node.path("kubelet/plugins_registry/sriovd_sriovd.io_fast.sock");
    let deadline = Instant::now() + PATIENCE;
    while !socket.exists() {
        assert!(Instant::now() < deadline, "there is no socket");
        sleep(Duration::from_millis(10));
    }
    executor().block_on(async {
        let endpoint = format!("unix://{}", socket.display());
        let channel = tonic::transport::Endpoint::from_shared(endpoint).unwrap();
        let channel = channel.connect().await.unwrap();
        let mut registration = RegistrationClient::new(channel);
        let info = registration.get_info(InfoRequest {}).await;
        let info = info.unwrap().into_inner();
        assert_eq!((&*info.r#type, &*info.name), ("DevicePlugin", RESOURCE));
        assert_eq!(info.supported_versions, ["v1beta1"]);
        let mut plugin = connect(info.endpoint.as_ref()).await;
        let stream = plugin.list_and_watch(super::proto::plugin::Empty {});
        let list = stream.await.unwrap().into_inner().message().await.unwrap();
        assert_eq!(list.unwrap().devices.len(), 2);
    });
    drop(agent);
}
