//! This node as the SR-IOV network operator would describe it: `SriovNetworkNodeState`.

use super::{MANAGER, MANAGER_LABEL, object, pretty};
use crate::model::{HostSnapshot, LinkType, PciAddress, PfSnapshot, VfIndex, VfSnapshot};
use crate::policy::DeviceType;
use crate::policy::resolve::{Claim, DesiredPf, Resolution};
use crate::report::{PfReport, PfState, Problem};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub fn node_state(
    host: &HostSnapshot,
    resolutions: &BTreeMap<PciAddress, Resolution>,
    reports: &BTreeMap<PciAddress, PfReport>,
) -> String {
    let desired = |address: &PciAddress| match resolutions.get(address) {
        Some(Resolution::Desired(desired)) => Some(desired.as_ref()),
        Some(Resolution::Unmatched | Resolution::AwaitsName) | None => None,
    };
    let wanted = resolutions.keys().filter_map(desired);
    let spec: Vec<_> = wanted
        .map(|desired| spec_interface(desired, host.pfs.get(&desired.address)))
        .collect();
    let status: Vec<_> = host
        .pfs
        .values()
        .map(|pf| status_interface(pf, desired(&pf.address)))
        .collect();
    let (sync_status, last_sync_error) = sync(reports);
    pretty(&json!({
        "apiVersion": "sriovnetwork.openshift.io/v1",
        "kind": "SriovNetworkNodeState",
        "metadata": {"name": host.node.hostname, "labels": {MANAGER_LABEL: MANAGER}},
        "spec": {"interfaces": spec},
        "status": {
            "interfaces": status,
            "syncStatus": sync_status,
            "lastSyncError": last_sync_error,
        },
    }))
}

fn spec_interface(desired: &DesiredPf, pf: Option<&PfSnapshot>) -> Map<String, Value> {
    let interface = pf.and_then(|pf| pf.interface.as_ref());
    let count = u16::try_from(desired.vfs.len()).unwrap_or(u16::MAX);
    let groups = desired.policies.iter().flat_map(|claim| {
        let spans: Vec<(VfIndex, VfIndex)> = match &claim.vfs {
            Some(range) => range.spans().collect(),
            None => desired
                .num_vfs
                .unwrap_or(count)
                .checked_sub(1)
                .map_or_else(Vec::new, |last| vec![(VfIndex(0), VfIndex(last))]),
        };
        spans.into_iter().map(|span| vf_group(claim, span))
    });
    object([
        ("pciAddress", Some(json!(desired.address))),
        ("name", interface.map(|interface| json!(interface.name))),
        ("numVfs", desired.num_vfs.map(|count| json!(count))),
        ("mtu", desired.mtu.map(|mtu| json!(mtu))),
        ("externallyManaged", desired.external.then_some(json!(true))),
        ("vfGroups", Some(json!(groups.collect::<Vec<_>>()))),
    ])
}

/// The operator's groups are one span each.
fn vf_group(claim: &Claim, (first, last): (VfIndex, VfIndex)) -> Map<String, Value> {
    let device_type = match &claim.device_type {
        DeviceType::Netdevice => "netdevice",
        DeviceType::Driver(driver) => driver.as_str(),
    };
    object([
        (
            "resourceName",
            claim.resource.as_ref().map(|name| json!(name)),
        ),
        ("deviceType", Some(json!(device_type))),
        ("vfRange", Some(json!(format!("{first}-{last}")))),
        ("policyName", Some(json!(claim.policy))),
        ("mtu", claim.mtu.map(|mtu| json!(mtu))),
        ("isRdma", claim.is_rdma.then_some(json!(true))),
    ])
}

fn status_interface(pf: &PfSnapshot, desired: Option<&DesiredPf>) -> Map<String, Value> {
    let interface = pf.interface.as_ref();
    let link_type = |link_type| match link_type {
        LinkType::Ether => "ETH",
        LinkType::Infiniband => "IB",
    };
    let up_down = |up| if up { "up" } else { "down" };
    object([
        ("name", interface.map(|it| json!(it.name))),
        ("mac", interface.map(|it| json!(it.permanent_mac))),
        ("driver", pf.driver.as_ref().map(|driver| json!(driver))),
        ("pciAddress", Some(json!(pf.address))),
        ("vendor", Some(json!(pf.vendor))),
        ("deviceID", Some(json!(pf.device))),
        ("mtu", interface.map(|it| json!(it.mtu))),
        ("numVfs", Some(json!(pf.num_vfs))),
        ("totalvfs", Some(json!(pf.total_vfs))),
        (
            "linkSpeed",
            interface.and_then(|it| Some(json!(format!("{} Mb/s", it.speed?)))),
        ),
        (
            "linkType",
            interface.map(|it| json!(link_type(it.link_type))),
        ),
        ("linkAdminState", interface.map(|it| json!(up_down(it.up)))),
        (
            "externallyManaged",
            desired.is_some_and(|pf| pf.external).then_some(json!(true)),
        ),
        (
            "altNames",
            interface
                .filter(|it| !it.altnames.is_empty())
                .map(|it| json!(it.altnames)),
        ),
        (
            "Vfs",
            Some(json!(pf.vfs.iter().map(status_vf).collect::<Vec<_>>())),
        ),
    ])
}

fn status_vf((index, vf): (&VfIndex, &VfSnapshot)) -> Map<String, Value> {
    let interface = vf.interface.as_ref();
    let administrative = vf.settings.mac.filter(|mac| mac.is_unicast());
    let mac = interface.map(|it| it.mac).or(administrative);
    let vlan = vf.settings.vlan.filter(|vlan| vlan.id != 0);
    object([
        ("name", interface.map(|it| json!(it.name))),
        ("mac", mac.map(|mac| json!(mac))),
        ("driver", vf.driver.as_ref().map(|driver| json!(driver))),
        ("pciAddress", Some(json!(vf.address))),
        ("vendor", Some(json!(vf.vendor))),
        ("deviceID", Some(json!(vf.device))),
        ("Vlan", vlan.map(|vlan| json!(vlan.id))),
        ("mtu", interface.map(|it| json!(it.mtu))),
        ("vfID", Some(json!(index))),
    ])
}

fn sync(reports: &BTreeMap<PciAddress, PfReport>) -> (&'static str, String) {
    let any = |states: &[PfState]| reports.values().any(|pf| states.contains(&pf.state));
    let status = if any(&[PfState::Refused, PfState::Failed, PfState::Hung]) {
        "Failed"
    } else if any(&[PfState::Changing]) {
        "InProgress"
    } else {
        "Succeeded"
    };
    let sentence = |pf: &PfReport, problem: &Problem| {
        let name = pf
            .interface
            .clone()
            .unwrap_or_else(|| pf.address.to_string());
        format!("{name}: {}", problem.sentence())
    };
    let sentences: Vec<String> = reports
        .values()
        .flat_map(|pf| pf.problems.iter().map(move |problem| sentence(pf, problem)))
        .collect();
    (status, sentences.join("; "))
}

#[cfg(test)]
mod tests;
