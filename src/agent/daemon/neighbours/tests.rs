//! What comes and goes beside our outputs, and what becomes of them.

use super::*;
use crate::api::Request;
use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, load, start, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::Cause;
use sriovd_core::model::PciAddress;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

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
const PF: &str = "0000:01:00.0";
const OURS: &str = "etc/cni/net.d/99-sriovd-f1-u.conflist";
const CONFIG: &str = "etc/pcidp/config.json";

/// A node whose VFs are ready, and whose outputs are written.
struct Node {
    root: TempDir,
    coordinator: Value,
    finished: Receiver<Message>,
}

impl Node {
    async fn with(files: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let pf: PciAddress = PF.parse().unwrap();
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
        until(&mut node.coordinator, &mut node.finished, Value::is_ready).await;
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

    /// How many publications it led to.
    async fn hears(&mut self, neighbour: Neighbour) -> usize {
        turn(&mut self.coordinator, Event::Neighbour(neighbour));
        self.settles().await
    }

    async fn settles(&mut self) -> usize {
        let mut published = 0;
        while self.coordinator.is_busy() || self.coordinator.is_loading() {
            let message = tokio::time::timeout(Duration::from_secs(30), self.finished.recv());
            let message = message.await.expect("an end within 30 s").unwrap();
            published += usize::from(matches!(message, Message::Published(_)));
            turn(&mut self.coordinator, Event::Message(message));
        }
        published
    }

    fn inode(&self, path: &str) -> u64 {
        fs::metadata(self.path(path)).unwrap().ino()
    }

    fn mark(&self, pf: &str) -> PathBuf {
        self.path("run/sriovd/managed").join(pf)
    }

    /// As if much time had passed.
    fn forget_rivals(&mut self) {
        self.coordinator.publisher.drift = Default::default();
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
    let before = node.inode(OURS);
    for name in [
        "99-sriovd-f1-u.conflist",
        ".sriovd-99-sriovd-f1-u.conflist.tmp",
        "config.json",
        PF,
        "0000:02:00.0",
        ".10-cluster.conflist.swp",
        "zz-later.conflist",
    ] {
        let published = node.hears(entry(name)).await;
        assert_eq!(published, 0, "{name}");
    }
    assert_eq!(node.inode(OURS), before);
    assert!(node.hears(entry("10-cluster.conflist")).await > 0);
}

#[tokio::test]
async fn what_somebody_changes_or_removes_is_put_back_when_it_is_heard() {
    let mut node = Node::with(&[]).await;
    let outputs = [
        OURS,
        CONFIG,
        "run/sriovd/state.json",
        "run/sriovd/pools.json",
    ];
    let texts = outputs.map(|path| fs::read(node.path(path)).unwrap());
    for (path, text) in outputs.into_iter().zip(texts) {
        let name = Path::new(path).file_name().unwrap().to_str().unwrap();
        for change in [Some("{}"), Some(""), Some("\u{fffd}"), None] {
            match change {
                Some(change) => fs::write(node.path(path), change).unwrap(),
                None => fs::remove_file(node.path(path)).unwrap(),
            }
            node.hears(entry(name)).await;
            assert_eq!(
                fs::read(node.path(path)).unwrap(),
                text,
                "{path} {change:?}"
            );
            node.forget_rivals();
        }
    }
}

#[tokio::test]
async fn marks_for_udev_are_outputs_too() {
    let mut node = Node::with(&[]).await;
    let (ours, other) = (node.mark(PF), node.mark("0000:02:00.0"));
    assert!(ours.exists());
    fs::remove_file(&ours).unwrap();
    node.hears(entry(PF)).await;
    assert!(ours.exists());
    fs::write(&other, "").unwrap();
    node.hears(entry("0000:02:00.0")).await;
    assert!(!other.exists() && ours.exists());
    fs::remove_dir_all(ours.parent().unwrap()).unwrap();
    node.hears(Neighbour::Directory).await;
    assert!(ours.exists());
}

#[tokio::test]
async fn a_reload_and_an_apply_put_back_what_no_event_told_of() {
    let mut node = Node::with(&[]).await;
    for is_reload in [true, false].repeat(4) {
        // That it happens again and again is no reason: somebody asks.
        fs::write(node.path(OURS), "{}").unwrap();
        fs::remove_file(node.path(CONFIG)).unwrap();
        let (done, _taken) = oneshot::channel();
        if is_reload {
            load(&mut node.coordinator, POLICY, Cause::Reload);
        } else {
            turn(
                &mut node.coordinator,
                Event::Request(Request::Apply {
                    pfs: vec![PF.parse().unwrap()],
                    by_name: false,
                    force: false,
                    by: "a test".to_owned(),
                    done,
                }),
            );
        }
        node.settles().await;
        assert_ne!(fs::read(node.path(OURS)).unwrap(), b"{}", "{is_reload}");
        assert!(node.has(CONFIG), "{is_reload}");
    }
}

#[tokio::test]
async fn a_rival_for_an_output_is_answered_less_and_less_often() {
    let mut node = Node::with(&[]).await;
    let mut answers = 0;
    let mut told = 0;
    for _ in 0..50 {
        fs::write(node.path(OURS), "{}").unwrap();
        node.hears(entry("99-sriovd-f1-u.conflist")).await;
        answers += usize::from(fs::read(node.path(OURS)).unwrap() != b"{}");
        let contested = node.coordinator.publisher.drift.contested();
        told +=
            usize::from(contested.contains(Path::new("/etc/cni/net.d/99-sriovd-f1-u.conflist")));
    }
    assert!(
        (1..10).contains(&answers),
        "{answers} answers to 50 changes"
    );
    assert!(told > 0);
    // What is to be said anew is said, and other files are nobody's contest.
    fs::write(node.path(CONFIG), "{}").unwrap();
    node.hears(entry("config.json")).await;
    assert_ne!(fs::read(node.path(CONFIG)).unwrap(), b"{}");
    // Whoever rests is answered, and it is over when it stays so.
    while let Some(at) = node.coordinator.publisher.drift.retry_at {
        tokio::time::sleep_until(at.into()).await;
        turn(&mut node.coordinator, Event::Time(at));
        node.settles().await;
    }
    assert_ne!(fs::read(node.path(OURS)).unwrap(), b"{}");
    assert!(node.coordinator.publisher.drift.contested().is_empty());
}

#[test]
fn everything_that_is_watched_is_below_the_root() {
    let (settings, _) = Settings::parse(Path::new("f"), "").unwrap();
    let watched = format!("{:?}", super::directories(&settings, Path::new("/r")));
    let paths = watched.split('"').skip(1).step_by(2);
    let paths: Vec<_> = paths.collect();
    assert!(paths.contains(&"/r/etc/sriov.d"), "{watched}");
    assert!(paths.contains(&"/r/run/sriovd/managed"), "{watched}");
    let outside = paths.iter().filter(|path| !path.starts_with("/r/"));
    assert_eq!(outside.count(), 0, "{watched}");
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
    let off = "cni = false, device_plugin = false, podman = \"never\", node_state = false, \
               manifests = false, cdi = false";
    let none = directories(&format!("outputs = {{ {off} }}"));
    assert!(!none.contains("Landmark"), "{none}");
    for path in [
        "/r/etc/cni",
        "/r/etc/pcidp",
        "/r/etc/containers",
        "/r/run/cdi",
        "manifests",
    ] {
        assert!(!none.contains(path), "{path} is in {none}");
    }
}
