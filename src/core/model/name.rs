//! Names that reach paths, file names, netlink or other programs: checked once, here.

use super::{Malformed, serde_as_text};
use std::fmt;
use std::str::FromStr;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $expected:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name, which has the form that the type asks for.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl FromStr for $type {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Malformed::new(text, $expected))
                }
            }
        }
        serde_as_text!($type);
    };
}

fn starts_and_ends_alphanumeric(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    edge(text.bytes().next()) && edge(text.bytes().last())
}

fn made_of(text: &str, punctuation: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || punctuation.contains(c))
}

name!(
    /// A network interface name as `dev_valid_name` (net/core/dev.c) takes it.
    InterfaceName,
    "a network interface name (1 to 15 characters, no '/', ':' or white space)",
    |text| {
        (1..=15).contains(&text.len())
            && text != "."
            && text != ".."
            && !text.chars().any(|c| c == '/' || c == ':' || c.is_whitespace() || c.is_control())
    }
);

name!(
    /// A kernel driver, the name of a directory in `/sys/bus/pci/drivers`.
    DriverName,
    "a driver name (letters, digits, '_' and '-')",
    |text| (1..=63).contains(&text.len()) && made_of(text, "_-") && text.is_ascii()
);

name!(
    /// A pool of VFs. The device plugin exits on any other form (pkg/resources, `resourceName`).
    ResourceName,
    "a resource name (1 to 63 of letters, digits, '_' and '-')",
    |text| (1..=63).contains(&text.len()) && made_of(text, "_-")
);

name!(
    /// The domain before the `/` of an extended resource name, such as `intel.com`.
    ResourcePrefix,
    "a resource prefix (a DNS name such as intel.com)",
    |text| text.len() <= 253 && made_of(text, ".-") && starts_and_ends_alphanumeric(text)
);

name!(
    /// A policy: shown in the journal and in status.
    PolicyName,
    "a policy name (1 to 63 of letters, digits, '.', '_' and '-', with a letter or digit at both ends)",
    |text| text.len() <= 63 && made_of(text, "._-") && starts_and_ends_alphanumeric(text)
);

name!(
    /// A network: becomes part of file names.
    NetworkName,
    "a network name (1 to 63 of letters, digits, '.', '_' and '-', with a letter or digit at both ends)",
    |text| text.len() <= 63 && made_of(text, "._-") && starts_and_ends_alphanumeric(text)
);

name!(
    /// A source, which is what one program wants: the name of a file in the agent's state directory.
    SourceName,
    "a source name (1 to 63 of letters, digits, '.', '_' and '-', with a letter or digit at both ends)",
    |text| text.len() <= 63 && made_of(text, "._-") && starts_and_ends_alphanumeric(text)
);

impl ResourceName {
    /// Whether Kubernetes takes it as the name of an extended resource (`IsQualifiedName`). Records of
    /// VFs that are allocated may have others.
    pub fn is_qualified(&self) -> bool {
        starts_and_ends_alphanumeric(&self.0)
    }
}

impl ResourcePrefix {
    /// Whether Kubernetes takes it in front of an extended resource (`IsExtendedResourceName`), for
    /// which it must also fit behind `requests.`.
    pub fn is_qualified(&self) -> bool {
        let is_label = |label: &str| {
            let is_lower = !label.bytes().any(|b| b.is_ascii_uppercase());
            is_lower && starts_and_ends_alphanumeric(label)
        };
        let reserved = self.0.ends_with("kubernetes.io") || self.0.starts_with("requests.");
        self.0.len() <= 244 && !reserved && self.0.split('.').all(is_label)
    }
}

impl DriverName {
    /// Drivers that hand the device to user space: a VF bound to one has no netdev by design.
    pub fn is_userspace(&self) -> bool {
        matches!(self.0.as_str(), "uio_pci_generic" | "igb_uio" | "pci-stub") || self.is_vfio()
    }

    /// Whether there is no network interface to be waited for: besides drivers for user space,
    /// `pci-pf-stub` makes none (drivers/pci/pci-pf-stub.c).
    pub fn makes_no_netdev(&self) -> bool {
        self.is_userspace() || self.0 == "pci-pf-stub"
    }

    /// `vfio-pci` and its vendors' variants such as `mlx5_vfio_pci`.
    pub fn is_vfio(&self) -> bool {
        self.0.ends_with("vfio-pci") || self.0.ends_with("vfio_pci")
    }

    /// Such as `uio_pci_generic` and `igb_uio`.
    pub fn is_uio(&self) -> bool {
        let name = self.0.replace('-', "_");
        name.starts_with("uio_") || name.ends_with("_uio")
    }
}
