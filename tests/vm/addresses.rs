//! One address that several functions are to have: two NICs that came with the same, and one that is
//! written for VFs of both.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use sriovd_core::model::{MacAddress, VfIndex};
use sriovd_core::policy::stable_mac::stable_mac;

const SAME: &str = "52:54:00:aa:00:01";

const STABLE: &str = r#"
[[policy]]
name = "stable"
num_vfs = 2
mac = "stable"
match.vendor = "8086"
"#;

/// As the PF tells them.
fn macs(host: &Host, nic: &Nic) -> Result<Vec<String>> {
    let vfs = host.vfs(&nic.netdev())?;
    let mac = |vf: &serde_json::Value| vf["address"].as_str().map(str::to_owned);
    vfs.iter().map(|vf| mac(vf).context("no address")).collect()
}

fn stable(vf: u16) -> Result<String> {
    let pf: MacAddress = SAME.parse()?;
    Ok(stable_mac(pf, VfIndex(vf)).to_string())
}

#[test]
fn of_two_nics_that_came_with_one_address_no_two_vfs_have_the_same() -> Result<()> {
    let host = Host::with_policy(STABLE)?;
    let first = host.plug_and_wait(Nic::igb(0).mac(SAME), "0000:01:00.0", 2)?;
    let given = [stable(0)?, stable(1)?];
    assert_eq!(macs(&host, &first)?, given);

    let second = host.plug(Nic::igb(1).mac(SAME))?;
    let said = format!(
        "mac = \"stable\" gives no address, because {} has the same permanent address, {SAME}",
        first.netdev()
    );
    let alone = |host: &Host| -> Result<()> {
        host.wait_for_refusal(&second.pci(), 2, &[&said])?;
        assert_eq!(macs(host, &first)?, given);
        let other = macs(host, &second)?;
        ensure!(!other.iter().any(|mac| given.contains(mac)), "{other:?}");
        Ok(())
    };
    alone(&host)?;
    assert_eq!(host.count_in_journal(&said)?, 1);

    host.run("systemctl restart sriovd")?;
    host.wait_for(&first.pci(), "ready", 2)?;
    alone(&host)?;
    // In a boot with both, neither: which one would is not for the order of events to say.
    host.run("echo 0 > /sys/bus/pci/devices/0000:01:00.0/sriov_numvfs")?;
    host.wait_for(&first.pci(), "refused", 2)?;
    let now = macs(&host, &first)?;
    ensure!(!now.iter().any(|mac| given.contains(mac)), "{now:?}");

    host.unplug(&first)?;
    host.wait_for(&second.pci(), "ready", 2)?;
    assert_eq!(macs(&host, &second)?, given);
    for vf in 0..2 {
        host.wait_for_netdev(&second.vf_netdev(vf))?;
        let own = host.link(&second.vf_netdev(vf))?;
        assert_eq!(own["address"], given[usize::from(vf)], "{own}");
    }
    host.assert_second_pass_is_empty()
}

const WRITTEN: &str = r#"
[[policy]]
name = "written"
num_vfs = 2
match.vendor = "8086"

[[policy.vf]]
index = 1
mac = "02:00:5e:10:00:01"
"#;

#[test]
fn an_address_that_is_written_for_vfs_of_two_nics_goes_to_one_and_then_to_the_other() -> Result<()>
{
    const MAC: &str = "02:00:5e:10:00:01";
    let host = Host::with_policy(WRITTEN)?;
    let first = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 2)?;
    let second = host.plug(Nic::igb(1))?;
    let said = format!(
        "it is not given the address {MAC}: VF 1 of {} has it",
        first.netdev()
    );
    host.wait_for_refusal(&second.pci(), 2, &[&said])?;
    assert_eq!(macs(&host, &first)?[1], MAC);
    assert_ne!(macs(&host, &second)?[1], MAC);

    // The first is to have another: the second is told without waiting for anything else.
    let moved = WRITTEN.replace("vendor = \"8086\"", "pci_address = \"0000:02:00.0\"")
        + &WRITTEN
            .replace("\"written\"", "\"other\"")
            .replace("vendor = \"8086\"", "pci_address = \"0000:01:00.0\"")
            .replace(MAC, "02:00:5e:10:00:02");
    host.policy("10-test.toml", &moved)?;
    host.wait_for(&second.pci(), "ready", 2)?;
    host.wait_for(&first.pci(), "ready", 2)?;
    assert_eq!(macs(&host, &first)?[1], "02:00:5e:10:00:02");
    assert_eq!(macs(&host, &second)?[1], MAC);

    // Nor has a VF its PF's.
    let of_the_pf = moved.replace(MAC, "52:54:00:00:01:00");
    host.policy("10-test.toml", &of_the_pf)?;
    let said = "it is not given the address 52:54:00:00:01:00: the PF itself has it";
    host.wait_for_refusal(&second.pci(), 2, &[said])?;
    host.assert_second_pass_is_empty()
}
