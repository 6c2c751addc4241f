//! What a program puts: in force when it is answered, after a restart without the program, and gone
//! when it is deleted, but for VFs in use.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::{Value, json};

const PF: &str = "0000:01:00.0";

/// As documented: the file is `wanted.json`.
const PUT: &str = r"
curl --unix-socket /run/sriovd/sriovd.sock -X PUT -H 'Content-Type: application/json' \
     -d @wanted.json http://localhost/v1/sources/cluster
";

fn put(host: &Host, wanted: &str) -> Result<Value> {
    host.feed(wanted.as_bytes(), "cat > /root/wanted.json")?;
    let answer = host.run(&format!("cd /root; {} 2>/dev/null", PUT.trim()))?;
    Ok(serde_json::from_str(&answer)?)
}

fn policy(num_vfs: u16) -> Value {
    json!({
        "name": "policy-1", "origin": "SriovNetworkNodePolicy sriov-system/policy-1",
        "resource": "intelnics", "num_vfs": num_vfs, "match": {"pf_name": "enp1s0"},
    })
}

#[test]
fn a_source_is_in_force_before_its_program_runs_and_gone_when_it_is_deleted() -> Result<()> {
    let host = Host::running()?;
    let nic = host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;
    let network = json!({"name": "f1-u", "resource": "intelnics"});
    let wanted = json!({"policy": [policy(3)], "network": [network]}).to_string();
    let report = put(&host, &wanted)?;
    ensure!(report["state"] == "used", "{report:#}");
    host.wait_for(PF, "ready", 3)?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.assert_second_pass_is_empty()?;
    let explained = host.run("sriovctl explain policy-1")?;
    let origin = "SriovNetworkNodePolicy sriov-system/policy-1 (source cluster)";
    ensure!(explained.contains(origin), "{explained}");
    host.run("sriovctl check")?;
    ensure!(
        host.run("sriovctl sources")?
            .contains("cluster  1         1         0")
    );

    // The same again touches nothing.
    let kept = "stat -c '%i %y' /var/lib/sriovd/sources.d/cluster.json";
    let before = host.run(kept)?;
    put(&host, &wanted)?;
    ensure!(host.run(kept)? == before);

    // As at a boot: no VF is there yet, and nobody puts anything.
    host.run(&format!(
        "systemctl stop sriovd; echo 0 > /sys/bus/pci/devices/{PF}/sriov_numvfs; systemctl start sriovd"
    ))?;
    host.wait_for(PF, "ready", 3)?;

    // An item that is not in order, beside one that is.
    let mut bad = policy(1);
    bad["trsut"] = json!(true);
    let other = json!({"name": "f1-c", "resource": "intelnics"});
    let end = host.journal_end()?;
    let problem = put(
        &host,
        &json!({"policy": [bad], "network": [other]}).to_string(),
    )?;
    ensure!(problem["status"] == 422, "{problem:#}");
    ensure!(
        problem["faults"][0]["pointer"] == "/policy/0/trsut",
        "{problem:#}"
    );
    host.wait_for_news(
        &end,
        "policy policy-1 cannot be used; its last good content stays in force: /policy/0/trsut",
    )?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-c.conflist")?;
    host.wait("! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(
        host.run("! sriovctl check")?
            .contains("cluster.json#/policy/0/trsut")
    );
    let shown = host.run("sriovctl sources show cluster")?;
    ensure!(shown.contains("last good in force"), "{shown}");

    // Half of a body, and one that is too large.
    let half = "curl --unix-socket /run/sriovd/sriovd.sock -sS -X PUT --max-time 3 -d '{\"policy\": []' \
                -H 'Content-Type: application/json' -H 'Content-Length: 900' \
                http://localhost/v1/sources/cluster; test $? = 28";
    host.run(half)?;
    let large = "head -c 10000000 /dev/zero | tr '\\0' ' ' > /root/wanted.json";
    host.run(large)?;
    let answer = host.run(&format!("cd /root; {} 2>/dev/null", PUT.trim()))?;
    ensure!(answer.contains("larger than 1048576 bytes"), "{answer}");
    host.wait_for(PF, "ready", 3)?;

    // A VF in use stays until it is free.
    host.run(&format!(
        "ip netns add blue; ip link set $(ls /sys/bus/pci/devices/{PF}/virtfn0/net) netns blue"
    ))?;
    ensure!(host.run("sriovctl sources delete cluster")? == "Source cluster is deleted.\n");
    host.wait_for(PF, "refused", 0)?;
    ensure!(host.num_vfs(&nic)? == 3);
    host.run("ip netns del blue")?;
    host.wait_for(PF, "unmanaged", 0)?;
    ensure!(host.num_vfs(&nic)? == 0);
    ensure!(host.run("sriovctl sources")? == "No program has put a source.\n");
    host.assert_second_pass_is_empty()
}
