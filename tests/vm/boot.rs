//! NICs that are there at power-on.

use crate::host::Host;
use crate::lab::{Files, Nic, PowerOn};
use anyhow::{Context, Result};
use std::env;

const POLICY: &str = r#"
[[policy]]
name = "named"
resource = "intelnics"
num_vfs = 2
trust = true

[policy.match]
pf_name = "enp1s0"

[[policy]]
name = "placed"
resource = "intelnics"
num_vfs = 7
vlan = 100
mac = "stable"

[policy.match]
pci_address = "0000:02:00.0"

[[network]]
name = "f1-u"
resource = "intelnics"
"#;

#[test]
fn nics_that_are_there_at_boot_have_their_vfs_before_the_network_starts() -> Result<()> {
    let nics = [Nic::igb(0), Nic::igb(1)];
    let mut files = Files::sriovd()?;
    files.add(POLICY, "/etc/sriov.d/10-test.toml", 0o644)?;
    let power_on = nics.iter().cloned().fold(PowerOn::new(), PowerOn::nic);
    let host = Host::from(power_on.files(&files).boot()?);

    host.wait_for(&nics[0].pci(), "ready", 2)?;
    host.wait_for(&nics[1].pci(), "ready", 7)?;
    assert_eq!(host.run("systemctl --failed --no-legend")?, "");
    assert_eq!(host.run("systemctl is-system-running")?, "running\n");
    assert_eq!(host.run("systemctl is-active sriovd")?, "active\n");
    host.run("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    for vf in host.vfs(&nics[1].netdev())? {
        assert_eq!(vf["vlan_list"][0]["vlan"], 100, "{vf}");
    }

    let journal = host.run("journalctl -o cat -u sriovd -u network-pre.target")?;
    let line = |text: &str| {
        let line = journal.lines().position(|line| line.contains(text));
        line.with_context(|| format!("no {text:?} in\n{journal}"))
    };
    let ready = line("ready: 2 PFs, 9 VFs ready")?;
    assert!(line("2 VFs created")? < ready, "{journal}");
    assert!(line("7 VFs created")? < ready, "{journal}");
    assert!(line("config.json written")? < ready, "{journal}");
    assert!(
        ready < line("Reached target network-pre.target")?,
        "{journal}"
    );
    host.assert_second_pass_is_empty()
}

/// Ordered as the kubelet's own unit is.
const KUBELET: &str = "\
[Unit]
Wants=network-online.target
After=network-online.target
[Service]
ExecStart=/bin/sh -c 'ls /sys/bus/pci/devices/0000:01:00.0 | grep virtfn; exec sleep infinity'
[Install]
WantedBy=multi-user.target
";

/// `SRIOVD_BOOTS=10` boots ten times.
#[test]
fn the_kubelet_finds_all_vfs_when_it_starts() -> Result<()> {
    let boots = env::var("SRIOVD_BOOTS").map_or(Ok(1), |it| it.parse::<u32>())?;
    let nic = Nic::igb(0);
    let mut files = Files::sriovd()?;
    let policy = "[[policy]]\nname = \"all\"\nnum_vfs = 7\ntrust = true\nmatch.vendor = \"8086\"\n";
    files.add(policy, "/etc/sriov.d/10-test.toml", 0o644)?;
    files.add(KUBELET, "/etc/systemd/system/kubelet.service", 0o644)?;
    files.prepare("systemctl enable kubelet.service");
    for boot in 1..=boots {
        let host = Host::from(PowerOn::new().nic(nic.clone()).files(&files).boot()?);
        let listed = host.run("journalctl -o cat -u kubelet.service | grep -c virtfn")?;
        assert_eq!(listed, "7\n", "boot {boot}: {}", host.journal()?);
        let took = host.run(
            "eval $(systemctl show -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic sriovd)
             echo $(( (ActiveEnterTimestampMonotonic - InactiveExitTimestampMonotonic) / 1000 ))
             journalctl -u sriovd -o json | jq -r 'select(.SRIOV_DURATION_USEC) | (.SRIOV_DURATION_USEC | tonumber) / 1000 | floor'",
        )?;
        host.assert_second_pass_is_empty()?;
        let alone = host.run(
            "systemctl stop sriovd sriovd.socket && cd /sys/bus/pci/devices/0000:01:00.0
             echo 0 > sriov_numvfs && udevadm settle
             start=$(date +%s%3N) && echo 7 > sriov_numvfs && echo $(( $(date +%s%3N) - start ))",
        )?;
        println!(
            "boot {boot}: ms from start to ready, ms of that for the NIC: {}; ms for the kernel alone to make its VFs: {}",
            took.trim().replace('\n', ", "),
            alone.trim()
        );
    }
    Ok(())
}
