//! VFs that come back from a container where something is in the way of their names.

use crate::attachment::{Attachment, but, records};
use crate::containers::{POLICY, RECORDS, as_they_are};
use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

const LOG: &str = "/run/told.log";

fn ready() -> Result<(Host, Nic)> {
    let host = Host::with_plugins(POLICY)?;
    let nic = host.plug_and_wait(Nic::igb(0), "0000:01:00.0", 3)?;
    host.wait("jq -e '.status.interfaces[0].Vfs | length == 3' /run/sriovd/state.json")?;
    for vf in 0..3 {
        host.wait_for_netdev(&nic.vf_netdev(vf))?;
    }
    Ok((host, nic))
}

fn of_first_vf(nic: &Nic) -> Value {
    but(
        "1.0.0",
        &json!({"deviceID": nic.vf_pci(0), "logFile": LOG, "ipam": {}}),
    )
}

#[test]
fn a_vf_comes_back_at_once_whatever_has_its_name() -> Result<()> {
    let (host, nic) = ready()?;
    let before = as_they_are(&host, &nic)?;
    let own = nic.vf_netdev(0);
    let device = format!("/sys/bus/pci/devices/{}", nic.vf_pci(0));
    for (taken, freed, told) in [
        // As by udev in a privileged container.
        (
            format!("ip -n box link property add dev net1 altname {own}"),
            "true".to_owned(),
            None,
        ),
        (
            format!("ip link add {own} type dummy"),
            format!("ip link delete {own}"),
            Some(own.as_str()),
        ),
        (
            format!("ip link add other type dummy && ip link property add dev other altname {own}"),
            "ip link delete other".to_owned(),
            Some("other"),
        ),
        // Not only the name that it shall have.
        (
            "ip -n box link property add dev net1 altname spare && ip link add spare type dummy"
                .to_owned(),
            "ip link delete spare".to_owned(),
            None,
        ),
        (
            format!("ip link add net1 type dummy && ip link add {own} type dummy"),
            format!("ip link delete net1 && ip link delete {own}"),
            Some(own.as_str()),
        ),
    ] {
        let container = Attachment::new(&host, "box", of_first_vf(&nic))?;
        container.add()?;
        host.run(&format!("{taken} && echo > {LOG}"))?;
        container.del().context(taken.clone())?;
        assert_eq!(records(&host)?, "", "{taken}");
        host.run("ip netns delete box && udevadm settle")?;
        let name = host.run(&format!("ls {device}/net"))?;
        let log = host.run(&format!("cat {LOG}"))?;
        if let Some(other) = told {
            let says = format!("the interface is called sriov0 now: {other} has its name {own}");
            ensure!(
                name.trim() == "sriov0" && log.contains(&says),
                "{name}{log}"
            );
        } else {
            ensure!(name.trim() == own && !log.contains("called"), "{name}{log}");
        }
        host.run(&freed)?;
        if told.is_some() {
            host.run(&format!("ip link set sriov0 name {own}"))?;
        }
        host.wait_for(&nic.pci(), "ready", 3)?;
        assert_eq!(as_they_are(&host, &nic)?, before, "{taken}");
    }

    // The name that a container asks for may be one that the VF has.
    host.run(&format!("ip link property add dev {own} altname net1"))?;
    let container = Attachment::new(&host, "box", of_first_vf(&nic))?;
    container.add()?;
    container.del()?;
    assert_eq!(as_they_are(&host, &nic)?, before);
    host.assert_second_pass_is_empty()
}

#[test]
fn a_vf_that_udev_had_not_named_has_its_name_when_it_is_back() -> Result<()> {
    let (host, nic) = ready()?;
    let before = as_they_are(&host, &nic)?;
    let device = format!("/sys/bus/pci/devices/{}", nic.vf_pci(0));
    for del in [true, false] {
        host.run(&format!(
            "systemctl stop systemd-udevd-control.socket systemd-udevd-kernel.socket systemd-udevd
             driver=$(readlink -f {device}/driver)
             echo {0} > $driver/unbind; echo {0} > $driver/bind",
            nic.vf_pci(0)
        ))?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        let container = Attachment::new(&host, "box", of_first_vf(&nic))?;
        assert_eq!(host.run(&format!("ls {device}/net"))?.trim(), "eth0");
        container.add()?;
        // By then another has the kernel's name.
        host.run("ip link add eth0 type dummy && systemctl start systemd-udevd")?;
        if del {
            container.del()?;
        }
        host.run("ip netns delete box")?;
        host.wait_for_netdev(&nic.vf_netdev(0))?;
        host.wait(&format!("[ -z \"$(ls -p {RECORDS} | grep -v /)\" ]"))?;
        host.wait_for(&nic.pci(), "ready", 3)?;
        host.run("ip link delete eth0")?;
        assert_eq!(as_they_are(&host, &nic)?, before);
    }
    host.assert_second_pass_is_empty()
}
