//! The configuration of the SR-IOV network device plugin. It hands out VFs that are there, with the
//! drivers that they have: so each of its resources becomes a policy that makes and binds none.

use sriovd_core::model::{PciAddress, PciId, VfRange};
use sriovd_core::policy::foreign::fields::{Fields, LeftOver};
use sriovd_core::policy::foreign::item::Item;
use sriovd_core::policy::foreign::node::{Content, Node};
use sriovd_core::policy::foreign::select::{
    first_of_each, is_as_written, is_pf_name, resource, select,
};
use sriovd_core::policy::source::ItemKind;

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
    let prefix = entry.text("resourcePrefix").filter(|it| !it.is_empty());
    let exclude_topology = entry.boolean("excludeTopology").filter(|on| *on);
    entry.node("SelectorObj");
    let selectors = entry.list("selectors");
    let start = || {
        let mut item = Item::new(ItemKind::Policy, name.clone(), &entry);
        resource(&mut item, name.clone());
        item.given("resource_prefix", prefix.clone());
        item.pair("external", true);
        item.pair("device_type", "any");
        item.of_plugin = true;
        item.given("exclude_topology", exclude_topology);
        let special = |kind: &&String| !["", "netDevice"].contains(&kind.as_str());
        if let Some(kind) = kind.as_ref().filter(special) {
            item.note(
                None,
                format!("deviceType = {kind}: only network devices have policies"),
            );
            item.disable();
        }
        item
    };
    let mut items = Vec::new();
    let is_misread = |left: &LeftOver<'_>| left.is_misread;
    // What the plugin cannot read of an entry, it cannot read of all of it.
    let mut unreadable = entry.left_over().iter().any(is_misread);
    for node in selectors {
        let Ok(mut selector) = Fields::of(node, entry.file()) else {
            let mut item = start();
            let value = node.json();
            item.note(Some(node.line), format!("selectors: {value} is no object"));
            items.push(item);
            unreadable = true;
            continue;
        };
        items.extend(selector_items(&mut selector, &start));
        unreadable |= selector.left_over().iter().any(is_misread);
    }
    if items.is_empty() {
        let mut item = start();
        item.note(None, "without selectors the plugin takes nothing for it");
        item.disable();
        items.push(item);
    }
    for item in items.iter_mut().filter(|_| unreadable) {
        item.disable();
    }
    if let Some(first) = items.first_mut() {
        first.leftovers(&entry);
    }
    Ok(items)
}

/// One policy, or one for each PF that is named with a share of its own.
fn selector_items(selector: &mut Fields<'_>, start: &dyn Fn() -> Item) -> Vec<Item> {
    let mut first = start();
    let names = selector.strings("pfNames");
    let names = first_of_each(&mut first, names);
    let roots = selector.strings("rootDevices");
    let roots = first_of_each(&mut first, roots);
    let shared = |entries: &[String]| entries.iter().any(|entry| entry.contains('#'));
    let twice = shared(&names) && shared(&roots);
    let groups: Vec<Vec<String>> = match shared(&roots) {
        true => roots.into_iter().map(|root| vec![root]).collect(),
        false => vec![roots],
    };
    let names_a_pf = !names.is_empty() || groups.iter().any(|group| !group.is_empty());
    let common = Common::read(selector);
    let is_lost = common.loses(selector, names_a_pf);
    let mut items = Vec::new();
    for group in groups {
        let mut item = std::mem::replace(&mut first, start());
        common.write(&mut item);
        let mut roots = Vec::new();
        for entry in group {
            let (root, share) = match entry.split_once('#') {
                Some((root, share)) => (root.to_owned(), Some(share)),
                None => (entry, None),
            };
            match share.map(str::parse::<VfRange>) {
                Some(Ok(share)) if !twice => item.pair("vfs", share.to_string()),
                Some(Err(malformed)) => {
                    item.note(None, malformed.to_string());
                    item.disable();
                }
                Some(Ok(_)) | None => {}
            }
            roots.push(root);
        }
        let address = is_as_written::<PciAddress>;
        select(&mut item, "match.pci_address", roots, address);
        select(&mut item, "match.pf_name", names.clone(), is_pf_name);
        if twice {
            let note = "pfNames and rootDevices both say which VFs: say those that are in both";
            item.note(None, note);
        }
        if !names_a_pf && is_lost {
            let note = "it selects VFs by what they are: say which PFs it is for";
            item.note(None, note);
        }
        if twice || is_lost {
            item.disable();
        }
        // What is lost is told of the first.
        if items.is_empty() {
            item.leftovers(selector);
        }
        items.push(item);
    }
    items
}

/// What does not depend on how the PF is named.
struct Common {
    vendors: Vec<String>,
    drivers: Vec<String>,
    link_types: Vec<String>,
    is_rdma: bool,
    need_vhost_net: bool,
}

/// All VFs of a PF are of one device: where PFs are named, this says nothing more of them.
const OF_ALL_VFS: &str = "devices";

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
        }
    }

    /// Whether anything is lost without which it selects more.
    fn loses(&self, selector: &Fields<'_>, names_a_pf: bool) -> bool {
        let is_list = |node: &Node| matches!(node.value, Content::List(_));
        let mut left = selector.left_over().into_iter();
        let loses = left.any(|left| {
            let is_of_all = left.path.eq_ignore_ascii_case(OF_ALL_VFS) && is_list(left.node);
            left.is_misread || !(names_a_pf && is_of_all)
        });
        loses || !self.drivers.is_empty()
    }

    fn write(&self, item: &mut Item) {
        item.given("is_rdma", self.is_rdma.then_some(true));
        item.given("need_vhost_net", self.need_vhost_net.then_some(true));
        if !self.drivers.is_empty() {
            let drivers = self.drivers.join(", ");
            let note = format!("drivers = {drivers}: VFs with other drivers would be taken, too");
            item.note(None, note);
        }
        let vendors = self.vendors.clone();
        select(item, "match.vendor", vendors, is_as_written::<PciId>);
        let links = self.link_types.clone();
        select(item, "match.link_type", links, |text| {
            ["ether", "infiniband"].contains(&text)
        });
    }
}
