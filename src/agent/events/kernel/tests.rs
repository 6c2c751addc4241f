//! That the kernel's events are heard, and lost ones noticed.

use super::*;
use crate::events::Scope;
use crate::events::tests::{hearing, in_private_network, uevent};
use netlink_sys::Socket;

#[test]
fn kernel_events_come_without_udev() {
    in_private_network(module_path!(), "kernel_events_come_without_udev", async {
        let source = KernelEvents::subscribe(1 << 20).unwrap();
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
fn additions_take_no_room() {
    in_private_network(module_path!(), "additions_take_no_room", async {
        let source = KernelEvents::subscribe(2048).unwrap();
        let kernel = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
        for _ in 0..500 {
            uevent(
                &kernel,
                "add",
                "/devices/pci0000:00/0000:01:00.0/net/eth0/queues/rx-0",
                "queues",
            );
        }
        uevent(&kernel, "add", "/bus/pci/drivers/vfio-pci", "drivers");
        uevent(&kernel, "change", "/devices/pci0000:00/0000:02:00.0", "pci");
        hearing(
            |sender| source.run(sender),
            async |mut ear| {
                let is_last = |trigger: &Trigger| trigger.cause.to_string().contains("change");
                let before = ear.until(is_last).await;
                assert_eq!(before.len(), 1, "{before:?}");
            },
        )
        .await;
    });
}

#[test]
fn lost_events_ask_for_a_full_look() {
    in_private_network(module_path!(), "lost_events_ask_for_a_full_look", async {
        let source = KernelEvents::subscribe(2048).unwrap();
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
