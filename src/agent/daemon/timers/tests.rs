//! Kernel calls that do not come back hold up nothing else.

use super::*;
use crate::api::Request;
use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, load, start, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use sriovd_core::model::{PfStep, Step};
use sriovd_host::file::under;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::sync::oneshot::{self, Receiver};

const POLICY: &str = r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 2
match.driver = "igb"
"#;
const HANGING: &str = "0000:01:00.0";
const OTHER: &str = "0000:02:00.0";

/// A host with a PF that hangs while its VFs are made, and another.
struct Stuck {
    root: TempDir,
    host: Arc<SimHost>,
    coordinator: Value,
    finished: mpsc::Receiver<Message>,
}

impl Stuck {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let host = Arc::new(SimHost::default());
        for pf in [HANGING, OTHER] {
            host.plug(SimPf::new(pf.parse().unwrap(), DriverModel::IGB));
        }
        let hanging: PciAddress = HANGING.parse().unwrap();
        host.hang(move |action| {
            action.pf == hanging && matches!(action.step, Step::Pf(PfStep::SetNumVfs { .. }))
        });
        let (coordinator, finished) = coordinator(root.path(), &host);
        Self {
            root,
            host,
            coordinator,
            finished,
        }
    }

    /// Until nothing else is to be done.
    async fn comes_to_a_stop(&mut self) {
        let is_over = |coordinator: &Value| {
            let mut slots = coordinator.slots.iter();
            slots.len() == 2
                && slots
                    .all(|(pf, slot)| slot.running.is_some() == (*pf == HANGING.parse().unwrap()))
        };
        until(&mut self.coordinator, &mut self.finished, is_over).await;
        self.host.await_hung(1);
    }

    fn is_past_all_deadlines(&mut self) {
        let late = self.coordinator.deadlines().num_vfs + Duration::from_secs(1);
        turn(&mut self.coordinator, Event::Time(Instant::now() + late));
    }

    fn settles(&mut self) -> Receiver<()> {
        let (done, settled) = oneshot::channel();
        turn(
            &mut self.coordinator,
            Event::Request(Request::Settle { done }),
        );
        settled
    }

    fn node_state(&self) -> String {
        let file = &self.coordinator.shared.settings.outputs.node_state_file;
        fs::read_to_string(under(self.root.path(), file)).unwrap_or_default()
    }

    async fn is_idle(&mut self) {
        let is_over =
            |coordinator: &Value| coordinator.first_look.is_some() && !coordinator.is_busy();
        until(&mut self.coordinator, &mut self.finished, is_over).await;
    }
}

/// Nothing ends before what hangs in it.
impl Drop for Stuck {
    fn drop(&mut self) {
        self.host.release_hung();
    }
}

#[tokio::test]
async fn a_pf_that_hangs_before_it_was_seen_keeps_no_output_from_the_others() {
    let mut stuck = Stuck::new();
    start(&mut stuck.coordinator, POLICY);
    stuck.comes_to_a_stop().await;
    let mut settled = stuck.settles();
    assert!(settled.try_recv().is_err());
    assert_eq!(stuck.node_state(), "");

    stuck.is_past_all_deadlines();
    stuck.is_idle().await;
    assert!(stuck.coordinator.is_ready());
    assert_eq!(settled.try_recv(), Ok(()));
    let state = stuck.node_state();
    assert!(state.contains(OTHER) && !state.contains(HANGING), "{state}");

    stuck.host.release_hung();
    let message = stuck.finished.recv().await.unwrap();
    turn(&mut stuck.coordinator, Event::Message(message));
    stuck.is_idle().await;
    assert!(stuck.node_state().contains(HANGING));
}

#[tokio::test]
async fn who_waits_for_everything_to_be_done_does_not_wait_for_a_pf_that_hangs() {
    let mut stuck = Stuck::new();
    start(&mut stuck.coordinator, "");
    stuck.is_idle().await;
    load(&mut stuck.coordinator, POLICY, Cause::PolicyFiles);
    stuck.comes_to_a_stop().await;
    let published = |coordinator: &Value| coordinator.publisher.is_idle();
    until(&mut stuck.coordinator, &mut stuck.finished, published).await;
    let mut settled = stuck.settles();
    assert!(settled.try_recv().is_err());
    stuck.is_past_all_deadlines();
    assert_eq!(settled.try_recv(), Ok(()));
}
