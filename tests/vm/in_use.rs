//! VFs in use: refused, named, and done as soon as they are released.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};
use serde_json::json;

const PF: &str = "0000:01:00.0";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";

/// A pool of so many VFs, with a network on it.
fn pool(num_vfs: u16, more: &str) -> String {
    format!(
        r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = {num_vfs}
{more}
[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "nics"
"#
    )
}

fn with_pool(num_vfs: u16, more: &str) -> Result<Host> {
    let host = Host::with_policy(&pool(num_vfs, more))?;
    host.plug_and_wait(Nic::igb(0), PF, num_vfs)?;
    Ok(host)
}

fn edit(host: &Host, num_vfs: u16, more: &str) -> Result<()> {
    host.policy("10-test.toml", &pool(num_vfs, more))
}

/// The journal, status and `STATUS=` all name who is in the way.
fn assert_refused(host: &Host, holder: &str) -> Result<()> {
    host.wait_for_journal(holder)?;
    host.wait(&format!("sriovctl status {PF} | grep -qF -- '{holder}'"))?;
    let status = host.status(PF)?;
    ensure!(status["state"] == "refused", "{status:#}");
    ensure!(status["problems"][0]["kind"] == "in_use", "{status:#}");
    host.wait_for_status_text("enp1s0 refused:")?;
    host.wait_for_status_text(holder)
}

/// Runs what releases the VF; the change follows at once and by itself, and the refusal is over.
fn assert_done_when(host: &Host, release: &str, num_vfs: u16) -> Result<()> {
    let end = host.journal_end()?;
    host.run(release)?;
    host.wait_for_news(&end, "cleared: changing numvfs")?;
    host.wait_for(PF, "ready", num_vfs)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger != "retry", "{}", host.journal()?);
    host.wait("! systemctl show --property StatusText sriovd | grep -qF refused")
}

#[test]
fn a_count_changes_at_once_while_nobody_uses_a_vf() -> Result<()> {
    let host = with_pool(7, "vlan = 100")?;
    let device = |host: &Host| -> Result<_> {
        host.wait(&format!("test -e {CONFLIST}"))?;
        Ok(host.json(CONFLIST)?["plugins"][0]["deviceID"].clone())
    };
    let first = device(&host)?;
    for (num_vfs, change) in [(4, "7 VFs removed; "), (7, "4 VFs removed; ")] {
        let end = host.journal_end()?;
        edit(&host, num_vfs, "vlan = 100")?;
        host.wait_for(PF, "ready", num_vfs)?;
        host.wait_for_news(&end, change)?;
        ensure!(host.trigger_of(&end, "set-numvfs")? == "policy files changed");
        let link = host.link("enp1s0")?;
        let vfs = link["vfinfo_list"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        ensure!(vfs.len() == usize::from(num_vfs), "{link:#}");
        for vf in vfs {
            ensure!(vf["vlan_list"][0]["vlan"] == 100, "{vf}");
        }
        ensure!(device(&host)? == first);
        host.wait(&format!(
            "jq -e '.resourceList[0].selectors[0].pciAddresses | length == {num_vfs}' \
             /etc/pcidp/config.json"
        ))?;
    }
    host.assert_second_pass_is_empty()
}

#[test]
fn a_count_waits_for_a_vf_in_a_network_namespace() -> Result<()> {
    let host = with_pool(4, "")?;
    let end = host.journal_end()?;
    host.run("ip netns add blue && ip link set enp1s0v3 netns blue")?;
    let before = host.run("ip netns exec blue ip -o link show enp1s0v3")?;

    // The rest of the edit is done: of the PF, and of the VFs, also of the one in use.
    edit(&host, 3, "vlan = 200\nmtu = 9000")?;
    assert_refused(&host, "VF 3 is in use by network namespace blue")?;
    for vf in 0..3 {
        host.wait_for_vf("enp1s0", vf, ".vlan_list[0].vlan == 200")?;
    }
    ensure!(host.link("enp1s0")?["mtu"] == 9000);
    ensure!(host.link("enp1s0v0")?["mtu"] == 9000);
    let after = host.run("ip netns exec blue ip -o link show enp1s0v3")?;
    ensure!(before == after, "{before}{after}");
    host.assert_second_pass_is_empty()?;
    ensure!(!host.journal_after(&end)?.contains("VFs removed"));

    assert_done_when(&host, "ip netns delete blue", 3)?;

    // Given back rather than left behind.
    host.run(
        "ip netns add red && ip link set enp1s0v0 netns red && ip link set enp1s0v1 netns red",
    )?;
    edit(&host, 2, "")?;
    assert_refused(
        &host,
        "VF 0 is in use by network namespace red, VF 1 is in use by network namespace red",
    )?;
    host.run("ip -n red link set enp1s0v0 netns 1")?;
    assert_refused(&host, "VFs, and VF 1 is in use by network namespace red")?;
    assert_done_when(&host, "ip -n red link set enp1s0v1 netns 1", 2)?;
    host.assert_second_pass_is_empty()
}

/// Opens a VF's VFIO device as a virtual machine does, and holds it: QEMU for a guest without QEMU.
const OPEN_VFIO_DEVICE: &str = r#"
my ($group, $address) = @ARGV;
sub request { (ord(";") << 8) + 100 + $_[0] }
sysopen(my $container, "/dev/vfio/vfio", 2) or die "container: $!";
sysopen(my $file, "/dev/vfio/$group", 2) or die "group: $!";
ioctl($file, request(4), pack("i", fileno $container)) // die "VFIO_GROUP_SET_CONTAINER: $!";
ioctl($container, request(2), 1) // die "VFIO_SET_IOMMU: $!";
ioctl($file, request(6), "$address\0") // die "VFIO_GROUP_GET_DEVICE_FD: $!";
$| = 1;
print "open\n";
sleep;
"#;

const VFIO: &str = "device_type = \"vfio-pci\"";

fn vfio_group(host: &Host, vf: u16) -> Result<String> {
    let address = host.vf_address(PF, vf)?;
    let link = format!("basename $(readlink /sys/bus/pci/devices/{address}/iommu_group)");
    Ok(host.run(&link)?.trim().to_owned())
}

#[test]
fn a_count_waits_for_an_open_vfio_group_and_for_an_open_vfio_device() -> Result<()> {
    let host = with_pool(4, VFIO)?;
    let group = vfio_group(&host, 2)?;
    let mut opener = host.spawn(&format!(
        "exec 3<>/dev/vfio/{group}; echo open; exec sleep 1000"
    ))?;
    opener.wait_for("open", crate::host::PATIENCE)?;
    edit(&host, 3, VFIO)?;
    let holder = format!("VF 2 is in use by VFIO group {group} (fuser -v /dev/vfio/{group} names");
    assert_refused(&host, &holder)?;

    // Looking whether the group is open is not taken for somebody's closing it, which would be looked at
    // again without end. What else may wake the agent (its PF's IPv6 address is confirmed) takes a tick or two.
    host.run("udevadm settle; sleep 0.5")?;
    let told = "journalctl -u sriovd -o cat | wc -l; cat /sys/kernel/uevent_seqnum";
    let ticks = "awk '{print $14 + $15}' /proc/$(systemctl show -P MainPID sriovd)/stat";
    let busy = || -> Result<u32> { Ok(host.run(ticks)?.trim().parse()?) };
    let (before, busy_before) = (host.run(told)?, busy()?);
    host.run("sleep 3")?;
    let (after, busy_after) = (host.run(told)?, busy()?);
    ensure!(before == after, "{before}\n{after}");
    ensure!(
        busy_after < busy_before + 20,
        "{busy_before} to {busy_after}"
    );
    host.assert_second_pass_is_empty()?;

    let end = host.journal_end()?;
    opener.kill();
    assert_done_when(&host, "true", 3)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger == format!("VFIO group {group} closed"), "{trigger}");

    host.put(OPEN_VFIO_DEVICE, "/run/open-vfio-device", 0o644)?;
    let (group, address) = (vfio_group(&host, 1)?, host.vf_address(PF, 1)?);
    let open = format!("exec perl /run/open-vfio-device {group} {address}");
    let mut machine = host.spawn(&open)?;
    machine.wait_for("open", crate::host::PATIENCE)?;
    edit(&host, 2, VFIO)?;
    assert_refused(&host, &format!("VF 1 is in use by VFIO group {group} "))?;
    let end = host.journal_end()?;
    machine.kill();
    assert_done_when(&host, "true", 2)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger == format!("VFIO group {group} closed"), "{trigger}");
    host.assert_second_pass_is_empty()
}

#[test]
fn force_takes_vfs_away_and_says_from_whom() -> Result<()> {
    let host = with_pool(3, "")?;
    host.run("ip netns add blue && ip link set enp1s0v1 netns blue")?;
    edit(&host, 2, "")?;
    assert_refused(&host, "VF 1 is in use by network namespace blue")?;
    host.wait_for_journal("`sriovctl apply --force enp1s0` makes it now")?;

    // Not for all PFs at once, and not without being asked to.
    ensure!(host.try_run("sriovctl apply --force")?.status == 2);
    ensure!(host.try_run("sriovctl apply enp1s0")?.status == 3);
    let end = host.journal_end()?;
    let applied = host.run("sriovctl apply --force enp1s0")?;
    let taken = "VF 1 was taken from network namespace blue";
    ensure!(applied.contains(&format!("enp1s0: {taken}\n")), "{applied}");
    host.wait_for(PF, "ready", 2)?;
    host.wait_for_news(&end, taken)?;
    let trigger = host.trigger_of(&end, "set-numvfs")?;
    ensure!(trigger == "request by user 0", "{trigger}");
    ensure!(host.run("ip -o -n blue link show")?.lines().count() == 1);

    // A policy may say so once and for all.
    host.run("ip link set enp1s0v1 netns blue")?;
    let end = host.journal_end()?;
    edit(&host, 3, "disruption = \"always\"")?;
    host.wait_for(PF, "ready", 3)?;
    host.wait_for_news(&end, taken)?;

    // Or that not even unused ones are, until somebody forces it.
    edit(&host, 2, "disruption = \"never\"")?;
    host.wait_for(PF, "refused", 2)?;
    let status = host.status(PF)?;
    let kind = &status["problems"][0]["kind"];
    ensure!(*kind == "disruption_forbidden", "{status:#}");
    host.assert_second_pass_is_empty()?;
    let applied = host.run("sriovctl apply --force --json enp1s0")?;
    let applied: serde_json::Value = serde_json::from_str(&applied)?;
    ensure!(applied["taken"] == json!(null), "{applied:#}");
    host.wait_for(PF, "ready", 2)?;
    host.assert_second_pass_is_empty()
}

/// igbvf takes no VLAN, and with it no bridge, while its PF has not answered it since its last reset.
fn until_igbvf_takes(host: &Host, command: &str) -> Result<()> {
    host.wait(command)
}

#[test]
fn an_address_or_a_bridge_holds_a_vf_until_it_goes() -> Result<()> {
    let host = with_pool(3, "")?;
    host.run(
        "ip address add 192.0.2.1/24 dev enp1s0v0
         ip link add br0 type bridge && ip link set enp1s0v2 up",
    )?;
    until_igbvf_takes(&host, "ip link set enp1s0v1 up master br0")?;
    until_igbvf_takes(
        &host,
        "ip link add link enp1s0v2 name tagged type vlan id 5",
    )?;
    edit(&host, 2, "")?;
    assert_refused(
        &host,
        "VF 0 is in use by this host, with address 192.0.2.1, \
         VF 1 is in use by interface br0, whose port it is, VF 2 is in use by interface tagged",
    )?;
    host.run("ip address delete 192.0.2.1/24 dev enp1s0v0")?;
    assert_refused(&host, "VFs, and VF 1 is in use by interface br0")?;
    host.run("ip link set enp1s0v1 nomaster")?;
    assert_refused(&host, "VFs, and VF 2 is in use by interface tagged")?;
    assert_done_when(&host, "ip link delete tagged", 2)?;

    // Every way to go is noticed: the address and the bridge as the last ones, too.
    until_igbvf_takes(&host, "ip link set enp1s0v1 up master br0")?;
    edit(&host, 3, "")?;
    assert_refused(&host, "VFs, and VF 1 is in use by interface br0")?;
    assert_done_when(&host, "ip link delete br0", 3)?;
    host.run("ip address add 2001:db8::1/64 dev enp1s0v2")?;
    edit(&host, 2, "")?;
    assert_refused(
        &host,
        "VFs, and VF 2 is in use by this host, with address 2001:db8::1",
    )?;
    assert_done_when(&host, "ip address delete 2001:db8::1/64 dev enp1s0v2", 2)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn what_a_cni_plugin_lent_is_left_to_it_until_it_is_given_back() -> Result<()> {
    let host = with_pool(3, "vlan = 100\nspoof_check = false")?;
    let record = format!("/var/lib/cni/sriov/pci/{}", host.vf_address(PF, 1)?);
    host.run(&format!(
        "ip netns add pod && mkdir --parents $(dirname {record})
         printf /var/run/netns/pod > {record}
         ip link set enp1s0 vf 1 vlan 7 spoofchk on && ip link set enp1s0 vf 2 vlan 8"
    ))?;
    host.wait_for_vf("enp1s0", 2, ".vlan_list[0].vlan == 100")?;
    host.assert_second_pass_is_empty()?;
    let vf = host.vf("enp1s0", 1)?;
    ensure!(
        vf["vlan_list"][0]["vlan"] == 7 && vf["spoofchk"] == true,
        "{vf}"
    );
    edit(&host, 2, "vlan = 100\nspoof_check = false")?;
    assert_refused(&host, "VF 1 is in use by CNI, for /var/run/netns/pod")?;
    edit(&host, 3, "vlan = 100\nspoof_check = false")?;
    host.wait_for(PF, "ready", 3)?;

    let end = host.journal_end()?;
    host.run(&format!("rm {record}"))?;
    host.wait_for_vf(
        "enp1s0",
        1,
        ".vlan_list[0].vlan == 100 and .spoofchk == false",
    )?;
    let trigger = host.trigger_of(&end, "set-vf")?;
    ensure!(trigger.starts_with("allocation record of"), "{trigger}");

    // While a plugin works on a VF it holds a lock, and others are not kept waiting for it.
    let lock = format!(
        "/var/lib/cni/sriov/pci/vf_lock/{}.lock",
        host.vf_address(PF, 0)?
    );
    let mut plugin = host.spawn(&format!(
        "exec flock {lock} sh -c 'echo locked; exec sleep 1000'"
    ))?;
    plugin.wait_for("locked", crate::host::PATIENCE)?;
    let end = host.journal_end()?;
    host.run("ip link set enp1s0 vf 0 vlan 7 && ip link set enp1s0 vf 1 vlan 7")?;
    host.wait_for_vf("enp1s0", 1, ".vlan_list[0].vlan == 100")?;
    host.wait_for(PF, "changing", 3)?;
    host.wait(&format!(
        "sriovctl status {PF} | grep -q 'VF 0 .* locked by another program'"
    ))?;
    let vf = host.vf("enp1s0", 0)?;
    ensure!(vf["vlan_list"][0]["vlan"] == 7, "{vf}");
    plugin.kill();
    host.wait_for_vf("enp1s0", 0, ".vlan_list[0].vlan == 100")?;
    host.wait_for(PF, "ready", 3)?;
    let said = host.journal_after(&end)?;
    ensure!(
        !said.contains("failed"),
        "a plugin at work is no failure: {said}"
    );
    host.assert_second_pass_is_empty()
}
