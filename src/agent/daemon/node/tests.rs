//! Labels and names that come, go, or cannot be read while the agent runs.

use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, start, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::{Cause, Scope, Trigger};
use crate::settings::FILE;
use sriovd_core::model::{Errno, PciAddress};
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

const POLICY: &str =
    "[[policy]]\nname = \"a\"\nresource = \"pool\"\nnum_vfs = 2\nmatch.vendor = \"8086\"\n";
const LABELLED: &str = "[node]\nlabels = { rack = \"12\" }\n";
const OTHERS: &str = "[node]\nlabels = { rack = \"13\" }\n";

struct Daemon {
    root: TempDir,
    host: Arc<SimHost>,
    coordinator: Value,
    finished: Receiver<Message>,
}

impl Daemon {
    /// One PF, and a policy with this condition.
    async fn with(condition: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let host = Arc::new(SimHost::default());
        host.plug(SimPf::new(pf(), DriverModel::IGB));
        let (mut coordinator, mut finished) = coordinator(root.path(), &host);
        start(&mut coordinator, &format!("{POLICY}{condition}\n"));
        until(&mut coordinator, &mut finished, Value::is_ready).await;
        Self {
            root,
            host,
            coordinator,
            finished,
        }
    }

    fn write(&self, settings: &str) {
        let path = self.root.path().join(FILE.trim_start_matches('/'));
        fs::write(path, settings).unwrap();
    }

    /// What inotify says.
    async fn hears(&mut self, cause: Cause) {
        let scope = Scope::Node;
        let trigger = Trigger { scope, cause };
        turn(&mut self.coordinator, Event::Trigger(trigger));
        self.rest().await;
    }

    async fn rest(&mut self) {
        let is_over = |it: &Value| !it.node.is_at_work && !it.is_busy();
        until(&mut self.coordinator, &mut self.finished, is_over).await;
    }

    async fn wait(&mut self) {
        let due = self.coordinator.node.retry_at().unwrap();
        tokio::time::sleep_until(due.into()).await;
        turn(&mut self.coordinator, Event::Time(due));
        self.rest().await;
    }

    fn num_vfs(&self) -> u16 {
        self.host.pf(pf()).unwrap().num_vfs
    }

    fn broken_files(&self) -> usize {
        let status = self.coordinator.status_now();
        let broken = status.files.iter().filter(|file| file.state.is_broken());
        broken
            .filter(|file| file.path.ends_with("sriovd.toml"))
            .count()
    }
}

fn pf() -> PciAddress {
    "0000:3b:00.0".parse().unwrap()
}

#[tokio::test]
async fn labels_are_followed_and_those_that_cannot_be_read_hold_on() {
    let mut daemon = Daemon::with("node.labels.rack = \"12\"").await;
    assert_eq!(daemon.num_vfs(), 0);
    daemon.write(LABELLED);
    daemon.hears(Cause::Settings).await;
    assert_eq!(daemon.num_vfs(), 2);

    daemon.write("[node]\nlabels = { rack = 12 }\n");
    for _ in 0..2 {
        daemon.hears(Cause::Settings).await;
        assert_eq!((daemon.num_vfs(), daemon.broken_files()), (2, 1));
    }
    // Its writer gives an event.
    assert_eq!(daemon.coordinator.node.retry_at(), None);
    daemon.write(LABELLED);
    daemon.hears(Cause::Settings).await;
    assert_eq!((daemon.num_vfs(), daemon.broken_files()), (2, 0));

    // Another value is another wish.
    daemon.write(OTHERS);
    daemon.hears(Cause::Settings).await;
    assert_eq!(daemon.num_vfs(), 0);
}

#[tokio::test]
async fn labels_of_a_file_that_is_gone_or_empty_for_a_moment_hold_on() {
    let mut daemon = Daemon::with("node.labels.rack = \"12\"").await;
    daemon.write(LABELLED);
    daemon.hears(Cause::Settings).await;
    daemon.write("");
    daemon.hears(Cause::Settings).await;
    assert_eq!(daemon.num_vfs(), 2);
    daemon.write(LABELLED);
    daemon.hears(Cause::Settings).await;
    assert_eq!(daemon.coordinator.node.retry_at(), None);
    tokio::time::sleep(Duration::from_millis(600)).await;

    daemon.write("");
    daemon.hears(Cause::Settings).await;
    assert_eq!(daemon.num_vfs(), 2, "that was another time");
    daemon.wait().await;
    assert_eq!(daemon.num_vfs(), 0);
}

#[tokio::test]
async fn a_reload_reads_labels_too() {
    let mut daemon = Daemon::with("node.labels.rack = \"12\"").await;
    daemon.write(LABELLED);
    let policies = daemon.root.path().join("etc/sriov.d");
    fs::create_dir(&policies).unwrap();
    fs::write(
        policies.join("10-a.toml"),
        format!("{POLICY}node.labels.rack = \"12\"\n"),
    )
    .unwrap();
    turn(&mut daemon.coordinator, Event::Reload);
    let is_read = |it: &Value| !it.is_loading();
    until(&mut daemon.coordinator, &mut daemon.finished, is_read).await;
    daemon.rest().await;
    assert_eq!(daemon.num_vfs(), 2);
}

#[tokio::test]
async fn a_host_that_does_not_say_its_name_is_asked_again_and_keeps_what_it_has() {
    let mut daemon = Daemon::with("node.hostname = \"node-*\"").await;
    daemon.host.set_hostname("node-7");
    daemon.hears(Cause::HostName).await;
    assert_eq!(daemon.num_vfs(), 2);
    daemon.host.hide_node(Some(Errno::IO));
    daemon.hears(Cause::HostName).await;
    assert!(daemon.coordinator.node.error.is_some());
    assert_eq!(daemon.coordinator.shared.node.hostname, "node-7");
    daemon.host.set_hostname("node-8");
    daemon.wait().await;
    assert_eq!(daemon.num_vfs(), 2);
    daemon.host.hide_node(None);
    daemon.wait().await;
    assert!(daemon.coordinator.node.error.is_none());
    assert_eq!(daemon.coordinator.shared.node.hostname, "node-8");
    assert_eq!(daemon.coordinator.node.retry_at(), None);
}
