//! Faults that happen: which action they hit, how often, and what they do.

use sriovd_core::host::HostError;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::{Action, Errno, PciAddress, PfStep, Step, VfStep};
use std::collections::BTreeMap;
use std::fmt;

pub(super) struct Fault {
    pub(super) hits: Box<dyn Fn(&Action) -> bool + Send>,
    pub(super) times: u32,
    pub(super) effect: Effect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing is done and the kernel says why.
    Fail(Errno),
    /// It is done, and the kernel reports an error all the same.
    DoAndFail(Errno),
    /// Nothing is done and the kernel reports success.
    Nothing,
    /// Only so many VFs are made.
    FewerVfs(u16),
    /// The device is pulled out while the kernel works on it.
    Vanish,
    /// The call does not return before it is released.
    Hang,
}

/// A look that fails, once.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) pf: Option<PciAddress>,
    /// So many others are made before.
    pub(super) before: u32,
    pub(super) errno: Errno,
}

pub(super) fn look(
    looks: &mut Vec<Look>,
    pf: Option<PciAddress>,
    what: &dyn fmt::Display,
) -> Result<(), HostError> {
    let mut fails = None;
    looks.retain_mut(|look| {
        if look.pf != pf {
            return true;
        }
        if look.before == 0 {
            fails = Some(look.errno);
            return false;
        }
        look.before -= 1;
        true
    });
    fails.map_or(Ok(()), |errno| Err(unread(what, errno)))
}

pub(super) fn unread(what: &dyn fmt::Display, errno: Errno) -> HostError {
    match errno {
        Errno::MFILE | Errno::NFILE => HostError::NoDescriptor { errno },
        errno => HostError::Unread {
            what: format!("looking at {what}"),
            errno,
        },
    }
}

/// The records of a PF are read, which may lie with a server that does not answer.
pub(super) fn records(
    hidden: &BTreeMap<PciAddress, Errno>,
    pf: PciAddress,
) -> Result<(), HostError> {
    match hidden.get(&pf) {
        None => Ok(()),
        Some(&Errno::TIMEDOUT) => Err(HostError::Unanswered {
            directory: ALLOCATIONS.to_owned(),
        }),
        Some(&errno) => Err(unread(&"the allocation records", errno)),
    }
}

/// Whether a step is done under the locks of VFs, beside which it is read whether they are allocated.
pub(super) fn reads_records(step: &Step) -> bool {
    match step {
        Step::Pf(PfStep::SetNumVfs { to, .. }) => *to == 0,
        Step::Vf(_, step) => matches!(
            step,
            VfStep::SetAttribute { .. } | VfStep::Bind { .. } | VfStep::SetMtu { .. }
        ),
        Step::Pf(_) => false,
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} times", self.effect, self.times)
    }
}

/// The effect of the first fault that hits the action; each hit uses one of its times up.
pub(super) fn strike(faults: &mut Vec<Fault>, action: &Action) -> Option<Effect> {
    let at = faults.iter().position(|fault| (fault.hits)(action))?;
    let fault = faults.get_mut(at)?;
    let effect = fault.effect;
    fault.times = fault.times.saturating_sub(1);
    if fault.times == 0 {
        faults.remove(at);
    }
    Some(effect)
}
