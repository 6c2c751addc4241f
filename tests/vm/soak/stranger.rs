//! Somebody else's hand on a host at rest, which is let be, and lets go again.

use crate::host::Host;
use crate::lab::Nic;
use crate::random::Random;
use anyhow::{Context, Result};
use std::fmt;

#[derive(Clone, Copy)]
pub(crate) enum Stranger {
    /// Binds a VF whose policy names no driver to vfio-pci.
    BindsVf,
    /// The same, to nothing.
    UnbindsVf,
    SetsPfDown,
    RenamesPf,
    SetsAttributes,
    RemovesOutputs,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BindsVf => "a stranger binds VF 0 to vfio-pci",
            Self::UnbindsVf => "a stranger unbinds VF 0",
            Self::SetsPfDown => "a stranger sets the PF down",
            Self::RenamesPf => "a stranger renames the PF",
            Self::SetsAttributes => "a stranger sets VLAN and trust",
            Self::RemovesOutputs => "a stranger removes outputs",
        })
    }
}

impl Stranger {
    pub(crate) fn any(random: &mut Random) -> Self {
        random.one_of(&[
            Self::BindsVf,
            Self::UnbindsVf,
            Self::SetsPfDown,
            Self::RenamesPf,
            Self::SetsAttributes,
            Self::RemovesOutputs,
        ])
    }

    /// One that needs no VF.
    pub(crate) fn any_of_pf(random: &mut Random) -> Self {
        random.one_of(&[
            Self::SetsPfDown,
            Self::RenamesPf,
            Self::SetsAttributes,
            Self::RemovesOutputs,
        ])
    }

    /// What the agent leaves as the stranger has made it, as a condition.
    pub(crate) fn begin(self, host: &Host, nic: &Nic) -> Result<String> {
        let (pf, sys) = (
            nic.netdev(),
            format!("/sys/bus/pci/devices/{}", nic.vf_pci(0)),
        );
        let renamed = format!("port-of-{pf}");
        let (change, stays) = match self {
            Self::BindsVf => (
                format!(
                    "cd {sys}; echo vfio-pci > driver_override; echo $(basename $PWD) > driver/unbind
                     echo $(basename $PWD) > /sys/bus/pci/drivers_probe"
                ),
                format!("[ $(basename $(readlink {sys}/driver)) = vfio-pci ]"),
            ),
            Self::UnbindsVf => (
                format!(
                    "cd {sys}; echo none > driver_override; echo $(basename $PWD) > driver/unbind"
                ),
                format!("! test -e {sys}/driver"),
            ),
            Self::SetsPfDown => (
                format!("ip link set {pf} down"),
                format!("! ip link show {pf} | grep -q 'state UP'"),
            ),
            Self::RenamesPf => (
                format!("ip link set {pf} name {renamed}"),
                format!("ip link show {renamed}"),
            ),
            Self::SetsAttributes => (
                format!("ip link set {pf} vf 0 vlan 7 trust on"),
                "true".to_owned(),
            ),
            Self::RemovesOutputs => (
                "rm -f /etc/cni/net.d/99-sriovd-* /etc/pcidp/config.json".to_owned(),
                "true".to_owned(),
            ),
        };
        host.run(&change).with_context(|| self.to_string())?;
        Ok(stays)
    }

    /// VFs and files are not as they were meanwhile.
    pub(crate) fn takes_a_vf(self) -> bool {
        matches!(self, Self::BindsVf | Self::UnbindsVf)
    }

    pub(crate) fn end(self, host: &Host, nic: &Nic) -> Result<()> {
        let (pf, sys) = (
            nic.netdev(),
            format!("/sys/bus/pci/devices/{}", nic.vf_pci(0)),
        );
        let renamed = format!("port-of-{pf}");
        let change = match self {
            Self::BindsVf | Self::UnbindsVf => format!(
                "cd {sys}; echo > driver_override
                 if test -e driver; then echo $(basename $PWD) > driver/unbind; fi
                 echo $(basename $PWD) > /sys/bus/pci/drivers_probe"
            ),
            Self::SetsPfDown => format!("ip link set {pf} up"),
            Self::RenamesPf => format!("ip link set {renamed} name {pf}"),
            Self::SetsAttributes | Self::RemovesOutputs => return Ok(()),
        };
        host.run(&change).map(drop)
    }
}
