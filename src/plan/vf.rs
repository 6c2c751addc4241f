//! Single VFs: attributes through the PF, driver, the MTU of their own netdev.

use super::owned::{self, OwnedVf};
use super::{Capability, Input, Plan, in_use};
use crate::model::{
    BindTarget, Mtu, Step, TxRate, VfAttribute, VfIndex, VfSetting, VfSnapshot, VlanProto,
};
use crate::policy::DeviceType;
use crate::policy::resolve::{DesiredPf, DesiredVf};
use crate::report::{Problem, ProblemKind};

pub(super) fn plan_vfs(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    for (&index, snapshot) in &input.pf.vfs {
        let Some(wanted) = desired.vfs.get(&index) else {
            continue;
        };
        let vf = Vf {
            input,
            desired,
            index,
            wanted,
            snapshot,
            owned: owned_vf(input, index),
        };
        vf.plan(plan);
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
    fn plan(&self, plan: &mut Plan) {
        let mut mine = Plan::default();
        let settings = self.settings(&mut mine);
        let bind = self.bind();
        let mtu = self.mtu().filter(|_| bind.is_none());
        if settings.is_empty() && bind.is_none() && mtu.is_none() {
            plan.problems.append(&mut mine.problems);
            return;
        }
        // A VF without a driver is nobody's yet: no need to look for who uses it.
        if self.snapshot.driver.is_some() && !self.input.force {
            let Some(holders) = &self.input.pf.holders else {
                plan.needs_holders = true;
                return;
            };
            let lent = |by: &std::collections::BTreeSet<_>| {
                by.iter().any(crate::model::Holder::is_allocation)
            };
            if holders.get(&self.index).is_some_and(lent) {
                return;
            }
        }
        plan.problems.append(&mut mine.problems);
        self.push(settings, bind, mtu, plan);
    }

    fn push(
        &self,
        settings: Vec<VfSetting>,
        bind: Option<BindTarget>,
        mtu: Option<Step>,
        plan: &mut Plan,
    ) {
        let mac = settings
            .iter()
            .any(|setting| setting.attribute() == VfAttribute::Mac);
        let disturbs = self.snapshot.driver.is_some() && (bind.is_some() || mac);
        let allowed = !disturbs || {
            let change = if mac {
                "changing its MAC"
            } else {
                "changing its driver"
            };
            in_use::may_disturb(
                self.input,
                self.desired.disruption,
                self.index,
                change,
                plan,
            )
        };
        for setting in settings {
            if allowed || setting.attribute() != VfAttribute::Mac {
                self.set(setting, plan);
            }
        }
        if let Some(to) = bind.filter(|_| allowed) {
            plan.steps.push(Step::Bind {
                vf: self.index,
                address: self.snapshot.address,
                to,
            });
        }
        plan.steps.extend(mtu);
    }

    fn set(&self, setting: VfSetting, plan: &mut Plan) {
        if let Some(interface) = &self.input.pf.interface {
            let (interface, vf) = (interface.index, self.index);
            plan.steps.push(Step::SetVf {
                interface,
                vf,
                setting,
            });
        }
    }

    /// What is to be set through the PF, in order.
    fn settings(&self, plan: &mut Plan) -> Vec<VfSetting> {
        let mut settings: Vec<VfSetting> = VfAttribute::ALL
            .into_iter()
            .filter_map(|attribute| {
                let wanted = self
                    .wanted
                    .settings
                    .get(attribute)
                    .or_else(|| self.undo(attribute))?;
                let is = self.snapshot.settings.get(attribute);
                (is != Some(wanted)).then_some(wanted)
            })
            .filter(|&setting| self.is_possible(setting, plan))
            .collect();
        // A trusted VF whose driver is bound keeps its own MAC and tells it the PF when it is
        // bound again: the address first, trust in the next plan (igb, kernel 6.12).
        let mac = settings
            .iter()
            .any(|setting| setting.attribute() == VfAttribute::Mac);
        if mac && self.snapshot.driver.is_some() {
            settings.retain(|setting| setting.attribute() != VfAttribute::Trust);
            if self.snapshot.settings.trust == Some(true) {
                settings.insert(0, VfSetting::Trust(false));
            }
        }
        settings
    }

    /// The value to go back to, for an attribute that we set and no policy wants any more.
    fn undo(&self, attribute: VfAttribute) -> Option<VfSetting> {
        let before = self.owned?.settings.get(&attribute)?;
        owned::value_before(attribute, *before)
    }

    fn is_possible(&self, setting: VfSetting, plan: &mut Plan) -> bool {
        let mut problem = |kind, reason| {
            let vf = Some(self.index);
            plan.problems.push(Problem {
                kind,
                vf,
                step: None,
                reason,
                hint: None,
            });
            false
        };
        let Some(interface) = &self.input.pf.interface else {
            return problem(
                ProblemKind::Awaits,
                "its PF has no network interface".to_owned(),
            );
        };
        let lacks = |capability| self.input.unsupported.contains(&capability);
        let attribute = setting.attribute();
        if lacks(Capability::Attribute(attribute)) {
            return problem(
                ProblemKind::Unsupported,
                self.unsupported(&attribute.to_string()),
            );
        }
        match setting {
            VfSetting::Vlan(vlan)
                if vlan.proto == VlanProto::Dot1ad && lacks(Capability::Vlan8021ad) =>
            {
                problem(
                    ProblemKind::Unsupported,
                    self.unsupported("vlan_proto 802.1ad"),
                )
            }
            VfSetting::TxRate(rate) if rate.min != 0 && lacks(Capability::MinTxRate) => {
                problem(ProblemKind::Unsupported, self.unsupported("min_tx_rate"))
            }
            // Intel's drivers check a rate against the link's speed and refuse it without one.
            VfSetting::TxRate(rate) if rate != TxRate::default() && !interface.carrier => problem(
                ProblemKind::Awaits,
                "its rate is set when the PF has a link".to_owned(),
            ),
            _ => true,
        }
    }

    fn unsupported(&self, what: &str) -> String {
        let driver = self
            .input
            .pf
            .driver
            .as_ref()
            .map_or("the driver", |driver| driver.as_str());
        format!("{what} is not supported by {driver}")
    }

    /// The driver that is to be bound, if another is or the bound one must read its MAC again.
    fn bind(&self) -> Option<BindTarget> {
        let bound = self.snapshot.driver.as_ref();
        match &self.wanted.device_type {
            DeviceType::Driver(driver) if bound == Some(driver) => None,
            DeviceType::Driver(driver) => Some(BindTarget::Driver(driver.clone())),
            DeviceType::Netdevice => self.needs_default_driver().then_some(BindTarget::Default),
        }
    }

    fn needs_default_driver(&self) -> bool {
        let Some(bound) = &self.snapshot.driver else {
            return self.desired.driver_autoprobe != Some(false);
        };
        // An unclaimed VF keeps the driver that somebody else gave it.
        let ours = self.wanted.claim.is_some() || self.owned.is_some_and(|owned| owned.driver);
        let foreign = bound.is_userspace() || self.snapshot.driver_override.is_some();
        (ours && foreign) || self.has_stale_mac()
    }

    /// An address set through the PF reaches the VF's netdev when its driver probes.
    fn has_stale_mac(&self) -> bool {
        let (wanted, interface) = (self.wanted.settings.mac, self.snapshot.interface.as_ref());
        wanted
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
        Some(Step::SetVfMtu {
            vf: self.index,
            interface: interface.index,
            mtu,
        })
    }
}
