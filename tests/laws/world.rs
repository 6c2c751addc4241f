//! Random policies, hosts and events, and what happens to an agent that lives among them.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use rustix::io::Errno;
use sriovd::host::Host;
use sriovd::model::*;
use sriovd::policy::resolve::Resolution;
use sriovd::policy::{
    DeviceType, Disruption, MacChoice, NumVfs, OnRemoval, PfMatch, PfNamePattern, Policy,
    PolicySet, VfOverride,
};
use sriovd::reconcile::{End, Ledger, Outcome, Progress};
use sriovd::sim::{DriverModel, Quiet, SimAgent, SimHost, SimPf, StopAfter, sample};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

const SLOTS: usize = 3;
const KINDS: [&str; 7] = [
    "set-autoprobe",
    "set-numvfs",
    "set-pf-up",
    "set-pf-mtu",
    "set-vf",
    "bind",
    "set-vf-mtu",
];

#[derive(Clone)]
pub(crate) struct World {
    /// Sets of policies that take turns.
    pub(crate) policies: [Vec<Policy>; 2],
    pub(crate) nics: [Option<Nic>; SLOTS],
}

/// A counter-example that can be read: a line for each thing, and of policies what they ask for.
impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (turn, policies) in self.policies.iter().enumerate() {
            for policy in policies {
                let nothing = fields(&sample::policy(policy.name.clone()));
                let asked = fields(policy).into_iter().zip(nothing);
                let asked: Vec<_> = asked.filter(|(is, not)| is != not).collect();
                let asked: Vec<_> = asked.into_iter().map(|(is, _)| is).collect();
                writeln!(f, "\n  [{turn}] {}: {}", policy.name, asked.join("; "))?;
            }
        }
        for nic in self.nics.iter().flatten() {
            writeln!(f, "  {}", format_args!("{nic:?}"))?;
        }
        Ok(())
    }
}

/// `key: value` of each key.
fn fields(policy: &Policy) -> Vec<String> {
    let text = format!("{policy:#?}");
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines().skip(1) {
        match line.strip_prefix("    ") {
            Some(line) if !line.starts_with([' ', '}', ']', ')']) => fields.push(line.to_owned()),
            Some(line) => fields.last_mut().unwrap().push_str(line.trim_start()),
            None => {}
        }
    }
    fields
}

/// What is plugged in, short enough to read in a counter-example.
#[derive(Clone)]
pub(crate) struct Nic {
    slot: usize,
    driver: &'static str,
    busy_after_creation: u32,
    cable: Option<u32>,
    autoprobe: bool,
    name_is_final: bool,
}

impl fmt::Debug for Nic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            slot,
            driver,
            busy_after_creation,
            cable,
            autoprobe,
            name_is_final,
        } = self;
        write!(
            f,
            "slot {slot}: {driver}, busy {busy_after_creation}, cable {cable:?}, "
        )?;
        write!(f, "autoprobe {autoprobe}, named {name_is_final}")
    }
}

impl Nic {
    pub(crate) fn to_sim(&self) -> SimPf {
        let model = DriverModel::of(self.driver);
        let model = DriverModel {
            total_vfs: model.total_vfs.min(7),
            busy_after_creation: self.busy_after_creation,
            ..model
        };
        let mut pf = SimPf::new(slot(self.slot), model);
        pf.cable = self.cable;
        pf.snapshot.autoprobe = self.autoprobe;
        let interface = pf.snapshot.interface.as_mut().unwrap();
        interface.name_is_final = self.name_is_final;
        interface.permanent_mac = mac(self.slot, self.driver);
        pf
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    Plug(usize, Nic),
    Unplug(usize),
    UnbindPf(usize),
    BindPf(usize),
    NumVfs(usize, u16),
    SetVf(usize, u16, VfSetting),
    UnbindVf(usize, u16),
    PfUp(usize, bool),
    PfMtu(usize, u32),
    Cable(usize, Option<u32>),
    Autoprobe(usize, bool),
    NameIsFinal(usize, bool),
    NetdevElsewhere(usize, bool),
    ShortList(usize, Option<u16>),
    Hold(usize, u16, Holder),
    Release(usize, u16),
    Vfio(bool),
    Policies(usize),
    Fault(usize, &'static str, Fault),
    Pass(usize),
    PassAll,
    Retry,
    Crash(usize, usize),
    Restart,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    Fail(Errno, u32),
    DoAndFail(Errno),
    NoEffect(u32),
    FewerVfs(u16),
    Vanish,
    Blind,
}

impl Event {
    pub(crate) fn pf(&self) -> Option<PciAddress> {
        use Event::*;
        match self {
            Plug(slot, _)
            | Unplug(slot)
            | UnbindPf(slot)
            | BindPf(slot)
            | NumVfs(slot, _)
            | SetVf(slot, ..)
            | UnbindVf(slot, _)
            | PfUp(slot, _)
            | PfMtu(slot, _)
            | Cable(slot, _)
            | Autoprobe(slot, _)
            | NameIsFinal(slot, _)
            | NetdevElsewhere(slot, _)
            | ShortList(slot, _)
            | Hold(slot, ..)
            | Release(slot, _)
            | Fault(slot, ..)
            | Pass(slot)
            | Crash(slot, _) => Some(self::slot(*slot)),
            Vfio(_) | Policies(_) | PassAll | Retry | Restart => None,
        }
    }

    pub(crate) fn is_fault(&self) -> bool {
        matches!(self, Self::Fault(..))
    }
}

pub(crate) fn slot(slot: usize) -> PciAddress {
    PciAddress::new(0, u8::try_from(slot).unwrap() + 1, 0, 0).unwrap()
}

/// Each NIC its own: another one in the same slot is another PF.
fn mac(slot: usize, driver: &str) -> MacAddress {
    let [.., last] = driver.len().to_be_bytes();
    let first = driver.bytes().next().unwrap();
    MacAddress([0x52, 0x54, first, last, u8::try_from(slot).unwrap() + 1, 0])
}

fn nic(slot: usize) -> impl Strategy<Value = Nic> {
    let mut drivers: Vec<_> = DriverModel::ALL.iter().map(|model| model.name).collect();
    drivers.push(DriverModel::GENERIC.name);
    let cable = option::weighted(0.8, select(vec![100u32, 1000, 10_000]));
    let named = prop::bool::weighted(0.8);
    (select(drivers), 0..3u32, cable, any::<bool>(), named).prop_map(
        move |(driver, busy_after_creation, cable, autoprobe, name_is_final)| Nic {
            slot,
            driver,
            busy_after_creation,
            cable,
            autoprobe,
            name_is_final,
        },
    )
}

fn range() -> impl Strategy<Value = VfRange> {
    select(vec!["0-3", "0-1", "2-3", "4-9", "0,2,5", "1"]).prop_map(|text| text.parse().unwrap())
}

fn vlan() -> impl Strategy<Value = Vlan> {
    let proto = prop_oneof![9 => Just(VlanProto::Dot1q), 1 => Just(VlanProto::Dot1ad)];
    (select(vec![0u16, 7, 100]), 0..2u8, proto).prop_map(|(id, qos, proto)| match id {
        0 => Vlan::NONE,
        id => Vlan { id, qos, proto },
    })
}

fn tx_rate() -> impl Strategy<Value = TxRate> {
    select(vec![(0, 0), (0, 50), (0, 500), (10, 50)]).prop_map(|(min, max)| TxRate { min, max })
}

fn link_state() -> impl Strategy<Value = LinkState> {
    select(vec![LinkState::Auto, LinkState::Enable, LinkState::Disable])
}

fn settings() -> impl Strategy<Value = VfSettings> {
    let seldom = 0.3;
    (
        option::of(any::<bool>()),
        option::weighted(0.5, vlan()),
        option::of(any::<bool>()),
        option::weighted(seldom, tx_rate()),
        option::weighted(seldom, link_state()),
        option::weighted(seldom, any::<bool>()),
    )
        .prop_map(
            |(trust, vlan, spoof_check, tx_rate, link_state, query_rss)| VfSettings {
                trust,
                mac: None,
                vlan,
                spoof_check,
                tx_rate,
                link_state,
                query_rss,
            },
        )
}

fn setting() -> impl Strategy<Value = VfSetting> {
    let mac = any::<u8>().prop_map(|last| VfSetting::Mac(MacAddress([2, 0xee, 0, 0, 0, last])));
    prop_oneof![
        any::<bool>().prop_map(VfSetting::Trust),
        any::<bool>().prop_map(VfSetting::SpoofCheck),
        vlan().prop_map(VfSetting::Vlan),
        mac,
    ]
}

fn matches() -> impl Strategy<Value = PfMatch> {
    let name = (
        select(vec!["ens1", "ens2", "ens[12]", "ens?", "*"]),
        option::weighted(0.2, range()),
    );
    let name = name.prop_map(|(glob, vfs)| PfMatch {
        pf_name: vec![PfNamePattern {
            glob: glob.to_owned(),
            vfs,
        }],
        ..PfMatch::default()
    });
    let address = (0..2usize).prop_map(|slot| PfMatch {
        pci_address: vec![self::slot(slot)],
        ..PfMatch::default()
    });
    let vendor = select(vec![0x8086, 0x15b3]).prop_map(|vendor| PfMatch {
        vendor: vec![PciId(vendor)],
        ..PfMatch::default()
    });
    let mac = (0..2usize).prop_map(|slot| PfMatch {
        mac: vec![mac(slot, "igb"), mac(slot, "mlx5_core")],
        ..PfMatch::default()
    });
    prop_oneof![3 => name, 4 => address, 2 => vendor, 1 => mac]
}

pub(crate) fn policy(name: &str) -> BoxedStrategy<Policy> {
    let name: PolicyName = name.parse().unwrap();
    let num_vfs = prop_oneof![
        6 => (0..6u16).prop_map(NumVfs::Count),
        1 => Just(NumVfs::Count(9)),
        1 => Just(NumVfs::Max),
    ];
    let vfio = || DeviceType::Driver("vfio-pci".parse().unwrap());
    let driver = prop_oneof![3 => Just(DeviceType::Netdevice), 1 => Just(vfio())];
    let mac = prop_oneof![Just(MacChoice::Kernel), Just(MacChoice::Stable)];
    let special = (0..4u16, settings()).prop_map(|(vf, settings)| {
        let mac = None;
        BTreeMap::from([(VfIndex(vf), VfOverride { mac, settings })])
    });
    let wants = (
        option::weighted(0.8, num_vfs),
        option::weighted(0.4, range()),
        option::weighted(0.3, select(vec![1400u32, 2000, 9000])),
        driver,
        option::weighted(0.2, any::<bool>()),
        option::weighted(0.2, any::<bool>()),
        settings(),
        mac,
        special,
    );
    let manners = (
        select(vec![0u8, 10, 99]),
        prop_oneof![4 => Just(OnRemoval::Reset), 1 => Just(OnRemoval::Keep)],
        prop_oneof![4 => Just(Disruption::WhenUnused), 1 => Just(Disruption::Never)],
    );
    (matches(), wants, manners)
        .prop_map(move |(matches, wants, manners)| {
            let (
                num_vfs,
                vfs,
                mtu,
                device_type,
                driver_autoprobe,
                external,
                settings,
                mac,
                overrides,
            ) = wants;
            let (priority, on_removal, disruption) = manners;
            Policy {
                priority,
                matches,
                num_vfs,
                vfs,
                mtu: mtu.map(|mtu| mtu.try_into().unwrap()),
                device_type,
                driver_autoprobe,
                external,
                settings,
                mac,
                overrides,
                on_removal,
                disruption,
                ..sample::policy(name.clone())
            }
        })
        .boxed()
}

pub(crate) fn world() -> impl Strategy<Value = World> {
    let policies = || {
        let all = (policy("a"), policy("b"), policy("c"));
        (all, 0..=3usize).prop_map(|((a, b, c), count)| {
            let mut policies = vec![a, b, c];
            policies.truncate(count);
            policies
        })
    };
    let nic = |slot| option::weighted(0.8, nic(slot));
    let nics = [nic(0), nic(1), nic(2)];
    ([policies(), policies()], nics).prop_map(|(policies, nics)| World { policies, nics })
}

fn fault() -> impl Strategy<Value = Fault> {
    let errno = || {
        select(vec![
            Errno::PERM,
            Errno::IO,
            Errno::AGAIN,
            Errno::BUSY,
            Errno::NOMEM,
            Errno::INVAL,
        ])
    };
    let times = || prop_oneof![1..4u32, Just(u32::MAX)];
    prop_oneof![
        4 => (errno(), times()).prop_map(|(errno, times)| Fault::Fail(errno, times)),
        2 => errno().prop_map(Fault::DoAndFail),
        2 => times().prop_map(Fault::NoEffect),
        1 => (0..3u16).prop_map(Fault::FewerVfs),
        1 => Just(Fault::Vanish),
        1 => Just(Fault::Blind),
    ]
}

fn holder() -> impl Strategy<Value = Holder> {
    let name = Some("blue".to_owned());
    let netns = "/run/netns/pod".to_owned();
    let address = "192.0.2.1".to_owned();
    select(vec![
        Holder::Namespace { name },
        Holder::CniAllocation { netns },
        Holder::Address { address },
        Holder::VfioGroup { group: 9 },
    ])
}

fn event() -> BoxedStrategy<Event> {
    use Event::*;
    let slot = || 0..SLOTS;
    let vf = || 0..7u16;
    let host = prop_oneof![
        slot().prop_flat_map(|slot| nic(slot).prop_map(move |nic| Plug(slot, nic))),
        slot().prop_map(Unplug),
        slot().prop_map(UnbindPf),
        slot().prop_map(BindPf),
        (slot(), 0..6u16).prop_map(|(slot, count)| NumVfs(slot, count)),
        (slot(), vf(), setting()).prop_map(|(slot, vf, setting)| SetVf(slot, vf, setting)),
        (slot(), vf()).prop_map(|(slot, vf)| UnbindVf(slot, vf)),
        (slot(), any::<bool>()).prop_map(|(slot, up)| PfUp(slot, up)),
        (slot(), select(vec![1500, 4000])).prop_map(|(slot, mtu)| PfMtu(slot, mtu)),
        (slot(), option::of(select(vec![100, 1000]))).prop_map(|(slot, to)| Cable(slot, to)),
        (slot(), any::<bool>()).prop_map(|(slot, on)| Autoprobe(slot, on)),
        (slot(), any::<bool>()).prop_map(|(slot, named)| NameIsFinal(slot, named)),
        (slot(), any::<bool>()).prop_map(|(slot, away)| NetdevElsewhere(slot, away)),
        (slot(), option::of(0..4u16)).prop_map(|(slot, end)| ShortList(slot, end)),
        any::<bool>().prop_map(Vfio),
    ];
    let users = prop_oneof![
        2 => (slot(), vf(), holder()).prop_map(|(slot, vf, by)| Hold(slot, vf, by)),
        1 => (slot(), vf()).prop_map(|(slot, vf)| Release(slot, vf)),
    ];
    let faults = (slot(), select(&KINDS[..]), fault())
        .prop_map(|(slot, kind, fault)| Fault(slot, kind, fault));
    let agent = prop_oneof![
        4 => slot().prop_map(Pass),
        4 => Just(PassAll),
        1 => Just(Retry),
        2 => (slot(), 0..12usize).prop_map(|(slot, steps)| Crash(slot, steps)),
        1 => Just(Restart),
        1 => (0..2usize).prop_map(Policies),
    ];
    prop_oneof![4 => host.boxed(), 2 => users.boxed(), 2 => faults.boxed(), 6 => agent.boxed()]
        .boxed()
}

pub(crate) fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    vec(event(), 0..most)
}

pub(crate) struct Run {
    pub(crate) agent: SimAgent,
    policies: [Vec<Policy>; 2],
    netdevs: BTreeMap<PciAddress, PfInterface>,
    /// PFs that some policy named once.
    pub(crate) named: BTreeSet<PciAddress>,
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
            Event::PfUp(_, up) => host.set_pf_up(pf, *up),
            Event::PfMtu(_, mtu) => host.set_pf_mtu(pf, (*mtu).try_into().unwrap()),
            Event::Cable(_, speed) => host.set_cable(pf, *speed),
            Event::Autoprobe(_, on) => host.edit(pf, |pf| pf.snapshot.autoprobe = *on),
            Event::NameIsFinal(_, named) => host.edit(pf, |pf| {
                if let Some(interface) = &mut pf.snapshot.interface {
                    interface.name_is_final = *named;
                }
            }),
            Event::NetdevElsewhere(_, true) => {
                let netdevs = &mut self.netdevs;
                host.edit(pf, |pf| {
                    let taken = pf.snapshot.interface.take();
                    netdevs.extend(taken.map(|netdev| (pf.snapshot.address, netdev)));
                });
            }
            Event::NetdevElsewhere(_, false) => self.show(pf),
            Event::ShortList(_, end) => host.edit(pf, |pf| pf.listed_vfs = *end),
            Event::Hold(_, index, by) => host.hold(pf, vf(index), by.clone()),
            Event::Release(_, index) => host.release(pf, vf(index)),
            Event::Vfio(true) => host.install_driver(&"vfio-pci".parse().unwrap()),
            Event::Vfio(false) => host.remove_driver("vfio-pci".parse().unwrap()),
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
                    self.pass(self::slot(slot));
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
            let back = |pf: &mut SimPf| pf.snapshot.interface = Some(netdev);
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
        }
    }

    /// `None`: there is no such PF.
    pub(crate) fn pass(&mut self, pf: PciAddress) -> Option<Outcome> {
        self.watched_pass(pf, &Quiet)
    }

    /// A PF that no policy ever named must be left alone, and so must a VF that was lent.
    fn watched_pass(&mut self, pf: PciAddress, progress: &dyn Progress) -> Option<Outcome> {
        let lent = self.lent(pf);
        let known = self.agent.ledger.owned(pf);
        let present = self.agent.host.pf(pf);
        if known
            .zip(present)
            .is_some_and(|(known, pf)| known.is_of(&pf))
        {
            self.named.insert(pf);
        }
        self.agent.host.take_attempts();
        let outcome = self.agent.pass_with(pf, progress, false);
        let attempts = self.agent.host.take_attempts();
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
        for attempt in attempts {
            let step = attempt.action.step;
            let touched = step.vf().filter(|vf| lent.contains(vf));
            assert_eq!(touched, None, "a lent VF was touched: {step}");
        }
        Some(outcome).filter(|outcome| !matches!(outcome.end, End::Gone))
    }

    /// VFs that a CNI plugin lent to a container.
    fn lent(&self, pf: PciAddress) -> BTreeSet<VfIndex> {
        let pf = self.agent.host.pf(pf);
        let lent = pf.into_iter().flat_map(|pf| {
            let vfs = pf.vfs;
            let holders = pf.holders.unwrap_or_default().into_iter();
            holders.filter_map(move |(vf, by)| {
                let bound = vfs[&vf].driver.is_some();
                (bound && by.iter().any(Holder::is_allocation)).then_some(vf)
            })
        });
        lent.collect()
    }

    pub(crate) fn end_faults(&mut self) {
        self.agent.host.clear_faults();
        self.happen(&Event::Vfio(true));
        for slot in 0..SLOTS {
            let pf = self::slot(slot);
            self.show(pf);
            let host = &self.agent.host;
            host.edit(pf, |pf| pf.listed_vfs = None);
        }
    }

    /// Retries and passes until nothing is done any more; `None`: it does not come to rest.
    pub(crate) fn settle(&mut self) -> Option<BTreeMap<PciAddress, Outcome>> {
        for _ in 0..6 {
            self.agent.retry();
            let pfs = self.agent.host.pfs().unwrap();
            let outcomes: BTreeMap<PciAddress, Outcome> = pfs
                .into_iter()
                .filter_map(|pf| Some((pf, self.pass(pf)?)))
                .collect();
            let at_rest =
                |outcome: &Outcome| outcome.performed.is_empty() && !outcome.blocked.awaits_retry();
            if outcomes.values().all(at_rest) {
                return Some(outcomes);
            }
        }
        None
    }
}
