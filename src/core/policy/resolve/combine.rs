//! What the policies in force on a PF add up to.

use super::desired::{Claim, DesiredPf, DesiredVf, Shadowed};
use crate::model::{PfSnapshot, VfIndex, VfRange, VfSettings};
use crate::policy::stable_mac::StableMacs;
use crate::policy::{DesiredRepresentor, DeviceType, MacChoice, NumVfs, Policy};
use std::collections::BTreeMap;

/// A policy that matches, with the share that it claims on this PF.
pub(super) struct Claimant<'a> {
    pub(super) policy: &'a Policy,
    pub(super) share: Option<VfRange>,
}

impl Claimant<'_> {
    pub(super) fn overlaps(&self, share: Option<&VfRange>) -> bool {
        match (&self.share, share) {
            (Some(mine), Some(other)) => mine.overlaps(other),
            _ => true,
        }
    }

    pub(super) fn claims(&self, vf: VfIndex) -> bool {
        self.share.as_ref().is_none_or(|share| share.contains(vf))
    }
}

pub(super) fn combine(
    survivors: &[Claimant],
    shadowed: Vec<Shadowed>,
    pf: &PfSnapshot,
    stable: &StableMacs,
) -> DesiredPf {
    let policies = || survivors.iter().map(|claimant| claimant.policy);
    // Who asks for VFs gets them: a weaker policy cannot say that they are somebody else's affair.
    let external = policies()
        .find_map(|policy| policy.external.or(policy.num_vfs.map(|_| false)))
        .unwrap_or(false);
    let num_vfs = policies()
        .filter_map(|policy| policy.num_vfs)
        .map(|wanted| match wanted {
            NumVfs::Count(count) => count,
            NumVfs::Max => pf.total_vfs,
        })
        .max()
        .filter(|_| !external);
    let existing = num_vfs.map_or(pf.num_vfs, |wanted| wanted.min(pf.total_vfs));
    let mut devlink = BTreeMap::new();
    for (name, value) in policies().flat_map(|policy| &policy.devlink) {
        devlink.entry(name.clone()).or_insert_with(|| value.clone());
    }
    DesiredPf {
        address: pf.address,
        policies: survivors.iter().map(claim).collect(),
        shadowed,
        lapsed: Vec::new(),
        awaits_name: false,
        num_vfs,
        max_is_none: pf.total_vfs == 0
            && !external
            && policies().any(|policy| policy.num_vfs == Some(NumVfs::Max)),
        external,
        mtu: policies().filter_map(|policy| policy.mtu).max(),
        driver_autoprobe: policies().find_map(|policy| policy.driver_autoprobe),
        eswitch_mode: policies().find_map(|policy| policy.eswitch_mode),
        devlink,
        hw_tc_offload: policies().find_map(|policy| policy.hw_tc_offload),
        bridge: policies().find_map(|policy| policy.bridge.clone()),
        disruption: policies()
            .map(|policy| policy.disruption)
            .min()
            .unwrap_or_default(),
        on_removal: policies()
            .next()
            .map(|policy| policy.on_removal)
            .unwrap_or_default(),
        vfs: (0..existing)
            .map(VfIndex)
            .map(|vf| {
                let claim = survivors.iter().position(|claimant| claimant.claims(vf));
                let policy = claim
                    .and_then(|at| survivors.get(at))
                    .map(|taken| taken.policy);
                (vf, desired_vf(claim, policy, vf, stable))
            })
            .collect(),
    }
}

fn claim(claimant: &Claimant) -> Claim {
    let policy = claimant.policy;
    Claim {
        policy: policy.name.clone(),
        origin: policy.origin.clone(),
        resource: policy.resource.clone(),
        resource_prefix: policy.resource_prefix.clone(),
        vfs: claimant.share.clone(),
        device_type: policy.device_type.clone(),
        mtu: policy.mtu,
        is_rdma: policy.is_rdma,
        need_vhost_net: policy.need_vhost_net,
        exclude_topology: policy.exclude_topology,
    }
}

fn desired_vf(
    claim: Option<usize>,
    policy: Option<&Policy>,
    vf: VfIndex,
    stable: &StableMacs,
) -> DesiredVf {
    let Some(policy) = policy else {
        return DesiredVf {
            claim,
            device_type: DeviceType::Netdevice,
            names_driver: false,
            mtu: None,
            representor: DesiredRepresentor::default(),
            in_bridge: false,
            settings: VfSettings::default(),
            lacks_mac: false,
            mac_is_stable: false,
        };
    };
    let special = policy.overrides.get(&vf);
    let mut settings = policy.settings;
    for setting in special.iter().flat_map(|special| special.settings.iter()) {
        settings.set(setting);
    }
    let choice = special.and_then(|it| it.mac).unwrap_or(policy.mac);
    settings.mac = match choice {
        MacChoice::Kernel => None,
        MacChoice::Stable => stable.get(vf),
        MacChoice::Fixed(mac) => Some(mac),
    };
    DesiredVf {
        claim,
        device_type: policy.device_type.clone(),
        names_driver: policy.names_driver,
        mtu: policy.mtu,
        representor: policy.representor,
        in_bridge: policy.bridge.as_ref().is_some_and(|it| it.representors),
        lacks_mac: choice == MacChoice::Stable && settings.mac.is_none(),
        mac_is_stable: choice == MacChoice::Stable && settings.mac.is_some(),
        settings,
    }
}
