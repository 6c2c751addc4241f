//! A pass that makes VFs, then sets them up, seen while it runs.

use super::*;
use crate::model::{BindTarget, VfSetting, VfStep};

fn vf(function: u8) -> PciAddress {
    format!("0000:01:10.{function}").parse().unwrap()
}

fn trust(index: u16) -> Step {
    Step::Vf(
        VfIndex(index),
        VfStep::SetAttribute {
            interface: 3,
            setting: VfSetting::Trust(true),
        },
    )
}

fn bind(index: u16) -> Step {
    Step::Vf(
        VfIndex(index),
        VfStep::Bind {
            address: vf(0),
            from: None,
            to: BindTarget::Default,
        },
    )
}

#[test]
fn vfs_are_counted_as_they_come_and_as_they_are_set_up() {
    let mut tally = Tally::default();
    assert_eq!(tally.progress().to_string(), "");
    let make = Step::Pf(PfStep::SetNumVfs { from: 0, to: 2 });
    tally.planned(std::slice::from_ref(&make));
    assert_eq!(tally.progress().to_string(), "VFs made 0 of 2");
    assert!(tally.vf_appeared(vf(0)));
    assert!(!tally.vf_appeared(vf(0)));
    assert_eq!(tally.progress().to_string(), "VFs made 1 of 2");
    // The kernel came back before its last event did.
    tally.step_done(&make);
    assert!(!tally.vf_appeared(vf(1)));
    assert_eq!(tally.progress().to_string(), "VFs made 2 of 2");

    let mtu = Step::Vf(
        VfIndex(0),
        VfStep::SetMtu {
            interface: 4,
            mtu: crate::model::Mtu::ETHERNET,
        },
    );
    tally.planned(&[trust(0), trust(1), mtu.clone(), bind(1)]);
    tally.step_done(&trust(0));
    tally.step_done(&trust(1));
    tally.step_done(&bind(1));
    let expected = "VFs made 2 of 2, configured 1 of 2, bound 1 of 1";
    assert_eq!(tally.progress().to_string(), expected);
    tally.step_done(&mtu);
    assert_eq!(tally.progress().configured, Share { done: 2, of: 2 });
}

#[test]
fn what_comes_unasked_is_not_counted() {
    let mut tally = Tally::default();
    assert!(!tally.vf_appeared(vf(0)));
    tally.planned(&[Step::Pf(PfStep::SetNumVfs { from: 4, to: 0 })]);
    assert!(!tally.vf_appeared(vf(0)));
}
