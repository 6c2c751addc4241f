//! One policy: what its keys say together.

use super::{attributes, bridge};
use crate::model::{
    DriverName, EswitchMode, MacAddress, VfAttribute, VfIndex, VfRange, VfSettings,
};
use crate::policy::draft::{MatchDraft, NodeDraft, PolicyDraft, RepresentorDraft, VfDraft};
use crate::policy::reader::{Fault, Key, KeyPath, Table, missing, nearest};
use crate::policy::{
    DEFAULT_PREFIX, DesiredRepresentor, DeviceType, MacChoice, NodeMatch, NumVfs, Origin, PfMatch,
    Policy, VfOverride, is_cdi_class,
};
use std::collections::BTreeMap;

/// `None` where there is no name to call it by. Where a fault was told, the rest may be made up.
pub(super) fn policy(
    draft: &PolicyDraft,
    origin: Origin,
    faults: &mut Vec<Fault>,
) -> Option<Policy> {
    let name = draft.name.required(PolicyDraft::WHAT, "name", faults);
    let matches = pf_match(draft, faults);
    let none = VfSettings::default();
    let settings = attributes::settings(&draft.attributes, &none, faults);
    let overrides = overrides(draft, &settings, faults);
    let policy = Policy {
        name: name?,
        origin,
        priority: draft.priority.or(99),
        enabled: draft.enabled.or(true),
        node: draft.node.get().map(node_match).unwrap_or_default(),
        matches,
        resource: draft.resource.cloned(),
        resource_prefix: draft.resource_prefix.cloned(),
        num_vfs: draft.num_vfs.cloned(),
        vfs: draft.vfs.cloned(),
        mtu: draft.mtu.cloned(),
        names_driver: draft.device_type.get().is_some(),
        device_type: draft.device_type.or_default(),
        driver_autoprobe: draft.driver_autoprobe.cloned(),
        eswitch_mode: draft.eswitch_mode.cloned(),
        devlink: draft.devlink.or_default(),
        hw_tc_offload: draft.hw_tc_offload.cloned(),
        representor: draft.representor.get().map(representor).unwrap_or_default(),
        bridge: draft.bridge.get().map(bridge::bridge),
        external: draft.external.cloned(),
        is_rdma: draft.is_rdma.or(false),
        need_vhost_net: draft.need_vhost_net.or(false),
        exclude_topology: draft.exclude_topology.or(false),
        settings,
        mac: draft.mac.or_default(),
        overrides: overrides
            .iter()
            .map(|(index, (_, vf))| (*index, vf.clone()))
            .collect(),
        on_removal: draft.on_removal.or_default(),
        disruption: draft.disruption.or_default(),
    };
    check_count(draft, faults);
    check_shares(draft, &policy, &overrides, faults);
    check_driver(&policy, faults);
    check_eswitch(draft, &policy, faults);
    check_params(&policy, faults);
    bridge::check(draft, policy.eswitch_mode, faults);
    check_pool(&policy, faults);
    if policy.resource_prefix.is_some() && !draft.resource.is_given() {
        let message = "\"resource_prefix\" has no effect without \"resource\"";
        faults.push(Fault::new(message).at("resource_prefix").warning());
    }
    Some(policy)
}

fn pf_match(draft: &PolicyDraft, faults: &mut Vec<Fault>) -> PfMatch {
    const ANY: &str = "write pf_name = \"*\" there to mean every NIC";
    let matches = match &draft.r#match {
        Key::Given(matches) => matches,
        Key::Absent => {
            let fault = Fault::new("this policy has no [policy.match]: it would match every NIC");
            faults.push(fault.suggesting(ANY));
            return PfMatch::default();
        }
        Key::Wrong => return PfMatch::default(),
    };
    if *matches == MatchDraft::default() {
        let fault = Fault::new("[policy.match] is empty: it would match every NIC");
        faults.push(fault.at("match").suggesting(ANY));
    }
    PfMatch {
        vendor: matches.vendor.or_default(),
        device: matches.device.or_default(),
        pci_address: matches.pci_address.or_default(),
        pf_name: matches.pf_name.or_default(),
        mac: matches.mac.or_default(),
        driver: matches.driver.or_default(),
        link_type: matches.link_type.or_default(),
        numa_node: matches.numa_node.or_default(),
    }
}

fn representor(draft: &RepresentorDraft) -> DesiredRepresentor {
    DesiredRepresentor {
        mtu: draft.mtu.cloned(),
        up: draft.up.or(true),
    }
}

fn node_match(draft: &NodeDraft) -> NodeMatch {
    NodeMatch {
        hostname: draft.hostname.or_default(),
        labels: draft.labels.or_default(),
    }
}

/// The way to an entry of `vf`.
fn of_vf(at: usize) -> KeyPath {
    KeyPath::default().then("vf").then(at)
}

/// Single VFs by their index, each with its place in the list.
type Overrides = BTreeMap<VfIndex, (usize, VfOverride)>;

fn overrides(draft: &PolicyDraft, base: &VfSettings, faults: &mut Vec<Fault>) -> Overrides {
    let mut vfs = Overrides::new();
    let mut macs: BTreeMap<MacAddress, VfIndex> = BTreeMap::new();
    for (at, vf) in draft.vf.get().into_iter().flatten() {
        let mut own = Vec::new();
        let index = vf.index.required(VfDraft::WHAT, "index", &mut own);
        let settings = attributes::settings(&vf.attributes, base, &mut own);
        let mac = vf.mac.cloned();
        if let (Some(index), Some(MacChoice::Fixed(address))) = (index, mac)
            && let Some(other) = macs.insert(address, index)
        {
            let message = format!("{address} is already the address of VF {other}");
            own.push(Fault::new(message).at("mac"));
        }
        let place = |fault: Fault| fault.below(&of_vf(*at));
        faults.extend(own.into_iter().map(place));
        let Some(index) = index else { continue };
        if let Some((first, _)) = vfs.get(&index) {
            let message = format!("VF {index} is listed twice, first");
            let fault = place(Fault::new(message).at("index"));
            faults.push(fault.completed_by(of_vf(*first).then("index")));
        }
        vfs.entry(index)
            .or_insert((*at, VfOverride { mac, settings }));
    }
    vfs
}

fn check_count(draft: &PolicyDraft, faults: &mut Vec<Fault>) {
    match (&draft.external, draft.num_vfs.is_given()) {
        (Key::Given(true), true) => {
            let message = "\"num_vfs\" contradicts external = true: somebody else creates the VFs";
            let fault = Fault::new(message).at("num_vfs");
            faults.push(fault.suggesting("leave one of the two out"));
        }
        (Key::Absent | Key::Given(false), false) => {
            let expected = "num_vfs = a number or \"max\", or external = true";
            faults.push(missing(PolicyDraft::WHAT, "num_vfs").expecting(expected));
        }
        _ => {}
    }
}

/// The shares of the policy lie within its VFs, the single VFs within its share.
fn check_shares(
    draft: &PolicyDraft,
    policy: &Policy,
    overrides: &Overrides,
    faults: &mut Vec<Fault>,
) {
    let named_shares = shares_of_names(&policy.matches);
    if let (true, Some(share)) = (draft.vfs.is_given(), named_shares.first()) {
        let message = format!("\"vfs\" and the share #{share} in \"pf_name\" both say which VFs");
        let fault = Fault::new(message).at("vfs");
        faults.push(fault.suggesting("leave one of the two out"));
    }
    let count = match policy.num_vfs {
        Some(NumVfs::Count(count)) => count,
        Some(NumVfs::Max) | None => u16::MAX,
    };
    let own_share = policy.vfs.iter().map(|share| ("vfs", share));
    let shares = own_share.chain(named_shares.iter().map(|share| ("match", *share)));
    for (key, share) in shares.filter(|(_, share)| share.last().0 >= count) {
        let message = format!("VFs {share} are not there: {}", made_by(count));
        faults.push(Fault::new(message).at(key));
    }
    let claimed = |index: VfIndex| match (&policy.vfs, names_whole_pf(&policy.matches)) {
        (Some(vfs), _) => vfs.contains(index),
        (None, true) => true,
        (None, false) => named_shares.iter().any(|share| share.contains(index)),
    };
    for (&index, (at, _)) in overrides {
        let message = if index.0 >= count {
            format!("VF {index} is not there: {}", made_by(count))
        } else if !claimed(index) {
            format!("VF {index} is not in this policy's share")
        } else {
            continue;
        };
        faults.push(Fault::new(message).at("index").below(&of_vf(*at)));
    }
}

fn made_by(count: u16) -> String {
    match count.checked_sub(1) {
        None => "num_vfs = 0 makes none".to_owned(),
        Some(last) => format!("num_vfs = {count} makes VFs 0 to {last}"),
    }
}

fn shares_of_names(matches: &PfMatch) -> Vec<&VfRange> {
    matches
        .pf_name
        .iter()
        .filter_map(|name| name.vfs.as_ref())
        .collect()
}

fn names_whole_pf(matches: &PfMatch) -> bool {
    matches.pf_name.is_empty() || matches.pf_name.iter().any(|name| name.vfs.is_none())
}

/// The longest path of a socket, less that of the kubelet's directory, `_` and `.sock`.
const LONGEST_OF_PLUGIN: usize = 107 - "/var/lib/kubelet/plugins_registry/_.sock".len();

/// What can be a pool, and not everywhere.
fn check_pool(policy: &Policy, faults: &mut Vec<Fault>) {
    let Some(pool) = &policy.resource else { return };
    let mut warn = |message: String, why: &str| {
        let fault = Fault::new(message).at("resource").warning();
        faults.push(fault.suggesting(why));
    };
    let prefix = (policy.resource_prefix.as_ref()).map_or(DEFAULT_PREFIX, |it| it.as_str());
    if prefix.len() + pool.as_str().len() > LONGEST_OF_PLUGIN {
        let why = format!("its socket has room for {LONGEST_OF_PLUGIN} letters of both");
        warn(
            format!("the device plugin cannot offer {prefix}/{pool}"),
            &why,
        );
    }
    let has_devices = match &policy.device_type {
        DeviceType::Driver(driver) => driver.is_vfio(),
        DeviceType::Any => true,
        DeviceType::Netdevice => false,
    };
    let has_devices = has_devices || policy.need_vhost_net || policy.is_rdma;
    if has_devices && !is_cdi_class(pool) {
        let message = format!("podman gets no devices of the pool \"{pool}\"");
        warn(message, "a class of CDI begins with a letter");
    }
}

/// What the eSwitch does not do for a VF in switchdev mode, where the host's flows say what becomes of its traffic:
/// drivers answer EOPNOTSUPP.
const NOT_IN_SWITCHDEV: [VfAttribute; 4] = [
    VfAttribute::Vlan,
    VfAttribute::Trust,
    VfAttribute::SpoofCheck,
    VfAttribute::LinkState,
];

fn check_eswitch(draft: &PolicyDraft, policy: &Policy, faults: &mut Vec<Fault>) {
    if policy.eswitch_mode != Some(EswitchMode::Switchdev) {
        if draft.representor.is_given() {
            let message = "\"representor\" has no effect without eswitch_mode = \"switchdev\"";
            let fault = Fault::new(message).at("representor");
            faults.push(match policy.eswitch_mode {
                Some(_) => fault,
                // Another policy may say so of the same PF.
                None => fault.warning(),
            });
        }
        return;
    }
    let denied = NOT_IN_SWITCHDEV.into_iter();
    let denied = denied.flat_map(|attribute| attribute.facts().keys());
    let denied: Vec<_> = denied.map(|key| key.key).collect();
    let whole = (KeyPath::default(), draft.given());
    let single = draft.vf.get().into_iter().flatten();
    let single = single.map(|(at, vf)| (of_vf(*at), vf.given()));
    for (place, keys) in [whole].into_iter().chain(single) {
        for key in keys.into_iter().filter(|key| denied.contains(key)) {
            let message = format!(
                "\"{key}\" contradicts eswitch_mode = \"switchdev\": there the host's flows decide"
            );
            let fault = Fault::new(message).at(key).below(&place);
            faults.push(fault.suggesting("leave one of the two out"));
        }
    }
}

/// What no driver calls a parameter.
fn check_params(policy: &Policy, faults: &mut Vec<Fault>) {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    for name in policy.devlink.keys() {
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
            let fault = Fault::new(format!("{name:?} cannot be a parameter of devlink"));
            let place = KeyPath::default().then("devlink").then(name.as_str());
            let expected = "1 to 64 of letters, digits, '_' and '-'";
            faults.push(fault.below(&place).about_name().expecting(expected));
        }
    }
}

fn check_driver(policy: &Policy, faults: &mut Vec<Fault>) {
    let DeviceType::Driver(driver) = &policy.device_type else {
        return;
    };
    if policy.is_rdma && driver.is_userspace() {
        let message = format!("\"is_rdma\" needs the kernel's own driver, and {driver} is none");
        faults.push(Fault::new(message).at("is_rdma"));
    }
    if let Some(near) = nearly_known(driver) {
        let fault = Fault::new(format!("driver \"{driver}\" looks like a typing error"));
        let fault = fault.at("device_type").warning();
        faults.push(fault.suggesting(format!("did you mean \"{near}\"?")));
    }
}

/// A driver may be called anything; this is what a slip of the finger looks like.
fn nearly_known(driver: &DriverName) -> Option<&'static str> {
    let known = ["netdevice", "vfio-pci"];
    nearest(driver.as_str(), &known).filter(|near| *near != driver.as_str())
}
