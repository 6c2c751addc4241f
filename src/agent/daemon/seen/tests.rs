//! What is told of a PF whose looks and steps fail in turn.

use crate::daemon::passes::ask;
use crate::daemon::slot::{Retry, Waiting};
use crate::daemon::tests::{Told, coordinator, start, until};
use crate::daemon::turn::{Event, turn};
use crate::daemon::value::Daemon as Value;
use crate::events::Cause;
use sriovd_core::model::{Errno, PciAddress, PfStep, Step};
use sriovd_core::report::ProblemKind;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const POLICY: &str =
    "[[policy]]\nname = \"a\"\nresource = \"pool\"\nnum_vfs = 2\nmatch.vendor = \"8086\"\n";

/// While another PF has open what it needs, a look fails; when it has not, a step.
#[tokio::test]
async fn a_lack_of_descriptors_is_told_once_while_looks_and_steps_fail_of_it_in_turn() {
    let root = tempfile::tempdir().unwrap();
    let sentences = Told::default();
    let _guard = sentences.listen();
    let pf: PciAddress = "0000:3b:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    let makes_vfs =
        |it: &sriovd_core::model::Action| matches!(it.step, Step::Pf(PfStep::SetNumVfs { .. }));
    host.fail_next(makes_vfs, Errno::MFILE, u32::MAX);
    let (mut daemon, mut finished) = coordinator(root.path(), &host);
    start(&mut daemon, POLICY);
    let is_told = |it: &Value| it.slots.get(&pf).is_some_and(|slot| !slot.told.is_empty());
    until(&mut daemon, &mut finished, |it| {
        is_told(it) && !it.is_busy()
    })
    .await;
    let told = daemon.slots[&pf].told.clone();
    let reasons: Vec<_> = told.iter().map(|it| it.reason.as_str()).collect();
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].starts_with("no more files can be opened"));
    // At once, because nothing else is to be waited for.
    let said = || {
        let sentences = sentences.sentences().into_iter();
        sentences.filter(|it| it.contains("no more files")).count()
    };
    assert_eq!((told[0].kind, said()), (ProblemKind::Failed, 1));
    for errno in [Some(Errno::MFILE), None, Some(Errno::MFILE), None] {
        host.blind(pf, errno);
        let again = Waiting {
            retry: Retry::Transient,
            ..Waiting::new(Cause::Retry)
        };
        ask(&mut daemon, pf, again);
        until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
        assert_eq!(daemon.slots[&pf].told, told, "{errno:?}");
        assert!(daemon.slots[&pf].retry_at.is_some());
        assert_eq!(said(), 1);
    }
    // Another fault of a look is another trouble.
    host.blind(pf, Some(Errno::IO));
    ask(&mut daemon, pf, Waiting::new(Cause::Retry));
    until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
    assert_eq!(daemon.slots[&pf].told.len(), 2);
    host.clear_faults();
    let again = Waiting {
        retry: Retry::Transient,
        ..Waiting::new(Cause::Retry)
    };
    ask(&mut daemon, pf, again);
    until(&mut daemon, &mut finished, Value::is_ready).await;
    until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
    assert_eq!(daemon.slots[&pf].told, []);
}

/// The kernel tells of altnames only while the interface is up.
#[tokio::test]
async fn an_altname_of_a_pf_that_is_down_is_followed_without_an_event() {
    let root = tempfile::tempdir().unwrap();
    let pf: PciAddress = "0000:3b:00.0".parse().unwrap();
    let host = Arc::new(SimHost::default());
    host.plug(SimPf::new(pf, DriverModel::IGB));
    host.set_pf_up(pf, false);
    let (mut daemon, mut finished) = coordinator(root.path(), &host);
    start(
        &mut daemon,
        &POLICY.replace("vendor = \"8086\"", "pf_name = \"back*\""),
    );
    until(&mut daemon, &mut finished, Value::is_ready).await;
    let set = |is_there: bool| {
        host.edit(pf, |pf| {
            let altnames = &mut pf.snapshot.interface.as_mut().unwrap().altnames;
            altnames.retain(|_| false);
            altnames.extend(is_there.then(|| "backup".to_owned()));
        });
    };
    for is_there in [true, false, true] {
        host.set_pf_up(pf, false);
        ask(&mut daemon, pf, Waiting::new(Cause::Retry));
        until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
        set(is_there);
        let due = daemon.slots[&pf].retry_at.unwrap();
        assert!(due < Instant::now() + Duration::from_secs(6));
        turn(&mut daemon, Event::Time(due));
        until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
        let told = &daemon.slots[&pf].told;
        let is_missed = told
            .iter()
            .any(|it| it.kind == ProblemKind::NoLongerMatches);
        assert_eq!(is_missed, !is_there, "{told:?}");
        assert_eq!(host.pf(pf).unwrap().num_vfs, 2);
    }
    // An interface that is up is heard of.
    host.set_pf_up(pf, true);
    ask(&mut daemon, pf, Waiting::new(Cause::Retry));
    until(&mut daemon, &mut finished, |it| !it.is_busy()).await;
    assert_eq!(daemon.slots[&pf].retry_at, None);
}
