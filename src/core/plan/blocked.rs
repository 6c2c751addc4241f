//! Steps that failed: not tried again before something changes that could make them succeed.

use super::Plan;
use super::netdevs::Netdevs;
use crate::model::{
    DependsOn, DriverName, EswitchMode, Mtu, Part, Persistence, PfSnapshot, Step, VfIndex,
};
use crate::report::{Problem, ProblemKind};
use std::collections::{BTreeMap, BTreeSet};

/// Failures of one PF that still stand, and steps that are left alone for another reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Blocked {
    failed: BTreeMap<Step, Block>,
    held: BTreeSet<Step>,
    pub(super) netdevs: Netdevs,
    /// The VFs that had no driver for so long that nobody is just giving them one. `None`: nobody
    /// waits for that.
    abandoned: Option<BTreeSet<VfIndex>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    reason: String,
    persistence: Persistence,
    circumstances: Circumstances,
    /// How often it failed so.
    tries: u8,
    /// It may be tried once more.
    again: bool,
}

impl Block {
    fn is_passing(&self) -> bool {
        self.persistence.is_passing(self.tries)
    }

    fn is_patient(&self) -> bool {
        self.persistence.is_patient(self.tries)
    }

    fn stands(&self, step: &Step, pf: &PfSnapshot) -> bool {
        !self.again && self.circumstances == Circumstances::of(step, pf)
    }
}

/// What a failed step may have depended on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Circumstances {
    num_vfs: Option<u16>,
    eswitch_mode: Option<EswitchMode>,
    driver: Option<DriverName>,
    up: bool,
    link: Option<Link>,
    vf_driver: Option<DriverName>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    carrier: bool,
    speed: Option<u32>,
    mtu: Mtu,
}

impl Circumstances {
    fn of(step: &Step, pf: &PfSnapshot) -> Self {
        let vf = step.vf().and_then(|vf| pf.vfs.get(&vf));
        let is_bound = vf.is_some_and(|vf| vf.driver.is_some());
        let depends_on = step.facts().depends_on;
        let (on_up, on_link) = match depends_on {
            DependsOn::PfDriver | DependsOn::Switch | DependsOn::Drivers => (false, false),
            DependsOn::Up => (true, false),
            DependsOn::Link => (true, true),
            DependsOn::LinkOnceBound => (is_bound, is_bound),
        };
        let of_pf = matches!(depends_on, DependsOn::PfDriver | DependsOn::Switch);
        let interface = pf.interface.as_ref();
        Self {
            num_vfs: Some(pf.num_vfs).filter(|_| !of_pf),
            eswitch_mode: pf.eswitch_mode.filter(|_| depends_on == DependsOn::Switch),
            driver: pf.driver.clone(),
            up: on_up && interface.is_some_and(|nic| nic.up),
            link: interface.filter(|_| on_link).map(|nic| Link {
                carrier: nic.carrier,
                speed: nic.speed,
                mtu: nic.mtu,
            }),
            vf_driver: vf.and_then(|vf| vf.driver.clone()),
        }
    }
}

impl Blocked {
    /// Remember a failure, with the PF as it was seen after it. One that would last is forgiven if
    /// the link came or went in between, as it does after a change of the MTU.
    pub fn insert(
        &mut self,
        step: Step,
        reason: String,
        persistence: Persistence,
        before: &PfSnapshot,
        pf: &PfSnapshot,
    ) {
        let mut circumstances = Circumstances::of(&step, pf);
        if !persistence.is_passing(u8::MAX) {
            circumstances.link = Circumstances::of(&step, before).link;
        }
        let known = self.failed.get(&step);
        let known = known.filter(|block| block.circumstances == circumstances);
        let tries = known.map_or(0, |block| block.tries).saturating_add(1);
        let block = Block {
            reason,
            persistence,
            circumstances,
            tries,
            again: false,
        };
        self.failed.insert(step, block);
    }

    /// Whoever undoes it is not there for a moment only: told at once, and tried again later.
    pub fn give_up_for_now(&mut self, step: Step, reason: String, pf: &PfSnapshot) {
        let block = Block {
            reason,
            persistence: Persistence::Transient,
            circumstances: Circumstances::of(&step, pf),
            tries: u8::MAX,
            again: false,
        };
        self.failed.insert(step, block);
    }

    /// Leave these alone for now, and no others. Whoever says so tells why.
    pub fn hold(&mut self, steps: BTreeSet<Step>) {
        self.held = steps;
    }

    /// A VF without a driver is for another to bind, unless it is one of these.
    pub fn wait_for_drivers(&mut self, abandoned: Option<BTreeSet<VfIndex>>) {
        self.abandoned = abandoned;
    }

    pub(super) fn waits_for_driver(&self, vf: VfIndex) -> bool {
        let abandoned = self.abandoned.as_ref();
        abandoned.is_some_and(|abandoned| !abandoned.contains(&vf))
    }

    /// As if it had not been tried.
    pub fn forget(&mut self, step: &Step) {
        self.failed.remove(step);
    }

    /// Let be tried again what may succeed by itself: after a back-off.
    pub fn allow_retries(&mut self) {
        for block in self.failed.values_mut() {
            block.again |= block.is_passing();
        }
        self.netdevs.looked();
    }

    /// Let everything be tried again at once. What has failed for good and does so again is no news.
    pub fn allow_everything(&mut self) {
        for block in self.failed.values_mut() {
            block.again = true;
        }
        self.netdevs = Netdevs::default();
    }

    /// Let every VF be bound again that could not be: there is another driver.
    pub fn allow_binds(&mut self) {
        let binds = self.failed.iter_mut();
        for (_, block) in binds.filter(|(step, _)| step.facts().part == Part::Driver) {
            (block.tries, block.again) = (0, true);
        }
    }

    /// Whether a VF has not the driver that it should have.
    pub fn awaits_driver(&self) -> bool {
        let mut steps = self.failed.keys();
        steps.any(|step| step.facts().part == Part::Driver)
    }

    /// Steps that were tried, whatever came of it.
    pub fn tried<'a>(&mut self, steps: impl Iterator<Item = &'a Step>) {
        steps.for_each(|step| self.netdevs.tried(step));
    }

    /// Whether the step failed before, as things still are.
    pub(super) fn stands(&self, step: &Step, pf: &PfSnapshot) -> bool {
        let block = self.failed.get(step);
        self.is_held(step) || block.is_some_and(|block| block.stands(step, pf))
    }

    /// Whether it is left alone for another reason.
    pub(super) fn is_held(&self, step: &Step) -> bool {
        self.held.contains(step)
    }

    /// Whether it failed, as things still are, in a way that passes by itself.
    pub(super) fn may_pass(&self, step: &Step, pf: &PfSnapshot) -> bool {
        let block = self.failed.get(step);
        block.is_some_and(|block| block.is_passing() && block.stands(step, pf))
    }

    /// Whether it failed so often that nothing but a change can help.
    pub fn is_final(&self, step: &Step) -> bool {
        let block = self.failed.get(step);
        block.is_some_and(|block| !block.is_passing())
    }

    pub(super) fn problem(&self, step: &Step, pf: &PfSnapshot) -> Option<Problem> {
        let block = self.failed.get(step)?;
        block.stands(step, pf).then(|| Problem {
            kind: match block.is_patient() {
                true => ProblemKind::Awaits,
                false => ProblemKind::Failed,
            },
            vf: step.vf(),
            step: Some(step.clone()),
            reason: block.reason.clone(),
            hint: None,
        })
    }

    /// Whether a step is tried again after a delay.
    pub fn awaits_retry(&self) -> bool {
        self.failed.values().any(Block::is_passing) || self.netdevs.are_awaited()
    }

    /// Whether something is on its way that the system brings about by itself.
    pub fn is_coming(&self) -> bool {
        let is_coming = |block: &Block| {
            !matches!(block.persistence, Persistence::Busy | Persistence::Service)
                && block.is_patient()
        };
        self.failed.values().any(is_coming) || self.netdevs.are_awaited()
    }

    /// Forget failures of steps that nobody asks for any more, or whose circumstances changed.
    pub fn prune(&mut self, pf: &PfSnapshot, planned: &Plan) {
        self.failed.retain(|step, block| {
            let wanted = planned.steps.contains(step)
                || planned
                    .problems
                    .iter()
                    .any(|problem| problem.step.as_ref() == Some(step));
            wanted && block.circumstances == Circumstances::of(step, pf)
        });
        self.netdevs.note(&planned.without_netdev);
    }
}
