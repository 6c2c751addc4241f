//! From a trigger to the PFs that it makes worth a look.

use super::journal;
use super::list::list;
use super::load::load_policies;
use super::node::look_at_node;
use super::passes::ask;
use super::slot::{Retry, Slot, Waiting};
use super::value::Daemon;
use crate::events::{Cause, Scope, Trigger};
use sriovd_core::host::HostError;
use sriovd_core::model::{DriverName, PciAddress, VfSnapshot};
use sriovd_core::report::{Happening, Seen};
use std::sync::Arc;

pub(super) fn on_trigger(daemon: &mut Daemon, trigger: Trigger) {
    let Trigger { scope, cause } = trigger;
    match scope {
        Scope::Everything => {
            if let Cause::Overrun { source } = cause {
                journal::overrun(source);
                let source = source.to_owned();
                daemon.shared.feed.tell(Happening::Overrun { source });
            }
            tell_trigger(daemon, &cause, None);
            list(daemon, Waiting::new(cause));
        }
        Scope::Device(device) => match pf_of_device(daemon, device) {
            Ok(None) => {}
            Ok(Some(pf)) => {
                tell_trigger(daemon, &cause, Some(pf));
                note_progress(daemon, pf, device, &cause);
                ask(daemon, pf, Waiting::new(cause));
            }
            // It may be any.
            Err(_) => list(daemon, Waiting::new(cause)),
        },
        Scope::Interface(index) => {
            if let Some(pf) = pf_of_interface(daemon, index) {
                tell_trigger(daemon, &cause, Some(pf));
                ask(daemon, pf, Waiting::new(cause));
            }
        }
        Scope::Bridges => {
            let concerned = |slot: &Slot| slot.running.is_some() || slot.wants_bridges();
            let slots = daemon.slots.iter().filter(|(_, slot)| concerned(slot));
            for pf in slots.map(|(&pf, _)| pf).collect::<Vec<_>>() {
                tell_trigger(daemon, &cause, Some(pf));
                // What it could not be asked before it may take now.
                let retry = Retry::Transient;
                let waiting = Waiting::new(cause.clone());
                ask(daemon, pf, Waiting { retry, ..waiting });
            }
        }
        Scope::Policies => {
            tell_trigger(daemon, &cause, None);
            load_policies(daemon, cause);
        }
        Scope::Drivers => {
            let awaits = |slot: &Slot| slot.running.is_some() || slot.blocked.awaits_driver();
            let slots = daemon.slots.iter().filter(|(_, slot)| awaits(slot));
            for pf in slots.map(|(&pf, _)| pf).collect::<Vec<_>>() {
                tell_trigger(daemon, &cause, Some(pf));
                ask(daemon, pf, Waiting::new(cause.clone()));
            }
        }
        Scope::Node => {
            tell_trigger(daemon, &cause, None);
            look_at_node(daemon, cause);
        }
        Scope::VfioGroup(_) | Scope::VfioDevice => {
            let group = match scope {
                Scope::VfioGroup(group) => Some(group),
                _ => None,
            };
            for pf in concerned_by_vfio(daemon, group) {
                tell_trigger(daemon, &cause, Some(pf));
                ask(daemon, pf, Waiting::new(cause.clone()));
            }
        }
    }
}

fn tell_trigger(daemon: &Daemon, cause: &Cause, pf: Option<PciAddress>) {
    if daemon.shared.feed.is_followed() {
        daemon.shared.feed.tell(Happening::Trigger {
            kind: cause.kind().to_owned(),
            trigger: cause.to_string(),
            pf,
        });
    }
}

/// While a pass makes VFs, the kernel tells of each.
fn note_progress(daemon: &Daemon, pf: PciAddress, device: PciAddress, cause: &Cause) {
    let slot = daemon.slots.get(&pf);
    if let Some(running) = slot.and_then(|slot| slot.running.as_ref())
        && device != pf
        && matches!(cause, Cause::Udev { action, .. } if action == "add")
    {
        running.watched.vf_appeared(device);
    }
}

fn pf_of_device(daemon: &mut Daemon, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
    if daemon.slots.contains_key(&device) {
        return Ok(Some(device));
    }
    let known = daemon.slots.iter().find(|(_, slot)| {
        let seen = slot.seen.as_ref();
        slot.coming.contains(&device)
            || seen.is_some_and(|seen| seen.pf.vfs.values().any(|vf| vf.address == device))
    });
    if let Some((&pf, _)) = known {
        return Ok(Some(pf));
    }
    let pf = daemon.shared.host.pf_of(device)?;
    // Each VF that is made gives several events.
    if let Some(slot) = pf.and_then(|pf| daemon.slots.get_mut(&pf)) {
        slot.coming.insert(device);
    }
    Ok(pf)
}

fn pf_of_interface(daemon: &Daemon, index: u32) -> Option<PciAddress> {
    let owns = |seen: &Arc<Seen>| {
        let pf = seen.pf.interface.as_ref().map(|interface| interface.index);
        let vfs = seen.pf.vfs.values().flat_map(|vf| {
            let interface = vf.interface.as_ref().map(|it| it.index);
            interface
                .into_iter()
                .chain(vf.representor.as_ref().map(|it| it.index))
        });
        pf.into_iter().chain(vfs).any(|mine| mine == index)
    };
    daemon
        .slots
        .iter()
        .find(|(_, slot)| slot.seen.as_ref().is_some_and(owns))
        .map(|(&pf, _)| pf)
}

/// Where a refusal waits for it, or a pass at work may have seen it while it was open. A device
/// that was opened without its group is one of any VF that vfio has.
fn concerned_by_vfio(daemon: &Daemon, group: Option<u32>) -> Vec<PciAddress> {
    let waits = |slot: &Slot| {
        let seen = slot.seen.as_ref();
        let refused = seen.is_some_and(|seen| seen.waits_for_vfio(group));
        let is_it = |vf: &VfSnapshot| match group {
            Some(group) => vf.iommu_group == Some(group),
            None => vf.driver.as_ref().is_some_and(DriverName::is_vfio),
        };
        let has_it = |seen: &Arc<Seen>| seen.pf.vfs.values().any(is_it);
        refused || slot.running.is_some() && seen.is_none_or(has_it)
    };
    let waiting = daemon.slots.iter().filter(|(_, slot)| waits(slot));
    waiting.map(|(&pf, _)| pf).collect()
}

#[cfg(test)]
mod tests;
