//! What a scenario does to a guest's hardware.

use std::sync::PoisonError;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::guest::{Guest, PATIENCE};
use super::machine::{self, Hotplug};
use super::nic::Nic;

impl Guest {
    /// Plugs a NIC in. Returns at once: the kernel finds it about half a second later.
    pub fn plug(&self, nic: Nic) -> Result<Nic> {
        let vfs = if self.remember(&nic) {
            nic.vfs()
        } else {
            Vec::new()
        };
        for function in vfs.into_iter().chain([nic.pf()]) {
            self.qmp("netdev_add", function.netdev)?;
            self.qmp("device_add", function.device)?;
        }
        Ok(match self.hotplug {
            Hotplug::Acpi => nic,
            Hotplug::Native => nic.named_after_slot(),
        })
    }

    /// Asks the guest to let a NIC go (as the button beside the slot does) and waits until it is gone.
    pub fn unplug(&self, nic: &Nic) -> Result<()> {
        let id = nic.id();
        self.qmp.forget_events();
        self.qmp("device_del", json!({ "id": id }))?;
        self.wait_until_deleted(nic)
            .with_context(|| format!("the guest does not let go of {id}"))
    }

    /// Takes a NIC away without asking: driver and VFs find out afterwards. Use another slot for the next one. Needs native
    /// hotplug.
    pub fn yank(&self, nic: &Nic) -> Result<()> {
        ensure!(
            self.hotplug == Hotplug::Native,
            "this machine's slots hold on to their NICs"
        );
        self.qmp.forget_events();
        // QEMU deletes the device when its slot's power goes. The hotplug interrupt is masked meanwhile, else the kernel hears
        // of it in time; with power back on all it finds is an empty slot.
        let (slot_control, off, on) = ("CAP_EXP+18.w", "0700:0720", "0020:0420");
        self.run(&format!(
            "setpci -s 00:10.{} {slot_control}={off} {slot_control}={on}",
            nic.slot()
        ))?;
        self.wait_until_deleted(nic)
    }

    fn wait_until_deleted(&self, nic: &Nic) -> Result<()> {
        let id = nic.id();
        self.wait_for_event("DEVICE_DELETED", PATIENCE, |data| {
            data["device"] == id.as_str()
        })?;
        self.qmp("netdev_del", json!({ "id": nic.cable() }))?;
        Ok(())
    }

    /// Plugs in an SR-IOV NVMe controller with 4 VFs: an SR-IOV device that is no NIC and that sriovd has to leave alone.
    /// Returns its address.
    pub fn plug_nvme(&self) -> Result<&'static str> {
        self.qmp("device_add", machine::nvme())?;
        Ok(machine::NVME)
    }

    /// Pulls or plugs the network cable of a PF.
    pub fn set_link(&self, nic: &Nic, up: bool) -> Result<()> {
        self.qmp("set_link", json!({ "name": nic.id(), "up": up }))?;
        Ok(())
    }

    /// Notes that a NIC is in its slot; false if QEMU knows its VFs from before.
    pub(super) fn remember(&self, nic: &Nic) -> bool {
        let mut described = self
            .described
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        !nic.is_virtio() || described.insert(nic.slot())
    }
}
