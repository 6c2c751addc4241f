//! The records of the SR-IOV CNI plugin: what they say, and where they are.

use crate::attach::AttachError;
use serde::Deserialize;
use sriovd_core::model::{
    InterfaceName, LinkState, MacAddress, Mtu, PciAddress, TxRate, VfInterface, VfSettings, Vlan,
    VlanProto,
};
use sriovd_host::file::{self, FileError};
use sriovd_host::linux::lock::PLUGIN_STATE;
use sriovd_host::netlink::Link;
use std::fs::{self, FileType};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Its record, as far as it concerns the way back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Attached {
    #[serde(rename = "deviceID")]
    pub(super) vf: PciAddress,
    #[serde(default, rename = "name")]
    pub(super) network: String,
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
    pub(super) fn settings(&self) -> VfSettings {
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
    pub(super) fn interface(&self, now: Option<&Link>) -> Option<VfInterface> {
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
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) written: SystemTime,
    pub(super) attached: Attached,
}

fn directory(root: &Path) -> PathBuf {
    let pci = file::under(root, Path::new(PLUGIN_STATE));
    pci.parent().map(Path::to_owned).unwrap_or(pci)
}

pub(super) fn path_of(root: &Path, container: &str, interface: &InterfaceName) -> PathBuf {
    directory(root).join(format!("{container}-{interface}"))
}

pub(super) fn read(path: &Path) -> Result<Option<Found>, AttachError> {
    let text = match file::access(path).and_then(|()| fs::read(path)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(FileError::new("read", path))?,
    };
    let written = fs::metadata(path).and_then(|it| it.modified());
    let attached = serde_json::from_slice(&text).map_err(|source| AttachError::Theirs {
        path: path.to_owned(),
        source,
    })?;
    Ok(Some(Found {
        path: path.to_owned(),
        written: written.map_err(FileError::new("read", path))?,
        attached,
    }))
}

pub(super) fn list(root: &Path) -> Result<Vec<PathBuf>, AttachError> {
    let directory = directory(root);
    let entries = match file::access(&directory).and_then(|()| fs::read_dir(&directory)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(FileError::new("list", &directory))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(FileError::new("list", &directory))?.path();
        let kind = file::kind(&path)?;
        paths.extend(kind.filter(FileType::is_file).map(|_| path));
    }
    paths.sort_unstable();
    Ok(paths)
}

pub(super) fn namespace_of(root: &Path, vf: PciAddress) -> Result<Option<PathBuf>, AttachError> {
    let path = directory(root).join("pci").join(vf.to_string());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(PathBuf::from(text)).filter(|it| it.is_absolute())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new("read", &path)(error).into()),
    }
}

/// Whether that plugin gave the VF to another container later. It forgets nothing where a
/// container ended without a word.
pub(super) fn has_newer(root: &Path, found: &Found) -> Result<bool, AttachError> {
    for path in list(root)? {
        if path == found.path {
            continue;
        }
        let other = match read(&path) {
            // What is not its record is that of no VF.
            Err(AttachError::Theirs { .. }) => None,
            other => other?,
        };
        let is_newer =
            |other: &Found| other.attached.vf == found.attached.vf && other.written > found.written;
        if other.is_some_and(|other| is_newer(&other)) {
            return Ok(true);
        }
    }
    Ok(false)
}
