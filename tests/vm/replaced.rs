//! `sriovd-cni` in the place of sriov-cni: what that one attached comes back, as it was.

use crate::attachment::{Attachment, but, records};
use crate::containers::{POLICY, RECORDS, as_they_are};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Where sriov-cni keeps what it attached.
const THEIRS: &str = "/var/lib/cni/sriov";

fn ready() -> Result<(Host, Nic)> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    for vf in 0..3 {
        host.wait_for_netdev(&nic.vf_netdev(vf))?;
    }
    // As where it is installed under the name that lists have.
    host.run("cp /usr/lib/cni/sriovd-cni /usr/lib/cni/sriov")?;
    Ok((host, nic))
}

fn conf(nic: &Nic, more: &Value) -> Value {
    let mut conf = but(
        "1.0.0",
        &json!({
            "type": "sriov",
            "pool": null,
            "deviceID": nic.vf_pci(0),
            "trust": "off",
            "max_tx_rate": 100,
            "ipam": {},
        }),
    );
    if let (Some(conf), Some(more)) = (conf.as_object_mut(), more.as_object()) {
        conf.extend(more.clone());
    }
    conf
}

/// As sriov-cni leaves an attachment of the first VF.
fn attach(host: &Host, nic: &Nic, container: &Attachment) -> Result<()> {
    let (pf, own, name) = (nic.netdev(), nic.vf_netdev(0), container.name);
    let (vf, link) = (host.vf(&pf, 0)?, host.link(&own)?);
    let mut record = container.conf.clone();
    let theirs = json!({
        "vlanQoS": 0,
        "vlanProto": "802.1q",
        "min_tx_rate": null,
        "MAC": "",
        "MTU": 1500,
        "Master": pf,
        "VFID": 0,
        "runtimeConfig": {},
        "OrigVfState": {
            "HostIFName": own,
            "SpoofChk": vf["spoofchk"],
            "Trust": vf["trust"],
            "AdminMAC": vf["address"],
            "EffectiveMAC": link["address"],
            "Vlan": vf["vlan_list"][0]["vlan"],
            "VlanQoS": 0,
            "VlanProto": 0x8100,
            "MinTxRate": 0,
            "MaxTxRate": 0,
            "LinkState": 0,
            "MTU": link["mtu"],
        },
    });
    if let (Some(record), Some(theirs)) = (record.as_object_mut(), theirs.as_object()) {
        record.extend(theirs.clone());
    }
    // Under its lock, without which the agent repairs what it sees.
    host.run(&format!(
        "mkdir -p {THEIRS}/pci/vf_lock && exec 9> {THEIRS}/pci/vf_lock/{vf}.lock && flock 9 &&
         ip link set {pf} vf 0 vlan 7 && ip link set {pf} vf 0 max_tx_rate 100 &&
         ip link set {pf} vf 0 spoofchk on && ip link set {pf} vf 0 trust off &&
         ip link set {own} netns {name} name net1 &&
         ip -n {name} link set net1 up mtu 1400 &&
         ip link set {pf} vf 0 mac 02:00:00:00:0a:0a &&
         printf /run/netns/{name} > {THEIRS}/pci/{vf}",
        vf = nic.vf_pci(0)
    ))?;
    host.put(record.to_string(), &format!("{THEIRS}/{name}-net1"), 0o600)
}

#[test]
fn what_sriov_cni_attached_is_checked_and_comes_back_as_it_was() -> Result<()> {
    let (host, nic) = ready()?;
    let before = as_they_are(&host, &nic)?;
    for with_namespace in [true, false] {
        let container = Attachment::new(&host, "box", conf(&nic, &json!({})))?;
        attach(&host, &nic, &container)?;
        ensure!(as_they_are(&host, &nic).is_err(), "the VF is here");
        let was = json!({"prevResult": {
            "cniVersion": "1.0.0",
            "interfaces": [{"name": "net1", "sandbox": "/run/netns/box"}],
        }});
        assert_eq!(container.call("CHECK", &was)?, (0, Value::Null));
        host.run("ip -n box link set net1 down")?;
        let (code, message) = container.refused("CHECK", &was)?;
        ensure!(
            code == 100 && message.contains("is down"),
            "{code} {message}"
        );
        assert_eq!(records(&host)?, "", "CHECK has changed something");

        if with_namespace {
            container.del()?;
            host.run("ip netns delete box")?;
        } else {
            host.run("ip netns delete box")?;
            container.del_without_namespace()?;
            host.wait(&format!("[ -z \"$(ls -p {RECORDS} | grep -v /)\" ]"))?;
        }
        container.del()?;
        host.wait_for_netdev(&nic.vf_netdev(0))?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before);
        let left = host.run(&format!("find {THEIRS} -type f ! -name '*.lock'"))?;
        assert_eq!(left, "");
    }
    host.assert_second_pass_is_empty()
}

#[test]
fn a_record_of_sriov_cni_takes_a_vf_from_nobody_who_got_it_later() -> Result<()> {
    let (host, nic) = ready()?;
    let old = Attachment::new(&host, "old", conf(&nic, &json!({})))?;
    attach(&host, &nic, &old)?;
    host.run("ip netns delete old && udevadm settle")?;
    host.wait(&format!(
        "[ -n \"$(ls /sys/bus/pci/devices/{}/net)\" ]",
        nic.vf_pci(0)
    ))?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    let new = Attachment::new(&host, "new", conf(&nic, &json!({"vlan": 9})))?;
    new.add()?;
    let allocated = || -> Result<Value> {
        let vf = host.vf(&nic.netdev(), 0)?;
        Ok(json!([vf, host.run("ip -n new -br link show net1")?]))
    };
    let before = allocated()?;
    old.del_without_namespace()?;
    old.del()?;
    assert_eq!(allocated()?, before);
    ensure!(
        host.run(&format!("ls {THEIRS}"))?.trim() == "pci",
        "their record is left"
    );

    // What cannot be read keeps no container from ending, and stays.
    let odd = Attachment::new(&host, "odd", conf(&nic, &json!({})))?;
    host.put("{\"deviceID\": ", &format!("{THEIRS}/odd-net1"), 0o600)?;
    odd.del()?;
    host.run(&format!(
        "test -e {THEIRS}/odd-net1 && rm {THEIRS}/odd-net1"
    ))?;
    new.del()?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn gc_takes_back_what_sriov_cni_attached_to_a_container_that_is_no_more() -> Result<()> {
    let (host, nic) = ready()?;
    let before = as_they_are(&host, &nic)?;
    let container = Attachment::new(&host, "box", conf(&nic, &json!({})))?;
    attach(&host, &nic, &container)?;
    let gc = |valid: &Value| {
        let more = json!({"cniVersion": "1.1.0", "cni.dev/valid-attachments": valid});
        container.call("GC", &more)
    };
    let nobody = json!([]);
    let has_it = json!([{"containerID": "box", "ifname": "net1"}]);
    let theirs = format!("test -e {THEIRS}/box-net1");
    // It lives.
    assert_eq!(gc(&nobody)?, (0, Value::Null));
    host.run(&format!("{theirs} && ip -n box link show net1"))?;
    host.run("ip netns delete box && udevadm settle")?;
    host.wait(&format!(
        "[ -n \"$(ls /sys/bus/pci/devices/{}/net)\" ]",
        nic.vf_pci(0)
    ))?;
    // The runtime has still to say DEL, and it is another network's.
    assert_eq!(gc(&has_it)?, (0, Value::Null));
    let other = json!({"cniVersion": "1.1.0", "name": "other", "cni.dev/valid-attachments": []});
    assert_eq!(container.call("GC", &other)?, (0, Value::Null));
    host.run(&theirs)?;

    assert_eq!(gc(&nobody)?, (0, Value::Null));
    host.wait_for_netdev(&nic.vf_netdev(0))?;
    host.wait_for(&nic.pci(), "ready", 3)?;
    assert_eq!(as_they_are(&host, &nic)?, before);
    let left = host.run(&format!("find {THEIRS} -type f ! -name '*.lock'"))?;
    assert_eq!((left, records(&host)?), (String::new(), String::new()));
    host.assert_second_pass_is_empty()
}
