//! `list`: every NIC that can have VFs, and why the unmanaged ones are.

use super::scene::Scene;
use super::table::{Table, dash};
use super::{colour, output};
use crate::host::linux::OtherDevice;
use crate::model::{PciAddress, PciId, PfInterface, PfSnapshot};
use crate::policy::resolve::{Resolution, explain};
use crate::report::PfState;
use schemars::JsonSchema;
use serde::Serialize;

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Listing {
    pub(super) pfs: Vec<ListedPf>,
    /// Devices that can have VFs and are no NICs, which sriovd leaves alone. Only of this host.
    pub(super) others: Vec<ListedOther>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ListedOther {
    pub(super) address: PciAddress,
    /// Six hexadecimal digits, as the kernel has it.
    pub(super) class: String,
    pub(super) vendor: PciId,
    pub(super) device: PciId,
    pub(super) vendor_name: Option<String>,
    pub(super) model_name: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) numa_node: Option<u16>,
    pub(super) num_vfs: u16,
    pub(super) total_vfs: u16,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ListedPf {
    pub(super) address: PciAddress,
    pub(super) interface: Option<String>,
    pub(super) vendor: PciId,
    pub(super) device: PciId,
    pub(super) vendor_name: Option<String>,
    pub(super) model_name: Option<String>,
    pub(super) driver: Option<String>,
    pub(super) numa_node: Option<u16>,
    /// Mbit/s.
    pub(super) speed: Option<u32>,
    pub(super) link: Option<Link>,
    pub(super) num_vfs: u16,
    pub(super) total_vfs: u16,
    pub(super) state: PfState,
    /// One sentence; of managed PFs none.
    pub(super) unmanaged_because: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Link {
    Down,
    NoCarrier,
    Up,
}

impl Link {
    pub(super) fn of(interface: &PfInterface) -> Self {
        match (interface.up, interface.carrier) {
            (false, _) => Self::Down,
            (true, false) => Self::NoCarrier,
            (true, true) => Self::Up,
        }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::Up => "up",
        }
    }
}

pub(super) fn list(scene: &Scene) -> Listing {
    let listed = |pf: &PfSnapshot| ListedPf {
        address: pf.address,
        interface: pf.interface.as_ref().map(|it| it.name.to_string()),
        vendor: pf.vendor,
        device: pf.device,
        vendor_name: pf.vendor_name.clone(),
        model_name: pf.model_name.clone(),
        driver: pf.driver.as_ref().map(ToString::to_string),
        numa_node: pf.numa_node,
        speed: pf.interface.as_ref().and_then(|it| it.speed),
        link: pf.interface.as_ref().map(Link::of),
        num_vfs: pf.num_vfs,
        total_vfs: pf.total_vfs,
        state: scene.state(pf.address),
        unmanaged_because: why_unmanaged(scene, pf),
    };
    Listing {
        pfs: scene.host.pfs.values().map(listed).collect(),
        others: scene.others.iter().map(other).collect(),
    }
}

fn other(other: &OtherDevice) -> ListedOther {
    ListedOther {
        address: other.address,
        class: other.class.clone(),
        vendor: other.vendor,
        device: other.device,
        vendor_name: other.vendor_name.clone(),
        model_name: other.model_name.clone(),
        driver: other.driver.as_ref().map(ToString::to_string),
        numa_node: other.numa_node,
        num_vfs: other.num_vfs,
        total_vfs: other.total_vfs,
    }
}

/// Told by the policy that comes nearest: the one of which the fewest keys do not match.
fn why_unmanaged(scene: &Scene, pf: &PfSnapshot) -> Option<String> {
    if scene.resolutions.get(&pf.address) != Some(&Resolution::Unmatched) {
        return None;
    }
    let mismatches = scene.policies.policies.iter().map(|policy| {
        let mut keys = explain(policy, &scene.host.node, pf);
        keys.retain(|key| !key.matched);
        (policy, keys)
    });
    let Some((policy, keys)) = mismatches.min_by_key(|(_, keys)| keys.len()) else {
        return Some("there is no policy".to_owned());
    };
    let name = &policy.name;
    let wants = keys.iter().map(|key| {
        let (key, wanted, found) = (key.key, &key.wanted, &key.found);
        format!("{key} {wanted}, which is {found} here")
    });
    let wants = wants.collect::<Vec<_>>().join(", and ");
    let others = match scene.policies.policies.len() - 1 {
        0 => String::new(),
        others => format!(
            "; {} no nearer",
            match others {
                1 => "1 other comes".to_owned(),
                others => format!("{others} others come"),
            }
        ),
    };
    Some(format!("policy {name} wants {wants}{others}"))
}

pub(super) fn text(listing: &Listing) -> String {
    if listing.pfs.is_empty() && listing.others.is_empty() {
        return "No SR-IOV device is here.\n".to_owned();
    }
    let mut table = Table::new(&[
        "ADDRESS",
        "INTERFACE",
        "DRIVER",
        "NUMA",
        "SPEED",
        "LINK",
        "VFS",
        "STATE",
        "DEVICE",
    ]);
    for pf in &listing.pfs {
        let state = colour::of_state(pf.state);
        table.row(vec![
            pf.address.to_string(),
            pf.interface.clone().unwrap_or_else(dash),
            pf.driver.clone().unwrap_or_else(dash),
            pf.numa_node.map_or_else(dash, |node| node.to_string()),
            pf.speed.map_or_else(dash, speed),
            pf.link.map_or_else(dash, |link| link.word().to_owned()),
            format!("{}/{}", pf.num_vfs, pf.total_vfs),
            colour::paint(state, output::state(pf.state)),
            model(&pf.vendor_name, &pf.model_name, (pf.vendor, pf.device)),
        ]);
    }
    for other in &listing.others {
        let state = PfState::Unmanaged;
        let names = (&other.vendor_name, &other.model_name);
        table.row(vec![
            other.address.to_string(),
            dash(),
            other.driver.clone().unwrap_or_else(dash),
            other.numa_node.map_or_else(dash, |node| node.to_string()),
            dash(),
            dash(),
            format!("{}/{}", other.num_vfs, other.total_vfs),
            colour::paint(colour::of_state(state), output::state(state)),
            model(names.0, names.1, (other.vendor, other.device)),
        ]);
    }
    let others = listing.others.iter().map(|other| {
        let (address, class) = (other.address, &other.class);
        format!("{address} is unmanaged: it is no network device (class {class})\n")
    });
    let reasons = listing.pfs.iter().filter_map(|pf| {
        let address = pf.address.to_string();
        let name = pf.interface.as_ref().unwrap_or(&address);
        let reason = pf.unmanaged_because.as_ref()?;
        Some(format!("{name} is unmanaged: {reason}\n"))
    });
    output::paragraphs([table.render(), reasons.chain(others).collect()])
}

fn model(
    vendor: &Option<String>,
    model: &Option<String>,
    (vendor_id, device_id): (PciId, PciId),
) -> String {
    let ids = format!("[{vendor_id}:{device_id}]");
    let names = [vendor, model];
    let names = names.into_iter().flatten().map(String::as_str);
    names.chain([ids.as_str()]).collect::<Vec<_>>().join(" ")
}

/// As it is printed on the NIC's box.
pub(super) fn speed(mbits: u32) -> String {
    match (mbits / 1000, mbits % 1000) {
        (0, _) => format!("{mbits}M"),
        (gbits, 0) => format!("{gbits}G"),
        (gbits, 500) => format!("{gbits}.5G"),
        _ => format!("{mbits}M"),
    }
}

#[cfg(test)]
mod tests;
