//! Which PFs an event is worth a look.

use super::*;
use crate::daemon::tests::{coordinator, load, start, until};
use sriovd_core::model::{Holder, VfIndex};
use sriovd_sim::{DriverModel, SimHost, SimPf};

const PFS: [&str; 4] = [
    "0000:01:00.0",
    "0000:02:00.0",
    "0000:03:00.0",
    "0000:04:00.0",
];

fn policies(num_vfs: u16) -> String {
    format!(
        "[[policy]]\nname = \"p\"\nnum_vfs = {num_vfs}\ndevice_type = \"vfio-pci\"\nmatch.driver = \"igb\"\n"
    )
}

/// Else every virtual machine that ends would cost what all PFs cost.
#[tokio::test]
async fn a_vfio_device_that_is_closed_concerns_only_pfs_that_wait_for_it() {
    let root = tempfile::tempdir().unwrap();
    let [waits, for_another, for_a_container, idle] = PFS.map(|at| at.parse().unwrap());
    let host = Arc::new(SimHost::default());
    for (pf, others) in [
        (waits, 0),
        (for_another, 0),
        (for_a_container, 0),
        (idle, 2),
    ] {
        let mut nic = SimPf::new(pf, DriverModel::IGB);
        nic.snapshot.total_vfs = if others == 0 { 7 } else { others };
        host.plug(nic);
    }
    let (mut coordinator, mut finished) = coordinator(root.path(), &host);
    start(&mut coordinator, &policies(2));
    until(&mut coordinator, &mut finished, Daemon::is_ready).await;
    let group_of = |pf: PciAddress, vf: u16| host.pf(pf).unwrap().vfs[&VfIndex(vf)].iommu_group;
    // The groups of simulated PFs have the same numbers: its own is a matter of the VF.
    let groups = [
        group_of(waits, 0).unwrap(),
        group_of(for_another, 1).unwrap(),
    ];
    host.hold(waits, VfIndex(0), Holder::VfioGroup { group: groups[0] });
    host.hold(
        for_another,
        VfIndex(1),
        Holder::VfioGroup { group: groups[1] },
    );
    let netns = "/run/netns/pod".to_owned();
    host.hold(for_a_container, VfIndex(0), Holder::CniAllocation { netns });
    load(&mut coordinator, &policies(1), Cause::PolicyFiles);
    until(&mut coordinator, &mut finished, |it| !it.is_busy()).await;
    assert_eq!(host.pf(waits).unwrap().num_vfs, 2, "it is refused");
    assert_eq!(concerned_by_vfio(&coordinator, Some(groups[0])), [waits]);
    assert_eq!(
        concerned_by_vfio(&coordinator, Some(groups[1])),
        [for_another]
    );
    assert_eq!(concerned_by_vfio(&coordinator, Some(9999)), []);
    assert_eq!(concerned_by_vfio(&coordinator, None), [waits, for_another]);
}
