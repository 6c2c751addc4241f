//! SR-IOV devices of other kinds: another vendor's NIC under another driver, and what is no NIC at all.

use crate::consumers;
use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const POLICY: &str = r#"
[[policy]]
name = "paravirtual"
resource = "virtionics"
num_vfs = "max"

[policy.match]
driver = "virtio-pci"

[[policy]]
name = "beside"
resource = "intelnics"
num_vfs = 2
vlan = 100

[policy.match]
vendor = "8086"
"#;

/// The pools of the device plugin's configuration, with how many devices each has.
const POOLS: &str = "jq -c '[.resourceList[] | {(.resourceName): [.selectors[].pciAddresses[]] | length}] | add' \
                     /etc/pcidp/config.json";

#[test]
fn a_virtio_pf_has_all_its_vfs_beside_an_igb() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let virtio = host.plug(Nic::virtio(1, 24))?;
    let igb = host.plug(Nic::igb(0))?;
    host.wait_for(&igb.pci(), "ready", 2)?;
    host.wait_for(&virtio.pci(), "ready", 24)?;
    assert_eq!(host.num_vfs(&virtio)?, 24);
    assert_eq!(host.vf(&igb.netdev(), 1)?["vlan_list"][0]["vlan"], 100);
    host.wait("grep -q virtionics /etc/pcidp/config.json")?;
    assert_eq!(host.run(POOLS)?, "{\"intelnics\":2,\"virtionics\":24}\n");
    consumers::assert_device_plugin_takes(&host)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn vfs_that_do_not_bind_are_reported_once_and_the_others_are_published() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    // One processor has interrupts for about 60 of the VFs; the rest are turned away (ENOSPC).
    host.run("echo 0 > /sys/devices/system/cpu/cpu1/online")?;
    let igb = host.plug(Nic::igb(0))?;
    let virtio = host.plug(Nic::virtio(1, 66))?;
    host.wait_for(&igb.pci(), "ready", 2)?;
    host.wait(&format!(
        "[ $(cat /sys/bus/pci/devices/{}/sriov_numvfs) = 66 ]",
        virtio.pci()
    ))?;
    host.wait_for_journal("no driver made a network interface for VF")?;

    // While an interface is renamed it has no name. One processor needs long for so many of udev's events.
    host.run_for("udevadm settle --timeout=200", 2 * PATIENCE)?;
    let bound = format!(
        "ls -d /sys/bus/pci/devices/{}/virtfn*/virtio*/net/* | wc -l",
        virtio.pci()
    );
    let bound: u16 = host.run(&bound)?.trim().parse()?;
    ensure!((1..66).contains(&bound), "{bound} of 66 have a netdev");
    let reason = format!("for VF {bound}-65; see the kernel log");
    host.wait_for_pf(&virtio.pci(), |it| {
        let problems = it["problems"].as_array().map(Vec::as_slice);
        let is_that = |it: &Value| {
            it["reason"]
                .as_str()
                .is_some_and(|it| it.ends_with(&reason))
        };
        it["state"] == "failed"
            && it["vfs_ready"] == bound
            && matches!(problems, Some([problem]) if is_that(problem))
    })?;
    host.wait(&format!("[ \"$({POOLS} | jq .virtionics)\" = {bound} ]"))?;
    consumers::assert_device_plugin_takes(&host)?;
    host.wait_for(&igb.pci(), "ready", 2)?;

    host.run_for("udevadm settle --timeout=200", 2 * PATIENCE)?;
    host.assert_second_pass_is_empty()?;
    let journal = host.journal()?;
    assert_eq!(journal.matches("no driver made").count(), 2, "{journal}");
    assert_eq!(journal.matches("VFs created").count(), 2, "{journal}");
    Ok(())
}

const EVERYTHING: &str = r#"
[[policy]]
name = "disk"
num_vfs = 2

[policy.match]
pci_address = "0000:09:00.0"

[[policy]]
name = "everything"
num_vfs = 1
match.pf_name = "*"
"#;

#[test]
fn an_sriov_disk_controller_is_left_alone_even_if_a_policy_names_it() -> Result<()> {
    let host = Host::with_policy(EVERYTHING)?;
    let nvme = host.plug_nvme()?;
    host.wait(&format!("[ -e /sys/bus/pci/devices/{nvme}/driver ]"))?;
    // What comes later is looked at later.
    let igb = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 1)?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(&igb.pci(), "ready", 1)?;
    assert_eq!(host.status(nvme)?, json!(null));
    let numvfs = format!("cat /sys/bus/pci/devices/{nvme}/sriov_numvfs");
    assert_eq!(host.run(&numvfs)?, "0\n");
    host.run("! grep -r 0000:09:00 /run/sriovd/state.json /var/lib/sriovd/state.json")?;
    host.assert_second_pass_is_empty()
}
