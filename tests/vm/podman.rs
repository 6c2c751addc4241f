//! Containers that get VFs from podman, through netavark's plugin.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
trust = true
spoof_check = false
vlan = 100
mac = "stable"

[policy.match]
vendor = "8086"
"#;

/// Podman starts a dozen programs for each of its own.
const SLOW: Duration = Duration::from_secs(2 * PATIENCE.as_secs());

const RECORDS: &str = "/var/lib/sriovd/allocations";

/// A host with three VFs, podman, an image `box` with busybox in it, and a network.
struct Podman {
    host: Host,
    nic: Nic,
    before: Value,
}

impl Podman {
    fn ready(policy: &str) -> Result<Self> {
        let mut podman = Self::ready_without_netdevs(policy)?;
        podman.before = as_they_are(&podman.host, &podman.nic)?;
        Ok(podman)
    }

    /// For VFs that have none.
    fn ready_without_netdevs(policy: &str) -> Result<Self> {
        let host = Host::with_plugins(policy)?;
        let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
        // The guest's root is an overlay, on which there can be no other.
        host.put(
            "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\n\
             graphroot = \"/var/lib/containers/storage\"\n",
            "/etc/containers/storage.conf",
            0o644,
        )?;
        host.put(
            "[engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n",
            "/etc/containers/containers.conf",
            0o644,
        )?;
        host.run_for(
            "mkdir -p /run/image/bin && cp /bin/busybox /run/image/bin && cd /run/image/bin &&
             for tool in sh sleep ip ping ls; do ln -s busybox $tool; done &&
             tar -C /run/image -c . | podman import - box",
            SLOW,
        )?;
        let before = Value::Null;
        Ok(Self { host, nic, before })
    }

    fn podman(&self, arguments: &str) -> Result<String> {
        let done = self.host.run_for(&format!("podman {arguments}"), SLOW);
        done.with_context(|| self.host.journal().unwrap_or_default())
    }

    /// What the user reads when it fails.
    fn refused(&self, arguments: &str) -> Result<String> {
        let output = self
            .host
            .try_run_for(&format!("podman {arguments}"), SLOW)?;
        ensure!(output.status != 0, "podman {arguments} succeeded: {output}");
        Ok(output.stderr)
    }

    fn start(&self, name: &str) -> Result<()> {
        self.podman(&format!(
            "run -d --cap-add net_raw --name {name} --network f1-u box sleep 10000"
        ))?;
        Ok(())
    }

    fn address(&self, name: &str) -> Result<String> {
        let format = "'{{(index .NetworkSettings.Networks \"f1-u\").IPAddress}}'";
        let address = self.podman(&format!("inspect -f {format} {name}"))?;
        Ok(address.trim().to_owned())
    }

    /// How many VFs are lent, by their records.
    fn lent(&self) -> Result<usize> {
        let files = self
            .host
            .run(&format!("ls -p {RECORDS} | grep -v / | wc -l"))?;
        Ok(files.trim().parse()?)
    }

    /// All VFs are here, with what the policy gave them.
    fn assert_as_before(&self) -> Result<()> {
        self.host.run("udevadm settle")?;
        self.host.wait_for(&self.nic.pci(), "ready", 3)?;
        assert_eq!(self.lent()?, 0);
        assert_eq!(as_they_are(&self.host, &self.nic)?, self.before);
        Ok(())
    }
}

/// All VFs as the PF and the host's own interfaces show them.
fn as_they_are(host: &Host, nic: &Nic) -> Result<Value> {
    let own = (0..3).map(|vf| {
        let link = host.link(&nic.vf_netdev(vf))?;
        let keys = ["ifname", "address", "mtu", "operstate"];
        Ok(json!(keys.map(|key| link[key].clone())))
    });
    let own: Vec<_> = own.collect::<Result<_>>()?;
    Ok(json!([host.vfs(&nic.netdev())?, own]))
}

#[test]
fn containers_share_a_pool_and_a_fourth_on_a_pool_of_three_is_told_who_has_it() -> Result<()> {
    let podman = Podman::ready(POLICY)?;
    let host = &podman.host;
    let error = podman.refused("network create -d sriov -o pool=intelnics -o vlna=7 f1-u")?;
    ensure!(error.contains("did you mean \"vlan\"?"), "{error}");
    podman.podman(
        "network create -d sriov --subnet 10.56.217.0/24 -o pool=intelnics -o vlan=7 -o spoof_check=on f1-u",
    )?;

    for name in ["a", "b", "c"] {
        podman.start(name)?;
    }
    let vfs = host.vfs(&podman.nic.netdev())?;
    assert!(
        vfs.iter().all(|vf| vf["vlan_list"][0]["vlan"] == 7),
        "{vfs:#?}"
    );
    let (a, b) = (podman.address("a")?, podman.address("b")?);
    ensure!(a.starts_with("10.56.217.") && a != b, "{a} {b}");
    podman.podman(&format!("exec a ping -c 1 -W 20 {b}"))?;

    let error = podman.refused("run --rm --name d --network f1-u box sleep 1")?;
    for says in [
        "pool intelnics has no free VF",
        "container a",
        "container b",
        "container c",
    ] {
        ensure!(error.contains(says), "{says:?} is not in: {error}");
    }
    assert_eq!(podman.lent()?, 3);

    // Another count needs all VFs back: it waits for the last container.
    let end = host.journal_end()?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("num_vfs = 3", "num_vfs = 4"),
    )?;
    host.wait_for_news(&end, "container a (network f1-u)")?;
    host.policy("10-test.toml", POLICY)?;

    // Each in its own way.
    podman.podman("stop -t 0 a")?;
    assert_eq!(podman.lent()?, 2);
    podman.podman("start a")?;
    assert_eq!(podman.lent()?, 3);
    podman.podman("kill -s KILL b")?;
    host.wait(&format!("[ $(ls -p {RECORDS} | grep -v / | wc -l) = 2 ]"))?;
    podman.podman("rm -f -t 0 a b c")?;
    podman.assert_as_before()?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_container_whose_namespace_is_gone_gives_its_vf_back_by_itself() -> Result<()> {
    let podman = Podman::ready(POLICY)?;
    let host = &podman.host;
    podman.podman("network create -d sriov --subnet 10.56.217.0/24 -o pool=intelnics f1-u")?;
    podman.podman("run -d --name a --network f1-u:interface_name=f1-u box sleep 10000")?;
    let path = podman.podman("inspect -f '{{.NetworkSettings.SandboxKey}}' a")?;
    let pid = podman.podman("inspect -f '{{.State.Pid}}' a")?;
    ensure!(podman.podman("exec a ip address")?.contains(" f1-u:"));

    // As after a crash of podman itself: nobody is left to tear down.
    let end = host.journal_end()?;
    let (path, pid) = (path.trim(), pid.trim());
    host.run(&format!(
        "kill -STOP $(cat /proc/{pid}/stat | cut -d' ' -f4); umount {path} && rm {path} && kill -KILL {pid}"
    ))?;
    host.wait_for_news(&end, "taken back from container a (network f1-u)")?;
    podman.assert_as_before()?;
    host.assert_second_pass_is_empty()
}

/// A network that the agent describes, and podman reads.
const DESCRIBED: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
mac = "stable"

[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 7
ipam = { type = "host-local", subnet = "10.56.217.0/24" }
"#;

#[test]
fn a_network_of_the_policies_is_a_network_of_podman() -> Result<()> {
    let podman = Podman::ready(DESCRIBED)?;
    let host = &podman.host;
    let networks = podman.podman("network ls --format '{{.Name}} {{.Driver}}'")?;
    ensure!(networks.contains("f1-u sriov"), "{networks}");

    podman.podman("run -d --name a --net podman --net f1-u box sleep 10000")?;
    let links = podman.podman("exec a ip -o link")?;
    ensure!(
        links.contains(" eth0") && links.contains(" eth1:"),
        "{links}"
    );
    podman.podman("run -d --name b --net podman --net f1-u:interface_name=f1-u box sleep 10000")?;
    let links = podman.podman("exec b ip -o link")?;
    ensure!(links.contains(" f1-u:"), "{links}");
    podman.podman(
        "run -d --name c --net f1-u:ip=10.56.217.77,mac=02:00:00:00:0c:0c,vf=2 box sleep 10000",
    )?;
    assert_eq!(podman.address("c")?, "10.56.217.77");
    let record = host.json(&format!("{RECORDS}/{}", podman.nic.vf_pci(2)))?;
    assert_eq!(record["borrower"]["name"], "c");
    let link = podman.podman("exec c ip link show eth0")?;
    ensure!(link.contains("02:00:00:00:0c:0c"), "{link}");
    let routes = podman.podman("exec c ip route")?;
    ensure!(!routes.contains("default"), "{routes}");
    podman.podman("rm -f -t 0 a b c")?;
    podman.assert_as_before()?;

    // What somebody else put there stays, and is spoken of.
    let end = host.journal_end()?;
    let theirs = "/etc/containers/networks/other.json";
    host.put("{}", theirs, 0o644)?;
    host.policy("10-test.toml", &DESCRIBED.replace("f1-u", "other"))?;
    host.wait_for_news(&end, "networks/other.json")?;
    host.wait("! test -e /etc/containers/networks/f1-u.json")?;
    assert_eq!(host.get(theirs)?, b"{}");
    host.run(&format!("rm {theirs}"))?;
    host.policy("10-test.toml", DESCRIBED)?;
    host.wait("test -e /etc/containers/networks/f1-u.json")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_for_user_space_is_a_device_of_podman() -> Result<()> {
    let policy = POLICY.replace("mac = \"stable\"", "device_type = \"vfio-pci\"");
    let podman = Podman::ready_without_netdevs(&policy)?;
    let host = &podman.host;
    host.wait("test -e /run/cdi/sriovd.io-intelnics.json")?;
    let group = host.run(&format!(
        "basename $(readlink /sys/bus/pci/devices/{}/iommu_group)",
        podman.nic.vf_pci(1)
    ))?;
    let seen = podman.podman(&format!(
        "run --rm --network none --device sriovd.io/intelnics={} box ls /dev/vfio",
        podman.nic.vf_pci(1)
    ))?;
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        [group.trim(), "vfio"]
    );
    host.assert_second_pass_is_empty()
}
