//! When a pass begins, and when it does not.

use super::super::Message;
use super::super::tests::coordinator;
use super::*;
use crate::api::{Tls, TlsFiles};
use crate::events::{Cause, Scope, Trigger};
use crate::policy::load::FileState;
use crate::report::FileReport;
use crate::sim::{DriverModel, SimHost, SimPf};
use std::sync::Arc;

/// As if there were no policies, every PF of ours would be reset.
#[test]
fn no_pass_begins_before_the_policies_are_read() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let (mut coordinator, _) = coordinator(root.path(), &host);
    coordinator.on_trigger(Trigger {
        scope: Scope::Device(pf),
        cause: Cause::Allocation { vf: pf },
    });
    let slot = &coordinator.slots[&pf];
    assert!(slot.running.is_none() && slot.waiting.is_some());
}

/// Else every event of a host with many PFs would cost what all of them cost.
#[tokio::test]
async fn an_event_that_shows_nothing_new_publishes_nothing() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    coordinator.load_policies(Cause::Start);
    while !coordinator.is_ready() {
        coordinator.on_message(finished.recv().await.unwrap());
    }
    let event = || Trigger {
        scope: Scope::Device(pf),
        cause: Cause::Link {
            interface: "enp1s0".to_owned(),
        },
    };

    coordinator.on_trigger(event());
    coordinator.on_message(finished.recv().await.unwrap());
    assert!(!coordinator.is_busy());

    host.set_num_vfs_by_hand(pf, 2);
    coordinator.on_trigger(event());
    coordinator.on_message(finished.recv().await.unwrap());
    assert!(coordinator.is_busy(), "the new VFs are published");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_told_until_it_can() {
    let root = tempfile::tempdir().unwrap();
    let (mut coordinator, _) = coordinator(root.path(), &Arc::default());
    let key = root.path().join("key.pem");
    let files = TlsFiles {
        certificate: key.clone(),
        key: key.clone(),
        client_ca: key.clone(),
    };
    let unusable = Tls::load(files, &[]).err().unwrap();
    let mut told_after = |cause, tls| {
        coordinator.on_message(Message::Loaded {
            loaded: Box::default(),
            cause,
            unsaved: None,
            tls,
        });
        coordinator.status_now().files
    };
    let broken = FileReport {
        path: key,
        state: FileState::Broken {
            kept_last_good: true,
        },
    };
    let told = told_after(Cause::Reload, Some(Err(unusable)));
    assert_eq!(told, std::slice::from_ref(&broken));
    assert_eq!(told_after(Cause::PolicyFiles, None), [broken]);
    assert_eq!(told_after(Cause::Reload, Some(Ok(()))), []);
}
