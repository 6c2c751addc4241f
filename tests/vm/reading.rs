//! What sriovctl tells of a NIC that was plugged in, with the agent and without it.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};
use std::fs;

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

[[policy]]
name = "rest"
num_vfs = 3
vfs = "2"
mac = "stable"
match.pf_name = "enp1s0"

[[network]]
name = "f1-u"
resource = "intelnics"
vlan = 100
"#;

const CONFIG: &str = r#"{"resources": [{"name": "nics", "numVfs": 2,
  "nicSelector": {"drivers": ["igb"], "pfNames": ["enp1s0"]}, "deviceType": "netdevice"}]}"#;

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
    host.put(CONFIG, "/srv/config.json", 0o644)?;
    goes_as_kept(&host, "looks")?;
    let published = host.run("cat /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    assert_eq!(host.run("sriovctl render cni f1-u")?, published);

    host.run("ip netns add blue && ip link set enp1s0v1 netns blue")?;
    host.wait("sriovctl snapshot | jq -e '.pfs[].vfs | .[\"1\"].interface_elsewhere' | grep true")?;
    goes_as_kept(&host, "held")?;
    host.run("ip -n blue link set enp1s0v1 netns 1")?;
    host.wait("ip link show enp1s0v1")?;

    let mut monitor = host.spawn("exec sriovctl monitor")?;
    host.run("sriovctl pause enp1s0; ip link set enp1s0 vf 0 trust off")?;
    host.wait("sriovctl status enp1s0 | grep -q '1 step waits'")?;
    goes_as_kept(&host, "paused")?;
    let told = monitor.wait_for("resumed by user 0", PATIENCE)?;
    for text in ["enp1s0: ", "    + VF 0 trust on"] {
        ensure!(told.contains(text), "{text}: {told}");
    }
    monitor.kill();

    // Whoever looks without the agent sees the same.
    host.run("udevadm settle; systemctl stop sriovd")?;
    goes_as_kept(&host, "looks")?;
    host.start()?;
    host.wait_for("enp1s0", "ready", 3)?;
    let listed = host.try_run("runuser -u nobody -- sriovctl list")?;
    assert_eq!(listed.status, 0, "{listed}");
    assert!(listed.stdout.contains("enp1s0"), "{listed}");
    host.assert_second_pass_is_empty()
}

/// The commands of a kept session say what they said. `UPDATE=1` rewrites what is kept.
fn goes_as_kept(host: &Host, session: &str) -> Result<()> {
    let file = format!("tests/vm/reading/{session}.txt");
    let file = sriovd_tests::root().join(file);
    let kept = fs::read_to_string(&file)?;
    let mut script = String::from(
        "try() { echo \"\\$ $1\"; eval \"$1\" 2>/tmp/errors; code=$?
           sed 's/^/2> /' /tmp/errors; [ $code = 0 ] || echo \"[exit code $code]\"; }\n",
    );
    for command in kept.lines().filter_map(|line| line.strip_prefix("$ ")) {
        ensure!(!command.contains('\''), "{command}");
        script += &format!("try '{command}'\n");
    }
    let said = host.run_for(&script, PATIENCE)?;
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        return Ok(fs::write(&file, &said)?);
    }
    assert_eq!(kept, said, "{session}");
    Ok(())
}
