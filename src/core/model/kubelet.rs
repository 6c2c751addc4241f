//! A VF that kubelet allocated to a container of a pod: what is told of it, and what is written down.

use super::{Holder, PciAddress, PodContainer};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the records are: a file per VF, named by its PCI address.
pub const KUBELET: &str = "/var/lib/sriovd/kubelet";

/// Which device a VF was when it was allocated, or first fit for use after it was made anew: by the inode that sysfs gives it.
/// What is made later at its address is to be prepared before it is held. Does not outlive a reboot.
pub const KUBELET_HOLDS: &str = "/run/sriovd/kubelet";

/// A VF that kubelet has allocated.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KubeletAllocation {
    /// The VF's PCI address.
    pub vf: PciAddress,
    /// What the pod asked for, such as `sriovd.io/fast`.
    pub resource: String,
    /// Missing until kubelet has told which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<PodContainer>,
}

/// The record of one VF, as JSON in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KubeletRecord {
    version: u64,
    /// What the pod asked for.
    pub resource: String,
    /// Missing until kubelet has told which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<PodContainer>,
}

/// Of records.
const VERSION: u64 = 1;

impl KubeletRecord {
    /// The record of an allocation.
    pub fn new(allocation: &KubeletAllocation) -> Self {
        Self {
            version: VERSION,
            resource: allocation.resource.clone(),
            container: allocation.container.clone(),
        }
    }

    /// What a record says. `None`: it is not understood, so that nobody knows who has the VF.
    pub fn parse(text: &str) -> Option<Self> {
        let record: Self = serde_json::from_str(text).ok()?;
        (record.version == VERSION).then_some(record)
    }

    /// A record that says this.
    pub fn write(&self) -> serde_json::Result<String> {
        Ok(format!("{}\n", serde_json::to_string(self)?))
    }

    /// What is told of it.
    pub fn of(self, vf: PciAddress) -> KubeletAllocation {
        KubeletAllocation {
            vf,
            resource: self.resource,
            container: self.container,
        }
    }

    /// The holder that refusals and `sriovctl status` name for this record.
    pub fn holder(self) -> Holder {
        Holder::Kubelet {
            resource: self.resource,
            container: self.container,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allocation(container: bool) -> KubeletAllocation {
        KubeletAllocation {
            vf: "0000:01:10.0".parse().unwrap(),
            resource: "sriovd.io/fast".to_owned(),
            container: container.then(|| PodContainer {
                namespace: "shop".to_owned(),
                pod: "till".to_owned(),
                container: "main".to_owned(),
            }),
        }
    }

    #[test]
    fn a_record_says_again_what_was_written() {
        for container in [false, true] {
            let record = KubeletRecord::new(&allocation(container));
            let text = record.write().unwrap();
            let again = KubeletRecord::parse(&text).unwrap();
            assert_eq!(again, record, "{text}");
            assert_eq!(again.of(allocation(container).vf), allocation(container));
        }
        for text in [
            "",
            "{",
            "[]",
            r#"{"version":2,"resource":"a/b"}"#,
            r#"{"version":1}"#,
        ] {
            assert_eq!(KubeletRecord::parse(text), None, "{text}");
        }
    }

    #[test]
    fn its_holder_is_the_pod_as_people_name_it() {
        for (container, words) in [
            (
                true,
                "pod shop/till, container main (resource sriovd.io/fast)",
            ),
            (
                false,
                "a pod that kubelet has not named yet (resource sriovd.io/fast)",
            ),
        ] {
            let holder = KubeletRecord::new(&allocation(container)).holder();
            assert!(holder.is_allocation());
            assert_eq!(holder.to_string(), words);
        }
    }
}
