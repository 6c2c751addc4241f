//! The one agent of a host: it answers whatever the disk does, and a second one leaves.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};

const PF: &str = "0000:01:00.0";

const POLICY: &str = r#"
[[policy]]
name = "pool"
resource = "intelnics"
num_vfs = 2
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "intelnics"
"#;

#[test]
fn status_answers_at_once_while_the_disk_takes_seconds_to_sync() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let pid = host.run("systemctl show --property MainPID --value sriovd")?;
    let pid = pid.trim();
    let slow = "-e trace=fsync -e inject=fsync:delay_enter=4000000";
    let trace = host.spawn(&format!(
        "exec strace -f -qq {slow} -o /run/fsyncs -p {pid}"
    ))?;
    host.wait(&format!(
        "! grep -q 'TracerPid:[[:space:]]0' /proc/{pid}/task/*/status"
    ))?;
    // A new state and new outputs: each is synced.
    host.policy("10-test.toml", &POLICY.replace("= 2", "= 3"))?;
    let asked = host.run(
        "for i in $(seq 16); do
           before=$(date +%s%3N); sriovctl status --json >/dev/null; [ $? -le 3 ] || exit
           echo $(($(date +%s%3N) - before)); sleep 0.5
         done",
    )?;
    host.wait_for(PF, "ready", 3)?;
    let syncs: usize = host.run("grep -c fsync /run/fsyncs")?.trim().parse()?;
    trace.kill();
    ensure!(syncs > 1, "{syncs} syncs: the disk was not slow");
    for took in asked.lines() {
        let took: u32 = took.parse().with_context(|| asked.clone())?;
        ensure!(took < 2000, "an answer took {took} ms: {asked}");
    }
    host.wait(
        "jq -e '.resourceList[0].selectors[0].pciAddresses | length == 3' /etc/pcidp/config.json",
    )?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_second_agent_says_who_is_the_first_and_leaves() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let pid = host.run("systemctl show --property MainPID --value sriovd")?;
    let told = format!("sriovd (process {}) already runs with root /", pid.trim());
    let second = host.try_run("timeout 60 /usr/sbin/sriovd")?;
    ensure!(second.status == 75, "{second}");
    ensure!(second.stderr.contains(&told), "{second}");
    // The first is asked as before.
    host.wait_for(PF, "ready", 2)?;
    host.run("sriovctl apply")?;

    // A pass by sriovctl itself is an agent, too.
    host.run("systemctl stop sriovd.socket sriovd; ip link set enp1s0 vf 1 vlan 7")?;
    let mut locked = host.spawn(
        "exec 9<>/run/sriovd/lock; flock 9; echo 1 init >/run/sriovd/lock; echo held; exec sleep 600",
    )?;
    locked.wait_for("held", PATIENCE)?;
    let alone = host.try_run("sriovctl apply")?;
    ensure!(alone.status == 1, "{alone}");
    ensure!(
        alone
            .stderr
            .contains("init (process 1) already runs with root /"),
        "{alone}"
    );
    locked.kill();
    host.run("sriovctl apply")?;
    // Two at once: one of them does it, or one after the other.
    let both = host.run("sriovctl apply >/dev/null 2>&1 & sriovctl apply >/dev/null 2>&1; echo $?; wait $!; echo $?")?;
    let codes: Vec<_> = both.lines().collect();
    ensure!(
        codes.contains(&"0") && codes.iter().all(|code| ["0", "1"].contains(code)),
        "{both}"
    );
    host.start()?;
    host.assert_second_pass_is_empty()
}
