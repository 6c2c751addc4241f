//! The custom resources that we ship, judged by the real API server: manifests for the operator are taken as they are, and
//! what its webhook would refuse is refused with a sentence.

use super::{define, until};
use crate::lab::{ADMIN, Api, ControlPlane};
use anyhow::{Context, Result};
use serde_json::{Value, json};

const POLICIES: &str =
    "/apis/sriovnetwork.openshift.io/v1/namespaces/default/sriovnetworknodepolicies";
const NETWORKS: &str = "/apis/sriovnetwork.openshift.io/v1/namespaces/default/sriovnetworks";
const POOLS: &str = "/apis/sriovnetwork.openshift.io/v1/namespaces/default/sriovnetworkpoolconfigs";
const STATES: &str = "/apis/sriovnetwork.openshift.io/v1/namespaces/default/sriovnetworknodestates";
const OWN_POLICIES: &str = "/apis/sriovd.io/v1alpha1/policies";

/// A change of a good manifest, and what a refusal of it says; nothing where it is taken.
type Case = (Value, &'static str);

fn policy() -> Value {
    json!({
        "resourceName": "intelnics", "nodeSelector": { "kubernetes.io/os": "linux" }, "numVfs": 4,
        "nicSelector": { "vendor": "8086", "deviceID": "1521", "pfNames": ["enp1s0"], "rootDevices": ["0000:01:00.0"] },
    })
}

fn of_policies() -> Vec<Case> {
    vec![
        (json!({}), ""),
        (
            json!({ "priority": 10, "mtu": 9000, "deviceType": "vfio-pci", "needVhostNet": true }),
            "",
        ),
        (
            json!({ "nicSelector": { "pfNames": ["enp1s0#0-1", "enp2s0#2-3"] } }),
            "",
        ),
        (
            json!({ "deviceType": "netdevice", "isRdma": true, "linkType": "IB" }),
            "",
        ),
        (
            json!({ "eSwitchMode": "switchdev", "vdpaType": "vhost", "linkType": "ETH" }),
            "",
        ),
        (
            json!({ "nicSelector": { "netFilter": "openstack/NetworkID:7b5c1f0e-5d5b-4a5e-8f3e-6a5b4c3d2e1f",
                 "vendor": null, "deviceID": null, "pfNames": null, "rootDevices": null } }),
            "",
        ),
        (json!({ "priority": 100 }), "spec.priority"),
        (json!({ "deviceType": "uio" }), "spec.deviceType"),
        (json!({ "resourceName": "with/slash" }), "spec.resourceName"),
        (json!({ "numVFs": 4 }), "spec.numVFs: field not declared"),
        (
            json!({ "nicSelector": { "vendor": null, "deviceID": null, "pfNames": null, "rootDevices": null } }),
            "an empty nicSelector selects nothing",
        ),
        (
            json!({ "nicSelector": { "netFilter": "openstack/NetworkID:7b5c1f0e" } }),
            "netFilter cannot be given with",
        ),
        (
            json!({ "nicSelector": { "pfNames": ["enp1s0#0-4"] } }),
            "must be below numVfs",
        ),
        (
            json!({ "nicSelector": { "pfNames": ["enp1s0#3-1"] } }),
            "is before the first",
        ),
        (
            json!({ "nicSelector": { "pfNames": ["enp1s0#one"] } }),
            "ens1f0#0-3",
        ),
        (
            json!({ "deviceType": "vfio-pci", "isRdma": true }),
            "isRdma cannot be true with deviceType vfio-pci",
        ),
        (
            json!({ "eSwitchMode": "switchdev", "linkType": "IB" }),
            "linkType must be eth",
        ),
        (json!({ "vdpaType": "virtio" }), "vdpaType needs"),
        (
            json!({ "bridge": { "ovs": {} } }),
            "bridge needs eSwitchMode switchdev",
        ),
    ]
}

fn of_networks() -> Vec<Case> {
    vec![
        (
            json!({ "networkNamespace": "apps", "vlan": 100, "vlanQoS": 3, "vlanProto": "802.1ad", "spoofChk": "on",
                 "trust": "off", "linkState": "auto", "ipam": "{\"type\": \"dhcp\"}", "capabilities": "{\"mac\": true}" }),
            "",
        ),
        (json!({ "minTxRate": 10, "maxTxRate": 100 }), ""),
        (json!({ "vlan": 4095 }), "spec.vlan"),
        (json!({ "trust": "yes" }), "spec.trust"),
        (
            json!({ "minTxRate": 100, "maxTxRate": 10 }),
            "minTxRate cannot be above maxTxRate",
        ),
    ]
}

fn of_pools() -> Vec<Case> {
    vec![
        (
            json!({ "maxUnavailable": 2, "nodeSelector": { "matchLabels": { "rack": "a" } } }),
            "",
        ),
        (
            json!({ "maxUnavailable": "50%", "rdmaMode": "exclusive" }),
            "",
        ),
        (
            json!({ "ovsHardwareOffloadConfig": { "name": "workers" } }),
            "",
        ),
        (json!({ "maxUnavailable": -1 }), "1% to 100%"),
        (json!({ "maxUnavailable": "half" }), "1% to 100%"),
        (
            json!({ "maxUnavailable": 1, "ovsHardwareOffloadConfig": { "name": "workers" } }),
            "cannot be given with",
        ),
    ]
}

fn of_own_policies() -> Vec<Case> {
    vec![
        (
            json!({ "num_vfs": 8, "vlan": 100, "trust": true, "mac": "stable", "match": { "vendor": ["8086"] } }),
            "",
        ),
        (
            json!({ "num_vfs": "max", "vfs": "0-3", "vf": [{ "index": 1, "vlan": 7 }] }),
            "",
        ),
        (json!({ "numvfs": 8 }), "spec.numvfs: field not declared"),
        (json!({ "num_vfs": -1 }), "a number from 0 to 65535"),
    ]
}

/// Puts what the change says in the place of what is there; null takes it away, as a merge patch does.
fn merge(into: &mut Value, change: &Value) {
    let Some(change) = change.as_object() else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    let Some(fields) = into.as_object_mut() else {
        return;
    };
    for (key, value) in change {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key.as_str()).or_insert(Value::Null), value);
        }
    }
}

fn judge(api: &Api, path: &str, kind: &str, good: &Value, cases: Vec<Case>) -> Result<()> {
    let version = path
        .split('/')
        .skip(2)
        .take(2)
        .collect::<Vec<_>>()
        .join("/");
    for (number, (change, refusal)) in cases.into_iter().enumerate() {
        let mut spec = good.clone();
        merge(&mut spec, &change);
        let name = format!("case-{number}");
        let object = json!({
            "apiVersion": version, "kind": kind, "metadata": { "name": name }, "spec": spec,
        });
        let answer = api.apply(&format!("{path}/{name}"), "test", &object)?;
        if refusal.is_empty() {
            answer.ok().with_context(|| format!("{kind} {change}"))?;
        } else {
            assert!(answer.status >= 400, "{kind} {change} is taken");
            assert!(
                answer.says().contains(refusal),
                "{kind} {change}: {}",
                answer.says()
            );
        }
    }
    Ok(())
}

#[test]
fn manifests_for_the_operator_are_taken_and_what_its_webhook_refuses_is_refused() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    assert_eq!(define(&cluster, "packaging/kubernetes/crds")?, 9);

    let api = cluster.api(ADMIN)?;
    for path in [POLICIES, NETWORKS, POOLS, STATES, OWN_POLICIES] {
        until(path, || Ok(api.watch(path).is_ok()))?;
    }
    judge(
        &api,
        POLICIES,
        "SriovNetworkNodePolicy",
        &policy(),
        of_policies(),
    )?;
    let network = json!({ "resourceName": "intelnics" });
    judge(&api, NETWORKS, "SriovNetwork", &network, of_networks())?;
    judge(
        &api,
        POOLS,
        "SriovNetworkPoolConfig",
        &json!({}),
        of_pools(),
    )?;
    let own = json!({ "resource": "intelnics", "match": { "pf_name": ["enp1s0"] } });
    judge(&api, OWN_POLICIES, "Policy", &own, of_own_policies())?;

    // What the webhook would have filled in is filled in.
    let taken = api.get(&format!("{POLICIES}/case-0"))?.ok()?;
    assert_eq!(
        (&taken["spec"]["priority"], &taken["spec"]["deviceType"]),
        (&json!(99), &json!("netdevice"))
    );
    let columns = cluster.kubectl(&["get", "sriovnetworknodepolicies", "case-0"])?;
    assert!(columns.contains("intelnics"), "{columns}");
    Ok(())
}
