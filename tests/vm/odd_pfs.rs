//! PFs whose interface is not the one beside the function: there is none, it is elsewhere, or there are several.

use crate::host::Host;
use crate::lab::Nic;
use anyhow::{Result, ensure};

const PF: &str = "0000:01:00.0";
const SYS: &str = "/sys/bus/pci/devices/0000:01:00.0";

fn policy(num_vfs: u16, more: &str) -> String {
    format!(
        "[[policy]]\nname = \"p\"\nresource = \"nics\"\nnum_vfs = {num_vfs}\n{more}\n\
         match.pci_address = \"{PF}\"\n"
    )
}

#[test]
fn a_pf_whose_driver_makes_no_interface_has_its_vfs_and_what_needs_one_is_told() -> Result<()> {
    let host = Host::running()?;
    host.plug_and_wait_until_unmanaged(Nic::igb(0), PF)?;
    host.wait_for_netdev("enp1s0")?;
    host.run(&format!(
        "modprobe -a pci_pf_stub vfio_pci
         echo pci-pf-stub > {SYS}/driver_override
         echo {PF} > {SYS}/driver/unbind && echo {PF} > /sys/bus/pci/drivers_probe"
    ))?;
    assert_eq!(host.driver(PF)?, "pci-pf-stub");
    host.policy("10-test.toml", &policy(3, "device_type = \"vfio-pci\""))?;
    host.wait_for(PF, "ready", 3)?;
    for vf in 0..3 {
        assert_eq!(host.driver(&host.vf_address(PF, vf)?)?, "vfio-pci");
    }
    host.assert_second_pass_is_empty()?;

    host.policy(
        "10-test.toml",
        &policy(3, "device_type = \"vfio-pci\"\nvlan = 100"),
    )?;
    let told = "network interface, and pci-pf-stub has made none";
    host.wait_for_journal(told)?;
    host.wait_for(PF, "ready", 3)?;
    host.run("sriovctl apply")?;
    host.assert_second_pass_is_empty()?;
    ensure!(host.count_in_journal(told)? == 1, "{}", host.journal()?);
    assert_eq!(host.num_vfs(&Nic::igb(0))?, 3);
    // They go with the policy, and come back under a driver that makes an interface.
    host.run("mv /etc/sriov.d/10-test.toml /run")?;
    host.wait_for(PF, "unmanaged", 0)?;
    assert_eq!(host.num_vfs(&Nic::igb(0))?, 0);
    host.run(&format!(
        "echo > {SYS}/driver_override
         echo {PF} > {SYS}/driver/unbind && echo {PF} > /sys/bus/pci/drivers_probe
         mv /run/10-test.toml /etc/sriov.d"
    ))?;
    host.wait_for(PF, "ready", 3)?;
    host.wait_for_vf("enp1s0", 2, ".vlan_list[0].vlan == 100")?;
    host.assert_second_pass_is_empty()
}

#[test]
fn a_pf_whose_interface_is_in_another_namespace_is_told_as_that_and_goes_on_when_it_is_back()
-> Result<()> {
    let host = Host::with_policy(&policy(2, "vlan = 100"))?;
    host.plug_and_wait(Nic::igb(0), PF, 2)?;
    let vfs = host.vf_interfaces(PF)?;
    let elsewhere = "its network interface is in another network namespace";
    host.run("ip netns add blue && ip link set enp1s0 netns blue")?;
    host.wait(&format!("sriovctl status | grep -qF -- '{elsewhere}'"))?;
    host.policy("10-test.toml", &policy(3, "vlan = 200"))?;
    host.run("systemctl restart sriovd; sriovctl reload")?;
    host.wait(&format!("sriovctl status | grep -qF -- '{elsewhere}'"))?;
    ensure!(host.vf_interfaces(PF)? == vfs, "{}", host.journal()?);
    let status = host.status(PF)?;
    ensure!(status["state"] == "changing", "{status}");

    host.run("ip netns delete blue")?;
    host.wait_for(PF, "ready", 3)?;
    host.wait_for_vf("enp1s0", 2, ".vlan_list[0].vlan == 200")?;
    host.assert_second_pass_is_empty()
}

/// One function with two ports, as ConnectX-3 has them, on a host that is made up; the interfaces are there. The second
/// port's has the smaller index, as after its way through a container.
const TWO_PORTS: &str = r#"
set -e
root=/run/made-up
mkdir -p $root/sys/bus/pci/{drivers/mlx4_core,devices} $root/etc/sriov.d
device=$root/sys/devices/pci0000:00/0000:01:00.0
mkdir -p $device/net/eth2 $device/net/eth3
ln -s ../../../devices/pci0000:00/0000:01:00.0 -t $root/sys/bus/pci/devices
ln -s ../../../bus/pci/drivers/mlx4_core $device/driver
for file in class=0x020000 vendor=0x15b3 device=0x1003 numa_node=0 enable=0 'driver_override=(null)' \
    sriov_totalvfs=8 sriov_numvfs=0 sriov_drivers_autoprobe=1; do
  echo "${file#*=}" > $device/${file%%=*}
done
port() {
  for file in ifindex=$2 dev_port=$3 mtu=1500 flags=0x1002 address=3c:fd:fe:00:00:1$3; do
    echo ${file#*=} > $device/net/$1/${file%%=*}
  done
  ip -n made-up link add $1 index $2 type dummy
}
ip netns add made-up
port eth2 8 0
port eth3 7 1
"#;

#[test]
fn a_function_with_two_ports_goes_by_the_names_of_both_and_a_representor_is_no_port() -> Result<()>
{
    let host = Host::installed()?;
    host.run(&format!("bash -c '{}'", TWO_PORTS.replace('\'', "'\\''")))?;
    let told = |command: &str| -> Result<String> {
        // `plan` says by its status that there is something to do.
        let script = format!("ip netns exec made-up sriovctl --root /run/made-up {command}");
        Ok(host.try_run(&script)?.to_string())
    };
    for name in ["eth2", "eth3"] {
        let policy = "[[policy]]\nname = \"p\"\nresource = \"r\"\nnum_vfs = 2\n";
        host.put(
            format!("{policy}match.pf_name = \"{name}\"\n"),
            "/run/made-up/etc/sriov.d/10.toml",
            0o644,
        )?;
        let (list, plan) = (told("list")?, told("plan")?);
        ensure!(list.contains("eth2") && !list.contains("eth3"), "{list}");
        ensure!(plan.contains("numvfs 0 -> 2"), "{name}: {plan}");
    }

    // In switchdev mode, with the PF's own interface in another namespace.
    host.run(
        "cd /run/made-up/sys/bus/pci/devices/0000:01:00.0/net &&
         rm -r eth2 && echo pf0vf0 > eth3/phys_port_name",
    )?;
    let (list, plan) = (told("list")?, told("plan")?);
    ensure!(!list.contains("eth"), "{list}");
    ensure!(
        plan.contains("in another network namespace") && !plan.contains("numvfs 0"),
        "{plan}"
    );
    Ok(())
}
