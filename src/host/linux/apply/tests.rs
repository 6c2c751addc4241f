//! Steps on a prepared tree, and what the kernel's refusals become.

use crate::host::linux::prepared::{PF, Prepared, pci, pf, vf_address};
use crate::host::{Host, HostError, linux::LinuxHost};
use crate::model::{Action, BindTarget, Errno, Step, VfIndex, VfSetting};
use rustix::fs::{FlockOperation, flock};
use std::fs::File;

/// No link has it.
const NO_INTERFACE: u32 = 0x7fff_fff0;

fn apply(host: &Prepared, step: Step) -> Result<(), HostError> {
    let linux = LinuxHost {
        tree: host.tree.clone(),
    };
    linux.apply(&Action {
        pf: pf(),
        step,
        though_in_use: false,
        seen: None,
    })
}

#[test]
fn autoprobe() {
    let host = Prepared::with_pf();
    for (on, text) in [(false, "0"), (true, "1")] {
        host.pf_file("sriov_drivers_autoprobe", "");
        assert_eq!(apply(&host, Step::SetAutoprobe { on }), Ok(()));
        assert_eq!(
            host.text(&format!("{}/sriov_drivers_autoprobe", pci(PF))),
            text
        );
    }
}

/// In a prepared tree VFs do not come by themselves.
#[test]
fn a_count_is_believed_when_the_vfs_are_there() {
    let host = Prepared::with_pf();
    let step = Step::SetNumVfs { from: 0, to: 2 };
    host.vf(0, "igbvf");
    let fewer = HostError::NoEffect {
        what: "setting numvfs to 2".to_owned(),
        found: "the number of VFs is 1".to_owned(),
    };
    assert_eq!(apply(&host, step.clone()), Err(fewer));
    host.vf(1, "igbvf");
    host.pf_file("sriov_numvfs", "");
    assert_eq!(apply(&host, step), Ok(()));
    assert_eq!(host.text(&format!("{}/sriov_numvfs", pci(PF))), "2");
}

#[test]
fn an_interface_that_left_is_gone() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let interface = NO_INTERFACE;
    for step in [
        Step::SetPfUp { interface },
        Step::SetPfMtu {
            interface,
            mtu: 1500.try_into().unwrap(),
        },
        Step::SetVf {
            interface,
            vf: VfIndex(0),
            setting: VfSetting::Trust(true),
        },
        Step::SetVfMtu {
            interface,
            vf: VfIndex(0),
            mtu: 1500.try_into().unwrap(),
        },
    ] {
        let error = apply(&host, step).unwrap_err();
        // Without the right to change anything that is said first.
        let denied = matches!(
            error,
            HostError::Kernel {
                errno: Errno::PERM,
                ..
            }
        );
        assert!(denied || matches!(error, HostError::Gone { .. }), "{error}");
    }
}

#[test]
fn a_vf_that_another_program_works_on_is_left_alone() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let path = format!("var/lib/cni/sriov/pci/vf_lock/{}.lock", vf_address(0));
    host.file(&path, "");
    let theirs = File::open(host.path(&path)).unwrap();
    flock(&theirs, FlockOperation::LockExclusive).unwrap();
    let (interface, vf) = (NO_INTERFACE, VfIndex(0));
    for step in [
        Step::SetVf {
            interface,
            vf,
            setting: VfSetting::Trust(true),
        },
        Step::SetVfMtu {
            interface,
            vf,
            mtu: 1500.try_into().unwrap(),
        },
        Step::Bind {
            vf,
            address: vf_address(0),
            from: Some("igbvf".parse().unwrap()),
            to: crate::model::BindTarget::Default,
        },
        // All of them go.
        Step::SetNumVfs { from: 1, to: 0 },
    ] {
        assert!(matches!(apply(&host, step), Err(HostError::Locked { .. })));
    }
}

#[test]
fn a_vf_that_was_lent_since_it_was_looked_at_is_left_alone() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    host.pf_file("sriov_numvfs", "1");
    let record = format!("var/lib/cni/sriov/pci/{}", vf_address(0));
    host.file(&record, "/run/netns/pod");
    host.file("run/netns/pod", "");
    let step = Step::SetNumVfs { from: 1, to: 0 };
    let lent = HostError::Lent {
        what: "VF 0 (0000:01:10.0)".to_owned(),
    };
    assert_eq!(apply(&host, step.clone()), Err(lent));
    let numvfs = || host.text(&format!("{}/sriov_numvfs", pci(PF)));
    assert_eq!(numvfs(), "1");
    let linux = LinuxHost {
        tree: host.tree.clone(),
    };
    let forced = linux.apply(&Action {
        pf: pf(),
        step,
        though_in_use: true,
        seen: None,
    });
    assert!(
        matches!(forced, Err(HostError::NoEffect { .. })),
        "{forced:?}"
    );
    assert_eq!(numvfs(), "0");
}

#[test]
fn a_vf_that_came_into_use_since_it_was_looked_at_is_left_alone() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    host.vf(1, "vfio-pci");
    let device = pci(&vf_address(1).to_string());
    // As while somebody has it open.
    host.file(&format!("{device}/enable"), "1");
    host.pf_file("sriov_numvfs", "2");
    let bind = Step::Bind {
        vf: VfIndex(1),
        address: vf_address(1),
        from: Some("igbvf".parse().unwrap()),
        to: BindTarget::Default,
    };
    let in_use = HostError::InUse {
        what: "VF 1".to_owned(),
        by: "VFIO group 21 (fuser -v /dev/vfio/21 names the process)".to_owned(),
    };
    for step in [Step::SetNumVfs { from: 2, to: 0 }, bind] {
        assert_eq!(apply(&host, step), Err(in_use.clone()));
    }
    let numvfs = || host.text(&format!("{}/sriov_numvfs", pci(PF)));
    assert_eq!(numvfs(), "2");
    host.file(&format!("{device}/enable"), "0");
    let step = Step::SetNumVfs { from: 2, to: 0 };
    assert!(apply(&host, step).is_err_and(|error| error != in_use));
    assert_eq!(numvfs(), "0");
}
