//! The node as the operator's tools expect it.

use super::*;
use crate::model::bridge::{Bridge, BridgeKeys, FailMode, OpenVswitch, PortKeys};
use crate::model::{VfRange, Vlan};
use crate::policy::DesiredBridge;
use crate::policy::resolve::Resolution;
use crate::render::fixture::*;
use crate::report::ProblemKind;

fn render(world: &ManagedHost) -> Value {
    of(&world.known())
}

fn of(world: &World<KnownPf>) -> Value {
    let text = node_state(world);
    assert!(text.ends_with("}\n"));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn spec_and_status_of_a_node() {
    let user_space = Claim {
        device_type: vfio(),
        is_rdma: true,
        ..claim("dpdk", Some("1,3"))
    };
    let mut managed = pf(0x3b, 1);
    let vf = managed.vfs.get_mut(&VfIndex(0)).unwrap();
    vf.settings.vlan = Some(Vlan {
        id: 100,
        ..Vlan::NONE
    });
    let mut world = ManagedHost::of([(managed, vec![claim("net", Some("0")), user_space])]);
    let mut other = pf(0x5e, 0);
    (other.driver, other.interface) = (None, None);
    world.host.pfs.insert(other.address, other);

    let expected = json!({
        "apiVersion": "sriovnetwork.openshift.io/v1",
        "kind": "SriovNetworkNodeState",
        "metadata": {"name": "node1", "labels": {"app.kubernetes.io/managed-by": "sriovd"}},
        "spec": {"interfaces": [{
            "pciAddress": "0000:3b:00.0", "name": "ens59f0", "numVfs": 1,
            "vfGroups": [
                {"resourceName": "net", "deviceType": "netdevice", "vfRange": "0-0", "policyName": "dataplane"},
                {"resourceName": "dpdk", "deviceType": "vfio-pci", "vfRange": "1-1", "policyName": "dataplane", "isRdma": true},
                {"resourceName": "dpdk", "deviceType": "vfio-pci", "vfRange": "3-3", "policyName": "dataplane", "isRdma": true},
            ],
        }]},
        "status": {
            "interfaces": [
                {
                    "name": "ens59f0", "mac": "3c:fd:fe:00:00:3b", "driver": "ice",
                    "pciAddress": "0000:3b:00.0", "vendor": "8086", "deviceID": "159b", "mtu": 1500,
                    "numVfs": 1, "totalvfs": 128, "linkSpeed": "25000 Mb/s", "linkType": "ETH",
                    "linkAdminState": "up", "altNames": ["enp59s0f0"],
                    "Vfs": [{
                        "name": "ens59f0v0", "mac": "02:00:00:00:3b:00", "driver": "iavf",
                        "pciAddress": "0000:3b:01.0", "vendor": "8086", "deviceID": "1889",
                        "Vlan": 100, "mtu": 1500, "vfID": 0,
                    }],
                },
                {
                    "pciAddress": "0000:5e:00.0", "vendor": "8086", "deviceID": "159b",
                    "numVfs": 0, "totalvfs": 128, "Vfs": [],
                },
            ],
            "syncStatus": "Succeeded",
            "lastSyncError": "",
        },
    });
    let found = render(&world);
    assert_eq!(found, expected, "{found:#}");
}

#[test]
fn a_claim_of_the_whole_pf_is_one_group() {
    let world = ManagedHost::of([(pf(1, 4), vec![claim("net", None)])]);
    let groups = &render(&world)["spec"]["interfaces"][0]["vfGroups"];
    assert_eq!(groups[0]["vfRange"], json!(VfRange::first(4).unwrap()));
}

#[test]
fn the_worst_pf_decides_and_every_problem_is_said() {
    let told = |bus, problems: &[(ProblemKind, Option<u16>, &str)]| {
        let problem = |&(kind, vf, reason): &(ProblemKind, Option<u16>, &str)| Problem {
            kind,
            vf: vf.map(VfIndex),
            step: None,
            reason: reason.to_owned(),
            hint: None,
        };
        let problems = problems.iter().map(problem).collect();
        (pf(bus, 0), problems)
    };
    let ready = told(1, &[]);
    let changing = told(2, &[(ProblemKind::Awaits, None, "waits for the link")]);
    let in_use = |vf, reason| (ProblemKind::InUse, vf, reason);
    let refused = told(
        3,
        &[in_use(Some(3), "is in use"), in_use(None, "kept as it is")],
    );
    let cases = [
        (vec![ready.clone()], "Succeeded", ""),
        (
            vec![ready.clone(), changing.clone()],
            "InProgress",
            "ens2f0: waits for the link",
        ),
        (
            vec![ready, changing, refused],
            "Failed",
            "ens2f0: waits for the link; ens3f0: VF 3: is in use; ens3f0: kept as it is",
        ),
    ];
    for (told, status, error) in cases {
        let pfs = told.into_iter();
        let known = pfs.map(|(pf, told)| KnownPf::seen(pf, Resolution::Unmatched, told));
        let found = of(&World::of("node1", known));
        assert_eq!(found["status"]["syncStatus"], status);
        assert_eq!(found["status"]["lastSyncError"], error);
    }
}

#[test]
fn bridges_are_told_as_they_are_wanted_and_as_they_are() {
    let mut managed = pf(0x3b, 0);
    managed.open_vswitch = Some(OpenVswitch {
        bridges: [
            ("br-3b".to_owned(), own_bridge(managed.address)),
            ("br-int".to_owned(), Bridge::default()),
        ]
        .into(),
        ..OpenVswitch::default()
    });
    let name = managed.interface.as_ref().unwrap().name.clone();
    let mut world = ManagedHost::of([(managed, vec![claim("net", None)])]);
    let resolution = world.resolutions.values_mut().next().unwrap();
    let Resolution::Desired(desired) = resolution else {
        panic!("{resolution:?}");
    };
    desired.bridge = Some(DesiredBridge {
        name: Some(parse("br-3b")),
        keys: BridgeKeys {
            fail_mode: Some(FailMode::Secure),
            ..BridgeKeys::default()
        },
        uplink: Some(PortKeys {
            mtu_request: Some(9000),
            ..PortKeys::default()
        }),
        representors: true,
        hw_offload: true,
    });
    let state = render(&world);
    let uplink = json!({
        "pciAddress": "0000:3b:00.0", "name": name, "interface": {"mtuRequest": 9000},
    });
    let wanted = json!({"ovs": [
        {"name": "br-3b", "bridge": {"failMode": "secure"}, "uplinks": [uplink]},
    ]});
    assert_eq!(state["spec"]["bridges"], wanted);
    let there = json!({"ovs": [{"name": "br-3b", "bridge": {"datapathType": "netdev"}}]});
    assert_eq!(state["status"]["bridges"], there, "the PF is still to come");
    let bare = ManagedHost::of([(pf(0x3b, 0), vec![claim("net", None)])]);
    let state = render(&bare);
    assert!(state["spec"].get("bridges").is_none() && state["status"].get("bridges").is_none());
}

fn own_bridge(pf: PciAddress) -> Bridge {
    Bridge {
        made_for: Some(pf),
        keys: BridgeKeys {
            datapath_type: Some("netdev".to_owned()),
            ..BridgeKeys::default()
        },
        ..Bridge::default()
    }
}
