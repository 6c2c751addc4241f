//! What a container gets of a VF beside its network: device nodes, in the Container Device Interface.
//!
//! A kind for each pool, and in it a device for each VF by its address. No device means all of
//! them: each VF is for one user.

use super::pools::{Member, Pools};
use super::text::pretty;
use crate::model::{self, Openable, PciAddress, ResourceName};
use crate::policy::is_cdi_class;
use serde::Serialize;
use std::borrow::Cow;

/// The vendor of all kinds of ours.
pub const VENDOR: &str = "sriovd.io";

/// The least that knows names that begin with a digit, as addresses do.
const VERSION: &str = "0.5.0";

/// The name of a pool's spec in the CDI directory.
pub fn file_name(pool: &ResourceName) -> String {
    format!("{VENDOR}-{pool}.json")
}

/// Whether a spec is one of ours: nobody else makes devices of this vendor.
pub(super) fn is_our_kind(kind: &str) -> bool {
    kind.split_once('/')
        .is_some_and(|(vendor, _)| vendor == VENDOR)
}

/// Fields as they sort: of a host's VFs there may be many, and a tree of values takes ten times the room.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    cdi_version: &'static str,
    devices: Vec<Device>,
    kind: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    container_edits: ContainerEdits,
    name: PciAddress,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContainerEdits {
    device_nodes: Vec<DeviceNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DeviceNode {
    #[serde(skip_serializing_if = "Option::is_none")]
    host_path: Option<String>,
    path: Cow<'static, str>,
    permissions: &'static str,
}

/// A text for each pool that has a device with something in it, and a name that CDI allows.
pub fn specs(pools: &Pools<'_>) -> Vec<(ResourceName, String)> {
    let spec = |(&pool, members): (&&ResourceName, &Vec<Member<'_>>)| {
        let spec = Spec {
            cdi_version: VERSION,
            devices: members.iter().filter_map(device).collect(),
            kind: format!("{VENDOR}/{pool}"),
        };
        (!spec.devices.is_empty() && is_cdi_class(pool)).then(|| (pool.clone(), pretty(&spec)))
    };
    pools.iter().filter_map(spec).collect()
}

fn device(member: &Member<'_>) -> Option<Device> {
    let (vf, claim) = (member.vf, member.claim);
    let openable = Openable {
        driver: vf.driver.as_ref(),
        iommu_group: vf.iommu_group,
        no_iommu: vf.no_iommu,
        rdma: &vf.rdma,
        is_rdma: claim.is_rdma,
        need_vhost_net: claim.need_vhost_net,
    };
    let nodes: Vec<_> = openable.nodes().into_iter().map(node).collect();
    // Readers refuse a device without anything in it.
    (!nodes.is_empty()).then_some(Device {
        container_edits: ContainerEdits {
            device_nodes: nodes,
        },
        name: vf.address,
    })
}

fn node(node: model::DeviceNode) -> DeviceNode {
    DeviceNode {
        host_path: node.host_path,
        path: node.path,
        permissions: "rw",
    }
}

#[cfg(test)]
mod tests;
