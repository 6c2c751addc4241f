//! The mode of the NIC's own switch. `tests/vm/kernel/eswitch` gives the emulated NICs one, which devlink tells and sets.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

fn policy(mode: &str) -> String {
    format!(
        "[[policy]]\nname = \"offload\"\nresource = \"nics\"\nnum_vfs = 4\n{mode}\nmatch.vendor = \"8086\"\n"
    )
}

const SWITCHDEV: &str = "eswitch_mode = \"switchdev\"";
const LEGACY: &str = "eswitch_mode = \"legacy\"";

/// Whose NICs have a switch, with this policy and a NIC.
fn host(setup: &str, mode: &str, state: &str) -> Result<Host> {
    let host = Host::with_policy(&policy(mode))?;
    host.run(&format!("modprobe eswitch; {setup}"))?;
    host.plug(Nic::igb(0))?;
    host.wait_for(PF, state, 4)?;
    host.run("udevadm settle")?;
    Ok(host)
}

fn mode(host: &Host) -> Result<String> {
    let shown = host.run(&format!(
        "devlink -j dev eswitch show pci/{PF} | jq -r '.dev[].mode'"
    ))?;
    Ok(shown.trim().to_owned())
}

/// How often it was set.
fn changes(host: &Host) -> Result<u32> {
    let changes = host.run("cat /sys/module/eswitch/parameters/changes")?;
    Ok(changes.trim().parse()?)
}

fn representors(host: &Host) -> Result<usize> {
    let names = host.run(&format!(
        "cat /sys/bus/pci/devices/{PF}/net/*/phys_port_name 2>/dev/null | grep -c ^pf0vf || true"
    ))?;
    Ok(names.trim().parse()?)
}

#[test]
fn vfs_are_made_in_switchdev_mode_and_the_mode_before_comes_back_without_them() -> Result<()> {
    // As with ice.
    let host = host(
        "echo 1 > /sys/module/eswitch/parameters/strict",
        SWITCHDEV,
        "ready",
    )?;
    ensure!(mode(&host)? == "switchdev" && changes(&host)? == 1);
    ensure!(representors(&host)? == 4);
    // None of them is taken for the PF.
    let status = host.status(PF)?;
    ensure!(status["interface"] == "enp1s0", "{status:#}");
    let state = host.json("/run/sriovd/state.json")?;
    ensure!(state["spec"]["interfaces"][0]["eSwitchMode"] == "switchdev");
    ensure!(state["status"]["interfaces"][0]["eSwitchMode"] == "switchdev");
    let shown = host.run("sriovctl show enp1s0")?;
    ensure!(shown.contains("switchdev"), "{shown}");
    host.assert_second_pass_is_empty()?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(
        changes(&host)? == 1,
        "the mode that it has was set once more"
    );

    // Another program changes it where there are no VFs, which the kernel tells nobody.
    let end = host.journal_end()?;
    host.behind_the_agents_back(&format!(
        "echo 0 > /sys/bus/pci/devices/{PF}/sriov_numvfs && devlink dev eswitch set pci/{PF} mode legacy"
    ))?;
    host.wait_for_news(&end, "eswitch mode legacy -> switchdev")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(mode(&host)? == "switchdev");

    // A VF in use keeps the mode.
    host.run("udevadm settle; ip netns add blue; ip link set enp1s0v2 netns blue")?;
    host.policy("10-test.toml", &policy(LEGACY))?;
    host.wait_for_journal(
        "changing the eSwitch mode switchdev -> legacy destroys all VFs, and VF 2 is in use by network namespace blue",
    )?;
    host.wait_for(PF, "refused", 4)?;
    ensure!(mode(&host)? == "switchdev");
    host.run("ip netns del blue")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(mode(&host)? == "legacy" && representors(&host)? == 0);
    host.assert_second_pass_is_empty()?;

    host.policy("10-test.toml", &policy(SWITCHDEV))?;
    host.wait(&format!(
        "grep -sqx pf0vf3 /sys/bus/pci/devices/{PF}/net/*/phys_port_name"
    ))?;
    host.wait_for(PF, "ready", 4)?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    ensure!(mode(&host)? == "legacy");
    host.assert_second_pass_is_empty()
}

#[test]
fn a_switch_that_is_busy_is_waited_for_and_a_bridge_or_a_firmware_in_the_way_is_told() -> Result<()>
{
    let host = host(
        "echo 3 > /sys/module/eswitch/parameters/busy",
        SWITCHDEV,
        "ready",
    )?;
    ensure!(mode(&host)? == "switchdev" && changes(&host)? == 4);

    host.run("ip link add br0 type bridge && ip link set enp1s0 master br0")?;
    host.policy("10-test.toml", &policy(LEGACY))?;
    host.wait_for_journal(
        "changing the eSwitch mode cuts its traffic, and the PF is in use by interface br0, whose port it is",
    )?;
    host.wait_for(PF, "refused", 4)?;
    ensure!(mode(&host)? == "switchdev");
    host.run("ip link set enp1s0 nomaster")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(mode(&host)? == "legacy");

    // No try is made that costs VFs for nothing, not even by a new agent.
    host.run("echo 1 > /sys/module/eswitch/parameters/lacking")?;
    host.policy("10-test.toml", &policy(SWITCHDEV))?;
    host.wait_for_journal("eswitch_mode switchdev is not supported by driver igb")?;
    host.wait_for(PF, "ready", 4)?;
    let (vfs, before) = (host.vf_interfaces(PF)?, changes(&host)?);
    host.run("sriovctl apply")?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(host.vf_interfaces(PF)? == vfs && changes(&host)? == before);
    host.assert_second_pass_is_empty()
}

const REPRESENTED: &str =
    "eswitch_mode = \"switchdev\"\ndisruption = \"always\"\nrepresentor = { mtu = 9000 }";

/// Each with its interface, MTU and whether it is up, in the order of the VFs.
fn seen(host: &Host) -> Result<String> {
    host.run(&format!(
        "for dev in /sys/bus/pci/devices/{PF}/net/*; do
           port=$(cat $dev/phys_port_name 2>/dev/null) || continue
           case $port in pf0vf*)
             up=down; [ $(( $(cat $dev/flags) & 1 )) = 1 ] && up=up
             name=final; [[ ${{dev##*/}} == eth* ]] && name=early
             echo \"$port $(cat $dev/mtu) $up $name\";;
           esac
         done | sort"
    ))
}

fn representor_of(host: &Host, vf: u16) -> Result<String> {
    let name = host.run(&format!(
        "basename $(dirname $(grep -lx pf0vf{vf} /sys/bus/pci/devices/{PF}/net/*/phys_port_name 2>/dev/null))"
    ))?;
    Ok(name.trim().to_owned())
}

#[test]
fn representors_are_set_up_under_their_final_names_and_stay_as_the_policy_says() -> Result<()> {
    let host = host("true", REPRESENTED, "ready")?;
    let as_wanted =
        "pf0vf0 9000 up final\npf0vf1 9000 up final\npf0vf2 9000 up final\npf0vf3 9000 up final\n";
    ensure!(seen(&host)? == as_wanted, "{}", seen(&host)?);
    let first = representor_of(&host, 0)?;
    let state = host.json("/run/sriovd/state.json")?;
    let told = &state["status"]["interfaces"][0]["Vfs"][0]["representorName"];
    ensure!(*told == *first, "{state:#} {first}");
    let shown = host.run("sriovctl show enp1s0")?;
    ensure!(
        shown.contains("REPRESENTOR") && shown.contains(&first),
        "{shown}"
    );
    host.assert_second_pass_is_empty()?;

    let end = host.journal_end()?;
    host.run(&format!("ip link set {first} down mtu 1400"))?;
    host.wait_for_news(&end, "representor mtu 9000")?;
    host.wait(&format!(
        "ip link show {first} | grep -q 'mtu 9000.* state U\\|,UP.*mtu 9000'"
    ))?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(seen(&host)? == as_wanted, "{}", seen(&host)?);

    // Made anew, and without a word in the policy about their state.
    host.policy(
        "10-test.toml",
        &policy(&REPRESENTED.replace("mtu = 9000", "up = false"))
            .replace("num_vfs = 4", "num_vfs = 2"),
    )?;
    host.wait_for(PF, "ready", 2)?;
    host.wait(&format!(
        "test $(ls -d /sys/bus/pci/devices/{PF}/net/* | wc -l) = 3"
    ))?;
    host.run("udevadm settle")?;
    host.wait_for(PF, "ready", 2)?;
    let as_made = "pf0vf0 1500 down final\npf0vf1 1500 down final\n";
    ensure!(seen(&host)? == as_made, "{}", seen(&host)?);
    host.assert_second_pass_is_empty()?;

    // It is told while one of them is out of sight.
    let second = representor_of(&host, 1)?;
    host.run(&format!(
        "ip netns add blue; ip link set {second} netns blue"
    ))?;
    host.wait_for(PF, "changing", 2)?;
    let status = host.run("sriovctl status enp1s0 || true")?;
    ensure!(
        status.contains("VF 1 has no representor in the host's network namespace"),
        "{status}"
    );
    host.run("ip netns del blue")?;
    host.run("udevadm settle")?;
    Ok(())
}

/// Of the PF and its representors, one line for each.
fn offloads(host: &Host) -> Result<String> {
    host.run(&format!(
        "for dev in /sys/bus/pci/devices/{PF}/net/*; do ethtool -k ${{dev##*/}} | grep hw-tc-offload; done"
    ))
}

#[test]
fn rules_of_tc_are_given_to_the_hardware_on_the_pf_and_on_all_representors_and_no_longer_without_the_policy()
-> Result<()> {
    let offload = format!("{REPRESENTED}\nhw_tc_offload = true");
    let host = host("true", &offload, "ready")?;
    let all = |state: &str| format!("hw-tc-offload: {state}\n").repeat(5);
    ensure!(offloads(&host)? == all("on"), "{}", offloads(&host)?);
    host.assert_second_pass_is_empty()?;

    for interface in ["enp1s0".to_owned(), representor_of(&host, 2)?] {
        let end = host.journal_end()?;
        host.run(&format!("ethtool -K {interface} hw-tc-offload off"))?;
        host.wait_for_news(&end, "hw-tc-offload on")?;
        host.wait(&format!(
            "ethtool -k {interface} | grep -q 'hw-tc-offload: on'"
        ))?;
    }
    host.wait_for(PF, "ready", 4)?;
    host.policy("10-test.toml", &policy(REPRESENTED))?;
    host.wait_for_journal("PF hw-tc-offload off")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(offloads(&host)? == all("off"), "{}", offloads(&host)?);
    host.assert_second_pass_is_empty()?;

    // Where there are no representors.
    host.policy("10-test.toml", &policy("hw_tc_offload = true"))?;
    host.wait("ethtool -k enp1s0 | grep -q 'hw-tc-offload: on'")?;
    host.wait_for(PF, "ready", 4)?;
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait("ethtool -k enp1s0 | grep -q 'hw-tc-offload: off'")?;
    host.assert_second_pass_is_empty()
}

/// As `devlink dev param show` tells it.
fn param(host: &Host, name: &str) -> Result<String> {
    let shown = host.run(&format!(
        "devlink -j dev param show pci/{PF} name {name} | jq -r '.param[][].values[0].value'"
    ))?;
    Ok(shown.trim().to_owned())
}

#[test]
fn parameters_of_the_driver_are_set_before_the_mode_and_without_vfs_and_put_back() -> Result<()> {
    let with = |size: u32| {
        format!("{SWITCHDEV}\ndevlink = {{ flow_steering_mode = \"smfs\", table_size = {size} }}")
    };
    let host = host("true", &with(64), "ready")?;
    let reloads = || -> Result<u32> {
        let reloads = host.run("cat /sys/module/eswitch/parameters/reloads")?;
        Ok(reloads.trim().parse()?)
    };
    let set = || {
        Ok::<_, anyhow::Error>((
            param(&host, "flow_steering_mode")?,
            param(&host, "table_size")?,
        ))
    };
    ensure!(
        set()? == ("smfs".to_owned(), "64".to_owned()),
        "{:?}",
        set()?
    );
    ensure!(reloads()? == 1 && mode(&host)? == "switchdev");
    host.run("dmesg | grep -q 'started anew with table_size 64'")?;
    host.assert_second_pass_is_empty()?;
    host.run("systemctl restart sriovd")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(reloads()? == 1, "it was started anew for nothing");

    // A VF in use keeps it from being started anew.
    host.run("udevadm settle; ip netns add blue; ip link set enp1s0v2 netns blue")?;
    host.policy("10-test.toml", &policy(&with(128)))?;
    host.wait_for_journal(
        "starting the device anew for a devlink parameter destroys all VFs, and VF 2 is in use by network namespace blue",
    )?;
    host.wait_for(PF, "refused", 4)?;
    ensure!(param(&host, "table_size")? == "64" && reloads()? == 1);
    // So does an address of the PF.
    host.run("ip address add 192.0.2.1/24 dev enp1s0; ip netns del blue")?;
    host.wait_for_journal("the PF is in use by")?;
    ensure!(param(&host, "table_size")? == "64" && reloads()? == 1);
    host.run("ip address del 192.0.2.1/24 dev enp1s0")?;
    host.wait("dmesg | grep -q 'started anew with table_size 128'")?;
    host.wait_for(PF, "ready", 4)?;
    ensure!(reloads()? == 2 && mode(&host)? == "switchdev");

    // What cannot be set is told, and the rest goes on.
    let wrong = "devlink = { flow_steering_mode = \"smfs\", table_size = true, tabel_size = 1, enable_sriov = false }";
    host.policy("10-test.toml", &policy(&format!("{SWITCHDEV}\n{wrong}")))?;
    for told in [
        "devlink parameter table_size of driver igb takes a number from 0 to 4294967295, and not true",
        "driver igb has no devlink parameter tabel_size",
        "devlink parameter enable_sriov is kept in the firmware, which sriovd does not change",
    ] {
        host.wait_for_journal(told)?;
    }
    host.run("rm /etc/sriov.d/10-test.toml")?;
    host.wait_for(PF, "unmanaged", 0)?;
    host.wait("dmesg | grep -q 'started anew with table_size 32'")?;
    host.assert_second_pass_is_empty()?;
    ensure!(
        set()? == ("dmfs".to_owned(), "32".to_owned()),
        "{:?}",
        set()?
    );
    ensure!(mode(&host)? == "legacy");
    Ok(())
}
