//! What the database says that concerns one PF.

use super::{Bridge, BridgeKeys, OpenVswitch};
use crate::model::PfSnapshot;
use std::collections::BTreeSet;

impl OpenVswitch {
    /// Without what a plan for this PF does not depend on.
    pub fn concerning(mut self, pf: &PfSnapshot) -> Self {
        let own: BTreeSet<&str> = netdevs(pf).collect();
        for bridge in self.bridges.values_mut() {
            if bridge.made_for != Some(pf.address) {
                bridge.keys = BridgeKeys::default();
                bridge.ports.retain(|port, _| own.contains(port.as_str()));
            }
        }
        self
    }

    /// The bridges that were made for a PF, and those of others that have interfaces of it as ports.
    pub fn around<'b>(&'b self, pf: &PfSnapshot) -> impl Iterator<Item = (&'b String, &'b Bridge)> {
        let own: BTreeSet<&str> = netdevs(pf).collect();
        let near = |bridge: &Bridge| {
            let mut ports = bridge.ports.keys();
            bridge.made_for == Some(pf.address) || ports.any(|port| own.contains(port.as_str()))
        };
        let near: Vec<_> = self.bridges.iter().filter(|(_, it)| near(it)).collect();
        near.into_iter()
    }
}

/// The PF's own interface and its representors, by name.
fn netdevs(pf: &PfSnapshot) -> impl Iterator<Item = &str> {
    let own = pf.interface.iter().map(|nic| nic.name.as_str());
    let representors = pf.vfs.values().filter_map(|vf| vf.representor.as_ref());
    own.chain(representors.map(|there| there.name.as_str()))
}
