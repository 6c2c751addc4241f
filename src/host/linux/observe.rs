//! Looking at a PF and its VFs.
//!
//! Devices may vanish at any moment: a VF that does is left out, a PF that does is `None`.

use super::bind::driver_override;
use super::holders::Groups;
use super::links::Links;
use super::netdev::{self, Netdev};
use super::paths::{PCI_DEVICES, device, is_on_bus, vf_indexes, virtfn};
use super::representor::Representors;
use super::{holders, interface, pcie, udev};
use crate::netlink::Link;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::{HostError, Look};
use sriovd_core::model::{
    DriverName, Errno, Holder, PciAddress, PfSnapshot, TakenAddresses, VfIndex, VfSettings,
    VfSnapshot,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

pub(super) fn pfs(tree: &Tree) -> Result<BTreeSet<PciAddress>, HostError> {
    let names = tree.list(PCI_DEVICES)?;
    let addresses = names.iter().filter_map(|name| name.to_str()?.parse().ok());
    let mut pfs = BTreeSet::new();
    for address in addresses {
        let device = device(address);
        if !tree.exists(device.join("sriov_totalvfs"))? {
            continue;
        }
        match is_network_controller(tree, &device) {
            Ok(false) => {}
            // Whoever looks at it is told the error.
            Ok(true) | Err(_) => drop(pfs.insert(address)),
        }
    }
    Ok(pfs)
}

fn is_pf(tree: &Tree, address: PciAddress) -> Result<bool, HostError> {
    let device = device(address);
    Ok(tree.exists(device.join("sriov_totalvfs"))? && is_network_controller(tree, &device)?)
}

/// Disks and GPUs may have VFs too.
fn is_network_controller(tree: &Tree, device: &Path) -> Result<bool, HostError> {
    let class = if_present(tree.read(device.join("class")))?;
    Ok(class.is_some_and(|class| class.starts_with("0x02")))
}

pub(super) fn pf_of(tree: &Tree, function: PciAddress) -> Result<Option<PciAddress>, HostError> {
    if is_pf(tree, function)? {
        return Ok(Some(function));
    }
    let physfn = if_present(tree.link_as(device(function).join("physfn")))?;
    Ok(match physfn {
        Some(pf) if is_pf(tree, pf)? => Some(pf),
        _ => None,
    })
}

pub(super) fn observe(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
    look: Look,
) -> Result<Option<PfSnapshot>, HostError> {
    // The kernel would follow the link again for each of the many files to be read. What is no link
    // is the place itself.
    let device = match tree.target(device(pf)) {
        Err(HostError::Unread {
            errno: Errno::INVAL,
            ..
        }) => device(pf),
        // On the bus by now, it is looked at again.
        Err(HostError::Gone { .. }) if !is_on_bus(tree, pf)? => return Ok(None),
        target => target?,
    };
    let total_vfs = if_present(tree.read_as(device.join("sriov_totalvfs")))?;
    let Some(total_vfs) = total_vfs else {
        return is_on_bus(tree, pf).map(|_| None);
    };
    if !is_network_controller(tree, &device)? {
        return is_on_bus(tree, pf).map(|_| None);
    }
    match observe_present(tree, links, pf, &device, total_vfs, look) {
        Err(HostError::Gone { .. }) if !is_pf(tree, pf)? => is_on_bus(tree, pf).map(|_| None),
        seen => seen.map(Some),
    }
}

fn observe_present(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
    device: &Path,
    total_vfs: u16,
    look: Look,
) -> Result<PfSnapshot, HostError> {
    let driver: Option<DriverName> = if_present(tree.link_as(device.join("driver")))?;
    let (eswitch_mode, eswitch_hidden) = match links.eswitch_mode(pf) {
        Ok(mode) => (mode, false),
        // Everything else can be seen without a right.
        Err(error) if error.errno() == Some(Errno::PERM) => (None, true),
        Err(error) => {
            return Err(error.while_doing(format!("asking for the eSwitch mode of {pf}")));
        }
    };
    let mut representors = Representors::of_pf(links, pf, eswitch_mode)?;
    let mut own = netdev::of_pf(tree, device, driver.as_ref(), &representors)?;
    let others = own.ports.split_off(own.ports.len().min(1));
    let makes_one = driver.as_ref().is_some_and(|it| !it.makes_no_netdev());
    let (own, elsewhere) = (own.ports.pop(), own.elsewhere && makes_one);
    // Before the link: when udev is done with an interface, it has its name.
    let mut is_named = own.is_some();
    for port in own.iter().chain(&others) {
        let record = udev::record(tree, &format!("n{}", port.index))?;
        is_named &= udev::is_initialized(tree, &record)?;
    }
    let link = match &own {
        Some(own) => links
            .link(own.index)
            .map_err(|error| error.while_doing(format!("reading interface {}", own.index)))?,
        None => None,
    };
    let mut interface = match (&own, &link) {
        (Some(own), Some(link)) => interface::of_pf(tree, links, own, &others, link)?,
        _ => None,
    };
    if let Some(interface) = &mut interface {
        interface.name_is_final = is_named;
        let offload = links.tc_offload(interface.index);
        let offload = offload.map_err(|error| {
            error.while_doing(format!(
                "reading the features of interface {}",
                interface.index
            ))
        })?;
        interface.tc_offload = offload.and_then(|offload| offload.on);
        if let Some(offload) = offload {
            representors.look_at_offload(links, offload.bit)?;
        }
    }

    let indexes = vf_indexes(tree, device)?;
    let listed_vfs = indexes.len();
    let announced_otherwise = match (&own, &link) {
        (Some(own), Some(link)) => {
            // While VFs are made their links are there already and none are announced; while they
            // are removed it is the other way round. (A virtio device between PF and interface
            // announces none ever.)
            let stands_on_pf = own.directory.starts_with(device.join("net"));
            let announced = link.num_vf.and_then(|count| usize::try_from(count).ok());
            stands_on_pf && announced.is_some_and(|announced| announced != listed_vfs)
        }
        _ => false,
    };
    let listed = link.as_ref().is_none_or(Link::vf_list_complete);
    let settings = link.and_then(|link| link.vfs).unwrap_or_default();
    // One look for all VFs, which have none without their PF's.
    let has_rdma = !indexes.is_empty() && tree.exists(device.join("infiniband"))?;
    let mut vfs = Vec::with_capacity(listed_vfs);
    let mut netdevs = BTreeMap::new();
    for index in indexes {
        let settings = settings.get(&index).copied().unwrap_or_default();
        if let Some((mut vf, netdev)) = if_present(observe_vf(tree, device, index, settings))? {
            vf.representor = representors.of(tree, index)?;
            if has_rdma {
                vf.rdma = rdma(tree, &self::device(vf.address))?;
            }
            vfs.push((index, vf));
            netdevs.extend(netdev.map(|netdev| (index, netdev)));
        }
    }
    // At once, which fills the map's nodes: it is kept, and one by one would leave them half empty.
    let vfs: BTreeMap<_, _> = vfs.into_iter().collect();
    // Of VFs that go with their NIC the links stay until the PF goes.
    let count_is_changing = announced_otherwise || vfs.len() != listed_vfs;
    let holders = match look {
        Look::Plain => None,
        Look::WithHolders => Some(holders::find(
            tree,
            links,
            pf,
            &vfs,
            &netdevs,
            Groups::AsToldByFiles,
        )?),
        Look::Asking => Some(holders::find(
            tree,
            links,
            pf,
            &vfs,
            &netdevs,
            Groups::Asked,
        )?),
        Look::WithHoldersOf(vf) => {
            let mut one = vfs.clone();
            one.retain(|index, _| *index == vf);
            netdevs.retain(|index, _| *index == vf);
            Some(holders::find(
                tree,
                links,
                pf,
                &one,
                &netdevs,
                Groups::Asked,
            )?)
        }
    };
    let users = match look {
        Look::Plain | Look::WithHoldersOf(_) => None,
        Look::WithHolders | Look::Asking => Some(holders::of_pf(tree, links, pf, own.as_ref())?),
    };

    // Some drivers ask the hardware.
    let params = match look {
        Look::Plain | Look::WithHoldersOf(_) => None,
        Look::WithHolders | Look::Asking => {
            let doing = || format!("asking for the devlink parameters of {pf}");
            let params = links.params(pf);
            Some(params.map_err(|error| error.while_doing(doing()))?)
        }
    };
    let udev_device = format!("+pci:{pf}");
    let record = udev::record(tree, &udev_device)?;
    // udev is done with the device when its driver is, which it waits for.
    let initialized = match (&driver, &interface) {
        (None, _) => !udev::is_at_work_on(tree, &udev_device)?,
        (Some(driver), None) if !driver.is_userspace() => !udev::is_at_work_on(tree, &udev_device)?,
        _ => udev::is_initialized(tree, &record)?,
    };
    Ok(PfSnapshot {
        open_vswitch: None,
        address: pf,
        vendor: tree.read_as(device.join("vendor"))?,
        device: tree.read_as(device.join("device"))?,
        vendor_name: udev::property(&record, "ID_VENDOR_FROM_DATABASE"),
        model_name: udev::property(&record, "ID_MODEL_FROM_DATABASE"),
        driver,
        initialized,
        // -1 on hosts, and absent in kernels, without NUMA.
        numa_node: if_present(tree.read_as(device.join("numa_node")))?
            .and_then(|node: i32| u16::try_from(node).ok()),
        pcie_root: pcie::root_of(device),
        total_vfs,
        num_vfs: u16::try_from(vfs.len()).unwrap_or(u16::MAX),
        autoprobe: tree.read(device.join("sriov_drivers_autoprobe"))? == "1",
        eswitch_mode,
        eswitch_hidden,
        params,
        interface_elsewhere: elsewhere,
        interface,
        vf_list_complete: listed && !count_is_changing,
        count_is_changing,
        vfs,
        holders,
        users,
    })
}

/// The names of its devices in `/dev/infiniband`, sorted.
fn rdma(tree: &Tree, device: &Path) -> Result<Vec<String>, HostError> {
    let mut found = Vec::new();
    for class in ["infiniband_verbs", "infiniband_mad"] {
        let names = if_present(tree.list(device.join(class)))?.unwrap_or_default();
        found.extend(names.into_iter().filter_map(|name| name.into_string().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// By the interfaces of the PFs alone: nothing is asked of a device, whose driver may hang.
pub(super) fn taken_addresses(
    tree: &Tree,
    links: &mut dyn Links,
    but: PciAddress,
) -> Result<TakenAddresses, HostError> {
    let mut taken = TakenAddresses::default();
    for pf in pfs(tree)?.into_iter().filter(|pf| *pf != but) {
        taken.note_present(pf);
        let device = device(pf);
        let ports = if_present(tree.link_as(device.join("driver"))).and_then(|driver| {
            let none = Representors::default();
            let own = netdev::of_pf(tree, &device, driver.as_ref(), &none)?;
            Ok(own.ports)
        });
        for port in ports.into_iter().flatten() {
            let Ok(Some(link)) = links.link(port.index) else {
                continue;
            };
            taken.note_permanent(pf, &link.name, link.permanent_mac);
            taken.note(pf, &link.name, link.mac, None);
            for (index, settings) in link.vfs.iter().flatten() {
                taken.note(pf, &link.name, settings.mac, Some(*index));
            }
        }
    }
    Ok(taken)
}

/// Who uses one VF, without a look at the others.
pub(super) fn holders_of(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
    index: VfIndex,
) -> Result<BTreeSet<Holder>, HostError> {
    let (vf, netdev) = observe_vf(tree, &device(pf), index, VfSettings::default())?;
    let (vfs, netdevs) = ([(index, vf)].into(), netdev.map(|netdev| (index, netdev)));
    let netdevs = netdevs.into_iter().collect();
    let found = holders::find(tree, links, pf, &vfs, &netdevs, Groups::Asked)?;
    Ok(found.into_values().next().unwrap_or_default())
}

fn observe_vf(
    tree: &Tree,
    pf: &Path,
    index: VfIndex,
    settings: VfSettings,
) -> Result<(VfSnapshot, Option<Netdev>), HostError> {
    let link = virtfn(pf, index);
    let device = tree.target(&link)?;
    let name = device.file_name().and_then(|name| name.to_str());
    let address = name.and_then(|name| name.parse().ok());
    let address: PciAddress = address.ok_or_else(|| HostError::Unreadable {
        what: tree.path(&link).display().to_string(),
        found: device.display().to_string(),
    })?;
    let driver: Option<DriverName> = if_present(tree.link_as(device.join("driver")))?;
    let kernel_driver = driver.as_ref().is_some_and(|driver| !driver.is_userspace());
    let own = netdev::of_vf(tree, &device, driver.as_ref())?;
    let interface_elsewhere = kernel_driver && own == netdev::Own::Elsewhere;
    let half_bound =
        own == netdev::Own::None && netdev::is_half_bound(tree, &device, driver.as_ref())?;
    let (netdev, interface) = match own {
        netdev::Own::Here(netdev, interface) => (Some(netdev), Some(interface)),
        netdev::Own::None | netdev::Own::Elsewhere => (None, None),
    };
    let on_vfio = driver.as_ref().is_some_and(DriverName::is_vfio);
    let group_name = match on_vfio {
        true => if_present(tree.read(device.join("iommu_group/name")))?,
        false => None,
    };
    let vf = VfSnapshot {
        no_iommu: group_name.is_some_and(|name| name == "vfio-noiommu"),
        rdma: Vec::new(),
        representor: None,
        address,
        vendor: tree.read_as(device.join("vendor"))?,
        device: tree.read_as(device.join("device"))?,
        driver,
        driver_override: driver_override(tree, &device)?,
        iommu_group: if_present(tree.link_as(device.join("iommu_group")))?,
        interface,
        interface_elsewhere,
        half_bound,
        settings,
    };
    Ok((vf, netdev))
}

#[cfg(test)]
mod tests;
