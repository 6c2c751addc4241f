//! The netdevs of a PCI device, as sysfs shows those in our network namespace.

use super::representor::Representors;
use super::udev;
use crate::hardware_address;
use crate::printable;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{
    DriverName, Errno, InterfaceName, MacAddress, Malformed, Mtu, VfInterface,
};
use std::ffi::OsString;
use std::num::ParseIntError;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The directory of a netdev, such as `…/0000:01:00.0/net/ens1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Netdev {
    pub(super) index: u32,
    pub(super) directory: PathBuf,
}

/// A netdev that is renamed while we look is gone by its old name: look so often.
const LOOKS: usize = 5;

/// By index, because a device's own netdev is older than those made on top of it. `None` where the
/// driver made none. Where all of them went to other network namespaces, none are left in a list
/// that is still there: it goes with the driver.
pub(super) fn list(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<Option<Vec<Netdev>>, HostError> {
    list_but(tree, device, driver, &Representors::default())
}

fn list_but(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
    representors: &Representors,
) -> Result<Option<Vec<Netdev>>, HostError> {
    let Some(directory) = directory(tree, device, driver)? else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for _ in 0..LOOKS {
        let Some(mut names) = if_present(tree.list(&directory))? else {
            return Ok(None);
        };
        names.retain(|name| !representors.have(name));
        let listed = names.len();
        found.clear();
        for name in names {
            let directory = directory.join(name);
            if let Some(index) = if_present(attribute(tree, &directory, "ifindex"))? {
                found.push(Netdev { index, directory });
            }
        }
        found.sort_unstable_by_key(|netdev| netdev.index);
        if found.len() == listed {
            return Ok(Some(found));
        }
    }
    // Those that vanished while we looked did not go elsewhere.
    Ok((!found.is_empty()).then_some(found))
}

/// What a VF has for a netdev.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own {
    None,
    /// In another network namespace.
    Elsewhere,
    Here(Netdev, VfInterface),
}

pub(super) fn of_vf(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<Own, HostError> {
    for _ in 0..LOOKS {
        let Some(netdevs) = list(tree, device, driver)? else {
            break;
        };
        let Some(netdev) = netdevs.into_iter().next() else {
            return Ok(Own::Elsewhere);
        };
        if let Some(interface) = if_present(netdev.vf_interface(tree))? {
            return Ok(Own::Here(netdev, interface));
        }
    }
    Ok(Own::None)
}

fn directory(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<Option<PathBuf>, HostError> {
    if !is_bus(driver) {
        return Ok(Some(device.join("net")));
    }
    Ok(on_bus(tree, device)?.map(|virtio| virtio.join("net")))
}

/// Whether the driver is only a bus, and the device that it found there has no driver, nor is udev
/// about to load one.
pub(super) fn is_half_bound(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
) -> Result<bool, HostError> {
    let Some(virtio) = (if is_bus(driver) {
        on_bus(tree, device)?
    } else {
        None
    }) else {
        return Ok(false);
    };
    if if_present(tree.link(virtio.join("driver")))?.is_some() {
        return Ok(false);
    }
    // Of a virtio device udev remembers nothing; of the PCI device it does, and its queue is one.
    let name = device.file_name().unwrap_or_default().to_string_lossy();
    Ok(!udev::is_at_work_on(tree, &format!("+pci:{name}"))?)
}

fn is_bus(driver: Option<&DriverName>) -> bool {
    driver.is_some_and(|driver| driver.as_str() == "virtio-pci")
}

/// Between the PCI device and its netdev stands one on the virtio bus.
fn on_bus(tree: &Tree, device: &Path) -> Result<Option<PathBuf>, HostError> {
    let names = tree.list(device)?;
    let virtio = names
        .into_iter()
        .find(|name| name.as_bytes().starts_with(b"virtio"));
    Ok(virtio.map(|virtio| device.join(virtio)))
}

/// What one of several netdevs of a function is.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// One of its own ports; most functions have one.
    Port { number: u32, name: String },
    /// In switchdev mode the PF has a netdev for each VF beside its own (`pf0vf3`).
    Representor,
    /// An InfiniBand partition stands on another netdev and shows the same device.
    Child,
}

/// What a PF has for netdevs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OfPf {
    /// Its own ports that are here, the first one first, whatever their indexes.
    pub(super) ports: Vec<Netdev>,
    /// It has some, and none of its own is here.
    pub(super) elsewhere: bool,
}

/// `representors`: those that are known already, which are not looked at.
pub(super) fn of_pf(
    tree: &Tree,
    device: &Path,
    driver: Option<&DriverName>,
    representors: &Representors,
) -> Result<OfPf, HostError> {
    for _ in 0..LOOKS {
        let Some(netdevs) = list_but(tree, device, driver, representors)? else {
            return Ok(OfPf::default());
        };
        // It is read again which of them a netdev is that vanished meanwhile.
        let roles = netdevs
            .into_iter()
            .map(|netdev| Ok((netdev.role(tree)?, netdev)));
        let Some(mut roles) = if_present(roles.collect::<Result<Vec<_>, HostError>>())? else {
            continue;
        };
        roles.retain(|(role, _)| matches!(role, Role::Port { .. }));
        roles.sort_by(|(a, one), (b, other)| (a, one.index).cmp(&(b, other.index)));
        let ports: Vec<_> = roles.into_iter().map(|(_, netdev)| netdev).collect();
        let elsewhere = ports.is_empty();
        return Ok(OfPf { ports, elsewhere });
    }
    Ok(OfPf::default())
}

impl Netdev {
    /// What it is for the function that it stands on.
    fn role(&self, tree: &Tree) -> Result<Role, HostError> {
        let port = match tree.read(self.directory.join("phys_port_name")) {
            // Of drivers that name no ports.
            Err(HostError::Unread {
                errno: Errno::OPNOTSUPP,
                ..
            }) => None,
            port => if_present(port)?,
        };
        if port.as_ref().is_some_and(|port| port.contains("pf")) {
            return Ok(Role::Representor);
        }
        let below = if_present(attribute::<u32>(tree, &self.directory, "iflink"))?;
        if below.is_some_and(|below| below != self.index) {
            return Ok(Role::Child);
        }
        let number = if_present(attribute::<u32>(tree, &self.directory, "dev_port"))?;
        Ok(Role::Port {
            number: number.unwrap_or_default(),
            name: port.unwrap_or_default(),
        })
    }

    pub(super) fn name(&self) -> String {
        printable(self.directory.file_name().unwrap_or_default().as_bytes())
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

    fn vf_interface(&self, tree: &Tree) -> Result<VfInterface, HostError> {
        Ok(VfInterface {
            index: self.index,
            name: self
                .name()
                .parse()
                .map_err(|error| self.unreadable(tree, error))?,
            mac: self.mac(tree)?,
            mtu: Mtu::try_from(attribute::<u32>(tree, &self.directory, "mtu")?)
                .map_err(|error| self.unreadable(tree, error))?,
            up: attribute::<Flags>(tree, &self.directory, "flags")?.0 & IFF_UP != 0,
        })
    }

    fn mac(&self, tree: &Tree) -> Result<MacAddress, HostError> {
        let text: String = attribute(tree, &self.directory, "address")?;
        let bytes = text.split(':').map(|byte| u8::from_str_radix(byte, 16));
        let bytes: Option<Vec<u8>> = bytes.map(Result::ok).collect();
        bytes
            .and_then(|bytes| hardware_address(&bytes))
            .ok_or_else(|| self.unreadable(tree, Malformed::new(&text, "a hardware address")))
    }

    fn unreadable(&self, tree: &Tree, found: Malformed) -> HostError {
        HostError::Unreadable {
            what: tree.path(&self.directory).display().to_string(),
            found: found.text,
        }
    }
}

/// Whether udev has yet to name the interface: it has only the kernel's name, and udev does not
/// know it. What is renamed meanwhile was not named when it was looked at.
pub(super) fn awaits_name(tree: &Tree, interface: &VfInterface) -> Result<bool, HostError> {
    let directory = Path::new("/sys/class/net").join(interface.name.as_str());
    match tree.read(directory.join("name_assign_type")).as_deref() {
        Ok(NAMED_BY_USER | RENAMED) => return Ok(false),
        Ok(_) | Err(HostError::Gone { .. }) => {}
        // The driver has not said.
        Err(HostError::Kernel {
            errno: Errno::INVAL,
            ..
        }) => {}
        Err(error) => return Err(error.clone()),
    }
    let knows = udev::is_processed(&udev::record(tree, &format!("n{}", interface.index))?);
    Ok(!knows && tree.exists("/run/udev/data")?)
}

/// `NET_NAME_USER` and `NET_NAME_RENAMED` (include/uapi/linux/netdevice.h).
const NAMED_BY_USER: &str = "3";
const RENAMED: &str = "4";

/// A netdev that is just being removed answers EINVAL.
fn attribute<T: FromStr>(tree: &Tree, netdev: &Path, name: &str) -> Result<T, HostError> {
    tree.read_as(netdev.join(name))
        .map_err(|error| match error {
            HostError::Unread {
                errno: Errno::INVAL,
                ..
            } => HostError::Gone {
                what: tree.path(netdev).display().to_string(),
            },
            other => other,
        })
}

/// Written as `0x1003`.
struct Flags(u32);

const IFF_UP: u32 = 1;

impl FromStr for Flags {
    type Err = ParseIntError;
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u32::from_str_radix(text.trim_start_matches("0x"), 16).map(Self)
    }
}
