//! The standard machine, as QEMU's arguments.

use std::env;

use serde_json::{Value, json};

use super::image::Image;
use super::qemu::{AGENT_SOCKET, CONSOLE, QMP_SOCKET};

/// How many NICs it takes.
pub const SLOTS: u8 = 8;
/// Where an SR-IOV NVMe controller turns up.
pub const NVME: &str = "0000:09:00.0";

/// Who tells the kernel of what comes and goes in the slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hotplug {
    /// The firmware, as in most virtual machines: nothing leaves before the guest has let go of it.
    #[default]
    Acpi,
    /// The slot itself, as in a server with hot-swap bays: a NIC can be pulled without warning, and udev names it after its slot.
    Native,
}

/// The same for every guest, so that a snapshot of one is a snapshot of all.
pub fn arguments(image: &Image, tsc_khz: u32, hotplug: Hotplug) -> Arguments {
    let file = |name: &str| image.path(name).display().to_string();
    let mut arguments = Arguments::default();
    arguments
        .flag("-nodefaults")
        .flag("-no-user-config")
        .flag("-no-reboot");
    accelerator(&mut arguments);
    arguments
        .add(
            "-machine",
            "q35,hpet=off,smbus=off,sata=off,i8042=off,usb=off,graphics=off",
        )
        .add("-smp", "2")
        .add("-m", "1G")
        .add("-display", "none")
        .add("-serial", format!("file:{CONSOLE}"))
        .add("-kernel", file("vmlinux"))
        .add("-initrd", file("initrd"))
        .add("-append", kernel_command_line(tsc_khz));
    if hotplug == Hotplug::Native {
        arguments.add(
            "-global",
            "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off",
        );
    }
    // Before all other devices, or it does not translate for them.
    arguments.device("intel-iommu");
    arguments
        .add(
            "-drive",
            format!(
                "id=root,file={},format=raw,if=none,readonly=on,cache=unsafe",
                file("root.ext4")
            ),
        )
        .device("virtio-blk-pci,drive=root,addr=0x2")
        .device("virtio-serial-pci,id=serial,addr=0x3")
        .add("-chardev", format!("socket,id=agent,path={AGENT_SOCKET}"))
        .device("virtserialport,bus=serial.0,chardev=agent,name=lab")
        .add("-qmp", format!("unix:{QMP_SOCKET}"));
    // One port a slot. Plain ones do: firmware leaves each enough memory for 7 igb or 127 virtio VFs, and ARI spreads them.
    for slot in 0..SLOTS {
        let chassis = slot + 1;
        arguments.device(format!(
            "pcie-root-port,id=rp{slot},chassis={chassis},slot={chassis},addr=0x10.{slot},multifunction=on"
        ));
    }
    // For an NVMe controller, which itself is plugged when wanted: with SR-IOV it would forbid snapshots. Its subsystem cannot
    // be plugged later.
    arguments
        .device(format!(
            "pcie-root-port,id=rp{SLOTS},chassis=9,slot=9,addr=0x11.0"
        ))
        .device("nvme-subsys,id=subsystem");
    arguments
}

/// An SR-IOV NVMe controller for the port after the NICs'.
pub fn nvme() -> Value {
    json!({
        "driver": "nvme", "id": "nvme", "bus": format!("rp{SLOTS}"), "subsys": "subsystem", "serial": "lab",
        "max_ioqpairs": 10, "msix_qsize": 11,
        "sriov_max_vfs": 4, "sriov_vq_flexible": 8, "sriov_vi_flexible": 4,
    })
}

/// Hardware acceleration only on request: there are hosts where /dev/kvm opens and the guest then dies at once.
fn accelerator(arguments: &mut Arguments) {
    if env::var("SRIOVD_VM_ACCEL").is_ok_and(|value| value == "kvm") {
        arguments.add("-accel", "kvm").add("-cpu", "host");
    } else {
        // Without rdrand the guest's random pool is not ready for half a minute.
        arguments
            .add("-accel", "tcg,thread=multi")
            .add("-cpu", "Nehalem,+rdrand,+rdseed");
    }
}

/// What makes a boot under emulation take 7 seconds rather than 30; measured one by one, dearest first: no speculation
/// mitigations, no BPF security module (systemd would load programs into it), no self-measured clock, trusted rdrand.
fn kernel_command_line(tsc_khz: u32) -> String {
    format!(
        "console=ttyS0 quiet loglevel=4 nokaslr mitigations=off lsm=landlock tsc=reliable tsc_early_khz={tsc_khz} \
         random.trust_cpu=on nowatchdog no_timer_check audit=0 cryptomgr.notests intel_iommu=on iommu=pt rdinit=/init"
    )
}

#[derive(Default)]
pub struct Arguments(pub Vec<String>);

impl Arguments {
    pub fn flag(&mut self, flag: &str) -> &mut Self {
        self.0.push(flag.to_owned());
        self
    }

    pub fn add(&mut self, option: &str, value: impl Into<String>) -> &mut Self {
        self.0.push(option.to_owned());
        self.0.push(value.into());
        self
    }

    pub fn device(&mut self, device: impl Into<String>) -> &mut Self {
        self.add("-device", device)
    }
}
