//! What others do to a managed PF is put back, and who made VFs himself keeps them.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";
const SYS: &str = "/sys/bus/pci/devices/0000:01:00.0";
const CONFLIST: &str = "/etc/cni/net.d/99-sriovd-f1-u.conflist";

const POLICY: &str = r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 3
device_type = "netdevice"
mtu = 2000
vlan = 100
trust = true
driver_autoprobe = true
[policy.match]
vendor = "8086"

[[network]]
name = "f1-u"
resource = "nics"
"#;

/// Does something by hand and waits until the agent has put it back; returns why it looked.
fn put_back(host: &Host, by_hand: &str, condition: &str, said: &str) -> Result<String> {
    let end = host.journal_end()?;
    host.run(by_hand)?;
    host.wait_for_news(&end, said)?;
    host.wait(condition)?;
    host.wait_for(PF, "ready", 3)?;
    host.trigger_of(&end, "")
}

fn vf_condition(vf: u16, condition: &str) -> String {
    format!("ip -j -d link show enp1s0 | jq -e '.[0].vfinfo_list[{vf}] | {condition}'")
}

#[test]
fn what_is_changed_by_hand_is_put_back() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let as_wanted = vf_condition(1, ".vlan_list[0].vlan == 100 and .trust");
    let vf = host.vf_address(PF, 1)?;
    let vf = vf.as_str();

    let trigger = put_back(
        &host,
        "ip link set enp1s0 vf 1 vlan 5 && ip link set enp1s0 vf 1 trust off",
        &as_wanted,
        "vlan 100",
    )?;
    ensure!(trigger == "link change on enp1s0", "{trigger}");

    // The kernel tells nobody of a VF of a PF that is down: it is seen when the PF is up again. Its IPv6 address goes and
    // comes with that, which is told first.
    let of_pf = |trigger: &str| {
        trigger == "link change on enp1s0" || trigger.starts_with("address change on interface")
    };
    let trigger = put_back(
        &host,
        "ip link set enp1s0 down && ip link set enp1s0 vf 1 vlan 6 && ip link set enp1s0 up",
        &as_wanted,
        "vlan 100",
    )?;
    ensure!(of_pf(&trigger), "{trigger}");

    let trigger = put_back(
        &host,
        "ip link set enp1s0 mtu 1400",
        "ip link show enp1s0 | grep -q 'mtu 2000'",
        "PF mtu 2000",
    )?;
    ensure!(of_pf(&trigger), "{trigger}");
    let trigger = put_back(
        &host,
        "ip link set enp1s0v1 mtu 1400",
        "ip link show enp1s0v1 | grep -q 'mtu 2000'",
        "VF 1: mtu 2000",
    )?;
    ensure!(trigger == "link change on enp1s0v1", "{trigger}");

    let is_bound = format!("test -e /sys/bus/pci/drivers/igbvf/{vf}/net/enp1s0v1");
    // A VF that is still losing its driver gets one a moment later.
    let of_vf =
        |trigger: &str| trigger.contains(vf) || trigger.contains("enp1s0v1") || trigger == "retry";
    let trigger = put_back(
        &host,
        &format!("echo {vf} > /sys/bus/pci/drivers/igbvf/unbind"),
        &is_bound,
        "VF 1: driver default",
    )?;
    ensure!(of_vf(&trigger), "{trigger}");

    // Half of it by hand, the agent would be done with the first half before the second begins.
    let end = host.journal_end()?;
    host.behind_the_agents_back(&format!(
        "echo vfio-pci > /sys/bus/pci/devices/{vf}/driver_override
         echo {vf} > /sys/bus/pci/drivers/igbvf/unbind
         echo {vf} > /sys/bus/pci/drivers_probe
         test -e /sys/bus/pci/drivers/vfio-pci/{vf} || exit 1"
    ))?;
    host.wait_for_news(&end, "VF 1: driver default")?;
    host.wait(&format!(
        "{is_bound} && grep -q null /sys/bus/pci/devices/{vf}/driver_override"
    ))?;
    host.wait_for(PF, "ready", 3)?;
    let trigger = host.trigger_of(&end, "bind")?;
    ensure!(of_vf(&trigger), "{trigger}");

    // Writing to this file is told to nobody: the next look finds it, whatever that is for.
    let end = host.journal_end()?;
    host.run(&format!("echo 0 > {SYS}/sriov_drivers_autoprobe"))?;
    host.run("sriovctl apply")?;
    host.run(&format!("grep -q 1 {SYS}/sriov_drivers_autoprobe"))?;
    host.wait_for_news(&end, "sriov_drivers_autoprobe on")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn vfs_come_back_when_their_count_is_set_to_0_and_when_their_pf_loses_its_driver() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait(&format!("test -e {CONFLIST}"))?;
    let device = host.json(CONFLIST)?;
    let is_whole = format!(
        "{} && test -e {CONFLIST} && jq -e \
         '.resourceList[0].selectors[0].pciAddresses | length == 3' /etc/pcidp/config.json",
        vf_condition(2, ".vlan_list[0].vlan == 100 and .trust"),
    );

    // It looks as soon as the first VF goes, and waits in the kernel for the last.
    put_back(
        &host,
        &format!("echo 0 > {SYS}/sriov_numvfs"),
        &is_whole,
        "3 VFs created",
    )?;
    ensure!(host.json(CONFLIST)? == device, "{device:#}");
    let fewer = format!("echo 0 > {SYS}/sriov_numvfs; echo 2 > {SYS}/sriov_numvfs || true");
    put_back(&host, &fewer, &is_whole, "3 VFs created")?;
    ensure!(host.json(CONFLIST)? == device, "{device:#}");

    let end = host.journal_end()?;
    host.run(&format!("echo {PF} > /sys/bus/pci/drivers/igb/unbind"))?;
    host.wait_for_news(&end, "waiting: no driver is bound to the PF")?;
    host.wait(&format!(
        "! test -e {CONFLIST} && ! test -e /etc/pcidp/config.json"
    ))?;
    host.assert_second_pass_is_empty()?;
    let bind = format!("echo {PF} > /sys/bus/pci/drivers/igb/bind");
    put_back(
        &host,
        &bind,
        &is_whole,
        "cleared: no driver is bound to the PF",
    )?;
    ensure!(host.json(CONFLIST)? == device, "{device:#}");
    ensure!(host.link("enp1s0")?["mtu"] == 2000);
    host.assert_second_pass_is_empty()
}

#[test]
fn vfs_that_somebody_else_makes_are_configured_and_never_counted() -> Result<()> {
    let external = "
[[policy]]
name = \"external\"
external = true
vlan = 300
match.vendor = \"8086\"
";
    let host = Host::installed()?;
    host.start()?;
    host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;
    host.run(&format!("echo 2 > {SYS}/sriov_numvfs"))?;
    host.policy("10-test.toml", external)?;
    for num_vfs in [2, 3] {
        if num_vfs != 2 {
            host.run(&format!(
                "echo 0 > {SYS}/sriov_numvfs && sleep 1 && echo {num_vfs} > {SYS}/sriov_numvfs"
            ))?;
        }
        host.wait_for(PF, "ready", num_vfs)?;
        for vf in 0..usize::from(num_vfs) {
            host.wait_for_vf("enp1s0", vf, ".vlan_list[0].vlan == 300")?;
        }
    }
    host.assert_second_pass_is_empty()?;
    // None is as good a number as any other.
    host.run(&format!("echo 0 > {SYS}/sriov_numvfs"))?;
    host.wait_for(PF, "ready", 0)?;
    host.run(&format!("echo 2 > {SYS}/sriov_numvfs"))?;
    host.wait_for_vf("enp1s0", 1, ".vlan_list[0].vlan == 300")?;

    // Without the policy the VFs stay and lose what was given to them.
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for_vf("enp1s0", 1, "(.vlan_list[0].vlan // 0) == 0")?;
    host.wait_for(PF, "unmanaged", 0)?;
    ensure!(host.run(&format!("cat {SYS}/sriov_numvfs"))?.trim() == "2");
    let said = host.journal()?;
    let counted = said.contains("VFs created") || said.contains("VFs removed");
    ensure!(!counted && !said.contains("refused"), "{said}");
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_keeps_its_attributes_through_other_network_namespaces() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.wait(&format!(
        "test -e {CONFLIST} && test -e /etc/pcidp/config.json"
    ))?;
    let outputs =
        "cat /etc/cni/net.d/* /etc/pcidp/*; stat -c '%n %i' /etc/cni/net.d/* /etc/pcidp/*";
    let before = host.run(outputs)?;
    host.run(
        "ip netns add green && ip link set enp1s0v0 netns green
         ip -n green link set enp1s0v0 name net1 && ip -n green link set net1 mtu 1400 up",
    )?;
    host.assert_second_pass_is_empty()?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(host.run(outputs)? == before, "{before}");
    // What the PF decides of it is the policy's there, too.
    let end = host.journal_end()?;
    host.run("ip link set enp1s0 vf 0 vlan 9")?;
    host.wait_for_vf("enp1s0", 0, ".vlan_list[0].vlan == 100")?;
    host.wait_for_news(&end, "VF 0: vlan 100")?;

    host.run("ip -n green link set net1 netns 1")?;
    host.wait_for_news(&end, "VF 0: mtu 2000")?;
    let vf = host.vf("enp1s0", 0)?;
    ensure!(
        vf["vlan_list"][0]["vlan"] == 100 && vf["trust"] == true,
        "{vf}"
    );
    host.run("ip link set net1 netns green && ip netns delete green")?;
    host.assert_second_pass_is_empty()?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(host.run(outputs)? == before, "{before}");
    Ok(())
}

#[test]
fn a_pf_that_is_set_down_stays_down() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let end = host.journal_end()?;
    host.run("ip link set enp1s0 down")?;
    host.wait_for_news(
        &end,
        "enp1s0 (0000:01:00.0) down: it was set down since its VFs were made",
    )?;
    host.run("systemctl restart sriovd && sriovctl apply enp1s0")?;
    host.run("! ip link show up | grep enp1s0:")?;
    host.wait_for(PF, "ready", 3)?;
    // It is as wanted, so that nothing has to wait for it.
    host.run("sriovctl plan")?;
    // As programs that make bonds do it; a port must be down for that.
    host.run(
        "modprobe bonding; ip link add bond0 type bond mode active-backup miimon 100
         ip link set enp1s0 master bond0 && ip link delete bond0; ip link set enp1s0 down",
    )?;
    let end = host.journal_end()?;
    host.run("ip link set enp1s0 up")?;
    host.wait_for_news(&end, "cleared: it was set down")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_pf_becomes_a_port_of_a_bond_as_ifenslave_makes_it_one_and_is_left_alone() -> Result<()> {
    // An MTU would be the bond's affair, too.
    let host = Host::with_policy(&POLICY.replace("mtu = 2000", ""))?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let vfs = host.vf_interfaces(PF)?;
    host.run("modprobe bonding && ip link add bond0 type bond mode active-backup miimon 100")?;
    // A port that is up cannot be enslaved: whoever sets it up in between is in the way.
    host.run(
        "for i in $(seq 10); do
           ip link set enp1s0 down && sleep 0.$((i % 4)) && ip link set enp1s0 master bond0 || exit
           ip link set enp1s0 nomaster || exit
         done",
    )?;
    let end = host.journal_end()?;
    host.run("ip link set enp1s0 down && sleep 3 && ip link set enp1s0 master bond0")?;
    host.run("ip link set bond0 up && sriovctl apply enp1s0")?;
    host.wait("[ $(cat /sys/class/net/bond0/bonding/slaves) = enp1s0 ]")?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(host.vf_interfaces(PF)? == vfs, "{}", host.journal()?);
    host.assert_second_pass_is_empty()?;
    let said = host.journal_after(&end)?;
    ensure!(
        !said.contains("failed") && !said.contains("PF up"),
        "{said}"
    );

    // The bond sets it down when it lets go of it.
    host.run("ip link delete bond0 && sriovctl apply enp1s0")?;
    host.run("! ip link show up | grep enp1s0:")?;
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()
}

#[test]
fn the_mtu_that_a_bond_gives_its_ports_is_left_to_it_and_told_once() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    let vfs = host.vf_interfaces(PF)?;
    host.run(
        "modprobe bonding && ip link add bond0 type bond mode active-backup miimon 100
         ip link set enp1s0 down && ip link set enp1s0 master bond0 && ip link set bond0 up",
    )?;
    host.wait_for(PF, "refused", 3)?;
    host.run("for i in 1 2 3; do sriovctl apply enp1s0; [ $? = 3 ] || exit 1; done")?;
    let told = "its MTU is 1500, as bond0 gives it to its ports, and 2000 is wanted";
    ensure!(host.count_in_journal(told)? == 1, "{}", host.journal()?);
    let mtu = |of: &str| -> Result<u64> { Ok(host.link(of)?["mtu"].as_u64().unwrap_or_default()) };
    ensure!((mtu("bond0")?, mtu("enp1s0")?) == (1500, 1500));

    host.run("ip link set bond0 mtu 2000")?;
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()?;
    // The bond lets it go with what it had before.
    host.run("ip link set bond0 mtu 1500")?;
    host.wait_for(PF, "refused", 3)?;
    host.run("ip link delete bond0")?;
    host.wait_for(PF, "ready", 3)?;
    ensure!(mtu("enp1s0")? == 2000);
    ensure!(host.vf_interfaces(PF)? == vfs, "{}", host.journal()?);
    let said = host.journal()?;
    ensure!(
        !said.contains("contested") && !said.contains("failed"),
        "{said}"
    );
    Ok(())
}

#[test]
fn what_drifted_does_not_come_back_when_no_policy_asks_for_the_attribute_any_more() -> Result<()> {
    let policy = |attributes: &str| {
        format!("[[policy]]\nname = \"p\"\nnum_vfs = 2\n{attributes}\nmatch.vendor = \"8086\"\n")
    };
    let usual = "vlan = 0\ntrust = false\nspoof_check = true\nmax_tx_rate = 0\nmac = \"stable\"";
    let host = Host::with_policy(&policy(usual))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let new = host.vf("enp1s0", 1)?;
    let is_usual = vf_condition(
        1,
        "(.vlan_list[0].vlan // 0) == 0 and (.trust | not) and .spoofchk and .rate.max_tx == 0",
    );
    // What somebody sets, and sriov-cni for a container that it never gives back.
    for by_hand in ["vlan 7", "trust on", "spoofchk off", "max_tx_rate 30"] {
        let end = host.journal_end()?;
        host.run(&format!("ip link set enp1s0 vf 1 {by_hand}"))?;
        host.wait_for_news(&end, "VF 1: ")?;
        host.wait(&is_usual)?;
    }
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 2)?;
    host.policy("10-test.toml", &policy("mac = \"stable\""))?;
    host.run("sriovctl apply")?;
    let now = host.vf("enp1s0", 1)?;
    ensure!(now == new, "{now} {new}");
    // Made for a policy without them, set since, and asked for after that.
    host.run("ip link set enp1s0 vf 1 vlan 7; ip link set enp1s0 vf 1 spoofchk off")?;
    host.policy(
        "10-test.toml",
        &policy("vlan = 100\nspoof_check = true\nmac = \"stable\""),
    )?;
    host.wait_for_vf("enp1s0", 1, ".vlan_list[0].vlan == 100 and .spoofchk")?;
    host.policy("10-test.toml", &policy("mac = \"stable\""))?;
    host.wait_for_vf("enp1s0", 1, "(.vlan_list[0].vlan // 0) == 0 and .spoofchk")?;
    host.assert_second_pass_is_empty()
}
