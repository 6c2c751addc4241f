//! What can have VFs and is no NIC.

use super::super::prepared::Prepared;
use super::*;

#[test]
fn a_disk_is_another_device_and_a_nic_is_none() {
    let host = Prepared::with_pf();
    let at = "sys/bus/pci/devices/0000:02:00.0";
    host.function("0000:02:00.0", "nvme", "0xa80a");
    assert_eq!(others(&host.tree), Ok(Vec::new()));
    host.file(&format!("{at}/class"), "0x010802\n");
    host.file(&format!("{at}/sriov_totalvfs"), "4\n");
    host.link(&format!("{at}/virtfn0"), "../0000:02:00.1");
    host.file(
        "run/udev/data/+pci:0000:02:00.0",
        "E:ID_VENDOR_FROM_DATABASE=Samsung\n",
    );
    let found = others(&host.tree).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    let disk = &found[0];
    assert_eq!(disk.address.to_string(), "0000:02:00.0");
    assert_eq!((disk.num_vfs, disk.total_vfs), (1, 4));
    assert_eq!(disk.class, "010802");
    assert_eq!(disk.vendor_name.as_deref(), Some("Samsung"));
    assert_eq!(disk.numa_node, None);
}
