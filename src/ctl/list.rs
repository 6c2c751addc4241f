//! `list`: every NIC that can have VFs, and why the unmanaged ones are.

use super::device::{Device, Nic, speed};
use super::scene::Scene;
use super::table::{Table, dash};
use super::{colour, output};
use schemars::JsonSchema;
use serde::Serialize;
use sriovd_core::model::PfSnapshot;
use sriovd_core::policy::resolve::{Resolution, explain};
use sriovd_core::report::PfState;
use sriovd_host::linux::OtherDevice;

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct Listing {
    pub(super) pfs: Vec<ListedPf>,
    /// Devices that can have VFs and are no NICs, which sriovd leaves alone. Only of this host.
    pub(super) others: Vec<ListedOther>,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ListedOther {
    #[serde(flatten)]
    pub(super) device: Device,
    /// Six hexadecimal digits, as the kernel has it.
    pub(super) class: String,
}

#[derive(Debug, JsonSchema, Serialize)]
pub(super) struct ListedPf {
    #[serde(flatten)]
    pub(super) nic: Nic,
    /// One sentence; of managed PFs none.
    pub(super) unmanaged_because: Option<String>,
}

pub(super) fn list(scene: &Scene) -> Listing {
    let listed = |pf: &PfSnapshot| ListedPf {
        nic: Nic::of(scene, pf),
        unmanaged_because: why_unmanaged(scene, pf),
    };
    let other = |other: &OtherDevice| ListedOther {
        device: other.into(),
        class: other.class.clone(),
    };
    Listing {
        pfs: scene.host.pfs.values().map(listed).collect(),
        others: scene.others.iter().map(other).collect(),
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
    for ListedPf { nic, .. } in &listing.pfs {
        let state = colour::paint(colour::of_state(nic.state), output::state(nic.state));
        let speed = nic.speed.map_or_else(dash, speed);
        let link = nic.link.map_or_else(dash, |link| link.word().to_owned());
        let interface = nic.interface.clone().unwrap_or_else(dash);
        table.row(row(&nic.device, [interface, speed, link, state]));
    }
    for ListedOther { device, .. } in &listing.others {
        let state = PfState::Unmanaged;
        let state = colour::paint(colour::of_state(state), output::state(state));
        table.row(row(device, [dash(), dash(), dash(), state]));
    }
    let others = listing.others.iter().map(|other| {
        let (address, class) = (other.device.address, &other.class);
        format!("{address} is unmanaged: it is no network device (class {class})\n")
    });
    let reasons = listing.pfs.iter().filter_map(|pf| {
        let address = pf.nic.device.address.to_string();
        let name = pf.nic.interface.as_ref().unwrap_or(&address);
        let reason = pf.unmanaged_because.as_ref()?;
        Some(format!("{name} is unmanaged: {reason}\n"))
    });
    output::paragraphs([table.render(), reasons.chain(others).collect()])
}

fn row(device: &Device, [interface, speed, link, state]: [String; 4]) -> Vec<String> {
    vec![
        device.address.to_string(),
        interface,
        device.driver.clone().unwrap_or_else(dash),
        device.numa_node.map_or_else(dash, |node| node.to_string()),
        speed,
        link,
        format!("{}/{}", device.num_vfs, device.total_vfs),
        state,
        device.model(),
    ]
}
