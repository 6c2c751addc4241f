//! When a pass begins, and when it does not.

use super::*;
use crate::api::{Tls, TlsFiles};
use crate::daemon::message::Message;
use crate::daemon::tests::{coordinator, start, until};
use crate::daemon::timers::{next_time, until as until_then};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::{Cause, Scope, Trigger};
use crate::load::FileState;
use sriovd_core::model::{DriverName, VfIndex};
use sriovd_core::report::FileReport;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::sync::Arc;
use std::time::Duration;

/// As if there were no policies, every PF of ours would be reset.
#[test]
fn no_pass_begins_before_the_policies_are_read() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let (mut coordinator, _) = coordinator(root.path(), &host);
    turn(
        &mut coordinator,
        Event::Trigger(Trigger {
            scope: Scope::Device(pf),
            cause: Cause::Allocation { vf: pf },
        }),
    );
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
    turn(&mut coordinator, Event::Start);
    while !coordinator.is_ready() {
        turn(
            &mut coordinator,
            Event::Message(finished.recv().await.unwrap()),
        );
    }
    let event = || Trigger {
        scope: Scope::Device(pf),
        cause: Cause::Link {
            interface: "enp1s0".to_owned(),
        },
    };

    turn(&mut coordinator, Event::Trigger(event()));
    turn(
        &mut coordinator,
        Event::Message(finished.recv().await.unwrap()),
    );
    assert!(!coordinator.is_busy());

    host.set_num_vfs_by_hand(pf, 2);
    turn(&mut coordinator, Event::Trigger(event()));
    turn(
        &mut coordinator,
        Event::Message(finished.recv().await.unwrap()),
    );
    assert!(coordinator.is_busy(), "the new VFs are published");
}

/// A NIC that goes takes a while, and each of its VFs is an event.
#[tokio::test]
async fn vfs_that_go_one_by_one_are_published_once_when_all_have() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    let policy =
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = 6\nmatch.driver = \"igb\"\n";
    start(&mut coordinator, policy);
    until(&mut coordinator, &mut finished, Value::is_ready).await;
    let config = root.path().join("etc/pcidp/config.json");
    let whole = std::fs::read(&config).unwrap();
    let event = || Trigger {
        scope: Scope::Device(pf),
        cause: Cause::Retry,
    };
    for left in (0..6).rev() {
        host.lose_vfs_from(pf, VfIndex(left));
        turn(&mut coordinator, Event::Trigger(event()));
        until(&mut coordinator, &mut finished, |it| !it.is_busy()).await;
        assert_eq!(
            std::fs::read(&config).unwrap(),
            whole,
            "{left} VFs are left"
        );
    }
    host.unplug(pf);
    turn(&mut coordinator, Event::Trigger(event()));
    until(&mut coordinator, &mut finished, |it| !it.is_busy()).await;
    assert!(!config.exists());
}

#[tokio::test]
async fn vfs_whose_going_stands_still_are_published_as_they_are() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    let policy =
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = 6\nmatch.driver = \"igb\"\n";
    start(&mut coordinator, policy);
    until(&mut coordinator, &mut finished, Value::is_ready).await;
    host.lose_vfs_from(pf, VfIndex(3));
    turn(
        &mut coordinator,
        Event::Trigger(Trigger {
            scope: Scope::Device(pf),
            cause: Cause::Retry,
        }),
    );
    let config = root.path().join("etc/pcidp/config.json");
    let listed = || {
        let text = std::fs::read_to_string(&config).unwrap();
        text.matches("0000:01:").count()
    };
    let begun = Instant::now();
    while listed() > 3 {
        assert!(begun.elapsed() < Duration::from_secs(30));
        tokio::select! {
            message = finished.recv() => turn(&mut coordinator, Event::Message(message.unwrap())),
            () = until_then(next_time(&coordinator)) => turn(&mut coordinator, Event::Time(Instant::now())),
        }
    }
    assert_eq!(listed(), 3);
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
        turn(
            &mut coordinator,
            Event::Message(Message::Loaded {
                loaded: Box::default(),
                cause,
                unsaved: None,
                tls,
                node: None,
            }),
        );
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

/// That a driver makes no interface gives no event.
#[tokio::test]
async fn a_pf_without_interface_is_looked_at_again_when_its_driver_had_its_time() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:01:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    let mut bare = SimPf::new(pf, DriverModel::IGB);
    bare.snapshot.interface = None;
    host.plug(bare);
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    let policies = "[[policy]]\nname = \"a\"\nnum_vfs = 2\ndevice_type = \"vfio-pci\"\nmatch.vendor = \"8086\"\n";
    start(&mut coordinator, policies);
    while coordinator
        .slots
        .get(&pf)
        .is_none_or(|slot| slot.seen.is_none())
    {
        turn(
            &mut coordinator,
            Event::Message(finished.recv().await.unwrap()),
        );
    }
    let slot = coordinator.slots.get_mut(&pf).unwrap();
    assert_eq!(slot.seen.as_ref().unwrap().pf.num_vfs, 0);
    let overdue_at = slot.overdue_at.expect("its driver has some time");
    assert!(
        slot.retry_at.is_some_and(|at| at <= overdue_at),
        "a look then"
    );
    slot.overdue_at = Some(Instant::now());
    slot.retry_at = slot.overdue_at;
    turn(&mut coordinator, Event::Time(Instant::now()));
    until(&mut coordinator, &mut finished, |it| !it.is_busy()).await;
    let slot = &coordinator.slots[&pf];
    let seen = &slot.seen.as_ref().unwrap().pf;
    let drivers = seen.vfs.values().map(|vf| vf.driver.as_ref().unwrap());
    assert!(drivers.clone().count() == 2 && drivers.into_iter().all(DriverName::is_vfio));
    assert!(
        slot.overdue_at.is_some_and(|at| at < Instant::now()),
        "it had it once"
    );
    assert_eq!(slot.retry_at, None, "{:?} {:?}", slot.told, slot.blocked);
    // Nor does it get it again with a later look.
    turn(
        &mut coordinator,
        Event::Trigger(Trigger {
            scope: Scope::Device(pf),
            cause: Cause::Retry,
        }),
    );
    until(&mut coordinator, &mut finished, |it| !it.is_busy()).await;
    assert_eq!(coordinator.slots[&pf].retry_at, None);
}
