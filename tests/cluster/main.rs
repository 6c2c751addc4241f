//! The tests' Kubernetes: the real control plane does what tests rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod controller;
#[path = "../vf_operator/host.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of vf-operator's API"
)]
mod host;
mod install;
mod kinds;
mod lab;
mod node;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
use lab::{ADMIN, Api, ControlPlane, Setup};
use serde_json::{Value, json};

const NODES: &str = "/api/v1/nodes";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
const CAPABLE: &str = "feature.node.kubernetes.io/network-sriov.capable";
const KINDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const NETWORKS: &str = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";
const CONFIG_MAPS: &str = "/api/v1/namespaces/default/configmaps";
/// Far more than it takes, far less than one would wait for.
const PATIENCE: Duration = Duration::from_secs(60);

fn node(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } })
}

fn lease(name: &str) -> Value {
    json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": name } })
}

/// Defines the kinds that are in a directory of the tree, and says how many the server has then.
fn define(cluster: &ControlPlane, directory: &str) -> Result<usize> {
    let directory = sriovd_tests::root().join(directory);
    let directory = directory.to_str().unwrap();
    // Some are larger than what kubectl would keep of them in an annotation.
    cluster.kubectl(&["apply", "--server-side", "--filename", directory])?;
    established(cluster)
}

/// How many kinds the server has, once it serves them all.
fn established(cluster: &ControlPlane) -> Result<usize> {
    let established = cluster.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd",
        "--all",
        "--timeout=60s",
    ])?;
    Ok(established.matches("condition met").count())
}

fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        assert!(Instant::now() < deadline, "{what} did not come true");
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A node's credential is good for its own objects, and for nobody else's.
#[test]
fn a_node_writes_only_what_is_its_own() -> Result<()> {
    let cluster = ControlPlane::start(&["node1", "node2"])?;
    let node1 = cluster.api("system:node:node1")?;
    assert_eq!(node1.create(NODES, &node("node1"))?.status, 201);
    assert_eq!(node1.create(NODES, &node("node2"))?.status, 403);
    cluster.api(ADMIN)?.create(NODES, &node("node2"))?.ok()?;

    let label = |name: &str, key: &str| {
        let patch = json!({ "metadata": { "labels": { key: "true" } } });
        anyhow::Ok(node1.merge(&format!("{NODES}/{name}"), &patch)?.status)
    };
    assert_eq!(label("node1", CAPABLE)?, 200);
    assert_eq!(label("node2", CAPABLE)?, 403);
    assert_eq!(label("node1", "node-restriction.kubernetes.io/rack")?, 403);
    let status = |name: &str| {
        let patch = json!({ "status": { "capacity": { "example.org/vf": "4" } } });
        anyhow::Ok(
            node1
                .merge(&format!("{NODES}/{name}/status"), &patch)?
                .status,
        )
    };
    assert_eq!((status("node1")?, status("node2")?), (200, 403));
    assert_eq!(node1.create(LEASES, &lease("node1"))?.status, 201);
    assert_eq!(node1.create(LEASES, &lease("node2"))?.status, 403);
    assert_eq!(node1.get("/api/v1/namespaces/default/secrets")?.status, 403);

    // Without one, it is good for nothing.
    let nobody = cluster.api("nobody")?;
    assert_eq!(nobody.get(NODES)?.status, 401);

    // The server's own record says who asked for what.
    let asked = cluster.requests("system:node:node1")?;
    let writes = asked.iter().filter(|it| it["verb"] == "patch").count();
    assert_eq!(writes, 5, "{asked:#?}");
    Ok(())
}

#[test]
fn kinds_are_served_and_their_objects_watched() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    let admin = cluster.api(ADMIN)?;
    assert_eq!(define(&cluster, "tests/cluster/manifests")?, 1);

    // For a second after that, storage is being made and the server says so.
    until("the kind is watched", || Ok(admin.watch(NETWORKS).is_ok()))?;
    let watch = admin.watch(NETWORKS)?;
    let mut network = json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "vlan-100" }, "spec": { "config": "{}" },
    });
    admin.create(NETWORKS, &network)?.ok()?;
    let added = watch.wait_for(PATIENCE, |event| event["type"] == "ADDED")?;
    assert_eq!(added["object"]["metadata"]["name"], "vlan-100");

    network["spec"]["confg"] = json!("{}");
    let path = format!("{NETWORKS}/vlan-100");
    let refused = admin.apply(&path, "test", &network)?;
    assert!(refused.says().contains("spec.confg"), "{refused:?}");
    admin.delete(&path)?.ok()?;
    watch.wait_for(PATIENCE, |event| event["type"] == "DELETED")?;
    Ok(())
}

#[test]
fn a_cluster_comes_back_with_all_that_is_in_it() -> Result<()> {
    let mut cluster = ControlPlane::start(&["node1"])?;
    let map = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "kept" } });
    cluster.api(ADMIN)?.create(CONFIG_MAPS, &map)?.ok()?;
    let kept = format!("{CONFIG_MAPS}/kept");
    let uid = |api: Api| anyhow::Ok(api.get(&kept)?.ok()?["metadata"]["uid"].clone());
    let before = uid(cluster.api(ADMIN)?)?;

    cluster.stop_api_server();
    assert!(cluster.api(ADMIN)?.get(&kept).is_err());
    cluster.start_api_server()?;
    assert_eq!(uid(cluster.api(ADMIN)?)?, before);

    let saved = tempfile::tempdir()?;
    cluster.save(saved.path())?;
    for _ in 0..2 {
        let cluster = ControlPlane::resume(saved.path(), Setup::default())?;
        assert_eq!(uid(cluster.api(ADMIN)?)?, before);
        // Users are still who they were.
        assert_eq!(cluster.api("system:node:node1")?.get(KINDS)?.status, 403);
    }
    Ok(())
}

#[test]
fn controllers_and_scheduler_do_their_part() -> Result<()> {
    let cluster = ControlPlane::with_controllers(&["node1"])?;
    let admin = cluster.api(ADMIN)?;
    admin.create(NODES, &node("node1"))?.ok()?;
    let ready = json!({ "status": {
        "allocatable": { "cpu": "1", "memory": "1Gi", "pods": "10" },
        "conditions": [{ "type": "Ready", "status": "True" }],
    }});
    admin
        .merge(&format!("{NODES}/node1/status"), &ready)?
        .ok()?;
    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" },
        "spec": {
            "containers": [{ "name": "web", "image": "localhost/box:1" }],
            "tolerations": [{ "operator": "Exists" }],
        },
    });
    admin.create(pods, &pod)?.ok()?;
    let pod = format!("{pods}/web");
    until("the pod has a node", || {
        Ok(admin.get(&pod)?.ok()?["spec"]["nodeName"] == "node1")
    })?;
    Ok(())
}

/// Nothing of a cluster is left when it ends, not even if the API server's storage went first.
#[test]
fn nothing_outlives_a_cluster() -> Result<()> {
    let cluster = ControlPlane::start(&[])?;
    let directory = cluster.directory().to_str().unwrap().to_owned();
    let running = || {
        let all = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
        let lines = all.filter_map(|it| fs::read_to_string(it.path().join("cmdline")).ok());
        lines.filter(|line| line.contains(&directory)).count()
    };
    assert_eq!(running(), 2);
    drop(cluster);
    assert_eq!(running(), 0);
    assert!(!fs::exists(&directory)?);
    Ok(())
}
