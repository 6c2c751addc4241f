//! What counts as done already when a PF was last seen.

use super::*;
use sriovd_core::host::Host as _;
use sriovd_core::host::Look;
use sriovd_core::model::{Node, PciAddress, VfIndex, VfSetting};
use sriovd_core::policy::resolve::resolve;
use sriovd_core::policy::{NumVfs, PolicySet};
use sriovd_sim::{DriverModel, SimHost, SimPf, sample};

/// An igb PF with two VFs, which a policy wants.
fn seen(problems: Vec<Problem>) -> Seen {
    let host = SimHost::default();
    let address: PciAddress = "0000:01:00.0".parse().unwrap();
    host.plug(SimPf::new(address, DriverModel::IGB));
    host.set_num_vfs_by_hand(address, 2);
    let pf = host.observe(address, Look::Plain).unwrap().unwrap();
    let mut policy = sample::policy("a".parse().unwrap());
    policy.num_vfs = Some(NumVfs::Count(2));
    let policies = PolicySet {
        policies: vec![policy],
        ..PolicySet::default()
    };
    let resolution = resolve(&policies, &Node::default(), &pf);
    Seen {
        pf,
        resolution,
        problems,
    }
}

fn trust(seen: &Seen, vf: u16) -> Step {
    Step::Vf(
        VfIndex(vf),
        VfStep::SetAttribute {
            interface: seen.pf.interface.as_ref().unwrap().index,
            setting: VfSetting::Trust(true),
        },
    )
}

fn problem(kind: ProblemKind, step: Option<Step>) -> Problem {
    Problem {
        kind,
        vf: None,
        step,
        reason: String::new(),
        hint: None,
    }
}

#[test]
fn what_could_be_done_and_was_not_planned_was_done() {
    let seen = seen(Vec::new());
    assert!(had_done(&seen, &trust(&seen, 1)));
    assert!(had_done(
        &seen,
        &Step::Pf(PfStep::SetNumVfs { from: 0, to: 2 })
    ));
}

#[test]
fn what_was_not_there_was_not_done() {
    let mut seen = seen(Vec::new());
    assert!(!had_done(&seen, &trust(&seen, 2)), "no such VF");
    let step = trust(&seen, 1);
    seen.pf.interface = None;
    assert!(!had_done(&seen, &step));
    assert!(!had_done(
        &seen,
        &Step::Pf(PfStep::SetNumVfs { from: 0, to: 2 })
    ));
}

#[test]
fn what_failed_or_had_to_wait_was_not_done() {
    let step = trust(&seen(Vec::new()), 1);
    let other = Some(trust(&seen(Vec::new()), 0));
    let had_done = |kind, about: Option<Step>| had_done(&seen(vec![problem(kind, about)]), &step);
    assert!(!had_done(ProblemKind::Failed, Some(step.clone())));
    assert!(!had_done(ProblemKind::Awaits, None));
    assert!(!had_done(ProblemKind::InUse, None));
    assert!(had_done(ProblemKind::Failed, other.clone()));
    assert!(had_done(ProblemKind::Unsupported, other));
}
