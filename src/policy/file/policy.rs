//! One `[[policy]]`.

use super::{origin, pf_match, settings, value};
use crate::model::{MacAddress, VfIndex, VfRange, VfSettings};
use crate::policy::reader::value::{boolean, parsed};
use crate::policy::reader::{Fault, Span, Table};
use crate::policy::{
    DEFAULT_PREFIX, DeviceType, MacChoice, NumVfs, PfMatch, Policy, VfOverride, is_cdi_class,
};
use std::collections::BTreeMap;

/// `None` where there is no name to call it by. Where anything was reported, the rest may be
/// made up: the file is not used.
pub(super) fn read(table: &mut Table<'_>) -> Option<Policy> {
    let name = table.required("name", parsed);
    let enabled = table.value("enabled", boolean);
    let priority = table.value("priority", value::priority);
    let resource = table.value("resource", value::resource);
    let resource_prefix = table.value("resource_prefix", value::resource_prefix);
    let num_vfs = table.value("num_vfs", value::num_vfs);
    let external = table.value("external", boolean);
    let vfs = table.value("vfs", parsed::<VfRange>);
    let mtu = table.value("mtu", value::mtu);
    let device_type = table.value("device_type", value::device_type);
    let driver_autoprobe = table.value("driver_autoprobe", boolean);
    let is_rdma = table.value("is_rdma", boolean);
    let need_vhost_net = table.value("need_vhost_net", boolean);
    let exclude_topology = table.value("exclude_topology", boolean);
    let settings = settings::of_vfs(table, &VfSettings::default());
    let mac = table.value("mac", value::mac_of_all);
    let on_removal = table.value("on_removal", value::on_removal);
    let disruption = table.value("disruption", value::disruption);
    let node = pf_match::node_match(table);
    let matches = pf_match::pf_match(table).unwrap_or_default();
    let overrides = overrides(table, &settings);

    let policy = Policy {
        name: name?,
        origin: origin(table),
        priority: priority.unwrap_or(99),
        enabled: enabled.unwrap_or(true),
        node,
        matches,
        resource,
        resource_prefix,
        num_vfs,
        vfs,
        mtu,
        names_driver: device_type.is_some(),
        device_type: device_type.unwrap_or_default(),
        driver_autoprobe,
        external,
        is_rdma: is_rdma.unwrap_or(false),
        need_vhost_net: need_vhost_net.unwrap_or(false),
        exclude_topology: exclude_topology.unwrap_or(false),
        settings,
        mac: mac.unwrap_or_default(),
        overrides: overrides
            .iter()
            .map(|(index, vf)| (*index, vf.content.clone()))
            .collect(),
        on_removal: on_removal.unwrap_or_default(),
        disruption: disruption.unwrap_or_default(),
    };
    check_count(table, &policy);
    check_shares(table, &policy, &overrides);
    check_driver(table, &policy);
    check_pool(table, &policy);
    if policy.resource_prefix.is_some() && !table.has("resource") {
        table.warning(
            "resource_prefix",
            "\"resource_prefix\" has no effect without \"resource\"",
        );
    }
    Some(policy)
}

/// One `[[policy.vf]]`, and where its index stands.
struct Written {
    content: VfOverride,
    index: Span,
}

fn overrides(policy: &mut Table<'_>, base: &VfSettings) -> BTreeMap<VfIndex, Written> {
    let mut vfs: BTreeMap<VfIndex, Written> = BTreeMap::new();
    let mut macs: BTreeMap<MacAddress, VfIndex> = BTreeMap::new();
    policy.each("vf", "[[policy.vf]]", |table| {
        let index = table.required("index", value::vf_index);
        let mac = table.value("mac", value::mac_of_one);
        let settings = settings::of_vfs(table, base);
        let Some(index) = index else { return };
        if let Some(first) = vfs.get(&index) {
            let line = table.reader.line_number(&first.index);
            table.error(
                "index",
                format!("VF {index} is listed twice, first on line {line}"),
            );
        }
        if let Some(MacChoice::Fixed(address)) = mac
            && let Some(other) = macs.insert(address, index)
        {
            table.error(
                "mac",
                format!("{address} is already the address of VF {other}"),
            );
        }
        let written = Written {
            content: VfOverride { mac, settings },
            index: table.span_of("index"),
        };
        vfs.entry(index).or_insert(written);
    });
    vfs
}

fn check_count(table: &Table<'_>, policy: &Policy) {
    let unreadable = table.has("external") && policy.external.is_none();
    match (policy.external.unwrap_or(false), table.has("num_vfs")) {
        (true, true) => {
            let message = "\"num_vfs\" contradicts external = true: somebody else creates the VFs";
            let fault = Fault::new(message).suggesting("leave one of the two out");
            table.error("num_vfs", fault);
        }
        (false, false) if !unreadable => {
            let expected = "num_vfs = a number or \"max\", or external = true";
            table.missing("num_vfs", expected);
        }
        _ => {}
    }
}

/// The shares of the policy lie within its VFs, the single VFs within its share.
fn check_shares(table: &Table<'_>, policy: &Policy, overrides: &BTreeMap<VfIndex, Written>) {
    let named_shares = shares_of_names(&policy.matches);
    if let (true, Some(share)) = (table.has("vfs"), named_shares.first()) {
        let fault = Fault::new(format!(
            "\"vfs\" and the share #{share} in \"pf_name\" both say which VFs"
        ));
        table.error("vfs", fault.suggesting("leave one of the two out"));
    }
    let count = match policy.num_vfs {
        Some(NumVfs::Count(count)) => count,
        Some(NumVfs::Max) | None => u16::MAX,
    };
    let shares = [
        ("vfs", policy.vfs.iter().collect()),
        ("match", named_shares),
    ];
    for (key, shares) in &shares {
        for share in shares.iter().filter(|share| share.last().0 >= count) {
            table.error(
                key,
                format!("VFs {share} are not there: {}", made_by(count)),
            );
        }
    }
    let claimed = |index: VfIndex| match (&policy.vfs, names_whole_pf(&policy.matches)) {
        (Some(vfs), _) => vfs.contains(index),
        (None, true) => true,
        (None, false) => shares[1].1.iter().any(|share| share.contains(index)),
    };
    for (&index, vf) in overrides {
        if index.0 >= count {
            let message = format!("VF {index} is not there: {}", made_by(count));
            table.reader.error(&vf.index, message);
        } else if !claimed(index) {
            let message = format!("VF {index} is not in this policy's share");
            table.reader.error(&vf.index, message);
        }
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
fn check_pool(table: &Table<'_>, policy: &Policy) {
    let Some(pool) = &policy.resource else { return };
    let prefix = (policy.resource_prefix.as_ref()).map_or(DEFAULT_PREFIX, |it| it.as_str());
    if prefix.len() + pool.as_str().len() > LONGEST_OF_PLUGIN {
        let message = format!("the device plugin cannot offer {prefix}/{pool}");
        let why = format!("its socket has room for {LONGEST_OF_PLUGIN} letters of both");
        table.warning("resource", Fault::new(message).suggesting(why));
    }
    let has_devices = match &policy.device_type {
        DeviceType::Driver(driver) => driver.is_vfio(),
        DeviceType::Any => true,
        DeviceType::Netdevice => false,
    };
    let has_devices = has_devices || policy.need_vhost_net || policy.is_rdma;
    if has_devices && !is_cdi_class(pool) {
        let message = format!("podman gets no devices of the pool \"{pool}\"");
        let why = "a class of CDI begins with a letter";
        table.warning("resource", Fault::new(message).suggesting(why));
    }
}

fn check_driver(table: &Table<'_>, policy: &Policy) {
    let DeviceType::Driver(driver) = &policy.device_type else {
        return;
    };
    if policy.is_rdma && driver.is_userspace() {
        let message = format!("\"is_rdma\" needs the kernel's own driver, and {driver} is none");
        table.error("is_rdma", message);
    }
    if let Some(near) = value::nearly_known(driver) {
        let fault = Fault::new(format!("driver \"{driver}\" looks like a typing error"));
        table.warning(
            "device_type",
            fault.suggesting(format!("did you mean \"{near}\"?")),
        );
    }
}
