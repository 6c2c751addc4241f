//! Single VFs: attributes through the PF, driver, the MTU of their own netdev.

use super::address::{self, Targets, Verdict};
use super::owned::OwnedVf;
use super::{Capability, Input, Plan, count, in_use};
use crate::model::{
    BindTarget, DriverName, Holder, MacAddress, Mtu, Step, TxRate, VfAttribute, VfIndex, VfSetting,
    VfSnapshot, VfStep, VlanProto,
};
use crate::policy::DeviceType;
use crate::policy::resolve::{DesiredPf, DesiredVf};
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeSet;
use std::fmt::Display;

pub(super) fn plan_vfs(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let vfs = || {
        let wanted = |index| desired.vfs.get(&index);
        let each = input.pf.vfs.iter();
        each.filter_map(move |(&index, snapshot)| {
            Some(Vf {
                input,
                desired,
                index,
                wanted: wanted(index)?,
                snapshot,
                owned: owned_vf(input, index),
            })
        })
    };
    let targets = vfs().filter_map(|vf| Some((vf.index, vf.new_address()?)));
    let targets: Targets = targets.collect();
    let mut verdicts = address::judge(input, &targets, plan);
    for vf in vfs() {
        vf.plan(verdicts.remove(&vf.index), plan);
    }
}

fn owned_vf<'a>(input: &Input<'a>, index: VfIndex) -> Option<&'a OwnedVf> {
    input.owned.and_then(|owned| owned.vfs.get(&index))
}

struct Vf<'a> {
    input: &'a Input<'a>,
    desired: &'a DesiredPf,
    index: VfIndex,
    wanted: &'a DesiredVf,
    snapshot: &'a VfSnapshot,
    owned: Option<&'a OwnedVf>,
}

impl Vf<'_> {
    fn plan(&self, verdict: Option<Verdict>, plan: &mut Plan) {
        let mut mine = Plan::default();
        let comes_later = verdict.as_ref().is_some_and(Verdict::comes_later);
        let mut settings = self.settings(verdict, &mut mine);
        let new_mac = settings.iter().any(|&setting| self.is_new_mac(setting));
        let others = self.is_of_others();
        let bind = self.bind(new_mac).filter(|_| others.is_none());
        if let Some(others) = others.filter(|_| self.wanted.claim.is_some()) {
            plan.problems.push(others);
        }
        let bind = bind.filter(|_| !self.awaits_mac(comes_later, &settings));
        let mtu = self.mtu().filter(|_| bind.is_none());
        if settings.is_empty() && bind.is_none() && mtu.is_none() {
            plan.problems.append(&mut mine.problems);
            return;
        }
        // A VF without a driver is nobody's yet: no need to look for who uses it.
        let bound = self.snapshot.driver.is_some();
        if bound && !self.input.force {
            let Some(holders) = &self.input.pf.holders else {
                plan.needs_holders = true;
                return;
            };
            let allocated = |by: &BTreeSet<_>| by.iter().any(Holder::is_allocation);
            if holders.get(&self.index).is_some_and(allocated) {
                // What it has through the PF is its plugin's, and its driver is not.
                let bind = bind.filter(|_| self.is_other_driver());
                let allowed = |step: &Step| !self.is_untried(step) || self.may_disturb(false, plan);
                let bind = bind.filter(allowed);
                plan.steps.extend(bind);
                return;
            }
        }
        plan.problems.append(&mut mine.problems);

        let rebind = (bind.as_ref()).is_some_and(|step| self.is_untried(step));
        let allowed = !(bound && (rebind || new_mac)) || self.may_disturb(new_mac, plan);
        if !allowed {
            settings.retain(|&setting| !self.is_new_mac(setting));
        } else if bound && (new_mac || rebind && self.mac().is_some()) {
            self.distrust(&mut settings);
        }
        let settings = settings.into_iter();
        plan.steps
            .extend(settings.filter_map(|setting| self.set(setting)));
        plan.steps.extend(bind.filter(|_| allowed));
        plan.steps.extend(mtu);
    }

    fn is_untried(&self, step: &Step) -> bool {
        !self.input.blocked.stands(step, self.input.pf)
    }

    fn is_new_mac(&self, setting: VfSetting) -> bool {
        setting.attribute() == VfAttribute::Mac
            && self.set(setting).is_some_and(|step| self.is_untried(&step))
    }

    /// An address comes too late for a VF that is bound, where no VF is bound again: its first
    /// driver waits for an address that is refused only for now.
    fn awaits_mac(&self, comes_later: bool, settings: &[VfSetting]) -> bool {
        let is_refused_for_now = |&setting: &VfSetting| {
            let step = self.set(setting);
            setting.attribute() == VfAttribute::Mac
                && step.is_some_and(|step| self.input.blocked.may_pass(&step, self.input.pf))
        };
        self.snapshot.driver.is_none()
            && self.desired.binds_only_once(self.index)
            && (comes_later || settings.iter().any(is_refused_for_now))
    }

    fn may_disturb(&self, new_mac: bool, plan: &mut Plan) -> bool {
        let change = if new_mac {
            "changing its MAC"
        } else {
            "changing its driver"
        };
        let disruption = self.desired.disruption;
        in_use::may_disturb(self.input, disruption, self.index, change, plan)
    }

    /// A trusted VF that was bound keeps its own MAC when it is bound again, and tells it the PF
    /// (igb, kernel 6.12): the address first, trust in the next plan.
    fn distrust(&self, settings: &mut Vec<VfSetting>) {
        settings.retain(|setting| setting.attribute() != VfAttribute::Trust);
        if self.snapshot.settings.trust == Some(true) {
            settings.insert(0, VfSetting::Trust(false));
        }
    }

    fn set(&self, setting: VfSetting) -> Option<Step> {
        let interface = self.input.pf.interface.as_ref()?.index;
        let vf = self.index;
        Some(Step::Vf(vf, VfStep::SetAttribute { interface, setting }))
    }

    /// What differs and can be set through the PF, in order.
    fn settings(&self, verdict: Option<Verdict>, plan: &mut Plan) -> Vec<VfSetting> {
        let mut settings: Vec<_> = VfAttribute::ALL
            .into_iter()
            .filter_map(|attribute| self.differs(attribute))
            .filter_map(|setting| self.possible(setting, plan))
            .filter(|&setting| !self.is_so(setting))
            .collect();
        if self.wanted.lacks_mac {
            let reason = "mac = \"stable\" gives no address, because the PF has no permanent one";
            match self.input.pf.interface {
                Some(_) => plan.problem(ProblemKind::Unsupported, reason),
                None => count::needs_interface(self.input.pf, VfAttribute::Mac, plan),
            }
        }
        let address = |it: &VfSetting| it.attribute() == VfAttribute::Mac;
        if let (Some(verdict), Some(at)) = (verdict, settings.iter().position(address)) {
            settings.remove(at);
            match verdict {
                Verdict::Denied(problem) => plan.problems.push(*problem),
                Verdict::Withheld => {}
                Verdict::GivesUp => settings.insert(at, VfSetting::Mac(MacAddress::ZERO)),
            }
        }
        settings
    }

    /// The value that an attribute has not and is to have.
    fn differs(&self, attribute: VfAttribute) -> Option<VfSetting> {
        let is = self.snapshot.settings.get(attribute);
        let undo = || is.and_then(|_| self.undo(attribute));
        let wanted = self.wanted.settings.get(attribute).or_else(undo)?;
        (!self.is_so(wanted)).then_some(wanted)
    }

    fn new_address(&self) -> Option<MacAddress> {
        match self.differs(VfAttribute::Mac) {
            Some(VfSetting::Mac(mac)) => Some(mac),
            _ => None,
        }
    }

    /// As the driver tells it; of what it does not tell, as it was set.
    fn is_so(&self, wanted: VfSetting) -> bool {
        let attribute = wanted.attribute();
        match self.snapshot.settings.get(attribute) {
            Some(told) => self.input.pf.is_same(wanted, told),
            None => self.owned.and_then(|owned| owned.untold.get(&attribute)) == Some(&wanted),
        }
    }

    /// The value to go back to, for an attribute that we set and no policy wants any more.
    fn undo(&self, attribute: VfAttribute) -> Option<VfSetting> {
        if self.wanted.asks_for(attribute) {
            return None;
        }
        self.owned?.undo(attribute, self.snapshot)
    }

    /// The address to have, or to go back to; zero leaves it to the VF's driver.
    fn mac(&self) -> Option<MacAddress> {
        let wanted = self.wanted.settings.get(VfAttribute::Mac);
        match wanted.or_else(|| self.undo(VfAttribute::Mac)) {
            Some(VfSetting::Mac(mac)) => Some(mac),
            _ => None,
        }
    }

    /// As much of a setting as can be had now. What cannot is told of the PF: of all VFs it is the
    /// same.
    fn possible(&self, setting: VfSetting, plan: &mut Plan) -> Option<VfSetting> {
        let Some(interface) = &self.input.pf.interface else {
            count::needs_interface(self.input.pf, setting.attribute(), plan);
            return None;
        };
        let attribute = setting.attribute();
        if self.lacks(Capability::Attribute(attribute)) {
            self.unsupported(attribute, plan);
            return None;
        }
        match setting {
            VfSetting::Vlan(vlan)
                if vlan.proto == VlanProto::Dot1ad && self.lacks(Capability::Vlan8021ad) =>
            {
                self.unsupported("vlan_proto 802.1ad", plan);
                None
            }
            VfSetting::TxRate(mut rate) => {
                if rate.min != 0 && self.lacks(Capability::MinTxRate) {
                    self.unsupported("min_tx_rate", plan);
                    rate.min = 0;
                }
                // Intel's drivers check a rate against the link's speed and refuse it without one.
                let possible = rate == TxRate::default() || interface.carrier;
                if !possible {
                    let reason = "rates of VFs are set when the PF has a link";
                    plan.problem(ProblemKind::Awaits, reason);
                }
                possible.then_some(VfSetting::TxRate(rate))
            }
            other => Some(other),
        }
    }

    fn lacks(&self, capability: Capability) -> bool {
        let driver = self.input.pf.driver.as_ref();
        let learnt = self.input.owned.map(|owned| &owned.unsupported);
        learnt.is_some_and(|learnt| learnt.contains(&capability))
            || driver.is_some_and(|driver| capability.is_known_missing(driver))
    }

    fn unsupported(&self, what: impl Display, plan: &mut Plan) {
        let driver = self.input.pf.driver.as_ref();
        let driver = driver.map_or("the driver", |driver| driver.as_str());
        let reason = format!("{what} is not supported by {driver}");
        plan.problem(ProblemKind::Unsupported, reason);
    }

    /// The driver that is to be bound, if another is or the bound one must read its MAC again.
    fn bind(&self, new_mac: bool) -> Option<Step> {
        let bound = self.snapshot.driver.as_ref();
        let to = match &self.wanted.device_type {
            DeviceType::Driver(driver) if bound == Some(driver) => return None,
            DeviceType::Driver(driver) => BindTarget::Driver(driver.clone()),
            DeviceType::Netdevice if self.needs_default_driver(new_mac) => BindTarget::Default,
            DeviceType::Any if self.needs_first_driver() || self.missed_its_address(new_mac) => {
                BindTarget::Default
            }
            DeviceType::Netdevice | DeviceType::Any => return None,
        };
        Some(Step::Vf(
            self.index,
            VfStep::Bind {
                address: self.snapshot.address,
                from: bound.cloned(),
                to,
            },
        ))
    }

    /// Somebody else has chosen its driver, or is just about to, and no policy says another.
    fn is_of_others(&self) -> Option<Problem> {
        let ours = self.owned.is_some_and(|owned| owned.driver);
        if self.wanted.names_driver || self.wanted.device_type != DeviceType::Netdevice || ours {
            return None;
        }
        let snapshot = self.snapshot;
        let may_be_between = snapshot.driver.is_none() && !self.is_unprobed();
        let bound = snapshot.driver.as_ref();
        let chosen = snapshot.driver_override.as_ref();
        let (kind, reason) = match chosen.or(bound.filter(|driver| driver.is_userspace())) {
            Some(chosen) => (
                ProblemKind::OfOthers,
                format!("another program has chosen driver {chosen} for it"),
            ),
            None if may_be_between && self.input.blocked.waits_for_driver(self.index) => (
                ProblemKind::Awaits,
                "its driver was just taken, perhaps for another".to_owned(),
            ),
            None => return None,
        };
        let hint = "device_type = \"netdevice\" in the policy binds it to the kernel's driver, \
                    and device_type = \"any\" leaves drivers alone";
        Some(Problem {
            kind,
            vf: Some(self.index),
            step: None,
            reason,
            hint: Some(hint.to_owned()),
        })
    }

    /// Whether what it is bound to is not what is wanted, whatever its address.
    fn is_other_driver(&self) -> bool {
        match &self.wanted.device_type {
            DeviceType::Driver(driver) => self.snapshot.driver.as_ref() != Some(driver),
            DeviceType::Netdevice => self.has_foreign_driver(),
            DeviceType::Any => false,
        }
    }

    fn has_foreign_driver(&self) -> bool {
        let bound = self.snapshot.driver.as_ref();
        bound.is_some_and(DriverName::is_userspace) || self.snapshot.driver_override.is_some()
    }

    fn is_unprobed(&self) -> bool {
        let owned = self.input.owned;
        owned.is_some_and(|owned| owned.unprobed.contains(&self.index))
    }

    /// Its first driver was bound while the PF was in a reset, in which nothing tells it an address.
    fn missed_its_address(&self, new_mac: bool) -> bool {
        self.is_unprobed() && self.snapshot.driver.is_some() && self.has_stale_mac(new_mac)
    }

    /// What another gave it since then, or took from it, is that one's affair.
    fn needs_first_driver(&self) -> bool {
        let wanted = count::wanted_autoprobe(self.input, self.desired);
        self.is_unprobed()
            && self.snapshot.driver.is_none()
            && self.snapshot.driver_override.is_none()
            && wanted.unwrap_or(self.input.pf.autoprobe)
    }

    fn needs_default_driver(&self, new_mac: bool) -> bool {
        let ours = self.wanted.claim.is_some() || self.owned.is_some_and(|owned| owned.driver);
        if self.snapshot.driver.is_none() {
            return match ours {
                true => self.desired.driver_autoprobe != Some(false),
                false => self.needs_first_driver(),
            };
        }
        (ours && self.has_foreign_driver()) || self.has_stale_mac(new_mac)
    }

    /// An address set through the PF reaches the VF's netdev when its driver probes.
    fn has_stale_mac(&self, new_mac: bool) -> bool {
        let (wanted, interface) = (self.mac(), self.snapshot.interface.as_ref());
        let told = new_mac || wanted == self.snapshot.settings.mac;
        told && wanted
            .zip(interface)
            .is_some_and(|(wanted, interface)| wanted != interface.mac)
    }

    fn mtu(&self) -> Option<Step> {
        let interface = self.snapshot.interface.as_ref()?;
        let undo = || self.owned.filter(|owned| owned.mtu).map(|_| Mtu::ETHERNET);
        let mtu = self
            .wanted
            .mtu
            .or_else(undo)
            .filter(|&mtu| mtu != interface.mtu)?;
        Some(Step::Vf(
            self.index,
            VfStep::SetMtu {
                interface: interface.index,
                mtu,
            },
        ))
    }
}
