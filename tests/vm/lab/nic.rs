//! Emulated SR-IOV NICs, as QEMU is told of them.

use serde_json::{Value, json};

/// A NIC for one of the machine's slots (0 to 7).
#[derive(Debug, Clone)]
pub struct Nic {
    slot: u8,
    model: Model,
    mac: String,
    hub: u32,
    named_after_slot: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    /// Intel 82576: up to 7 VFs with all the classic VF attributes.
    Igb,
    /// virtio-net: so many VFs, without VF attributes.
    Virtio { vfs: u8 },
}

/// What QEMU makes one function of: its end of a cable, and itself.
pub struct Function {
    pub id: String,
    pub netdev: Value,
    pub device: Value,
}

impl Nic {
    pub fn igb(slot: u8) -> Self {
        Self::new(slot, Model::Igb)
    }

    /// At most 127 VFs fit the slot's memory window.
    pub fn virtio(slot: u8, vfs: u8) -> Self {
        Self::new(slot, Model::Virtio { vfs })
    }

    fn new(slot: u8, model: Model) -> Self {
        Self {
            slot,
            model,
            mac: format!("52:54:00:00:{slot:02x}:00"),
            hub: u32::from(slot),
            named_after_slot: false,
        }
    }

    #[must_use]
    pub fn mac(mut self, mac: &str) -> Self {
        self.mac = mac.to_owned();
        self
    }

    /// NICs on the same hub see each other's frames. By default each is on its own.
    #[must_use]
    pub fn cabled_to(mut self, other: &Self) -> Self {
        self.hub = other.hub;
        self
    }

    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// Where the PF turns up: each slot is a bus.
    pub fn pci(&self) -> String {
        format!("0000:{:02x}:00.0", self.slot + 1)
    }

    /// How udev sees it in a machine with native hotplug.
    #[must_use]
    pub(super) fn named_after_slot(mut self) -> Self {
        self.named_after_slot = true;
        self
    }

    /// What udev names the PF.
    pub fn netdev(&self) -> String {
        if self.named_after_slot {
            format!("ens{}", self.slot + 1)
        } else {
            format!("enp{}s0", self.slot + 1)
        }
    }

    /// What udev names a VF.
    pub fn vf_netdev(&self, index: u8) -> String {
        format!("{}v{index}", self.netdev())
    }

    /// Where a VF turns up.
    pub fn vf_pci(&self, index: u8) -> String {
        let (offset, stride) = match self.model {
            Model::Igb => (0x80, 2),
            Model::Virtio { .. } => (1, 1),
        };
        let function = offset + stride * u16::from(index);
        format!(
            "0000:{:02x}:{:02x}.{}",
            self.slot + 1,
            function >> 3,
            function & 7
        )
    }

    /// QEMU's id of the PF.
    pub fn id(&self) -> String {
        format!("nic{}", self.slot)
    }

    /// QEMU's netdev of the PF.
    pub fn cable(&self) -> String {
        format!("{}-cable", self.id())
    }

    pub fn is_virtio(&self) -> bool {
        self.model != Model::Igb
    }

    /// The PF. The bus lets guests find a PF only after its VFs, so it is plugged last.
    pub fn pf(&self) -> Function {
        let driver = match self.model {
            Model::Igb => "igb",
            Model::Virtio { .. } => "virtio-net-pci",
        };
        self.function(driver, self.id(), "0.0", &self.mac, None)
    }

    /// igb makes its VFs by itself; virtio wants each one described.
    pub fn vfs(&self) -> Vec<Function> {
        let Model::Virtio { vfs } = self.model else {
            return Vec::new();
        };
        let vf = |number: u8| {
            let id = format!("{}-vf{}", self.id(), number - 1);
            let address = format!("{:#x}.{:#x}", number >> 3, number & 7);
            let mac = format!("52:54:00:01:{:02x}:{number:02x}", self.slot);
            self.function("virtio-net-pci", id, &address, &mac, Some(self.id()))
        };
        (1..=vfs).rev().map(vf).collect()
    }

    fn function(
        &self,
        driver: &str,
        id: String,
        address: &str,
        mac: &str,
        pf: Option<String>,
    ) -> Function {
        let cable = format!("{id}-cable");
        let mut device = json!({
            "driver": driver, "id": id, "bus": format!("rp{}", self.slot), "addr": address,
            "mac": mac, "netdev": cable, "romfile": "",
        });
        if let Some(pf) = pf {
            device["sriov-pf"] = pf.into();
        }
        Function {
            id,
            netdev: json!({ "type": "hubport", "id": cable, "hubid": self.hub }),
            device,
        }
    }
}
