//! What a pass remembers of steps beyond what a look shows.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::pass::{Pass, Round};
use crate::host::HostError;
use crate::model::{PfSnapshot, PfStep, Step, VfStep};
use crate::plan::{Blocked, Capability, OwnedPf};

impl Pass<'_> {
    /// Where no parameter was set that takes effect with it, none is due.
    pub(super) fn forget_reload(&self, round: &Round, before: Option<&OwnedPf>, done: &[Step]) {
        let was_due = before.is_some_and(|owned| owned.reload_due);
        let sets = |steps: &[Step]| steps.iter().any(Step::awaits_reload);
        if was_due || !sets(&round.plan.steps) || sets(done) {
            return;
        }
        if let Some(mut owned) = self.ledger.owned(round.pf.address) {
            owned.reload_due = false;
            self.ledger.set_owned(round.pf.address, Some(owned));
        }
    }

    /// Of what a driver takes and does not tell nothing can be read back, nor that it has started the device anew. Whether
    /// there was any.
    pub(super) fn remember_untold(&self, done: &[Step], pf: &PfSnapshot) -> bool {
        let is_anew = done.contains(&Step::Pf(PfStep::ReloadDevlink));
        if done.is_empty() || !pf.vf_list_complete && !is_anew {
            return false;
        }
        let Some(mut owned) = self.ledger.owned(pf.address) else {
            return false;
        };
        let mut is_new = is_anew && owned.reload_due;
        owned.reload_due &= !is_anew;
        for step in done {
            if let Step::Vf(vf, VfStep::SetAttribute { setting, .. }) = step
                && let Some(seen) = pf.vfs.get(vf)
                && let attribute = setting.attribute()
                && seen.settings.get(attribute).is_none()
                && let Some(mine) = owned.vfs.get_mut(vf)
            {
                is_new |= mine.untold.insert(attribute, *setting) != Some(*setting);
            }
        }
        if is_new {
            self.ledger.set_owned(pf.address, Some(owned));
        }
        is_new
    }

    pub(super) fn remember_failure(
        &self,
        step: &Step,
        error: &HostError,
        before: &PfSnapshot,
        pf: &PfSnapshot,
        blocked: &mut Blocked,
    ) {
        let persistence = error.persistence();
        blocked.insert(step.clone(), error.to_string(), persistence, before, pf);
        let lacks =
            error.is_unsupported() || error.is_unsupported_if_it_lasts() && blocked.is_final(step);
        let lacking = Capability::needed_for(step).filter(|_| lacks);
        if let (Some(lacking), Some(mut owned)) = (lacking, self.ledger.owned(pf.address))
            && owned.unsupported.insert(lacking)
        {
            self.ledger.set_owned(pf.address, Some(owned));
        }
    }
}
