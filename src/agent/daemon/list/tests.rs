//! A daemon that starts while something cannot be read takes nothing away.

use super::*;
use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, start, until};
use crate::daemon::timers::next_time;
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::{Cause, Scope, Trigger};
use sriovd_core::model::{Errno, VfIndex};
use sriovd_host::file::under;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

const POLICIES: &str = r#"
[[policy]]
name = "one"
resource = "first"
num_vfs = 2
match.pci_address = "0000:01:00.0"
[[policy]]
name = "two"
resource = "second"
num_vfs = 2
match.pci_address = "0000:02:00.0"
[[network]]
name = "a"
resource = "first"
[[network]]
name = "b"
resource = "second"
"#;
const FIRST: &str = "0000:01:00.0";
const SECOND: &str = "0000:02:00.0";
const LIST_OF_A: &str = "/etc/cni/net.d/99-sriovd-a.conflist";
const LIST_OF_B: &str = "/etc/cni/net.d/99-sriovd-b.conflist";
const PLUGIN: &str = "/etc/pcidp/config.json";

struct Lab {
    root: TempDir,
    host: Arc<SimHost>,
}

type Daemon = (Value, Receiver<Message>);

impl Lab {
    /// Where all is as wanted, and published.
    async fn new() -> Self {
        let host = Arc::new(SimHost::default());
        for pf in [FIRST, SECOND] {
            host.plug(SimPf::new(pf.parse().unwrap(), DriverModel::IGB));
        }
        let root = tempfile::tempdir().unwrap();
        let lab = Self { root, host };
        lab.ready(&mut lab.restart()).await;
        assert_eq!(lab.files().len(), 3);
        lab
    }

    fn restart(&self) -> Daemon {
        self.restart_with(POLICIES)
    }

    fn restart_with(&self, policies: &str) -> Daemon {
        let (mut coordinator, finished) = coordinator(self.root.path(), &self.host);
        start(&mut coordinator, policies);
        (coordinator, finished)
    }

    async fn ready(&self, (coordinator, finished): &mut Daemon) {
        until(coordinator, finished, |it| it.is_ready() && !it.is_busy()).await;
    }

    fn files(&self) -> BTreeMap<&'static str, String> {
        let read = |path| Some((path, fs::read_to_string(self.place(path)).ok()?));
        [LIST_OF_A, LIST_OF_B, PLUGIN]
            .into_iter()
            .filter_map(read)
            .collect()
    }

    fn place(&self, path: &str) -> PathBuf {
        under(self.root.path(), Path::new(path))
    }
}

fn a_while_later(coordinator: &mut Value) {
    turn(
        coordinator,
        Event::Time(Instant::now() + Duration::from_secs(1)),
    );
}

#[tokio::test]
async fn a_list_that_fails_is_asked_again_and_nothing_is_withdrawn() {
    let lab = Lab::new().await;
    let before = lab.files();
    lab.host.fail_look(None, 0, Errno::MFILE);
    let mut daemon = lab.restart();
    until(&mut daemon.0, &mut daemon.1, |it| {
        it.listing.error.is_some()
    })
    .await;
    assert!(!daemon.0.is_ready(), "nobody knows which PFs there are");
    assert!(!daemon.0.is_busy(), "what waits is not at work");
    assert_eq!(lab.files(), before);
    assert!(next_time(&daemon.0).is_some());
    a_while_later(&mut daemon.0);
    lab.ready(&mut daemon).await;
    assert_eq!(daemon.0.slots.len(), 2);
    assert_eq!(lab.files(), before);
}

/// The event is the only one that tells of it.
#[tokio::test]
async fn a_device_that_cannot_be_told_to_be_a_pf_is_looked_for() {
    let lab = Lab::new().await;
    let mut daemon = lab.restart();
    lab.ready(&mut daemon).await;
    let third: PciAddress = "0000:03:00.0".parse().unwrap();
    lab.host.plug(SimPf::new(third, DriverModel::IGB));
    lab.host.fail_look(None, 0, Errno::IO);
    turn(
        &mut daemon.0,
        Event::Trigger(Trigger {
            scope: Scope::Device(third),
            cause: Cause::Udev {
                action: "add".to_owned(),
                device: third.to_string(),
                from_kernel: true,
            },
        }),
    );
    let is_seen = |it: &Value| it.slots.get(&third).is_some_and(|it| it.seen.is_some());
    until(&mut daemon.0, &mut daemon.1, is_seen).await;
}

#[tokio::test]
async fn a_pf_that_nobody_could_see_yet_keeps_its_outputs() {
    keeps_its_outputs(&Lab::new().await).await;
}

/// Nor is it known what was seen of it last.
#[tokio::test]
async fn a_pf_that_nobody_has_seen_since_the_boot_keeps_its_outputs() {
    let lab = Lab::new().await;
    fs::remove_dir_all(lab.place("/run/sriovd/seen")).unwrap();
    keeps_its_outputs(&lab).await;
}

async fn keeps_its_outputs(lab: &Lab) {
    let before = lab.files();
    let (first, second) = (FIRST.parse().unwrap(), SECOND.parse().unwrap());
    lab.host.blind(first, Some(Errno::IO));
    let mut daemon = lab.restart();
    let assigned = daemon.0.shared.store.memory().assignments.clone();
    lab.ready(&mut daemon).await;
    assert_eq!(lab.files(), before);
    assert_eq!(daemon.0.shared.store.memory().assignments, assigned);

    // The other one's lists go on.
    lab.host.set_num_vfs_by_hand(second, 0);
    lab.host.hang(|_| true);
    turn(
        &mut daemon.0,
        Event::Trigger(Trigger {
            scope: Scope::Device(second),
            cause: Cause::Retry,
        }),
    );
    lab.host.await_hung(1);
    lab.host.release_hung();
    let is_again = |it: &Value| {
        let seen = it.slots[&second].seen.as_ref();
        !it.is_busy() && seen.is_some_and(|seen| seen.pf.vfs.contains_key(&VfIndex(1)))
    };
    until(&mut daemon.0, &mut daemon.1, is_again).await;
    assert_eq!(lab.files(), before);

    lab.host.blind(first, None);
    a_while_later(&mut daemon.0);
    let sees_all = |it: &Value| it.slots.values().all(|slot| slot.seen.is_some());
    until(&mut daemon.0, &mut daemon.1, |it| {
        sees_all(it) && !it.is_busy()
    })
    .await;
    assert_eq!(lab.files(), before);
}

/// What the agent before saw of it is what there is to tell of it.
#[tokio::test]
async fn a_pf_that_nobody_could_see_yet_holds_up_the_outputs_of_no_other() {
    let lab = Lab::new().await;
    let vfs = |pf: &str| {
        let text = fs::read_to_string(lab.place(PLUGIN)).unwrap();
        text.matches(pf).count()
    };
    let (of_first, of_second) = ("\"0000:01:", "\"0000:02:");
    assert_eq!((vfs(of_first), vfs(of_second)), (2, 2));
    lab.host.blind(FIRST.parse().unwrap(), Some(Errno::IO));
    let policies = POLICIES.replace("second\"\nnum_vfs = 2", "second\"\nnum_vfs = 3");
    let mut daemon = lab.restart_with(&policies);
    lab.ready(&mut daemon).await;
    assert_eq!((vfs(of_first), vfs(of_second)), (2, 3));
    let node = fs::read_to_string(lab.place("/run/sriovd/state.json")).unwrap();
    assert!(node.contains(FIRST) && node.contains(SECOND), "{node}");

    // Only what is wanted takes something of it away.
    let mut daemon =
        lab.restart_with(&policies.replacen("num_vfs = 2", "num_vfs = 2\nvfs = \"0\"", 1));
    lab.ready(&mut daemon).await;
    assert_eq!((vfs(of_first), vfs(of_second)), (1, 3));
}

/// A link to itself can be followed by nobody.
#[tokio::test]
async fn directories_that_cannot_be_read_keep_what_is_in_them() {
    let lab = Lab::new().await;
    let before = lab.files();
    for directory in ["/opt/cni/bin", "/etc/cni/net.d"] {
        let (place, aside) = (lab.place(directory), lab.root.path().join("aside"));
        fs::create_dir_all(&place).unwrap();
        fs::rename(&place, &aside).unwrap();
        symlink(&place, &place).unwrap();
        let mut daemon = lab.restart();
        lab.ready(&mut daemon).await;
        let files = daemon.0.shared.store.memory().files.clone();
        assert!(
            files.contains(Path::new(LIST_OF_A)),
            "{directory}: {files:?}"
        );
        fs::remove_file(&place).unwrap();
        fs::rename(&aside, &place).unwrap();
        a_while_later(&mut daemon.0);
        until(&mut daemon.0, &mut daemon.1, |it| !it.is_busy()).await;
        assert_eq!(lab.files(), before, "{directory}");
    }
}

#[tokio::test]
async fn a_burst_of_lost_events_is_two_listings() {
    let lab = Lab::new().await;
    let mut daemon = lab.restart();
    lab.ready(&mut daemon).await;
    let (coordinator, finished) = &mut daemon;
    for _ in 0..1000 {
        let source = "udev";
        turn(
            coordinator,
            Event::Trigger(Trigger {
                scope: Scope::Everything,
                cause: Cause::Overrun { source },
            }),
        );
    }
    let mut listings = 0;
    while coordinator.listing.is_at_work {
        let message = finished.recv().await.unwrap();
        listings += usize::from(matches!(message, Message::Listed { .. }));
        turn(coordinator, Event::Message(message));
    }
    assert_eq!(listings, 2);
}
