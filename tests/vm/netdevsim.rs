//! The netlink layer alone, against simulated netdevs: they have more VFs than any NIC here, and every attribute.

use crate::host::Host;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sriovd_core::model::{LinkState, TxRate, VfAttribute, VfSettings, Vlan, VlanProto};

/// `tests/vm/vf-list.rs` in the guest.
const VF_LIST: &str = "/usr/local/bin/vf-list";

#[test]
fn long_vf_lists_are_read_whole_and_every_attribute_can_be_set() -> Result<()> {
    let host =
        Host::with_policy("[[policy]]\nname = \"any\"\nnum_vfs = 1\nmatch.pf_name = \"*\"\n")?;
    install_vf_list(&host)?;
    let pf = host.load_netdevsim(220)?;
    every_attribute_can_be_set(&host, &pf)?;
    host.run(&format!(
        "ip link property add dev {pf} altname behind-the-list"
    ))?;
    // Past 334 the 16 bits of the list's length wrap around; `ip` then shows 0 of 335.
    for count in [220, 334, 335, 400, 4000] {
        host.run(&format!(
            "set -e; numvfs=/sys/bus/netdevsim/devices/netdevsim1/sriov_numvfs
             echo 0 > $numvfs; echo {count} > /sys/kernel/debug/netdevsim/netdevsim1/max_vfs; echo {count} > $numvfs"
        ))?;
        for vf in [0, count / 2, count - 1] {
            set(&host, &pf, vf, &json!({ "mac": mac(vf) }))?;
        }
        let list = list(&host, &pf)?;
        assert_eq!(
            (&list["num_vf"], &list["complete"]),
            (&json!(count), &json!(true))
        );
        let vfs = list["vfs"].as_array().context("no list")?;
        assert_eq!(vfs.len(), count, "of {count}");
        for (index, vf) in vfs.iter().enumerate() {
            assert_eq!(vf["index"], index, "of {count}");
            let set = [0, count / 2, count - 1].contains(&index);
            assert_eq!(vf["settings"]["mac"] == mac(index), set, "of {count}: {vf}");
        }
        // What stands behind the list in the message is found as well.
        assert_eq!(list["altnames"], json!(["behind-the-list"]));
    }
    // They stand on no PCI device: no policy can mean them.
    let status = host.run("sriovctl status --json | jq -c .pfs")?;
    assert_eq!(status, "[]\n");
    host.assert_second_pass_is_empty()
}

fn every_attribute_can_be_set(host: &Host, pf: &str) -> Result<()> {
    let vlan = |id, qos, proto| Some(Vlan { id, qos, proto });
    let rounds = [
        VfSettings {
            mac: Some("02:00:00:00:00:07".parse()?),
            vlan: vlan(100, 3, VlanProto::Dot1ad),
            tx_rate: Some(TxRate { min: 10, max: 200 }),
            link_state: Some(LinkState::Enable),
            ..switches(true)
        },
        VfSettings {
            mac: Some("02:00:00:00:00:08".parse()?),
            vlan: vlan(4094, 7, VlanProto::Dot1q),
            tx_rate: Some(TxRate { min: 0, max: 50 }),
            link_state: Some(LinkState::Disable),
            ..switches(false)
        },
        VfSettings {
            vlan: Some(Vlan::NONE),
            tx_rate: Some(TxRate::default()),
            link_state: Some(LinkState::Auto),
            ..VfSettings::default()
        },
    ];
    let before = list(host, pf)?;
    for wanted in &rounds {
        for setting in wanted.iter() {
            set(host, pf, 7, &serde_json::to_value(setting)?)?;
        }
        let now = list(host, pf)?;
        let found: VfSettings = serde_json::from_value(now["vfs"][7]["settings"].clone())?;
        for setting in wanted.iter() {
            assert_eq!(found.get(setting.attribute()), Some(setting));
        }
        for neighbour in [6, 8] {
            assert_eq!(now["vfs"][neighbour], before["vfs"][neighbour]);
        }
    }
    Ok(())
}

/// Of all attributes that are on or off.
fn switches(on: bool) -> VfSettings {
    let mut settings = VfSettings::default();
    VfAttribute::switches().for_each(|(_, make)| settings.set(make(on)));
    settings
}

fn mac(vf: usize) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", vf >> 8, vf & 0xff)
}

fn list(host: &Host, pf: &str) -> Result<Value> {
    Ok(serde_json::from_str(
        &host.run(&format!("{VF_LIST} {pf}"))?,
    )?)
}

fn set(host: &Host, pf: &str, vf: usize, setting: &Value) -> Result<()> {
    host.run(&format!("{VF_LIST} {pf} set {vf} '{setting}'"))?;
    Ok(())
}

fn install_vf_list(host: &Host) -> Result<()> {
    let example = sriovd_tests::built().join("examples/vf-list");
    ensure!(
        example.exists(),
        "{} is missing: `cargo build --example vf-list` makes it, as a whole `cargo test` does",
        example.display()
    );
    host.put(std::fs::read(example)?, VF_LIST, 0o755)
}
