//! What the API tells of PFs, policies and networks beyond the status.

use super::View;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::model::{PciAddress, PfSnapshot, PolicyName, ResourceName, VfRange};
use sriovd_core::policy::resolve::DesiredPf;
use sriovd_core::policy::{DeviceType, Network, NumVfs, Origin, Policy};
use sriovd_core::report::{NetworkReport, PfReport};

/// A PF with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfDetail {
    /// How it is, and what is not as wanted.
    #[serde(flatten)]
    pub report: PfReport,
    /// As the last pass saw it; none where none has.
    pub seen: Option<PfSnapshot>,
    /// What the policies make of it; none where no policy names it.
    pub desired: Option<DesiredPf>,
}

impl PfDetail {
    pub(super) fn all(view: &View) -> Vec<Self> {
        let pfs = view.status.pfs.iter();
        pfs.map(|report| Self::of(view, report)).collect()
    }

    pub(super) fn of(view: &View, report: &PfReport) -> Self {
        let known = view.world.pfs().get(&report.address);
        let seen = known.and_then(|known| known.seen.as_ref());
        Self {
            report: report.clone(),
            seen: seen.map(|seen| seen.pf.clone()),
            desired: seen.and_then(|seen| seen.desired().cloned()),
        }
    }
}

/// A policy, and where it holds.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PolicyDetail {
    /// Its name.
    pub name: PolicyName,
    /// Where it was written.
    #[serde(rename = "source")]
    pub origin: Origin,
    /// False: it is read, and has no effect.
    pub enabled: bool,
    /// From 0, the strongest, to 99.
    pub priority: u8,
    /// The pool that its VFs belong to.
    pub resource: Option<ResourceName>,
    /// How many VFs it asks for.
    pub num_vfs: Option<NumVfs>,
    /// Its share of the VFs; none is all.
    pub vfs: Option<VfRange>,
    /// What its VFs are for.
    pub device_type: DeviceType,
    /// Where it is in force.
    pub pfs: Vec<PciAddress>,
    /// Where a stronger one has taken its VFs.
    pub shadowed: Vec<ShadowedOn>,
}

/// A PF on which a policy has no effect.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ShadowedOn {
    /// The PF.
    pub pf: PciAddress,
    /// The stronger policy.
    pub by: PolicyName,
}

impl PolicyDetail {
    pub(super) fn all(view: &View) -> Vec<Self> {
        let policies = view.policies.policies.iter();
        policies.map(|policy| Self::of(policy, view)).collect()
    }

    fn of(policy: &Policy, view: &View) -> Self {
        let desired = || view.seen().filter_map(|(_, seen)| seen.desired());
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
            origin: policy.origin.clone(),
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

/// A network, and the VF that it has.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NetworkDetail {
    /// How it is.
    #[serde(flatten)]
    pub report: NetworkReport,
    /// Where it was written.
    #[serde(rename = "source")]
    pub origin: Origin,
    /// The namespace of its NetworkAttachmentDefinition.
    pub namespace: Option<String>,
}

impl NetworkDetail {
    pub(super) fn all(view: &View) -> Vec<Self> {
        let report = |network: &Network| {
            let mut reports = view.status.networks.iter();
            reports.find(|report| report.name == network.name.as_str())
        };
        let networks = view.policies.networks.iter().map(|network| Self {
            // A policy set that is newer than the status: nothing is known of its networks yet.
            report: report(network).cloned().unwrap_or_else(|| NetworkReport {
                name: network.name.to_string(),
                resource: network.resource.as_ref().map(ToString::to_string),
                vf: None,
                held_back: None,
            }),
            origin: network.origin.clone(),
            namespace: network.namespace.clone(),
        });
        networks.collect()
    }
}
