//! Random worlds and events.

use super::world::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use sriovd_core::model::Errno;
use sriovd_core::model::bridge::{BridgeKeys, PortKeys};
use sriovd_core::model::*;
use sriovd_core::policy::{
    DesiredBridge, DesiredRepresentor, DeviceType, Disruption, MacChoice, NumVfs, OnRemoval,
    PfMatch, PfNamePattern, Policy, VfOverride,
};
use sriovd_sim::{DriverModel, sample};
use std::collections::BTreeMap;

fn nic(slot: usize) -> impl Strategy<Value = Nic> {
    let mut drivers: Vec<_> = DriverModel::ALL.iter().map(|model| model.name).collect();
    drivers.push(DriverModel::GENERIC.name);
    let cable = option::weighted(0.8, select(vec![100u32, 1000, 10_000]));
    let named = prop::bool::weighted(0.8);
    let late = prop::bool::weighted(0.2);
    let dead_vf = option::weighted(0.15, 0..4u16);
    let mute_vf = option::weighted(0.15, (0..4u16, prop_oneof![Just(1), Just(u8::MAX)]));
    let nature = (select(drivers), 0..3u32, dead_vf, mute_vf);
    (nature, cable, any::<bool>(), named, late).prop_map(
        move |(nature, cable, autoprobe, name_is_final, late_netdevs)| {
            let (driver, busy_after_creation, dead_vf, mute_vf) = nature;
            Nic {
                slot,
                driver,
                address: mac(slot, driver),
                busy_after_creation,
                cable,
                autoprobe,
                name_is_final,
                late_netdevs,
                dead_vf,
                mute_vf,
            }
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
    let switches: Vec<_> = VfAttribute::switches().collect();
    let on = vec(option::of(any::<bool>()), switches.len());
    (
        on,
        option::weighted(0.5, vlan()),
        option::weighted(seldom, tx_rate()),
        option::weighted(seldom, link_state()),
    )
        .prop_map(move |(on, vlan, tx_rate, link_state)| {
            let mut settings = VfSettings {
                vlan,
                tx_rate,
                link_state,
                ..VfSettings::default()
            };
            for ((_, make), on) in switches.iter().zip(on) {
                on.into_iter().for_each(|on| settings.set(make(on)));
            }
            settings
        })
}

fn eswitch_mode() -> impl Strategy<Value = EswitchMode> {
    select(vec![EswitchMode::Legacy, EswitchMode::Switchdev])
}

fn params() -> impl Strategy<Value = BTreeMap<String, ParamValue>> {
    let text = |text: &str| ParamValue::Text(text.to_owned());
    let all = vec![
        ("max_macs", ParamValue::Number(16)),
        ("test1", ParamValue::Switch(false)),
        ("enable_roce", ParamValue::Switch(false)),
        ("enable_roce", text("off")),
        ("flow_steering_mode", text("smfs")),
        ("enable_sriov", ParamValue::Switch(false)),
    ];
    let one = select(all).prop_map(|(name, value)| (name.to_owned(), value));
    prop_oneof![
        3 => Just(BTreeMap::new()),
        1 => vec(one, 1..3).prop_map(|params| params.into_iter().collect()),
    ]
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
    // Several may feed one.
    let pool = if name == "b" { "b" } else { "a" };
    let name: PolicyName = name.parse().unwrap();
    let num_vfs = prop_oneof![
        6 => (0..6u16).prop_map(NumVfs::Count),
        1 => Just(NumVfs::Count(9)),
        1 => Just(NumVfs::Max),
    ];
    let vfio = || DeviceType::Driver("vfio-pci".parse().unwrap());
    let driver = prop_oneof![
        3 => Just(DeviceType::Netdevice),
        1 => Just(vfio()),
        1 => Just(DeviceType::Any),
    ];
    let mac = prop_oneof![Just(MacChoice::Kernel), Just(MacChoice::Stable)];
    let special = (0..4u16, settings()).prop_map(|(vf, settings)| {
        let mac = None;
        BTreeMap::from([(VfIndex(vf), VfOverride { mac, settings })])
    });
    let wants = (
        option::weighted(0.8, num_vfs),
        option::weighted(0.4, range()),
        option::weighted(0.3, select(vec![1400u32, 2000, 9000])),
        (driver, any::<bool>()),
        option::weighted(0.2, any::<bool>()),
        (
            option::weighted(0.2, any::<bool>()),
            option::weighted(0.3, eswitch_mode()),
            (
                option::weighted(0.3, select(vec![2000u32, 9000])),
                any::<bool>(),
                option::weighted(0.3, any::<bool>()),
                params(),
            ),
            option::weighted(0.5, bridge()),
        ),
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
                (device_type, names_driver),
                driver_autoprobe,
                (external, eswitch_mode, (representor_mtu, up, hw_tc_offload, devlink), bridge),
                settings,
                mac,
                overrides,
            ) = wants;
            let (priority, on_removal, disruption) = manners;
            Policy {
                priority,
                matches,
                resource: Some(pool.parse().unwrap()),
                num_vfs,
                vfs,
                mtu: mtu.map(|mtu| mtu.try_into().unwrap()),
                device_type,
                names_driver,
                driver_autoprobe,
                external,
                eswitch_mode,
                devlink,
                hw_tc_offload,
                representor: DesiredRepresentor {
                    mtu: representor_mtu.map(|mtu| mtu.try_into().unwrap()),
                    up,
                },
                // Only there: `check` lets no other policy have one.
                bridge: bridge.filter(|_| eswitch_mode == Some(EswitchMode::Switchdev)),
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

/// What a file of the kernel that is there may answer all the same.
pub(crate) fn unread() -> impl Strategy<Value = Errno> {
    select(vec![
        Errno::IO,
        Errno::ACCESS,
        Errno::MFILE,
        Errno::NOMEM,
        Errno::NODEV,
    ])
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
        1 => Just(Fault::Records),
        2 => (0..8u32, unread()).prop_map(|(number, errno)| Fault::Look(number, errno)),
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
        Holder::Kubelet {
            resource: "sriovd.io/fast".to_owned(),
            container: None,
        },
    ])
}

fn hand() -> impl Strategy<Value = Hand> {
    select(vec![
        Hand::TakePort,
        Hand::PutPort,
        Hand::Make,
        Hand::Leave,
        Hand::Silence(true),
        Hand::Silence(false),
    ])
}

fn bridge() -> impl Strategy<Value = DesiredBridge> {
    let name = option::weighted(0.2, Just("br0".parse().unwrap()));
    let datapath = option::of(select(vec!["netdev", "system"]));
    let all = (name, datapath, any::<bool>(), any::<bool>(), any::<bool>());
    all.prop_map(
        |(name, datapath, uplink, representors, hw_offload)| DesiredBridge {
            name,
            keys: BridgeKeys {
                datapath_type: datapath.map(str::to_owned),
                ..BridgeKeys::default()
            },
            uplink: uplink.then(PortKeys::default),
            representors,
            hw_offload,
        },
    )
}

fn event() -> BoxedStrategy<Event> {
    use Event::*;
    // Mostly the PFs that policies name by their address, and VFs that exist.
    let slot = || prop_oneof![3 => 0..SLOTS - 1, 1 => 0..SLOTS];
    let vf = || prop_oneof![4 => 0..3u16, 1 => 0..7u16];
    let host = prop_oneof![
        slot().prop_flat_map(|slot| nic(slot).prop_map(move |nic| Plug(slot, nic))),
        slot().prop_map(Unplug),
        slot().prop_map(UnbindPf),
        slot().prop_map(BindPf),
        (slot(), 0..6u16).prop_map(|(slot, count)| NumVfs(slot, count)),
        (slot(), vf()).prop_map(|(slot, first)| LoseVfs(slot, first)),
        (slot(), vf(), setting()).prop_map(|(slot, vf, setting)| SetVf(slot, vf, setting)),
        (slot(), vf()).prop_map(|(slot, vf)| UnbindVf(slot, vf)),
        (slot(), vf(), any::<bool>()).prop_map(|(slot, vf, bound)| Drive(slot, vf, bound)),
        (slot(), any::<bool>()).prop_map(|(slot, up)| PfUp(slot, up)),
        (slot(), select(vec![1500, 4000])).prop_map(|(slot, mtu)| PfMtu(slot, mtu)),
        (slot(), eswitch_mode()).prop_map(|(slot, mode)| EswitchMode(slot, mode)),
        (slot(), option::of(select(vec![100, 1000]))).prop_map(|(slot, to)| Cable(slot, to)),
        (slot(), any::<bool>()).prop_map(|(slot, on)| Autoprobe(slot, on)),
        (slot(), any::<bool>()).prop_map(|(slot, named)| NameIsFinal(slot, named)),
        slot().prop_map(NetdevsCome),
        (slot(), any::<bool>()).prop_map(|(slot, away)| NetdevElsewhere(slot, away)),
        (slot(), option::of(0..4u16)).prop_map(|(slot, end)| ShortList(slot, end)),
        any::<bool>().prop_map(Vfio),
        any::<bool>().prop_map(ModulesLate),
    ];
    let users = prop_oneof![
        2 => (slot(), vf(), holder()).prop_map(|(slot, vf, by)| Hold(slot, vf, by)),
        1 => (slot(), vf()).prop_map(|(slot, vf)| OpenGroup(slot, vf)),
        1 => (slot(), vf()).prop_map(|(slot, vf)| Release(slot, vf)),
        1 => (slot(), any::<bool>()).prop_map(|(slot, used)| UsePf(slot, used)),
        1 => (slot(), hand()).prop_map(|(slot, hand)| Bridge(slot, hand)),
    ];
    let kinds = StepFacts::ALL.map(|kind| kind.word).to_vec();
    let faults =
        (slot(), select(kinds), fault()).prop_map(|(slot, kind, fault)| Fault(slot, kind, fault));
    let agent = prop_oneof![
        4 => slot().prop_map(Pass),
        6 => Just(PassAll),
        1 => Just(Retry),
        2 => (slot(), 0..12usize).prop_map(|(slot, steps)| Crash(slot, steps)),
        1 => Just(Restart),
        2 => (0..2usize).prop_map(Policies),
    ];
    prop_oneof![4 => host.boxed(), 4 => users.boxed(), 2 => faults.boxed(), 6 => agent.boxed()]
        .boxed()
}

pub(crate) fn events(most: usize) -> impl Strategy<Value = Vec<Event>> {
    let settled = any::<bool>().prop_map(|settled| settled.then_some(Event::PassAll));
    (settled, vec(event(), 0..most))
        .prop_map(|(settled, events)| settled.into_iter().chain(events).collect())
}
