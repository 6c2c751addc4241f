//! A guest as a node of a real cluster: kubelet, containerd and multus beside SR-IOV NICs.

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::lab::{Guest, Nic};
use crate::worker::{NODE, Worker, pod};

const RESOURCE: &str = "sriovd.io/fast";
const POLICY: &str = r#"
[[policy]]
name = "fast"
resource = "fast"
resource_prefix = "sriovd.io"
num_vfs = 2

[policy.match]
vendor = "8086"
"#;
const POLICY_FILE: &str = "/etc/sriov.d/10-test.toml";
const DEVICE_PLUGIN: &str = "sriovd-kube-device-plugin";

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

/// How many VFs the cluster may give to pods on the node.
fn allocatable(node: &Value) -> u32 {
    let count = node["status"]["allocatable"][RESOURCE].as_str();
    count.and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// The least that the node had to give at any moment while this was done.
fn least_during(worker: &Worker, work: impl FnOnce() -> Result<()>) -> Result<u32> {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let mut least = u32::MAX;
            while !is_over.load(Ordering::Relaxed) {
                least = least.min(allocatable(&worker.node()?));
                thread::sleep(Duration::from_millis(100));
            }
            anyhow::Ok(least)
        });
        let worked = work();
        is_over.store(true, Ordering::Relaxed);
        let least = watch.join().map_err(|_| anyhow!("the watcher panicked"))?;
        worked?;
        least
    })
}

/// Until kubelet is in touch with the cluster again, and with what serves the resource.
fn wait_for_registration(worker: &Worker, after: &str) -> Result<()> {
    let registered = format!(
        "journalctl --no-pager -u sriovd-kube-device-plugin --after-cursor='{after}' | grep 'kubelet has resource {RESOURCE}'"
    );
    worker
        .guest
        .wait_until(&registered, Duration::from_secs(120))
}

/// The end of what the device plugin has said so far.
fn cursor(worker: &Worker) -> Result<String> {
    let shown = worker
        .guest
        .run("journalctl --no-pager --lines 0 --show-cursor | sed -n 's/^-- cursor: //p'")?;
    Ok(shown.trim().to_owned())
}

/// A node that offers both VFs of a NIC.
fn offering() -> Result<(Worker, Nic)> {
    let worker = Worker::resume()?;
    let guest = &worker.guest;
    guest.install_sriovd()?;
    guest.install_kube()?;
    guest.put(POLICY, POLICY_FILE, 0o644)?;
    guest.run(&format!("systemctl start {DEVICE_PLUGIN}"))?;
    guest.run_for("systemctl start sriovd", Duration::from_secs(120))?;
    let nic = guest.plug(Nic::igb(0))?;
    let both = || Ok(allocatable(&worker.node()?) == 2);
    worker.until("both VFs are offered", both)?;
    Ok((worker, nic))
}

fn pod_with_vf(name: &str, script: &str) -> Value {
    let mut pod = pod(name, script);
    pod["spec"]["containers"][0]["resources"] = json!({ "limits": { RESOURCE: "1" } });
    pod
}

#[test]
fn a_pod_gets_a_vf_of_its_pool_from_kubelet() -> Result<()> {
    let (worker, nic) = offering()?;
    let guest = &worker.guest;
    let both = || Ok(allocatable(&worker.node()?) == 2);
    worker.create_pod(&pod_with_vf(
        "with-vf",
        "env | grep PCIDEVICE | sort; sleep 100000",
    ))?;
    worker.wait_for_pod("with-vf")?;
    let log = worker.pod_log("with-vf")?;
    let vf = [nic.vf_pci(0), nic.vf_pci(1)];
    let vf = vf
        .iter()
        .find(|vf| log.contains(&format!("PCIDEVICE_SRIOVD_IO_FAST={vf}")));
    let vf = vf.with_context(|| format!("the pod was given no VF: {log}"))?;
    let info =
        format!(r#"PCIDEVICE_SRIOVD_IO_FAST_INFO={{"{vf}":{{"generic":{{"deviceID":"{vf}"}}}}}}"#);
    ensure!(log.contains(&info), "{log}");
    let file = format!("/var/run/k8s.cni.cncf.io/devinfo/dp/sriovd.io-fast-{vf}-device.json");
    ensure!(guest.run(&format!("cat {file}"))?.contains(vf));

    // What kubelet was told holds while the agent is away, and when it is back.
    let least = least_during(&worker, || {
        guest.run_for("systemctl restart sriovd", Duration::from_secs(120))?;
        // kubelet tells the cluster every 2 s.
        thread::sleep(Duration::from_secs(5));
        Ok(())
    })?;
    ensure!(
        least == 2,
        "while sriovd started again, {least} VFs were offered:\n{}",
        guest
            .run("journalctl --no-pager -o short-precise -u sriovd-kube-device-plugin -u sriovd")?
    );

    // kubelet takes all devices for sick until they are registered again: all that can be done is to be quick.
    for restart in [
        "systemctl restart kubelet",
        "systemctl kill --signal KILL sriovd-kube-device-plugin",
    ] {
        let before = cursor(&worker)?;
        let least = least_during(&worker, || {
            guest.run_for(restart, Duration::from_secs(120))?;
            wait_for_registration(&worker, &before)?;
            worker.until("both VFs are offered", both)
        })?;
        eprintln!("{restart}: at least {least} VFs were offered at any moment");
    }
    worker.wait_for_pod("with-vf")?;

    worker.delete_pod("with-vf")?;
    guest.unplug(&nic)?;
    worker.until("no VF is offered", || Ok(allocatable(&worker.node()?) == 0))?;
    let capacity = worker.node()?["status"]["capacity"][RESOURCE].clone();
    ensure!(
        capacity == "0",
        "a resource without VFs is still {capacity} on {NODE}"
    );
    guest.wait_until(&format!("! test -e {file}"), Duration::from_secs(60))
}

/// A pod that does nothing with its VF has it from the moment when kubelet gave it away, whoever starts again.
#[test]
fn a_vf_that_kubelet_gave_away_stays_until_its_pod_is_gone() -> Result<()> {
    let (worker, nic) = offering()?;
    let guest = &worker.guest;
    let soon = Duration::from_secs(120);
    worker.create_pod(&pod_with_vf("idle", "sleep 100000"))?;
    worker.wait_for_pod("idle")?;
    let by = format!("pod default/idle, container box (resource {RESOURCE})");
    let show = format!("sriovctl show {}", nic.netdev());
    guest.wait_until(&format!("{show} | grep -qF '{by}'"), soon)?;

    // It would take both VFs away, to make one.
    guest.put(
        POLICY.replace("num_vfs = 2", "num_vfs = 1"),
        POLICY_FILE,
        0o644,
    )?;
    let refused = format!("sriovctl status | tr -s '[:space:]' ' ' | grep -qF '{by}'");
    let count = format!("cat /sys/bus/pci/devices/{}/sriov_numvfs", nic.pci());
    let is_kept = |when: &str| -> Result<()> {
        guest
            .wait_until(&refused, soon)
            .with_context(|| when.to_owned())?;
        let count = guest.run(&count)?;
        ensure!(count.trim() == "2", "{when}: {count} VFs");
        Ok(())
    };
    is_kept("when the policy changes")?;
    for restart in [
        "systemctl kill --signal KILL sriovd-kube-device-plugin",
        "systemctl restart sriovd",
        "systemctl restart kubelet",
        "systemctl stop sriovd; systemctl restart kubelet sriovd-kube-device-plugin; sleep 3; systemctl start sriovd",
    ] {
        guest.run_for(restart, soon)?;
        // Nothing is young any more, and kubelet knows its pods.
        guest.run_for("sleep 15", soon)?;
        is_kept(restart)?;
    }
    // What the pod has is not given to others on this host.
    let record = guest.run("cat /var/lib/sriovd/kubelet/*")?;
    ensure!(record.contains("idle"), "{record}");

    worker.delete_pod("idle")?;
    guest.wait_until(&format!("[ $({count}) = 1 ]"), soon)?;
    let left = "[ -z \"$(ls /var/lib/sriovd/kubelet)\" ]";
    guest.wait_until(left, soon)
}

/// A VF that sriovd does not know to be in use is given to nobody.
#[test]
fn a_pod_gets_no_vf_while_sriovd_is_away() -> Result<()> {
    let (worker, _nic) = offering()?;
    worker.guest.run("systemctl stop sriovd")?;
    worker.create_pod(&pod_with_vf("early", "sleep 100000"))?;
    let pod = || {
        worker
            .admin()?
            .get("/api/v1/namespaces/default/pods/early")?
            .ok()
    };
    let failed = || Ok(pod()?["status"]["phase"] == "Failed");
    worker.until("the pod is refused", failed)?;
    let said = pod()?["status"]["message"].clone();
    let said = said.as_str().context("no message")?;
    let expected = "to a container, so it is not given: sriovd is not running";
    ensure!(said.contains(expected), "{said}");
    Ok(())
}
