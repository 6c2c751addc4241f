//! What cannot be read when the policies are read, and what becomes of it.

use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use sriovd_sim::SimHost;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

const GOOD: &str = "[[policy]]\nname = \"a\"\nnum_vfs = 2\nmatch.vendor = \"8086\"\n";
const FILE: &str = "etc/sriov.d/10-a.toml";
const LAST_GOOD: &str = "var/lib/sriovd/last-good.json";

struct Node {
    root: TempDir,
    coordinator: Value,
    finished: Receiver<Message>,
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["etc/sriov.d", "var/lib/sriovd"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        let (coordinator, finished) = coordinator(root.path(), &Arc::new(SimHost::default()));
        Self {
            root,
            coordinator,
            finished,
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    async fn read(&mut self) {
        let is_over = |coordinator: &Value| !coordinator.is_loading();
        until(&mut self.coordinator, &mut self.finished, is_over).await;
    }

    async fn start(&mut self) {
        turn(&mut self.coordinator, Event::Start);
        self.read().await;
    }

    /// No event comes.
    async fn wait(&mut self) {
        let due = self.coordinator.loading.retry_at.unwrap();
        turn(&mut self.coordinator, Event::Time(due));
        self.read().await;
    }

    fn in_force(&self) -> usize {
        self.coordinator.shared.policies.policies.len()
    }
}

#[tokio::test]
async fn what_was_in_force_is_not_forgotten_because_it_cannot_be_read() {
    let mut node = Node::new();
    let (file, last_good) = (node.path(FILE), node.path(LAST_GOOD));
    fs::write(&file, "[[policy]]\nnmae = \"a\"\n").unwrap();
    // Reading a directory is an error.
    fs::create_dir(&last_good).unwrap();
    node.start().await;
    assert!(node.coordinator.loaded.is_none());
    assert!(node.coordinator.loading.in_doubt.is_some());

    fs::remove_dir(&last_good).unwrap();
    let texts = serde_json::json!({file.to_str().unwrap(): GOOD});
    fs::write(&last_good, texts.to_string()).unwrap();
    node.wait().await;
    assert_eq!(node.in_force(), 1);
    assert!(fs::read_to_string(&last_good).unwrap().contains("num_vfs"));
}

#[tokio::test]
async fn where_every_file_can_be_used_nothing_has_to_be_known_of_before() {
    let mut node = Node::new();
    fs::write(node.path(FILE), GOOD).unwrap();
    fs::create_dir(node.path(LAST_GOOD)).unwrap();
    node.start().await;
    assert_eq!(node.in_force(), 1);
}

#[tokio::test]
async fn what_is_damaged_is_set_aside() {
    let mut node = Node::new();
    fs::write(node.path(FILE), GOOD).unwrap();
    fs::write(node.path(LAST_GOOD), "{\"/etc").unwrap();
    node.start().await;
    assert_eq!(node.in_force(), 1);
    let aside = node.path("var/lib/sriovd/last-good.json.broken");
    assert_eq!(fs::read_to_string(aside).unwrap(), "{\"/etc");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_read_again_without_an_event() {
    let mut node = Node::new();
    let file = node.path(FILE);
    // A link to itself.
    symlink("10-a.toml", &file).unwrap();
    node.start().await;
    assert_eq!(node.in_force(), 0);

    fs::remove_file(&file).unwrap();
    fs::write(&file, GOOD).unwrap();
    node.wait().await;
    assert_eq!(node.in_force(), 1);
    assert_eq!(node.coordinator.loading.retry_at, None);
}
