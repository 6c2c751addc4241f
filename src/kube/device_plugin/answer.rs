//! What a container gets with its VFs: the environment and the device nodes, as the SR-IOV network device plugin gives them.

use super::offer::{Device, Devices, Resource};
use serde_json::{Map, Value, json};
use sriovd_core::model::{DeviceNode, PciAddress};
use sriovd_core::policy::is_cdi_class;
use sriovd_core::render::cdi;
use std::collections::BTreeMap;

/// How containers get device nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nodes {
    /// kubelet hands them to the container runtime.
    ByPath,
    /// The container runtime reads them in the files that the agent writes for the Container Device Interface.
    ByCdi,
}

/// What one container gets.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Answer {
    /// The environment.
    pub(super) envs: BTreeMap<String, String>,
    /// Device nodes, each once.
    pub(super) nodes: Vec<DeviceNode>,
    /// Names of the Container Device Interface.
    pub(super) cdi: Vec<String>,
}

/// Why a container does not get a device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is not on the list.
    #[error("{resource} has no device {id}: there is no such VF on this node any more")]
    Unknown {
        /// The resource.
        resource: String,
        /// What kubelet asks for.
        id: String,
    },
    /// It is not as its policy wants it.
    #[error("VF {vf} of {resource} cannot be used now: {why}")]
    Sick {
        /// The resource.
        resource: String,
        /// The VF.
        vf: PciAddress,
        /// Why.
        why: String,
    },
}

/// The devices with these ids, all fit for use.
pub(super) fn chosen<'a>(
    resource: &Resource,
    devices: &'a Devices,
    ids: &[String],
) -> Result<Vec<&'a Device>, Refusal> {
    let find = |id: &String| {
        let device = id.parse().ok().and_then(|vf: PciAddress| devices.get(&vf));
        let unknown = || Refusal::Unknown {
            resource: resource.to_string(),
            id: id.clone(),
        };
        let device = device.ok_or_else(unknown)?;
        match device.sickness() {
            None => Ok(device),
            Some(why) => Err(Refusal::Sick {
                resource: resource.to_string(),
                vf: device.vf.address,
                why: why.to_owned(),
            }),
        }
    };
    ids.iter().map(find).collect()
}

/// Before a container starts with these devices, also when it starts again: what it was told of them must still be so.
pub(super) fn may_start(
    resource: &Resource,
    devices: &Devices,
    ids: &[String],
) -> Result<(), Refusal> {
    let failed = |device: &&Device| !device.failures.is_empty();
    let chosen = chosen(resource, devices, ids)?;
    match chosen.into_iter().find(failed) {
        None => Ok(()),
        Some(device) => Err(Refusal::Sick {
            resource: resource.to_string(),
            vf: device.vf.address,
            why: device.failures.join("; "),
        }),
    }
}

/// What a container gets that is given these devices, in this order.
pub(super) fn answer(resource: &Resource, devices: &[&Device], nodes: Nodes) -> Answer {
    let ids: Vec<_> = devices.iter().map(|it| it.vf.address.to_string()).collect();
    let infos = devices
        .iter()
        .map(|it| (it.vf.address.to_string(), info(it)));
    let infos: Map<_, _> = infos.collect();
    let variable = resource.variable();
    let mut answer = Answer::default();
    let info = format!("{variable}_INFO");
    answer.envs.insert(info, Value::Object(infos).to_string());
    answer.envs.insert(variable, ids.join(","));
    for device in devices {
        let of_device = device.vf.openable().nodes();
        if nodes == Nodes::ByCdi && is_cdi_class(&resource.pool) {
            let name = format!("{}/{}={}", cdi::VENDOR, resource.pool, device.vf.address);
            answer.cdi.extend((!of_device.is_empty()).then_some(name));
            continue;
        }
        for node in of_device {
            if answer.nodes.iter().all(|it| it.on_host() != node.on_host()) {
                answer.nodes.push(node);
            }
        }
    }
    answer
}

/// By the reference plugin's names for the parts that say something of a device.
fn info(device: &Device) -> Value {
    let openable = device.vf.openable();
    let mut info = json!({ "generic": { "deviceID": device.vf.address } });
    if let [all, group] = &openable.vfio()[..] {
        info["vfio"] = json!({ "mount": all.path, "dev-mount": group.path });
    }
    if let [net, tun] = &openable.vhost_net()[..] {
        info["vhost"] = json!({ "net-mount": net.path, "tun-mount": tun.path });
    }
    for node in openable.rdma() {
        let kinds = ["uverbs", "umad", "issm", "rdma_cm"];
        let kind = kinds.iter().find(|kind| node.path.contains(**kind));
        if let Some(kind) = kind {
            info["rdma"][*kind] = json!(node.path);
        }
    }
    info
}

/// The device-info file of a device, which multus adds to what it tells of a pod's networks: name and content.
pub(super) fn device_info(resource: &Resource, vf: PciAddress) -> (String, String) {
    let name = format!("{}-{vf}-device.json", resource.joined('-'));
    let content = json!({ "type": "pci", "version": "1.1.0", "pci": { "pci-address": vf } });
    (name, content.to_string())
}

#[cfg(test)]
mod tests;
