//! The least that a program can do: wait for the kernel's word that a NIC's driver is there, then make
//! the kernel writes that sriovd makes, one after the other, for each NIC on a thread of its own. No
//! policy, no look first, no output. Its argument says how many NICs to wait for.

use anyhow::{Context, Result, anyhow};
use rustix::event::{PollFd, PollFlags, poll};
use sriovd_core::host::Host;
use sriovd_core::model::{
    Action, BindTarget, PciAddress, PfStep, Step, VfIndex, VfSetting, VfStep, Vlan, VlanProto,
};
use sriovd_host::linux::LinuxHost;
use std::path::{Path, PathBuf};
use udev::{MonitorBuilder, MonitorSocket};

const VFS: u16 = 7;

fn main() -> Result<()> {
    let monitor = MonitorBuilder::new_kernel()?
        .match_subsystem("pci")?
        .listen()?;
    println!("listening");
    let nics: usize = match std::env::args().nth(1) {
        Some(nics) => nics.parse()?,
        None => 1,
    };
    std::thread::scope(|scope| {
        let begin = |pf| scope.spawn(move || configure(pf));
        let begun: Result<Vec<_>> = (0..nics).map(|_| Ok(begin(bound_pf(&monitor)?))).collect();
        let mut all = begun?.into_iter();
        all.try_for_each(|nic| nic.join().map_err(|_| anyhow!("a panic"))?)
    })?;
    std::fs::write("/run/reference.done", "done")?;
    Ok(())
}

fn configure(pf: PciAddress) -> Result<()> {
    let host = LinuxHost::new(PathBuf::from("/"));
    let apply = |step| {
        host.apply(&Action {
            pf,
            step,
            though_in_use: false,
            seen: None,
        })
    };
    apply(Step::Pf(PfStep::SetAutoprobe { on: false }))?;
    apply(Step::Pf(PfStep::SetNumVfs { from: 0, to: VFS }))?;
    apply(Step::Pf(PfStep::SetAutoprobe { on: true }))?;
    let interface = interface_of(pf)?;
    apply(Step::Pf(PfStep::SetUp { interface }))?;
    for vf in (0..VFS).map(VfIndex) {
        let vlan = Vlan {
            id: 100,
            qos: 0,
            proto: VlanProto::Dot1q,
        };
        let settings = [
            VfSetting::Trust(true),
            VfSetting::Vlan(vlan),
            VfSetting::SpoofCheck(false),
        ];
        for setting in settings {
            apply(Step::Vf(vf, VfStep::SetAttribute { interface, setting }))?;
        }
        let address = address_of(pf, vf)?;
        apply(Step::Vf(
            vf,
            VfStep::Bind {
                address,
                from: None,
                to: BindTarget::Default,
            },
        ))?;
    }
    Ok(())
}

fn bound_pf(monitor: &MonitorSocket) -> Result<PciAddress> {
    loop {
        poll(&mut [PollFd::new(monitor, PollFlags::IN)], None)?;
        for event in monitor.iter() {
            let is_pf = event.syspath().join("sriov_totalvfs").exists();
            if is_pf && event.action() == Some("bind".as_ref()) {
                return Ok(event.sysname().to_str().context("name")?.parse()?);
            }
        }
    }
}

fn device(pf: PciAddress) -> PathBuf {
    Path::new("/sys/bus/pci/devices").join(pf.to_string())
}

fn interface_of(pf: PciAddress) -> Result<u32> {
    let mut netdevs = std::fs::read_dir(device(pf).join("net"))?;
    let netdev = netdevs.next().context("no netdev")??.path();
    Ok(std::fs::read_to_string(netdev.join("ifindex"))?
        .trim()
        .parse()?)
}

fn address_of(pf: PciAddress, vf: VfIndex) -> Result<PciAddress> {
    let link = std::fs::read_link(device(pf).join(format!("virtfn{vf}")))?;
    Ok(link
        .file_name()
        .and_then(|name| name.to_str())
        .context("link")?
        .parse()?)
}
