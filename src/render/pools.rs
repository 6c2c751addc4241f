//! Which VFs are ready to be given away, by pool.

use crate::model::{
    HostSnapshot, MacAddress, PciAddress, PfSnapshot, ResourceName, VfIndex, VfSnapshot,
};
use crate::plan::owned::Assignment;
use crate::policy::DeviceType;
use crate::policy::resolve::{Claim, DesiredVf, Resolution};
use std::collections::BTreeMap;

/// The device plugin's own default. Written out, because a policy that names it and one that names
/// none would otherwise make the same resource twice, on which the plugin exits.
const DEFAULT_PREFIX: &str = "intel.com";

/// Ready VFs in order of PF address and index. A pool without one is not here.
pub type Pools<'a> = BTreeMap<&'a ResourceName, Vec<Member<'a>>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    pub pf: &'a PfSnapshot,
    pub index: VfIndex,
    pub vf: &'a VfSnapshot,
    /// What put the VF into the pool.
    pub claim: &'a Claim,
}

impl Member<'_> {
    pub fn assignment(&self) -> Assignment {
        Assignment {
            permanent_mac: self.pf_mac(),
            pf: self.pf.address,
            vf: self.index,
        }
    }

    /// What tells the NIC from others, where it has something.
    fn pf_mac(&self) -> Option<MacAddress> {
        let mac = self.pf.permanent_mac();
        mac.filter(|mac| mac.is_unicast())
    }

    pub(super) fn is_on_same_nic(&self, last: &Assignment) -> bool {
        self.index == last.vf && self.pf_mac().is_some() && self.pf_mac() == last.permanent_mac
    }

    pub(super) fn is_at_same_place(&self, last: &Assignment) -> bool {
        self.index == last.vf && self.pf.address == last.pf
    }
}

/// Whether a VF that belongs into the pool is missing only because its PF's VFs come or go just
/// now: some are there, and not as many as are wanted.
pub fn is_on_its_way(
    vf: &Assignment,
    resource: &ResourceName,
    resolutions: &BTreeMap<PciAddress, Resolution>,
    host: &HostSnapshot,
) -> bool {
    let is_the_nic = |pf: &&PfSnapshot| {
        pf.permanent_mac()
            .is_some_and(|mac| Some(mac) == vf.permanent_mac)
    };
    let nic = host.pfs.values().find(is_the_nic);
    let Some(pf) = nic.or_else(|| host.pfs.get(&vf.pf)) else {
        return false;
    };
    let Some(Resolution::Desired(desired)) = resolutions.get(&pf.address) else {
        return false;
    };
    let changes = pf.num_vfs != 0 && desired.num_vfs.is_some_and(|wanted| wanted != pf.num_vfs);
    let claim = desired.claim_of(vf.vf);
    changes && claim.is_some_and(|claim| claim.resource.as_ref() == Some(resource))
}

/// The domain under which a claim's VFs are known to Kubernetes.
pub fn prefix(claim: &Claim) -> &str {
    let prefix = claim.resource_prefix.as_ref();
    prefix.map_or(DEFAULT_PREFIX, |prefix| prefix.as_str())
}

/// Whether a VF can be used for what it is meant for. Attributes may still differ from the policy:
/// a driver that lacks one must not take the VF away from everybody.
pub fn vf_ready(desired: &DesiredVf, vf: &VfSnapshot) -> bool {
    match (&desired.device_type, &vf.driver) {
        (_, None) => false,
        (DeviceType::Driver(wanted), Some(driver)) => driver == wanted,
        // Lent to a container it is out of sight, and still what it should be.
        (DeviceType::Netdevice, Some(driver)) => {
            !driver.is_userspace() && (vf.interface.is_some() || vf.interface_elsewhere)
        }
    }
}

pub fn pools<'a>(
    resolutions: &'a BTreeMap<PciAddress, Resolution>,
    host: &'a HostSnapshot,
) -> Pools<'a> {
    let mut pools = Pools::new();
    for (address, resolution) in resolutions {
        let (Resolution::Desired(desired), Some(pf)) = (resolution, host.pfs.get(address)) else {
            continue;
        };
        for (&index, wanted) in &desired.vfs {
            let (Some(claim), Some(vf)) = (desired.claim_of(index), pf.vfs.get(&index)) else {
                continue;
            };
            if let Some(resource) = &claim.resource
                && vf_ready(wanted, vf)
            {
                pools.entry(resource).or_default().push(Member {
                    pf,
                    index,
                    vf,
                    claim,
                });
            }
        }
    }
    pools
}

#[cfg(test)]
mod tests;
