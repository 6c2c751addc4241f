//! What comes and goes beside our outputs, and what becomes of them.

use super::super::Message;
use super::super::tests::{coordinator, start, until};
use super::*;
use crate::model::PciAddress;
use crate::sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

const POLICY: &str = r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 2
match.driver = "igb"

[[network]]
name = "f1-u"
resource = "nics"
"#;
const OURS: &str = "etc/cni/net.d/99-sriovd-f1-u.conflist";
const CONFIG: &str = "etc/pcidp/config.json";

/// A node whose VFs are ready, and whose outputs are written.
struct Node {
    root: TempDir,
    coordinator: Coordinator,
    finished: UnboundedReceiver<Message>,
}

impl Node {
    async fn with(files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let pf: PciAddress = "0000:01:00.0".parse().unwrap();
        let host = Arc::new(SimHost::default());
        host.plug(SimPf::new(pf, DriverModel::IGB));
        let (coordinator, finished) = coordinator(root.path(), &host);
        let mut node = Self {
            root,
            coordinator,
            finished,
        };
        files.iter().for_each(|file| node.put(file));
        start(&mut node.coordinator, POLICY);
        until(
            &mut node.coordinator,
            &mut node.finished,
            Coordinator::is_ready,
        )
        .await;
        node
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn put(&self, path: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "{}").unwrap();
    }

    fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    async fn hears(&mut self, neighbour: Neighbour) {
        self.coordinator.on_neighbour(&neighbour);
        let is_done = |coordinator: &Coordinator| !coordinator.is_busy();
        until(&mut self.coordinator, &mut self.finished, is_done).await;
    }
}

fn entry(name: &str) -> Neighbour {
    Neighbour::Entry(name.into())
}

#[tokio::test]
async fn a_list_is_released_when_the_clusters_comes_and_withdrawn_when_it_goes() {
    let mut node = Node::with(&["var/lib/kubelet/config.yaml"]).await;
    assert!(!node.has(OURS) && node.has(CONFIG));
    for _ in 0..2 {
        node.put("etc/cni/net.d/10-cluster.conflist");
        node.hears(entry("10-cluster.conflist")).await;
        assert!(node.has(OURS));
        fs::remove_file(node.path("etc/cni/net.d/10-cluster.conflist")).unwrap();
        node.hears(entry("10-cluster.conflist")).await;
        assert!(!node.has(OURS));
    }
}

#[tokio::test]
async fn a_list_is_withdrawn_when_a_kubelet_comes() {
    let mut node = Node::with(&[]).await;
    assert!(node.has(OURS));
    node.put("var/lib/kubelet/config.yaml");
    node.hears(Neighbour::Directory).await;
    assert!(!node.has(OURS));
}

#[tokio::test]
async fn a_file_is_written_when_what_is_in_its_place_is_moved_away() {
    let mut node = Node::with(&[CONFIG]).await;
    assert_eq!(fs::read(node.path(CONFIG)).unwrap(), b"{}");
    fs::rename(node.path(CONFIG), node.path("etc/pcidp/theirs.json")).unwrap();
    node.hears(entry("config.json")).await;
    assert_ne!(fs::read(node.path(CONFIG)).unwrap(), b"{}");
}

#[tokio::test]
async fn our_own_files_and_what_decides_nothing_publish_nothing() {
    let mut node = Node::with(&[]).await;
    for name in [
        "99-sriovd-f1-u.conflist",
        ".sriovd-99-sriovd-f1-u.conflist.tmp",
        "config.json",
        ".10-cluster.conflist.swp",
        "zz-later.conflist",
    ] {
        node.coordinator.on_neighbour(&entry(name));
        assert!(!node.coordinator.is_busy(), "{name}");
    }
    node.coordinator.on_neighbour(&entry("10-cluster.conflist"));
    assert!(node.coordinator.is_busy());
}

#[test]
fn what_is_not_written_is_not_watched() {
    let directories = |outputs: &str| {
        let (settings, _) = Settings::parse(Path::new("f"), outputs).unwrap();
        format!("{:?}", super::directories(&settings, Path::new("/r")))
    };
    let all = directories("");
    for path in [
        "/r/etc/cni/net.d",
        "/r/etc/pcidp",
        "/r/etc/containers/networks",
        "/r/var/lib/kubelet",
    ] {
        assert!(all.contains(&format!("{path:?}")), "{path} is not in {all}");
    }
    let none = directories("outputs = { cni = false, device_plugin = false, podman = \"never\" }");
    let others = ["Outputs", "Landmark"];
    assert!(!others.iter().any(|kind| none.contains(kind)), "{none}");
}
