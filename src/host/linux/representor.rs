//! The netdevs that stand for the VFs of a PF on the host in switchdev mode. One question to the kernel finds them all.

use super::links::Links;
use super::udev;
use crate::netlink::Link;
use crate::sysfs::Tree;
use sriovd_core::host::HostError;
use sriovd_core::model::{EswitchMode, Mtu, PciAddress, Representor, VfIndex};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

/// Those of one PF that are in our network namespace.
#[derive(Debug, Default)]
pub(super) struct Representors {
    links: BTreeMap<VfIndex, Link>,
    names: BTreeSet<OsString>,
    /// By interface.
    offloads: BTreeMap<u32, Option<bool>>,
}

impl Representors {
    /// Those of the PF, which has them in this mode only.
    pub(super) fn of_pf(
        links: &mut dyn Links,
        pf: PciAddress,
        mode: Option<EswitchMode>,
    ) -> Result<Self, HostError> {
        if mode != Some(EswitchMode::Switchdev) {
            return Ok(Self::default());
        }
        let found = links.links_on(pf);
        let found = found.map_err(|error| error.while_doing(format!("listing interfaces of {pf}")));
        let of_vf = |link: Link| Some((represented(link.port_name.as_ref()?)?, link));
        let links: BTreeMap<_, _> = found?.into_iter().filter_map(of_vf).collect();
        let names = links.values().map(|link| OsString::from(&link.name));
        Ok(Self {
            names: names.collect(),
            offloads: BTreeMap::new(),
            links,
        })
    }

    /// Asks for hw-tc-offload of all of them at once. `bit`: its number among the features.
    pub(super) fn look_at_offload(
        &mut self,
        links: &mut dyn Links,
        bit: u32,
    ) -> Result<(), HostError> {
        if self.links.is_empty() {
            return Ok(());
        }
        let found = links.tc_offloads(bit);
        let doing = || "reading the features of interfaces".to_owned();
        self.offloads = found.map_err(|error| error.while_doing(doing()))?;
        Ok(())
    }

    /// Whether the interface of that name is one of them.
    pub(super) fn have(&self, name: &OsStr) -> bool {
        self.names.contains(name)
    }

    /// The one that stands for this VF. It has its name when udev is done with it.
    pub(super) fn of(&self, tree: &Tree, vf: VfIndex) -> Result<Option<Representor>, HostError> {
        let Some(link) = self.links.get(&vf) else {
            return Ok(None);
        };
        let unreadable = |what: &str, found: String| HostError::Unreadable {
            what: format!("{what} of interface {}", link.index),
            found,
        };
        let record = udev::record(tree, &format!("n{}", link.index))?;
        let name = link.name.parse();
        Ok(Some(Representor {
            index: link.index,
            name: name.map_err(|_| unreadable("name", link.name.clone()))?,
            name_is_final: udev::is_initialized(tree, &record)?,
            mtu: Mtu::try_from(link.mtu).map_err(|_| unreadable("MTU", link.mtu.to_string()))?,
            up: link.up,
            tc_offload: self.offloads.get(&link.index).copied().flatten(),
        }))
    }
}

/// The VF of a port name such as `pf0vf3`, before which the number of the uplink may stand (`p0pf0vf3`). `c1pf0vf3` is a VF
/// of another host, behind a SmartNIC.
fn represented(port: &str) -> Option<VfIndex> {
    let (uplink, function) = port.split_once("pf")?;
    let uplink = uplink.strip_prefix('p').unwrap_or(uplink);
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (pf, vf) = function.split_once("vf")?;
    let is_ours = is_number(uplink) && is_number(pf) && !pf.is_empty() && is_number(vf);
    vf.parse().ok().map(VfIndex).filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_representor_is_told_by_the_name_of_its_port() {
        for (port, vf) in [
            ("pf0vf0", Some(0)),
            ("pf1vf127", Some(127)),
            ("p0pf0vf3", Some(3)),
            ("p0", None),
            ("pf0", None),
            ("pf0sf88", None),
            ("c1pf0vf3", None),
            ("pfvf3", None),
            ("pf0vf", None),
            ("pf0vf+3", None),
            ("pf0vf70000", None),
        ] {
            assert_eq!(represented(port), vf.map(VfIndex), "{port}");
        }
    }
}
