//! The lab keeps its promises: every kind of hardware the other scenarios build on is there and does what it should.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::lab::{Files, Guest, Nic, PowerOn};

#[test]
fn a_resumed_guest_runs_commands() -> Result<()> {
    let guest = Guest::resume()?;
    assert_eq!(guest.run("echo hello")?, "hello\n");

    let output = guest.try_run("echo out; echo err >&2; exit 3")?;
    assert_eq!(
        (
            output.status,
            output.stdout.as_str(),
            output.stderr.as_str()
        ),
        (3, "out\n", "err\n")
    );

    let error = guest.run("echo why >&2; false").unwrap_err().to_string();
    assert!(
        error.contains("why") && error.contains("status 1"),
        "{error}"
    );

    let state = guest.run("systemctl is-system-running")?;
    assert_eq!(
        state.trim(),
        "running",
        "{}",
        guest.run("systemctl --failed")?
    );
    Ok(())
}

#[test]
fn its_clock_is_right() -> Result<()> {
    let guest = Guest::resume()?;
    let now = || -> Result<f64> { Ok(guest.run("date +%s.%N")?.trim().parse()?) };
    let host = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let difference = now()? - host.as_secs_f64();
    assert!(difference.abs() < 5.0, "{difference} s");
    Ok(())
}

#[test]
fn jobs_run_side_by_side_and_can_be_killed() -> Result<()> {
    let guest = Guest::resume()?;
    let mut slow = guest.spawn("echo started; sleep 600; echo never")?;
    slow.wait_for("started", Duration::from_secs(60))?;
    assert_eq!(guest.run("pgrep -x sleep | wc -l")?.trim(), "1");
    slow.kill();
    guest.wait_until("! pgrep -x sleep", Duration::from_secs(60))?;

    let error = guest.try_run_for("echo begun; sleep 600", Duration::from_secs(2));
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("out of time") && error.contains("begun"),
        "{error}"
    );
    Ok(())
}

#[test]
fn files_go_in_and_out_unharmed() -> Result<()> {
    let guest = Guest::resume()?;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n ^ (n >> 8)) as u8).collect();
    guest.put(&bytes, "/var/tmp/some/where/file", 0o640)?;
    assert_eq!(
        guest.run("stat -c %a /var/tmp/some/where/file")?.trim(),
        "640"
    );
    ensure!(
        guest.get("/var/tmp/some/where/file")? == bytes,
        "the bytes changed"
    );
    assert!(guest.get("/no/such/file").is_err());
    Ok(())
}

#[test]
fn an_igb_is_plugged_given_vfs_pulled_and_plugged_elsewhere() -> Result<()> {
    let guest = Guest::resume()?;
    let nic = guest.plug(Nic::igb(0).mac("52:54:00:00:01:00"))?;
    guest.wait_for_netdev(&nic.netdev())?;
    guest.run(&format!(
        "echo 7 > /sys/bus/pci/devices/{}/sriov_numvfs",
        nic.pci()
    ))?;
    guest.wait_for_netdev(&nic.vf_netdev(6))?;
    let vfs = guest.run(&format!(
        "ip -j link show {} | jq '.[0].vfinfo_list | length'",
        nic.netdev()
    ))?;
    assert_eq!(vfs.trim(), "7");
    let driver = guest.run(&format!(
        "readlink /sys/bus/pci/devices/{}/driver",
        nic.vf_pci(6)
    ))?;
    assert!(driver.ends_with("/igbvf\n"), "{driver}");

    guest.unplug(&nic)?;
    guest.wait_until_gone(&nic.pci())?;
    guest.run(&format!("! ip link show {}", nic.netdev()))?;

    let nic = guest.plug(Nic::igb(5))?;
    guest.wait_for_netdev(&nic.netdev())?;
    let address = guest.run(&format!("cat /sys/class/net/{}/address", nic.netdev()))?;
    assert_eq!(address.trim(), "52:54:00:00:05:00");
    Ok(())
}

#[test]
fn an_igb_is_yanked() -> Result<()> {
    let guest = Guest::resume_with_native_hotplug()?;
    let nic = guest.plug(Nic::igb(0))?;
    guest.wait_for_netdev(&nic.netdev())?;
    guest.run(&format!(
        "echo 7 > /sys/bus/pci/devices/{}/sriov_numvfs",
        nic.pci()
    ))?;
    guest.wait_for_netdev(&nic.vf_netdev(6))?;

    guest.yank(&nic)?;
    guest.wait_until_gone(&nic.vf_pci(0))?;
    guest.wait_until_gone(&nic.pci())?;

    let nic = guest.plug(Nic::igb(1))?;
    guest.wait_for_netdev(&nic.netdev())
}

#[test]
fn its_cable_can_be_pulled() -> Result<()> {
    let guest = Guest::resume()?;
    let nic = guest.plug(Nic::igb(0))?;
    guest.wait_for_netdev("enp1s0")?;
    let carrier = |up: u8| {
        let condition = format!("[ \"$(cat /sys/class/net/enp1s0/carrier)\" = {up} ]");
        guest.wait_until(&condition, Duration::from_secs(60))
    };
    guest.run("ip link set enp1s0 up")?;
    carrier(1)?;
    guest.set_link(&nic, false)?;
    carrier(0)?;
    guest.set_link(&nic, true)?;
    carrier(1)
}

#[test]
fn a_vf_goes_to_vfio() -> Result<()> {
    let guest = Guest::resume()?;
    let nic = guest.plug(Nic::igb(0))?;
    guest.wait_for_netdev(&nic.netdev())?;
    guest.run(&format!(
        "set -e; cd /sys/bus/pci/devices
         echo 0 > {pf}/sriov_drivers_autoprobe; echo 2 > {pf}/sriov_numvfs; modprobe vfio-pci
         echo vfio-pci > {vf}/driver_override; echo {vf} > /sys/bus/pci/drivers_probe
         udevadm wait --timeout=55 /dev/vfio/$(basename $(readlink {vf}/iommu_group))",
        pf = nic.pci(),
        vf = nic.vf_pci(1),
    ))?;
    Ok(())
}

#[test]
fn a_virtio_pf_has_63_vfs() -> Result<()> {
    let guest = Guest::resume()?;
    let nic = guest.plug(Nic::virtio(1, 63))?;
    guest.wait_for_netdev(&nic.netdev())?;
    guest.run(&format!(
        "set -e; cd /sys/bus/pci/devices/{}; [ \"$(cat sriov_totalvfs)\" = 63 ]
         echo 0 > sriov_drivers_autoprobe; echo 63 > sriov_numvfs; [ -e virtfn62 ]",
        nic.pci()
    ))?;
    guest.run(&format!("[ -e /sys/bus/pci/devices/{} ]", nic.vf_pci(62)))?;

    guest.unplug(&nic)?;
    guest.wait_until_gone(&nic.pci())?;
    let nic = guest.plug(nic)?;
    guest.wait_for_netdev(&nic.netdev())?;
    let total = guest.run(&format!(
        "cat /sys/bus/pci/devices/{}/sriov_totalvfs",
        nic.pci()
    ))?;
    assert_eq!(total.trim(), "63");
    Ok(())
}

#[test]
fn an_sriov_device_that_is_no_nic_can_be_plugged() -> Result<()> {
    let guest = Guest::resume()?;
    let nvme = guest.plug_nvme()?;
    let driver = format!("/sys/bus/pci/devices/{nvme}/driver");
    guest.wait_until(&format!("[ -e {driver} ]"), Duration::from_secs(60))?;
    let found = guest.run(&format!(
        "cd /sys/bus/pci/devices/{nvme}; cat class sriov_totalvfs; basename $(readlink driver)"
    ))?;
    assert_eq!(found, "0x010802\n4\nnvme\n");
    Ok(())
}

#[test]
fn netdevsim_has_400_vfs() -> Result<()> {
    let guest = Guest::resume()?;
    let pf = guest.load_netdevsim(400)?;
    guest.run(&format!(
        "set -e; [ \"$(cat /sys/bus/netdevsim/devices/netdevsim1/sriov_numvfs)\" = 400 ]
         ip link set {pf} vf 399 mac 02:00:00:00:01:8f vlan 7 qos 3 proto 802.1ad trust on"
    ))?;
    Ok(())
}

#[test]
fn nics_and_files_can_be_there_at_power_on() -> Result<()> {
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'ls /sys/bus/pci/devices >/run/seen'\n\
                [Install]\nWantedBy=sysinit.target\n";
    let mut files = Files::sriovd()?;
    files.add(unit, "/etc/systemd/system/look.service", 0o644)?;
    files.prepare("systemctl enable look.service");
    let nic = Nic::igb(2);
    let guest = PowerOn::new().nic(nic.clone()).files(&files).boot()?;
    guest.run("command -v sriovd")?;
    assert!(guest.run("cat /run/seen")?.contains(&nic.pci()));
    guest.run(&format!("ip link show {}", nic.netdev()))?;
    guest.unplug(&nic)
}

#[test]
fn a_dead_guest_says_why() -> Result<()> {
    let guest = Guest::resume()?;
    guest.qmp("quit", serde_json::json!({}))?;
    let error = guest.run("true").unwrap_err().to_string();
    assert!(error.contains("QEMU ended (exit status: 0)"), "{error}");
    assert!(error.contains("the guest's console:"), "{error}");
    Ok(())
}
