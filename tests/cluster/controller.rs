//! `sriovd-kube controller` against the real API server, with exactly the rights that its manifest gives it.

use super::{NETWORKS as NADS, PATIENCE, define, until};
use crate::lab::{ADMIN, Api, ControlPlane, Program};
use anyhow::{Context, Result};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

const NAMESPACE: &str = "sriov-network-operator";
const ACCOUNT: &str = "system:serviceaccount:sriov-network-operator:sriovd-controller";
const NETWORKS: &str = "/apis/sriovnetwork.openshift.io/v1/namespaces/default/sriovnetworks";
const OWN_NETWORKS: &str = "/apis/sriovd.io/v1alpha1/namespaces/default/networks";
const OPERATORS: &str = "/apis/sriovnetwork.openshift.io/v1/namespaces/sriov-network-operator";
const LEASE: &str =
    "/apis/coordination.k8s.io/v1/namespaces/sriov-network-operator/leases/sriovd-controller";
const OWNER: &str = "sriovnetwork.openshift.io/owner-ref";
const RESOURCE: &str = "k8s.v1.cni.cncf.io/resourceName";

/// As in the documentation of sriov-network-operator.
const EXAMPLE_IPAM: &str = r#"{
  "type": "host-local",
  "subnet": "10.56.217.0/24",
  "rangeStart": "10.56.217.171",
  "rangeEnd": "10.56.217.181",
  "routes": [{
    "dst": "0.0.0.0/0"
  }],
  "gateway": "10.56.217.1"
}
"#;

/// What the operator makes of it.
fn example_config() -> Result<String> {
    let file = sriovd_tests::root().join("tests/cluster/examples/example-network.config");
    Ok(fs::read_to_string(file)?.trim_end().to_owned())
}

/// A cluster with all kinds and the controller's rights, in which no controller runs.
struct Lab {
    cluster: ControlPlane,
    admin: Api,
    kubeconfig: String,
}

impl Lab {
    fn new() -> Result<Self> {
        let cluster = ControlPlane::start(&[])?;
        let admin = cluster.api(ADMIN)?;
        define(&cluster, "tests/cluster/manifests")?;
        define(&cluster, "packaging/kubernetes/crds")?;
        for path in [NADS, NETWORKS, OWN_NETWORKS] {
            until(path, || Ok(admin.watch(path).is_ok()))?;
        }
        let manifest = sriovd_tests::root().join("packaging/kubernetes/controller.yaml");
        let manifest = manifest.to_str().context("no path")?;
        cluster.kubectl(&["apply", "--server-side", "--filename", manifest])?;
        let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
        let ask =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let token = admin
            .create(&format!("{accounts}/sriovd-controller/token"), &ask)?
            .ok()?;
        let token = token["status"]["token"].as_str().context("no token")?;
        let kubeconfig = cluster.kubeconfig_of(token, "controller.kubeconfig")?;
        let kubeconfig = kubeconfig.to_str().context("no path")?.to_owned();
        Ok(Self {
            cluster,
            admin,
            kubeconfig,
        })
    }

    fn controller(&self, name: &str) -> Result<Program> {
        let program = sriovd_tests::binary("sriovd-kube");
        let flags = [
            "controller",
            "--namespace",
            NAMESPACE,
            "--identity",
            name,
            "--kubeconfig",
            &self.kubeconfig,
        ];
        self.cluster.spawn(name, &program, &flags)
    }

    fn get(&self, path: &str) -> Result<Option<Value>> {
        let answer = self.admin.get(path)?;
        match answer.status {
            404 => Ok(None),
            _ => answer.ok().map(Some),
        }
    }

    fn network(&self, path: &str, name: &str, spec: &Value) -> Result<()> {
        let (group, kind) = match path.contains("sriovd.io") {
            true => ("sriovd.io/v1alpha1", "Network"),
            false => ("sriovnetwork.openshift.io/v1", "SriovNetwork"),
        };
        let network = json!({ "apiVersion": group, "kind": kind, "metadata": { "name": name }, "spec": spec });
        self.admin
            .apply(&format!("{path}/{name}"), "test", &network)?
            .ok()
            .map(drop)
    }

    /// The condition `Ready` of an object, once it is said of what is wanted now.
    fn ready(&self, path: &str) -> Result<Option<Value>> {
        let Some(object) = self.get(path)? else {
            return Ok(None);
        };
        let conditions = object["status"]["conditions"].as_array();
        let ready = conditions
            .into_iter()
            .flatten()
            .find(|it| it["type"] == "Ready");
        let now = &object["metadata"]["generation"];
        Ok(ready.filter(|it| it["observedGeneration"] == *now).cloned())
    }

    fn until_ready(&self, path: &str, status: &str) -> Result<Value> {
        let mut found = None;
        until(&format!("{path} is {status}"), || {
            found = self.ready(path)?.filter(|it| it["status"] == status);
            Ok(found.is_some())
        })?;
        found.context("no condition")
    }

    fn writes(&self) -> Result<Vec<Value>> {
        let mut asked = self.cluster.requests(ACCOUNT)?;
        let is_write = |it: &Value| {
            !["get", "list", "watch"].contains(&it["verb"].as_str().unwrap_or_default())
        };
        let is_lease = |it: &Value| it["objectRef"]["resource"] == "leases";
        asked.retain(|it| is_write(it) && !is_lease(it) && it["stage"] == "ResponseComplete");
        Ok(asked)
    }

    /// What it was not allowed to do.
    fn refused(&self) -> Result<Vec<Value>> {
        let mut asked = self.cluster.requests(ACCOUNT)?;
        asked.retain(|it| it["responseStatus"]["code"] == 403);
        Ok(asked)
    }
}

#[test]
fn networks_become_what_the_operator_makes_of_them() -> Result<()> {
    let lab = Lab::new()?;
    let mut controller = lab.controller("first")?;
    let examples =
        fs::read_to_string(sriovd_tests::root().join("tests/cluster/examples/networks.yaml"))?;
    let file = lab.cluster.directory().join("networks.yaml");
    fs::write(&file, examples)?;
    lab.cluster
        .kubectl(&["apply", "--filename", file.to_str().context("no path")?])?;

    let path = format!("{NETWORKS}/example-network");
    lab.until_ready(&path, "True")?;
    let nad = lab
        .get(&format!("{NADS}/example-network"))?
        .context("no NAD")?;
    assert_eq!(
        nad["metadata"]["annotations"][RESOURCE],
        "openshift.io/intelnics"
    );
    let owner = "SriovNetwork.sriovnetwork.openshift.io/default/example-network";
    assert_eq!(nad["metadata"]["annotations"][OWNER], owner);
    let uid = lab.get(&path)?.context("no network")?["metadata"]["uid"].clone();
    assert_eq!(nad["metadata"]["ownerReferences"][0]["uid"], uid);
    assert_eq!(nad["spec"]["config"], example_config()?);
    for name in [
        "chained-network",
        "example-ib-network",
        "example-ovs-network",
    ] {
        until(name, || Ok(lab.get(&format!("{NADS}/{name}"))?.is_some()))?;
    }

    // Edited; its namespace comes later than the network; and our own kind.
    lab.network(
        NETWORKS,
        "example-network",
        &json!({ "resourceName": "intelnics", "vlan": 100 }),
    )?;
    until("the edit is there", || {
        let nad = lab
            .get(&format!("{NADS}/example-network"))?
            .context("no NAD")?;
        Ok(nad["spec"]["config"]
            .as_str()
            .is_some_and(|it| it.contains("\"vlan\": 100")))
    })?;
    let elsewhere = format!("{OPERATORS}/sriovnetworks");
    lab.network(
        &elsewhere,
        "apart",
        &json!({ "resourceName": "r", "networkNamespace": "apps" }),
    )?;
    let ready = lab.until_ready(&format!("{elsewhere}/apart"), "False")?;
    assert_eq!(ready["reason"], "NamespaceNotFound");
    let apps = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "apps" } });
    lab.admin.create("/api/v1/namespaces", &apps)?.ok()?;
    lab.until_ready(&format!("{elsewhere}/apart"), "True")?;
    lab.network(
        OWN_NETWORKS,
        "own",
        &json!({ "resource": "pool", "vlan": 7 }),
    )?;
    lab.until_ready(&format!("{OWN_NETWORKS}/own"), "True")?;

    // What somebody else made stays as it is, and what cannot be used is told beside it.
    let foreign = json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "foreign" }, "spec": { "config": "{\"type\": \"macvlan\"}" },
    });
    let foreign = lab.admin.create(NADS, &foreign)?.ok()?;
    lab.network(NETWORKS, "foreign", &json!({ "resourceName": "intelnics" }))?;
    let ready = lab.until_ready(&format!("{NETWORKS}/foreign"), "False")?;
    assert!(
        ready["message"]
            .as_str()
            .is_some_and(|it| it.contains("is not sriovd's")),
        "{ready}"
    );
    lab.network(
        NETWORKS,
        "faulty",
        &json!({ "resourceName": "intelnics", "ipam": "dhcp" }),
    )?;
    let ready = lab.until_ready(&format!("{NETWORKS}/faulty"), "False")?;
    assert!(
        ready["message"]
            .as_str()
            .is_some_and(|it| it.contains("spec.ipam")),
        "{ready}"
    );
    until("there is an Event", || {
        let events = lab
            .admin
            .get("/apis/events.k8s.io/v1/namespaces/default/events")?
            .ok()?;
        let mut events = events["items"].as_array().into_iter().flatten();
        Ok(events.any(|it| it["regarding"]["name"] == "faulty"))
    })?;

    // At rest nothing is asked but watches, and the Lease is renewed.
    until_at_rest(&lab)?;
    assert_eq!(lab.get(&format!("{NADS}/foreign"))?, Some(foreign));

    // The network goes once its NetworkAttachmentDefinition is gone; another's stays.
    lab.admin.delete(&format!("{elsewhere}/apart"))?.ok()?;
    until("it is gone", || {
        Ok(lab.get(&format!("{elsewhere}/apart"))?.is_none())
    })?;
    let apart = "/apis/k8s.cni.cncf.io/v1/namespaces/apps/network-attachment-definitions/apart";
    assert_eq!(lab.get(apart)?, None);
    // There is no garbage collector here: it is removed by its mark.
    lab.admin.delete(&format!("{OWN_NETWORKS}/own"))?.ok()?;
    until("it is gone", || {
        Ok(lab.get(&format!("{NADS}/own"))?.is_none())
    })?;
    lab.admin.delete(&format!("{NETWORKS}/foreign"))?.ok()?;
    until_at_rest(&lab)?;
    assert!(lab.get(&format!("{NADS}/foreign"))?.is_some());
    assert_eq!(lab.refused()?, Vec::<Value>::new());
    controller.is_alive()
}

/// Within twenty seconds nothing is written, listed or read, but the Lease.
fn until_at_rest(lab: &Lab) -> Result<()> {
    thread::sleep(Duration::from_secs(3));
    let count = || -> Result<Vec<Value>> {
        let mut asked = lab.cluster.requests(ACCOUNT)?;
        asked.retain(|it| it["verb"] != "watch" && it["objectRef"]["resource"] != "leases");
        Ok(asked)
    };
    let before = count()?.len();
    thread::sleep(Duration::from_secs(20));
    let after = count()?;
    assert_eq!(after.len(), before, "{:#?}", &after[before..]);
    Ok(())
}

#[test]
fn when_the_leader_dies_another_takes_its_place() -> Result<()> {
    let lab = Lab::new()?;
    let first = lab.controller("first")?;
    let leads = |who: &str| {
        until(&format!("{who} leads"), || {
            let lease = lab.get(LEASE)?;
            Ok(lease.is_some_and(|it| it["spec"]["holderIdentity"] == who))
        })
    };
    leads("first")?;
    let second = lab.controller("second")?;
    lab.network(NETWORKS, "one", &json!({ "resourceName": "r" }))?;
    lab.until_ready(&format!("{NETWORKS}/one"), "True")?;
    let of_first = lab.writes()?.len();
    assert!(!second.log()?.contains("did "), "{}", second.log()?);

    let killed = Instant::now();
    first.signal(Signal::KILL)?;
    lab.network(NETWORKS, "two", &json!({ "resourceName": "r" }))?;
    lab.until_ready(&format!("{NETWORKS}/two"), "True")?;
    leads("second")?;
    assert!(
        killed.elapsed() < Duration::from_secs(30),
        "{:?}",
        killed.elapsed()
    );
    // What the first had done is not done again: this is what one more network takes.
    assert_eq!(lab.writes()?.len(), of_first + 3, "{:#?}", lab.writes()?);

    // One that cannot reach the API server for long enough writes nothing when it wakes up.
    let third = lab.controller("third")?;
    second.signal(Signal::STOP)?;
    leads("third")?;
    let writes = lab.writes()?.len();
    second.signal(Signal::CONT)?;
    lab.network(NETWORKS, "three", &json!({ "resourceName": "r" }))?;
    lab.until_ready(&format!("{NETWORKS}/three"), "True")?;
    assert_eq!(lab.writes()?.len(), writes + 3, "{:#?}", lab.writes()?);

    // Told to end, it gives the leadership back: nobody waits.
    let asked = Instant::now();
    assert!(third.end(PATIENCE)?.success());
    leads("second")?;
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(lab.refused()?, Vec::<Value>::new());
    Ok(())
}

#[test]
fn policies_say_what_became_of_them() -> Result<()> {
    let lab = Lab::new()?;
    let _controller = lab.controller("first")?;
    let nodes = "/api/v1/nodes";
    for name in ["node1", "node2"] {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name, "labels": { "nic": "intel" } } });
        lab.admin.create(nodes, &node)?.ok()?;
    }
    let policies = format!("{OPERATORS}/sriovnetworknodepolicies");
    let policy = json!({
        "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetworkNodePolicy", "metadata": { "name": "policy-1" },
        "spec": { "resourceName": "intelnics", "nodeSelector": { "nic": "intel" }, "numVfs": 4, "nicSelector": { "vendor": "8086" } },
    });
    let path = format!("{policies}/policy-1");
    lab.admin.apply(&path, "test", &policy)?.ok()?;
    let ready = lab.until_ready(&path, "False")?;
    assert_eq!(ready["reason"], "SomeNodesUnknown");

    let states = format!("{OPERATORS}/sriovnetworknodestates");
    let state = |name: &str, sync: &str, error: &str| -> Result<()> {
        let head = json!({ "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetworkNodeState", "metadata": { "name": name } });
        let (mut object, mut status) = (head.clone(), head);
        object["spec"] = json!({ "interfaces": [{ "pciAddress": "0000:01:00.0", "vfGroups": [{ "policyName": "policy-1" }] }] });
        status["status"] = json!({ "syncStatus": sync, "lastSyncError": error });
        let path = format!("{states}/{name}");
        lab.admin.apply(&path, name, &object)?.ok()?;
        lab.admin
            .apply(&format!("{path}/status"), name, &status)?
            .ok()
            .map(drop)
    };
    state("node1", "Succeeded", "")?;
    state(
        "node2",
        "Failed",
        "ens1f0: 2 VFs are in use by pod default/web",
    )?;
    until("the failure is told", || {
        let ready = lab.ready(&path)?;
        Ok(ready.is_some_and(|it| it["message"] == "1 of 2 nodes are as it wants them; node2: ens1f0: 2 VFs are in use by pod default/web"))
    })?;
    state("node2", "Succeeded", "")?;
    let ready = lab.until_ready(&path, "True")?;
    assert_eq!(ready["reason"], "AllNodesConfigured");
    let object = lab.get(&path)?.context("no policy")?;
    assert_eq!(object["status"]["matchedNodeCount"], 2);
    assert_eq!(object["status"]["readyNodeCount"], 2);
    until_at_rest(&lab)?;
    assert_eq!(lab.refused()?, Vec::<Value>::new());
    Ok(())
}

/// What the account may do is what the manifest says, and no more: each of these would be worth something to a thief.
#[test]
fn the_controller_has_no_other_rights() -> Result<()> {
    let lab = Lab::new()?;
    let kubeconfig: Value = serde_json::from_str(&fs::read_to_string(&lab.kubeconfig)?)?;
    let token = kubeconfig["users"][0]["user"]["token"]
        .as_str()
        .context("no token")?;
    let thief = lab.cluster.api_of(token.to_owned())?;
    for (path, wanted) in [
        ("/api/v1/secrets", 403),
        ("/api/v1/pods", 403),
        ("/api/v1/nodes", 200),
        (
            "/apis/coordination.k8s.io/v1/namespaces/sriov-network-operator/leases",
            403,
        ),
        (
            "/apis/sriovnetwork.openshift.io/v1/sriovnetworknodestates",
            403,
        ),
    ] {
        assert_eq!(thief.get(path)?.status, wanted, "{path}");
    }
    let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node1" } });
    lab.admin.create("/api/v1/nodes", &node)?.ok()?;
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    for path in [
        "/api/v1/nodes/node1",
        "/api/v1/namespaces/default",
        "/apis/apps/v1/namespaces/sriov-network-operator/deployments/sriovd-controller",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/sriovd-controller",
        "/apis/sriovnetwork.openshift.io/v1/namespaces/sriov-network-operator/sriovnetworknodepolicies/p",
        "/apis/sriovd.io/v1alpha1/policies/p",
    ] {
        assert_eq!(thief.merge(path, &label)?.status, 403, "{path}");
    }
    Ok(())
}

/// What the operator would not write again is not written.
#[test]
fn what_the_operator_left_behind_is_taken_without_a_write() -> Result<()> {
    let lab = Lab::new()?;
    let spec = json!({ "resourceName": "intelnics", "ipam": EXAMPLE_IPAM });
    let note = "operator.sriovnetwork.openshift.io/last-network-namespace";
    let network = json!({
        "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetwork",
        "metadata": { "name": "example-network", "annotations": { note: "default" } }, "spec": spec,
    });
    let network = lab.admin.create(NETWORKS, &network)?.ok()?;
    let path = format!("{NETWORKS}/example-network");
    let ready = json!({
        "type": "Ready", "status": "True", "reason": "NetworkReady", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
        "message": "NetworkAttachmentDefinition is provisioned and ready",
    });
    let status = json!({
        "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetwork",
        "metadata": { "name": "example-network" }, "status": { "conditions": [ready] },
    });
    let of_status = format!("{path}/status");
    lab.admin
        .apply(&of_status, "sriov-network-operator", &status)?
        .ok()?;
    let nad = json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": {
            "name": "example-network",
            "annotations": {
                RESOURCE: "openshift.io/intelnics",
                OWNER: "SriovNetwork.sriovnetwork.openshift.io/default/example-network",
            },
            "ownerReferences": [{
                "apiVersion": "sriovnetwork.openshift.io/v1", "kind": "SriovNetwork",
                "name": "example-network", "uid": network["metadata"]["uid"],
            }],
        },
        "spec": { "config": example_config()? },
    });
    let nad = lab.admin.create(NADS, &nad)?.ok()?;
    let controller = lab.controller("first")?;
    until("first leads", || Ok(controller.log()?.contains("leads")))?;
    until_at_rest(&lab)?;
    assert_eq!(lab.writes()?, Vec::<Value>::new());
    assert_eq!(lab.get(&format!("{NADS}/example-network"))?, Some(nad));
    Ok(())
}

#[test]
fn an_api_server_that_goes_away_is_waited_for() -> Result<()> {
    let mut lab = Lab::new()?;
    let mut controller = lab.controller("first")?;
    lab.network(NETWORKS, "one", &json!({ "resourceName": "r" }))?;
    lab.until_ready(&format!("{NETWORKS}/one"), "True")?;
    let one = lab.get(&format!("{NADS}/one"))?;
    let writes = lab.writes()?.len();

    lab.cluster.stop_api_server();
    // Longer than it leads without being heard.
    thread::sleep(Duration::from_secs(16));
    controller.is_alive()?;
    lab.cluster.start_api_server()?;
    lab.network(NETWORKS, "two", &json!({ "resourceName": "r" }))?;
    lab.until_ready(&format!("{NETWORKS}/two"), "True")?;
    assert_eq!(lab.get(&format!("{NADS}/one"))?, one);
    assert_eq!(lab.writes()?.len(), writes + 3, "{:#?}", lab.writes()?);
    controller.is_alive()
}
