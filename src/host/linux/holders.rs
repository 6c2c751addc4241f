//! Who uses the VFs of a PF, by signs that are true whatever events were lost.

use super::links::Links;
use super::lock::{PLUGIN_STATE, lock};
use super::netdev::Netdev;
use super::quiet::{self, Quiet};
use super::records::{cni_allocation, kubelet_allocation, own_allocation};
use super::{managers, user_space};
use crate::netlink::InterfaceAddress;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::kubelet::KUBELET;
use sriovd_core::model::{Action, Holder, PciAddress, PfSnapshot, VfIndex, VfSnapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

/// Whether the VFIO group of a VF of which nothing else tells a user is opened, to see that nobody
/// else has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Groups {
    Asked,
    AsToldByFiles,
}

pub(super) fn find(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
    vfs: &BTreeMap<VfIndex, VfSnapshot>,
    netdevs: &BTreeMap<VfIndex, Netdev>,
    groups: Groups,
) -> Result<BTreeMap<VfIndex, BTreeSet<Holder>>, HostError> {
    let namespaces = if vfs.values().any(|vf| vf.interface_elsewhere) {
        named_namespaces(tree, links)
    } else {
        BTreeMap::new()
    };
    let in_place = match netdevs.is_empty() {
        true => InPlace::default(),
        false => InPlace::read(tree, links)?,
    };
    let children = children(tree)?;
    let allocated = allocations(tree, pf, vfs.values().map(|vf| vf.address))?;
    let mut found = BTreeMap::new();
    for (index, vf) in vfs {
        let mut holders = BTreeSet::new();
        if vf.interface_elsewhere {
            holders.insert(Holder::Namespace {
                name: namespaces.get(&vf.address).cloned(),
            });
        }
        if let Some(driver) = vf.driver.as_ref().filter(|driver| driver.is_userspace()) {
            holders.extend(user_space::holder(tree, vf, driver)?);
        }
        if let Some(netdev) = netdevs.get(index) {
            holders.extend(in_place.holders(tree, links, netdev)?);
        }
        if vf.driver.is_some() {
            holders.extend(quiet::rdma(tree, links, vf.address)?);
        }
        holders.extend(allocated.get(&vf.address).into_iter().flatten().cloned());
        holders.extend(children.get(&vf.address).into_iter().flatten().cloned());
        if holders.is_empty() && groups == Groups::Asked {
            holders.extend(user_space::open_group(tree, vf)?);
        }
        if !holders.is_empty() {
            found.insert(*index, holders);
        }
    }
    Ok(found)
}

/// What uses the PF's own interface. Its VFs are no users of it.
pub(super) fn of_pf(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
    netdev: Option<&Netdev>,
) -> Result<BTreeSet<Holder>, HostError> {
    let mut users = BTreeSet::new();
    if let Some(netdev) = netdev {
        users.extend(InPlace::read(tree, links)?.holders(tree, links, netdev)?);
        users.extend(managers::networkd(tree, netdev.index)?);
    }
    users.extend(quiet::rdma(tree, links, pf)?);
    Ok(users)
}

/// What is read at once for all netdevs that are in our namespace.
#[derive(Debug, Default)]
struct InPlace {
    addresses: Vec<InterfaceAddress>,
    quiet: Quiet,
}

impl InPlace {
    fn read(tree: &Tree, links: &mut dyn Links) -> Result<Self, HostError> {
        let addresses = links.addresses();
        Ok(Self {
            addresses: addresses
                .map_err(|error| error.while_doing("reading addresses".to_owned()))?,
            quiet: Quiet::read(tree, links)?,
        })
    }

    fn holders(
        &self,
        tree: &Tree,
        links: &mut dyn Links,
        netdev: &Netdev,
    ) -> Result<Vec<Holder>, HostError> {
        let uppers = netdev.uppers(tree)?.into_iter();
        let mut found: Vec<_> = uppers.map(|to| Holder::Enslaved { to }).collect();
        let own = self.addresses.iter();
        let own =
            own.filter(|address| address.interface == netdev.index && !address.is_link_local());
        found.extend(own.map(|own| Holder::Address {
            address: own.address.to_string(),
        }));
        found.extend(self.quiet.holders(links, netdev)?);
        Ok(found)
    }
}

/// The names of the namespaces that our VFs' netdevs went to, as far as they can be found out: an
/// unnamed one, or a kernel or sandbox that forbids to look, leaves the holder without a name.
fn named_namespaces(tree: &Tree, links: &mut dyn Links) -> BTreeMap<PciAddress, String> {
    const NAMESPACES: &str = "/run/netns";
    let mut found = BTreeMap::new();
    for name in tree.list(NAMESPACES).unwrap_or_default() {
        let Ok(namespace) = tree.open(Path::new(NAMESPACES).join(&name)) else {
            continue;
        };
        for link in links.links_in(namespace.as_fd()).unwrap_or_default() {
            let parent = link.parent_device.as_deref().unwrap_or_default();
            if let Ok(Some(address)) = pci_function(tree, parent) {
                found.insert(address, name.to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// The PCI device of that name, or the one on which a virtio device of that name stands.
pub(super) fn pci_function(tree: &Tree, device: &str) -> Result<Option<PciAddress>, HostError> {
    if let Ok(address) = device.parse() {
        return Ok(Some(address));
    }
    let path = Path::new("/sys/bus/virtio/devices").join(device);
    let target = if_present(tree.points_to(path))?;
    let parent = target.as_deref().and_then(Path::parent);
    let name = parent.and_then(|parent| parent.file_name()?.to_str());
    Ok(name.and_then(|name| name.parse().ok()))
}

/// Who a container plugin allocated each of the VFs to, ours or the SR-IOV one, and who kubelet did. Our plugin writes down
/// for the other what it allocates.
fn allocations(
    tree: &Tree,
    pf: PciAddress,
    vfs: impl Iterator<Item = PciAddress>,
) -> Result<BTreeMap<PciAddress, Vec<Holder>>, HostError> {
    let vfs: Vec<_> = vfs.collect();
    if vfs.is_empty() {
        return Ok(BTreeMap::new());
    }
    let recorded = |directory: &'static str, read: ReadRecord| {
        let vfs = vfs.clone();
        tree.apart(directory, pf, move |tree| each(vfs, |vf| read(tree, vf)))
    };
    let mut by_plugins = recorded(PLUGIN_STATE, cni_allocation)?;
    by_plugins.extend(recorded(ALLOCATIONS, own_allocation)?);
    let by_kubelet = recorded(KUBELET, kubelet_allocation)?;
    let mut found = BTreeMap::<_, Vec<_>>::new();
    for (vf, holder) in by_plugins.into_iter().chain(by_kubelet) {
        found.entry(vf).or_default().push(holder);
    }
    Ok(found)
}

fn each(
    vfs: impl IntoIterator<Item = PciAddress>,
    read: impl Fn(PciAddress) -> Result<Option<Holder>, HostError>,
) -> Result<BTreeMap<PciAddress, Holder>, HostError> {
    let found = vfs
        .into_iter()
        .map(|vf| Ok(read(vf)?.map(|holder| (vf, holder))));
    found.filter_map(Result::transpose).collect()
}

/// The lock under which no plugin allocates the VF, and who one allocated it to, as far as that matters to the step. `None`
/// for a lock: the SR-IOV plugin has never run.
pub(super) fn lock_and_allocation(
    tree: &Tree,
    action: &Action,
    vf: VfIndex,
    address: PciAddress,
) -> Result<(Option<File>, Option<Holder>), HostError> {
    let (pf, matters) = (action.pf, !action.though_in_use);
    let (lock, theirs) = tree.apart(PLUGIN_STATE, pf, move |tree| {
        let lock = lock(tree, vf, address)?;
        let theirs = matters.then(|| cni_allocation(tree, address));
        Ok((lock, theirs.transpose()?.flatten()))
    })?;
    if !matters {
        return Ok((lock, None));
    }
    let own = tree.apart(ALLOCATIONS, pf, move |tree| own_allocation(tree, address))?;
    let kubelets = tree.apart(KUBELET, pf, move |tree| kubelet_allocation(tree, address))?;
    Ok((lock, kubelets.or(own).or(theirs)))
}

/// The VFs of a PF that have a record. What has none is not looked for one by one.
pub(super) fn allocated(
    tree: &Tree,
    pf: &PfSnapshot,
) -> Result<BTreeMap<VfIndex, Holder>, HostError> {
    let recorded = |directory: &'static str, read: ReadRecord| {
        let vfs: Vec<_> = pf.vfs.values().map(|vf| vf.address).collect();
        tree.apart(directory, pf.address, move |tree| {
            let names = if_present(tree.list(directory))?.unwrap_or_default();
            let names = BTreeSet::from_iter(names);
            let has_record = |vf: &PciAddress| names.contains(OsStr::new(&vf.to_string()));
            each(vfs.into_iter().filter(has_record), |vf| read(tree, vf))
        })
    };
    let mut found = recorded(PLUGIN_STATE, cni_allocation)?;
    found.extend(recorded(ALLOCATIONS, own_allocation)?);
    // The last one is told: it names the pod.
    found.extend(recorded(KUBELET, kubelet_allocation)?);
    let held = pf.vfs.iter();
    Ok(held
        .filter_map(|(&index, vf)| Some((index, found.remove(&vf.address)?)))
        .collect())
}

type ReadRecord = fn(&Tree, PciAddress) -> Result<Option<Holder>, HostError>;

/// vDPA and mediated devices by the PCI devices that they stand on.
fn children(tree: &Tree) -> Result<BTreeMap<PciAddress, BTreeSet<Holder>>, HostError> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for bus in ["/sys/bus/vdpa/devices", "/sys/bus/mdev/devices"] {
        for name in if_present(tree.list(bus))?.unwrap_or_default() {
            let Some(target) = if_present(tree.points_to(Path::new(bus).join(&name)))? else {
                continue;
            };
            let parent = |part: &OsStr| part.to_str()?.parse().ok();
            // The last: bridges are on the way.
            if let Some(parent) = target.iter().filter_map(parent).next_back() {
                found.entry(parent).or_default().insert(Holder::Child {
                    device: name.to_string_lossy().into_owned(),
                });
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
