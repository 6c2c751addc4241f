//! Manifests with the configuration that the SR-IOV network operator renders.

use super::super::fixture::network as fixture;
use super::*;
use crate::model::{LinkState, TxRate, Vlan, VlanProto};
use crate::policy::network::Description;

fn with(change: impl FnOnce(&mut Description)) -> Network {
    let mut network = fixture("net1", Some("intelnics"));
    network.namespace = Some("blue".to_owned());
    if let NetworkBody::Described(description) = &mut network.body {
        change(description);
    }
    network
}

fn config_of(network: &Network) -> Value {
    let manifest: Value = serde_json::from_str(&manifest(network, None).unwrap()).unwrap();
    serde_json::from_str(manifest["spec"]["config"].as_str().unwrap()).unwrap()
}

#[test]
fn a_manifest_names_the_resource_that_its_pods_get() {
    let text = manifest(&with(|_| {}), Some("example.com")).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(manifest["kind"], "NetworkAttachmentDefinition");
    assert_eq!(
        manifest["metadata"],
        json!({
            "name": "net1",
            "namespace": "blue",
            "annotations": {"k8s.v1.cni.cncf.io/resourceName": "example.com/intelnics"},
            "labels": {"app.kubernetes.io/managed-by": "sriovd"},
        })
    );
    assert_eq!(file_name(&with(|_| {})), "blue.net1.json");
}

#[test]
fn the_configuration_is_the_operators_but_for_a_vlan_that_nobody_asked_for() {
    let base = |more: Value| {
        let mut config = json!({
            "cniVersion": "1.0.0",
            "name": "net1",
            "type": "sriov",
            "ipam": {},
        });
        let more = more.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(more);
        config
    };
    assert_eq!(config_of(&with(|_| {})), base(json!({})));
    let network = with(|it| it.settings.spoof_check = Some(true));
    assert_eq!(config_of(&network), base(json!({"spoofchk": "on"})));
    let network = with(|it| it.settings.tx_rate = Some(TxRate { min: 10, max: 100 }));
    assert_eq!(
        config_of(&network),
        base(json!({"min_tx_rate": 10, "max_tx_rate": 100}))
    );
    let network = with(|it| it.settings.vlan = Some(Vlan::NONE));
    assert_eq!(config_of(&network), base(json!({"vlan": 0, "vlanQoS": 0})));
    let network = with(|it| {
        it.settings.vlan = Some(Vlan {
            id: 100,
            qos: 3,
            ..Vlan::NONE
        });
    });
    assert_eq!(
        config_of(&network),
        base(json!({"vlan": 100, "vlanQoS": 3}))
    );
    let network = with(|it| {
        it.settings.vlan = Some(Vlan {
            id: 200,
            qos: 0,
            proto: VlanProto::Dot1ad,
        });
        it.ipam = json!({"type": "dhcp"}).as_object().cloned();
    });
    assert_eq!(
        config_of(&network),
        base(json!({
            "vlan": 200,
            "vlanQoS": 0,
            "vlanProto": "802.1ad",
            "ipam": {"type": "dhcp"},
        }))
    );
}

#[test]
fn plugins_of_infiniband_and_open_vswitch_have_their_own_keys() {
    let network = with(|it| {
        it.plugin = PluginType::IbSriov;
        it.settings.link_state = Some(LinkState::Enable);
    });
    assert_eq!(
        config_of(&network),
        json!({
            "cniVersion": "1.0.0",
            "name": "net1",
            "type": "ib-sriov",
            "link_state": "enable",
            "ipam": {},
        })
    );
    let network = with(|it| {
        it.plugin = PluginType::Ovs;
        it.settings.vlan = Some(Vlan {
            id: 200,
            ..Vlan::NONE
        });
        it.plugin_config = json!({"bridge": "br0"}).as_object().unwrap().clone();
    });
    assert_eq!(
        config_of(&network),
        json!({
            "cniVersion": "1.0.0",
            "name": "net1",
            "type": "ovs",
            "bridge": "br0",
            "vlan": 200,
            "ipam": {},
        })
    );
}

#[test]
fn further_plugins_make_a_list() {
    let tuning = json!({"type": "tuning"});
    let network = with(|it| it.meta_plugins = vec![tuning.as_object().unwrap().clone()]);
    assert_eq!(
        config_of(&network),
        json!({
            "cniVersion": "1.0.0",
            "name": "net1",
            "plugins": [{"type": "sriov", "ipam": {}}, tuning],
        })
    );
}

#[test]
fn a_name_that_kubernetes_does_not_take_is_said() {
    let error = manifest(&fixture("F1_u", None), None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("F1_u is not a name in Kubernetes")
    );
}
