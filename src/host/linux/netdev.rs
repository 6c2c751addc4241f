//! The netdevs of a PCI device, as sysfs shows those in our network namespace.

use super::{Tree, if_present};
use crate::host::{HostError, printable};
use crate::model::{DriverName, InterfaceName, MacAddress, Mtu, VfInterface};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The directory of a netdev, such as `…/0000:01:00.0/net/ens1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Netdev {
    pub(super) index: u32,
    pub(super) directory: PathBuf,
}

/// By index, because a device's own netdev is older than those made on top of it. `None` where the
/// driver made none. Where all of them went to other network namespaces, none are left in a list
/// that is still there: it goes with the driver.
pub(super) fn list(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<Option<Vec<Netdev>>, HostError> {
    let Some(directory) = directory(tree, device, driver)? else {
        return Ok(None);
    };
    let Some(names) = if_present(tree.list(&directory))? else {
        return Ok(None);
    };
    let before = names.len();
    let mut found = Vec::new();
    for name in names {
        let directory = directory.join(name);
        if let Some(index) = if_present(tree.read_as(directory.join("ifindex")))? {
            found.push(Netdev { index, directory });
        }
    }
    found.sort_unstable_by_key(|netdev| netdev.index);
    // Those that vanished while we looked did not go elsewhere.
    Ok((before == 0 || !found.is_empty()).then_some(found))
}

fn directory(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<Option<PathBuf>, HostError> {
    if driver.is_none_or(|driver| driver.as_str() != "virtio-pci") {
        return Ok(Some(device.join("net")));
    }
    // Between the PCI device and its netdev stands one on the virtio bus.
    let names = tree.list(device)?;
    let virtio = names
        .into_iter()
        .find(|name| name.as_bytes().starts_with(b"virtio"));
    Ok(virtio.map(|virtio| device.join(virtio).join("net")))
}

impl Netdev {
    /// In switchdev mode the PF has a netdev for each VF beside its own (`pf0vf3`).
    pub(super) fn is_representor(&self, tree: &Tree) -> bool {
        let port = tree.read(self.directory.join("phys_port_name"));
        port.is_ok_and(|port| port.contains("pf"))
    }

    /// The interfaces that stand on it or that it is a port of.
    pub(super) fn uppers(&self, tree: &Tree) -> Result<Vec<InterfaceName>, HostError> {
        let names: Vec<OsString> = if_present(tree.list(&self.directory))?.unwrap_or_default();
        let uppers = names.iter().filter_map(|name| {
            let upper = name.as_bytes().strip_prefix(b"upper_")?;
            printable(upper).parse().ok()
        });
        Ok(uppers.collect())
    }

    pub(super) fn vf_interface(&self, tree: &Tree) -> Result<VfInterface, HostError> {
        let path = |attribute| self.directory.join(attribute);
        let unreadable = |attribute, found: &str| HostError::Unreadable {
            what: tree.path(path(attribute)).display().to_string(),
            found: found.to_owned(),
        };
        let name = printable(self.directory.file_name().unwrap_or_default().as_bytes());
        let address = tree.read(path("address"))?;
        let mtu: u32 = tree.read_as(path("mtu"))?;
        let flags = tree.read(path("flags"))?;
        let bits = flags
            .strip_prefix("0x")
            .map(|bits| u32::from_str_radix(bits, 16));
        let Some(Ok(bits)) = bits else {
            return Err(unreadable("flags", &flags));
        };
        Ok(VfInterface {
            index: self.index,
            mac: mac(&address).ok_or_else(|| unreadable("address", &address))?,
            mtu: Mtu::try_from(mtu).map_err(|_| unreadable("mtu", &mtu.to_string()))?,
            up: bits & IFF_UP != 0,
            name: name.parse().map_err(|_| unreadable("", &name))?,
        })
    }
}

const IFF_UP: u32 = 1;

fn mac(text: &str) -> Option<MacAddress> {
    let parts: Vec<&str> = text.split(':').collect();
    match parts[..] {
        // InfiniBand: ends in the port's GUID, made of a MAC with two bytes put in its middle.
        [.., a, b, c, _, _, d, e, f] if parts.len() == 20 => {
            [a, b, c, d, e, f].join(":").parse().ok()
        }
        _ => text.parse().ok(),
    }
}
