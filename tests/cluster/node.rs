//! The bridge of a node against the real API server, with an agent on a simulated host: what is asked for arrives, what there
//! is is told, and between that nothing is asked.

use super::{KINDS, NODES, define, node, until};
use crate::host::Host;
use crate::lab::{ADMIN, Api, ControlPlane, Program};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

const NAMESPACE: &str = "sriov-network-operator";
const STATES: &str =
    "/apis/sriovnetwork.openshift.io/v1/namespaces/sriov-network-operator/sriovnetworknodestates";
const POLICIES: &str =
    "/apis/sriovnetwork.openshift.io/v1/namespaces/sriov-network-operator/sriovnetworknodepolicies";
const OWN_POLICIES: &str = "/apis/sriovd.io/v1alpha1/policies";
const NODE1: &str = "system:node:node1";
const A_WHILE: Duration = Duration::from_secs(15);

/// A cluster with our rights in it, before any of our kinds is defined.
fn cluster() -> Result<ControlPlane> {
    let cluster = ControlPlane::start(&["node1", "node2"])?;
    let namespace =
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAMESPACE } });
    let admin = cluster.api(ADMIN)?;
    admin.create("/api/v1/namespaces", &namespace)?.ok()?;
    for name in ["node1", "node2"] {
        admin.create(NODES, &node(name))?.ok()?;
    }
    let rights = sriovd_tests::root().join("packaging/kubernetes/rbac.yaml");
    let rights = rights.to_str().context("no UTF-8")?;
    cluster.kubectl(&["apply", "--filename", rights])?;
    Ok(cluster)
}

fn bridge(cluster: &ControlPlane, host: &Host) -> Result<Program> {
    let kubeconfig = cluster.kubeconfig(NODE1)?;
    let socket = host.socket("agent.sock");
    let arguments = [
        "node",
        "--kubeconfig",
        kubeconfig.to_str().context("no UTF-8")?,
        "--socket",
        socket.to_str().context("no UTF-8")?,
    ];
    cluster.spawn("bridge", &sriovd_tests::binary("sriovd-kube"), &arguments)
}

/// As README has it, for a NIC of the simulated host.
fn policy(name: &str, num_vfs: u16) -> Value {
    json!({
        "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetworkNodePolicy",
        "metadata": { "name": name, "namespace": NAMESPACE },
        "spec": {
            "resourceName": "intelnics", "numVfs": num_vfs, "deviceType": "netdevice",
            "nodeSelector": { "feature.node.kubernetes.io/network-sriov.capable": "true" },
            "nicSelector": { "vendor": "8086", "pfNames": ["eth3"] },
        },
    })
}

fn capable(admin: &Api, value: &Value) -> Result<Value> {
    let label = json!({ "feature.node.kubernetes.io/network-sriov.capable": value });
    let patch = json!({ "metadata": { "labels": label } });
    admin.merge(&format!("{NODES}/node1"), &patch)?.ok()
}

fn state(admin: &Api) -> Result<Value> {
    Ok(admin.get(&format!("{STATES}/node1"))?.body)
}

/// Waits until the node says that it has so many VFs, and all as wanted.
fn until_vfs(cluster: &ControlPlane, bridge: &Program, count: usize) -> Result<Value> {
    let admin = cluster.api(ADMIN)?;
    let is_so = || {
        let state = state(&admin)?;
        let vfs = state["status"]["interfaces"][0]["Vfs"].as_array();
        Ok(vfs.map(Vec::len) == Some(count) && state["status"]["syncStatus"] == "Succeeded")
    };
    until(&format!("{count} VFs"), is_so).with_context(|| {
        format!(
            "{:#}\n{:?}",
            state(&admin).unwrap_or_default(),
            bridge.log()
        )
    })?;
    state(&admin)
}

/// All that the node has asked for, but for watches.
fn asked(cluster: &ControlPlane) -> Result<Vec<Value>> {
    let mut asked = cluster.requests(NODE1)?;
    asked.retain(|it| it["verb"] != "watch");
    Ok(asked)
}

fn stamp(host: &Host) -> Result<SystemTime> {
    let file = host.sources_dir().join("kubernetes.json");
    Ok(fs::metadata(file)?.modified()?)
}

#[test]
fn policies_of_the_cluster_make_vfs_and_the_node_says_so() -> Result<()> {
    let mut cluster = cluster()?;
    let host = Host::start();
    let bridge = bridge(&cluster, &host)?;
    let admin = cluster.api(ADMIN)?;
    // Its kinds are not defined yet: it waits until they are.
    until("it watches", || {
        let asked = cluster.requests(NODE1)?;
        let services = "/apis/apiregistration.k8s.io/v1/apiservices";
        let waits = |it: &Value| {
            let uri = it["requestURI"].as_str().unwrap_or_default();
            it["verb"] == "watch" && uri.starts_with(services)
        };
        Ok(asked.iter().filter(|it| waits(it)).count() >= 3)
    })?;
    define(&cluster, "packaging/kubernetes/crds")?;
    until("policies are served", || {
        Ok(admin
            .apply(
                &format!("{POLICIES}/policy-1"),
                "test",
                &policy("policy-1", 2),
            )?
            .status
            < 300)
    })?;
    // The policy is for nodes that have the label.
    let state_before = until_vfs(&cluster, &bridge, 0)?;
    ensure!(
        state_before["spec"]["interfaces"] == json!([]),
        "{state_before:#}"
    );
    capable(&admin, &json!("true"))?;
    let state = until_vfs(&cluster, &bridge, 2)?;
    let wanted = json!([{
        "pciAddress": "0000:02:00.0", "name": "eth3", "numVfs": 2,
        "vfGroups": [{ "resourceName": "intelnics", "deviceType": "netdevice", "vfRange": "0-1", "policyName": "policy-1" }],
    }]);
    ensure!(state["spec"]["interfaces"] == wanted, "{state:#}");
    let ready = &state["status"]["conditions"][0];
    ensure!(
        (&ready["type"], &ready["status"]) == (&json!("Ready"), &json!("True")),
        "{state:#}"
    );
    ensure!(state["status"]["lastSyncError"] == "", "{state:#}");

    // At rest nothing is asked, and nothing is written on the host.
    let (before, written) = (asked(&cluster)?.len(), stamp(&host)?);
    sleep(A_WHILE);
    let now = asked(&cluster)?;
    ensure!(now.len() == before, "{:#?}", &now[before..]);

    // The API server is away, and back: all that was wanted is, and nothing is written for it.
    cluster.stop_api_server();
    sleep(Duration::from_secs(3));
    ensure!(host.pools().len() == 1);
    cluster.start_api_server()?;
    let watches = || {
        let all = cluster.requests(NODE1)?;
        let is_watch = |it: &&Value| it["verb"] == "watch" && it["stage"] == "ResponseStarted";
        anyhow::Ok(all.iter().filter(is_watch).count())
    };
    let before_watches: usize = watches()?;
    until("it watches again", || Ok(watches()? >= before_watches + 4))?;
    sleep(A_WHILE / 5);
    let again = asked(&cluster)?;
    let writes = again[before..]
        .iter()
        .filter(|it| it["verb"] != "list" && it["verb"] != "get");
    ensure!(writes.count() == 0, "{:#?}", &again[before..]);
    ensure!(stamp(&host)? == written);

    // What is another program's doing on the object is undone; a policy that says nonsense is told of and harms none.
    let bad = json!({
        "apiVersion": "sriovd.io/v1alpha1", "kind": "Policy", "metadata": { "name": "bad" },
        "spec": { "resource": "more", "num_vfs": 2, "vfs": "0-9", "match": { "pf_name": ["eth3"] } },
    });
    admin
        .apply(&format!("{OWN_POLICIES}/bad"), "test", &bad)?
        .ok()?;
    admin.delete(&format!("{STATES}/node1"))?.ok()?;
    until("the error is told", || {
        let state = self::state(&admin)?;
        let error = state["status"]["lastSyncError"]
            .as_str()
            .unwrap_or_default();
        Ok(error.contains("Policy bad") && state["status"]["syncStatus"] == "Failed")
    })
    .with_context(|| format!("{:#}", self::state(&admin).unwrap_or_default()))?;
    admin.delete(&format!("{OWN_POLICIES}/bad"))?.ok()?;
    until_vfs(&cluster, &bridge, 2)?;

    // The operator's own definition has no conditions.
    let kind = format!("{KINDS}/sriovnetworknodestates.sriovnetwork.openshift.io");
    let mut definition = admin.get(&kind)?.ok()?;
    let schema = &mut definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    let fields = schema["properties"]["status"]["properties"].as_object_mut();
    fields.context("no fields")?.remove("conditions");
    admin.replace(&kind, &definition)?.ok()?;
    // Another label: the policy is for other nodes.
    capable(&admin, &Value::Null)?;
    until_vfs(&cluster, &bridge, 0)?;
    Ok(())
}

/// The credential of a node, and that of a pod on it, write the state of that node.
#[test]
fn a_node_writes_the_state_of_no_other_node() -> Result<()> {
    let cluster = cluster()?;
    define(&cluster, "packaging/kubernetes/crds")?;
    let admin = cluster.api(ADMIN)?;
    until("states are served", || Ok(admin.watch(STATES).is_ok()))?;
    let state = |name: &str| {
        json!({
            "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetworkNodeState",
            "metadata": { "name": name, "namespace": NAMESPACE }, "spec": {},
        })
    };
    let status = |name: &str| {
        let mut status = state(name);
        status["status"] = json!({ "syncStatus": "Succeeded" });
        status
    };
    admin.create(STATES, &state("node2"))?.ok()?;

    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "bridge", "namespace": NAMESPACE },
        "spec": {
            "nodeName": "node1", "serviceAccountName": "sriovd-node",
            "containers": [{ "name": "bridge", "image": "localhost/box:1" }],
        },
    });
    let core = format!("/api/v1/namespaces/{NAMESPACE}");
    admin.create(&format!("{core}/pods"), &pod)?.ok()?;
    let bound = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": { "boundObjectRef": { "apiVersion": "v1", "kind": "Pod", "name": "bridge" } },
    });
    let unbound =
        json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
    let token = |request: &Value| -> Result<Api> {
        let path = format!("{core}/serviceaccounts/sriovd-node/token");
        let answer = admin.create(&path, request)?.ok()?;
        let token = answer["status"]["token"].as_str().context("no token")?;
        cluster.api_of(token.to_owned())
    };
    let (kubelet, of_pod, of_nowhere) = (cluster.api(NODE1)?, token(&bound)?, token(&unbound)?);

    let of_node2 = format!("{STATES}/node2");
    // A policy is in force a while after it was made.
    until("the admission policy is in force", || {
        let answer = kubelet.apply(&of_node2, "test", &state("node2"))?;
        Ok(answer.status == 422 || answer.status == 403)
    })?;
    for (who, api) in [("kubelet", &kubelet), ("pod", &of_pod)] {
        let own = format!("{STATES}/node1");
        api.apply(&own, "test", &state("node1"))?
            .ok()
            .context(who)?;
        api.apply(&format!("{own}/status"), "test", &status("node1"))?
            .ok()
            .context(who)?;
    }
    for (who, api, may_write) in [
        ("kubelet", &kubelet, "node1"),
        ("pod", &of_pod, "node1"),
        ("nowhere", &of_nowhere, ""),
    ] {
        let refused = format!("node {may_write} may write its own SriovNetworkNodeState only");
        let patch = json!({ "metadata": { "labels": { "a": "b" } } });
        let mut generated = state("");
        generated["metadata"] = json!({ "generateName": "node2-", "namespace": NAMESPACE });
        for answer in [
            api.apply(&of_node2, "test", &state("node2"))?,
            api.apply(&format!("{of_node2}/status"), "test", &status("node2"))?,
            api.merge(&of_node2, &patch)?,
            api.create(STATES, &state("node3"))?,
            api.create(STATES, &generated)?,
        ] {
            ensure!(answer.says().contains(&refused), "{who}: {answer:?}");
        }
        // What it never needs it may not do at all.
        let replaced = api.replace(&of_node2, &state("node2"))?.status;
        let deleted = api.delete(&of_node2)?.status;
        let policy = api
            .apply(&format!("{POLICIES}/mine"), "test", &policy("mine", 1))?
            .status;
        let own = json!({ "apiVersion": "sriovd.io/v1alpha1", "kind": "Policy", "metadata": { "name": "mine" }, "spec": {} });
        let own = api.create(OWN_POLICIES, &own)?.status;
        ensure!(
            [replaced, deleted, policy, own] == [403; 4],
            "{who}: {replaced} {deleted} {policy} {own}"
        );
    }
    Ok(())
}
