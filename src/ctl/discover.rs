//! `discover`: a policy file to start from, for the NICs that are here.

use sriovd_core::model::{HostSnapshot, PfSnapshot, PolicyName};
use sriovd_core::model::{MacAddress, ResourceName};

/// More are seldom wanted at first.
const AT_FIRST: u16 = 8;

const HEAD: &str = "\
# What sriovd could do with the NICs of this host. Save it as /etc/sriov.d/20-nics.toml, change what
# is to be otherwise, and say enabled = true. `sriovctl check` finds mistakes, `sriovctl plan` says
# what would be done.
";

/// Keys that many want and nobody has to have.
const OPTIONS: &str = "\
# mtu = 9000
# device_type = \"vfio-pci\"     # for DPDK and virtual machines; \"netdevice\" is the kernel's driver
# mac = \"stable\"               # the same addresses after every reboot
# trust = true                 # the VF may change its address and see what is not for it
# spoof_check = false
# vlan = 100
";

pub(super) fn starter(host: &HostSnapshot) -> String {
    if host.pfs.is_empty() {
        return "# No SR-IOV NIC is here.\n".to_owned();
    }
    let policies = host.pfs.values().map(policy);
    policies.fold(HEAD.to_owned(), |text, policy| text + "\n" + &policy)
}

fn policy(pf: &PfSnapshot) -> String {
    let name = pf.display_name();
    let device = [&pf.vendor_name, &pf.model_name];
    let device: Vec<_> = device.into_iter().flatten().map(String::as_str).collect();
    let device = format!("{} [{}:{}]", device.join(" "), pf.vendor, pf.device);
    let driver = match &pf.driver {
        Some(driver) => format!("driver {driver}"),
        None => "no driver".to_owned(),
    };
    let numa = pf.numa_node.map(|node| format!(", NUMA node {node}"));
    let numa = numa.unwrap_or_default();
    let (offers, has) = (pf.total_vfs, pf.num_vfs);
    // A comment ends with its line, whatever the hardware database says.
    let device = device.replace(|c: char| c.is_control(), " ");
    let about = format!(
        "# {name}: {}, {driver}{numa}.\n# It offers {offers} VFs and has {has}.\n",
        device.trim()
    );
    let count = match has {
        0 => offers.min(AT_FIRST),
        has => has,
    };
    let id = identifier(pf);
    format!(
        "{about}[[policy]]\nname = \"{id}\"\nenabled = false\nresource = \"{id}\"\n\
         num_vfs = {count}\n{OPTIONS}{}",
        matches(pf)
    )
}

/// The interface's name where it can be that of a policy and of a pool.
fn identifier(pf: &PfSnapshot) -> String {
    let name = pf.display_name();
    let fits = name.parse::<PolicyName>().is_ok() && name.parse::<ResourceName>().is_ok();
    match fits {
        true => name,
        false => format!("pf-{}", pf.address).replace([':', '.'], "-"),
    }
}

/// The name that people know it by, and what they may take in its place.
fn matches(pf: &PfSnapshot) -> String {
    let address = format!("match.pci_address = \"{}\"\n", pf.address);
    let Some(interface) = &pf.interface else {
        return address;
    };
    let mac = Some(interface.permanent_mac).filter(|mac: &MacAddress| mac.is_unicast());
    let mac = mac.map(|mac| format!("# match.mac = \"{mac}\"  # wherever it is plugged\n"));
    let mac = mac.unwrap_or_default();
    // In a pattern it would mean more than this name.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match interface.name.as_str().chars().all(is_plain) {
        true => format!("match.pf_name = \"{}\"\n# {address}{mac}", interface.name),
        false => format!("{address}{mac}"),
    }
}

#[cfg(test)]
mod tests;
