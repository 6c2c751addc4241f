//! Containers that get VFs from the CNI plugin, called as libcni calls it.

use crate::attachment::{Attachment, but, conf, records};
use crate::containers::{CONFLIST, POLICY, RECORDS, as_they_are, described};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

#[test]
fn every_version_of_the_protocol_attaches_checks_and_gives_back() -> Result<()> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;
    let versions = [
        "", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0",
    ];
    for version in versions {
        let container = Attachment::new(&host, "box", conf(version))?;
        let result = container.add().context(version)?;
        let told = if version.is_empty() { "0.1.0" } else { version };
        assert_eq!(result["cniVersion"], told);
        let link = host.run("ip -j -n box -d link show net1")?;
        let link: Value = serde_json::from_str(&link)?;
        ensure!(
            host.run("ip -n box route")?
                .contains("192.0.2.0/24 via 10.56.217.1 dev net1")
        );
        let has_interfaces = version >= "0.3.0";
        let address = if has_interfaces {
            let interface = &result["interfaces"][0];
            assert_eq!(interface["mac"], link[0]["address"], "{link:#}");
            assert_eq!(interface["mtu"], link[0]["mtu"], "{link:#}");
            &result["ips"][0]["address"]
        } else {
            let routes = &result["ip4"]["routes"];
            assert_eq!(routes[0]["dst"], "192.0.2.0/24", "{result:#}");
            &result["ip4"]["ip"]
        };
        let address = address.as_str().context("no address")?;
        ensure!(host.run("ip -n box address show net1")?.contains(address));
        let vfs = host.vfs(&nic.netdev())?;
        let allocated = vfs.iter().filter(|vf| vf["vlan_list"][0]["vlan"] == 7);
        assert_eq!(allocated.count(), 1, "{vfs:#?}");

        let was = json!({"prevResult": result});
        if version >= "0.4.0" {
            let (status, answer) = container.call("CHECK", &was)?;
            assert_eq!((status, answer), (0, Value::Null));
        } else {
            assert_eq!(container.refused("CHECK", &was)?.0, 1);
        }
        if version == "1.1.0" {
            host.run("ip -n box address flush dev net1")?;
            let (code, message) = container.refused("CHECK", &was)?;
            ensure!(
                code == 100 && message.contains("is gone"),
                "{code} {message}"
            );
            assert_eq!(container.call("STATUS", &json!({}))?.0, 0);
            host.run("CNI_COMMAND=VERSION /usr/lib/cni/sriovd-cni < /dev/null")?;
            // As libcni asks, which names no container there: old IPAM plugins miss it.
            host.run(
                "CNI_COMMAND=STATUS CNI_PATH=/usr/lib/cni /usr/lib/cni/sriovd-cni < /run/box.json",
            )?;
        }
        // Twice, and once without a namespace to look at.
        if version == "0.4.0" {
            host.run("ip netns delete box")?;
            container.del_without_namespace()?;
            // The record stays until the kernel has brought the interface.
            host.wait(&format!("[ -z \"$(ls -p {RECORDS} | grep -v /)\" ]"))?;
        } else {
            container.del()?;
            host.run("ip netns delete box")?;
        }
        container.del()?;
        assert_eq!(records(&host)?, "", "{version}");
        host.run("udevadm settle")?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before, "{version}");
    }
    host.assert_second_pass_is_empty()
}

#[test]
fn what_cannot_be_had_is_refused_with_a_code_and_leaves_nothing_behind() -> Result<()> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;

    let container = Attachment::new(&host, "a", conf("1.1.0"))?;
    let no_ipam = json!({"ipam": {"type": "host-local", "subnet": "nonsense"}});
    for (more, code, says) in [
        (
            json!({"pool": "none"}),
            7,
            "there is no pool none on this node; there are: intelnics",
        ),
        (json!({"vlan": 7, "vlanQos": 9}), 7, "\"vlanQoS\" is 9"),
        (
            json!({"deviceID": nic.pci()}),
            7,
            "is not a VF of this host",
        ),
        (no_ipam, 999, "IPAM plugin host-local"),
    ] {
        let (found, message) = container.refused("ADD", &more)?;
        ensure!(
            (found == code || code == 999) && message.contains(says),
            "{found} {message}"
        );
        assert_eq!(records(&host)?, "", "{message}");
    }
    let (code, message) = Attachment {
        name: "nowhere",
        host: &host,
        conf: conf("1.0.0"),
    }
    .refused("ADD", &json!({}))?;
    ensure!(
        code == 102 && message.contains("/run/netns/nowhere"),
        "{code} {message}"
    );
    host.run("udevadm settle")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    assert_eq!(as_they_are(&host, &nic)?, before);

    host.run("ip -n a link add net1 type dummy")?;
    let (code, message) = container.refused("ADD", &json!({}))?;
    ensure!(
        code == 102 && message.contains("has an interface of that name"),
        "{message}"
    );
    host.run("ip -n a link delete net1 && udevadm settle")?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    assert_eq!(as_they_are(&host, &nic)?, before);

    // Three of three, each with its own address; and a fourth.
    let mac = json!({"capabilities": {"mac": true}, "runtimeConfig": {"mac": "02:00:00:00:0a:0a"}});
    let device = json!({"deviceID": nic.vf_pci(2)});
    let with_mac = Attachment {
        conf: but("1.1.0", &mac),
        ..container
    };
    assert_eq!(with_mac.add()?["interfaces"][0]["mac"], "02:00:00:00:0a:0a");
    // As sriov-cni is called, by a list that is its own.
    host.run("cp /usr/lib/cni/sriovd-cni /usr/lib/cni/sriov")?;
    let sriov = json!({"type": "sriov", "pool": null, "deviceID": nic.vf_pci(2)});
    let by_device = Attachment::new(&host, "b", but("1.1.0", &sriov))?;
    assert_eq!(by_device.add()?["interfaces"][0]["pciID"], nic.vf_pci(2));
    Attachment::new(&host, "c", conf("1.1.0"))?.add()?;
    let fourth = Attachment::new(&host, "d", conf("1.1.0"))?;
    let (code, message) = fourth.refused("ADD", &json!({}))?;
    assert_eq!(code, 101);
    for name in ["a", "b", "c"] {
        let says = format!("is held by container {name} (network f1-u)");
        ensure!(message.contains(&says), "{message}");
    }
    let (code, message) = fourth.refused("ADD", &device)?;
    ensure!(
        code == 101 && message.contains("container b"),
        "{code} {message}"
    );
    assert_eq!(fourth.refused("STATUS", &json!({}))?.0, 50);

    // A change that would take them away waits until the last is back.
    let end = host.journal_end()?;
    host.policy(
        "10-test.toml",
        &POLICY.replace("num_vfs = 3", "num_vfs = 2"),
    )?;
    host.wait_for_news(&end, "container b (network f1-u)")?;
    // The runtime knows only one of them any more; another ended without a word.
    let valid = json!({"cni.dev/valid-attachments": [{"containerID": "a", "ifname": "net1"}]});
    assert_eq!(fourth.call("GC", &valid)?, (0, Value::Null));
    assert_eq!(records(&host)?.lines().count(), 1);
    host.run("ip netns delete a")?;
    host.wait_for_news(&end, "released: container a (network f1-u) ended")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    assert_eq!(records(&host)?, "");

    // As after a reboot: what was allocated before it is allocated no more.
    let mut old = host.json(&format!("{RECORDS}/released/{}", nic.vf_pci(0)))?;
    old["borrower"]["container"] = json!("of-yesterday");
    host.run("systemctl stop sriovd")?;
    host.put(
        old.to_string(),
        &format!("{RECORDS}/{}", nic.vf_pci(0)),
        0o644,
    )?;
    host.put("{", &format!("{RECORDS}/{}", nic.vf_pci(1)), 0o644)?;
    host.start()?;
    host.wait_for_news(
        &end,
        "released: container of-yesterday (network f1-u) ended",
    )?;
    // One that cannot be understood is somebody's as long as its VF is there.
    assert_eq!(records(&host)?, format!("{}\n", nic.vf_pci(1)));
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_for_user_space_is_lent_without_an_interface() -> Result<()> {
    let policy = POLICY.replace("mac = \"stable\"", "device_type = \"vfio-pci\"");
    let host = Host::with_plugins(&policy)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = host.vfs(&nic.netdev())?;
    let container = Attachment::new(&host, "box", conf("1.0.0"))?;
    let result = container.add()?;
    let vfs = host.vfs(&nic.netdev())?;
    let allocated = vfs.iter().filter(|vf| vf["vlan_list"][0]["vlan"] == 7);
    let allocated: Vec<_> = allocated.collect();
    assert_eq!(allocated.len(), 1, "{vfs:#?}");
    let mut interface = json!({"name": "net1", "sandbox": "/run/netns/box"});
    if allocated[0]["address"] != "00:00:00:00:00:00" {
        interface["mac"] = allocated[0]["address"].clone();
    }
    assert_eq!(result["interfaces"], json!([interface]));
    ensure!(result["ips"][0]["address"].is_string() && result["ips"][0]["interface"] == 0);
    let was = json!({"prevResult": result});
    assert_eq!(container.call("CHECK", &was)?, (0, Value::Null));
    container.del()?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    assert_eq!(host.vfs(&nic.netdev())?, before);

    // What a container needs beside the network.
    let spec = host.json("/run/cdi/sriovd.io-intelnics.json")?;
    let group = host.run(&format!(
        "basename $(readlink /sys/bus/pci/devices/{}/iommu_group)",
        nic.vf_pci(1)
    ))?;
    let nodes = &spec["devices"][1]["containerEdits"]["deviceNodes"];
    assert_eq!(nodes[1]["path"], format!("/dev/vfio/{}", group.trim()));
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait("! test -e /run/cdi/sriovd.io-intelnics.json")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_nic_pulled_from_under_its_containers_leaves_no_record_and_comes_back_whole() -> Result<()> {
    let host = Host::with_plugins(&described())?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let published = host.json(CONFLIST)?;
    assert_eq!(published["plugins"][0]["type"], "sriovd-cni");
    let mut conf = published["plugins"][0].clone();
    conf["name"] = published["name"].clone();
    conf["cniVersion"] = published["cniVersion"].clone();
    let before = as_they_are(&host, &nic)?;
    let boxes = ["a", "b"].map(|name| Attachment::new(&host, name, conf.clone()));
    for container in &boxes {
        container
            .as_ref()
            .map_err(|error| anyhow::anyhow!("{error:#}"))?
            .add()?;
    }
    assert_eq!(records(&host)?.lines().count(), 2);

    host.unplug(&nic)?;
    host.wait_for_journal(" is gone")?;
    host.wait(&format!("! test -e {CONFLIST}"))?;
    host.wait(&format!("[ -z \"$(ls -p {RECORDS} | grep -v /)\" ]"))?;
    // What is gone can be released.
    for container in boxes.into_iter().flatten() {
        container.del()?;
    }
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    assert_eq!(as_they_are(&host, &nic)?, before);
    its_neighbours_follow_an_address(&host, &nic, &conf)?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    host.assert_second_pass_is_empty()
}

/// A container ends and another one gets its address with another VF: who talked to the first talks to the second at once.
fn its_neighbours_follow_an_address(host: &Host, nic: &Nic, conf: &Value) -> Result<()> {
    let with = |vf: u8, number: u8| {
        let mut conf = conf.clone();
        conf["deviceID"] = json!(nic.vf_pci(vf));
        let address = format!("10.56.217.{number}/24");
        conf["ipam"] = json!({"type": "static", "addresses": [{"address": address}]});
        conf
    };
    let first = Attachment {
        name: "a",
        host,
        conf: with(0, 77),
    };
    let second = Attachment {
        name: "b",
        conf: with(1, 77),
        ..first
    };
    let neighbour = Attachment::new(host, "neighbour", with(2, 2))?;
    neighbour.add()?;
    let mac = |result: Value| result["interfaces"][0]["mac"].as_str().map(str::to_owned);
    let knows = |mac: &str| {
        host.wait(&format!(
            "ip -n neighbour neighbour show 10.56.217.77 | grep -q {mac}"
        ))
    };

    let before = mac(first.add()?).context("no MAC")?;
    host.run("ip netns exec neighbour ping -c 1 -W 20 10.56.217.77")?;
    knows(&before)?;
    first.del()?;
    let after = mac(second.add()?).context("no MAC")?;
    assert_ne!(after, before);
    knows(&after)?;
    second.del()?;
    neighbour.del()
}
