//! What others do to the host: administrators, containers, udev, a hand that pulls a cable.

use super::driver::Eswitch;
use super::{SimHost, SimPf};
use sriovd_core::model::bridge::OpenVswitch;
use sriovd_core::model::{
    DriverName, EswitchMode, Holder, InterfaceName, Mtu, PciAddress, VfIndex, VfSetting,
};

impl SimHost {
    /// Anything that another program does to a PF. Does nothing where there is no such PF.
    pub fn edit(&self, pf: PciAddress, change: impl FnOnce(&mut SimPf)) {
        if let Some(pf) = self.state().pfs.get_mut(&pf) {
            change(pf);
        }
    }

    /// `ip link set PF vf N …`, by another program.
    pub fn set_vf_setting(&self, pf: PciAddress, vf: VfIndex, setting: VfSetting) {
        self.edit(pf, |pf| {
            if let Some(vf) = pf.snapshot.vfs.get_mut(&vf) {
                vf.settings.set(setting);
            }
        });
    }

    /// `echo 0` and `echo count` into `sriov_numvfs`, by another program.
    pub fn set_num_vfs_by_hand(&self, pf: PciAddress, count: u16) {
        let state = &mut *self.state();
        let pf = state.pfs.get_mut(&pf);
        if let Some(pf) = pf.filter(|pf| pf.snapshot.driver.is_some()) {
            pf.destroy_vfs();
            pf.create_vfs(count.min(pf.snapshot.total_vfs), &mut state.around);
        }
    }

    /// `devlink dev eswitch set`, by another program. Does nothing where the driver refuses it.
    pub fn set_eswitch_mode(&self, pf: PciAddress, mode: EswitchMode) {
        let state = &mut *self.state();
        let Some(pf) = state.pfs.get_mut(&pf) else {
            return;
        };
        let denied = pf.model.eswitch == Eswitch::WithoutVfs && pf.snapshot.num_vfs != 0;
        if let Some(is) = pf.snapshot.eswitch_mode.as_mut().filter(|_| !denied) {
            *is = mode;
            pf.settle_representors(&mut state.around.supply);
        }
    }

    /// What another program does to the bridges of Open vSwitch.
    pub fn edit_bridges(&self, change: impl FnOnce(&mut OpenVswitch)) {
        change(&mut self.state().open_vswitch);
    }

    /// The NIC is being pulled and has only its first VFs left, until `unplug`.
    pub fn lose_vfs_from(&self, pf: PciAddress, first: VfIndex) {
        self.edit(pf, |pf| pf.lose_vfs_from(first));
    }

    /// `unbind` of the VF's driver, by another program.
    pub fn unbind_vf(&self, pf: PciAddress, vf: VfIndex) {
        self.edit(pf, |pf| pf.unbind(vf));
    }

    /// A hypervisor or a tool such as driverctl gives a VF a driver of its choice.
    pub fn give_driver(&self, pf: PciAddress, vf: VfIndex, driver: DriverName) {
        self.choose_driver(pf, vf, driver.clone());
        let state = &mut *self.state();
        if let Some(pf) = state.pfs.get_mut(&pf) {
            pf.unbind(vf);
            pf.probe(vf, Some(driver), &mut state.around.supply);
        }
    }

    /// Only the choice: what has it keeps it.
    pub fn choose_driver(&self, pf: PciAddress, vf: VfIndex, driver: DriverName) {
        self.edit(pf, |pf| {
            if let Some(vf) = pf.snapshot.vfs.get_mut(&vf) {
                vf.driver_override = Some(driver);
            }
        });
    }

    /// The drivers of VFs have registered their netdevs.
    pub fn finish_probing(&self, pf: PciAddress) {
        self.edit(pf, SimPf::show_netdevs);
    }

    /// The PF's driver lets it go: its VFs, its netdev and its settings are lost.
    pub fn unbind_pf(&self, pf: PciAddress) {
        self.edit(pf, SimPf::lose_driver);
    }

    /// The driver that let the PF go takes it again.
    pub fn bind_pf(&self, pf: PciAddress) {
        let state = &mut *self.state();
        if let Some(pf) = state.pfs.get_mut(&pf) {
            pf.get_driver(&mut state.around.supply);
        }
    }

    /// A cable with a link of this speed, or none.
    pub fn set_cable(&self, pf: PciAddress, speed: Option<u32>) {
        self.edit(pf, |pf| {
            pf.cable = speed;
            pf.settle_link();
        });
    }

    /// `ip link set PF up` or `down`.
    pub fn set_pf_up(&self, pf: PciAddress, up: bool) {
        self.edit(pf, |pf| {
            if let Some(interface) = &mut pf.snapshot.interface {
                interface.up = up;
            }
            pf.settle_link();
        });
    }

    /// `ip link set PF mtu …`
    pub fn set_pf_mtu(&self, pf: PciAddress, mtu: Mtu) {
        self.edit(pf, |pf| {
            if let Some(interface) = &mut pf.snapshot.interface {
                interface.mtu = mtu;
            }
        });
    }

    /// The PF's interface becomes a port of a bond, and takes the bond's MTU (`bond_enslave`).
    pub fn join_bond(&self, pf: PciAddress, bond: InterfaceName, mtu: Mtu) {
        self.edit(pf, |pf| {
            if let Some(interface) = &mut pf.snapshot.interface {
                pf.mtu_before_bond.get_or_insert(interface.mtu);
                (interface.bond, interface.mtu) = (Some(bond), mtu);
            }
        });
    }

    /// The bond lets it go, with the MTU that it had before (`__bond_release_one`).
    pub fn leave_bond(&self, pf: PciAddress) {
        self.edit(pf, |pf| {
            let before = pf.mtu_before_bond.take();
            if let (Some(interface), Some(before)) = (&mut pf.snapshot.interface, before) {
                (interface.bond, interface.mtu) = (None, before);
            }
        });
    }

    /// udev gives the interface its name for good.
    pub fn finish_name(&self, pf: PciAddress, name: InterfaceName) {
        self.edit(pf, |pf| {
            if let Some(interface) = &mut pf.snapshot.interface {
                interface.name = name;
                interface.name_is_final = true;
            }
        });
    }

    /// `hostname`, by an administrator or by DHCP.
    pub fn set_hostname(&self, name: &str) {
        name.clone_into(&mut self.state().node.hostname);
    }

    /// The VF comes into use.
    pub fn hold(&self, pf: PciAddress, vf: VfIndex, by: Holder) {
        self.edit(pf, |pf| pf.hold(vf, by));
    }

    /// A program opens the VFIO group of a VF, and none of its devices.
    pub fn open_group(&self, pf: PciAddress, vf: VfIndex) {
        self.edit(pf, |pf| pf.open_group(vf));
    }

    /// Somebody takes the PF's own interface into use.
    pub fn use_pf(&self, pf: PciAddress, by: Holder) {
        self.edit(pf, |pf| {
            if pf.snapshot.interface.is_some() {
                pf.users.insert(by);
            }
        });
    }

    /// Nothing uses the PF's own interface any more.
    pub fn leave_pf(&self, pf: PciAddress) {
        self.edit(pf, |pf| pf.users.clear());
    }

    /// The VF's last holder lets go of it.
    pub fn release(&self, pf: PciAddress, vf: VfIndex) {
        self.edit(pf, |pf| pf.release(vf));
    }

    /// The module of this driver is not installed: nothing can be bound to it, nor is it coming.
    pub fn remove_driver(&self, driver: DriverName) {
        let around = &mut self.state().around;
        around.late_drivers.remove(&driver);
        around.missing_drivers.insert(driver);
    }

    /// The module of this driver is installed after all.
    pub fn install_driver(&self, driver: &DriverName) {
        self.state().around.missing_drivers.remove(driver);
    }

    /// udev has still to load the module of this driver: nothing is bound to it until `load_driver`.
    pub fn delay_driver(&self, driver: DriverName) {
        self.state().around.late_drivers.insert(driver);
    }

    /// udev has loaded it, and the kernel offers it the devices that have none.
    pub fn load_driver(&self, driver: &DriverName) {
        let state = &mut *self.state();
        state.around.late_drivers.remove(driver);
        for pf in state.pfs.values_mut() {
            pf.probe_unbound(&mut state.around);
        }
    }
}
