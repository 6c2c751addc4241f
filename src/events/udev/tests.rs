//! Which events become triggers, and that lost ones are noticed.

use super::*;
use crate::events::tests::{hearing, in_private_network};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_KOBJECT_UEVENT};

#[test]
fn the_device_is_the_pci_function_deepest_in_the_path() {
    let pf = "/devices/pci0000:00/0000:00:10.0/0000:01:00.0";
    let cases = [
        (pf.to_owned(), Some("0000:01:00.0")),
        (format!("{pf}/net/ens1"), Some("0000:01:00.0")),
        (format!("{pf}/virtio3/net/eth0"), Some("0000:01:00.0")),
        ("/devices/pci0000:00".to_owned(), None),
        ("/devices/virtual/net/veth0".to_owned(), None),
    ];
    for (devpath, function) in cases {
        let found = trigger(Origin::Udev, "add", &devpath, "x").map(|trigger| trigger.scope);
        let wanted = function.map(|function| Scope::Device(function.parse().unwrap()));
        assert_eq!(found, wanted, "{devpath}");
    }
}

/// What the kernel itself sends; it adds a sequence number.
fn uevent(kernel: &Socket, action: &str, devpath: &str, subsystem: &str) {
    let text =
        format!("{action}@{devpath}\0ACTION={action}\0DEVPATH={devpath}\0SUBSYSTEM={subsystem}\0");
    let length = u32::try_from(16 + text.len()).unwrap();
    let mut message = Vec::new();
    message.extend(length.to_ne_bytes());
    message.extend(0x10_u16.to_ne_bytes());
    message.extend(1_u16.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(text.bytes());
    kernel.send_to(&message, &SocketAddr::new(0, 0), 0).unwrap();
}

#[test]
fn kernel_events_come_without_udev() {
    in_private_network(module_path!(), "kernel_events_come_without_udev", async {
        let source = Source::subscribe(Origin::Kernel, 1 << 20).unwrap();
        let kernel = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
        // Heard although sent before anybody reads.
        uevent(
            &kernel,
            "add",
            "/devices/pci0000:00/0000:01:00.0/queues/rx-0",
            "queues",
        );
        uevent(&kernel, "bind", "/devices/pci0000:00/0000:01:00.0", "pci");
        let heard = hearing(
            |sender| source.run(sender),
            async |mut ear| ear.next().await,
        )
        .await;
        assert_eq!(heard.scope, Scope::Device("0000:01:00.0".parse().unwrap()));
        assert_eq!(heard.cause.to_string(), "kernel event bind 0000:01:00.0");
    });
}

#[test]
fn lost_events_ask_for_a_full_look() {
    in_private_network(module_path!(), "lost_events_ask_for_a_full_look", async {
        let source = Source::subscribe(Origin::Kernel, 2048).unwrap();
        let kernel = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
        let device = "/devices/pci0000:00/0000:01:00.0";
        for _ in 0..500 {
            uevent(&kernel, "change", device, "pci");
        }
        hearing(
            |sender| source.run(sender),
            async |mut ear| {
                let is_overrun = |trigger: &Trigger| *trigger == Trigger::overrun("kernel");
                let kept = ear.until(is_overrun).await;
                assert!((1..500).contains(&kept.len()), "{} kept", kept.len());
                // It goes on hearing, and one overrun is told once.
                uevent(&kernel, "remove", device, "pci");
                assert!(!is_overrun(&ear.next().await));
                uevent(&kernel, "bind", device, "pci");
                assert!(!is_overrun(&ear.next().await));
            },
        )
        .await;
    });
}
