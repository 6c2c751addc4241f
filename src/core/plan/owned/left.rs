//! What is left to undo.

use super::OwnedPf;
use crate::model::{Mtu, PfSnapshot};
use crate::plan::bridge;
use crate::policy::resolve::Hold;

impl OwnedPf {
    /// What holds the PF that is seen, though policies do not name it any more as it is. Where
    /// nothing is left to be kept, nothing holds it.
    pub fn hold_on(&self, pf: &PfSnapshot) -> Option<&Hold> {
        let mtu = pf.interface.as_ref().map(|interface| interface.mtu);
        let is_raised = |&before: &Mtu| mtu.is_some_and(|mtu| mtu != before);
        let offload = pf
            .interface
            .as_ref()
            .and_then(|interface| interface.tc_offload);
        let is_switched = |before: bool| offload == Some(!before);
        let has_anything = pf.num_vfs != 0
            || self.mtu_before.as_ref().is_some_and(is_raised)
            || self.autoprobe_before.is_some_and(|on| on != pf.autoprobe)
            || self.eswitch_before.is_some() && self.eswitch_before != pf.eswitch_mode
            || self.tc_offload_before.is_some_and(is_switched)
            || self.bridge.is_some()
            || !self.params_before.is_empty()
            || self.up_before
            || self.brought_up.is_some_and(|index| pf.is_up_as(index));
        let hold = self.hold.as_ref().filter(|_| has_anything);
        hold.filter(|_| self.is_of(pf))
    }

    pub(in crate::plan) fn is_empty(&self) -> bool {
        !self.created_vfs
            && self.brought_up.is_none()
            && self.mtu_before.is_none()
            && self.autoprobe_before.is_none()
            && self.eswitch_before.is_none()
            && self.tc_offload_before.is_none()
            && self.bridge.is_none()
            && self.params_before.is_empty()
            && !self.reload_due
            && !self.up_before
            && self.vfs.is_empty()
    }

    /// That it is a port of the bridge that sriovd made for it is no use by others.
    pub(super) fn is_used_by_others(&self, pf: &PfSnapshot) -> bool {
        let is_own_port = || {
            let name = pf.interface.as_ref().map(|nic| nic.name.as_str());
            let seen = pf.open_vswitch.as_ref().filter(|it| it.silent.is_none());
            let of_others = seen.is_some_and(|seen| {
                let bridge = name.and_then(|name| seen.bridge_of(name));
                bridge.is_some_and(|(_, bridge)| bridge.made_for != Some(pf.address))
            });
            self.bridge.is_some() && !of_others
        };
        let mut users = pf.users.iter().flatten();
        users.any(|user| !(bridge::makes(user) && is_own_port()))
    }

    /// What is ours says so itself; as long as one is wanted it may be still to come.
    pub(super) fn note_bridge(&mut self, is_wanted: bool, pf: &PfSnapshot) {
        let Some(seen) = pf.open_vswitch.as_ref().filter(|it| it.silent.is_none()) else {
            return;
        };
        let there = seen.made_for(pf.address).next();
        let there = there.and_then(|(name, _)| name.parse().ok());
        self.bridge = there.or(self.bridge.take().filter(|_| is_wanted));
    }
}
