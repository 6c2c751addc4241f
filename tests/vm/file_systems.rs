//! File systems that take nothing more: what cannot be written is told once, everything else goes on.

use crate::attachment::{Attachment, conf};
use crate::containers::{self, RECORDS, as_they_are};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::json;

const PF: &str = "0000:01:00.0";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";
const PLUGIN: &str = "/etc/pcidp/config.json";

/// Small, and apart from the guest's own.
const PLACES: &str = "/etc/cni/net.d /etc/pcidp /var/lib/sriovd /run/sriovd";

fn policy(num_vfs: u16, vlan: u16) -> String {
    format!(
        r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = {num_vfs}
vlan = {vlan}
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "nics"
vlan = {vlan}
"#
    )
}

/// The policy is in force although nothing of it can be written, and the journal says of each file why, once.
fn assert_goes_on(host: &Host, num_vfs: u16, vlan: u16, why: &str) -> Result<()> {
    let conflist = host.json(CONFLIST)?;
    let end = host.journal_end()?;
    host.policy("10-test.toml", &policy(num_vfs, vlan))?;
    host.wait_for_vf(
        "enp1s0",
        usize::from(num_vfs) - 1,
        &format!(".vlan_list[0].vlan == {vlan}"),
    )?;
    host.wait_for(PF, "ready", num_vfs)?;
    let refused = [
        format!("{CONFLIST} not written: cannot write /etc/cni/net.d/"),
        format!("{PLUGIN} not written: cannot write /etc/pcidp/"),
        "/run/sriovd/state.json not written: cannot write /run/sriovd/".to_owned(),
        "the state cannot be saved: cannot write /var/lib/sriovd/last-good.json: ".to_owned(),
        "the state cannot be saved: cannot write /var/lib/sriovd/.sriovd-state.json.tmp: "
            .to_owned(),
    ];
    for refused in &refused {
        host.wait_for_news(&end, refused)?;
    }
    // What readers had stays whole, and tries again are not told.
    host.run("sleep 2; sriovctl apply")?;
    let journal = host.journal_after(&end)?;
    for refused in &refused {
        let said: Vec<_> = journal
            .lines()
            .filter(|it| it.starts_with(refused))
            .collect();
        ensure!(
            said.len() == 1 && said[0].contains(why),
            "{refused}: {journal}"
        );
    }
    ensure!(host.json(CONFLIST)? == conflist, "{}", host.json(CONFLIST)?);
    Ok(())
}

/// Nobody does anything but to make room: the next try finds it.
fn assert_caught_up(host: &Host, num_vfs: u16, vlan: u16, make_room: &str) -> Result<()> {
    let end = host.journal_end()?;
    host.run(make_room)?;
    host.wait_for_news(&end, "the state is saved again")?;
    host.wait(&format!("jq -e '.plugins[0].vlan == {vlan}' {CONFLIST}"))?;
    host.wait(&format!(
        "jq -e '.resourceList[0].selectors[0].pciAddresses | length == {num_vfs}' {PLUGIN}"
    ))?;
    host.wait("jq -e . /run/sriovd/state.json /var/lib/sriovd/state.json")?;
    host.wait(&format!("! find {PLACES} -name '.*' | grep -q ."))?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_full_and_a_read_only_file_system_hold_nothing_else_up_and_are_caught_up_with() -> Result<()> {
    let host = Host::installed()?;
    host.run(&format!(
        "for place in {PLACES}; do
           mkdir --parents $place && mount -t tmpfs -o size=64k,mode=755 tmpfs $place || exit
         done"
    ))?;
    host.policy("10-test.toml", &policy(2, 100))?;
    host.start()?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    host.wait(&format!("test -e {CONFLIST} -a -e {PLUGIN}"))?;

    host.run(&format!(
        "for place in {PLACES}; do ! cat /dev/zero > $place/filler || exit; done 2>/dev/null"
    ))?;
    assert_goes_on(&host, 3, 200, "No space left on device")?;
    let make_room = format!("for place in {PLACES}; do rm $place/filler; done");
    assert_caught_up(&host, 3, 200, &make_room)?;

    let remount = |mode: &str| {
        format!("for place in {PLACES}; do mount -o remount,{mode} $place || exit; done")
    };
    host.run(&remount("ro"))?;
    assert_goes_on(&host, 4, 300, "Read-only file system")?;
    assert_caught_up(&host, 4, 300, &remount("rw"))
}

/// Neither the record of the plugin nor what it writes down for sriov-cni.
#[test]
fn a_vf_is_lent_wholly_or_not_at_all_and_comes_back_where_nothing_can_be_written() -> Result<()> {
    let host = Host::with_plugins(containers::POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    let before = as_they_are(&host, &nic)?;
    for place in [RECORDS, "/var/lib/cni/sriov/pci"] {
        host.run(&format!(
            "mkdir -p {place} && mount -t tmpfs -o size=8k none {place}"
        ))?;
        let fill = format!("cat /dev/zero > {place}/full || true");
        let files =
            format!("find {place} -type f ! -name full ! -name '*.lock' ! -path '*/released/*'");
        host.run(&fill)?;
        let container = Attachment::new(&host, "box", conf("1.0.0"))?;
        let (code, message) = container.refused("ADD", &json!({}))?;
        ensure!(
            code == 5 && message.contains("No space left on device"),
            "{code} {message}"
        );
        assert_eq!(host.run(&files)?, "", "{place}");
        assert_eq!(as_they_are(&host, &nic)?, before, "{place}");

        host.run(&format!("rm {place}/full"))?;
        container.add()?;
        host.run(&fill)?;
        container.del()?;
        assert_eq!(host.run(&files)?, "", "{place}");
        host.run(&format!("ip netns delete box && umount {place}"))?;
        host.wait_for(PF, "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before, "{place}");
    }
    host.assert_second_pass_is_empty()
}
