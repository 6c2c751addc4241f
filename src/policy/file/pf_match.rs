//! Which PFs and which nodes a policy is for.

use super::value;
use crate::model::{DriverName, PciAddress, PciId};
use crate::policy::reader::value::{any_text, parsed};
use crate::policy::reader::{Fault, Table};
use crate::policy::{NodeMatch, PfMatch};

pub(super) fn pf_match(policy: &mut Table<'_>) -> Option<PfMatch> {
    const ANY: &str = "write pf_name = \"*\" there to mean every NIC";
    if !policy.has("match") {
        let fault = Fault::new("this policy has no [policy.match]: it would match every NIC");
        policy.error("match", fault.suggesting(ANY));
    }
    policy.within("match", "[policy.match]", |table| {
        if table.is_empty() {
            let fault = Fault::new("[policy.match] is empty: it would match every NIC");
            table.reader.error(&table.span, fault.suggesting(ANY));
        }
        PfMatch {
            vendor: table.one_or_more("vendor", parsed::<PciId>),
            device: table.one_or_more("device", parsed::<PciId>),
            pci_address: table.one_or_more("pci_address", parsed::<PciAddress>),
            pf_name: table.one_or_more("pf_name", value::pf_name),
            mac: table.one_or_more("mac", value::mac),
            driver: table.one_or_more("driver", parsed::<DriverName>),
            link_type: table.one_or_more("link_type", value::link_type),
            numa_node: table.one_or_more("numa_node", value::numa_node),
        }
    })
}

pub(super) fn node_match(policy: &mut Table<'_>) -> NodeMatch {
    let node = policy.within("node", "[policy.node]", |table| NodeMatch {
        hostname: table.one_or_more("hostname", value::glob_of_names),
        labels: table.map("labels", any_text),
    });
    node.unwrap_or_default()
}
