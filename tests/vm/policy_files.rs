//! Policy files that come, change, hide each other, go, and break.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

/// A share of the PF's VFs with a VLAN of its own.
fn policy(name: &str, num_vfs: u16, vfs: &str, vlan: u16) -> String {
    format!(
        "[[policy]]
name = \"{name}\"
num_vfs = {num_vfs}
vfs = \"{vfs}\"
vlan = {vlan}
match.vendor = \"8086\"
"
    )
}

fn wait_for_vlan(host: &Host, vf: usize, vlan: u16) -> Result<()> {
    host.wait(&format!(
        "ip -j -d link show enp1s0 | jq -e '.[0].vfinfo_list[{vf}].vlan_list[0].vlan == {vlan}'"
    ))
}

#[test]
fn policies_take_effect_by_themselves_from_every_directory_with_overriding_and_masking()
-> Result<()> {
    let host = Host::installed()?;
    // A host on which nobody has written a policy yet, nor made a place for one.
    host.run("rm -rf /etc/sriov.d /run/sriov.d /usr/lib/sriov.d")?;
    host.start()?;
    host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;

    // Added: the vendor's directory is made for it, then the administrator's and the transient one.
    host.put(
        policy("base", 2, "0-1", 10),
        "/usr/lib/sriov.d/50-base.toml",
        0o644,
    )?;
    host.wait_for(PF, "ready", 2)?;
    wait_for_vlan(&host, 0, 10)?;
    host.put(
        policy("base", 2, "0-1", 20),
        "/etc/sriov.d/50-base.toml",
        0o644,
    )?;
    wait_for_vlan(&host, 0, 20)?;
    host.put(
        policy("more", 4, "2-3", 30),
        "/run/sriov.d/60-more.toml",
        0o644,
    )?;
    host.wait_for(PF, "ready", 4)?;
    wait_for_vlan(&host, 3, 30)?;

    // Edited as an editor does, and written over in place.
    host.run("sed -i 's/vlan = 20/vlan = 21/' /etc/sriov.d/50-base.toml")?;
    wait_for_vlan(&host, 1, 21)?;
    let text = policy("more", 4, "2-3", 31);
    host.feed(text.as_bytes(), "cat > /run/sriov.d/60-more.toml")?;
    wait_for_vlan(&host, 2, 31)?;

    // Removed: what it hid is in force again.
    host.run("rm /etc/sriov.d/50-base.toml")?;
    wait_for_vlan(&host, 0, 10)?;
    host.wait_for(PF, "ready", 4)?;
    host.run("rm -r /run/sriov.d")?;
    host.wait_for(PF, "ready", 2)?;

    // Masked: as if it did not exist, so that the PF goes back to what it was.
    host.run("ln -s /dev/null /etc/sriov.d/50-base.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait("! test -e /sys/bus/pci/devices/0000:01:00.0/virtfn0")?;
    host.assert_second_pass_is_empty()?;
    host.run("rm /etc/sriov.d/50-base.toml")?;
    host.wait_for(PF, "ready", 2)?;
    wait_for_vlan(&host, 0, 10)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_broken_file_keeps_its_last_good_content_in_force_also_across_a_restart() -> Result<()> {
    let host = Host::installed()?;
    host.policy("10-one.toml", &policy("one", 2, "0", 100))?;
    host.policy("20-two.toml", &policy("two", 2, "1", 200))?;
    host.start()?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let vfs = host.vf_interfaces(PF)?;

    let broken = policy("one", 2, "0", 100).replace("vlan = 100", "vlan = = 100");
    host.policy("10-one.toml", &broken)?;
    host.wait_for_journal("/etc/sriov.d/10-one.toml:5:8: ")?;
    // In force: what somebody else changes is put right. The other file goes on as before.
    host.run("ip link set enp1s0 vf 0 vlan 7")?;
    wait_for_vlan(&host, 0, 100)?;
    host.policy("20-two.toml", &policy("two", 2, "1", 201))?;
    wait_for_vlan(&host, 1, 201)?;
    let said = |host: &Host| host.count_in_journal("10-one.toml:5:8: ");
    ensure!(said(&host)? == 1, "{}", host.journal()?);

    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 2)?;
    ensure!(said(&host)? == 2, "once by each: {}", host.journal()?);
    host.run("ip link set enp1s0 vf 0 vlan 7")?;
    wait_for_vlan(&host, 0, 100)?;
    ensure!(
        host.vf_interfaces(PF)? == vfs,
        "VFs were taken away: {}",
        host.journal()?
    );

    host.policy("10-one.toml", &policy("one", 2, "0", 101))?;
    wait_for_vlan(&host, 0, 101)?;
    let mended = "policy file /etc/sriov.d/10-one.toml is in force again";
    host.wait_for_journal(mended)?;
    ensure!(host.count_in_journal(mended)? == 1, "{}", host.journal()?);
    host.assert_second_pass_is_empty()
}

/// As `install` and `cp` do it, and whoever takes longer.
#[test]
fn files_that_are_written_anew_take_no_vfs_away() -> Result<()> {
    let files = ["10-test.toml", "20-more.toml", "30-most.toml"];
    let host = Host::with_policy(&policy("base", 3, "0", 10))?;
    for (at, file) in (1..).zip(&files[1..]) {
        host.policy(
            file,
            &policy(file.trim_end_matches(".toml"), 3, &at.to_string(), 20),
        )?;
    }
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let end = host.journal_end()?;
    host.run(
        "cp -r /etc/sriov.d /tmp/policies
         for _ in $(seq 20); do
           install -m 644 /tmp/policies/10-test.toml /etc/sriov.d/10-test.toml
           cp /tmp/policies/* /etc/sriov.d/
         done
         { sleep 0.3; cat /tmp/policies/10-test.toml; } >/etc/sriov.d/10-test.toml &
         sleep 0.1
         cp /tmp/policies/20-more.toml /etc/sriov.d/
         wait",
    )?;
    host.assert_second_pass_is_empty()?;
    let told = host.journal_after(&end)?;
    ensure!(!told.contains("enp1s0"), "{told}");

    host.run("rm /etc/sriov.d/*.toml")?;
    host.wait_for_news(&end, "3 VFs removed")
}
