//! `show` for a person.

use super::shown::{Shown, ShownBridge, ShownPf, ShownVf};
use crate::attribute::Compared;
use crate::device::speed;
use crate::table::{Facts, Table, dash};
use crate::{colour, output};

/// Columns of attributes, with their titles.
const COLUMNS: [(&str, &str); 7] = [
    ("driver", "DRIVER"),
    ("mac", "MAC"),
    ("vlan", "VLAN"),
    ("trust", "TRUST"),
    ("spoof_check", "SPOOF"),
    ("tx_rate", "RATE"),
    ("link_state", "LINK"),
];

pub(crate) fn text(shown: &Shown) -> String {
    match shown {
        Shown::Pf(pf) => pf_text(pf),
        Shown::Vf(vf) => vf_text(vf),
    }
}

fn pf_text(pf: &ShownPf) -> String {
    let nic = &pf.nic;
    let mut facts = Facts::new();
    facts.fact("device", nic.device.model());
    facts.fact("driver", nic.device.driver.clone().unwrap_or_else(dash));
    if let Some(node) = nic.device.numa_node {
        facts.fact("NUMA node", node.to_string());
    }
    if let Some(mac) = &pf.permanent_mac {
        facts.fact("MAC", mac.clone());
    }
    if !pf.altnames.is_empty() {
        facts.fact("altnames", pf.altnames.join(", "));
    }
    if let Some(link) = nic.link {
        let speed = nic.speed.map(|mbits| format!(", {}", speed(mbits)));
        let mtu = pf.mtu.map(|mtu| format!(", MTU {mtu}"));
        let more = [speed, mtu].into_iter().flatten().collect::<String>();
        facts.fact("link", format!("{}{more}", link.word()));
    }
    if let Some(mode) = pf.eswitch_mode {
        facts.fact("eSwitch", mode.to_string());
    } else if pf.eswitch_hidden {
        let unknown = "not known: asking for its mode needs CAP_NET_ADMIN";
        facts.fact("eSwitch", unknown.to_owned());
    }
    for bridge in &pf.bridges {
        facts.fact("bridge", bridge_text(bridge));
    }
    let state = colour::paint(colour::of_state(nic.state), output::state(nic.state));
    facts.fact("state", state);
    facts.fact("VFs", count(pf));
    for policy in &pf.policies {
        let share = policy.vfs.as_ref().map(|vfs| format!(", VFs {vfs}"));
        let share = share.unwrap_or_default();
        let place = &policy.place;
        facts.fact("policy", format!("{}{share} ({place})", policy.name));
    }
    let title = title(&nic.device.address.to_string(), nic.interface.as_deref());
    let problems = output::troubles(&pf.problems, "  -", "      ");
    let head = format!("{title}\n{}{problems}", facts.render());
    output::paragraphs([head, vf_table(&pf.vfs)])
}

fn bridge_text(bridge: &ShownBridge) -> String {
    let ports = bridge.ports.iter().map(|port| match &port.trouble {
        Some(trouble) => colour::paint(colour::BAD, &format!("{} ({trouble})", port.name)),
        None => port.name.clone(),
    });
    let ports: Vec<String> = ports.collect();
    let made = if bridge.is_own {
        ""
    } else {
        ", not made by sriovd"
    };
    match ports.is_empty() {
        true => format!("{}, no ports{made}", bridge.name),
        false => format!("{}, ports {}{made}", bridge.name, ports.join(", ")),
    }
}

fn count(pf: &ShownPf) -> String {
    let (is, possible) = (pf.nic.device.num_vfs, pf.nic.device.total_vfs);
    match pf.wanted_vfs {
        Some(wanted) if wanted != is => {
            let count = format!("{is} of {possible} (wanted {wanted})");
            colour::paint(colour::BAD, &count)
        }
        _ => format!("{is} of {possible}"),
    }
}

fn title(address: &str, interface: Option<&str>) -> String {
    match interface {
        Some(interface) => {
            format!("{} ({address})", colour::paint(colour::TITLE, interface))
        }
        None => colour::paint(colour::TITLE, address),
    }
}

fn vf_table(vfs: &[ShownVf]) -> String {
    let mut titles = vec!["VF", "ADDRESS", "INTERFACE"];
    let are_represented = vfs.iter().any(|vf| vf.representor.is_some());
    titles.extend(are_represented.then_some("REPRESENTOR"));
    titles.extend(COLUMNS.map(|(_, title)| title));
    titles.extend(["POOL", "USED BY"]);
    let mut table = Table::new(&titles);
    for vf in vfs {
        let mut row = vec![
            vf.index.to_string(),
            vf.address.map_or_else(missing, |at| at.to_string()),
            vf.interface.clone().unwrap_or_else(dash),
        ];
        if are_represented {
            row.push(vf.representor.clone().unwrap_or_else(dash));
        }
        row.extend(COLUMNS.map(|(name, _)| match vf.address {
            Some(_) => attribute(vf, name).map_or_else(dash, Compared::cell),
            None => dash(),
        }));
        let resource = vf.resource.as_ref();
        row.push(resource.map_or_else(dash, ToString::to_string));
        row.push(users(vf));
        table.row(row);
    }
    table.render_if_any()
}

fn missing() -> String {
    colour::paint(colour::BAD, "missing")
}

fn attribute<'v>(vf: &'v ShownVf, name: &str) -> Option<&'v Compared> {
    vf.attributes.iter().find(|it| it.attribute == name)
}

/// Networks do not use a VF before somebody runs a container in them.
fn users(vf: &ShownVf) -> String {
    let holders = vf.holders.iter().flatten().map(ToString::to_string);
    let networks = vf.networks.iter().map(|it| format!("(network {it})"));
    let users: Vec<String> = holders.chain(networks).collect();
    match (users.is_empty(), &vf.holders) {
        (true, Some(_)) => dash(),
        (true, None) => "?".to_owned(),
        (false, _) => users.join(", "),
    }
}

fn vf_text(vf: &ShownVf) -> String {
    let pf = vf.pf.to_string();
    let name = vf.pf_interface.as_deref().unwrap_or(&pf);
    let title = colour::paint(colour::TITLE, &format!("VF {} of {name}", vf.index));
    let mut facts = Facts::new();
    facts.fact(
        "address",
        vf.address.map_or_else(missing, |at| at.to_string()),
    );
    if let (Some(vendor), Some(device)) = (vf.vendor, vf.device) {
        facts.fact("device", format!("[{vendor}:{device}]"));
    }
    facts.fact("interface", vf.interface.clone().unwrap_or_else(dash));
    if let Some(representor) = &vf.representor {
        facts.fact("representor", representor.clone());
    }
    if let Some(group) = vf.iommu_group {
        facts.fact("IOMMU group", group.to_string());
    }
    let policy = vf.policy.as_ref();
    facts.fact("policy", policy.map_or_else(dash, ToString::to_string));
    let resource = vf.resource.as_ref();
    facts.fact("pool", resource.map_or_else(dash, ToString::to_string));
    facts.fact("used by", users(vf));
    let problems = output::troubles(&vf.problems, "  -", "      ");
    let head = format!("{title}\n{}{problems}", facts.render());
    output::paragraphs([head, attributes(&vf.attributes)])
}

pub(crate) fn attributes(compared: &[Compared]) -> String {
    let mut table = Table::new(&["ATTRIBUTE", "IS", "WANTED"]);
    for compared in compared {
        let is = compared.is.clone().unwrap_or_else(dash);
        let is = match compared.differs {
            true => colour::paint(colour::BAD, &is),
            false => is,
        };
        let wanted = compared.wanted.clone().unwrap_or_else(dash);
        table.row(vec![compared.attribute.to_owned(), is, wanted]);
    }
    table.render()
}
