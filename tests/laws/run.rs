//! An agent among events.

use super::check;
use super::listener::Listener;
use super::world::*;
use sriovd_core::host::Host;
use sriovd_core::model::Errno;
use sriovd_core::model::bridge::{BridgePort, OpenVswitch};
use sriovd_core::model::*;
use sriovd_core::policy::resolve::{Resolution, resolve};
use sriovd_core::policy::{DeviceType, Policy, PolicySet};
use sriovd_core::reconcile::{End, Ledger, Observer, Outcome};
use sriovd_sim::{DriverModel, Quiet, SimAgent, SimHost, SimPf, StopAfter};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) struct Run {
    pub(crate) agent: SimAgent,
    policies: [Vec<Policy>; 2],
    netdevs: BTreeMap<PciAddress, PfInterface>,
    /// PFs that some policy named once.
    pub(crate) named: BTreeSet<PciAddress>,
    /// PFs that are there, as the last pass that could look at them did.
    seen: BTreeMap<PciAddress, Seen>,
    pub(crate) listener: Listener,
}

/// By which somebody uses a PF.
pub(crate) fn used() -> Holder {
    let address = "192.0.2.9".to_owned();
    Holder::Address { address }
}

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) pf: PfSnapshot,
    pub(crate) resolution: Resolution,
}

impl Run {
    pub(crate) fn new(world: &World) -> Self {
        let host = SimHost::new(Node::default());
        for nic in world.nics.iter().flatten() {
            host.plug(nic.to_sim());
        }
        let mut run = Self {
            agent: SimAgent::new(host, PolicySet::default()),
            policies: world.policies.clone(),
            netdevs: BTreeMap::new(),
            named: BTreeSet::new(),
            seen: BTreeMap::new(),
            listener: Listener::default(),
        };
        run.happen(&Event::Policies(0));
        run
    }

    pub(crate) fn happen(&mut self, event: &Event) {
        let vf = |vf: &u16| VfIndex(*vf);
        let pf = event.pf().unwrap_or(slot(0));
        let host = &self.agent.host;
        match event {
            Event::Plug(_, new) => {
                let old = host.unplug(pf);
                self.netdevs.remove(&pf);
                if old.is_none_or(|old| old.model.name != new.driver) {
                    self.named.remove(&pf);
                }
                host.plug(new.to_sim());
            }
            Event::Unplug(_) => {
                host.unplug(pf);
            }
            Event::UnbindPf(_) => {
                self.show(pf);
                self.agent.host.unbind_pf(pf);
            }
            Event::BindPf(_) => host.bind_pf(pf),
            Event::NumVfs(_, count) => host.set_num_vfs_by_hand(pf, *count),
            Event::LoseVfs(_, first) => host.lose_vfs_from(pf, vf(first)),
            Event::SetVf(_, index, setting) => {
                let told = host.pf(pf).and_then(|pf| {
                    let vf = pf.vfs.get(&vf(index))?;
                    vf.settings.get(setting.attribute())
                });
                if told.is_some() {
                    host.set_vf_setting(pf, vf(index), *setting);
                }
            }
            Event::UnbindVf(_, index) => host.unbind_vf(pf, vf(index)),
            Event::Drive(_, index, bound) => {
                let vfio = "vfio-pci".parse().unwrap();
                match bound {
                    true => host.give_driver(pf, vf(index), vfio),
                    false => host.choose_driver(pf, vf(index), vfio),
                }
            }
            Event::PfUp(_, up) => host.set_pf_up(pf, *up),
            Event::EswitchMode(_, mode) => host.set_eswitch_mode(pf, *mode),
            Event::PfMtu(_, mtu) => host.set_pf_mtu(pf, (*mtu).try_into().unwrap()),
            Event::Cable(_, speed) => host.set_cable(pf, *speed),
            Event::Autoprobe(_, on) => host.edit(pf, |pf| pf.snapshot.autoprobe = *on),
            Event::NameIsFinal(_, named) => host.edit(pf, |pf| {
                if let Some(interface) = &mut pf.snapshot.interface {
                    interface.name_is_final = *named;
                }
            }),
            Event::NetdevsCome(_) => host.finish_probing(pf),
            Event::NetdevElsewhere(_, true) => {
                let netdevs = &mut self.netdevs;
                host.edit(pf, |pf| {
                    let taken = pf.snapshot.interface.take();
                    pf.snapshot.interface_elsewhere |= taken.is_some();
                    netdevs.extend(taken.map(|netdev| (pf.snapshot.address, netdev)));
                });
            }
            Event::NetdevElsewhere(_, false) => self.show(pf),
            Event::ShortList(_, end) => host.edit(pf, |pf| pf.listed_vfs = *end),
            Event::Bridge(_, hand) => host.edit_bridges(|all| touch(all, pf, *hand)),
            Event::Hold(_, index, by) => host.hold(pf, vf(index), by.clone()),
            Event::OpenGroup(_, index) => host.open_group(pf, vf(index)),
            Event::UsePf(_, true) => host.use_pf(pf, used()),
            Event::UsePf(_, false) => host.leave_pf(pf),
            Event::Release(_, index) => host.release(pf, vf(index)),
            Event::Vfio(true) => host.install_driver(&"vfio-pci".parse().unwrap()),
            Event::Vfio(false) => host.remove_driver("vfio-pci".parse().unwrap()),
            Event::ModulesLate(late) => {
                for model in DriverModel::ALL.into_iter().chain([DriverModel::GENERIC]) {
                    let driver: DriverName = model.vf_driver.parse().unwrap();
                    match late {
                        true => host.delay_driver(driver),
                        false => host.load_driver(&driver),
                    }
                }
            }
            Event::Policies(turn) => {
                let policies = self.policies[*turn].clone();
                self.agent.policies = PolicySet {
                    policies,
                    ..PolicySet::default()
                };
            }
            Event::Fault(_, kind, fault) => self.plant(pf, kind, *fault),
            Event::Pass(_) => {
                self.pass(pf);
            }
            Event::PassAll => {
                for slot in 0..SLOTS {
                    self.pass(super::world::slot(slot));
                }
            }
            Event::Retry => self.agent.retry(),
            Event::Crash(_, steps) => {
                self.watched_pass(pf, &StopAfter::steps(*steps));
                self.agent.restart();
            }
            Event::Restart => self.agent.restart(),
        }
    }

    fn show(&mut self, pf: PciAddress) {
        if let Some(netdev) = self.netdevs.remove(&pf) {
            let back = |pf: &mut SimPf| {
                pf.snapshot.interface = Some(netdev);
                pf.snapshot.interface_elsewhere = false;
            };
            self.agent.host.edit(pf, back);
        }
    }

    fn plant(&self, pf: PciAddress, kind: &'static str, fault: Fault) {
        let host = &self.agent.host;
        let hits = move |action: &Action| action.pf == pf && action.step.kind() == kind;
        match fault {
            Fault::Fail(errno, times) => host.fail_next(hits, errno, times),
            Fault::DoAndFail(errno) => host.do_and_fail(hits, errno, 1),
            Fault::NoEffect(times) => host.succeed_without_effect(hits, times),
            Fault::FewerVfs(count) => host.make_fewer_vfs(pf, count, u32::MAX),
            Fault::Vanish => host.vanish_during(hits),
            Fault::Blind => host.blind(pf, Some(Errno::IO)),
            Fault::Records => host.hide_records(pf, Some(Errno::TIMEDOUT)),
            Fault::Look(number, errno) => host.fail_look(Some(pf), number, errno),
        }
    }

    /// `None`: there is no such PF.
    pub(crate) fn pass(&mut self, pf: PciAddress) -> Option<Outcome> {
        self.watched_pass(pf, &Quiet)
    }

    /// A PF that no policy ever named must be left alone, and so must a VF that was allocated.
    pub(crate) fn watched_pass(
        &mut self,
        pf: PciAddress,
        progress: &dyn Observer,
    ) -> Option<Outcome> {
        let allocated = self.allocated(pf);
        let of_others = self.with_drivers_of_others(pf);
        let known = self.agent.ledger.owned(pf);
        let present = self.agent.host.pf(pf);
        if known
            .zip(present.as_ref())
            .is_some_and(|(known, pf)| known.is_of(pf))
        {
            self.named.insert(pf);
        }
        let is_used = (present.as_ref()).is_some_and(|pf| pf.users.iter().any(|it| !it.is_empty()));
        let loses_vfs = present.is_some_and(|pf| pf.count_is_changing);
        self.agent.host.take_attempts();
        let outcome = self.agent.pass_with(pf, progress, false);
        let attempts = self.agent.host.take_attempts();
        check::what_is_told_is_so(&outcome.end);
        self.remember(pf, &outcome.end);
        match &outcome.end {
            End::Seen {
                resolution: Resolution::Desired(_),
                ..
            } => {
                self.named.insert(pf);
            }
            End::Seen { .. } if !self.named.contains(&pf) => {
                assert_eq!(attempts, [], "a PF was touched that no policy named");
            }
            _ => {}
        }
        let new_vfs = attempts
            .iter()
            .any(|attempt| matches!(attempt.action.step, Step::Pf(PfStep::SetNumVfs { .. })));
        for attempt in attempts {
            let step = attempt.action.step;
            let touched = step.vf().filter(|vf| allocated.contains(vf));
            assert_eq!(touched, None, "an allocated VF was touched: {step}");
            let is_bind = matches!(step, Step::Vf(_, VfStep::Bind { .. })) && !new_vfs;
            let bound = step.vf().filter(|vf| is_bind && of_others.contains(vf));
            assert_eq!(bound, None, "a driver that is another's affair: {step}");
            let down = is_used && matches!(step, Step::Pf(PfStep::SetDown { .. }));
            assert!(!down, "a PF in use was set down");
            let hangs = loses_vfs && matches!(step, Step::Pf(PfStep::SetNumVfs { .. }));
            assert!(!hangs, "{step} while the NIC goes: the kernel stands still");
        }
        Some(outcome).filter(|outcome| !matches!(outcome.end, End::Gone))
    }

    fn remember(&mut self, address: PciAddress, end: &End) {
        match end {
            End::Gone => {
                self.seen.remove(&address);
                self.listener.hear(address, &[]);
            }
            End::Unobservable(_) => {}
            End::Seen {
                pf,
                resolution,
                problems,
            } => {
                let (pf, resolution) = ((**pf).clone(), resolution.clone());
                self.seen.insert(address, Seen { pf, resolution });
                self.listener.hear(address, problems);
            }
        }
    }

    pub(crate) fn seen(&self) -> &BTreeMap<PciAddress, Seen> {
        &self.seen
    }

    /// VFs that a CNI plugin allocated to a container.
    fn allocated(&self, pf: PciAddress) -> BTreeSet<VfIndex> {
        let pf = self.agent.host.pf(pf);
        let allocated = pf.into_iter().flat_map(|pf| {
            let vfs = pf.vfs;
            let holders = pf.holders.unwrap_or_default().into_iter();
            holders.filter_map(move |(vf, by)| {
                let bound = vfs[&vf].driver.is_some();
                (bound && by.iter().any(Holder::is_allocation)).then_some(vf)
            })
        });
        allocated.collect()
    }

    /// VFs whose drivers no policy has a say in: it says so, or it names none and somebody else does.
    fn with_drivers_of_others(&self, pf: PciAddress) -> BTreeSet<VfIndex> {
        let Some(pf) = self.agent.host.pf(pf) else {
            return BTreeSet::new();
        };
        let node = Node::default();
        let Resolution::Desired(desired) = resolve(&self.agent.policies, &node, &pf) else {
            return BTreeSet::new();
        };
        let owned = self.agent.ledger.owned(pf.address).unwrap_or_default();
        let ours = |vf: &VfIndex| owned.vfs.get(vf).is_some_and(|vf| vf.driver);
        let wanted = desired.vfs.into_iter();
        let theirs = wanted.filter(|(index, wanted)| {
            let Some(vf) = pf.vfs.get(index) else {
                return false;
            };
            let user_space = vf.driver.as_ref().is_some_and(DriverName::is_userspace);
            let is_chosen = vf.driver_override.is_some() || user_space;
            let of_another = is_chosen && !wanted.names_driver && !ours(index);
            // Only the address that sriovd gave it is still to come to it.
            let given = owned.vfs.get(index).and_then(|vf| vf.mac);
            let missed =
                owned.unprobed.contains(index) && given.is_some_and(|mac| vf.has_missed(mac));
            match wanted.device_type {
                DeviceType::Any => vf.driver.is_some() && !missed,
                DeviceType::Netdevice => of_another,
                DeviceType::Driver(_) => false,
            }
        });
        theirs.map(|(index, _)| index).collect()
    }

    pub(crate) fn end_faults(&mut self) {
        self.agent.host.clear_faults();
        self.happen(&Event::Vfio(true));
        self.happen(&Event::ModulesLate(false));
        for slot in 0..SLOTS {
            let pf = super::world::slot(slot);
            self.show(pf);
            let host = &self.agent.host;
            host.edit(pf, |pf| pf.listed_vfs = None);
            if host.pf(pf).is_some_and(|pf| pf.count_is_changing) {
                host.unplug(pf);
            }
        }
    }

    /// Retries and passes until nothing is done any more; `None`: it does not come to rest.
    pub(crate) fn settle(&mut self) -> Option<BTreeMap<PciAddress, Outcome>> {
        self.settle_in([0, 1, 2])
    }

    /// With passes in this order of slots.
    pub(crate) fn settle_in(
        &mut self,
        order: [usize; SLOTS],
    ) -> Option<BTreeMap<PciAddress, Outcome>> {
        // A netdev that does not come is awaited for a while.
        for _ in 0..20 {
            self.agent.retry();
            let there = self.agent.host.pfs().unwrap();
            let pfs = order.map(super::world::slot).into_iter();
            let pfs: Vec<_> = pfs.filter(|pf| there.contains(pf)).collect();
            pfs.iter()
                .for_each(|&pf| self.agent.host.finish_probing(pf));
            let outcomes: BTreeMap<PciAddress, Outcome> = pfs
                .into_iter()
                .filter_map(|pf| Some((pf, self.pass(pf)?)))
                .collect();
            let changes = self.agent.addresses.changes();
            let at_rest = |outcome: &Outcome| {
                outcome.performed.is_empty()
                    && !outcome.blocked.awaits_retry()
                    && outcome.lacks_address.is_none_or(|at| at == changes)
            };
            if outcomes.values().all(at_rest) {
                return Some(outcomes);
            }
        }
        None
    }
}

/// What another program does to bridges.
fn touch(all: &mut OpenVswitch, pf: PciAddress, hand: Hand) {
    let mut bridges = all.bridges.values_mut();
    let own = bridges.find(|bridge| bridge.made_for == Some(pf));
    match hand {
        Hand::TakePort => {
            let ports = own.map(|bridge| &mut bridge.ports);
            drop(ports.and_then(BTreeMap::pop_first));
        }
        Hand::PutPort => {
            let ports = own.map(|bridge| &mut bridge.ports).into_iter();
            ports.for_each(|ports| drop(ports.insert("tap0".to_owned(), BridgePort::default())));
        }
        Hand::Make => {
            let name = format!("br-{}", pf.to_string().replace(':', "_"));
            all.bridges.entry(name).or_default();
        }
        Hand::Leave => {
            all.bridges.retain(|_, bridge| bridge.made_for.is_some());
            for bridge in all.bridges.values_mut() {
                bridge.ports.retain(|_, port| port.made_for.is_some());
            }
        }
        Hand::Silence(silent) => {
            all.silent = silent.then(|| "it does not answer".to_owned());
        }
    }
}
