//! Parameters of a simulated PF's driver.

use super::pf::SimPf;
use super::step::refused;
use super::surroundings::Supply;
use sriovd_core::host::HostError;
use sriovd_core::model::{Errno, EswitchMode, Mtu, ParamMode, ParamValue, Step};

impl SimPf {
    pub(super) fn set_param(
        &mut self,
        name: &str,
        mode: ParamMode,
        to: &ParamValue,
        step: &Step,
    ) -> Result<(), HostError> {
        let is_switched = self.snapshot.eswitch_mode == Some(EswitchMode::Switchdev);
        if name == "flow_steering_mode" && is_switched {
            return Err(refused(step, Errno::OPNOTSUPP));
        }
        let param = self.params.get_mut(name);
        let param = param.filter(|param| param.kind.takes(to));
        let value = param.and_then(|param| param.values.get_mut(&mode));
        *value.ok_or_else(|| refused(step, Errno::INVAL))? = to.clone();
        Ok(())
    }

    /// Another interface comes, which has nothing of what was set on the one before.
    pub(super) fn start_anew(&mut self, step: &Step, supply: &mut Supply) -> Result<(), HostError> {
        if self.snapshot.num_vfs != 0 || self.params.is_empty() {
            return Err(refused(step, Errno::OPNOTSUPP));
        }
        self.snapshot.eswitch_mode = self.model.eswitch.mode();
        if let Some(interface) = &mut self.snapshot.interface {
            interface.index = supply.interface();
            interface.mtu = Mtu::ETHERNET;
            interface.up = false;
            interface.tc_offload = interface.tc_offload.map(|_| false);
        }
        self.settle_link();
        Ok(())
    }
}
