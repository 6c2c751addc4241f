//! Doing one step. No decisions here: a step says everything.

use super::bind::bind;
use super::holders::lock_and_allocation;
use super::links::Links;
use super::observe::{holders_of, observe};
use super::paths::{device, vf_indexes, virtfn};
use super::user_space;
use crate::netlink::{self, Netlink, NetlinkError};
use crate::ovsdb::Ovsdb;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::{HostError, Look};
use sriovd_core::model::{
    Action, Errno, EswitchMode, Holder, PciAddress, PfStep, Step, VfIndex, VfSetting, VfStep,
};
use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

pub(super) fn apply(tree: &Tree, action: &Action) -> Result<(), HostError> {
    let pf = action.pf;
    match &action.step {
        Step::Pf(PfStep::SetAutoprobe { on }) => {
            let value = if *on { "1" } else { "0" };
            tree.write(device(pf).join("sriov_drivers_autoprobe"), value)
        }
        Step::Pf(PfStep::SetNumVfs { to, .. }) => {
            with_links(|links| set_num_vfs(tree, links, action, *to))
        }
        Step::Pf(PfStep::SetEswitchMode { to, .. }) => set_eswitch_mode(tree, pf, *to),
        Step::Pf(PfStep::SetDevlinkParam {
            name,
            kind,
            mode,
            to,
        }) => {
            let what = format!("setting devlink parameter {name} to {to}");
            let result = netlink::set_param(&pf.into(), name, *kind, *mode, to);
            result.map_err(|error| of_devlink(pf, error, what))
        }
        Step::Pf(PfStep::ReloadDevlink) => {
            let what = "starting the device anew".to_owned();
            await_no_vfs(tree, pf, &what)?;
            netlink::reload(&pf.into()).map_err(|error| of_devlink(pf, error, what))
        }
        Step::Pf(PfStep::SetTcOffload { interface, on })
        | Step::Vf(_, VfStep::SetRepresentorTcOffload { interface, on }) => {
            set_tc_offload(*interface, *on)
        }
        Step::Pf(PfStep::SetBridge(change)) => Ovsdb::of(tree).set_bridge(pf, change),
        Step::Pf(PfStep::RemoveBridge { name }) => Ovsdb::of(tree).remove_bridge(pf, name),
        Step::Pf(PfStep::SetUp { interface }) => {
            let what = "setting the PF up".to_owned();
            ask(tree, &device(pf), *interface, what, |netlink| {
                netlink.set_up(*interface)
            })
        }
        Step::Pf(PfStep::SetDown { interface }) => {
            let what = "setting the PF down".to_owned();
            ask(tree, &device(pf), *interface, what, |netlink| {
                netlink.set_down(*interface)
            })
        }
        Step::Pf(PfStep::SetMtu { interface, mtu }) => {
            let what = format!("setting MTU {mtu} of the PF");
            ask(tree, &device(pf), *interface, what, |netlink| {
                netlink.set_mtu(*interface, *mtu)
            })
        }
        Step::Vf(vf, VfStep::SetAttribute { interface, setting }) => {
            let _lock = lock_by_index(tree, action, *vf)?;
            set_vf(tree, pf, *interface, *vf, *setting)
        }
        Step::Vf(vf, VfStep::Bind { address, from, to }) => {
            let _lock = lock_free(tree, action, *vf, *address)?;
            // Without a driver nobody uses it.
            if tree.exists(device(*address).join("driver"))? {
                with_links(|links| still_free(tree, links, action, Some(*vf)))?;
            }
            bind(tree, *vf, *address, from.as_ref(), to, action.seen.as_ref())
        }
        Step::Vf(_, VfStep::SetRepresentorUp { interface }) => {
            let what = "setting the representor up".to_owned();
            ask(tree, &device(pf), *interface, what, |netlink| {
                netlink.set_up(*interface)
            })
        }
        Step::Vf(_, VfStep::SetRepresentorMtu { interface, mtu }) => {
            let what = format!("setting MTU {mtu} of the representor");
            ask(tree, &device(pf), *interface, what, |netlink| {
                netlink.set_mtu(*interface, *mtu)
            })
        }
        Step::Vf(vf, VfStep::SetMtu { interface, mtu }) => {
            let _lock = lock_by_index(tree, action, *vf)?;
            let what = format!("setting MTU {mtu}");
            ask(
                tree,
                &virtfn(&device(pf), *vf),
                *interface,
                what,
                |netlink| netlink.set_mtu(*interface, *mtu),
            )
        }
    }
}

fn with_links(work: impl FnOnce(&mut dyn Links) -> Result<(), HostError>) -> Result<(), HostError> {
    netlink::with_kept(|links: &mut Netlink| work(links))
        .map_err(|error| error.while_doing("opening netlink".to_owned()))?
}

/// For those who hold the VF's lock.
pub(super) fn set_vf(
    tree: &Tree,
    pf: PciAddress,
    interface: u32,
    vf: VfIndex,
    setting: VfSetting,
) -> Result<(), HostError> {
    let what = format!("setting {setting}");
    ask(tree, &device(pf), interface, what, |netlink| {
        netlink.set_vf(interface, vf, setting)
    })
}

fn lock_by_index(tree: &Tree, action: &Action, vf: VfIndex) -> Result<Option<File>, HostError> {
    lock_free(
        tree,
        action,
        vf,
        tree.link_as(virtfn(&device(action.pf), vf))?,
    )
}

/// Under the lock no plugin allocates a VF, and before it one may just have done so.
fn lock_free(
    tree: &Tree,
    action: &Action,
    vf: VfIndex,
    address: PciAddress,
) -> Result<Option<File>, HostError> {
    let (lock, allocation) = lock_and_allocation(tree, action, vf, address)?;
    if allocation.is_some() {
        let what = format!("VF {vf} ({address})");
        return Err(HostError::Allocated { what });
    }
    Ok(lock)
}

/// A round of many steps takes long, and meanwhile somebody may have taken a VF that nobody used when
/// it was looked at. `concerned`: one VF, or all.
pub(super) fn still_free(
    tree: &Tree,
    links: &mut dyn Links,
    action: &Action,
    concerned: Option<VfIndex>,
) -> Result<(), HostError> {
    if action.though_in_use {
        return Ok(());
    }
    let found = match concerned {
        Some(vf) => {
            let by = holders_of(tree, links, action.pf, vf)?.into_iter().next();
            by.map(|by| (vf, by))
        }
        None => first_holder(tree, links, action.pf)?,
    };
    match found {
        None => Ok(()),
        Some((vf, by)) => Err(HostError::InUse {
            vf,
            by: Box::new(by),
        }),
    }
}

/// One of those who use the VFs. VFIO groups are asked only where nothing else tells of a user, and
/// none after one that is open.
fn first_holder(
    tree: &Tree,
    links: &mut dyn Links,
    pf: PciAddress,
) -> Result<Option<(VfIndex, Holder)>, HostError> {
    let seen = observe(tree, links, pf, Look::WithHolders)?;
    // What was not looked for may be there.
    let gone = || HostError::Gone {
        what: format!("PF {pf}"),
    };
    let seen = seen.ok_or_else(gone)?;
    let held = seen.holders.ok_or_else(gone)?;
    let mut held = held.into_iter();
    let told = held.find_map(|(vf, by)| Some((vf, by.into_iter().next()?)));
    if told.is_some() {
        return Ok(told);
    }
    for (&index, vf) in &seen.vfs {
        if let Some(by) = user_space::open_group(tree, vf)? {
            return Ok(Some((index, by)));
        }
    }
    Ok(None)
}

pub(super) fn set_num_vfs(
    tree: &Tree,
    links: &mut dyn Links,
    action: &Action,
    to: u16,
) -> Result<(), HostError> {
    let pf = action.pf;
    let leaving = if to == 0 {
        vf_indexes(tree, &device(pf))?
    } else {
        BTreeSet::new()
    };
    let leaving = leaving.into_iter();
    let locks: Result<Vec<_>, _> = leaving
        .map(|vf| if_present(lock_by_index(tree, action, vf)))
        .collect();
    let _locks = locks?;
    if to == 0 {
        still_free(tree, links, action, None)?;
    }
    let path = device(pf).join("sriov_numvfs");
    tree.write(&path, &to.to_string())
        .map_err(|error| match error {
            HostError::Kernel { what, errno, .. } => HostError::Kernel {
                what,
                errno,
                detail: why_not(errno).map(str::to_owned),
            },
            other => other,
        })?;
    // Some drivers make fewer VFs than asked for, or none, and the write succeeds.
    let there = vf_indexes(tree, &device(pf))?.len();
    if there == usize::from(to) {
        return Ok(());
    }
    Err(HostError::NoEffect {
        what: format!("setting numvfs to {to}"),
        found: format!("the number of VFs is {there}"),
    })
}

/// Some drivers take it under VFs, which lose their traffic then.
fn set_eswitch_mode(tree: &Tree, pf: PciAddress, mode: EswitchMode) -> Result<(), HostError> {
    let what = format!("setting eSwitch mode {mode}");
    await_no_vfs(tree, pf, &what)?;
    netlink::set_eswitch_mode(&pf.into(), mode).map_err(|error| of_devlink(pf, error, what))
}

fn await_no_vfs(tree: &Tree, pf: PciAddress, what: &str) -> Result<(), HostError> {
    if vf_indexes(tree, &device(pf))?.is_empty() {
        return Ok(());
    }
    Err(HostError::Kernel {
        what: what.to_owned(),
        errno: Errno::BUSY,
        detail: Some("VFs have just been made".to_owned()),
    })
}

fn of_devlink(pf: PciAddress, error: NetlinkError, what: String) -> HostError {
    match error.errno() {
        Some(Errno::NODEV) => HostError::Gone {
            what: format!("PF {pf}"),
        },
        _ => error.while_doing(what),
    }
}

/// The kernel answers success where the driver leaves it as it is.
fn set_tc_offload(interface: u32, on: bool) -> Result<(), HostError> {
    let what = || format!("setting hw-tc-offload to {on}");
    netlink::set_tc_offload(interface, on).map_err(|error| match error.errno() {
        Some(Errno::NODEV) => HostError::Gone {
            what: format!("interface {interface}"),
        },
        _ => error.while_doing(what()),
    })?;
    let is = netlink::tc_offload(interface).map_err(|error| error.while_doing(what()))?;
    match is.and_then(|offload| offload.on) {
        Some(is) if is != on => Err(HostError::NoEffect {
            what: what(),
            found: format!("it is {is}"),
        }),
        _ => Ok(()),
    }
}

/// What the error numbers of `sriov_numvfs` mean; the kernel says more in its log only.
fn why_not(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::RANGE => "more than the device offers",
        Errno::BUSY => "VFs are there already, or the device is being reset",
        Errno::AGAIN => "the device is being reset",
        Errno::NOENT => "no driver is bound to the PF, or it cannot make VFs",
        Errno::NOMEM => "not enough PCI memory or bus numbers; see the firmware's SR-IOV setting",
        Errno::PERM => "the driver does not allow it now; see the kernel log",
        Errno::OPNOTSUPP => "the driver is in a mode without VFs",
        _ => return None,
    })
}

/// `device` is the one whose driver has to do it.
fn ask(
    tree: &Tree,
    device: &Path,
    interface: u32,
    what: String,
    request: impl FnOnce(&mut Netlink) -> Result<(), NetlinkError>,
) -> Result<(), HostError> {
    let Err(error) = netlink::with_kept(request).and_then(|it| it) else {
        return Ok(());
    };
    Err(match error.errno() {
        Some(Errno::NODEV) => HostError::Gone {
            what: format!("interface {interface}"),
        },
        Some(Errno::OPNOTSUPP | Errno::PROTONOSUPPORT) => HostError::Unsupported {
            driver: if_present(tree.link(device.join("driver")))?
                .map_or("none".to_owned(), |driver| {
                    driver.to_string_lossy().into_owned()
                }),
        },
        _ => error.while_doing(what),
    })
}

#[cfg(test)]
mod tests;
