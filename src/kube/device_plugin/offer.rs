//! What kubelet is offered: a resource for each pool, with a device for each of its VFs.

use sriovd_core::model::world::{World, WorldClaim, WorldPf, WorldVf};
use sriovd_core::model::{PciAddress, PfState, ResourceName};
use sriovd_core::policy::DEFAULT_PREFIX;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What pods ask for: `PREFIX/POOL`, a name that Kubernetes takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    prefix: String,
    /// The pool.
    pub(super) pool: ResourceName,
}

impl Resource {
    /// The resource that a VF of this claim is a device of; an error that says why it can be none.
    pub(super) fn of(claim: &WorldClaim) -> Option<Result<Self, String>> {
        let pool = claim.pool.clone()?;
        let prefix = claim.prefix.as_ref();
        let is_qualified = pool.is_qualified() && prefix.is_none_or(|it| it.is_qualified());
        let prefix = prefix.map_or(DEFAULT_PREFIX, |it| it.as_str()).to_owned();
        let resource = Self { prefix, pool };
        Some(match is_qualified {
            true => Ok(resource),
            false => Err(format!(
                "Kubernetes takes no resource with the name {resource}: policy {} must give \"resource\" and \
                 \"resource_prefix\" other names",
                claim.policy
            )),
        })
    }

    /// As a part of file names.
    pub(super) fn joined(&self, by: char) -> String {
        format!("{}{by}{}", self.prefix, self.pool)
    }

    /// The environment variable that names a container's devices. A hyphen stays, as in the reference plugin's.
    pub(super) fn variable(&self) -> String {
        let name = self.joined('_').replace('.', "_");
        format!("PCIDEVICE_{}", name.to_uppercase())
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.prefix, self.pool)
    }
}

/// A VF that kubelet may give to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Device {
    /// The VF as it was seen.
    pub(super) vf: WorldVf,
    /// Its PF.
    pub(super) pf: PciAddress,
    /// Where it is attached.
    pub(super) place: Place,
    /// What of its policy could not be done, in sentences.
    pub(super) failures: Vec<String>,
}

/// Where a device is attached. What is not known is near nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The NUMA node.
    pub(super) numa_node: Option<u16>,
    /// The PCIe root complex.
    pub(super) pcie_root: Option<String>,
}

impl Device {
    /// The NUMA node that kubelet goes by.
    pub(super) fn topology(&self) -> Option<u16> {
        let claim = self.vf.claim.as_ref();
        let is_told = claim.is_some_and(|claim| !claim.exclude_topology);
        self.place.numa_node.filter(|_| is_told)
    }

    /// Why it cannot be given away; nothing where it can.
    pub(super) fn sickness(&self) -> Option<&str> {
        self.vf.not_ready.as_deref()
    }
}

/// The devices of one resource, by address.
pub(super) type Devices = BTreeMap<PciAddress, Device>;

/// What was last known of the PFs of the node. What cannot be seen now has not changed: neither while the agent starts,
/// nor where a PF cannot be looked at.
#[derive(Debug, Default)]
pub(super) struct Known {
    pfs: BTreeMap<PciAddress, Arc<WorldPf>>,
    /// Also those that have no device any more: kubelet is told so.
    resources: BTreeSet<Resource>,
}

/// Everything that kubelet is offered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Offer {
    /// The resources, each with its devices.
    pub(super) resources: BTreeMap<Resource, Devices>,
    /// Why VFs of some pools are no devices, in sentences.
    pub(super) faults: BTreeSet<String>,
}

impl Offer {
    /// Whether this is a device of any resource.
    pub(super) fn has(&self, vf: PciAddress) -> bool {
        self.resources
            .values()
            .any(|devices| devices.contains_key(&vf))
    }

    /// The VFs that can be given away.
    pub(super) fn fit(&self) -> BTreeSet<PciAddress> {
        let devices = self.resources.values().flatten();
        let fit = devices.filter(|(_, device)| device.sickness().is_none());
        fit.map(|(&vf, _)| vf).collect()
    }
}

impl Known {
    /// Learns what is there now.
    pub(super) fn learn(&mut self, world: &World) -> Offer {
        let is_there = |pf: &PciAddress| world.pfs().contains_key(pf);
        self.pfs.retain(|pf, _| world.starting || is_there(pf));
        for (&address, pf) in world.pfs() {
            if pf.device.is_some() || !self.pfs.contains_key(&address) {
                self.pfs.insert(address, Arc::clone(pf));
            }
        }
        let offer = self.offer();
        self.resources.extend(offer.resources.keys().cloned());
        offer
    }

    fn offer(&self) -> Offer {
        let mut offer = Offer::default();
        for resource in &self.resources {
            offer.resources.insert(resource.clone(), Devices::new());
        }
        for pf in self.pfs.values() {
            let place = Place {
                numa_node: pf.device.as_ref().and_then(|it| it.numa_node),
                pcie_root: pf.device.as_ref().and_then(|it| it.pcie_root.clone()),
            };
            for vf in &pf.vfs {
                match vf.claim.as_ref().and_then(Resource::of) {
                    None => {}
                    Some(Err(fault)) => drop(offer.faults.insert(fault)),
                    Some(Ok(resource)) => {
                        let device = Device {
                            vf: vf.clone(),
                            pf: pf.address,
                            place: place.clone(),
                            failures: failures(pf, vf),
                        };
                        let devices = offer.resources.entry(resource).or_default();
                        devices.insert(vf.address, device);
                    }
                }
            }
        }
        offer
    }
}

fn failures(pf: &WorldPf, vf: &WorldVf) -> Vec<String> {
    let mut problems = pf.problems.iter().collect::<Vec<_>>();
    problems.retain(|it| it.vf == Some(vf.index) && it.kind.state() == PfState::Failed);
    problems.iter().map(|it| it.reason.clone()).collect()
}

#[cfg(test)]
mod tests;
