//! NICs that come and go while the agent runs.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::Result;
use serde_json::{Value, json};

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 7
trust = true
spoof_check = false
vlan = 100
mac = "stable"

[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

#[test]
fn a_hot_added_nic_is_configured_without_any_command() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 7)?;

    let link = host.link("enp1s0")?;
    for vf in link["vfinfo_list"].as_array().into_iter().flatten() {
        assert_eq!(vf["vlan_list"][0]["vlan"], 100, "{vf}");
        assert_eq!(
            (&vf["trust"], &vf["spoofchk"]),
            (&json!(true), &json!(false)),
            "{vf}"
        );
    }
    // Whatever else configures interfaces leaves the VFs alone, by udev's word, and the PF is not meant.
    let properties = |interface: &str| {
        host.run(&format!(
            "udevadm info --query=property /sys/class/net/{interface} | grep -E '^(DRIVER|MODALIAS|PCI_.*|ID_NET_MANAGED_BY|NM_UNMANAGED)=' || true"
        ))
    };
    let left_alone = "ID_NET_MANAGED_BY=sriovd\nNM_UNMANAGED=1\n";
    assert_eq!(properties("enp1s0v0")?, left_alone);
    assert_eq!(properties("enp1s0v6")?, left_alone);
    assert_eq!(properties("enp1s0")?, "");

    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    let conflist = host.json("/etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(
        conflist["plugins"][0]["deviceID"],
        json!(host.vf_address("0000:01:00.0", 0)?)
    );
    host.wait_for_journal("7 VFs created")?;
    host.assert_second_pass_is_empty()
}

/// The NIC is known by its own address, wherever it is plugged.
const BY_MAC: &str = r#"
[[policy]]
name = "uplink"
resource = "intelnics"
num_vfs = 4
mac = "stable"
vlan = 100

[policy.match]
mac = "52:54:00:00:aa:01"
"#;
const FIRST: &str = "[[network]]\nname = \"first\"\nresource = \"intelnics\"\n";
const SECOND: &str = "[[network]]\nname = \"second\"\nresource = \"intelnics\"\n";
const SECOND_CONFLIST: &str = "/etc/cni/net.d/99-sriovd-second.conflist";

#[test]
fn a_nic_that_moves_to_another_slot_takes_its_policy_and_its_networks_with_it() -> Result<()> {
    let host = Host::with_policy(BY_MAC)?;
    host.policy("20-first.toml", FIRST)?;
    host.policy("30-second.toml", SECOND)?;
    let nic = Nic::igb(0).mac("52:54:00:00:aa:01");
    let nic = host.plug_and_wait(nic, "0000:01:00.0", 4)?;
    let device = |host: &Host| -> Result<_> {
        let conflist = host.json(SECOND_CONFLIST)?;
        Ok(conflist["plugins"][0]["deviceID"].clone())
    };
    host.wait(&format!("test -e {SECOND_CONFLIST}"))?;
    assert_eq!(device(&host)?, host.vf_address(&nic.pci(), 1)?);
    let macs = macs(&host, &nic)?;

    // VF 0 is free from here on, and the second network stays where it is.
    host.run("rm /etc/sriov.d/20-first.toml")?;
    host.wait("! test -e /etc/cni/net.d/99-sriovd-first.conflist")?;
    assert_eq!(device(&host)?, host.vf_address(&nic.pci(), 1)?);

    host.unplug(&nic)?;
    host.wait_for_journal(" is gone")?;
    host.wait(&format!(
        "! test -e {SECOND_CONFLIST} -o -e /etc/pcidp/config.json"
    ))?;
    assert_eq!(host.status(&nic.pci())?, json!(null));
    host.wait("! grep 0000:01 /run/sriovd/state.json")?;

    let stranger = host.plug(Nic::igb(0))?;
    let nic = Nic::igb(3).mac("52:54:00:00:aa:01");
    let nic = host.plug_and_wait(nic, "0000:04:00.0", 4)?;
    host.wait(&format!("test -e {SECOND_CONFLIST}"))?;
    assert_eq!(device(&host)?, host.vf_address(&nic.pci(), 1)?);
    assert_eq!(self::macs(&host, &nic)?, macs);

    // Who came to the old slot is another NIC.
    host.wait_for(&stranger.pci(), "unmanaged", 0)?;
    host.wait_for_netdev(&stranger.netdev())?;
    assert_eq!(host.num_vfs(&stranger)?, 0);
    assert!(!host.journal()?.contains("failed"), "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}

fn macs(host: &Host, nic: &Nic) -> Result<Vec<Value>> {
    let vfs = host.vfs(&nic.netdev())?;
    Ok(vfs.iter().map(|vf| vf["address"].clone()).collect())
}

const TWO: &str = r#"
[[policy]]
name = "storage"
resource = "storagenics"
num_vfs = 7
vlan = 200
trust = true

[policy.match]
mac = "52:54:00:00:00:00"

[[policy]]
name = "guests"
resource = "guestnics"
num_vfs = 3
spoof_check = false
mtu = 4000

[policy.match]
pci_address = "0000:06:00.0"
"#;

#[test]
fn two_nics_plugged_together_get_what_each_ones_policy_says() -> Result<()> {
    let host = Host::with_policy(TWO)?;
    let [storage, guests] = [host.plug(Nic::igb(0))?, host.plug(Nic::igb(5))?];
    host.wait_for(&guests.pci(), "ready", 3)?;
    host.wait_for(&storage.pci(), "ready", 7)?;

    let facts = |vf: &Value| {
        (
            vf["vlan_list"][0]["vlan"].clone(),
            vf["trust"].clone(),
            vf["spoofchk"].clone(),
        )
    };
    for vf in host.vfs(&storage.netdev())? {
        assert_eq!(facts(&vf), (json!(200), json!(true), json!(true)), "{vf}");
    }
    for vf in host.vfs(&guests.netdev())? {
        assert_eq!(
            facts(&vf),
            (json!(null), json!(false), json!(false)),
            "{vf}"
        );
    }
    assert_eq!(host.link(&storage.netdev())?["mtu"], 1500);
    assert_eq!(host.link(&guests.netdev())?["mtu"], 4000);
    host.wait("jq -e '.resourceList | length == 2' /etc/pcidp/config.json")?;
    let pools = host.run(
        "jq -c '.resourceList[] | [.resourceName, (.selectors[0].pciAddresses | length)]' /etc/pcidp/config.json",
    )?;
    assert_eq!(pools, "[\"guestnics\",3]\n[\"storagenics\",7]\n");
    host.assert_second_pass_is_empty()
}
