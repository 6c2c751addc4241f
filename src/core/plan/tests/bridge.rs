//! The bridge of Open vSwitch.

use super::*;
use crate::model::bridge::{Bridge, BridgePort, OpenVswitch, PortKeys};
use crate::model::{EswitchMode, Representor};
use crate::policy::DesiredBridge;

const NAME: &str = "br-0000_01_00.0";

fn wanted() -> DesiredBridge {
    DesiredBridge {
        name: None,
        keys: Default::default(),
        uplink: Some(PortKeys::default()),
        representors: true,
        hw_offload: true,
    }
}

/// Two VFs with representors, and Open vSwitch with these bridges, which offloads.
fn case(bridges: &[(&str, Bridge)]) -> Case {
    let mut case = Case::new(2, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.eswitch_mode = Some(EswitchMode::Switchdev);
        policy.bridge = Some(wanted());
    });
    case.pf.eswitch_mode = Some(EswitchMode::Switchdev);
    for (&index, vf) in &mut case.pf.vfs {
        vf.representor = Some(Representor {
            index: 20 + u32::from(index.0),
            name: format!("enp1s0r{index}").parse().unwrap(),
            name_is_final: true,
            mtu: mtu(1500),
            up: true,
            tc_offload: None,
        });
    }
    case.interface().name = "enp1s0".parse().unwrap();
    let bridges = bridges.iter().cloned();
    case.pf.open_vswitch = Some(OpenVswitch {
        silent: None,
        hw_offload: true,
        bridges: bridges.map(|(name, it)| (name.to_owned(), it)).collect(),
    });
    case
}

fn ours(ports: &[&str]) -> Bridge {
    let made_for = Some("0000:01:00.0".parse().unwrap());
    let port = BridgePort {
        made_for,
        is_up_to_date: true,
        ..BridgePort::default()
    };
    Bridge {
        made_for,
        ports: ports
            .iter()
            .map(|it| ((*it).to_owned(), port.clone()))
            .collect(),
        ..Bridge::default()
    }
}

fn foreign(ports: &[&str]) -> Bridge {
    let port = |name: &&str| ((*name).to_owned(), BridgePort::default());
    Bridge {
        ports: ports.iter().map(port).collect(),
        ..Bridge::default()
    }
}

const ALL: [&str; 3] = ["enp1s0", "enp1s0r0", "enp1s0r1"];

fn seen(case: &mut Case) -> &mut OpenVswitch {
    case.pf.open_vswitch.as_mut().unwrap()
}

#[track_caller]
fn told(case: &Case) -> String {
    let problems = case.plan().problems;
    problems
        .iter()
        .map(|it| it.reason.clone())
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn plan_makes_the_bridge_with_all_its_ports_at_once() {
    let mut case = case(&[]);
    let make = "bridge br-0000_01_00.0: made, ports enp1s0, enp1s0r0, enp1s0r1 added";
    case.plans(&[make]);
    seen(&mut case).hw_offload = false;
    case.plans(&[&format!("{make}, hw-offload on")]);
    case.policies[0].bridge.as_mut().unwrap().hw_offload = false;
    case.plans(&[make]);
    case.pf.open_vswitch = None;
    assert!(case.plan().needs_bridges && case.plan().steps.is_empty());
    case.policies[0].bridge = None;
    assert!(!case.plan().needs_bridges, "nobody asks for it");
}

#[test]
fn plan_does_nothing_where_the_bridge_is_as_wanted() {
    let mut case = case(&[(NAME, ours(&ALL))]);
    case.plans(&[]);
    case.reports(&[]);
    // What another program puts into it is its affair.
    let tap = BridgePort::default();
    let bridge = seen(&mut case).bridges.get_mut(NAME).unwrap();
    bridge.ports.insert("tap0".to_owned(), tap);
    case.plans(&[]);
    case.reports(&[]);
}

#[test]
fn plan_puts_back_ports_that_were_taken_out_and_keys_that_were_changed() {
    let mut case = case(&[(NAME, ours(&["enp1s0", "enp1s0r1"]))]);
    case.plans(&["bridge br-0000_01_00.0: port enp1s0r0 added"]);
    let uplink = PortKeys {
        mtu_request: Some(9000),
        ..PortKeys::default()
    };
    let bridge = case.policies[0].bridge.as_mut().unwrap();
    bridge.uplink = Some(uplink);
    bridge.keys.datapath_type = Some("netdev".to_owned());
    case.plans(&["bridge br-0000_01_00.0: columns set, port enp1s0r0 added, port enp1s0 changed"]);
}

#[test]
fn plan_removes_its_ports_that_are_no_representors_any_more_once_all_are_known() {
    let mut case = case(&[(NAME, ours(&["enp1s0", "enp1s0r0", "enp1s0r1", "eth5"]))]);
    case.plans(&["bridge br-0000_01_00.0: port eth5 removed"]);
    case.vf(1).representor = None;
    case.plans(&[]);
    case.vf(1).representor = Some(Representor {
        index: 9,
        name: "eth9".parse().unwrap(),
        name_is_final: false,
        mtu: mtu(1500),
        up: true,
        tc_offload: None,
    });
    case.plans(&[]);
}

#[test]
fn plan_leaves_bridges_and_ports_of_others() {
    let mut other = case(&[(NAME, foreign(&[]))]);
    other.plans(&[]);
    other.reports(&[(ProblemKind::InUse, None)]);
    assert!(
        told(&other).contains("there is a bridge br-0000_01_00.0, and another program made it")
    );
    let of_another = Bridge {
        made_for: Some("0000:02:00.0".parse().unwrap()),
        ..Bridge::default()
    };
    seen(&mut other).bridges.insert(NAME.to_owned(), of_another);
    assert!(told(&other).contains("sriovd made it for the PF 0000:02:00.0"));

    let taken = case(&[("br-int", foreign(&["enp1s0r1"]))]);
    taken.plans(&["bridge br-0000_01_00.0: made, ports enp1s0, enp1s0r0 added"]);
    assert_eq!(
        told(&taken),
        "enp1s0r1 is a port of the bridge br-int, which is not its own"
    );

    // Taken into ours by another program: it is where it should be.
    let mut mixed = ours(&["enp1s0", "enp1s0r0"]);
    mixed
        .ports
        .insert("enp1s0r1".to_owned(), BridgePort::default());
    case(&[(NAME, mixed)]).plans(&[]);
}

#[test]
fn plan_does_not_cut_the_traffic_of_the_host_over_the_uplink() {
    let mut case = case(&[]);
    let address = "192.0.2.1".to_owned();
    case.pf.users = Some([Holder::Address { address }].into());
    case.plans(&["bridge br-0000_01_00.0: made, ports enp1s0r0, enp1s0r1 added"]);
    case.reports(&[(ProblemKind::InUse, None)]);
    case.force = true;
    case.plans(&["bridge br-0000_01_00.0: made, ports enp1s0, enp1s0r0, enp1s0r1 added"]);
    case.force = false;
    case.pf.users = None;
    assert!(case.plan().needs_holders);

    case.pf.users = Some(Default::default());
    case.interface().bond = Some("bond0".parse().unwrap());
    case.plans(&["bridge br-0000_01_00.0: made, ports enp1s0r0, enp1s0r1 added"]);
    assert!(told(&case).contains("a port of bond0"), "{}", told(&case));
    case.policies[0].bridge.as_mut().unwrap().uplink = None;
    case.reports(&[]);
}

#[test]
fn plan_changes_no_datapath_under_ports_of_others() {
    let mut mixed = ours(&ALL);
    mixed.ports.insert("tap0".to_owned(), BridgePort::default());
    let mut case = case(&[(NAME, mixed)]);
    let bridge = case.policies[0].bridge.as_mut().unwrap();
    bridge.keys.datapath_type = Some("netdev".to_owned());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    case.force = true;
    case.plans(&["bridge br-0000_01_00.0: columns set"]);
}

#[test]
fn plan_tells_what_open_vswitch_makes_of_the_ports() {
    let mut bridge = ours(&ALL);
    let ports = &mut bridge.ports;
    ports.get_mut("enp1s0r0").unwrap().error = Some("no such device".to_owned());
    ports.get_mut("enp1s0r1").unwrap().is_up_to_date = false;
    let case = case(&[(NAME, bridge)]);
    case.plans(&[]);
    case.reports(&[(ProblemKind::Failed, None), (ProblemKind::Awaits, None)]);
    assert_eq!(
        told(&case),
        "Open vSwitch cannot use its port enp1s0r0: no such device; \
         ovs-vswitchd has not taken up enp1s0r1 yet"
    );
}

fn owning(case: &mut Case) {
    case.owned = Some(OwnedPf {
        bridge: Some(NAME.parse().unwrap()),
        created_vfs: true,
        eswitch_before: Some(EswitchMode::Legacy),
        ..OwnedPf::default()
    });
}

#[test]
fn plan_removes_the_bridge_before_anything_else_when_no_policy_names_the_pf() {
    let mut case = case(&[(NAME, ours(&ALL))]);
    owning(&mut case);
    case.policies.clear();
    case.plans(&["bridge br-0000_01_00.0: removed"]);
    case.pf.open_vswitch.as_mut().unwrap().bridges.clear();
    case.plans(&["numvfs 2 -> 0"]);
    case.pf.open_vswitch = None;
    assert!(case.plan().needs_bridges);
    case.pf.open_vswitch = Some(OpenVswitch::silent("it does not run".to_owned()));
    // The step says what is in the way, and is tried again.
    case.plans(&["bridge br-0000_01_00.0: removed"]);
}

#[test]
fn plan_removes_no_bridge_that_another_program_uses() {
    let mut mixed = ours(&ALL);
    mixed.ports.insert("tap0".to_owned(), BridgePort::default());
    let mut case = case(&[(NAME, mixed)]);
    owning(&mut case);
    case.policies.clear();
    case.force = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    assert!(
        told(&case).contains("bridge br-0000_01_00.0 has port tap0, which another program made")
    );
}

#[test]
fn plan_makes_a_bridge_of_another_name_after_the_former_is_gone() {
    let mut case = case(&[(NAME, ours(&ALL))]);
    owning(&mut case);
    let bridge = case.policies[0].bridge.as_mut().unwrap();
    bridge.name = Some("br-new".parse().unwrap());
    case.plans(&["bridge br-0000_01_00.0: removed"]);
    seen(&mut case).bridges.clear();
    case.plans(&["bridge br-new: made, ports enp1s0, enp1s0r0, enp1s0r1 added"]);
}

#[test]
fn plan_takes_the_bridge_away_before_the_mode_and_keeps_it_where_the_mode_comes_back() {
    let mut leaves = case(&[(NAME, ours(&ALL))]);
    owning(&mut leaves);
    leaves.policies[0].eswitch_mode = Some(EswitchMode::Legacy);
    leaves.policies[0].bridge = None;
    leaves.plans(&["bridge br-0000_01_00.0: removed"]);

    // Another program set it back: that the uplink is in our own bridge is no reason to leave it.
    let mut drifted = case(&[(NAME, ours(&ALL))]);
    owning(&mut drifted);
    drifted.pf.eswitch_mode = Some(EswitchMode::Legacy);
    let to = "ovs-system".parse().unwrap();
    let discipline = "ingress".to_owned();
    let users = [
        Holder::Enslaved { to },
        Holder::TrafficControl { discipline },
    ];
    drifted.pf.users = Some(users.into());
    drifted.plans(&["numvfs 2 -> 0"]);
    seen(&mut drifted).bridges.clear();
    let users = [NAME].map(|_| "br-int");
    seen(&mut drifted)
        .bridges
        .insert(users[0].to_owned(), foreign(&["enp1s0"]));
    drifted.plans(&[]);
    drifted.reports(&[(ProblemKind::InUse, None)]);
}

#[test]
fn what_is_owned_is_what_the_database_says() {
    let resolution = |case: &Case| case.resolution();
    let mut case = case(&[(NAME, ours(&ALL))]);
    let owned = |case: &Case| {
        let still = owned::still_owned(case.owned.as_ref(), &resolution(case), &case.pf);
        still.and_then(|owned| owned.bridge)
    };
    owning(&mut case);
    assert!(owned(&case).is_some());
    case.policies.clear();
    assert!(owned(&case).is_some());
    seen(&mut case).bridges.clear();
    assert_eq!(owned(&case), None, "it is gone");
    case.pf.open_vswitch = None;
    assert!(owned(&case).is_some(), "nobody looked");
    case.pf.open_vswitch = Some(OpenVswitch::silent("it does not run".to_owned()));
    assert!(owned(&case).is_some(), "nobody could look");
}

#[test]
fn a_pf_that_was_set_up_for_its_vfs_is_set_down_again_though_it_was_a_port() {
    let mut case = case(&[(NAME, ours(&ALL))]);
    owning(&mut case);
    let index = case.interface().index;
    case.owned.as_mut().unwrap().brought_up = Some(index);
    let to = "ovs-system".parse().unwrap();
    case.pf.users = Some([Holder::Enslaved { to }].into());
    let up = |case: &Case| {
        let still = owned::still_owned(case.owned.as_ref(), &case.resolution(), &case.pf);
        still.unwrap().brought_up
    };
    assert_eq!(up(&case), Some(index));
    case.pf.open_vswitch = None;
    assert_eq!(up(&case), Some(index), "nobody looked");
    let others = [("br-int".to_owned(), foreign(&["enp1s0"]))];
    case.pf.open_vswitch = Some(OpenVswitch {
        bridges: others.into(),
        ..OpenVswitch::default()
    });
    assert_eq!(up(&case), None, "it is a port of a bridge of others");
}
