//! What a step makes ours, written down before it is done.

use super::{OwnedPf, value_before};
use crate::model::{PfSnapshot, PfStep, Step, VfIndex, VfSetting, VfSettings, VfSnapshot, VfStep};

impl OwnedPf {
    pub(super) fn record(&mut self, step: &Step, pf: &PfSnapshot) {
        if *step == Step::Pf(PfStep::ReloadDevlink) {
            self.record_reload(pf);
        }
        if step.facts().undone_by.is_none() {
            return;
        }
        let seen = |vf: &VfIndex| pf.vfs.get(vf);
        match step {
            Step::Pf(PfStep::SetUp { interface }) => {
                self.brought_up = Some(*interface).filter(|_| !self.up_before);
            }
            Step::Pf(PfStep::SetBridge(change)) => self.bridge = Some(change.name.clone()),
            Step::Pf(
                PfStep::SetDown { .. } | PfStep::ReloadDevlink | PfStep::RemoveBridge { .. },
            )
            | Step::Vf(_, VfStep::SetRepresentorUp { .. } | VfStep::SetRepresentorMtu { .. }) => {}
            Step::Pf(PfStep::SetNumVfs { to, .. }) => {
                self.created_vfs = true;
                self.unprobed = (0..*to).map(VfIndex).collect();
                self.fresh = Some(VfSettings::default());
            }
            Step::Pf(PfStep::SetAutoprobe { .. }) => {
                self.autoprobe_before.get_or_insert(pf.autoprobe);
            }
            Step::Pf(PfStep::SetEswitchMode { from, .. }) => {
                self.eswitch_before.get_or_insert(*from);
            }
            Step::Pf(PfStep::SetDevlinkParam { name, mode, .. }) => {
                self.record_param(name, *mode, pf);
            }
            Step::Pf(PfStep::SetTcOffload { on, .. }) => {
                self.tc_offload_before.get_or_insert(!on);
            }
            Step::Vf(vf, VfStep::SetRepresentorTcOffload { on, .. }) => {
                let mine = self.vfs.entry(*vf).or_default();
                mine.tc_offload_before.get_or_insert(!on);
            }
            Step::Pf(PfStep::SetMtu { .. }) => {
                if let Some(interface) = &pf.interface {
                    self.mtu_before.get_or_insert(interface.mtu);
                }
            }
            Step::Vf(vf, VfStep::SetAttribute { setting, .. }) => {
                let attribute = setting.attribute();
                let is = seen(vf).and_then(|vf: &VfSnapshot| vf.settings.get(attribute));
                let before = self.before(attribute, is);
                let mine = self.vfs.entry(*vf).or_default();
                let before = *mine.settings.entry(attribute).or_insert(before);
                if let VfSetting::Mac(mac) = *setting
                    && value_before(attribute, before) != Some(*setting)
                {
                    mine.mac = Some(mac);
                }
            }
            Step::Vf(vf, VfStep::Bind { .. }) => self.vfs.entry(*vf).or_default().driver = true,
            Step::Vf(vf, VfStep::SetMtu { .. }) => self.vfs.entry(*vf).or_default().mtu = true,
        }
    }
}
