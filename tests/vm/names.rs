//! Policies that go by the interface's name, which udev gives a moment after the kernel has made one up.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const POLICY: &str = r#"
[[policy]]
name = "kernel-name"
priority = 0
num_vfs = 7

[policy.match]
pf_name = "eth*"

[[policy]]
name = "final-name"
num_vfs = 1

[policy.match]
pf_name = "enp1s0"

[[policy]]
name = "link-file"
num_vfs = 2

[policy.match]
pf_name = "uplink0"

[[policy]]
name = "altname"
num_vfs = 3

[policy.match]
pf_name = "back*"
"#;

const UPLINK: &str = "
[Match]
MACAddress=52:54:00:00:01:00
[Link]
Name=uplink0
";
const BACKBONE: &str = "
[Match]
MACAddress=52:54:00:00:02:00
[Link]
Name=uplink1
AlternativeName=backbone
";

#[test]
fn a_policy_by_name_waits_for_udev_and_takes_final_names_and_altnames() -> Result<()> {
    let host = Host::installed()?;
    host.put(UPLINK, "/etc/systemd/network/10-uplink.link", 0o644)?;
    host.put(BACKBONE, "/etc/systemd/network/10-backbone.link", 0o644)?;
    host.run("udevadm control --reload")?;
    host.policy("10-test.toml", POLICY)?;
    host.start()?;

    let nics: Vec<Nic> = (0..4)
        .map(|slot| host.plug(Nic::igb(slot)))
        .collect::<Result<_>>()?;
    for (nic, name, vfs) in [
        (&nics[0], "enp1s0", 1),
        (&nics[1], "uplink0", 2),
        (&nics[2], "uplink1", 3),
    ] {
        host.wait_for(name, "ready", vfs)?;
        assert_eq!(host.status(name)?["address"], nic.pci());
        assert_eq!(host.num_vfs(nic)?, vfs);
    }

    // A name that comes later counts as well. Of an interface that is down the kernel does not tell.
    let late = nics[3].netdev();
    host.wait_for(&late, "unmanaged", 0)?;
    host.run(&format!(
        "ip link set {late} down && ip link property add dev {late} altname backup"
    ))?;
    host.wait_for(&nics[3].pci(), "ready", 3)?;
    // Nor that the name goes: the PF keeps what it has.
    host.run(&format!(
        "ip link set {late} down && ip link property del dev {late} altname backup"
    ))?;
    let missed = |is_so| {
        let (pf, is_so) = (nics[3].pci(), if is_so { "" } else { "! " });
        host.wait(&format!(
            "{is_so}sriovctl status --json | jq -e '.pfs[] | select(.address == \"{pf}\") | .problems[]
             | select(.kind == \"no_longer_matches\")'"
        ))
    };
    missed(true)?;
    assert_eq!(host.num_vfs(&nics[3])?, 3);
    host.run(&format!("ip link property add dev {late} altname backup"))?;
    missed(false)?;

    // None of them ever went by the name that the kernel gave.
    let journal = host.journal()?;
    ensure!(!journal.contains("7 VFs created"), "{journal}");
    assert_eq!(journal.matches(" created").count(), 4, "{journal}");
    host.assert_second_pass_is_empty()
}

const UNDER_NAMES: &str = r#"
[[policy]]
name = "by-name"
resource = "nics"
num_vfs = 2
vlan = 7

[policy.match]
pf_name = "uplink0"

[[policy]]
name = "by-host"
num_vfs = 3
node.hostname = "node-*"

[policy.match]
pf_name = "enp1s0"

[[network]]
name = "f1-u"
resource = "nics"
"#;

/// The VFs of both PFs, as another pass would have made them anew.
const VFS: &str = "cat /sys/bus/pci/devices/0000:0[12]:00.0/virtfn*/net/*/ifindex; \
                   ip link show uplink0 2>/dev/null | grep vf || ip link show lan0 | grep vf; \
                   cat /etc/cni/net.d/99-sriovd-f1-u.conflist";

#[test]
fn a_pf_or_a_host_that_is_renamed_keeps_what_it_has_until_its_policy_changes() -> Result<()> {
    let host = Host::installed()?;
    host.put(UPLINK, "/etc/systemd/network/10-uplink.link", 0o644)?;
    host.run("udevadm control --reload")?;
    host.policy("10-test.toml", UNDER_NAMES)?;
    host.start()?;
    let (by_name, by_host) = (host.plug(Nic::igb(1))?, host.plug(Nic::igb(0))?);
    host.wait_for(&by_name.pci(), "ready", 2)?;

    // A host name that comes later is followed when it comes.
    host.wait_for(&by_host.pci(), "unmanaged", 0)?;
    let end = host.journal_end()?;
    host.run("hostname node-7")?;
    host.wait_for(&by_host.pci(), "ready", 3)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger.contains("host's name"), "{trigger}");
    host.run("udevadm settle")?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    let before = host.run(VFS)?;

    let rename = |from: &str, to: &str| {
        let script =
            format!("ip link set {from} down; ip link set {from} name {to}; udevadm settle");
        host.run(&script).map(drop)
    };
    let end = host.journal_end()?;
    rename("uplink0", "lan0")?;
    host.run("hostname localhost")?;
    host.wait_for(&by_name.pci(), "refused", 2)?;
    host.wait_for(&by_host.pci(), "refused", 3)?;
    host.wait_for_news(&end, "policy by-host does not name the PF as it is now")?;
    host.wait_for_news(&end, "pf_name is lan0")?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(&by_name.pci(), "refused", 2)?;
    host.wait_for(&by_host.pci(), "refused", 3)?;
    let explained = host.run("sriovctl explain lan0")?;
    ensure!(
        explained.contains("policy by-name does not match any more, but did"),
        "{explained}"
    );
    assert_eq!(host.run(VFS)?, before);

    rename("lan0", "uplink0")?;
    host.run("hostname node-8")?;
    host.wait_for(&by_name.pci(), "ready", 2)?;
    host.wait_for(&by_host.pci(), "ready", 3)?;
    assert_eq!(host.run(VFS)?, before);

    // A policy that goes takes along what it gave, whatever the PF is called by then.
    rename("uplink0", "lan0")?;
    host.run("hostname localhost")?;
    host.wait_for(&by_host.pci(), "refused", 3)?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(&by_name.pci(), "unmanaged", 0)?;
    host.wait_for(&by_host.pci(), "unmanaged", 0)?;
    assert_eq!((host.num_vfs(&by_name)?, host.num_vfs(&by_host)?), (0, 0));
    host.run("! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.assert_second_pass_is_empty()
}

const LABELLED: &str = r#"
[[policy]]
name = "by-rack"
num_vfs = 2
node.labels.rack = "12"

[policy.match]
pf_name = "enp1s0"
"#;

/// Each program that writes the file does it in its own way.
#[test]
fn labels_of_the_node_are_followed_while_the_agent_runs() -> Result<()> {
    let host = Host::with_policy(LABELLED)?;
    let nic = host.plug(Nic::igb(0))?;
    host.wait_for(&nic.pci(), "unmanaged", 0)?;
    let process = host.run("systemctl show -P MainPID sriovd")?;
    // A policy by name waits for it: what then makes the VFs is udev.
    host.wait("test -e /sys/class/net/enp1s0")?;
    host.run("udevadm settle; sriovctl apply")?;
    let end = host.journal_end()?;
    host.run("printf '[node]\\nlabels = { rack = \"12\" }\\n' > /etc/sriovd.toml")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger.contains("settings changed"), "{trigger}");

    // A mistake changes nothing until it is corrected.
    let end = host.journal_end()?;
    host.run("sed -i 's/\"12\"/12/' /etc/sriovd.toml")?;
    host.wait_for_news(&end, "the name and the labels of this host cannot be read")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    let status = host.run("sriovctl status")?;
    ensure!(status.contains("/etc/sriovd.toml"), "{status}");
    host.run("sed -i 's/12/\"12\"/' /etc/sriovd.toml")?;
    host.wait_for_news(&end, "the name and the labels of this host are read again")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    ensure!(!host.journal_after(&end)?.contains("VFs removed"));

    // Another value is another wish, also with what an editor does.
    host.run("cp /etc/sriovd.toml /tmp/new && sed -i 's/12/13/' /tmp/new && mv /tmp/new /etc/sriovd.toml")?;
    host.wait_for(&nic.pci(), "unmanaged", 0)?;
    host.run("sed -i 's/13/12/' /etc/sriovd.toml")?;
    host.wait_for(&nic.pci(), "ready", 2)?;
    host.run("rm /etc/sriovd.toml")?;
    host.wait_for(&nic.pci(), "unmanaged", 0)?;
    assert_eq!(host.run("systemctl show -P MainPID sriovd")?, process);
    Ok(())
}
