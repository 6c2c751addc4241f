//! What the API tells of PFs, policies and networks beyond the status.

use crate::model::{PciAddress, PfSnapshot, PolicyName, ResourceName, VfRange};
use crate::policy::resolve::{DesiredPf, Resolution};
use crate::policy::{DeviceType, Network, NumVfs, Policy, PolicySet, Source};
use crate::report::{NetworkReport, PfReport, Status};
use serde::{Deserialize, Serialize};

/// A PF with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PfDetail {
    #[serde(flatten)]
    pub report: PfReport,
    /// As the last pass saw it; none where none has.
    pub seen: Option<PfSnapshot>,
    /// What the policies make of it; none where no policy names it.
    pub desired: Option<DesiredPf>,
}

impl PfDetail {
    pub fn new(report: PfReport, seen: Option<(&PfSnapshot, &Resolution)>) -> Self {
        let desired = match seen {
            Some((_, Resolution::Desired(desired))) => Some((**desired).clone()),
            _ => None,
        };
        Self {
            report,
            seen: seen.map(|(pf, _)| pf.clone()),
            desired,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDetail {
    pub name: PolicyName,
    pub source: Source,
    pub enabled: bool,
    pub priority: u8,
    pub resource: Option<ResourceName>,
    pub num_vfs: Option<NumVfs>,
    pub vfs: Option<VfRange>,
    pub device_type: DeviceType,
    /// Where it is in force.
    pub pfs: Vec<PciAddress>,
    /// Where a stronger one has taken its VFs.
    pub shadowed: Vec<ShadowedOn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowedOn {
    pub pf: PciAddress,
    pub by: PolicyName,
}

impl PolicyDetail {
    pub(super) fn all(policies: &PolicySet, pfs: &[PfDetail]) -> Vec<Self> {
        let policies = policies.policies.iter();
        policies.map(|policy| Self::of(policy, pfs)).collect()
    }

    fn of(policy: &Policy, pfs: &[PfDetail]) -> Self {
        let desired = || pfs.iter().filter_map(|pf| pf.desired.as_ref());
        let holds = |pf: &&DesiredPf| pf.policies.iter().any(|claim| claim.policy == policy.name);
        let shadowed = desired().flat_map(|pf| {
            let mine = pf.shadowed.iter().filter(|it| it.policy == policy.name);
            mine.map(|it| ShadowedOn {
                pf: pf.address,
                by: it.by.clone(),
            })
        });
        Self {
            name: policy.name.clone(),
            source: policy.source.clone(),
            enabled: policy.enabled,
            priority: policy.priority,
            resource: policy.resource.clone(),
            num_vfs: policy.num_vfs,
            vfs: policy.vfs.clone(),
            device_type: policy.device_type.clone(),
            pfs: desired().filter(holds).map(|pf| pf.address).collect(),
            shadowed: shadowed.collect(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkDetail {
    #[serde(flatten)]
    pub report: NetworkReport,
    pub source: Source,
    pub namespace: Option<String>,
}

impl NetworkDetail {
    pub(super) fn all(policies: &PolicySet, status: &Status) -> Vec<Self> {
        let report = |network: &Network| {
            let mut reports = status.networks.iter();
            reports.find(|report| report.name == network.name.as_str())
        };
        let networks = policies.networks.iter().map(|network| Self {
            // A policy set that is newer than the status: nothing is known of its networks yet.
            report: report(network).cloned().unwrap_or_else(|| NetworkReport {
                name: network.name.to_string(),
                resource: network.resource.as_ref().map(ToString::to_string),
                vf: None,
                held_back: None,
            }),
            source: network.source.clone(),
            namespace: network.namespace.clone(),
        });
        networks.collect()
    }
}
