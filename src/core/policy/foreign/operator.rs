//! Policies of sriov-network-operator.

mod bridge;
mod network;

use super::Unreadable;
use super::fields::Fields;
use super::item::Item;
use super::select::{first_of_each, is_as_written, is_pf_name, resource, select};
use crate::model::{EswitchMode, PciAddress, PciId, VfRange};
use crate::policy::source::ItemKind;
pub use network::{ib_network, ovs_network, sriov_network};
use serde_json::{Map, Value};

/// `None` for the one that the operator ignores itself.
pub fn policy(object: &mut Fields<'_>) -> Result<Option<Item>, Unreadable> {
    let Some((name, _)) = head(object)? else {
        return Ok(None);
    };
    if name == "default" {
        return Ok(None);
    }
    let mut item = Item::new(ItemKind::Policy, name, object);
    item.by_name = true;
    let Some(mut spec) = object.table("spec") else {
        let what = "this policy has no \"spec\"";
        return Err(Unreadable::new(object.file(), object.line, what));
    };
    item.given("priority", spec.integer("priority"));
    resource(&mut item, spec.required("resourceName")?);
    let external = spec.boolean("externallyManaged").unwrap_or(false);
    let num_vfs = spec.integer("numVfs");
    match num_vfs.is_none() && !external && spec.has("numVfs") {
        // It is told with what is left over.
        true => item.pair("num_vfs", 0),
        false => count(&mut item, num_vfs, external),
    }
    let mtu = spec.integer("mtu").filter(|&mtu| mtu > 0);
    item.given("mtu", mtu);
    match spec.text("deviceType").filter(|it| !it.is_empty()) {
        Some(driver) if !DEVICE_TYPES.contains(&driver.as_str()) => {
            let types = DEVICE_TYPES.join(" and ");
            let note = format!("spec.deviceType = {driver:?}: the operator knows {types}");
            item.note(None, note);
            item.disable();
        }
        driver => item.given("device_type", driver),
    }
    for (theirs, ours) in [
        ("isRdma", "is_rdma"),
        ("needVhostNet", "need_vhost_net"),
        ("excludeTopology", "exclude_topology"),
    ] {
        item.given(ours, spec.boolean(theirs).filter(|on| *on));
    }
    match spec.text("eSwitchMode").filter(|mode| !mode.is_empty()) {
        Some(mode) if EswitchMode::WORDS.iter().all(|(word, _)| *word != mode) => {
            let note = format!("spec.eSwitchMode = {mode:?} is not carried over");
            item.note(None, note);
        }
        mode => item.given("eswitch_mode", mode),
    }
    bridge::bridge(&mut item, &mut spec, mtu);
    // What a NIC is without anybody's doing.
    let link = spec.text("linkType").filter(|value| !value.is_empty());
    if let Some(value) = link.filter(|value| !value.eq_ignore_ascii_case("eth")) {
        item.note(
            None,
            format!("spec.linkType = {value:?} is not carried over"),
        );
    }
    select_nics(&mut item, spec.table("nicSelector"), share(num_vfs));
    if let Some(mut selector) = spec.table("nodeSelector") {
        let labels = selector.labels().into_iter();
        let labels: Map<_, _> = labels
            .map(|(label, value)| (label, Value::String(value)))
            .collect();
        if !labels.is_empty() {
            item.pair("node.labels", labels);
        }
        item.selector_leftovers(&selector);
    }
    item.leftovers(&spec);
    Ok(Some(item))
}

const DEVICE_TYPES: [&str; 2] = ["netdevice", "vfio-pci"];

fn count(item: &mut Item, num_vfs: Option<i64>, external: bool) {
    match (num_vfs, external) {
        (Some(0), _) => {
            item.note(None, "numVfs = 0: the operator does nothing for it");
            item.disable();
            item.pair("num_vfs", 0);
        }
        (Some(count), true) => {
            item.pair("external", true);
            let note = format!("numVfs = {count}: another program makes the VFs");
            item.note(None, note);
        }
        (None, true) => {
            item.pair("external", true);
            item.note(None, "it has no numVfs: the operator does nothing for it");
            item.disable();
        }
        (Some(count), false) => item.pair("num_vfs", count),
        (None, false) => item.note(None, "it has no numVfs: say how many, num_vfs = ..."),
    }
}

/// Where no range is given, the operator takes the first VFs, as many as the policy says, and not
/// what another policy makes beyond them.
fn share(num_vfs: Option<i64>) -> Option<VfRange> {
    VfRange::first(u16::try_from(num_vfs?).ok()?)
}

fn select_nics(item: &mut Item, selector: Option<Fields<'_>>, share: Option<VfRange>) {
    let Some(mut selector) = selector else {
        item.note(None, "without a nicSelector the operator selects nothing");
        item.disable();
        return;
    };
    let vendor: Vec<_> = selector.text("vendor").into_iter().collect();
    let device: Vec<_> = selector.text("deviceID").into_iter().collect();
    // An empty text is none, but in a list it is one that no NIC has.
    let [vendor, device] = [vendor, device].map(|mut id| {
        id.retain(|text| !text.is_empty());
        id
    });
    let addresses = selector.strings("rootDevices");
    let names = selector.strings("pfNames");
    let given = [&vendor, &device, &addresses, &names];
    let nothing = given.iter().all(|values| values.is_empty());
    if nothing && selector.left_over().is_empty() {
        let note = "with an empty nicSelector the operator selects nothing";
        item.note(None, note);
    }
    if nothing {
        item.disable();
    }
    select(item, "match.vendor", vendor, is_as_written::<PciId>);
    select(item, "match.device", device, is_as_written::<PciId>);
    select(
        item,
        "match.pci_address",
        addresses,
        is_as_written::<PciAddress>,
    );
    let mut names = first_of_each(item, names);
    match share {
        Some(share) if names.iter().any(|name| name.contains('#')) => {
            for name in names.iter_mut().filter(|name| !name.contains('#')) {
                *name = format!("{name}#{share}");
            }
        }
        Some(share) => item.pair("vfs", share.to_string()),
        None => {}
    }
    select(item, "match.pf_name", names, is_pf_name);
    item.selector_leftovers(&selector);
}

/// The object's name and namespace; `None` where it is no object but a template.
fn head(object: &mut Fields<'_>) -> Result<Option<(String, Option<String>)>, Unreadable> {
    for key in ["apiVersion", "kind", "status"] {
        object.node(key);
    }
    let (file, line) = (object.file(), object.line);
    let Some(mut metadata) = object.table("metadata") else {
        let what = "this object has no \"metadata\"";
        return Err(Unreadable::new(file, line, what));
    };
    let name = metadata.required("name")?;
    Ok(Some((name, metadata.text("namespace"))))
}
