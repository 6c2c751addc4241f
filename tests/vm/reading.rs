//! What sriovctl tells of a NIC that was plugged in, with the agent and without it.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::Value;

const POLICY: &str = r#"
[[policy]]
name = "dataplane"
resource = "intelnics"
num_vfs = 3
priority = 10
vfs = "0-1"
trust = true
mac = "stable"
match.pf_name = "enp1s0"

[[policy]]
name = "weak"
num_vfs = 7
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

const EXPLAINED: &str = "\
enp1s0 (0000:01:00.0): ready

policy dataplane in force for VFs 0-1 (priority 10, /etc/sriov.d/10-test.toml:2)
  yes  pf_name  wants enp1s0, is enp1s0, enx525400000000

policy weak matches, and has no effect: dataplane is stronger and claims the same VFs (priority 99, /etc/sriov.d/10-test.toml:12)
  yes  vendor  wants 8086, is 8086
";

const DRAWN: &str = "\
no NUMA node
\u{2514}\u{2500} enp1s0  0000:01:00.0, 3/7 VFs
   \u{251c}\u{2500} VF 0  igbvf \u{2192} intelnics (f1-u)
   \u{251c}\u{2500} VF 1  igbvf \u{2192} intelnics, used by network namespace blue
   \u{2514}\u{2500} VF 2  igbvf

pool intelnics: 2 VFs \u{2192} f1-u
";

/// Every command that only reads, with what it is to say at least.
const SAYS: [(&str, &str); 14] = [
    ("list", "0000:01:00.0  enp1s0     igb"),
    ("list --json", "\"total_vfs\": 7"),
    ("show enp1s0", "VF  ADDRESS       INTERFACE  DRIVER"),
    ("show enp1s0v0", "VF 0 of enp1s0"),
    ("show 0000:01:10.2 --json", "\"index\": 1"),
    (
        "explain enp1s0#0",
        "claimed by policy dataplane (/etc/sriov.d/10-test.toml:2)",
    ),
    ("explain weak", "it is in force on no PF here"),
    ("explain f1-u", "It takes a VF of the pool intelnics"),
    ("check", "policy \"weak\" has no effect on enp1s0"),
    ("render state", "SriovNetworkNodeState"),
    ("draw --svg", "</svg>"),
    ("discover", "match.pf_name = \"enp1s0\""),
    ("snapshot", "\"pfs\": "),
    ("plan", "Nothing to do."),
];

#[test]
fn whoever_reads_needs_no_agent_and_no_rights() -> Result<()> {
    let host = Host::installed()?;
    let nic = host.plug(Nic::igb(0))?;
    host.wait_for_netdev(&nic.netdev())?;
    host.run("udevadm settle")?;

    // Without a policy and without the agent: what is there, and a file to start from.
    let listed = host.run("sriovctl list")?;
    assert!(
        listed.contains("enp1s0 is unmanaged: there is no policy"),
        "{listed}"
    );
    host.run("sriovctl discover | sed 's/enabled = false/enabled = true/' > /srv/20-nics.toml")?;
    assert_eq!(host.run("sriovctl check /srv/20-nics.toml")?, "no errors\n");
    let planned = host.try_run(
        "mkdir /srv/p && mv /srv/20-nics.toml /srv/p && sriovctl plan --policy-dir /srv/p",
    )?;
    assert_eq!(planned.status, 3, "{planned}");
    assert!(planned.stdout.contains("numvfs 0 -> 7"), "{planned}");

    host.policy("10-test.toml", POLICY)?;
    host.start()?;
    host.wait_for("enp1s0", "ready", 3)?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.run("udevadm settle")?;
    says(&host, "with the agent")?;
    let published = host.run("cat /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(host.run("sriovctl render cni f1-u")?, published);

    host.run("ip netns add blue && ip link set enp1s0v1 netns blue")?;
    host.wait("sriovctl snapshot | jq -e '.pfs[].vfs | .[\"1\"].interface_elsewhere' | grep true")?;
    assert_eq!(host.run("sriovctl explain enp1s0")?, EXPLAINED);
    assert_eq!(host.run("sriovctl draw")?, DRAWN);
    let shown = host.run("sriovctl show enp1s0")?;
    assert!(shown.contains("network namespace blue"), "{shown}");
    host.run("ip -n blue link set enp1s0v1 netns 1")?;
    host.wait("ip link show enp1s0v1")?;
    host.run("udevadm settle")?;

    // Somebody else's hand is seen at once by who looks alone.
    host.run("systemctl stop sriovd && ip link set enp1s0 vf 0 vlan 7 trust off")?;
    let shown = host.run("sriovctl show enp1s0")?;
    assert!(shown.contains("off (wanted on)"), "{shown}");
    host.run("ip link set enp1s0 vf 0 vlan 0 trust on")?;
    says(&host, "without the agent")?;

    host.start()?;
    host.wait_for("enp1s0", "ready", 3)?;
    let listed = host.try_run("runuser -u nobody -- sriovctl list")?;
    assert_eq!(listed.status, 0, "{listed}");
    assert!(listed.stdout.contains("enp1s0"), "{listed}");
    host.assert_second_pass_is_empty()
}

fn says(host: &Host, when: &str) -> Result<()> {
    for (command, text) in SAYS {
        let output = host.try_run(&format!("sriovctl {command}"))?;
        ensure!(output.status == 0, "{when}: {command}: {output}");
        ensure!(output.stdout.contains(text), "{when}: {command}: {output}");
        if command.ends_with("--json") {
            serde_json::from_str::<Value>(&output.stdout)?;
        }
    }
    let words = "SRIOVCTL_COMPLETE=fish sriovctl -- sriovctl explain enp";
    let words = host.run(words)?;
    ensure!(words.contains("enp1s0v0"), "{when}: {words}");
    Ok(())
}
