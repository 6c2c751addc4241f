//! A simulated PF with its VFs: what its driver would remember, and what happens by itself.

mod from_snapshot;

use super::driver::{DriverModel, Eswitch};
use super::surroundings::{Supply, Surroundings};
use sriovd_core::model::{
    DevlinkParams, DriverName, EswitchMode, Holder, InterfaceName, LinkType, MacAddress, Mtu,
    PciAddress, PfInterface, PfSnapshot, Representor, TxRate, VfIndex, VfInterface, VfSnapshot,
};
use std::collections::{BTreeMap, BTreeSet};

/// A PF of the simulated host.
#[derive(Debug, Clone)]
pub struct SimPf {
    /// How its driver behaves.
    pub model: DriverModel,
    /// What an observation shows, except who holds the VFs.
    pub snapshot: PfSnapshot,
    /// The speed that the link comes up with; `None`: no cable.
    pub cable: Option<u32>,
    /// The kernel's VF list stops here; `None`: it is whole.
    pub listed_vfs: Option<u16>,
    /// VFs get their netdevs some time after their driver, see `SimHost::finish_probing`.
    pub late_netdevs: bool,
    /// VFs that the kernel's default driver does not get to work: it leaves them alone, or a virtio
    /// device makes no netdev.
    pub dead_vfs: BTreeSet<VfIndex>,
    /// What uses its own interface.
    pub users: BTreeSet<Holder>,
    /// VFs whose driver gives up making a netdev so many times that it is bound, and stays bound.
    pub mute_vfs: BTreeMap<VfIndex, u8>,
    /// So many drivers of VFs still to be bound find the PF in a reset: each makes up an address.
    pub resetting: u8,
    /// What its own interface had before it became a port of a bond.
    pub(super) mtu_before_bond: Option<Mtu>,
    /// The driver that let it go, and the netdev that it had made.
    lost: Option<(DriverName, Option<PfInterface>)>,
    pub(super) hidden: BTreeMap<VfIndex, Hidden>,
    /// The parameters of its driver.
    pub(super) params: DevlinkParams,
    /// So many settings are still answered with EAGAIN.
    pub(super) busy: u32,
}

/// What no observation shows, or only one that looks for holders.
#[derive(Debug, Clone, Default)]
pub(super) struct Hidden {
    /// The MAC that the VF's own driver used last.
    own_mac: Option<MacAddress>,
    pub(super) holders: BTreeSet<Holder>,
    /// The netdev, while it is in another network namespace.
    pub(super) away: Option<VfInterface>,
    /// Somebody has its VFIO group open and none of its devices, which no look shows.
    pub(super) open_group: bool,
    /// The netdev that its driver has yet to register.
    coming: Option<VfInterface>,
    pub(super) coming_representor: Option<Representor>,
}

impl SimPf {
    /// A NIC as it comes from the shelf: down, cable plugged in, no VFs, named for good.
    pub fn new(address: PciAddress, model: DriverModel) -> Self {
        let text = address.to_string();
        let slot = text.get(5..7).unwrap_or_default();
        let number = u8::from_str_radix(slot, 16).unwrap_or_default();
        let name: Option<InterfaceName> = format!("ens{number}").parse().ok();
        let interface = name.map(|name| PfInterface {
            index: 0,
            name,
            altnames: BTreeSet::new(),
            other_ports: BTreeSet::new(),
            name_is_final: true,
            permanent_mac: MacAddress([0x52, 0x54, 0, 0, number, 0]),
            mac: Some(MacAddress([0x52, 0x54, 0, 0, number, 0])),
            mtu: Mtu::ETHERNET,
            up: false,
            carrier: false,
            speed: None,
            link_type: LinkType::Ether,
            tc_offload: model.tc_offload.then_some(false),
            bond: None,
        });
        let snapshot = PfSnapshot {
            address,
            vendor: model.vendor,
            device: model.device,
            vendor_name: None,
            model_name: None,
            driver: model.name.parse().ok(),
            initialized: true,
            numa_node: Some(0),
            pcie_root: Some("pci0000:00".to_owned()),
            total_vfs: model.total_vfs,
            num_vfs: 0,
            autoprobe: true,
            eswitch_mode: model.eswitch.mode(),
            eswitch_hidden: false,
            params: None,
            interface,
            interface_elsewhere: false,
            vf_list_complete: true,
            count_is_changing: false,
            vfs: BTreeMap::new(),
            holders: None,
            open_vswitch: None,
            users: None,
        };
        Self {
            params: model.params(),
            model,
            cable: Some(1000),
            ..Self::from(snapshot)
        }
    }

    pub(super) fn lose_driver(&mut self) {
        self.destroy_vfs();
        self.mtu_before_bond = None;
        self.snapshot.eswitch_mode = None;
        self.params = self.model.params();
        if let Some(driver) = self.snapshot.driver.take() {
            self.lost = Some((driver, self.snapshot.interface.take()));
            self.users.clear();
        }
    }

    /// Out of the slot: what the kernel knew of the device is forgotten.
    pub(super) fn unplug(&mut self) {
        self.lose_driver();
        self.snapshot.autoprobe = true;
    }

    /// Its netdev starts from nothing, with a new index. A PF that has its driver keeps its settings.
    pub(super) fn get_driver(&mut self, supply: &mut Supply) {
        if let Some((driver, interface)) = self.lost.take() {
            self.snapshot.driver = Some(driver);
            self.snapshot.eswitch_mode = self.model.eswitch.mode();
            self.snapshot.interface = interface.map(|interface| PfInterface {
                mtu: Mtu::ETHERNET,
                up: false,
                carrier: false,
                speed: None,
                tc_offload: interface.tc_offload.map(|_| false),
                bond: None,
                ..interface
            });
        }
        if let Some(interface) = &mut self.snapshot.interface {
            interface.index = supply.interface();
        }
    }

    pub(super) fn create_vfs(&mut self, count: u16, around: &mut Surroundings) {
        for index in (0..count).map(VfIndex) {
            let Some(address) = self.vf_address(index) else {
                break;
            };
            let vf = VfSnapshot {
                address,
                vendor: self.model.vendor,
                device: self.model.vf_device,
                driver: None,
                driver_override: None,
                iommu_group: Some(100 + u32::from(index.0)),
                no_iommu: false,
                rdma: Vec::new(),
                representor: None,
                interface: None,
                interface_elsewhere: false,
                half_bound: false,
                settings: self.model.fresh_settings(),
            };
            self.snapshot.vfs.insert(index, vf);
            self.hidden.insert(index, Hidden::default());
            self.snapshot.num_vfs += 1;
        }
        self.settle_representors(&mut around.supply);
        self.probe_unbound(around);
        self.busy = self.model.busy_after_creation;
    }

    /// The kernel offers VFs that have no driver to the one that is there by itself.
    pub(super) fn probe_unbound(&mut self, around: &mut Surroundings) {
        let default: Option<DriverName> = self.model.vf_driver.parse().ok();
        let vfs = self.snapshot.vfs.iter();
        let unbound = vfs.filter(|(_, vf)| vf.driver.is_none());
        let wanted = unbound.filter_map(|(&index, vf)| {
            let by_id = || default.clone().filter(|_| self.snapshot.autoprobe);
            Some((index, vf.driver_override.clone().or_else(by_id)?))
        });
        for (index, driver) in wanted.collect::<Vec<_>>() {
            if around.has(&driver) {
                self.probe(index, Some(driver), &mut around.supply);
            }
        }
    }

    /// The kernel takes the last VF first when a NIC goes, and tells their old number until it is
    /// gone. (Single VFs cannot be removed: they have no `remove` in sysfs.)
    pub(super) fn lose_vfs_from(&mut self, first: VfIndex) {
        if self.snapshot.vfs.split_off(&first).is_empty() {
            return;
        }
        self.hidden.split_off(&first);
        self.snapshot.num_vfs = u16::try_from(self.snapshot.vfs.len()).unwrap_or(u16::MAX);
        self.snapshot.count_is_changing = true;
    }

    pub(super) fn destroy_vfs(&mut self) {
        self.snapshot.vfs.clear();
        self.snapshot.num_vfs = 0;
        self.snapshot.count_is_changing = false;
        self.hidden.clear();
        if self.model.eswitch == Eswitch::GoesWithVfs {
            self.snapshot.eswitch_mode = Some(EswitchMode::Legacy);
        }
    }

    fn vf_address(&self, index: VfIndex) -> Option<PciAddress> {
        let text = self.snapshot.address.to_string();
        let (domain, rest) = text.split_once(':')?;
        let (bus, rest) = rest.split_once(':')?;
        let (device, function) = rest.split_once('.')?;
        let part = |text| u32::from_str_radix(text, 16).ok();
        let pf = part(bus)? << 8 | part(device)? << 3 | part(function)?;
        let vf = pf
            + u32::from(self.model.vf_offset)
            + u32::from(self.model.vf_stride) * u32::from(index.0);
        let [_, _, bus, function] = vf.to_be_bytes();
        PciAddress::new(part(domain)?, bus, function >> 3, function & 7)
    }

    /// A driver takes a VF; the default one makes a netdev with the MAC that the VF then has.
    pub(super) fn probe(
        &mut self,
        index: VfIndex,
        driver: Option<DriverName>,
        supply: &mut Supply,
    ) {
        let makes_netdev = driver
            .as_ref()
            .is_some_and(|driver| driver.as_str() == self.model.vf_driver);
        let name = self.vf_name(index);
        let is_dead = makes_netdev && self.dead_vfs.contains(&index);
        let Some(vf) = self.snapshot.vfs.get_mut(&index) else {
            return;
        };
        if is_dead {
            vf.half_bound = self.model.netdev_below_driver;
            vf.driver = driver.filter(|_| vf.half_bound);
            return;
        }
        vf.driver = driver;
        let Some(name) = name.filter(|_| makes_netdev) else {
            return;
        };
        if let Some(left) = self.mute_vfs.get_mut(&index).filter(|left| **left > 0) {
            *left -= 1;
            return;
        }
        vf.interface = Some(VfInterface {
            index: supply.interface(),
            name,
            mac: MacAddress::ZERO,
            mtu: Mtu::ETHERNET,
            up: false,
        });
        let keeps_own = self.model.trusted_vf_keeps_mac && vf.settings.trust == Some(true);
        self.take_mac(index, keeps_own, supply);
        if self.late_netdevs {
            self.hide_netdev(index);
        }
    }

    fn hide_netdev(&mut self, index: VfIndex) {
        let vf = self.snapshot.vfs.get_mut(&index);
        if let (Some(vf), Some(hidden)) = (vf, self.hidden.get_mut(&index)) {
            hidden.coming = vf.interface.take();
        }
    }

    pub(super) fn show_netdevs(&mut self) {
        for (index, hidden) in &mut self.hidden {
            let vf = self.snapshot.vfs.get_mut(index);
            let Some(vf) = vf else { continue };
            if let Some(interface) = hidden.coming.take() {
                vf.interface = Some(interface);
            }
            if let Some(representor) = hidden.coming_representor.take() {
                vf.representor = Some(representor);
            }
        }
    }

    /// The VF's driver starts: with the PF's MAC if there is one, else with one that it makes up.
    pub(super) fn take_mac(&mut self, index: VfIndex, keeps_own: bool, supply: &mut Supply) {
        let (Some(vf), Some(hidden)) = (
            self.snapshot.vfs.get_mut(&index),
            self.hidden.get_mut(&index),
        ) else {
            return;
        };
        let Some(interface) = &mut vf.interface else {
            return;
        };
        let given = vf.settings.mac.filter(|&mac| mac != MacAddress::ZERO);
        let own = hidden.own_mac;
        let mac = if keeps_own { own.or(given) } else { given };
        let mac = mac.filter(|_| self.resetting == 0);
        self.resetting = self.resetting.saturating_sub(1);
        interface.mac = mac.unwrap_or_else(|| supply.random_mac());
        hidden.own_mac = Some(interface.mac);
        if self.model.reports_own_mac {
            vf.settings.mac = Some(interface.mac);
        }
    }

    /// After the PF where it has a netdev in sight, else after its place: that of a VF is its driver's affair.
    fn vf_name(&self, index: VfIndex) -> Option<InterfaceName> {
        let pf: String = match &self.snapshot.interface {
            Some(interface) => interface.name.as_str().chars().take(8).collect(),
            None => {
                let place = self.snapshot.address.to_string();
                place.chars().filter(char::is_ascii_hexdigit).collect()
            }
        };
        format!("{pf}v{index}").parse().ok()
    }

    pub(super) fn unbind(&mut self, index: VfIndex) {
        if let Some(vf) = self.snapshot.vfs.get_mut(&index) {
            vf.driver = None;
            vf.interface = None;
            vf.interface_elsewhere = false;
            vf.half_bound = false;
        }
        if let Some(hidden) = self.hidden.get_mut(&index) {
            hidden.away = None;
            hidden.coming = None;
            hidden.open_group = false;
            // Only a record of it outlives what was used.
            hidden.holders.retain(Holder::is_allocation);
        }
    }

    /// The link follows the cable and the administrator; some drivers drop rates when its speed changes.
    pub(super) fn settle_link(&mut self) {
        let Some(interface) = &mut self.snapshot.interface else {
            return;
        };
        let speed = self.cable.filter(|_| interface.up);
        interface.carrier = speed.is_some();
        if speed.is_some() && speed != interface.speed && self.model.rate_lost_on_speed_change {
            for vf in self.snapshot.vfs.values_mut() {
                vf.settings.tx_rate = vf.settings.tx_rate.map(|_| TxRate::default());
            }
        }
        interface.speed = speed;
    }
}
