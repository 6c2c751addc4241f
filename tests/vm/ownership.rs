//! What is left behind: by a policy that goes, by one that wants nothing undone, by the agent itself.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";
const SYS: &str = "/sys/bus/pci/devices/0000:01:00.0";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";

/// Everything there is to undo.
fn policy(more: &str) -> String {
    format!(
        r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 3
mtu = 9000
vlan = 100
driver_autoprobe = false
device_type = "vfio-pci"
{more}
[policy.match]
pci_address = "{PF}"

[[network]]
name = "f1-u"
resource = "nics"
"#
    )
}

fn with_policy(more: &str) -> Result<Host> {
    let host = Host::with_policy(&policy(more))?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait(&format!(
        "test -e {CONFLIST} && test -e /etc/pcidp/config.json"
    ))?;
    Ok(host)
}

/// The PF as far as it is the agent's.
fn state(host: &Host) -> Result<String> {
    host.run(&format!(
        "ip -d link show enp1s0; cat {SYS}/sriov_numvfs {SYS}/sriov_drivers_autoprobe
         readlink {SYS}/virtfn*/driver || true"
    ))
}

#[test]
fn a_pf_without_policy_is_as_it_was_before_and_one_that_never_had_any_is_not_touched() -> Result<()>
{
    let host = with_policy("")?;
    let theirs = Nic::igb(1);
    host.plug_and_wait_until_unmanaged(theirs.clone(), &theirs.pci())?;
    host.run(&format!(
        "echo 2 > /sys/bus/pci/devices/{}/sriov_numvfs
         ip link set enp2s0 vf 1 vlan 42 mtu 1600; udevadm settle",
        theirs.pci()
    ))?;
    let foreign = |host: &Host| {
        host.run(&format!(
            "ip -d link show enp2s0; cat /sys/bus/pci/devices/{}/virtfn*/net/*/ifindex",
            theirs.pci()
        ))
    };
    let before = foreign(&host)?;
    let properties = host.run("udevadm info --query=property /sys/class/net/enp2s0v0")?;
    ensure!(!properties.contains("MANAGED"), "{properties}");

    // Refused while somebody has a VF, and the outputs are gone all the same.
    let group = host.run(&format!("basename $(readlink {SYS}/virtfn1/iommu_group)"))?;
    let group = group.trim();
    let mut user = host.spawn(&format!(
        "exec 3<>/dev/vfio/{group}; echo open; exec sleep 1000"
    ))?;
    user.wait_for("open", PATIENCE)?;
    let end = host.journal_end()?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    let refused = "refused: resetting the PF, which no policy names any more, destroys all VFs, \
                   and VF 1 is in use by VFIO group";
    host.wait_for_news(&end, refused)?;
    host.wait(&format!(
        "! test -e {CONFLIST} && ! test -e /etc/pcidp/config.json"
    ))?;
    host.wait_for(PF, "refused", 0)?;
    host.wait_for_status_text("enp1s0 refused: resetting the PF")?;
    ensure!(host.run(&format!("cat {SYS}/sriov_numvfs"))?.trim() == "3");
    host.assert_second_pass_is_empty()?;

    user.kill();
    host.wait_for_news(&end, "cleared: resetting the PF")?;
    host.wait_for(PF, "unmanaged", 0)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger == format!("VFIO group {group} closed"), "{trigger}");
    let left = state(&host)?;
    ensure!(
        left.contains("mtu 1500") && left.ends_with("\n0\n1\n"),
        "{left}"
    );
    host.wait(&format!("! test -e /run/sriovd/managed/{PF}"))?;
    let memory = host.json("/var/lib/sriovd/state.json")?;
    ensure!(
        memory["pfs"]
            .as_object()
            .is_some_and(serde_json::Map::is_empty),
        "{memory:#}"
    );

    ensure!(foreign(&host)? == before, "{before}");
    host.assert_second_pass_is_empty()?;
    ensure!(foreign(&host)? == before, "{before}");
    Ok(())
}

#[test]
fn a_policy_may_leave_everything_behind() -> Result<()> {
    let host = with_policy("on_removal = \"keep\"")?;
    // The VFs are ready before their PF has its link.
    host.wait("ip link show enp1s0 | grep -q 'state UP'")?;
    let before = state(&host)?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait(&format!(
        "! test -e {CONFLIST} && ! test -e /etc/pcidp/config.json"
    ))?;
    host.assert_second_pass_is_empty()?;
    // Neither now nor later.
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "unmanaged", 0)?;
    ensure!(state(&host)? == before, "{before}");
    host.assert_second_pass_is_empty()
}

#[test]
fn reload_stop_and_start_change_nothing_while_vfs_are_in_use() -> Result<()> {
    let host = Host::with_policy(
        "[[policy]]\nname = \"pool\"\nresource = \"nics\"\nnum_vfs = 3\nvlan = 100\n\
         trust = true\nmatch.vendor = \"8086\"\n\
         [[network]]\nname = \"f1-u\"\nresource = \"nics\"\n",
    )?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.run(
        "ip netns add blue && ip link set enp1s0v0 netns blue
         ip address add 192.0.2.1/24 dev enp1s0v1",
    )?;
    host.wait(&format!(
        "test -e {CONFLIST} && test -e /etc/pcidp/config.json"
    ))?;
    host.assert_second_pass_is_empty()?;
    host.wait("ip link show enp1s0 | grep -q 'state UP'")?;
    // Interface indexes; everything that was ever announced; the files with their inodes.
    let everything = |host: &Host| {
        host.run(
            "ip -o link show; ip -n blue -o link show; cat /sys/kernel/uevent_seqnum
             stat -c '%n %i %y' /etc/cni/net.d/* /etc/pcidp/* /run/sriovd/state.json \
                 /run/sriovd/managed/* /var/lib/sriovd/*",
        )
    };
    let before = everything(&host)?;
    let end = host.journal_end()?;
    host.run("systemctl reload sriovd")?;
    host.run("kill -HUP $(systemctl show -P MainPID sriovd)")?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 3)?;
    host.run("systemctl stop sriovd")?;
    ensure!(
        everything(&host)? == before,
        "{before}\n{}",
        everything(&host)?
    );
    host.start()?;
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()?;
    ensure!(
        everything(&host)? == before,
        "{before}\n{}",
        everything(&host)?
    );
    let said = host.journal_after(&end)?;
    ensure!(!said.contains("enp1s0 (0000:01:00.0):"), "{said}");
    ensure!(
        said.contains("stopping; VFs and files stay as they are"),
        "{said}"
    );
    Ok(())
}

/// Waits until the agent has taken its VFs away, and says whether the PF is up then.
fn is_up_without_policy(host: &Host) -> Result<bool> {
    let end = host.journal_end()?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for_news(&end, "3 VFs removed")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.assert_second_pass_is_empty()?;
    let flags = host.link("enp1s0")?["flags"].take();
    let flags = flags.as_array().cloned().unwrap_or_default();
    Ok(flags.iter().any(|flag| flag == "UP"))
}

#[test]
fn a_pf_that_was_set_up_for_its_vfs_is_set_down_unless_somebody_uses_it() -> Result<()> {
    let few = "[[policy]]\nname = \"few\"\nnum_vfs = 3\nmatch.vendor = \"8086\"\n";
    let host = Host::with_policy(few)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let again = || -> Result<()> {
        host.run("ip addr flush dev enp1s0; ip link set enp1s0 down")?;
        host.policy("10-test.toml", few)?;
        host.wait_for(PF, "ready", 3)
    };
    let end = host.journal_end()?;
    ensure!(!is_up_without_policy(&host)?);
    ensure!(host.journal_after(&end)?.contains("3 VFs removed; PF down"));

    again()?;
    // What it has done outlives the agent.
    host.run("sriovctl pause enp1s0 && rm /etc/sriov.d/10-test.toml && systemctl restart sriovd")?;
    host.run("sriovctl resume enp1s0")?;
    host.wait("! ip link show up | grep -q enp1s0:")?;

    again()?;
    host.run("ip addr add 192.0.2.1/24 dev enp1s0")?;
    ensure!(is_up_without_policy(&host)?, "it has an address");

    again()?;
    host.run("ip link set enp1s0 down; sriovctl apply enp1s0; ip link set enp1s0 up; sriovctl apply enp1s0")?;
    ensure!(is_up_without_policy(&host)?, "somebody has set it up");

    again()?;
    host.run("ip link add br0 type bridge && ip link set enp1s0 master br0")?;
    ensure!(is_up_without_policy(&host)?, "it is a port");
    host.run("ip link delete br0")?;

    // A network manager that gives it no address.
    let network = "[Match]\nName=enp1s0\n[Network]\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n";
    again()?;
    host.put(network, "/run/systemd/network/10-pf.network", 0o644)?;
    host.run("systemctl unmask --runtime systemd-networkd; systemctl start systemd-networkd")?;
    host.wait("grep -qx ADMIN_STATE=configured /run/systemd/netif/links/$(cat /sys/class/net/enp1s0/ifindex)")?;
    ensure!(is_up_without_policy(&host)?, "networkd has it");
    Ok(())
}
