//! The pass over one PF: look, resolve, plan, apply, until the plan is empty. Order, no decisions.
#![warn(missing_docs)]

mod addresses;
mod claims;
mod effect;
mod pass;
mod remember;

use crate::host::{HostError, Look};
use crate::model::{Action, PciAddress, PfSnapshot, Step, TakenAddresses};
use crate::plan::presumed::presumed;
use crate::plan::{self, Blocked, Input, Others, Taken, owned};
use crate::policy::resolve::resolve_with;
use crate::report::Performed;
pub use addresses::Addresses;
use effect::{binding, comes_too_early, other_count, taken_by, with_met, without_effect};
use pass::Round;
pub use pass::{End, Ledger, Observer, Outcome, Pass};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Enough for: old VFs gone, new VFs there, attributes and drivers, MTUs, and a second try of each.
const MAX_ROUNDS: usize = 10;

impl Pass<'_> {
    /// Runs until the plan is empty, at most 10 rounds. `blocked`: as the last pass over this PF left
    /// it.
    pub fn run(&self, address: PciAddress, mut blocked: Blocked) -> Outcome {
        let mut performed = Vec::new();
        let mut taken = Taken::new();
        let mut done: Vec<Step> = Vec::new();
        let mut tries: BTreeMap<Step, usize> = BTreeMap::new();
        let mut failed: Vec<(Step, HostError)> = Vec::new();
        let mut undone = BTreeSet::new();
        let mut met = Taken::new();
        let mut before = None;
        let mut rounds = 0;
        let mut lacks_address = None;
        let end = loop {
            let mut round = match self.look_and_plan(address, &blocked, &met) {
                Ok(Some(round)) => round,
                Ok(None) => break End::Gone,
                Err(error) => break End::Unobservable(error),
            };
            rounds += 1;
            if self.remember_untold(&done, &round.pf) {
                round = self.plan(round.pf, round.others, &blocked);
            }
            for (step, error) in without_effect(&done, &tries, &round.plan) {
                undone.insert(step.clone());
                failed.push((step, error));
            }
            let other_count = other_count(&done, &failed, &round.pf);
            failed.extend(other_count);
            if !failed.is_empty() {
                let before = before.as_ref().unwrap_or(&round.pf);
                for (step, error) in failed.drain(..) {
                    // The next plan says what that means.
                    if let HostError::InUse { vf, by } = error {
                        met.entry(vf).or_default().insert(*by);
                        continue;
                    }
                    self.remember_failure(&step, &error, before, &round.pf, &mut blocked);
                }
                round = match self.look_and_plan(address, &blocked, &met) {
                    Ok(Some(round)) => round,
                    Ok(None) => break End::Gone,
                    Err(error) => break End::Unobservable(error),
                };
            }
            blocked.prune(&round.pf, &round.plan);
            if rounds > MAX_ROUNDS {
                undone.extend(round.plan.steps.iter().cloned());
                round = self.give_up_for_now(round, &mut blocked);
            }
            if round.plan.is_empty() || rounds > MAX_ROUNDS || self.progress.is_cancelled() {
                let Round {
                    pf,
                    resolution,
                    plan,
                    ..
                } = round;
                lacks_address = round.lacks_address;
                break End::Seen {
                    pf: Box::new(pf),
                    resolution,
                    problems: plan.problems,
                };
            }
            (done, failed) = self.apply(&round, &mut performed);
            blocked.tried(done.iter().chain(failed.iter().map(|(step, _)| step)));
            taken.extend(taken_by(&done, round.plan.taken));
            for step in &done {
                *tries.entry(step.clone()).or_default() += 1;
            }
            before = Some(round.pf);
        };
        Outcome {
            performed,
            taken,
            undone,
            blocked,
            lacks_address,
            end,
        }
    }

    /// `met`: who was in the way of a step, of those that a look does not show.
    fn look_and_plan(
        &self,
        address: PciAddress,
        blocked: &Blocked,
        met: &Taken,
    ) -> Result<Option<Round>, HostError> {
        let Some(pf) = self.host.observe(address, Look::Plain)? else {
            // With the device went all that was set there: nothing is left to undo.
            if self.ledger.owned(address).is_some() {
                self.ledger.set_owned(address, None);
            }
            self.addresses.forget(address);
            return Ok(None);
        };
        let mut round = self.plan(pf, None, blocked);
        // What is known once is not asked for again.
        while round.plan.needs_more() {
            let mut others = round.others;
            if round.plan.needs_others {
                others = Some(self.taken_addresses(address)?);
            }
            let mut pf = round.pf;
            if round.plan.needs_holders {
                let Some(seen) = self.host.observe(address, Look::WithHolders)? else {
                    return Ok(None);
                };
                pf = PfSnapshot {
                    open_vswitch: pf.open_vswitch,
                    ..with_met(seen, met)
                };
            }
            if round.plan.needs_bridges {
                pf.open_vswitch = Some(self.host.open_vswitch().concerning(&pf));
            }
            round = self.plan(pf, others, blocked);
        }
        Ok(Some(round))
    }

    fn plan(&self, pf: PfSnapshot, others: Option<TakenAddresses>, blocked: &Blocked) -> Round {
        let remembered = self.ledger.owned(pf.address);
        let hold = remembered.as_ref().and_then(|owned| owned.hold_on(&pf));
        let stable = self.addresses.stable_of(&pf);
        let resolution = resolve_with(self.policies, self.node, &pf, hold, &stable);
        let mut owned = match &remembered {
            None if self.ledger.is_lost(pf.address) => {
                let presumed = presumed(&resolution, &pf);
                owned::still_owned(presumed.as_ref(), &resolution, &pf)
            }
            known => owned::still_owned(known.as_ref(), &resolution, &pf),
        };
        // What has nothing yet is nothing to be held: that begins with the first step.
        if owned.is_some() || pf.num_vfs != 0 {
            owned = owned::held(owned, &resolution, self.node, &pf);
        }
        if owned != remembered {
            self.ledger.set_owned(pf.address, owned.clone());
        }
        self.addresses.note(&pf, owned.as_ref(), &resolution);
        // Before what is known is read: what changes meanwhile is not missed.
        let changes = self.addresses.changes();
        let known = self.addresses.read();
        let plan = plan::plan(&Input {
            resolution: &resolution,
            pf: &pf,
            owned: owned.as_ref(),
            others: others.as_ref().map_or(Others::Known(&known), Others::Seen),
            blocked,
            force: self.force,
            paused: self.paused,
            interface_is_overdue: self.interface_is_overdue,
        });
        drop(known);
        Round {
            pf,
            resolution,
            lacks_address: plan.lacks_address.then_some(changes),
            plan,
            others,
        }
    }

    /// Somebody or something undoes what is done: to be tried again, but not at once.
    fn give_up_for_now(&self, round: Round, blocked: &mut Blocked) -> Round {
        for step in round.plan.steps {
            let reason = format!("{step}: something keeps undoing it");
            blocked.give_up_for_now(step, reason, &round.pf);
        }
        self.plan(round.pf, round.others, blocked)
    }

    fn apply(
        &self,
        round: &Round,
        performed: &mut Vec<Performed>,
    ) -> (Vec<Step>, Vec<(Step, HostError)>) {
        let though_in_use = self.force || !round.plan.taken.is_empty();
        let in_vain = effect::bound_in_vain(self.host, round, though_in_use);
        if !in_vain.is_empty() {
            return (Vec::new(), in_vain);
        }
        let pf = &round.pf;
        let remembered = self.ledger.owned(pf.address);
        let owned = owned::about_to_own(remembered.as_ref(), &round.resolution, pf, &round.plan);
        let owned = owned::held(owned, &round.resolution, self.node, pf);
        if owned != remembered && !self.own(owned, round) {
            return (Vec::new(), Vec::new());
        }
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        self.progress.planned(&round.plan.steps);
        for step in &round.plan.steps {
            if self.progress.is_cancelled() {
                break;
            }
            if comes_too_early(step, round, &failed) {
                continue;
            }
            self.progress.step_begins(step);
            let begin = Instant::now();
            let result = self.host.apply(&Action {
                pf: pf.address,
                step: step.clone(),
                though_in_use,
                seen: binding(step, pf),
            });
            let took = begin.elapsed();
            self.progress
                .step_ends(step, result.as_ref().map(|()| took));
            match result {
                Ok(()) => {
                    performed.push(Performed {
                        step: step.clone(),
                        duration: took,
                    });
                    done.push(step.clone());
                }
                Err(error) => {
                    failed.push((step.clone(), error));
                    if step.vf().is_none() {
                        break;
                    }
                }
            }
        }
        self.forget_reload(round, remembered.as_ref(), &done);
        (done, failed)
    }
}

#[cfg(test)]
mod tests;
