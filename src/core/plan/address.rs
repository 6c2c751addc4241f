//! One address for one function: which VFs may be given theirs now, and why others go without.
//!
//! Who has an address keeps it. Of those that are to get it the first one does.

use super::{Input, Plan};
use crate::model::{Function, MacAddress, PfSnapshot, VfAttribute, VfIndex, VfSetting};
use crate::policy::stable_mac::stable_mac;
use crate::report::{Problem, ProblemKind};
use std::collections::BTreeMap;

/// What is done about the address that a VF is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not set, which is told.
    Denied(Box<Problem>),
    /// Each of several VFs has what another is to get: this one gives its address up first.
    GivesUp,
}

/// Addresses that VFs are to be given, or to go back to.
pub(super) type Targets = BTreeMap<VfIndex, MacAddress>;

/// Of the VFs that have not what they are to have. Asks for the addresses of other PFs, where they
/// matter and are not known yet.
pub(super) fn judge(
    input: &Input,
    targets: &Targets,
    plan: &mut Plan,
) -> BTreeMap<VfIndex, Verdict> {
    let judge = Judge { input, targets };
    let mut verdicts = BTreeMap::new();
    for (&vf, &mac) in targets {
        if mac == MacAddress::ZERO || judge.has(vf) == Some(mac) {
            continue;
        }
        let within = judge.within_pf(vf, mac);
        plan.needs_others |= within.is_none() && input.others.is_none();
        let verdict = within
            .or_else(|| judge.elsewhere(vf, mac))
            .or_else(|| judge.comes_first(vf, mac));
        verdicts.extend(verdict.map(|it| (vf, it)));
    }
    verdicts
}

struct Judge<'a> {
    input: &'a Input<'a>,
    targets: &'a Targets,
}

impl Judge<'_> {
    /// What a VF has, as the driver tells it; of what it does not tell, as it was set.
    fn has(&self, vf: VfIndex) -> Option<MacAddress> {
        let told = self.input.pf.vfs.get(&vf)?.settings.mac;
        told.or_else(|| {
            let owned = self.input.owned?.vfs.get(&vf)?;
            match owned.untold.get(&VfAttribute::Mac) {
                Some(VfSetting::Mac(mac)) => Some(*mac),
                _ => None,
            }
        })
    }

    fn holder(&self, but: VfIndex, mac: MacAddress) -> Option<VfIndex> {
        let mut others = self.input.pf.vfs.keys().filter(|vf| **vf != but);
        others.find(|vf| self.has(**vf) == Some(mac)).copied()
    }

    fn within_pf(&self, vf: VfIndex, mac: MacAddress) -> Option<Verdict> {
        let pf = self.input.pf;
        if is_own(pf, mac) {
            return Some(denied(vf, mac, "the PF itself has it"));
        }
        if let Some(holder) = self.holder(vf, mac) {
            return Some(match self.gives_up_first(vf) {
                true => Verdict::GivesUp,
                false => denied(vf, mac, &format!("VF {holder} has it")),
            });
        }
        None
    }

    fn comes_first(&self, vf: VfIndex, mac: MacAddress) -> Option<Verdict> {
        let mut before = self.targets.range(..vf);
        let (first, _) = before.find(|(_, wanted)| **wanted == mac)?;
        Some(denied(vf, mac, &format!("VF {first} is to have it")))
    }

    /// Whether the VF is the first of a circle, in which each has what the next is to get.
    fn gives_up_first(&self, vf: VfIndex) -> bool {
        let mut at = vf;
        for _ in self.targets {
            let next = self.targets.get(&at).and_then(|mac| self.holder(at, *mac));
            match next {
                Some(next) if next == vf => return true,
                Some(next) if next > vf => at = next,
                _ => return false,
            }
        }
        false
    }

    fn elsewhere(&self, vf: VfIndex, mac: MacAddress) -> Option<Verdict> {
        let others = self.input.others?;
        let own = self.input.pf.permanent_mac();
        let twin = own.and_then(|own| Some((own, others.with_permanent(own)?)));
        if let Some((own, twin)) = twin.filter(|(own, _)| stable_mac(*own, vf) == mac) {
            let reason = format!(
                "mac = \"stable\" gives no address, because {twin} has the same permanent address, {own}"
            );
            return Some(Verdict::Denied(Box::new(Problem {
                vf: None,
                ..problem(reason)
            })));
        }
        let holder: &Function = others.holder(mac)?;
        Some(denied(vf, mac, &format!("{holder} has it")))
    }
}

fn is_own(pf: &PfSnapshot, mac: MacAddress) -> bool {
    let own = pf.interface.as_ref();
    own.is_some_and(|own| own.permanent_mac == mac || own.mac == Some(mac))
}

fn denied(vf: VfIndex, mac: MacAddress, why: &str) -> Verdict {
    Verdict::Denied(Box::new(Problem {
        vf: Some(vf),
        ..problem(format!("it is not given the address {mac}: {why}"))
    }))
}

fn problem(reason: String) -> Problem {
    Problem {
        kind: ProblemKind::AddressTaken,
        vf: None,
        step: None,
        reason,
        hint: None,
    }
}
