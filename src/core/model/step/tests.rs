//! What is kept between versions and told by the API stays as it is.

use super::*;
use crate::model::bridge::PortKeys;
use crate::model::{VfSetting, Vlan};
use serde_json::json;

#[test]
fn steps_are_written_as_flat_objects_and_read_like_sentences() {
    let (vf, interface) = (VfIndex(3), 7);
    let mtu = Mtu::ETHERNET;
    let address = "0000:3b:10.0".parse().unwrap();
    let driver: DriverName = "vfio-pci".parse().unwrap();
    let vlan = VfSetting::Vlan(Vlan {
        id: 5,
        ..Vlan::NONE
    });
    let mut bridge = BridgeChange::of("br0".parse().unwrap());
    (bridge.make, bridge.hw_offload) = (true, true);
    bridge.keys.datapath_type = Some("netdev".to_owned());
    let uplink = PortKeys {
        kind: Some("dpdk".to_owned()),
        ..PortKeys::default()
    };
    bridge.add.insert("ens1".parse().unwrap(), uplink);
    bridge.remove.insert("eth5".to_owned());
    let tag = json!({"vlan": {"id": 5, "qos": 0, "proto": "802.1q"}});
    let bind = |from: Option<DriverName>, to| Step::Vf(vf, VfStep::Bind { address, from, to });
    for (step, written, told) in [
        (
            Step::Pf(PfStep::SetAutoprobe { on: true }),
            json!({"step": "set_autoprobe", "on": true}),
            "sriov_drivers_autoprobe on",
        ),
        (
            Step::Pf(PfStep::SetNumVfs { from: 4, to: 0 }),
            json!({"step": "set_num_vfs", "from": 4, "to": 0}),
            "numvfs 4 -> 0",
        ),
        (
            Step::Pf(PfStep::SetEswitchMode {
                from: EswitchMode::Legacy,
                to: EswitchMode::Switchdev,
            }),
            json!({"step": "set_eswitch_mode", "from": "legacy", "to": "switchdev"}),
            "eswitch mode legacy -> switchdev",
        ),
        (
            Step::Pf(PfStep::SetUp { interface }),
            json!({"step": "set_pf_up", "interface": 7}),
            "PF up",
        ),
        (
            Step::Pf(PfStep::SetDown { interface }),
            json!({"step": "set_pf_down", "interface": 7}),
            "PF down",
        ),
        (
            Step::Pf(PfStep::SetMtu { interface, mtu }),
            json!({"step": "set_pf_mtu", "interface": 7, "mtu": 1500}),
            "PF mtu 1500",
        ),
        (
            Step::Vf(
                vf,
                VfStep::SetAttribute {
                    interface,
                    setting: vlan,
                },
            ),
            json!({"step": "set_vf", "interface": 7, "vf": 3, "setting": tag}),
            "VF 3 vlan 5",
        ),
        (
            bind(None, BindTarget::Default),
            json!({"step": "bind", "vf": 3, "address": "0000:3b:10.0", "to": "default"}),
            "VF 3 driver default",
        ),
        (
            bind(Some("iavf".parse().unwrap()), BindTarget::Driver(driver)),
            json!({"step": "bind", "vf": 3, "address": "0000:3b:10.0", "from": "iavf", "to": {"driver": "vfio-pci"}}),
            "VF 3 driver vfio-pci",
        ),
        (
            Step::Pf(PfStep::SetBridge(Box::new(bridge))),
            json!({"step": "set_bridge", "bridge": {
                "name": "br0", "make": true, "hw_offload": true, "keys": {"datapath_type": "netdev"},
                "add": {"ens1": {"type": "dpdk"}}, "remove": ["eth5"]
            }}),
            "bridge br0: made, port ens1 added, port eth5 removed, hw-offload on",
        ),
        (
            Step::Pf(PfStep::RemoveBridge {
                name: "br0".parse().unwrap(),
            }),
            json!({"step": "remove_bridge", "bridge": "br0"}),
            "bridge br0: removed",
        ),
        (
            Step::Vf(vf, VfStep::SetRepresentorUp { interface }),
            json!({"step": "set_representor_up", "vf": 3, "interface": 7}),
            "VF 3 representor up",
        ),
        (
            Step::Pf(PfStep::SetDevlinkParam {
                name: "enable_roce".to_owned(),
                kind: ParamKind::Bool,
                mode: ParamMode::Driverinit,
                to: ParamValue::Switch(false),
            }),
            json!({"step": "set_devlink_param", "name": "enable_roce", "kind": "bool", "mode": "driverinit", "to": false}),
            "devlink parameter enable_roce false",
        ),
        (
            Step::Pf(PfStep::ReloadDevlink),
            json!({"step": "reload_devlink"}),
            "devlink reload",
        ),
        (
            Step::Pf(PfStep::SetTcOffload {
                interface,
                on: true,
            }),
            json!({"step": "set_pf_tc_offload", "interface": 7, "on": true}),
            "PF hw-tc-offload on",
        ),
        (
            Step::Vf(
                vf,
                VfStep::SetRepresentorTcOffload {
                    interface,
                    on: false,
                },
            ),
            json!({"step": "set_representor_tc_offload", "vf": 3, "interface": 7, "on": false}),
            "VF 3 representor hw-tc-offload off",
        ),
        (
            Step::Vf(vf, VfStep::SetRepresentorMtu { interface, mtu }),
            json!({"step": "set_representor_mtu", "vf": 3, "interface": 7, "mtu": 1500}),
            "VF 3 representor mtu 1500",
        ),
        (
            Step::Vf(vf, VfStep::SetMtu { interface, mtu }),
            json!({"step": "set_vf_mtu", "vf": 3, "interface": 7, "mtu": 1500}),
            "VF 3 mtu 1500",
        ),
    ] {
        assert_eq!(serde_json::to_value(&step).unwrap(), written);
        assert_eq!(step.to_string(), told);
        assert_eq!(serde_json::from_value::<Step>(written).unwrap(), step);
    }
}
