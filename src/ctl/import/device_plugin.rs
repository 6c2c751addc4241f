//! The configuration of the SR-IOV network device plugin. It hands out VFs that are there: so each
//! of its resources becomes a policy for VFs that somebody else makes.

use super::fields::Fields;
use super::item::{Item, Kind};
use super::operator::{is_pf_name, resource, select};
use crate::model::{DriverName, PciAddress, PciId, VfRange};

/// Last first: the plugin gives a VF to the first resource that takes it, and here the policy wins
/// that is read last.
pub(super) fn config(config: &mut Fields<'_>) -> anyhow::Result<Vec<Item>> {
    config.node("managedBy");
    let mut items = Vec::new();
    for entry in config.list("resourceList") {
        items.extend(entry_items(Fields::of(entry, config.file())?)?);
    }
    items.reverse();
    Ok(items)
}

fn entry_items(mut entry: Fields<'_>) -> anyhow::Result<Vec<Item>> {
    let name = entry.required("resourceName")?;
    let kind = entry.text("deviceType");
    let prefix = entry.text("resourcePrefix");
    let exclude_topology = entry.boolean("excludeTopology").filter(|on| *on);
    entry.node("SelectorObj");
    let selectors = entry.list("selectors");
    let start = || {
        let mut item = Item::new(Kind::Policy, name.clone(), &entry);
        resource(&mut item, name.clone());
        item.given("resource_prefix", prefix.clone());
        item.pair("external", true);
        item.of_plugin = true;
        item.given("exclude_topology", exclude_topology);
        if let Some(kind) = kind.as_ref().filter(|kind| *kind != "netDevice") {
            item.note(
                None,
                format!("deviceType = {kind}: only network devices have policies"),
            );
            item.disable();
        }
        item
    };
    let mut items = Vec::new();
    for selector in selectors {
        let fields = Fields::of(selector, entry.file())?;
        items.extend(selector_items(fields, &start));
    }
    if items.is_empty() {
        let mut item = start();
        item.note(None, "without selectors it takes every VF");
        items.push(item);
    }
    if let Some(first) = items.first_mut() {
        first.leftovers(&entry);
    }
    Ok(items)
}

/// One policy, or one for each PF that is named with a share of its own.
fn selector_items(mut selector: Fields<'_>, start: &dyn Fn() -> Item) -> Vec<Item> {
    let names = selector.strings("pfNames");
    let roots: Vec<(String, Option<String>)> = selector
        .strings("rootDevices")
        .into_iter()
        .map(|root| match root.split_once('#') {
            Some((root, share)) => (root.to_owned(), Some(share.to_owned())),
            None => (root, None),
        })
        .collect();
    let shared = roots.iter().any(|(_, share)| share.is_some());
    let groups: Vec<Vec<(String, Option<String>)>> = match shared {
        true => roots.into_iter().map(|root| vec![root]).collect(),
        false => vec![roots],
    };
    let names_a_pf = !names.is_empty() || groups.iter().any(|group| !group.is_empty());
    let mut common = Common::read(&mut selector);
    let items = groups.into_iter().map(|group| {
        let mut item = start();
        common.write(&mut item);
        let share = group.iter().find_map(|(_, share)| share.clone());
        if let Some(share) = share {
            match share.parse::<VfRange>() {
                Ok(range) => item.pair("vfs", range.to_string()),
                Err(malformed) => {
                    item.note(None, malformed.to_string());
                    item.disable();
                }
            }
        }
        let roots = group.into_iter().map(|(root, _)| root).collect();
        select(&mut item, "match.pci_address", roots, |text| {
            text.parse::<PciAddress>().is_ok()
        });
        select(&mut item, "match.pf_name", names.clone(), is_pf_name);
        if !names_a_pf && common.names_vfs {
            let note = "it selects VFs by what they are: say which PFs it is for";
            item.note(None, note);
            item.disable();
        }
        // What was read is left out of every item but the first.
        if !std::mem::replace(&mut common.told, true) {
            item.leftovers(&selector);
        }
        item
    });
    items.collect()
}

/// What does not depend on how the PF is named.
struct Common {
    vendors: Vec<String>,
    drivers: Vec<String>,
    link_types: Vec<String>,
    is_rdma: bool,
    need_vhost_net: bool,
    /// Ids or addresses of VFs, of which a policy knows nothing.
    names_vfs: bool,
    told: bool,
}

impl Common {
    fn read(selector: &mut Fields<'_>) -> Self {
        let mut on = |key| selector.boolean(key).unwrap_or(false);
        let (is_rdma, need_vhost_net) = (on("isRdma"), on("needVhostNet"));
        Self {
            vendors: selector.strings("vendors"),
            drivers: selector.strings("drivers"),
            link_types: selector.strings("linkTypes"),
            is_rdma,
            need_vhost_net,
            names_vfs: [
                "devices",
                "pciAddresses",
                "acpiIndexes",
                "pKeys",
                "ddpProfiles",
            ]
            .iter()
            .any(|key| selector.has(key)),
            told: false,
        }
    }

    fn write(&self, item: &mut Item) {
        item.given("is_rdma", self.is_rdma.then_some(true));
        item.given("need_vhost_net", self.need_vhost_net.then_some(true));
        self.write_driver(item);
        let vendors = self.vendors.clone();
        select(item, "match.vendor", vendors, |text| {
            text.parse::<PciId>().is_ok()
        });
        let links = self.link_types.clone();
        select(item, "match.link_type", links, |text| {
            ["ether", "infiniband"].contains(&text)
        });
    }

    /// The VFs' driver: one for user space is what the policy gives them.
    fn write_driver(&self, item: &mut Item) {
        let is_userspace = |name: &String| {
            let driver = name.parse::<DriverName>();
            driver.is_ok_and(|driver| driver.is_userspace())
        };
        match &self.drivers[..] {
            [] => {}
            [one] if is_userspace(one) => item.pair("device_type", one.clone()),
            drivers if !drivers.iter().any(is_userspace) => {}
            several => {
                let several = several.join(", ");
                item.note(
                    None,
                    format!("drivers = {several}: a policy gives its VFs one driver"),
                );
            }
        }
    }
}
