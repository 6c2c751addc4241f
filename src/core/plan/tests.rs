//! One sentence each: what is planned from what is wanted, what is and what is owned.

mod blocked;
mod bridge;
mod driver;
mod eswitch;
mod held;
mod mac;
mod numvfs;
mod params;
mod pf;
mod removal;
mod stage;
mod vf;

use super::*;
use crate::host::{Host, Look};
use crate::model::{
    BindTarget, Holder, MacAddress, Mtu, Node, PciAddress, Persistence, PfSnapshot, PfStep, Step,
    TakenAddresses, TxRate, VfAttribute, VfIndex, VfSetting, VfSettings, VfStep, Vlan, VlanProto,
};
use crate::policy::resolve::resolve;
use crate::policy::{DeviceType, Disruption, MacChoice, NumVfs, OnRemoval, Policy, PolicySet};
use crate::report::{Pause, ProblemKind};
use crate::sim::{DriverModel, SimHost, SimPf, sample};
use std::collections::{BTreeMap, BTreeSet};

/// A PF with its policies, as the planner meets it.
struct Case {
    policies: Vec<Policy>,
    pf: PfSnapshot,
    owned: Option<OwnedPf>,
    others: TakenAddresses,
    blocked: Blocked,
    force: bool,
    paused: Option<Pause>,
    interface_is_overdue: bool,
}

impl Case {
    /// An igb PF that is up, with so many VFs, and nobody at them.
    fn new(vfs: u16, wants: impl FnOnce(&mut Policy)) -> Self {
        let host = SimHost::default();
        let address: PciAddress = "0000:01:00.0".parse().unwrap();
        host.plug(SimPf::new(address, DriverModel::IGB));
        host.set_pf_up(address, true);
        host.set_num_vfs_by_hand(address, vfs);
        let mut policy = sample::policy("a".parse().unwrap());
        wants(&mut policy);
        Self {
            policies: vec![policy],
            pf: host.observe(address, Look::WithHolders).unwrap().unwrap(),
            owned: None,
            others: TakenAddresses::default(),
            blocked: Blocked::default(),
            force: false,
            paused: None,
            interface_is_overdue: false,
        }
    }

    fn lacks(&mut self, capabilities: &[Capability]) {
        let owned = self.owned.get_or_insert_default();
        owned.unsupported = capabilities.iter().copied().collect();
    }

    fn resolution(&self) -> Resolution {
        let set = PolicySet {
            policies: self.policies.clone(),
            ..PolicySet::default()
        };
        resolve(&set, &Node::default(), &self.pf)
    }

    fn plan(&self) -> Plan {
        plan(&Input {
            resolution: &self.resolution(),
            pf: &self.pf,
            paused: self.paused.as_ref(),
            owned: self.owned.as_ref(),
            others: Others::Seen(&self.others),
            blocked: &self.blocked,
            force: self.force,
            interface_is_overdue: self.interface_is_overdue,
        })
    }

    #[track_caller]
    fn plans(&self, steps: &[&str]) {
        let planned: Vec<String> = self.plan().steps.iter().map(Step::to_string).collect();
        assert_eq!(planned, steps);
    }

    #[track_caller]
    fn reports(&self, problems: &[(ProblemKind, Option<u16>)]) {
        let planned = self.plan().problems;
        let kinds: Vec<_> = planned
            .iter()
            .map(|problem| (problem.kind, problem.vf.map(|vf| vf.0)))
            .collect();
        assert_eq!(kinds, problems, "{planned:?}");
    }

    fn hold(&mut self, vf: u16, by: Holder) {
        let holders = self.pf.holders.as_mut().unwrap();
        holders.entry(VfIndex(vf)).or_default().insert(by);
    }

    fn vf(&mut self, vf: u16) -> &mut crate::model::VfSnapshot {
        self.pf.vfs.get_mut(&VfIndex(vf)).unwrap()
    }

    fn interface(&mut self) -> &mut crate::model::PfInterface {
        self.pf.interface.as_mut().unwrap()
    }

    fn block(&mut self, step: Step) {
        let reason = "it failed".to_owned();
        let pf = &self.pf;
        self.blocked
            .insert(step, reason, Persistence::UntilChange, pf, pf);
    }
}

fn count(count: u16) -> impl FnOnce(&mut Policy) {
    move |policy| policy.num_vfs = Some(NumVfs::Count(count))
}

fn blue() -> Holder {
    let name = Some("blue".to_owned());
    Holder::Namespace { name }
}

fn allocated() -> Holder {
    let netns = "/run/netns/pod".to_owned();
    Holder::CniAllocation { netns }
}

fn mtu(mtu: u32) -> Mtu {
    mtu.try_into().unwrap()
}

fn vlan(id: u16) -> Vlan {
    Vlan { id, ..Vlan::NONE }
}

fn mac(last: u8) -> MacAddress {
    MacAddress([2, 0, 0, 0, 0, last])
}

fn vfio() -> DeviceType {
    DeviceType::Driver("vfio-pci".parse().unwrap())
}

fn wants(settings: &[VfSetting]) -> impl FnOnce(&mut Policy) {
    move |policy| {
        settings
            .iter()
            .for_each(|&setting| policy.settings.set(setting));
    }
}

fn fixed(policy: &mut Policy) {
    policy.mac = MacChoice::Fixed(mac(1));
}

/// As after `fixed` was done.
fn with_fixed_mac(case: &mut Case) {
    case.vf(0).settings.mac = Some(mac(1));
    case.vf(0).interface.as_mut().unwrap().mac = mac(1);
}

/// As after a policy gave VF 0 an address, on top of this one.
fn with_our_mac(case: &mut Case, before: MacAddress) {
    with_fixed_mac(case);
    let before = Some(VfSetting::Mac(before));
    let mine = owned::OwnedVf {
        settings: [(VfAttribute::Mac, before)].into(),
        mac: Some(mac(1)),
        ..Default::default()
    };
    case.owned = Some(OwnedPf {
        vfs: [(VfIndex(0), mine)].into(),
        ..OwnedPf::default()
    });
}
