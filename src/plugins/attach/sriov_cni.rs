//! What the SR-IOV CNI plugin attached: its records are taken over, so that a VF which it gave comes
//! back with all that it changed.
//!
//! It keeps the configuration of an attachment in a file named by container and interface, with the
//! VF's state before (`OrigVfState`), and the container's namespace in `pci/`, named by the VF.

mod collect;

use super::records::{Record, remove_if_there};
use super::{Allocator, AttachError, Borrower, Choice, inside, lock};
use serde::Deserialize;
use sriovd_core::model::{
    Allocation, InterfaceName, LinkState, MacAddress, Mtu, PciAddress, TxRate, VfInterface,
    VfSettings, Vlan, VlanProto,
};
use sriovd_host::file::{self, FileError};
use sriovd_host::linux::lock::PLUGIN_STATE;
use sriovd_host::namespace::Namespace;
use sriovd_host::netlink::Link;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Its record, as far as it concerns the way back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Attached {
    #[serde(rename = "deviceID")]
    vf: PciAddress,
    #[serde(default, rename = "name")]
    network: String,
    #[serde(rename = "OrigVfState")]
    before: Before,
    // What it was asked for; of the rest it changed only the MAC.
    vlan: Option<i64>,
    #[serde(default)]
    spoofchk: String,
    #[serde(default)]
    trust: String,
    #[serde(default)]
    link_state: String,
    min_tx_rate: Option<i64>,
    max_tx_rate: Option<i64>,
}

/// Older ones know less: what is empty or 0 was not written down.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Before {
    #[serde(rename = "HostIFName")]
    interface: String,
    spoof_chk: bool,
    trust: bool,
    #[serde(rename = "AdminMAC")]
    admin_mac: String,
    #[serde(default, rename = "EffectiveMAC")]
    effective_mac: String,
    vlan: u16,
    #[serde(rename = "VlanQoS")]
    vlan_qos: u8,
    #[serde(default)]
    vlan_proto: u32,
    min_tx_rate: u32,
    max_tx_rate: u32,
    link_state: u32,
    #[serde(default, rename = "MTU")]
    mtu: u32,
}

/// `ETH_P_8021AD` (include/uapi/linux/if_ether.h).
const DOT1AD: u32 = 0x88a8;

/// What a driver gives a netdev that it makes.
const USUAL_MTU: u32 = 1500;

impl Attached {
    /// What the VF's attributes go back to.
    fn settings(&self) -> VfSettings {
        let before = &self.before;
        let proto = match before.vlan_proto {
            DOT1AD => VlanProto::Dot1ad,
            _ => VlanProto::Dot1q,
        };
        let has_rate = self.min_tx_rate.is_some() || self.max_tx_rate.is_some();
        let link_state = LinkState::of_kernel(before.link_state).unwrap_or(LinkState::Auto);
        VfSettings {
            trust: (!self.trust.is_empty()).then_some(before.trust),
            mac: before.admin_mac.parse().ok(),
            vlan: self.vlan.map(|_| Vlan {
                id: before.vlan,
                qos: before.vlan_qos,
                proto,
            }),
            spoof_check: (!self.spoofchk.is_empty()).then_some(before.spoof_chk),
            tx_rate: has_rate.then_some(TxRate {
                min: before.min_tx_rate,
                max: before.max_tx_rate,
            }),
            link_state: (!self.link_state.is_empty()).then_some(link_state),
            ..VfSettings::default()
        }
    }

    /// The netdev as it was, down as that plugin leaves it. What it did not write down it did not
    /// change, so that is as it is now.
    fn interface(&self, now: Option<&Link>) -> Option<VfInterface> {
        let name = self.before.interface.parse().ok()?;
        let mac = self.before.effective_mac.parse().ok();
        let mac = mac.or(now.and_then(|link| link.mac));
        let mtu = Mtu::try_from(self.before.mtu).ok();
        let mtu = mtu.or_else(|| Mtu::try_from(now.map_or(USUAL_MTU, |link| link.mtu)).ok());
        Some(VfInterface {
            index: now.map_or(0, |link| link.index),
            name,
            mac: mac.unwrap_or(MacAddress::ZERO),
            mtu: mtu?,
            up: false,
        })
    }
}

/// A record that was found, in its file.
struct Found {
    path: PathBuf,
    written: SystemTime,
    attached: Attached,
}

#[derive(Debug, thiserror::Error)]
#[error("{} is not what sriov-cni writes: it is left as it is, and its VF with it", path.display())]
pub struct Unknown {
    path: PathBuf,
    source: serde_json::Error,
}

impl Allocator {
    fn theirs(&self) -> PathBuf {
        let pci = file::under(&self.root, Path::new(PLUGIN_STATE));
        pci.parent().map(Path::to_owned).unwrap_or(pci)
    }

    /// What that plugin attached to this container under this name. The namespace is the one that
    /// the runtime names now, if it names one.
    pub fn find_theirs(
        &self,
        container: &str,
        interface: &InterfaceName,
        namespace: &Path,
    ) -> Result<Option<Allocation>, AttachError> {
        match self.read_theirs(&self.path_of_theirs(container, interface))? {
            Some(found) => self.allocation_of(&found, container, interface, namespace),
            None => Ok(None),
        }
    }

    /// Takes over what that plugin attached to this container under this name, so that it can be
    /// released like what was allocated.
    pub fn take_over(
        &self,
        container: &str,
        interface: &InterfaceName,
        namespace: &Path,
    ) -> Result<(), AttachError> {
        let path = self.path_of_theirs(container, interface);
        let Some(found) = self.read_theirs(&path)? else {
            return Ok(());
        };
        let _lock = lock::take(&self.root, found.attached.vf)?;
        // It takes the lock, too, to give it back.
        let Some(found) = self.read_theirs(&path)? else {
            return Ok(());
        };
        let allocation = self.allocation_of(&found, container, interface, namespace)?;
        self.make_ours(&found, allocation.as_ref())
    }

    /// Under the VF's lock.
    fn make_ours(&self, found: &Found, allocation: Option<&Allocation>) -> Result<(), AttachError> {
        if let Some(allocation) = allocation {
            // False: it is allocated, and was so before this one could be released.
            self.records.create(allocation)?;
        }
        Ok(remove_if_there(&found.path)?)
    }

    fn path_of_theirs(&self, container: &str, interface: &InterfaceName) -> PathBuf {
        self.theirs().join(format!("{container}-{interface}"))
    }

    fn read_theirs(&self, path: &Path) -> Result<Option<Found>, AttachError> {
        let text = match file::access(path).and_then(|()| fs::read(path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(FileError::new("read", path))?,
        };
        let written = fs::metadata(path).and_then(|it| it.modified());
        let attached = serde_json::from_slice(&text).map_err(|source| Unknown {
            path: path.to_owned(),
            source,
        })?;
        Ok(Some(Found {
            path: path.to_owned(),
            written: written.map_err(FileError::new("read", path))?,
            attached,
        }))
    }

    /// `None`: the VF is gone, or was given to another since.
    fn allocation_of(
        &self,
        found: &Found,
        container: &str,
        interface: &InterfaceName,
        namespace: &Path,
    ) -> Result<Option<Allocation>, AttachError> {
        let vf = found.attached.vf;
        if !self.host.is_present(vf)? || self.records.read(vf)? != Record::None {
            return Ok(None);
        }
        let theirs = self.namespace_of_theirs(vf)?;
        let is_another = theirs.as_deref().is_some_and(|theirs| theirs != namespace);
        if (is_another && namespace != Path::new("")) || self.has_newer(found)? {
            return Ok(None);
        }
        let namespace = theirs.unwrap_or_else(|| namespace.to_owned());
        let Some(pool_vf) = self.candidates(&Choice::Vf(vf), None)?.pop() else {
            return Ok(None);
        };
        let now = self.netdev_now(vf, &namespace);
        let since = found.written.duration_since(UNIX_EPOCH);
        Ok(Some(Allocation {
            address: vf,
            pf: pool_vf.pf,
            vf: pool_vf.vf,
            pool: None,
            borrower: Borrower {
                container: container.to_owned(),
                name: None,
                network: found.attached.network.clone(),
                namespace,
                interface: interface.clone(),
            },
            namespace_inode: None,
            boot: None,
            allocated_at: since.map_or(0, |since| since.as_secs()),
            before: found.attached.settings(),
            interface_before: found.attached.interface(now.as_ref()),
            unnamed: false,
            not_understood: Vec::new(),
        }))
    }

    fn namespace_of_theirs(&self, vf: PciAddress) -> Result<Option<PathBuf>, AttachError> {
        let path = self.theirs().join("pci").join(vf.to_string());
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(PathBuf::from(text)).filter(|it| it.is_absolute())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FileError::new("read", &path)(error).into()),
        }
    }

    /// Whether that plugin gave the VF to another container later. It forgets nothing where a
    /// container ended without a word.
    fn has_newer(&self, found: &Found) -> Result<bool, AttachError> {
        for path in self.list_theirs()? {
            if path == found.path {
                continue;
            }
            let other = match self.read_theirs(&path) {
                // What is not its record is that of no VF.
                Err(AttachError::Theirs(_)) => None,
                other => other?,
            };
            let is_newer = |other: &Found| {
                other.attached.vf == found.attached.vf && other.written > found.written
            };
            if other.is_some_and(|other| is_newer(&other)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// In the container, or here if it is back. Only what older records do not say is asked of it.
    fn netdev_now(&self, vf: PciAddress, namespace: &Path) -> Option<Link> {
        let find = |namespace: Namespace| {
            namespace.within(|netlink| inside::find(&self.host, netlink, vf))
        };
        let places = [Namespace::open(namespace), Namespace::own()];
        places.into_iter().flatten().find_map(|it| find(it).ok())
    }
}

#[cfg(test)]
mod tests;
