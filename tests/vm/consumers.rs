//! Those who read what sriovd writes: a CNI plugin that does what it is told, and the rules of those that are not at hand.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::json;

/// What makes the SR-IOV network device plugin leave, drop an entry, or select nothing without a word.
const DEVICE_PLUGIN: &str = r##"
def listed(form): type == "array" and length > 0 and all(.[]; type == "string" and test(form));
def selector:
  (keys - ["vendors", "devices", "drivers", "pciAddresses", "isRdma", "needVhostNet"] == [])
  and (.vendors | listed("^[0-9a-f]{4}$"))
  and (.devices | listed("^[0-9a-f]{4}$"))
  and (.drivers | listed("^[a-zA-Z0-9_-]+$"))
  and (.pciAddresses | listed("^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$"))
  and (.isRdma // false | type == "boolean")
  and (.needVhostNet // false | type == "boolean");
def entry:
  (.resourceName | type == "string" and test("^[a-zA-Z0-9_-]+$"))
  and (.resourcePrefix | type == "string" and test("^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"))
  and .deviceType == "netDevice"
  and (.excludeTopology // false | type == "boolean")
  and (has("additionalInfo") | not)
  and (.selectors | type == "array" and length > 0 and all(.[]; type == "object" and selector));
type == "object"
and (.resourceList | type == "array" and length > 0 and all(.[]; type == "object" and entry))
and ([.resourceList[] | .resourcePrefix + "/" + .resourceName] | length == (unique | length))
and ([.resourceList[].selectors[].pciAddresses[]] | length == (unique | length))
"##;

/// What the SR-IOV CNI plugin refuses or takes for something else.
const SRIOV_CNI: &str = r##"
def optional(holds): . == null or holds;
def rate: type == "number" and . == floor and . >= 0;
.cniVersion == "1.0.0"
and (.name | type == "string" and test("^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"))
and (.plugins | type == "array" and length > 0 and all(.[]; .type | type == "string" and length > 0))
and (.plugins[0]
  | .type == "sriov"
  and (.deviceID | test("^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\\.[0-7]$"))
  and (.vlan | optional(type == "number" and . == floor and . >= 0 and . <= 4094))
  and (.vlan as $vlan | .vlanQoS
    | optional(type == "number" and . >= 0 and . <= 7 and $vlan != null and (. == 0 or $vlan != 0)))
  and (.vlan as $vlan | .vlanProto
    | optional(. == "802.1q" and $vlan != null or . == "802.1ad" and ($vlan // 0) != 0))
  and (.spoofchk | optional(. == "on" or . == "off"))
  and (.trust | optional(. == "on" or . == "off"))
  and (.link_state | optional(. == "auto" or . == "enable" or . == "disable"))
  and (.min_tx_rate | optional(rate))
  and (.max_tx_rate | optional(rate))
  and ((.min_tx_rate == null) == (.max_tx_rate == null))
  and (.mac | optional(test("^([0-9a-f]{2}:){5}[0-9a-f]{2}$")))
  and (.capabilities | optional(type == "object" and all(.[]; type == "boolean")))
  and ([keys[] | ascii_downcase] - ["master", "vfid", "origvfstate", "mtu"] | length) == (keys | length))
"##;

/// The device plugin would take the published file, and find under each entry the devices that it names.
pub(crate) fn assert_device_plugin_takes(host: &Host) -> Result<()> {
    let path = "/etc/pcidp/config.json";
    obeys(host, path, DEVICE_PLUGIN)?;
    host.run(&format!(
        r#"jq -r '.resourceList[].selectors[] | . as $all | .pciAddresses[]
             | [., $all.vendors[0], $all.devices[0], $all.drivers[0]] | join(" ")' {path} |
           while read device wanted; do
             cd /sys/bus/pci/devices/$device || exit
             found="$(cut -c3- vendor) $(cut -c3- device) $(basename $(readlink driver))"
             [ "$found" = "$wanted" ] || {{ echo "$device: $found, not $wanted" >&2; exit 1; }}
           done"#
    ))?;
    Ok(())
}

pub(crate) fn assert_sriov_cni_takes(host: &Host, conflist: &str) -> Result<()> {
    obeys(host, conflist, SRIOV_CNI)
}

fn obeys(host: &Host, path: &str, rules: &str) -> Result<()> {
    host.put(rules, "/run/rules.jq", 0o644)?;
    let output = host.try_run(&format!("jq -e -f /run/rules.jq {path} && cat {path}"))?;
    ensure!(output.stdout.starts_with("true"), "{output}");
    Ok(())
}

const POLICY: &str = r#"
[[policy]]
name = "allocated"
resource = "intelnics"
num_vfs = 2
trust = true
spoof_check = false
vlan = 100
mtu = 3000
mac = "stable"

[policy.match]
vendor = "8086"

[[network]]
name = "moved"
resource = "intelnics"
type = "host-device"
"#;
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-moved.conflist";

/// As a container runtime calls a plugin of a list.
fn cni(command: &str) -> String {
    format!(
        "jq '.plugins[0] + {{ cniVersion, name }}' {CONFLIST} |
         CNI_COMMAND={command} CNI_CONTAINERID=box CNI_NETNS=/run/netns/box CNI_IFNAME=net1 \
         CNI_PATH=/usr/lib/cni /usr/lib/cni/host-device"
    )
}

#[test]
fn the_host_device_plugin_lends_the_published_vf_to_a_namespace_and_brings_it_back() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let published = host.get(CONFLIST)?;
    let config = host.json(CONFLIST)?;
    assert_eq!(config["plugins"][0]["pciBusID"], nic.vf_pci(0));
    host.wait_for_netdev(&nic.vf_netdev(0))?;
    let before = (host.vf(&nic.netdev(), 0)?, own(&host, &nic)?);
    assert_eq!(before.1.1, json!(3000));

    host.run("ip netns add box")?;
    let result = host.run(&cni("ADD"))?;
    ensure!(result.contains(r#""name": "net1""#), "{result}");
    host.run("ip -n box link show net1")?;
    let snapshot = format!(
        "sriovctl snapshot | jq -e '.pfs[\"{}\"].vfs[\"0\"].interface_elsewhere'",
        nic.pci()
    );
    host.wait(&snapshot)?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    ensure!(
        host.get(CONFLIST)? == published,
        "the conflist changed while its VF was allocated"
    );

    // Its container and others do with it as they like, meanwhile.
    host.run(&format!(
        "ip -n box link set net1 down mtu 1400 && ip -n box link set net1 address 02:00:00:00:00:99 up
         ip link set {} vf 0 vlan 7 trust off",
        nic.netdev()
    ))?;
    host.run(&cni("DEL"))?;
    host.wait_for_netdev(&nic.vf_netdev(0))?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    let now = || Ok::<_, anyhow::Error>((host.vf(&nic.netdev(), 0)?, own(&host, &nic)?));
    host.wait(&format!(
        "[ $(cat /sys/class/net/{}/mtu) = 3000 ]",
        nic.vf_netdev(0)
    ))?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    assert_eq!(now()?, before);
    ensure!(host.get(CONFLIST)? == published, "the conflist changed");
    host.assert_second_pass_is_empty()
}

/// What the VF's own netdev has.
fn own(host: &Host, nic: &Nic) -> Result<(serde_json::Value, serde_json::Value)> {
    let link = host.link(&nic.vf_netdev(0))?;
    let own = (link["address"].clone(), link["mtu"].clone());
    ensure!(own.0 != json!(null), "{link}");
    Ok(own)
}

#[test]
fn lists_wait_for_the_clusters_own_and_files_for_whatever_is_in_their_place() -> Result<()> {
    const CONFIG: &str = "/etc/pcidp/config.json";
    const CLUSTERS: &str = "/etc/cni/net.d/10-cluster.conflist";
    let host = Host::with_policy(POLICY)?;
    host.run(&format!("echo '{{}}' > {CONFIG}"))?;
    host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    host.wait_for_journal("config.json not written: a file that sriovd did not write")?;
    let moved = format!("mv {CONFIG} /etc/pcidp/by-hand.json");
    host.run(&moved)?;
    host.wait(&format!("jq -e .resourceList {CONFIG}"))?;
    assert_device_plugin_takes(&host)?;

    // The kubelet comes before the network of its cluster, to a node that has no other.
    host.run("rm /etc/cni/net.d/87-podman-bridge.conflist; mkdir -p /var/lib/kubelet")?;
    host.wait(&format!("! test -e {CONFLIST}"))?;
    host.wait_for_journal("held back: a kubelet runs here")?;
    for _ in 0..2 {
        host.run(&format!("echo '{{}}' > {CLUSTERS}"))?;
        host.wait(&format!("test -e {CONFLIST}"))?;
        host.run(&format!("rm {CLUSTERS}"))?;
        host.wait(&format!("! test -e {CONFLIST}"))?;
    }
    host.run("rmdir /var/lib/kubelet")?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let end = host.journal_end()?;
    host.run("mkdir /etc/cni/other.d && echo '{}' > /etc/cni/net.d/zz-later.conflist")?;
    host.assert_second_pass_is_empty()?;
    let said = host.journal_after(&end)?;
    ensure!(said.is_empty(), "{said}");
    Ok(())
}
