//! A VF that one of our plugins allocated to a container: what is written down of it.

use super::lenient;
use super::{Holder, InterfaceName, PciAddress, ResourceName, VfIndex, VfInterface, VfSettings};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// Where the records are: a file per VF, named by its PCI address.
pub const ALLOCATIONS: &str = "/var/lib/sriovd/allocations";

/// The record of one VF, as JSON in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// The VF's PCI address, which is also the name of the record's file.
    pub address: PciAddress,
    /// The PCI address of its PF, through which its attributes are set back.
    pub pf: PciAddress,
    /// The VF's index on that PF, counted from 0.
    pub vf: VfIndex,
    /// `None` where the VF was asked for by its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<ResourceName>,
    /// The container that has the VF, and where the netdev went.
    #[serde(rename = "borrower")]
    pub container: Container,
    /// The inode of the namespace: its path may come to mean another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_inode: Option<u64>,
    /// The kernel's id of the boot in which it was allocated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// Seconds since 1970-01-01.
    #[serde(rename = "lent_at")]
    pub allocated_at: u64,
    /// What the VF's attributes go back to: those that were changed, and no others.
    #[serde(default)]
    pub before: VfSettings,
    /// The VF's netdev as it was. `None` for a VF that a user-space driver has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface_before: Option<VfInterface>,
    /// Its name was only the kernel's: udev had yet to give it its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unnamed: bool,
    /// Attributes that go back to something that this version does not understand: until they do,
    /// the VF is in use.
    #[serde(skip)]
    pub not_understood: Vec<String>,
}

/// A container that has a VF, in the words of its runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The runtime's id.
    #[serde(rename = "container")]
    pub id: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name of the network in the container runtime: `name` of the conflist, or podman's network.
    pub network: String,
    /// The network namespace that the netdev went to.
    pub namespace: PathBuf,
    /// What the netdev is called there.
    pub interface: InterfaceName,
}

impl Container {
    /// The container as a person names it.
    pub fn display_name(&self) -> &str {
        const SHORT: usize = 12;
        let id = || self.id.get(..SHORT).unwrap_or(&self.id);
        self.name.as_deref().unwrap_or_else(id)
    }
}

/// What every record says beside: which version wrote it, and the oldest that understands it.
#[derive(Deserialize)]
struct Header {
    #[serde(default = "first")]
    version: u64,
    needs: Option<u64>,
}

/// Of records.
const VERSION: u64 = 1;

fn first() -> u64 {
    VERSION
}

impl Allocation {
    /// What a record says. `None`: it is not understood, so that nobody knows who has the VF.
    pub fn parse(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let header = Header::deserialize(&document).ok()?;
        if header.needs.unwrap_or(header.version) > VERSION {
            return None;
        }
        let read: lenient::Understood<Self> = lenient::read(&document)?;
        let mut allocation = read.known;
        allocation.not_understood = read.refused.keys_within("before")?;
        Some(allocation)
    }

    /// A record that says this.
    pub fn write(&self) -> serde_json::Result<String> {
        let mut document = serde_json::to_value(self)?;
        document["version"] = VERSION.into();
        Ok(format!("{document}\n"))
    }

    /// The holder that refusals and `sriovctl status` name for this record.
    pub fn holder(&self) -> Holder {
        Holder::Container {
            container: self.container.display_name().to_owned(),
            network: self.container.network.clone(),
        }
    }
}

/// What allocating a VF with these attributes changes, and what each of them goes back to: what the
/// driver reports, else its usual value.
pub fn changes(wanted: &VfSettings, is: &VfSettings) -> (VfSettings, VfSettings) {
    let (mut to_set, mut before) = (VfSettings::default(), VfSettings::default());
    for setting in wanted.iter() {
        let attribute = setting.attribute();
        let was = is.get(attribute);
        if was == Some(setting) {
            continue;
        }
        to_set.set(setting);
        if let Some(back) = was.or_else(|| attribute.usual()) {
            before.set(back);
        }
    }
    (to_set, before)
}

#[cfg(test)]
mod tests;
