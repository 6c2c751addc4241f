//! NICs that are pulled while the agent is at work on them.

use crate::host::Host;
use crate::lab::{Guest, Hotplug, Nic};
use anyhow::{Context, Result, ensure};

/// The kernel's driver takes the VFs while they are made, which then takes more than a second.
const KERNEL_DRIVER: &str = r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 7
driver_autoprobe = true
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "nics"
"#;

/// The VFs are made without a driver, then get one after the other.
const USER_DRIVER: &str = r#"
[[policy]]
name = "pool"
resource = "nics"
num_vfs = 7
device_type = "vfio-pci"
match.vendor = "8086"

[[network]]
name = "f1-u"
resource = "nics"
"#;

/// Nothing tells of the NIC any more, and nothing waits for it.
fn assert_forgotten(host: &Host, nic: &Nic) -> Result<()> {
    let pf = nic.pci();
    host.wait(&format!(
        "sriovctl status --json | jq -e '.pfs == []' \
         && ! test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -o -e /etc/pcidp/config.json \
         && ! grep -q {pf} /run/sriovd/state.json \
         && jq -e '.pfs // {{}} | length == 0' /var/lib/sriovd/state.json \
         && ! test -e /run/sriovd/managed/{pf}"
    ))?;
    // An answer to this needs a pass that is not stuck.
    host.run("timeout 20 sriovctl apply")?;
    Ok(())
}

fn pull_while_vfs_are_made(host: &Host, pull: impl Fn(&Nic) -> Result<()>) -> Result<()> {
    host.policy("10-test.toml", KERNEL_DRIVER)?;
    let nic = host.plug(Nic::igb(0))?;
    let made = |vf: u8| format!("[ -e /sys/bus/pci/devices/{}/virtfn{vf} ]", nic.pci());
    host.run(&format!("until {}; do :; done; ! {}", made(1), made(6)))
        .context("the VFs are made too fast")?;
    pull(&nic)?;
    assert_forgotten(host, &nic)
}

fn pull_while_vfs_are_bound(host: &Host, pull: impl Fn(&Nic) -> Result<()>) -> Result<()> {
    host.policy("10-test.toml", USER_DRIVER)?;
    let nic = host.plug(Nic::igb(1))?;
    let bound = |vf: u8| format!("[ -e /sys/bus/pci/drivers/vfio-pci/{} ]", nic.vf_pci(vf));
    host.run(&format!("until {}; do :; done; ! {}", bound(0), bound(6)))
        .context("the VFs are bound too fast")?;
    pull(&nic)?;
    assert_forgotten(host, &nic)
}

/// The next NIC gets all that it should have.
fn assert_goes_on(host: &Host, pulled: usize) -> Result<()> {
    let nic = host.plug(Nic::igb(2))?;
    host.wait_for(&nic.pci(), "ready", 7)?;
    host.wait("test -e /etc/cni/net.d/99-sriovd-f1-u.conflist -a -e /etc/pcidp/config.json")?;
    let journal = host.journal()?;
    ensure!(journal.matches(" is gone").count() == pulled, "{journal}");
    ensure!(!journal.contains("hung"), "{journal}");
    host.assert_second_pass_is_empty()
}

#[test]
fn nics_let_go_while_their_vfs_are_made_or_bound_leave_nothing_behind() -> Result<()> {
    let host = Host::installed()?;
    host.start()?;
    pull_while_vfs_are_made(&host, |nic| host.unplug(nic))?;
    pull_while_vfs_are_bound(&host, |nic| host.unplug(nic))?;
    assert_goes_on(&host, 2)
}

#[test]
fn a_nic_yanked_while_its_vfs_are_made_leaves_nothing_behind() -> Result<()> {
    let host = Host::from(Guest::with_sriovd(Hotplug::Native)?);
    host.start()?;
    pull_while_vfs_are_made(&host, |nic| host.yank(nic))?;
    assert_goes_on(&host, 1)
}
