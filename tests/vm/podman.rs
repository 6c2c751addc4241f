//! Containers that get VFs from podman, through netavark's plugin.

use crate::containers::{POLICY, Podman, RECORDS};
use crate::host::Host;
use crate::lab::Files;
use anyhow::{Result, ensure};

#[test]
fn containers_share_a_pool_and_a_fourth_on_a_pool_of_three_is_told_who_has_it() -> Result<()> {
    let podman = Podman::ready(POLICY)?;
    let host = &podman.host;
    let error = podman.refused("network create -d sriov -o pool=intelnics -o vlna=7 f1-u")?;
    ensure!(error.contains("did you mean \"vlan\"?"), "{error}");
    podman.podman(
        "network create -d sriov --subnet 10.56.217.0/24 -o pool=intelnics -o vlan=7 -o spoof_check=on f1-u",
    )?;

    podman.share_a_pool_of_three()?;

    // Another count needs all VFs back: it waits for the last container.
    let end = host.journal_end()?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("num_vfs = 3", "num_vfs = 4"),
    )?;
    host.wait_for_news(&end, "container a (network f1-u)")?;
    host.policy("10-test.toml", POLICY)?;

    podman.end_each_in_its_own_way()?;
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

/// What a host keeps when its power goes, as far as it matters here.
const DISK: &str = "/etc/sriov.d /etc/containers /var/lib/containers /var/lib/cni /var/lib/sriovd";

#[test]
fn containers_outlive_neither_their_nic_nor_a_power_cut_and_all_vfs_are_back() -> Result<()> {
    let podman = Podman::ready(DESCRIBED)?;
    let host = &podman.host;
    // The network itself is no VF's: who asks for one is told that there is none.
    let files = "-e /etc/cni/net.d/99-sriovd-f1-u.conflist -a";
    let (there, gone) = (
        format!("test {files} -e /etc/pcidp/config.json"),
        format!("test ! {files} ! -e /etc/pcidp/config.json"),
    );
    podman.start("a")?;
    podman.start("b")?;
    host.unplug(&podman.nic)?;
    host.wait(&gone)?;
    podman.wait_until_lent(0)?;
    podman.podman("rm -f -t 0 b")?;
    host.plug_and_wait(podman.nic.clone(), &podman.nic.pci(), 3)?;
    podman.assert_as_before()?;
    host.wait(&there)?;

    podman.podman("restart -t 0 a")?;
    podman.start("b")?;
    assert_eq!(podman.lent()?, 2);
    host.run(&format!(
        "tar --create --file /run/disk.tar {DISK} 2>/dev/null"
    ))?;
    let mut files = Files::sriovd()?.with_plugins()?;
    files.add(host.get("/run/disk.tar")?, "/disk.tar", 0o600)?;
    files.prepare("tar --extract --file /disk.tar --directory / && rm /disk.tar");
    let podman = podman.cut_the_power(&files)?;
    let host = &podman.host;
    podman.assert_as_before()?;
    host.wait_for_journal("taken back from container a (network f1-u)")?;
    host.wait(&there)?;
    podman.podman("start a")?;
    assert_eq!(podman.lent()?, 1);
    podman.podman("rm -f -t 0 a b")?;
    podman.assert_as_before()?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_for_user_space_is_a_device_of_podman() -> Result<()> {
    let policy = POLICY.replace("mac = \"stable\"", "device_type = \"vfio-pci\"");
    let podman = Podman::without_netdevs(Host::with_plugins(&policy)?)?;
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
