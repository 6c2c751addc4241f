//! vf-operator's start-up file: resource configurations, and network attachments as they are.

use sriovd_core::model::{DriverName, PciAddress, PciId};
use sriovd_core::policy::foreign::fields::Fields;
use sriovd_core::policy::foreign::item::Item;
use sriovd_core::policy::foreign::select::{is_as_written, is_pf_name, resource, select};
use sriovd_core::policy::source::ItemKind;

/// One of these is in every such file; `resources` was its first name.
pub(super) const KEYS: [&str; 3] = ["resourceConfigs", "resources", "networkattachments"];

/// Of resources last first: vf-operator makes VFs for the first that takes a NIC, and here the
/// policy wins that is read last.
pub(super) fn config(config: &mut Fields<'_>) -> anyhow::Result<Vec<Item>> {
    let file = config.file();
    let mut items = Vec::new();
    for key in ["resourceConfigs", "resources"] {
        for entry in config.list(key) {
            items.push(policy(Fields::of(entry, file)?)?);
        }
    }
    items.reverse();
    for entry in config.list("networkattachments") {
        items.push(network(Fields::of(entry, file)?)?);
    }
    Ok(items)
}

fn policy(mut entry: Fields<'_>) -> anyhow::Result<Item> {
    let name = entry.required("name")?;
    let mut item = Item::new(ItemKind::Policy, name.clone(), &entry);
    resource(&mut item, name);
    item.pair("num_vfs", entry.integer("numVfs").unwrap_or(0));
    item.given("mtu", entry.integer("mtu").filter(|&mtu| mtu > 0));
    item.given(
        "device_type",
        entry.text("deviceType").filter(|it| !it.is_empty()),
    );
    let vhost = entry.boolean("needVhostNet").filter(|on| *on);
    item.given("need_vhost_net", vhost);
    let Some(mut selector) = entry.table("nicSelector") else {
        item.leftovers(&entry);
        return Ok(item);
    };
    let vendors = selector.strings("vendors");
    let drivers = selector.strings("drivers");
    let devices = selector.strings("devices");
    let names = selector.strings("pfNames");
    select(&mut item, "match.vendor", vendors, is_as_written::<PciId>);
    select(
        &mut item,
        "match.driver",
        drivers,
        is_as_written::<DriverName>,
    );
    select(
        &mut item,
        "match.pci_address",
        devices,
        is_as_written::<PciAddress>,
    );
    select(&mut item, "match.pf_name", names, is_pf_name);
    item.selector_leftovers(&selector);
    item.leftovers(&entry);
    Ok(item)
}

fn network(mut entry: Fields<'_>) -> anyhow::Result<Item> {
    let name = entry.required("name")?;
    let mut item = Item::new(ItemKind::Network, name, &entry);
    if let Some(name) = entry.text("resourceName").filter(|name| !name.is_empty()) {
        resource(&mut item, name);
    }
    match entry.node("config") {
        Some(config) => item.config(&config.json()),
        None => item.note(None, "it has no config: say what it is"),
    }
    item.leftovers(&entry);
    Ok(item)
}
