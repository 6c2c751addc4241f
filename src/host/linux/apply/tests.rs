//! Steps on a prepared tree, and what the kernel's refusals become.

use crate::linux::LinuxHost;
use crate::linux::prepared::{PF, Prepared, pci, pf, vf_address};
use rustix::fs::{FlockOperation, flock};
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::{
    Action, BindTarget, Errno, Holder, PfStep, Step, VfIndex, VfSetting, VfStep,
};
use std::fs::File;
use std::path::PathBuf;

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
        assert_eq!(apply(&host, Step::Pf(PfStep::SetAutoprobe { on })), Ok(()));
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
    let step = Step::Pf(PfStep::SetNumVfs { from: 0, to: 2 });
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
        Step::Pf(PfStep::SetUp { interface }),
        Step::Pf(PfStep::SetMtu {
            interface,
            mtu: 1500.try_into().unwrap(),
        }),
        Step::Vf(
            VfIndex(0),
            VfStep::SetAttribute {
                interface,
                setting: VfSetting::Trust(true),
            },
        ),
        Step::Vf(
            VfIndex(0),
            VfStep::SetMtu {
                interface,
                mtu: 1500.try_into().unwrap(),
            },
        ),
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
        Step::Vf(
            vf,
            VfStep::SetAttribute {
                interface,
                setting: VfSetting::Trust(true),
            },
        ),
        Step::Vf(
            vf,
            VfStep::SetMtu {
                interface,
                mtu: 1500.try_into().unwrap(),
            },
        ),
        Step::Vf(
            vf,
            VfStep::Bind {
                address: vf_address(0),
                from: Some("igbvf".parse().unwrap()),
                to: sriovd_core::model::BindTarget::Default,
            },
        ),
        // All of them go.
        Step::Pf(PfStep::SetNumVfs { from: 1, to: 0 }),
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
    let step = Step::Pf(PfStep::SetNumVfs { from: 1, to: 0 });
    let allocated = HostError::Allocated {
        what: "VF 0 (0000:01:10.0)".to_owned(),
    };
    assert_eq!(apply(&host, step.clone()), Err(allocated));
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
    let bind = Step::Vf(
        VfIndex(1),
        VfStep::Bind {
            address: vf_address(1),
            from: Some("igbvf".parse().unwrap()),
            to: BindTarget::Default,
        },
    );
    let in_use = HostError::InUse {
        vf: VfIndex(1),
        by: Box::new(Holder::VfioGroup { group: 21 }),
    };
    for step in [Step::Pf(PfStep::SetNumVfs { from: 2, to: 0 }), bind] {
        assert_eq!(apply(&host, step), Err(in_use.clone()));
    }
    let numvfs = || host.text(&format!("{}/sriov_numvfs", pci(PF)));
    assert_eq!(numvfs(), "2");
    host.file(&format!("{device}/enable"), "0");
    let step = Step::Pf(PfStep::SetNumVfs { from: 2, to: 0 });
    assert!(apply(&host, step).is_err_and(|error| error != in_use));
    assert_eq!(numvfs(), "0");
}

/// A pass that opens a group keeps it from a program that opens it in that instant.
#[test]
fn vfio_groups_are_opened_once_right_before_and_none_after_one_that_is_in_use() {
    let host = Prepared::with_pf();
    for vf in 0..3 {
        host.vf(vf, "vfio-pci");
        host.file(&format!("{}/enable", pci(&vf_address(vf).to_string())), "0");
        host.file(&format!("dev/vfio/{}", 20 + vf), "");
    }
    let faults = host.tree.faults();
    let groups = |accesses: &[PathBuf]| -> Vec<String> {
        let groups = accesses
            .iter()
            .filter(|path| path.parent().unwrap().ends_with("dev/vfio"));
        groups
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    };
    let look = |look| {
        let linux = LinuxHost {
            tree: host.tree.clone(),
        };
        linux.observe(pf(), look).unwrap();
        groups(&faults.take_accesses())
    };
    faults.take_accesses();
    assert_eq!(look(Look::WithHolders), [""; 0]);
    assert_eq!(look(Look::Asking), ["20", "21", "22"]);
    assert_eq!(look(Look::WithHoldersOf(VfIndex(1))), ["21"]);

    let none = Step::Pf(PfStep::SetNumVfs { from: 3, to: 0 });
    drop(apply(&host, none.clone()));
    let accesses = faults.take_accesses();
    assert_eq!(groups(&accesses), ["20", "21", "22"]);
    // As the kernel answers while somebody has it.
    let at = accesses
        .iter()
        .position(|path| path.ends_with("dev/vfio/21"));
    faults.fail(at.unwrap(), Errno::BUSY);
    let in_use = |vf: u16| HostError::InUse {
        vf: VfIndex(vf),
        by: Box::new(Holder::VfioGroup {
            group: u32::from(20 + vf),
        }),
    };
    assert_eq!(apply(&host, none.clone()), Err(in_use(1)));
    assert_eq!(groups(&faults.take_accesses()), ["20", "21"]);
    faults.end();
    host.file(&format!("{}/enable", pci(&vf_address(2).to_string())), "1");
    assert_eq!(apply(&host, none), Err(in_use(2)));
    assert_eq!(groups(&faults.take_accesses()), [""; 0]);
}

/// So that binding all VFs costs as much for each as binding one.
#[test]
fn binding_a_vf_looks_at_no_other() {
    let accesses_with = |vfs: u16| {
        let host = Prepared::with_pf();
        for vf in 0..vfs {
            host.vf(vf, "vfio-pci");
            host.file(&format!("{}/enable", pci(&vf_address(vf).to_string())), "0");
        }
        host.tree.faults().take_accesses();
        let bind = Step::Vf(
            VfIndex(0),
            VfStep::Bind {
                address: vf_address(0),
                from: Some("vfio-pci".parse().unwrap()),
                to: BindTarget::Default,
            },
        );
        drop(apply(&host, bind));
        let accesses = host.tree.faults().take_accesses();
        let of_others = accesses.iter().filter(|path| {
            let mut others = (1..vfs).map(|vf| vf_address(vf).to_string());
            others.any(|other| path.to_string_lossy().contains(&other))
        });
        assert_eq!(of_others.count(), 0);
        accesses.len()
    };
    assert!(accesses_with(1) > 5);
    assert_eq!(accesses_with(1), accesses_with(64));
}
