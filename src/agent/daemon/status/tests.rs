//! What everyone sees: replaced when something is another than before, and at no other time.

use crate::api::View;
use crate::daemon::passes::ask;
use crate::daemon::slot::Waiting;
use crate::daemon::tests::{coordinator, start, until};
use crate::daemon::value::Daemon as Value;
use crate::events::Cause;
use sriovd_core::model::world::World;
use sriovd_core::model::{Errno, Holder, PciAddress, VfIndex, VfSetting};
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::mpsc::Receiver;

const POLICY: &str =
    "[[policy]]\nname = \"a\"\nresource = \"pool\"\nnum_vfs = 2\nmatch.vendor = \"8086\"\n";

/// What follows an agent takes PFs that are not in the world for gone, unless it starts.
#[test]
fn an_agent_that_has_looked_at_nothing_says_that_it_starts() {
    let root = tempfile::tempdir().unwrap();
    let (daemon, _finished) = coordinator(root.path(), &Arc::new(SimHost::default()));
    let view = Arc::clone(&daemon.view.borrow());
    assert!(view.world.starting && view.status.starting);
    let told = view.world.whole();
    assert!(told.whole && told.starting);
}

fn pf(slot: u8) -> PciAddress {
    format!("0000:3b:{slot:02x}.0").parse().unwrap()
}

struct Daemon {
    _root: TempDir,
    host: Arc<SimHost>,
    coordinator: Value,
    finished: Receiver<crate::daemon::message::Message>,
}

impl Daemon {
    /// Two PFs that are as wanted.
    async fn at_rest() -> Self {
        let root = tempfile::tempdir().unwrap();
        let host = Arc::new(SimHost::default());
        for slot in 0..2 {
            host.plug(SimPf::new(pf(slot), DriverModel::IGB));
        }
        let (mut coordinator, finished) = coordinator(root.path(), &host);
        start(&mut coordinator, POLICY);
        let mut daemon = Self {
            _root: root,
            host,
            coordinator,
            finished,
        };
        daemon.rest().await;
        daemon
    }

    async fn rest(&mut self) {
        let is_over = |it: &Value| it.is_ready() && !it.is_busy();
        until(&mut self.coordinator, &mut self.finished, is_over).await;
    }

    async fn look(&mut self, slot: u8) -> Arc<View> {
        let waiting = Waiting::new(Cause::Retry);
        ask(&mut self.coordinator, pf(slot), waiting);
        self.rest().await;
        self.view()
    }

    fn view(&self) -> Arc<View> {
        Arc::clone(&self.coordinator.view.borrow())
    }

    /// As another program reads it.
    fn world(&self) -> World {
        serde_json::from_value(serde_json::json!(*self.view().world)).unwrap()
    }
}

#[tokio::test]
async fn a_pass_that_finds_everything_as_it_was_is_told_to_nobody() {
    let mut daemon = Daemon::at_rest().await;
    let before = daemon.view();
    let ready = daemon.world();
    let vfs: Vec<_> = ready.pfs().values().flat_map(|pf| &pf.vfs).collect();
    assert_eq!(vfs.len(), 4);
    assert!(vfs.iter().all(|vf| vf.is_ready()), "{vfs:?}");
    for _ in 0..3 {
        assert!(Arc::ptr_eq(&daemon.look(0).await, &before));
    }
    assert!(!daemon.coordinator.view.subscribe().has_changed().unwrap());
}

#[tokio::test]
async fn what_changes_on_one_pf_is_told_of_that_pf_alone() {
    let mut daemon = Daemon::at_rest().await;
    let before = daemon.view();
    daemon
        .host
        .set_vf_setting(pf(0), VfIndex(0), VfSetting::Trust(true));
    let now = daemon.look(0).await;
    assert_eq!(now.world.generation, before.world.generation + 1);
    let change = now.world.since(&before.world);
    let changed: Vec<_> = change.pfs.iter().map(|pf| pf.address).collect();
    assert_eq!(changed, [pf(0)]);
    assert!(Arc::ptr_eq(
        &now.world.pfs()[&pf(1)],
        &before.world.pfs()[&pf(1)]
    ));
    daemon.host.unplug(pf(1));
    let gone = daemon.look(1).await;
    assert_eq!(gone.world.since(&now.world).gone, [pf(1)]);
}

#[tokio::test]
async fn an_allocation_is_told_and_a_record_that_cannot_be_read_has_not_ended() {
    let mut daemon = Daemon::at_rest().await;
    let (container, network) = ("web".to_owned(), "blue".to_owned());
    let holder = Holder::Container { container, network };
    daemon.host.hold(pf(0), VfIndex(1), holder.clone());
    let allocated = BTreeSet::from([holder]);
    daemon.look(0).await;
    let holders = |world: &World| world.pfs()[&pf(0)].vfs[1].holders.clone();
    assert_eq!(holders(&daemon.world()), allocated);
    daemon.host.hide_records(pf(0), Some(Errno::IO));
    let before = daemon.view();
    assert!(Arc::ptr_eq(&daemon.look(0).await, &before));
    daemon.host.hide_records(pf(0), None);
    daemon.host.release(pf(0), VfIndex(1));
    daemon.look(0).await;
    assert_eq!(holders(&daemon.world()), BTreeSet::new());
}

#[tokio::test]
async fn a_pf_that_cannot_be_looked_at_keeps_what_was_seen_and_says_so() {
    let mut daemon = Daemon::at_rest().await;
    let before = daemon.world();
    daemon.host.blind(pf(0), Some(Errno::IO));
    daemon.look(0).await;
    let now = daemon.world();
    assert_eq!(now.pfs()[&pf(0)].vfs, before.pfs()[&pf(0)].vfs);
    let problem = &now.pfs()[&pf(0)].problems[0];
    assert!(
        problem.reason.starts_with("it cannot be looked at"),
        "{problem:?}"
    );
    daemon.host.blind(pf(0), None);
    daemon.look(0).await;
    let again = daemon.world();
    assert_eq!(again.pfs(), before.pfs());
    assert_eq!(again.generation, before.generation + 2);
}
