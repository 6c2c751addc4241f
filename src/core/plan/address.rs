//! One address for one function: which VFs may be given theirs now, and why others go without.
//!
//! Who has an address keeps it, and so does who was given it before. Of those that are to get it the
//! first one does, by the PCI addresses of their PFs and the indexes of the VFs: in whatever order
//! passes come.

use super::{Input, Others, Plan};
use crate::model::{Function, MacAddress, PfSnapshot, VfAttribute, VfIndex, VfSetting};
use crate::policy::resolve::Resolution;
use crate::policy::stable_mac::stable_mac;
use crate::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// What is done about the address that a VF is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is not set, which is told.
    Denied(Box<Problem>),
    /// It is not set, which is told once of all VFs of the PF.
    Withheld,
    /// Each of several VFs has what another is to get: this one gives its address up first.
    GivesUp,
}

impl Verdict {
    /// Whether it may be set as soon as more is known.
    pub(super) fn comes_later(&self) -> bool {
        matches!(self, Self::Denied(problem) if problem.kind == ProblemKind::Awaits)
    }
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
    let mut judge = Judge {
        input,
        targets,
        holders: BTreeSet::new(),
        twin: None,
    };
    let mut verdicts = BTreeMap::new();
    let lacks = |vf, mac| mac != MacAddress::ZERO && judge.has(vf) != Some(mac);
    let lacking = targets.iter().filter(|(vf, mac)| lacks(**vf, **mac));
    let lacking: Vec<_> = lacking.collect();
    if !lacking.is_empty() {
        let vfs = input.pf.vfs.keys();
        judge.holders = vfs.filter_map(|vf| Some((judge.has(*vf)?, *vf))).collect();
        judge.twin = judge.find_twin();
    }
    for (&vf, &mac) in lacking {
        let within = judge.within_pf(vf, mac);
        let verdict = within.or_else(|| {
            let denied = judge.elsewhere(vf, mac);
            plan.lacks_address |= denied.is_some();
            // What was free when its PF was looked at last may be taken since.
            plan.needs_others |= denied.is_none() && !matches!(input.others, Others::Seen(_));
            denied.or_else(|| judge.comes_first(vf, mac))
        });
        verdicts.extend(verdict.map(|it| (vf, it)));
    }
    if let Some((own, twin)) = judge.twin
        && verdicts.values().any(|it| *it == Verdict::Withheld)
    {
        plan.problems.push(problem(format!(
            "mac = \"stable\" gives no address, because {twin} has the same permanent address, {own}"
        )));
    }
    verdicts
}

struct Judge<'a> {
    input: &'a Input<'a>,
    targets: &'a Targets,
    /// Which VFs of the PF have which address.
    holders: BTreeSet<(MacAddress, VfIndex)>,
    /// The permanent address of the PF, and another PF that came with the same.
    twin: Option<(MacAddress, &'a str)>,
}

impl<'a> Judge<'a> {
    fn find_twin(&self) -> Option<(MacAddress, &'a str)> {
        let (Others::Known(others) | Others::Seen(others)) = self.input.others;
        let own = self.input.pf.permanent_mac()?;
        Some((own, others.with_permanent(own, self.input.pf.address)?))
    }

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
        let with_it = (mac, VfIndex(0))..=(mac, VfIndex(u16::MAX));
        let mut with_it = self.holders.range(with_it).map(|(_, vf)| *vf);
        with_it.find(|vf| *vf != but)
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
        let (Others::Known(others) | Others::Seen(others)) = self.input.others;
        let this = self.input.pf.address;
        if self
            .twin
            .is_some_and(|(own, _)| self.is_stable(vf, mac, own))
        {
            return Some(Verdict::Withheld);
        }
        if let Some(holder) = others.holder(mac, this) {
            return Some(denied(vf, mac, &format!("{holder} has it")));
        }
        if self.was_given(vf, mac) {
            return None;
        }
        let first = others.wanted_before(mac, this);
        let told = first.map(|first| denied(vf, mac, &format!("{first} is to have it")));
        told.or_else(|| Some(waits(vf, mac, others.possible_before(mac, this)?)))
    }

    fn is_stable(&self, vf: VfIndex, mac: MacAddress, own: MacAddress) -> bool {
        match self.input.resolution {
            Resolution::Desired(desired) => {
                let wanted = desired.vfs.get(&vf);
                wanted.is_some_and(|wanted| wanted.mac_is_stable)
            }
            Resolution::Unmatched | Resolution::AwaitsName => stable_mac(own, vf) == mac,
        }
    }

    fn was_given(&self, vf: VfIndex, mac: MacAddress) -> bool {
        let owned = self.input.owned.and_then(|owned| owned.vfs.get(&vf));
        owned.is_some_and(|owned| owned.mac == Some(mac))
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

fn waits(vf: VfIndex, mac: MacAddress, first: &Function) -> Verdict {
    let reason = format!(
        "it is not given the address {mac} yet: whether {first} is to have it is known after a look at that PF"
    );
    Verdict::Denied(Box::new(Problem {
        kind: ProblemKind::Awaits,
        vf: Some(vf),
        ..problem(reason)
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
