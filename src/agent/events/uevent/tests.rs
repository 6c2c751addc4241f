//! Which events become triggers.

use super::*;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

const PF: &str = "/devices/pci0000:00/0000:00:10.0/0000:01:00.0";

#[test]
fn the_device_is_the_pci_function_deepest_in_the_path() {
    let cases = [
        (PF.to_owned(), Some("0000:01:00.0")),
        (format!("{PF}/net/ens1"), Some("0000:01:00.0")),
        (format!("{PF}/virtio3/net/eth0"), Some("0000:01:00.0")),
        ("/devices/pci0000:00".to_owned(), None),
        ("/devices/virtual/net/veth0".to_owned(), None),
    ];
    for (devpath, function) in cases {
        let found = trigger(Origin::Udev, "add", &devpath, "x").map(|trigger| trigger.scope);
        let wanted = function.map(|function| Scope::Device(function.parse().unwrap()));
        assert_eq!(found, wanted, "{devpath}");
    }
}

#[test]
fn an_interface_may_have_any_bytes_for_a_name() {
    let name = OsStr::from_bytes(b"ens\xff");
    let devpath = Path::new(PF).join("net").join(name);
    let heard = trigger(Origin::Udev, "move", devpath, name).unwrap();
    assert_eq!(heard.scope, Scope::Device("0000:01:00.0".parse().unwrap()));
    assert_eq!(heard.cause.to_string(), "udev event move ens\u{fffd}");
}

#[test]
fn what_the_kernel_says_of_pci_devices_is_heard() {
    let said = |action: &str, devpath: &str, subsystem: &str| {
        let message = format!(
            "{action}@{devpath}\0ACTION={action}\0DEVPATH={devpath}\0SUBSYSTEM={subsystem}\0SEQNUM=17\0"
        );
        let trigger = Uevent::parse(message.as_bytes())?.trigger()?;
        Some(trigger.cause.to_string())
    };
    let cases = [
        ("bind", "", "pci", Some("kernel event bind 0000:01:00.0")),
        (
            "remove",
            "",
            "pci",
            Some("kernel event remove 0000:01:00.0"),
        ),
        // rtnetlink tells of it.
        ("move", "/net/ens1", "net", None),
        // There is no driver yet.
        ("add", "", "pci", None),
        ("add", "/net/ens1/queues/rx-0", "queues", None),
        ("change", "/pcie_port", "pci_express", None),
    ];
    for (action, below, subsystem, wanted) in cases {
        let said = said(action, &format!("{PF}{below}"), subsystem);
        assert_eq!(said.as_deref(), wanted, "{action} {below}");
    }
}

#[test]
fn a_driver_that_comes_is_heard_and_one_that_goes_is_not() {
    let said = |action: &str| {
        let message = format!(
            "{action}@/bus/pci/drivers/vfio-pci\0ACTION={action}\0SUBSYSTEM=drivers\0SEQNUM=17\0"
        );
        let trigger = Uevent::parse(message.as_bytes())?.trigger()?;
        Some((trigger.scope, trigger.cause.to_string()))
    };
    let heard = (Scope::Drivers, "driver vfio-pci is there".to_owned());
    assert_eq!(said("add"), Some(heard));
    assert_eq!(said("remove"), None);
}

#[test]
fn what_is_no_event_is_not_heard() {
    for message in [
        &b""[..],
        b"bind@/devices/pci0000:00/0000:01:00.0",
        b"bind/devices/pci0000:00/0000:01:00.0\0SUBSYSTEM=pci\0",
        b"libudev\0\xfe\xed\xca\xfe\0SUBSYSTEM=pci\0",
        b"bind@/devices/\xff/0000:01:00.0\0SUBSYSTEM=pci\0",
    ] {
        let said = String::from_utf8_lossy(message);
        assert_eq!(Uevent::parse(message), None, "{said}");
    }
}
