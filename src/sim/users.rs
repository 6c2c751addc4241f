//! Who uses a simulated VF, and where its netdev is meanwhile.

use super::pf::SimPf;
use sriovd_core::model::{DriverName, Holder, VfIndex};
use std::collections::BTreeSet;

impl SimPf {
    pub(super) fn holders(&self, vf: VfIndex) -> BTreeSet<Holder> {
        self.hidden
            .get(&vf)
            .map(|vf| vf.holders.clone())
            .unwrap_or_default()
    }

    /// What a container plugin's record says of it.
    pub(super) fn allocation(&self, vf: VfIndex) -> Option<Holder> {
        let holders = &self.hidden.get(&vf)?.holders;
        holders.iter().find(|by| by.is_allocation()).cloned()
    }

    /// Does nothing where the VF cannot be used so: no netdev to move, no device to open.
    pub(super) fn hold(&mut self, index: VfIndex, by: Holder) {
        let (Some(vf), Some(hidden)) = (
            self.snapshot.vfs.get_mut(&index),
            self.hidden.get_mut(&index),
        ) else {
            return;
        };
        let possible = match by {
            Holder::Namespace { .. }
            | Holder::Enslaved { .. }
            | Holder::Address { .. }
            | Holder::Rdma { .. }
            | Holder::PacketSocket
            | Holder::Xdp
            | Holder::TrafficControl { .. }
            | Holder::NetworkManager { .. }
            | Holder::Route { .. } => vf.interface.is_some(),
            Holder::VfioGroup { .. } | Holder::UserspaceDevice | Holder::UioDevice { .. } => {
                vf.driver.as_ref().is_some_and(DriverName::is_userspace)
            }
            Holder::CniAllocation { .. }
            | Holder::Container { .. }
            | Holder::Kubelet { .. }
            | Holder::Child { .. } => true,
        };
        if !possible {
            return;
        }
        if matches!(by, Holder::Namespace { .. }) {
            hidden.away = vf.interface.take();
            vf.interface_elsewhere = true;
        }
        hidden.holders.insert(by);
    }

    pub(super) fn open_group(&mut self, index: VfIndex) {
        let driver = self.snapshot.vfs.get(&index).map(|vf| vf.driver.as_ref());
        let on_vfio = driver.flatten().is_some_and(DriverName::is_vfio);
        if let Some(hidden) = self.hidden.get_mut(&index).filter(|_| on_vfio) {
            hidden.open_group = true;
        }
    }

    /// Whose group somebody has open, and nothing else tells of it.
    pub(super) fn quietly_held(&self, index: VfIndex) -> Option<Holder> {
        let group = self.snapshot.vfs.get(&index)?.iommu_group?;
        let hidden = self.hidden.get(&index)?;
        let is_quiet = hidden.open_group && hidden.holders.is_empty();
        is_quiet.then_some(Holder::VfioGroup { group })
    }

    pub(super) fn release(&mut self, index: VfIndex) {
        let (Some(vf), Some(hidden)) = (
            self.snapshot.vfs.get_mut(&index),
            self.hidden.get_mut(&index),
        ) else {
            return;
        };
        hidden.holders.clear();
        hidden.open_group = false;
        if let Some(interface) = hidden.away.take() {
            vf.interface = Some(interface);
            vf.interface_elsewhere = false;
        }
    }
}
