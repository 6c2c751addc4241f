//! A guest as a node of a real cluster: kubelet, containerd and multus beside SR-IOV NICs.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::lab::{Guest, Nic};
use crate::worker::{Worker, pod};

const NETWORKS: &str = "/apis/k8s.cni.cncf.io/v1/namespaces/default/network-attachment-definitions";

/// A NIC with two VFs.
fn plugged(guest: &Guest) -> Result<Nic> {
    let nic = guest.plug(Nic::igb(0))?;
    guest.wait_for_netdev(&nic.netdev())?;
    let count = format!("/sys/bus/pci/devices/{}/sriov_numvfs", nic.pci());
    guest.run(&format!("echo 2 > {count}"))?;
    guest.wait_for_netdev(&nic.vf_netdev(1))?;
    Ok(nic)
}

#[test]
fn a_pod_runs_beside_a_vf_that_was_plugged() -> Result<()> {
    let worker = Worker::resume()?;
    let nic = plugged(&worker.guest)?;
    worker.create_pod(&pod("plain", "ip addr show eth0; sleep 100000"))?;
    let pod = worker.wait_for_pod("plain")?;
    let address = pod["status"]["podIP"].as_str().context("no address")?;
    ensure!(address.starts_with("10.244.1."), "{pod:#}");
    let log = worker.pod_log("plain")?;
    ensure!(log.contains(address), "no {address} in the pod: {log}");
    worker.delete_pod("plain")?;
    // Pods come and go, and VFs stay where they are.
    worker.guest.wait_for_netdev(&nic.vf_netdev(0))
}

#[test]
fn multus_gives_a_pod_a_vf() -> Result<()> {
    let worker = Worker::resume()?;
    worker.add_multus()?;
    let nic = plugged(&worker.guest)?;
    let vf = nic.vf_netdev(1);
    let config =
        json!({ "cniVersion": "1.0.0", "name": "vf", "type": "host-device", "device": vf });
    let network = json!({
        "apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition",
        "metadata": { "name": "vf" }, "spec": { "config": config.to_string() },
    });
    worker.admin()?.create(NETWORKS, &network)?.ok()?;
    let mac = format!("cat /sys/class/net/{vf}/address");
    let mac = worker.guest.run(&mac)?;

    let mut pod = pod("with-vf", "ip link show net1; sleep 100000");
    pod["metadata"]["annotations"] = json!({ "k8s.v1.cni.cncf.io/networks": "vf" });
    worker.create_pod(&pod)?;
    worker.wait_for_pod("with-vf")?;
    let log = worker.pod_log("with-vf")?;
    ensure!(log.contains(mac.trim()), "the pod has no VF: {log}");
    let is_here = format!("test -e /sys/class/net/{vf}");
    ensure!(
        worker.guest.try_run(&is_here)?.status != 0,
        "{vf} is here, too"
    );

    worker.delete_pod("with-vf")?;
    worker.guest.wait_for_netdev(&vf)
}
