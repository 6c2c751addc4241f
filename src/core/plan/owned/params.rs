//! Parameters of drivers that sriovd has set: what they were before, and whether they are in effect.

use super::OwnedPf;
use crate::model::{ParamMode, PfSnapshot};
use crate::policy::resolve::DesiredPf;

impl OwnedPf {
    /// What is back, or gone with another driver, is forgotten. As long as nobody looked it is as it was.
    pub(super) fn note_params(&mut self, desired: Option<&DesiredPf>, pf: &PfSnapshot) {
        let Some(params) = &pf.params else { return };
        self.params_before.retain(|name, before| {
            let is_wanted = desired.is_some_and(|desired| desired.devlink.contains_key(name));
            let is = params.get(name).and_then(|param| param.soonest());
            is_wanted || is.is_some_and(|(_, is)| is != before)
        });
    }

    pub(super) fn record_param(&mut self, name: &str, mode: ParamMode, pf: &PfSnapshot) {
        let param = pf.params.as_ref().and_then(|params| params.get(name));
        if let Some(before) = param.and_then(|param| param.values.get(&mode)) {
            let entry = self.params_before.entry(name.to_owned());
            entry.or_insert_with(|| before.clone());
        }
        self.reload_due |= mode == ParamMode::Driverinit;
    }

    /// Nothing that was set on the interface and the switch outlives it, and what is not ours is to be again as it was.
    pub(super) fn record_reload(&mut self, pf: &PfSnapshot) {
        if let Some(mode) = pf.eswitch_mode {
            self.eswitch_before.get_or_insert(mode);
        }
        let Some(interface) = &pf.interface else {
            return;
        };
        self.mtu_before.get_or_insert(interface.mtu);
        if let Some(on) = interface.tc_offload {
            self.tc_offload_before.get_or_insert(on);
        }
        self.up_before = interface.up && self.brought_up != Some(interface.index);
    }
}
