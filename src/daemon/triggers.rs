//! From a trigger to the PFs that it makes worth a look.

use super::coordinator::Coordinator;
use super::slot::{Slot, Waiting};
use super::{job, journal};
use crate::events::{Cause, Scope, Trigger};
use crate::host::HostError;
use crate::model::{DriverName, PciAddress, VfSnapshot};
use crate::report::{Happening, Seen};
use std::sync::Arc;

impl Coordinator {
    pub(super) fn on_trigger(&mut self, trigger: Trigger) {
        let Trigger { scope, cause } = trigger;
        match scope {
            Scope::Everything => {
                if let Cause::Overrun { source } = cause {
                    journal::overrun(source);
                    let source = source.to_owned();
                    self.shared.feed.tell(Happening::Overrun { source });
                }
                self.tell_trigger(&cause, None);
                self.list(Waiting::new(cause));
            }
            Scope::Device(device) => match self.pf_of_device(device) {
                Ok(None) => {}
                Ok(Some(pf)) => {
                    self.tell_trigger(&cause, Some(pf));
                    self.note_progress(pf, device, &cause);
                    self.ask(pf, Waiting::new(cause));
                }
                // It may be any.
                Err(_) => self.list(Waiting::new(cause)),
            },
            Scope::Interface(index) => {
                if let Some(pf) = self.pf_of_interface(index) {
                    self.tell_trigger(&cause, Some(pf));
                    self.ask(pf, Waiting::new(cause));
                }
            }
            Scope::Policies => {
                self.tell_trigger(&cause, None);
                self.load_policies(cause);
            }
            Scope::Drivers => {
                let awaits = |slot: &Slot| slot.running.is_some() || slot.blocked.awaits_driver();
                let slots = self.slots.iter().filter(|(_, slot)| awaits(slot));
                for pf in slots.map(|(&pf, _)| pf).collect::<Vec<_>>() {
                    self.tell_trigger(&cause, Some(pf));
                    self.ask(pf, Waiting::new(cause.clone()));
                }
            }
            Scope::Node => {
                self.tell_trigger(&cause, None);
                job::look_at_node(&self.shared, &self.messages, cause);
            }
            Scope::VfioGroup(_) | Scope::VfioDevice => {
                let group = match scope {
                    Scope::VfioGroup(group) => Some(group),
                    _ => None,
                };
                for pf in self.concerned_by_vfio(group) {
                    self.tell_trigger(&cause, Some(pf));
                    self.ask(pf, Waiting::new(cause.clone()));
                }
            }
        }
    }

    fn tell_trigger(&self, cause: &Cause, pf: Option<PciAddress>) {
        if self.shared.feed.is_followed() {
            self.shared.feed.tell(Happening::Trigger {
                kind: cause.kind().to_owned(),
                trigger: cause.to_string(),
                pf,
            });
        }
    }

    /// While a pass makes VFs, the kernel tells of each.
    fn note_progress(&self, pf: PciAddress, device: PciAddress, cause: &Cause) {
        let slot = self.slots.get(&pf);
        if let Some(running) = slot.and_then(|slot| slot.running.as_ref())
            && device != pf
            && matches!(cause, Cause::Udev { action, .. } if action == "add")
        {
            running.watched.vf_appeared(device);
        }
    }

    fn pf_of_device(&mut self, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
        if self.slots.contains_key(&device) {
            return Ok(Some(device));
        }
        let known = self.slots.iter().find(|(_, slot)| {
            let seen = slot.seen.as_ref();
            slot.coming.contains(&device)
                || seen.is_some_and(|seen| seen.pf.vfs.values().any(|vf| vf.address == device))
        });
        if let Some((&pf, _)) = known {
            return Ok(Some(pf));
        }
        let pf = self.shared.host.pf_of(device)?;
        // Each VF that is made gives several events.
        if let Some(slot) = pf.and_then(|pf| self.slots.get_mut(&pf)) {
            slot.coming.insert(device);
        }
        Ok(pf)
    }

    fn pf_of_interface(&self, index: u32) -> Option<PciAddress> {
        let owns = |seen: &Arc<Seen>| {
            let pf = seen.pf.interface.as_ref().map(|interface| interface.index);
            let vfs = seen.pf.vfs.values().filter_map(|vf| vf.interface.as_ref());
            pf.into_iter()
                .chain(vfs.map(|interface| interface.index))
                .any(|mine| mine == index)
        };
        self.slots
            .iter()
            .find(|(_, slot)| slot.seen.as_ref().is_some_and(owns))
            .map(|(&pf, _)| pf)
    }

    /// Where a refusal waits for it, or a pass at work may have seen it while it was open. A device
    /// that was opened without its group is one of any VF that vfio has.
    fn concerned_by_vfio(&self, group: Option<u32>) -> Vec<PciAddress> {
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
        let waiting = self.slots.iter().filter(|(_, slot)| waits(slot));
        waiting.map(|(&pf, _)| pf).collect()
    }
}

#[cfg(test)]
mod tests;
