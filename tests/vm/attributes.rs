//! What a policy says of single VFs, as `ip` then reads it from igb, and what igb cannot do.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use sriovd_core::model::{MacAddress, VfIndex};
use sriovd_core::policy::stable_mac::stable_mac;

const POLICY: &str = r#"
[[policy]]
name = "everything"
resource = "intelnics"
num_vfs = 7
mtu = 3000
mac = "stable"
vlan = 100
vlan_qos = 3
trust = true
spoof_check = false
max_tx_rate = 200

[policy.match]
vendor = "8086"

[[policy.vf]]
index = 2
mac = "02:00:5e:10:00:02"
vlan = 200
vlan_qos = 5
trust = false
spoof_check = true
max_tx_rate = 50

[[policy.vf]]
index = 5
mac = "kernel"
vlan = 0
max_tx_rate = 0
"#;

#[test]
fn every_attribute_that_igb_has_reads_back_as_the_policy_says() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let nic = host.plug(Nic::igb(0))?;
    host.set_link(&nic, false)?;

    // Without a link igb takes no rate: all else is done, and that waits.
    host.wait("sriovctl status | grep -q 'changing: rates of VFs are set'")?;
    host.run("udevadm settle")?;
    host.wait_for_pf(&nic.pci(), |it| {
        let waiting = it["problems"].as_array().map(Vec::as_slice);
        it["state"] == "changing"
            && it["vfs_ready"] == 7
            && matches!(waiting, Some([rates]) if rates["kind"] == "awaits")
    })?;
    check(&host, &nic, false)?;

    host.set_link(&nic, true)?;
    host.wait_for(&nic.pci(), "ready", 7)?;
    check(&host, &nic, true)?;
    host.assert_second_pass_is_empty()
}

fn check(host: &Host, nic: &Nic, link: bool) -> Result<()> {
    let pf: MacAddress = "52:54:00:00:00:00".parse()?;
    let pf_link = host.link(&nic.netdev())?;
    assert_eq!(pf_link["mtu"], 3000, "{pf_link}");
    for (index, vf) in (0_u8..).zip(host.vfs(&nic.netdev())?) {
        let stable = stable_mac(pf, VfIndex(index.into())).to_string();
        let (mac, tag, trust, spoof_check, rate) = match index {
            2 => (
                Some("02:00:5e:10:00:02".to_owned()),
                [200, 5],
                false,
                true,
                50,
            ),
            5 => (None, [0, 0], true, false, 0),
            _ => (Some(stable), [100, 3], true, false, 200),
        };
        let [vlan, qos] = ["vlan", "qos"].map(|key| vf["vlan_list"][0][key].as_u64().unwrap_or(0));
        assert_eq!([vlan, qos], tag, "{vf}");
        assert_eq!(vf["trust"], trust, "{vf}");
        assert_eq!(vf["spoofchk"], spoof_check, "{vf}");
        let rate = if link { rate } else { 0 };
        assert_eq!(vf["rate"]["max_tx"].as_u64().unwrap_or(0), rate, "{vf}");

        // The netdev of the VF has it all from the start.
        let own = host.link(&nic.vf_netdev(index))?;
        assert_eq!(own["mtu"], 3000, "{own}");
        if let Some(mac) = mac {
            assert_eq!(vf["address"], mac, "{vf}");
            assert_eq!(own["address"], mac, "{own}");
        }
    }
    Ok(())
}

const BEYOND: &str = r#"
[[policy]]
name = "beyond"
resource = "intelnics"
num_vfs = 4
trust = true
link_state = "enable"
query_rss = true

[policy.match]
vendor = "8086"

[[policy.vf]]
index = 1
vlan = 7
vlan_proto = "802.1ad"

[[policy.vf]]
index = 3
min_tx_rate = 10
max_tx_rate = 100
"#;
const REFUSED: [&str; 4] = [
    "link_state is not supported by igb",
    "query_rss is not supported by igb",
    "vlan_proto 802.1ad is not supported by igb",
    "min_tx_rate is not supported by igb",
];

#[test]
fn what_igb_cannot_do_is_said_once_by_name_and_not_tried_again() -> Result<()> {
    let host = Host::with_policy(BEYOND)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 4)?;
    let is_as_far_as_can_be = |host: &Host| -> Result<()> {
        for vf in host.vfs(&nic.netdev())? {
            assert_eq!(vf["trust"], true, "{vf}");
        }
        assert_eq!(host.vf(&nic.netdev(), 3)?["rate"]["max_tx"], 100);
        Ok(())
    };
    host.wait(&format!(
        "ip -j -d link show {} | jq -e '.[0].vfinfo_list[3].rate.max_tx == 100'",
        nic.netdev()
    ))?;
    is_as_far_as_can_be(&host)?;
    host.wait_for_pf(&nic.pci(), |it| {
        it["problems"].as_array().is_some_and(|all| all.len() == 4)
    })?;
    assert_said_once(&host, "-b")?;

    // Every attempt to set anything of a link passes here.
    host.run(
        "mount -t tracefs tracefs /sys/kernel/tracing && cd /sys/kernel/tracing &&
         echo 'p:setlink rtnl_newlink' > kprobe_events && echo 1 > events/kprobes/setlink/enable",
    )?;
    host.run("sriovctl apply")?;
    let cursor = "date +@%s.%N";
    let since = host.run(cursor)?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(&nic.pci(), "ready", 4)?;
    host.run("sriovctl apply")?;
    assert_eq!(
        host.run("grep -c setlink: /sys/kernel/tracing/trace || true")?,
        "0\n"
    );
    is_as_far_as_can_be(&host)?;
    assert_said_once(&host, &format!("--since={}", since.trim()))?;
    host.run("ip link set lo mtu 65000 && grep -q setlink: /sys/kernel/tracing/trace")?;
    host.assert_second_pass_is_empty()
}

fn assert_said_once(host: &Host, range: &str) -> Result<()> {
    let journal = host.run(&format!("journalctl -o cat -u sriovd {range}"))?;
    for words in REFUSED {
        // The daemon's own summary repeats the worst.
        let entries = journal.lines().filter(|line| !line.starts_with("ready: "));
        let times = entries.filter(|line| line.contains(words)).count();
        ensure!(times == 1, "{words:?} {times} times in\n{journal}");
    }
    let failed = |line: &str| line.contains("failed");
    ensure!(!journal.lines().any(failed), "{journal}");
    Ok(())
}
