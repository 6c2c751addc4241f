//! Allocating a VF: the steps, and undoing them when one of them fails.

use super::allocator::Life;
use super::choose::{candidates, name};
use super::naming::opening;
use super::pools::PoolVf;
use super::records::Record;
use super::release::release_locked;
use super::stale::{collect_locked, collect_vf};
use super::{
    Allocated, AllocatedInterface, Allocator, AttachError, Choice, Held, Request, inside, lock,
    naming,
};
use sriovd_core::host::{Host as _, HostError, Look};
use sriovd_core::model::allocation::changes;
use sriovd_core::model::{
    Allocation, Errno, Holder, MacAddress, PfSnapshot, VfSettings, VfSnapshot,
};
use sriovd_host::namespace::Namespace;
use sriovd_host::netlink::{Netlink, NetlinkError};
use std::fs::File;
use std::os::fd::AsFd as _;
use std::time::{SystemTime, UNIX_EPOCH};

enum Try {
    Allocated(Box<Allocated>),
    /// Why it is not free.
    Held(String),
}

/// Whether there is a VF to allocate. Nothing is changed.
pub fn has_free(
    allocator: &Allocator,
    choice: &Choice,
    userspace: bool,
) -> Result<(), AttachError> {
    let mut held = Held::default();
    for vf in candidates(allocator, choice, None)? {
        if let Some(why) = surely_held(allocator, &vf)? {
            held.0.push((name(&vf), why));
            continue;
        }
        let is_its_own = |by: &Holder| is_for_pod(choice, None, by);
        match look_at(allocator, &vf, userspace, is_its_own)? {
            Ok(_) => return Ok(()),
            Err(why) => held.0.push((name(&vf), why)),
        }
    }
    Err(none_free(choice, held))
}

/// The VF stays allocated unless it is given to `undo`.
pub fn allocate(allocator: &Allocator, request: &Request) -> Result<Allocated, AttachError> {
    let container = &request.container;
    // Before anything is touched: it is what callers get wrong.
    Namespace::open(&container.namespace)?;
    let interface = container.interface.as_str();
    for had in allocator.find_all(&container.id, interface)? {
        if allocator.life(&had)? == Life::Lives {
            return Err(AttachError::Already {
                container: container.display_name().to_owned(),
                interface: interface.to_owned(),
            });
        }
        // First, so that it can get this one again.
        collect_vf(allocator, had.address, None)?;
    }
    let mut held = Held::default();
    let mut locked = Vec::new();
    for vf in candidates(allocator, &request.choice, Some(container))? {
        if let Some(why) = surely_held(allocator, &vf)? {
            held.0.push((name(&vf), why));
            continue;
        }
        match lock::try_take(&allocator.root, vf.address)? {
            None => locked.push(vf),
            Some(lock) => match try_allocate(allocator, &vf, request, lock)? {
                Try::Allocated(allocated) => return Ok(*allocated),
                Try::Held(why) => held.0.push((name(&vf), why)),
            },
        }
    }
    // Whoever has the lock may only be changing an attribute, or releasing the VF.
    for vf in locked {
        let lock = lock::take(&allocator.root, vf.address)?;
        match try_allocate(allocator, &vf, request, lock)? {
            Try::Allocated(allocated) => return Ok(*allocated),
            Try::Held(why) => held.0.push((name(&vf), why)),
        }
    }
    Err(none_free(&request.choice, held))
}

/// Releases what was just allocated, because something failed afterwards.
pub fn undo(allocator: &Allocator, allocated: &Allocated) -> Result<(), AttachError> {
    let released = release_locked(allocator, &allocated.allocation)?;
    match released.troubles.is_empty() {
        true => Ok(()),
        false => Err(AttachError::Troubles(released.to_string())),
    }
}

/// By its record alone, which costs little: a pool may have a hundred VFs.
fn surely_held(allocator: &Allocator, vf: &PoolVf) -> Result<Option<String>, AttachError> {
    let allocation = match allocator.records.read(vf.address) {
        Ok(Record::None) => return Ok(None),
        Ok(Record::Of(allocation)) => allocation,
        Ok(Record::NotUnderstood) => {
            return Ok(Some("has a record that is not understood".to_owned()));
        }
        Err(error) => return Ok(Some(format!("has a record: {error}"))),
    };
    Ok(match allocator.life(&allocation)? {
        Life::Lives => Some(held_by(&[allocation.holder()])),
        Life::Ends | Life::Ended => None,
    })
}

fn try_allocate(
    allocator: &Allocator,
    vf: &PoolVf,
    request: &Request,
    lock: File,
) -> Result<Try, AttachError> {
    collect_locked(allocator, vf.address)?;
    let name = request.container.name.as_deref();
    let is_its_own = |by: &Holder| is_for_pod(&request.choice, Some(name), by);
    let (pf, snapshot) = match look_at(allocator, vf, request.userspace, is_its_own)? {
        Ok(found) => found,
        Err(why) => return Ok(Try::Held(why)),
    };
    let namespace = Namespace::open(&request.container.namespace)?;
    let (to_set, before) = changes(&request.settings, &snapshot.settings);
    let allocation = Allocation {
        address: vf.address,
        pf: vf.pf,
        vf: vf.vf,
        pool: match &request.choice {
            Choice::Vf(_) => None,
            Choice::OfPool { pool, .. } => Some(pool.clone()),
        },
        container: request.container.clone(),
        namespace_inode: namespace.inode(),
        boot: allocator.boot(),
        allocated_at: now(),
        before,
        interface_before: snapshot.interface.clone(),
        unnamed: match &snapshot.interface {
            Some(interface) => allocator.host.awaits_name(interface)?,
            None => false,
        },
        not_understood: Vec::new(),
    };
    if !allocator.records.create(&allocation)? {
        return Ok(Try::Held(
            "has just been allocated to another container".to_owned(),
        ));
    }
    match carry_out(allocator, request, &pf, &allocation, &to_set, &namespace) {
        Ok(interface) => Ok(Try::Allocated(Box::new(Allocated {
            allocation,
            interface,
            admin_mac: admin_mac(&request.settings, &snapshot.settings),
            namespace,
            _lock: lock,
        }))),
        Err(cause) => Err(undone(allocator, &allocation, cause)),
    }
}

/// What was asked for failed: as if nothing had happened.
fn undone(allocator: &Allocator, allocation: &Allocation, cause: AttachError) -> AttachError {
    let troubles = match release_locked(allocator, allocation) {
        Ok(released) if released.troubles.is_empty() => return cause,
        Ok(released) => released.to_string(),
        Err(error) => error.to_string(),
    };
    AttachError::NotUndone {
        cause: Box::new(cause),
        troubles,
    }
}

/// The VF and its PF if it can be allocated, else why not. A holder for whom it is to be allocated is none.
fn look_at(
    allocator: &Allocator,
    vf: &PoolVf,
    userspace: bool,
    is_its_own: impl Fn(&Holder) -> bool,
) -> Result<Result<(PfSnapshot, VfSnapshot), String>, AttachError> {
    let Some(pf) = allocator.host.observe(vf.pf, Look::WithHoldersOf(vf.vf))? else {
        return Ok(Err("is gone with its PF".to_owned()));
    };
    let snapshot = pf.vfs.get(&vf.vf).filter(|it| it.address == vf.address);
    let Some(snapshot) = snapshot.cloned() else {
        return Ok(Err("is not there".to_owned()));
    };
    let holders = pf.holders.iter().flat_map(|of_vf| of_vf.get(&vf.vf));
    let mut holders: Vec<_> = holders.flatten().cloned().collect();
    holders.retain(|by| !is_its_own(by));
    if !holders.is_empty() {
        return Ok(Err(held_by(&holders)));
    }
    Ok(match (&snapshot.driver, &snapshot.interface) {
        (_, Some(_)) => Ok((pf, snapshot)),
        (Some(driver), None) if driver.is_userspace() => match userspace {
            true => Ok((pf, snapshot)),
            false => Err(format!("has driver {driver}, which makes no interface")),
        },
        (Some(driver), None) => Err(format!("has no interface from driver {driver} yet")),
        (None, None) => Err("has no driver".to_owned()),
    })
}

fn carry_out(
    allocator: &Allocator,
    request: &Request,
    pf: &PfSnapshot,
    allocation: &Allocation,
    to_set: &VfSettings,
    namespace: &Namespace,
) -> Result<Option<AllocatedInterface>, AttachError> {
    for setting in to_set.iter() {
        let interface = pf.interface.as_ref().ok_or_else(|| HostError::NoEffect {
            what: format!("setting {setting}"),
            found: format!("PF {} has no network interface", pf.address),
        })?;
        allocator
            .host
            .set_vf(pf.address, interface.index, allocation.vf, setting)?;
    }
    let Some(netdev) = &allocation.interface_before else {
        return Ok(None);
    };
    let name = &request.container.interface;
    let mut netlink = Netlink::open().map_err(opening)?;
    let moved = naming::free_altname(&mut netlink, netdev.index, name)
        .and_then(|()| netlink.move_link(netdev.index, namespace.as_fd(), name));
    moved.map_err(|error| {
        let what = format!("moving {} to the container as {name}", netdev.name);
        match error {
            NetlinkError::Kernel {
                errno: errno @ Errno::EXIST,
                detail: None,
            } => HostError::Kernel {
                what,
                errno,
                detail: Some("the container has an interface of that name".to_owned()),
            },
            error => error.while_doing(what),
        }
    })?;
    let wish = inside::Wish {
        mac: request.settings.mac,
        mtu: request.mtu,
    };
    let vf = allocation.address;
    Ok(Some(inside::settle(&allocator.host, namespace, vf, wish)?))
}

/// The one that was just set, else the one that was there. All zeros stand for none.
fn admin_mac(set: &VfSettings, before: &VfSettings) -> Option<MacAddress> {
    set.mac.or(before.mac).filter(|mac| mac.is_unicast())
}

/// Whether it is kubelet that gave the VF to the pod for which it is asked for, by its address. `caller`: nobody asks for
/// it yet, or the name of who does, if it has one.
fn is_for_pod(choice: &Choice, caller: Option<Option<&str>>, by: &Holder) -> bool {
    match (choice, by) {
        (Choice::Vf(_), Holder::Kubelet { container, .. }) => match (caller, container) {
            (None, _) => true,
            (Some(caller), None) => caller.is_some(),
            (Some(caller), Some(container)) => caller == Some(&container.pod),
        },
        _ => false,
    }
}

fn held_by(holders: &[Holder]) -> String {
    let words: Vec<_> = holders.iter().map(ToString::to_string).collect();
    format!("is held by {}", words.join(" and "))
}

fn none_free(choice: &Choice, held: Held) -> AttachError {
    match choice {
        Choice::Vf(address) => AttachError::NotFree { held, vf: *address },
        Choice::OfPool { pool, .. } => AttachError::NoneFree {
            pool: pool.clone(),
            held,
        },
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
