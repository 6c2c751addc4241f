//! Representors of a simulated PF.

use super::pf::SimPf;
use super::surroundings::Supply;
use sriovd_core::model::{EswitchMode, Mtu, Representor};

impl SimPf {
    /// They follow the mode. Late ones come when netdevs do.
    pub(super) fn settle_representors(&mut self, supply: &mut Supply) {
        let switched = self.snapshot.eswitch_mode == Some(EswitchMode::Switchdev);
        let name = self.snapshot.interface.as_ref().map(|nic| nic.name.clone());
        for (index, vf) in &mut self.snapshot.vfs {
            let Some(hidden) = self.hidden.get_mut(index) else {
                continue;
            };
            if !switched {
                vf.representor = None;
                hidden.coming_representor = None;
            } else if vf.representor.is_none() && hidden.coming_representor.is_none() {
                let pf = name.as_ref().map_or("ens0", |name| name.as_str());
                let pf: String = pf.chars().take(8).collect();
                hidden.coming_representor =
                    format!("{pf}r{index}")
                        .parse()
                        .ok()
                        .map(|name| Representor {
                            index: supply.interface(),
                            name,
                            name_is_final: true,
                            mtu: Mtu::ETHERNET,
                            up: false,
                            tc_offload: self.model.tc_offload.then_some(false),
                        });
                if !self.late_netdevs {
                    vf.representor = hidden.coming_representor.take();
                }
            }
        }
    }
}
