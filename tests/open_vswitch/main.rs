//! Bridges in a real Open vSwitch: ovsdb-server and ovs-vswitchd in a network namespace of their own, on the userspace
//! datapath, under the passes of a PF that is imagined. Needs root.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(unreachable_pub, reason = "one crate: all of it is for the tests")]

mod lab;

use lab::{Lab, UPLINK, pf, wait};
use sriovd_core::model::bridge::BridgeChange;
use sriovd_core::model::{EswitchMode, InterfaceName};
use sriovd_core::reconcile::End;
use sriovd_core::report::ProblemKind;

const BRIDGE: &str =
    "bridge = { name = \"br0\", datapath_type = \"netdev\", external_ids = { owner = \"me\" } }";
const MADE: &str = "bridge br0: made, ports enp1s0, enp1s0r0, enp1s0r1 added, hw-offload on";

#[test]
fn a_bridge_is_made_as_ovs_vsctl_makes_it_and_a_second_pass_does_nothing() {
    let mut lab = Lab::new(BRIDGE);
    lab.passes(&[MADE], &[]);
    let switch = &lab.switch;
    assert_eq!(
        switch.vsctl(&["get", "Open_vSwitch", ".", "other_config:hw-offload"]),
        "\"true\""
    );
    for port in [UPLINK, "enp1s0r0", "enp1s0r1"] {
        assert_eq!(switch.vsctl(&["port-to-br", port]), "br0");
        assert_eq!(switch.vsctl(&["get", "Interface", port, "error"]), "[]");
        let number: i32 = switch
            .vsctl(&["get", "Interface", port, "ofport"])
            .parse()
            .unwrap();
        assert!(number > 0, "{port} has {number}");
    }
    lab.passes(&[], &[]);
    let writes = lab.ledger.writes();
    lab.passes(&[], &[]);
    assert_eq!(lab.ledger.writes(), writes);

    // The reference, with what is in both of them.
    let switch = &lab.switch;
    switch.add_link("eth9");
    switch.vsctl(&[
        "add-br",
        "br9",
        "--",
        "set",
        "Bridge",
        "br9",
        "datapath_type=netdev",
        "--",
        "add-port",
        "br9",
        "eth9",
    ]);
    for (table, columns, ours, theirs) in [
        (
            "Bridge",
            "datapath_type,fail_mode,other_config,protocols,stp_enable",
            "br0",
            "br9",
        ),
        (
            "Port",
            "bond_mode,tag,trunks,other_config,vlan_mode",
            "br0",
            "br9",
        ),
        (
            "Port",
            "bond_mode,tag,trunks,other_config,vlan_mode",
            "enp1s0r0",
            "eth9",
        ),
        (
            "Interface",
            "type,options,other_config,mtu_request,error",
            "br0",
            "br9",
        ),
        (
            "Interface",
            "type,options,other_config,mtu_request,error",
            "enp1s0r0",
            "eth9",
        ),
    ] {
        let rows = [ours, theirs].map(|name| switch.rows(table, columns, name));
        assert_eq!(rows[0], rows[1], "{table} {ours}");
        assert_eq!(rows[0].as_array().unwrap().len(), 1);
    }
    lab.passes(&[], &[]);
}

#[test]
fn what_another_program_changes_is_put_back_and_what_it_adds_is_left() {
    let mut lab = Lab::new(BRIDGE);
    lab.passes(&[MADE], &[]);
    lab.switch.vsctl(&["del-port", "enp1s0r1"]);
    lab.passes(&["bridge br0: port enp1s0r1 added"], &[]);
    lab.switch.vsctl(&[
        "set",
        "Bridge",
        "br0",
        "external_ids:owner=another",
        "external_ids:its=own",
    ]);
    lab.passes(&["bridge br0: columns set"], &[]);
    let ids = lab.switch.vsctl(&["get", "Bridge", "br0", "external_ids"]);
    assert_eq!(ids, "{its=own, owner=me, sriovd=\"0000:01:00.0\"}");
    lab.switch.add_link("tap0");
    lab.switch.vsctl(&["add-port", "br0", "tap0"]);
    lab.passes(&[], &[]);
    let ports = lab.switch.ports("br0");
    assert_eq!(
        ports,
        [UPLINK, "enp1s0r0", "enp1s0r1", "tap0"]
            .map(str::to_owned)
            .into()
    );

    // Its port is in the way of the bridge's end, and of nothing else.
    lab.policies.policies.clear();
    lab.passes(
        &[],
        &["bridge br0 has port tap0, which another program made"],
    );
    lab.switch.vsctl(&["del-port", "tap0"]);
    lab.passes(&["bridge br0: removed"], &[]);
    assert_eq!(lab.switch.vsctl(&["list-br"]), "");
    assert_eq!(
        lab.ledger.memory().pfs.get(&pf()),
        None,
        "nothing is left to undo"
    );
    let left = lab.host.imagined.pf(pf()).unwrap();
    assert_eq!(
        (left.num_vfs, left.eswitch_mode),
        (0, Some(EswitchMode::Legacy))
    );
}

#[test]
fn bridges_and_ports_of_others_are_left_alone_and_told() {
    let mut lab = Lab::new(BRIDGE);
    let of_others = [
        "add-br",
        "br0",
        "--",
        "set",
        "Bridge",
        "br0",
        "datapath_type=netdev",
    ];
    lab.switch.vsctl(&of_others);
    lab.passes(&[], &["there is a bridge br0, and another program made it"]);
    assert_eq!(
        lab.switch.vsctl(&["get", "Bridge", "br0", "external_ids"]),
        "{}"
    );
    lab.switch.vsctl(&["add-port", "br0", "enp1s0r0"]);
    lab.want("bridge = { datapath_type = \"netdev\", hw_offload = false }");
    let made = "bridge br-0000_01_00.0: made, ports enp1s0, enp1s0r1 added";
    lab.passes(
        &[made],
        &["enp1s0r0 is a port of the bridge br0, which is not its own"],
    );
    lab.switch.vsctl(&["del-br", "br0"]);
    lab.passes(&["bridge br-0000_01_00.0: port enp1s0r0 added"], &[]);
    lab.want("");
    lab.passes(&["bridge br-0000_01_00.0: removed"], &[]);
}

#[test]
fn a_port_whose_interface_is_not_there_is_told_and_taken_up_when_it_comes() {
    let mut lab = Lab::new(BRIDGE);
    lab.switch.ip("link del enp1s0r1");
    let lost = "Open vSwitch cannot use its port enp1s0r1: could not open network device";
    lab.passes(&[MADE], &[lost]);
    lab.passes(&[], &[lost]);
    let error = |lab: &Lab| lab.switch.vsctl(&["get", "Interface", "enp1s0r1", "error"]);
    lab.switch.add_link("enp1s0r1");
    wait("the port to be back", || error(&lab) == "[]");
    lab.passes(&[], &[]);
}

#[test]
fn a_database_that_stops_is_waited_for_and_a_switch_that_stops_is_told() {
    let mut lab = Lab::new(BRIDGE);
    lab.switch.server = None;
    let outcome = lab.pass();
    let problem = || match &outcome.end {
        End::Seen { problems, .. } => problems[0].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(problem().kind, ProblemKind::Awaits);
    let reason = problem().reason;
    assert!(
        reason.contains("(openvswitch-switch.service is not running)"),
        "{reason}"
    );
    assert!(outcome.blocked.awaits_retry());
    std::fs::remove_file(lab.switch.path("db.sock")).unwrap_or_default();
    lab.switch.serve();
    lab.passes(&[MADE], &[]);

    // It is done when ovs-vswitchd is there again.
    lab.switch.daemon = None;
    lab.want(&BRIDGE.replace("{ name", "{ representors = false, name"));
    lab.passes(&["bridge br0: ports enp1s0r0, enp1s0r1 removed"], &[]);
    lab.want(BRIDGE);
    let added = "bridge br0: ports enp1s0r0, enp1s0r1 added";
    lab.passes(
        &[added],
        &["ovs-vswitchd has not taken up enp1s0r0, enp1s0r1 yet"],
    );
    lab.switch.forward();
    let number = |lab: &Lab| {
        lab.switch
            .vsctl(&["get", "Interface", "enp1s0r1", "ofport"])
    };
    wait("ovs-vswitchd", || number(&lab) != "[]");
    lab.passes(&[], &[]);
}

#[test]
fn a_change_that_was_overtaken_changes_nothing() {
    let mut lab = Lab::new(BRIDGE);
    lab.passes(&[MADE], &[]);
    let name: InterfaceName = "br0".parse().unwrap();
    // Planned before another program put a port into it.
    lab.switch.add_link("tap0");
    lab.switch.vsctl(&["add-port", "br0", "tap0"]);
    let error = lab.host.database.remove_bridge(pf(), &name).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bridge br0 has just been changed by another program"
    );
    // Made for another PF: not ours to change.
    let other = "0000:02:00.0".parse().unwrap();
    let change = BridgeChange {
        hw_offload: true,
        ..BridgeChange::of(name)
    };
    lab.host.database.set_bridge(other, &change).unwrap_err();
    lab.passes(&[], &[]);
}
