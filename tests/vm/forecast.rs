//! What `sriovctl plan` says beforehand is what the agent does then.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result};
use serde_json::Value;
use sriovd_core::report::{Performed, PfReport, Trouble, sentence};
use sriovd_sim::forecast::{Forecast, PfForecast};
use std::time::Duration;

const IGB: &str = "0000:01:00.0";
const VIRTIO: &str = "0000:02:00.0";

/// Not trusted: a trusted VF whose driver probes while the PF is slow to answer needs a repair that no plan foresees.
const FRESH: &str = r#"
[[policy]]
name = "all"
num_vfs = 4
mtu = 9000
spoof_check = false
vlan = 100
vlan_qos = 3
mac = "stable"
match.pf_name = "*"

[[policy.vf]]
index = 3
vlan = 0
"#;

const SHARES: &str = r#"
[[policy]]
name = "kernel"
priority = 10
num_vfs = 7
vfs = "0-3"
mtu = 9000
mac = "stable"
spoof_check = false
link_state = "enable"
match.pf_name = "enp1s0"

[[policy]]
name = "user"
priority = 20
num_vfs = 6
vfs = "4-5"
device_type = "vfio-pci"
trust = true
mac = "stable"
match.pf_name = "enp1s0"

[[policy]]
name = "shadowed"
num_vfs = 7
match.vendor = "8086"
"#;

#[test]
fn a_plan_tells_beforehand_what_the_journal_tells_afterwards() -> Result<()> {
    let host = Host::installed()?;
    for nic in [Nic::igb(0), Nic::virtio(1, 4)] {
        let nic = host.plug(nic)?;
        host.wait_for_netdev(&nic.netdev())?;
    }
    host.run("udevadm settle")?;

    // Without a daemon sriovctl looks by itself.
    let planned = plan(&host, FRESH)?;
    host.start()?;
    host.wait_for(IGB, "ready", 4)?;
    host.wait_for(VIRTIO, "ready", 4)?;
    assert_was_done(&host, &planned)?;

    // What was set before is undone or gone, and what is held is in the way.
    host.run("ip netns add blue && ip link set enp1s0v1 netns blue")?;
    host.wait("sriovctl snapshot | jq -e '.pfs[].vfs | .[\"1\"].interface_elsewhere' | grep true")?;
    let refused = plan(&host, SHARES)?;
    host.wait_for(IGB, "refused", 4)?;
    host.wait_for(VIRTIO, "unmanaged", 0)?;
    assert_was_done(&host, &refused)?;
    host.run("ip -n blue link set enp1s0v1 netns 1")?;
    host.wait_for(IGB, "ready", 7)?;

    // Back again, from what the daemon itself remembers.
    let planned = plan(&host, FRESH)?;
    host.wait_for(IGB, "ready", 4)?;
    host.wait_for(VIRTIO, "ready", 4)?;
    assert_was_done(&host, &planned)?;
    host.assert_second_pass_is_empty()
}

/// Plans for a policy file, and then has it in force.
fn plan(host: &Host, policy: &str) -> Result<Forecast> {
    host.put(policy, "/srv/next/10-test.toml", 0o644)?;
    let planned = host.try_run("sriovctl plan --json --policy-dir /srv/next")?;
    assert_eq!(planned.status, 3, "{planned}");
    host.run("journalctl --sync && journalctl -u sriovd --cursor-file=/run/seen -q -n 0")?;
    host.policy("10-test.toml", policy)?;
    serde_json::from_str(&planned.stdout).context("no forecast")
}

/// The journal has, since the plan was made, the same changes and the same troubles.
fn assert_was_done(host: &Host, planned: &Forecast) -> Result<()> {
    let entries = host.run(
        "journalctl --sync && journalctl -u sriovd --cursor-file=/run/seen -q -o json \
         --output-fields=MESSAGE,SRIOV_PF,SRIOV_DURATION_USEC",
    )?;
    let entries: Vec<Value> = entries
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    for pf in &planned.pfs {
        let address = pf.address.to_string();
        let of_pf = || {
            entries
                .iter()
                .filter(|it| it["SRIOV_PF"] == address.as_str())
        };
        let text = |entry: &Value| entry["MESSAGE"].as_str().unwrap_or_default().to_owned();
        let done: Vec<_> = of_pf()
            .filter(|it| it["SRIOV_DURATION_USEC"].is_string())
            .map(|it| changes(&text(it)))
            .collect();
        assert_eq!(done, said(pf), "{entries:#?}");
        for trouble in Trouble::group(&pf.problems.iter().collect::<Vec<_>>()) {
            let sentence = sentence::trouble(&trouble);
            assert!(
                of_pf().any(|it| text(it).contains(&sentence)),
                "{sentence}\n{entries:#?}"
            );
        }
    }
    Ok(())
}

/// What a pass says that does these steps.
fn said(pf: &PfForecast) -> Vec<String> {
    if pf.steps.is_empty() {
        return Vec::new();
    }
    let report = PfReport {
        interface: pf.interface.clone(),
        ..PfReport::unseen(pf.address)
    };
    let performed = pf.steps.iter().map(|step| Performed {
        step: step.step.clone(),
        duration: Duration::ZERO,
    });
    let performed: Vec<_> = performed.collect();
    let told = sentence::pass_done(&report, &performed, &"", Duration::ZERO);
    vec![changes(&told)]
}

/// Without the time it took and the cause.
fn changes(told: &str) -> String {
    told.rsplit_once("; in ").unwrap_or_default().0.to_owned()
}
