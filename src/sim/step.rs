//! One step on a simulated PF: what the kernel does, and what it refuses.

use super::driver::{Eswitch, WhileDown};
use super::pf::SimPf;
use super::surroundings::Surroundings;
use sriovd_core::host::HostError;
use sriovd_core::model::attribute::Value;
use sriovd_core::model::{
    BindTarget, DriverName, Errno, EswitchMode, LinkState, MacAddress, Mtu, PfInterface, PfStep,
    Representor, Step, TxRate, VfAttribute, VfIndex, VfSetting, VfSnapshot, VfStep, VlanProto,
};

impl SimPf {
    pub(super) fn apply(
        &mut self,
        step: &Step,
        around: &mut Surroundings,
    ) -> Result<(), HostError> {
        match step {
            Step::Pf(PfStep::SetAutoprobe { on }) => {
                self.snapshot.autoprobe = *on;
                Ok(())
            }
            Step::Pf(PfStep::SetNumVfs { to, .. }) => self.set_num_vfs(*to, step, around),
            Step::Pf(PfStep::SetEswitchMode { to, .. }) => self.set_eswitch_mode(*to, step),
            Step::Pf(PfStep::SetDevlinkParam { name, mode, to, .. }) => {
                self.set_param(name, *mode, to, step)
            }
            Step::Pf(PfStep::ReloadDevlink) => self.start_anew(step, &mut around.supply),
            Step::Pf(PfStep::SetTcOffload { interface, on }) => {
                let offload = &mut self.netdev(*interface)?.tc_offload;
                *offload = offload.map(|_| *on);
                Ok(())
            }
            Step::Vf(vf, VfStep::SetRepresentorTcOffload { interface, on }) => {
                let offload = &mut self.representor(*vf, *interface)?.tc_offload;
                *offload = offload.map(|_| *on);
                Ok(())
            }
            // The database is the host's, not the PF's.
            Step::Pf(PfStep::SetBridge(_) | PfStep::RemoveBridge { .. }) => Ok(()),
            Step::Pf(PfStep::SetUp { interface }) => {
                self.netdev(*interface)?.up = true;
                self.settle_link();
                Ok(())
            }
            Step::Pf(PfStep::SetDown { interface }) => {
                self.netdev(*interface)?.up = false;
                self.settle_link();
                Ok(())
            }
            Step::Pf(PfStep::SetMtu { interface, mtu }) => {
                self.check_mtu(*mtu, step)?;
                let netdev = self.netdev(*interface)?;
                // Whoever manages a bond gives its ports the bond's at once.
                if netdev.bond.is_none() {
                    netdev.mtu = *mtu;
                }
                Ok(())
            }
            Step::Vf(vf, VfStep::SetAttribute { interface, setting }) => {
                self.netdev(*interface)?;
                self.set_vf(*vf, *setting, step, around)
            }
            Step::Vf(vf, VfStep::Bind { address, from, to }) => {
                let at = self.snapshot.vfs.get(vf);
                let at = at.filter(|vf| vf.address == *address);
                let bound = &at.ok_or_else(|| gone(address))?.driver;
                if bound.is_some() && bound != from {
                    let what = format!("VF {vf}");
                    return Err(HostError::Rebound { what });
                }
                self.bind(*vf, to, step, around)
            }
            Step::Vf(vf, VfStep::SetRepresentorUp { interface }) => {
                self.representor(*vf, *interface)?.up = true;
                Ok(())
            }
            Step::Vf(vf, VfStep::SetRepresentorMtu { interface, mtu }) => {
                self.check_mtu(*mtu, step)?;
                self.representor(*vf, *interface)?.mtu = *mtu;
                Ok(())
            }
            Step::Vf(vf, VfStep::SetMtu { interface, mtu }) => {
                self.check_mtu(*mtu, step)?;
                let netdev = self
                    .snapshot
                    .vfs
                    .get_mut(vf)
                    .and_then(|vf| vf.interface.as_mut())
                    .filter(|netdev| netdev.index == *interface);
                netdev
                    .ok_or_else(|| gone(&format!("interface {interface}")))?
                    .mtu = *mtu;
                Ok(())
            }
        }
    }

    /// Whether its driver has the function that the step asks for.
    pub(super) fn takes(&self, step: &Step) -> bool {
        let settable = self.model.settable;
        !matches!(step, Step::Vf(_, VfStep::SetAttribute { setting, .. }) if !settable.contains(&setting.attribute()))
    }

    /// In the order in which `sriov_numvfs_store` (drivers/pci/iov.c) looks at things.
    fn set_num_vfs(
        &mut self,
        to: u16,
        step: &Step,
        around: &mut Surroundings,
    ) -> Result<(), HostError> {
        if to > self.snapshot.total_vfs {
            return Err(refused(step, Errno::RANGE));
        }
        if to == self.snapshot.num_vfs && !self.snapshot.count_is_changing {
            return Ok(());
        }
        if self.snapshot.driver.is_none() {
            return Err(refused(step, Errno::NOENT));
        }
        if to == 0 {
            self.destroy_vfs();
            return Ok(());
        }
        if self.snapshot.num_vfs != 0 || self.snapshot.count_is_changing {
            return Err(refused(step, Errno::BUSY));
        }
        let up = self.snapshot.interface.as_ref().is_some_and(|nic| nic.up);
        if up || self.model.while_down == WhileDown::MakesVfs {
            self.create_vfs(to, around);
        }
        Ok(())
    }

    /// The host itself does not change it under VFs.
    fn set_eswitch_mode(&mut self, to: EswitchMode, step: &Step) -> Result<(), HostError> {
        match self.snapshot.eswitch_mode {
            None => Err(refused(step, Errno::OPNOTSUPP)),
            Some(_) if self.snapshot.num_vfs != 0 || self.snapshot.count_is_changing => {
                Err(refused(step, Errno::BUSY))
            }
            Some(is) if is == to && self.model.eswitch == Eswitch::OnlyAnother => {
                Err(refused(step, Errno::INVAL))
            }
            Some(_) => {
                self.snapshot.eswitch_mode = Some(to);
                Ok(())
            }
        }
    }

    fn netdev(&mut self, index: u32) -> Result<&mut PfInterface, HostError> {
        let netdev = self.snapshot.interface.as_mut();
        netdev
            .filter(|netdev| netdev.index == index)
            .ok_or_else(|| gone(&format!("interface {index}")))
    }

    fn representor(&mut self, vf: VfIndex, index: u32) -> Result<&mut Representor, HostError> {
        let vf = self.snapshot.vfs.get_mut(&vf);
        let there = vf.and_then(|vf| vf.representor.as_mut());
        there
            .filter(|there| there.index == index)
            .ok_or_else(|| gone(&format!("interface {index}")))
    }

    fn check_mtu(&self, mtu: Mtu, step: &Step) -> Result<(), HostError> {
        if mtu.get() > self.model.max_mtu {
            return Err(refused(step, Errno::INVAL));
        }
        Ok(())
    }

    fn set_vf(
        &mut self,
        index: VfIndex,
        setting: VfSetting,
        step: &Step,
        around: &mut Surroundings,
    ) -> Result<(), HostError> {
        let attribute = setting.attribute();
        let is_switched = self.snapshot.eswitch_mode == Some(EswitchMode::Switchdev)
            && self.model.not_in_switchdev.contains(&attribute);
        if !self.model.settable.contains(&attribute) || is_switched {
            return Err(self.unsupported());
        }
        if index.0 >= self.snapshot.num_vfs {
            return Err(refused(step, Errno::INVAL));
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Err(refused(step, Errno::AGAIN));
        }
        self.check(setting, step)?;
        let Some(vf) = self.snapshot.vfs.get_mut(&index) else {
            return Err(refused(step, Errno::INVAL));
        };
        if self.model.reported.contains(&attribute) {
            vf.settings.set(setting);
        }
        if attribute == VfAttribute::Trust && self.model.trust_resets_vf {
            self.take_mac(index, false, &mut around.supply);
        }
        Ok(())
    }

    fn check(&self, setting: VfSetting, step: &Step) -> Result<(), HostError> {
        let valid = match setting.value() {
            Value::Mac(mac) => mac.is_unicast() || mac == MacAddress::ZERO,
            Value::Vlan(vlan) => {
                if vlan.proto == VlanProto::Dot1ad && !self.model.vlan_8021ad {
                    return Err(self.unsupported());
                }
                vlan.id <= 4095 && vlan.qos <= 7
            }
            Value::TxRate(rate) => self.is_valid_rate(rate),
            Value::LinkState(LinkState::Auto | LinkState::Enable | LinkState::Disable)
            | Value::Switch(_) => true,
        };
        if valid {
            Ok(())
        } else {
            Err(refused(step, Errno::INVAL))
        }
    }

    fn is_valid_rate(&self, rate: TxRate) -> bool {
        let speed = self.snapshot.interface.as_ref().and_then(|nic| nic.speed);
        let fits = match speed {
            Some(speed) => rate.max <= speed,
            None => !self.model.rate_needs_link,
        };
        let min_fits = rate.min == 0 || self.model.min_rate;
        fits && min_fits && (rate.max == 0 || rate.min <= rate.max)
    }

    fn bind(
        &mut self,
        index: VfIndex,
        to: &BindTarget,
        step: &Step,
        around: &mut Surroundings,
    ) -> Result<(), HostError> {
        let before = self.snapshot.vfs.get(&index).cloned();
        let bound = self.try_to_bind(index, to, step, around);
        if let (true, Some(before)) = (bound.is_err(), before) {
            self.probe_again(index, before, around);
        }
        bound
    }

    /// What does not succeed changes nothing.
    fn probe_again(&mut self, index: VfIndex, before: VfSnapshot, around: &mut Surroundings) {
        if let Some(vf) = self.snapshot.vfs.get_mut(&index) {
            vf.driver_override = before.driver_override;
        }
        let loaded = |driver: &DriverName| !around.missing_drivers.contains(driver);
        if let Some(driver) = before.driver.filter(loaded) {
            self.probe(index, Some(driver), &mut around.supply);
        }
    }

    fn try_to_bind(
        &mut self,
        index: VfIndex,
        to: &BindTarget,
        step: &Step,
        around: &mut Surroundings,
    ) -> Result<(), HostError> {
        self.unbind(index);
        let wanted = match to {
            BindTarget::Default => None,
            BindTarget::Driver(driver) => Some(driver.clone()),
        };
        if let Some(vf) = self.snapshot.vfs.get_mut(&index) {
            vf.driver_override.clone_from(&wanted);
        }
        // Without an override, autoprobe decides (pci_device_can_probe, drivers/pci/pci-driver.c).
        let driver = wanted.or_else(|| {
            let default = || self.model.vf_driver.parse().ok();
            self.snapshot.autoprobe.then(default).flatten()
        });
        if driver
            .as_ref()
            .is_some_and(|driver| around.late_drivers.contains(driver))
        {
            let what = format!("VF {index}");
            return Err(HostError::DriverComing { what });
        }
        let driver = driver.filter(|driver| around.has(driver));
        if driver.is_none() {
            return Err(unbound(step));
        }
        self.probe(index, driver, &mut around.supply);
        let vf = self.snapshot.vfs.get(&index);
        if vf.is_some_and(|vf| vf.driver.is_none()) {
            return Err(unbound(step));
        }
        Ok(())
    }

    pub(super) fn unsupported(&self) -> HostError {
        HostError::Unsupported {
            driver: self.model.name.to_owned(),
        }
    }
}

pub(super) fn as_error(pf: &SimPf, step: &Step, errno: Errno) -> HostError {
    match errno {
        Errno::OPNOTSUPP | Errno::PROTONOSUPPORT => pf.unsupported(),
        Errno::NODEV => gone(&pf.snapshot.address),
        Errno::MFILE | Errno::NFILE => HostError::NoDescriptor { errno },
        errno => refused(step, errno),
    }
}

fn unbound(step: &Step) -> HostError {
    HostError::NoEffect {
        what: step.to_string(),
        found: "no driver is bound".to_owned(),
    }
}

pub(super) fn refused(step: &Step, errno: Errno) -> HostError {
    HostError::Kernel {
        what: step.to_string(),
        errno,
        detail: None,
    }
}

pub(super) fn gone(what: &dyn ToString) -> HostError {
    HostError::Gone {
        what: what.to_string(),
    }
}
