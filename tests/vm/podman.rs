//! Containers that get VFs from podman, through netavark's plugin.

use crate::containers::{POLICY, Podman, RECORDS, described};
use crate::host::Host;
use crate::lab::Debian;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

#[test]
fn containers_share_a_pool_and_a_fourth_on_a_pool_of_three_is_told_who_has_it() -> Result<()> {
    let podman = Podman::ready(POLICY)?;
    let host = &podman.host;
    let error = podman.refused("network create -d sriov -o pool=intelnics -o vlna=7 f1-u")?;
    ensure!(error.contains("did you mean \"vlan\"?"), "{error}");
    podman.podman(
        "network create -d sriov --subnet 10.56.217.0/24 -o pool=intelnics -o vlan=7 -o vlan_qos=3 \
         -o spoof_check=on -o trust=off -o max_tx_rate=100 -o mtu=1400 f1-u",
    )?;

    let seen = podman.share_a_pool_of_three()?;
    ensure!(seen.contains("mtu 1400"), "{seen}");
    for vf in host.vfs(&podman.nic.netdev())? {
        assert_eq!(vf["vlan_list"][0], json!({"vlan": 7, "qos": 3}), "{vf}");
        assert_eq!(vf["rate"]["max_tx"], 100, "{vf}");
        assert_eq!([&vf["spoofchk"], &vf["trust"]], [true, false], "{vf}");
    }

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
    // Who gives no subnet wants no addresses.
    podman.podman("network create -d sriov -o pool=intelnics -o mac=02:00:00:00:0a:0a f1-u")?;
    podman.podman("run -d --name a --network f1-u:interface_name=f1-u box sleep 10000")?;
    let format = "'{{.NetworkSettings.SandboxKey}} {{.State.Pid}}'";
    let found = podman.podman(&format!("inspect -f {format} a"))?;
    let (path, pid) = found.trim().split_once(' ').context("not two words")?;
    let link = podman.podman("exec a ip address show f1-u")?;
    ensure!(
        link.contains("02:00:00:00:0a:0a") && !link.contains("inet "),
        "{link}"
    );

    // As after a crash of podman itself: nobody is left to tear down.
    let end = host.journal_end()?;
    host.run(&format!(
        "kill -STOP $(cat /proc/{pid}/stat | cut -d' ' -f4); umount {path} && rm {path} && kill -KILL {pid}"
    ))?;
    host.wait_for_news(&end, "released: container a (network f1-u) ended")?;
    podman.assert_as_before()?;
    a_namespace_ends_before_its_teardown(&podman)?;
    host.assert_second_pass_is_empty()
}

/// As netavark 2.1 does it, which calls the plugin all the same; and without the agent.
fn a_namespace_ends_before_its_teardown(podman: &Podman) -> Result<()> {
    let host = &podman.host;
    let setup = json!({
        "container_id": "0123", "container_name": "b", "port_mappings": [],
        "network": {
            "name": "f1-u", "id": "4567", "driver": "sriov", "internal": false, "dns_enabled": false,
            "subnets": [{"subnet": "10.56.217.0/24", "gateway": "10.56.217.1"}],
            "options": {"pool": "intelnics"}, "ipam_options": {"driver": "host-local"},
            "routes": [
                {"destination": "10.8.0.0/16", "gateway": "10.56.217.1", "metric": null},
                {"destination": "10.9.0.0/16", "route_type": "blackhole", "metric": 5},
                {"destination": "10.10.0.0/16", "route_type": "prohibit", "metric": null},
                {"destination": "fd00:9::/32", "route_type": "unreachable", "metric": null},
            ],
        },
        "network_options": {"interface_name": "eth0", "static_ips": ["10.56.217.9"]},
    });
    host.put(setup.to_string(), "/run/setup.json", 0o644)?;
    let call = |word: &str| {
        host.run(&format!(
            "/usr/libexec/netavark/sriov {word} /run/netns/b < /run/setup.json"
        ))
    };
    host.run("systemctl stop sriovd && ip netns add b")?;
    let status: Value = serde_json::from_str(&call("setup")?)?;
    let subnets = &status["interfaces"]["eth0"]["subnets"];
    assert_eq!(subnets[0]["ipnet"], "10.56.217.9/24", "{status:#}");
    ensure!(
        host.run("ip -n b address show eth0")?
            .contains("10.56.217.9/24")
    );
    assert_eq!(podman.allocated()?, 1);
    let routes = host.run("ip -n b route && ip -n b -6 route")?;
    for route in [
        "10.8.0.0/16 via 10.56.217.1 dev eth0",
        "blackhole 10.9.0.0/16 proto static metric 5",
        "prohibit 10.10.0.0/16",
        "unreachable fd00:9::/32",
    ] {
        ensure!(routes.contains(route), "{routes}");
    }
    // As with `podman network disconnect`: routes to nowhere have no netdev that takes them along.
    assert_eq!(call("teardown")?, "");
    assert_eq!(podman.allocated()?, 0);
    let routes = host.run("ip -n b route && ip -n b -6 route")?;
    ensure!(routes.trim().is_empty(), "{routes}");
    call("setup")?;
    assert_eq!(podman.allocated()?, 1);
    host.run("ip netns delete b")?;
    host.wait(&format!(
        "[ $(ls -d /sys/bus/pci/devices/{}/virtfn*/net/* | wc -l) = 3 ]",
        podman.nic.pci()
    ))?;
    // What it is called by udev is then an alternative to the name that it had in the namespace.
    host.run("udevadm settle")?;
    assert_eq!(call("teardown")?, "");
    assert_eq!(podman.allocated()?, 0);
    host.start()?;
    podman.assert_as_before()
}

#[test]
fn a_network_of_the_policies_is_a_network_of_podman() -> Result<()> {
    let podman = Podman::ready(&described())?;
    let host = &podman.host;
    let networks = podman.podman("network ls --format '{{.Name}} {{.Driver}}'")?;
    ensure!(networks.contains("f1-u sriov"), "{networks}");

    podman.join_a_second_network()?;
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
    podman.podman("rm -f -t 0 c")?;
    podman.assert_as_before()?;

    // What somebody else put there stays, and is spoken of.
    let end = host.journal_end()?;
    let theirs = "/etc/containers/networks/other.json";
    host.put("{}", theirs, 0o644)?;
    host.policy("10-test.toml", &described().replace("f1-u", "other"))?;
    host.wait_for_news(&end, "networks/other.json")?;
    host.wait("! test -e /etc/containers/networks/f1-u.json")?;
    assert_eq!(host.get(theirs)?, b"{}");
    host.run(&format!("rm {theirs}"))?;
    host.policy("10-test.toml", &described())?;
    host.wait("test -e /etc/containers/networks/f1-u.json")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn containers_outlive_neither_their_nic_nor_a_power_cut_and_all_vfs_are_back() -> Result<()> {
    let podman = Podman::ready(&described())?;
    podman.lose_the_nic()?;
    let podman = podman.lose_the_power(Debian::Trixie)?;
    podman.host.assert_second_pass_is_empty()
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

#[test]
fn a_container_ends_at_once_whatever_has_the_name_of_its_vf() -> Result<()> {
    let podman = Podman::ready(POLICY)?;
    let host = &podman.host;
    podman.podman("network create -d sriov -o pool=intelnics f1-u")?;
    for (taken, freed, other) in [
        ("ip link add NAME type dummy", "ip link delete NAME", "NAME"),
        (
            "ip link add other type dummy && ip link property add dev other altname NAME",
            "ip link delete other",
            "other",
        ),
    ] {
        podman.start("a")?;
        let vf = host.run(&format!("ls -p {RECORDS} | grep -v /"))?;
        let vf = vf.trim();
        let record = host.json(&format!("{RECORDS}/{vf}"))?;
        let own = record["interface_before"]["name"].as_str();
        let own = own.context("the record has no name")?;
        let named = |text: &str| text.replace("NAME", own);
        host.run(&named(taken))?;
        podman.podman("rm -f -t 0 a").context(taken)?;
        assert_eq!(podman.allocated()?, 0, "{taken}");
        let name = host.run(&format!("udevadm settle; ls /sys/bus/pci/devices/{vf}/net"))?;
        ensure!(name == "sriov0\n", "{name}: {other} has {own}");
        host.run(&format!("{}; ip link set sriov0 name {own}", named(freed)))?;
        podman.assert_as_before().context(taken)?;
    }

    // In the container it is an altname of its own, as by udev in a privileged one.
    podman.podman("run -d --name a --network f1-u box sleep 10000")?;
    let vf = host.run(&format!("ls -p {RECORDS} | grep -v /"))?;
    let record = host.json(&format!("{RECORDS}/{}", vf.trim()))?;
    let own = record["interface_before"]["name"]
        .as_str()
        .context("no name")?;
    let namespace = podman.podman("inspect -f '{{.NetworkSettings.SandboxKey}}' a")?;
    host.run(&format!(
        "nsenter --net={} ip link property add dev eth0 altname {own}",
        namespace.trim()
    ))?;
    podman.podman("rm -f -t 0 a")?;
    podman.assert_as_before()?;
    host.assert_second_pass_is_empty()
}
