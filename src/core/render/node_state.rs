//! This node as the SR-IOV network operator would describe it: `SriovNetworkNodeState`.

mod bridges;

use super::text::{MANAGER, MANAGER_LABEL, object, pretty};
use crate::model::world::World;
use crate::model::{
    DriverName, EswitchMode, InterfaceName, LinkType, MacAddress, Mtu, PciAddress, PciId,
    PfInterface, PfSnapshot, VfIndex, VfSnapshot,
};
use crate::policy::DeviceType;
use crate::policy::resolve::{Claim, DesiredPf};
use crate::report::{KnownPf, PfState, Problem};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// A `SriovNetworkNodeState`, as JSON: `spec` is what the policies want, `status` what there is.
pub fn node_state(world: &World<KnownPf>) -> String {
    let pfs = world.seen();
    let spec: Vec<_> = pfs
        .clone()
        .filter_map(|seen| Some(spec_interface(seen.desired()?, &seen.pf)))
        .collect();
    let wanted = pfs.clone();
    let wanted = wanted.filter_map(|seen| Some((&seen.pf, seen.desired()?)));
    let (sync_status, last_sync_error) = sync(world);
    pretty(&NodeState {
        api_version: "sriovnetwork.openshift.io/v1",
        kind: "SriovNetworkNodeState",
        metadata: json!({"name": world.node, "labels": {MANAGER_LABEL: MANAGER}}),
        spec: json!(object([
            ("bridges", bridges::wanted(wanted)),
            ("interfaces", Some(json!(spec))),
        ])),
        status: Status {
            bridges: bridges::seen(pfs.clone().map(|seen| &seen.pf)),
            interfaces: pfs
                .map(|seen| status_interface(&seen.pf, seen.desired()))
                .collect(),
            last_sync_error,
            sync_status,
        },
    })
}

/// Fields as they sort. Types of their own for what there is a lot of: a tree of values takes
/// several times as long.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeState<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: Value,
    spec: Value,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    bridges: Option<Value>,
    interfaces: Vec<StatusInterface<'a>>,
    last_sync_error: String,
    sync_status: &'static str,
}

fn spec_interface(desired: &DesiredPf, pf: &PfSnapshot) -> Map<String, Value> {
    let interface = pf.interface.as_ref();
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
        ("eSwitchMode", desired.eswitch_mode.map(|mode| json!(mode))),
        ("externallyManaged", desired.external.then_some(json!(true))),
        ("vfGroups", Some(json!(groups.collect::<Vec<_>>()))),
    ])
}

/// The operator's groups are one span each.
fn vf_group(claim: &Claim, (first, last): (VfIndex, VfIndex)) -> Map<String, Value> {
    let device_type = match &claim.device_type {
        DeviceType::Netdevice => Some("netdevice"),
        // The operator has no word for it, and takes none.
        DeviceType::Any => None,
        DeviceType::Driver(driver) => Some(driver.as_str()),
    };
    object([
        (
            "resourceName",
            claim.resource.as_ref().map(|name| json!(name)),
        ),
        ("deviceType", device_type.map(|it| json!(it))),
        ("vfRange", Some(json!(format!("{first}-{last}")))),
        ("policyName", Some(json!(claim.policy))),
        ("mtu", claim.mtu.map(|mtu| json!(mtu))),
        ("isRdma", claim.is_rdma.then_some(json!(true))),
    ])
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusInterface<'a> {
    #[serde(rename = "Vfs")]
    vfs: Vec<StatusVf<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alt_names: Option<&'a BTreeSet<String>>,
    #[serde(rename = "deviceID")]
    device_id: PciId,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a DriverName>,
    #[serde(rename = "eSwitchMode", skip_serializing_if = "Option::is_none")]
    e_switch_mode: Option<EswitchMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    externally_managed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_admin_state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_speed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<MacAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<Mtu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a InterfaceName>,
    num_vfs: u16,
    pci_address: PciAddress,
    totalvfs: u16,
    vendor: PciId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusVf<'a> {
    #[serde(rename = "Vlan", skip_serializing_if = "Option::is_none")]
    vlan: Option<u16>,
    #[serde(rename = "deviceID")]
    device_id: PciId,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<&'a DriverName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<MacAddress>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<Mtu>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a InterfaceName>,
    pci_address: PciAddress,
    #[serde(skip_serializing_if = "Option::is_none")]
    representor_name: Option<&'a InterfaceName>,
    vendor: PciId,
    #[serde(rename = "vfID")]
    vf_id: VfIndex,
}

fn status_interface<'a>(pf: &'a PfSnapshot, desired: Option<&DesiredPf>) -> StatusInterface<'a> {
    let interface = pf.interface.as_ref();
    let link_type = |link_type| match link_type {
        LinkType::Ether => "ETH",
        LinkType::Infiniband => "IB",
    };
    let up_down = |up| if up { "up" } else { "down" };
    let alt_names = interface.map(|it| &it.altnames);
    StatusInterface {
        vfs: pf.vfs.iter().map(status_vf).collect(),
        alt_names: alt_names.filter(|names| !names.is_empty()),
        device_id: pf.device,
        driver: pf.driver.as_ref(),
        e_switch_mode: pf.eswitch_mode,
        externally_managed: desired.is_some_and(|pf| pf.external).then_some(true),
        link_admin_state: interface.map(|it| up_down(it.up)),
        link_speed: interface.and_then(|it| Some(format!("{} Mb/s", it.speed?))),
        link_type: interface.map(|it| link_type(it.link_type)),
        mac: interface.map(PfInterface::known_mac),
        mtu: interface.map(|it| it.mtu),
        name: interface.map(|it| &it.name),
        num_vfs: pf.num_vfs,
        pci_address: pf.address,
        totalvfs: pf.total_vfs,
        vendor: pf.vendor,
    }
}

fn status_vf<'a>((&index, vf): (&VfIndex, &'a VfSnapshot)) -> StatusVf<'a> {
    let interface = vf.interface.as_ref();
    let administrative = vf.settings.mac.filter(|mac| mac.is_unicast());
    let vlan = vf.settings.vlan.filter(|vlan| vlan.id != 0);
    StatusVf {
        vlan: vlan.map(|vlan| vlan.id),
        device_id: vf.device,
        driver: vf.driver.as_ref(),
        mac: interface.map(|it| it.mac).or(administrative),
        mtu: interface.map(|it| it.mtu),
        name: interface.map(|it| &it.name),
        pci_address: vf.address,
        representor_name: vf.representor.as_ref().map(|it| &it.name),
        vendor: vf.vendor,
        vf_id: index,
    }
}

fn sync(world: &World<KnownPf>) -> (&'static str, String) {
    let pfs = || world.pfs().values();
    let worst = pfs().filter_map(|pf| Some(pf.problems.first()?.kind.state()));
    let worst: Vec<_> = worst.collect();
    let any = |states: &[PfState]| worst.iter().any(|state| states.contains(state));
    let status = if any(&[PfState::Refused, PfState::Failed, PfState::Hung]) {
        "Failed"
    } else if any(&[PfState::Changing]) {
        "InProgress"
    } else {
        "Succeeded"
    };
    let sentence = |pf: &KnownPf, problem: &Problem| {
        let seen = pf.seen.as_ref().map(|seen| seen.pf.display_name());
        let name = seen.unwrap_or_else(|| pf.address.to_string());
        format!("{name}: {}", problem.sentence())
    };
    let sentences: Vec<String> = pfs()
        .flat_map(|pf| pf.problems.iter().map(|problem| sentence(pf, problem)))
        .collect();
    (status, sentences.join("; "))
}

#[cfg(test)]
mod tests;
