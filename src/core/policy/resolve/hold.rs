//! What holds a PF that changed: a policy that named it, as it was then.

use super::desired::DesiredPf;
use super::matching::{self, Match};
use crate::model::{
    DriverName, InterfaceName, LinkType, MacAddress, Node, PciId, PfInterface, PfSnapshot,
    PolicyName, VfRange,
};
use crate::policy::Policy;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The policies in force on a PF, and what they matched of what can change while the PF stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The policies in force.
    pub policies: BTreeSet<PolicyName>,
    /// The PF's vendor on the PCI bus.
    pub vendor: PciId,
    /// The PF's device on the PCI bus.
    pub device: PciId,
    /// `None` where the settings gave it: to change that is to want something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The driver that it was bound to.
    #[serde(default)]
    pub driver: Option<DriverName>,
    /// The node that it was attached to.
    #[serde(default)]
    pub numa_node: Option<u16>,
    /// Its interface. `None` where it had none.
    #[serde(default)]
    pub interface: Option<HeldInterface>,
}

/// What policies can match of an interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldInterface {
    /// Its name.
    pub name: InterfaceName,
    /// Whether udev had named it.
    pub name_is_final: bool,
    /// Its other names.
    #[serde(default)]
    pub altnames: BTreeSet<String>,
    /// The names of the other ports of the function.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub other_ports: BTreeSet<String>,
    /// The address that the NIC came with.
    pub permanent_mac: MacAddress,
    /// What kind of interface it is.
    pub link_type: LinkType,
}

impl Hold {
    /// What is to be remembered of a PF on which policies are in force.
    pub fn of(desired: &DesiredPf, node: &Node, pf: &PfSnapshot) -> Self {
        let interface = pf.interface.as_ref().map(|interface| HeldInterface {
            name: interface.name.clone(),
            name_is_final: interface.name_is_final,
            altnames: interface.altnames.clone(),
            other_ports: interface.other_ports.clone(),
            permanent_mac: interface.known_mac(),
            link_type: interface.link_type,
        });
        let policies = desired.policies.iter().map(|claim| claim.policy.clone());
        Self {
            policies: policies.collect(),
            vendor: pf.vendor,
            device: pf.device,
            hostname: (!node.hostname_is_set).then(|| node.hostname.clone()),
            driver: pf.driver.clone(),
            numa_node: pf.numa_node,
            interface,
        }
    }

    /// The share of a policy that is in force here and would match the PF if it were as it was.
    /// What may change at any time, such as labels and the policy, counts as it is.
    pub(super) fn share(
        &self,
        policy: &Policy,
        node: &Node,
        pf: &PfSnapshot,
    ) -> Option<Option<VfRange>> {
        if !self.policies.contains(&policy.name) {
            return None;
        }
        let hostname = self.hostname.clone().filter(|_| !node.hostname_is_set);
        let node = Node {
            hostname: hostname.unwrap_or_else(|| node.hostname.clone()),
            ..node.clone()
        };
        match matching::match_pf(policy, &node, &self.as_it_was(pf)) {
            Match::Yes(share) => Some(share),
            Match::No | Match::AwaitsName => None,
        }
    }

    fn as_it_was(&self, pf: &PfSnapshot) -> PfSnapshot {
        let interface = self.interface.as_ref().map(|held| PfInterface {
            index: 0,
            name: held.name.clone(),
            altnames: held.altnames.clone(),
            other_ports: held.other_ports.clone(),
            name_is_final: held.name_is_final,
            permanent_mac: held.permanent_mac,
            mac: None,
            mtu: crate::model::Mtu::ETHERNET,
            up: false,
            carrier: false,
            speed: None,
            link_type: held.link_type,
            tc_offload: None,
            bond: None,
        });
        PfSnapshot {
            address: pf.address,
            vendor: pf.vendor,
            device: pf.device,
            vendor_name: None,
            model_name: None,
            driver: self.driver.clone(),
            initialized: pf.initialized,
            numa_node: self.numa_node,
            pcie_root: pf.pcie_root.clone(),
            total_vfs: pf.total_vfs,
            num_vfs: pf.num_vfs,
            autoprobe: pf.autoprobe,
            eswitch_mode: pf.eswitch_mode,
            eswitch_hidden: pf.eswitch_hidden,
            params: None,
            interface,
            interface_elsewhere: false,
            vf_list_complete: pf.vf_list_complete,
            count_is_changing: pf.count_is_changing,
            vfs: BTreeMap::new(),
            holders: None,
            open_vswitch: None,
            users: None,
        }
    }
}
