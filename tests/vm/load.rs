//! More events than expected, fewer than expected, and none.

use crate::host::{Host, PATIENCE};
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";

/// So many events.
const STORM: u32 = 10_000;

const POLICY: &str = r#"
[[policy]]
name = "tagged"
resource = "tagged"
num_vfs = 3
vfs = "0-1"
vlan = 100
match.vendor = "8086"

[[policy]]
name = "user"
num_vfs = 3
vfs = "2"
device_type = "vfio-pci"
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "tagged"
"#;

#[test]
fn what_changed_while_events_were_lost_is_noticed_all_the_same() -> Result<()> {
    let host = Host::installed()?;
    host.put(
        "[limits]\nreceive_buffer = 4096\n",
        "/etc/sriovd.toml",
        0o644,
    )?;
    host.policy("10-test.toml", POLICY)?;
    host.start()?;
    let nic = host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.run("udevadm settle; sriovctl apply")?;

    // Nothing but rtnetlink tells of an attribute, and it is the last of many notifications.
    host.behind_the_agents_back(
        "for mtu in $(seq 60000 60199); do echo link set lo mtu $mtu; done | ip -batch -
         ip link set enp1s0 vf 0 vlan 7",
    )?;
    host.wait("ip link show enp1s0 | grep -q 'vf 0 .*vlan 100'")?;
    host.wait_for_journal("VF 0: vlan 100; in")?;
    ensure!(
        host.count_in_journal("[rtnetlink events were lost]")? >= 1,
        "{}",
        host.journal()?
    );
    host.wait_for_journal("rtnetlink events were lost; looking at the whole host again")?;

    // Nothing but kernel and udev tell of a driver.
    let vf = nic.vf_pci(2);
    host.behind_the_agents_back(&format!(
        "for i in $(seq 200); do echo change > /sys/bus/pci/devices/0000:00:02.0/uevent; done
             echo {vf} > /sys/bus/pci/drivers/vfio-pci/unbind"
    ))?;
    host.wait(&format!("test -e /sys/bus/pci/drivers/vfio-pci/{vf}"))?;
    for source in ["kernel", "udev"] {
        host.wait_for_journal(&format!(
            "{source} events were lost; looking at the whole host again"
        ))?;
    }
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()
}

/// How many passes began, and how many of them did something.
fn passes(host: &Host) -> Result<(usize, usize)> {
    let begun = host.count_in_journal("a pass begins")?;
    let done = "journalctl -u sriovd -o cat MESSAGE_ID=2a698c054a094f899361c5618442ae64 | wc -l";
    Ok((begun, host.run(done)?.trim().parse()?))
}

#[test]
fn nics_plugged_at_once_take_few_passes_and_an_idle_agent_sleeps() -> Result<()> {
    let host = Host::installed()?;
    host.put("log_level = \"debug\"\n", "/etc/sriovd.toml", 0o644)?;
    host.policy("10-test.toml", POLICY)?;
    host.start()?;
    let nics = [0, 1, 2, 3].map(Nic::igb);
    for nic in &nics {
        host.plug(nic.clone())?;
    }
    for nic in &nics {
        host.wait_for(&nic.pci(), "ready", 3)?;
    }
    host.run("udevadm settle; sriovctl apply")?;
    let (begun, did_something) = passes(&host)?;
    let story = || host.journal().unwrap_or_default();
    ensure!(
        did_something <= 2 * nics.len(),
        "{did_something} passes did something\n{}",
        story()
    );
    // Each has an event of its own, of which a NIC with three VFs gave 16: one that comes during a pass makes none.
    ensure!(begun <= 20 * nics.len(), "{begun} passes\n{}", story());
    // Without telling of empty passes, as usual.
    host.run_for(": > /etc/sriovd.toml; systemctl restart sriovd", PATIENCE)?;
    host.assert_second_pass_is_empty()?;

    // Threads that have nothing to do end after a while, then only the main one is there.
    host.wait("[ $(ls /proc/$(systemctl show -P MainPID sriovd)/task | wc -l) = 1 ]")?;
    let woken = host.run(
        "status=/proc/$(systemctl show -P MainPID sriovd)/status
         count() { awk '/ctxt_switches/ { sum += $2 } END { print sum }' $status; }
         before=$(count)
         for file in $(seq 50); do touch /etc/$file /var/lib/sriovd/$file; mv /etc/$file /etc/$file.new; done
         sleep 8; echo $(($(count) - before))",
    )?;
    // The watchdog is fed every 30 seconds. Files of others, and its own, are none of its business.
    ensure!(
        woken.trim().parse::<u32>()? <= 2,
        "woken {woken} times in 8 s\n{}",
        story()
    );
    Ok(())
}

#[test]
fn plugging_and_unplugging_leaves_nothing_behind_in_the_agent() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    let round = || {
        let nic = host.plug_and_wait(Nic::igb(0), PF, 3)?;
        host.unplug(&nic)?;
        host.wait("sriovctl status --json | jq -e '.pfs == []' && ! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist")?;
        host.footprint()
    };
    // What is kept once is there after the first rounds.
    round()?;
    let before = round()?;
    for _ in 0..4 {
        round()?;
    }
    host.wait_until_no_larger_than(&before)?;
    host.assert_second_pass_is_empty()
}

/// So many events about the PF and its VFs, by turns, and a change by hand among them; then as udev tells of all of them,
/// and of everything else.
fn storm(host: &Host) -> Result<()> {
    // udev, which needs far longer for an event than the agent does, would be at it for minutes.
    let udev = "systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-udevd";
    host.run(&format!("systemctl stop {udev}"))?;
    let end = host.journal_end()?;
    host.run_for(
        &format!(
            "cd /sys/bus/pci/devices/{PF}
             i=0
             while [ $i -lt {STORM} ]; do
               for device in . virtfn0 virtfn1 virtfn2 net/enp1s0; do echo change > $device/uevent; done
               i=$((i + 5))
             done"
        ),
        PATIENCE,
    )?;
    host.run("ip link set enp1s0 vf 0 vlan 7")?;
    host.wait_for_vf("enp1s0", 0, ".vlan_list[0].vlan == 100")?;
    host.run("sriovctl apply")?;
    let said = host.journal_after(&end)?;
    ensure!(said.lines().count() == 1, "{said}");
    host.run(&format!(
        "systemctl start {udev}; udevadm trigger --settle; udevadm trigger --action=add --settle"
    ))?;
    host.run("sriovctl apply")?;
    // What threads have of their own goes with them.
    host.wait("[ $(ls /proc/$(systemctl show -P MainPID sriovd)/task | wc -l) = 1 ]")
}

/// What its allocator keeps for the next storm is there after the first: one more like it must not make the agent larger.
#[test]
fn a_storm_of_events_is_weathered_without_growing() -> Result<()> {
    let host = Host::with_policy(POLICY)?;
    host.plug_and_wait(Nic::igb(0), PF, 3)?;
    host.run("udevadm settle; sriovctl apply")?;
    storm(&host)?;
    let before = host.footprint()?;
    storm(&host)?;
    host.wait_until_no_larger_than(&before)?;
    host.wait_for(PF, "ready", 3)?;
    host.assert_second_pass_is_empty()
}
