//! Containers that get VFs from the CNI plugin, called as libcni calls it.

use crate::containers::{POLICY, RECORDS, as_they_are};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// One attachment: a container is a network namespace of its name.
struct Box<'a> {
    host: &'a Host,
    name: &'static str,
    conf: Value,
}

impl<'a> Box<'a> {
    fn new(host: &'a Host, name: &'static str, conf: Value) -> Result<Self> {
        host.run(&format!("ip netns add {name}"))?;
        Ok(Self { host, name, conf })
    }
}

impl Box<'_> {
    /// The plugin's exit status and what it printed.
    fn call(&self, command: &str, more: &Value) -> Result<(i32, Value)> {
        let mut conf = self.conf.clone();
        if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
            conf.extend(more.clone());
        }
        let name = self.name;
        let file = format!("/run/{name}.json");
        self.host.put(conf.to_string(), &file, 0o644)?;
        let output = self.host.try_run(&format!(
            "CNI_COMMAND={command} CNI_CONTAINERID={name} CNI_NETNS=/run/netns/{name} CNI_IFNAME=net1 \
             CNI_PATH=/usr/lib/cni /usr/lib/cni/sriovd-cni < {file}"
        ))?;
        let answer = serde_json::from_str(&output.stdout).unwrap_or_default();
        if output.status != 0 {
            ensure!(answer != Value::Null, "no error object: {output}");
        }
        Ok((output.status, answer))
    }

    fn add(&self) -> Result<Value> {
        let (status, answer) = self.call("ADD", &json!({}))?;
        ensure!(status == 0, "{answer:#}\n{}", self.host.journal()?);
        Ok(answer)
    }

    fn del(&self) -> Result<()> {
        let (status, answer) = self.call("DEL", &json!({}))?;
        ensure!(status == 0, "{answer:#}");
        Ok(())
    }

    /// The code and the sentence of the error that is expected.
    fn refused(&self, command: &str, more: &Value) -> Result<(u64, String)> {
        let (status, answer) = self.call(command, more)?;
        ensure!(status != 0, "{command} succeeded: {answer:#}");
        let message = answer["msg"].as_str().context("no msg")?;
        Ok((
            answer["code"].as_u64().context("no code")?,
            message.to_owned(),
        ))
    }
}

fn conf(version: &str) -> Value {
    json!({
        "cniVersion": version,
        "name": "f1-u",
        "type": "sriovd-cni",
        "pool": "intelnics",
        "vlan": 7,
        "spoofchk": "on",
        "ipam": {
            "type": "host-local",
            "subnet": "10.56.217.0/24",
            "routes": [{"dst": "192.0.2.0/24"}],
        },
    })
}

fn records(host: &Host) -> Result<String> {
    host.run(&format!(
        "cd {RECORDS} 2>/dev/null && ls -p | grep -v / || true"
    ))
}

#[test]
fn every_version_of_the_protocol_attaches_checks_and_gives_back() -> Result<()> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;
    for version in ["0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
        let container = Box::new(&host, "box", conf(version))?;
        let result = container.add().context(version)?;
        assert_eq!(result["cniVersion"], version);
        let link = host.run("ip -j -n box -d link show net1")?;
        let link: Value = serde_json::from_str(&link)?;
        assert_eq!(
            result["interfaces"][0]["mac"], link[0]["address"],
            "{link:#}"
        );
        ensure!(
            host.run("ip -n box route")?
                .contains("192.0.2.0/24 via 10.56.217.1 dev net1")
        );
        let address = result["ips"][0]["address"].as_str().context("no address")?;
        ensure!(host.run("ip -n box address show net1")?.contains(address));
        let vfs = host.vfs(&nic.netdev())?;
        let lent = vfs.iter().filter(|vf| vf["vlan_list"][0]["vlan"] == 7);
        assert_eq!(lent.count(), 1, "{vfs:#?}");

        let was = json!({"prevResult": result});
        if version != "0.3.1" {
            let (status, answer) = container.call("CHECK", &was)?;
            assert_eq!((status, answer), (0, Value::Null));
        }
        if version == "1.1.0" {
            assert_eq!(result["interfaces"][0]["mtu"], 1500);
            host.run("ip -n box address flush dev net1")?;
            let (code, message) = container.refused("CHECK", &was)?;
            ensure!(
                code == 100 && message.contains("is gone"),
                "{code} {message}"
            );
            assert_eq!(container.call("STATUS", &json!({}))?.0, 0);
        }
        // Twice, and the second time without a namespace to look at.
        container.del()?;
        host.run("ip netns delete box")?;
        container.del()?;
        assert_eq!(records(&host)?, "", "{version}");
        host.run("udevadm settle")?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before, "{version}");
    }
    host.assert_second_pass_is_empty()
}

/// The configuration with other keys.
fn but(version: &str, more: &Value) -> Value {
    let mut conf = conf(version);
    if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
        conf.extend(more.clone());
    }
    conf
}

#[test]
fn what_cannot_be_had_is_refused_with_a_code_and_leaves_nothing_behind() -> Result<()> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;

    let container = Box::new(&host, "a", conf("1.1.0"))?;
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
    let (code, message) = Box {
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
    let with_mac = Box {
        conf: but("1.1.0", &mac),
        ..container
    };
    assert_eq!(with_mac.add()?["interfaces"][0]["mac"], "02:00:00:00:0a:0a");
    let by_device = Box::new(&host, "b", but("1.1.0", &device))?;
    assert_eq!(by_device.add()?["interfaces"][0]["pciID"], nic.vf_pci(2));
    Box::new(&host, "c", conf("1.1.0"))?.add()?;
    let fourth = Box::new(&host, "d", conf("1.1.0"))?;
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
    host.wait_for_news(&end, "taken back from container a (network f1-u)")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    assert_eq!(records(&host)?, "");

    // As after a reboot: what was lent before it is lent no more.
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
        "taken back from container of-yesterday (network f1-u)",
    )?;
    assert_eq!(records(&host)?, "");
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_for_user_space_is_lent_without_an_interface() -> Result<()> {
    let policy = POLICY.replace("mac = \"stable\"", "device_type = \"vfio-pci\"");
    let host = Host::with_plugins(&policy)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = host.vfs(&nic.netdev())?;
    let container = Box::new(&host, "box", conf("1.0.0"))?;
    let result = container.add()?;
    assert_eq!(result["interfaces"], json!([]));
    ensure!(result["ips"][0]["address"].is_string() && result["ips"][0]["interface"].is_null());
    let vfs = host.vfs(&nic.netdev())?;
    let lent = vfs.iter().filter(|vf| vf["vlan_list"][0]["vlan"] == 7);
    assert_eq!(lent.count(), 1, "{vfs:#?}");
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

const SHARED: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
vlan = 100

[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 7
ipam = { type = "host-local", subnet = "10.56.217.0/24" }
"#;

#[test]
fn a_nic_pulled_from_under_its_containers_leaves_no_record_and_comes_back_whole() -> Result<()> {
    let host = Host::with_plugins(SHARED)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    let list = "/etc/cni/net.d/99-sriovd-f1-u.conflist";
    host.wait(&format!("test -e {list}"))?;
    let published = host.json(list)?;
    assert_eq!(published["plugins"][0]["type"], "sriovd-cni");
    let mut conf = published["plugins"][0].clone();
    conf["name"] = published["name"].clone();
    conf["cniVersion"] = published["cniVersion"].clone();
    let before = as_they_are(&host, &nic)?;
    let boxes = ["a", "b"].map(|name| Box::new(&host, name, conf.clone()));
    for container in &boxes {
        container
            .as_ref()
            .map_err(|error| anyhow::anyhow!("{error:#}"))?
            .add()?;
    }
    assert_eq!(records(&host)?.lines().count(), 2);

    host.unplug(&nic)?;
    host.wait_for_journal(" is gone")?;
    host.wait(&format!("! test -e {list}"))?;
    host.wait(&format!("[ -z \"$(ls -p {RECORDS} | grep -v /)\" ]"))?;
    // What is gone can be given back.
    for container in boxes.into_iter().flatten() {
        container.del()?;
    }
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait(&format!("test -e {list}"))?;
    assert_eq!(as_they_are(&host, &nic)?, before);
    let again = Box {
        name: "a",
        host: &host,
        conf,
    };
    again.add()?;
    again.del()?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    host.assert_second_pass_is_empty()
}

/// Attaches and detaches, again and again. What a full pool refuses is no fault; that a VF is
/// given to two at once would be.
const CYCLES: &str = r#"
worker() {
  done=0
  name=w$1
  ip netns add $name
  export CNI_CONTAINERID=$name CNI_NETNS=/run/netns/$name CNI_IFNAME=net1 CNI_PATH=/usr/lib/cni
  while [ $done -lt 25 ]; do
    CNI_COMMAND=ADD /usr/lib/cni/sriovd-cni < /run/cycles.json > /run/$name.out 2>/run/$name.err || {
      [ "$(jq .code /run/$name.out)" = 101 ] && sleep 0.5 && continue
      cat /run/$name.out; return 1
    }
    vf=$(jq -r '.interfaces[0].pciID' /run/$name.out)
    mkdir /run/held/$vf || { echo "$vf was given twice"; return 1; }
    ip -n $name link show net1 > /dev/null || return 1
    rmdir /run/held/$vf
    CNI_COMMAND=DEL /usr/lib/cni/sriovd-cni < /run/cycles.json > /run/$name.out 2>/run/$name.err || {
      cat /run/$name.out; return 1
    }
    done=$((done + 1))
  done
}
mkdir -p /run/held
(while sleep 2; do systemctl restart sriovd; done) & restarts=$!
pids=
for n in 1 2 3 4 5 6 7 8; do worker $n & pids="$pids $!"; done
bad=0
for pid in $pids; do wait $pid || bad=1; done
kill $restarts
wait $restarts
exit $bad
"#;

#[test]
fn eight_at_a_time_lose_no_vf_while_the_agent_restarts_all_the_while() -> Result<()> {
    let host = Host::with_plugins(&POLICY.replace("num_vfs = 3", "num_vfs = 7"))?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 7' /run/sriovd/state.json")?;
    let before = host.vfs(&nic.netdev())?;
    let mut conf = conf("1.1.0");
    conf["ipam"] = json!({});
    host.put(conf.to_string(), "/run/cycles.json", 0o644)?;
    host.run_for(CYCLES, Duration::from_secs(900))
        .with_context(|| host.journal().unwrap_or_default())?;
    host.run("systemctl restart sriovd && udevadm settle")?;
    assert_eq!(records(&host)?, "");
    host.wait_for(&nic.pci(), "ready", 7)?;
    assert_eq!(host.vfs(&nic.netdev())?, before);
    host.assert_second_pass_is_empty()
}
