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

    // A name that comes later counts as well. (Of an interface that is down the kernel does not tell.)
    host.wait_for(&nics[3].netdev(), "unmanaged", 0)?;
    host.run(&format!(
        "ip link set {0} up && ip link property add dev {0} altname backup",
        nics[3].netdev()
    ))?;
    host.wait_for(&nics[3].pci(), "ready", 3)?;

    // None of them ever went by the name that the kernel gave.
    let journal = host.journal()?;
    ensure!(!journal.contains("7 VFs created"), "{journal}");
    assert_eq!(journal.matches(" created").count(), 4, "{journal}");
    host.assert_second_pass_is_empty()
}
