//! What a pass would do: the pass itself, run against a simulated copy of the host.
//!
//! The simulator refuses what a kernel refuses, so the forecast goes past the first step, to
//! the attributes and drivers of VFs that do not exist yet.
#![warn(missing_docs)]
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::SimHost;
use super::ledger::{MemoryLedger, Quiet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::host::Host;
use sriovd_core::memory::Memory;
use sriovd_core::model::{HostSnapshot, Part, PciAddress, PfSnapshot, PolicyName, Step};
use sriovd_core::plan::Blocked;
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::resolve::{Resolution, Shadowed};
use sriovd_core::reconcile::{Addresses, End, Pass};
use sriovd_core::report::{Pause, Performed, PfReport, PfState, Problem, ProblemKind, TakenVf};

/// What passes over all PFs of a host would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Forecast {
    /// One for each PF, by its address.
    pub pfs: Vec<PfForecast>,
}

/// What a pass over one PF would do.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PfForecast {
    /// The PCI address of the PF.
    pub address: PciAddress,
    /// The name of its netdev, where it has one.
    pub interface: Option<String>,
    /// The policies that hold for it, strongest first.
    pub policies: Vec<PolicyName>,
    /// The policies that match it and have no effect, each with the policy that is in its way.
    pub shadowed: Vec<Shadowed>,
    /// The steps in the order in which they would be done, over all rounds.
    pub steps: Vec<ForecastStep>,
    /// What would not be as wanted afterwards.
    pub problems: Vec<Problem>,
    /// The holders that would lose a VF.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenVf>,
}

/// A step that would be done.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct ForecastStep {
    /// The step in words, as the journal says it.
    pub text: String,
    /// It disturbs VFs: their holders lose them or their link.
    pub disruptive: bool,
    /// The step, for programs.
    #[serde(flatten)]
    pub step: Step,
}

impl PfForecast {
    /// The forecast of a PF that could not be looked at: its problems and nothing else.
    pub fn none(pf: PfReport) -> Self {
        Self {
            address: pf.address,
            interface: pf.interface,
            policies: pf.policies,
            shadowed: Vec::new(),
            steps: Vec::new(),
            problems: pf.problems,
            taken: Vec::new(),
        }
    }
}

impl Forecast {
    /// Whether there is nothing to do and nothing in the way.
    pub fn is_converged(&self) -> bool {
        self.pfs.iter().all(|pf| {
            let settled = |problem: &Problem| problem.kind.state() == PfState::Ready;
            pf.steps.is_empty() && pf.problems.iter().all(settled)
        })
    }
}

/// Runs passes over a simulated copy of the host. `memory` says what is owned and is not changed.
pub fn forecast(snapshot: &HostSnapshot, policies: &PolicySet, memory: &Memory) -> Forecast {
    forecast_with(snapshot, policies, memory, false)
}

/// What a pass would come to that asks VFIO groups before it disturbs VFs. `ask` looks so at a PF, and
/// is called for those only of which VFs would be disturbed. `force`: as if somebody had said that VFs
/// in use may be taken away.
pub fn forecast_asking<E>(
    mut snapshot: HostSnapshot,
    policies: &PolicySet,
    memory: &Memory,
    force: bool,
    mut ask: impl FnMut(PciAddress) -> Result<Option<PfSnapshot>, E>,
) -> Result<Forecast, E> {
    let first = forecast_with(&snapshot, policies, memory, force);
    let disturbs = |pf: &&PfForecast| pf.steps.iter().any(|step| step.disruptive);
    let disturbed: Vec<_> = first.pfs.iter().filter(disturbs).collect();
    if disturbed.is_empty() {
        return Ok(first);
    }
    for pf in disturbed {
        if let Some(mut seen) = ask(pf.address)? {
            let known = snapshot.pfs.remove(&pf.address);
            seen.open_vswitch = known.and_then(|known| known.open_vswitch);
            snapshot.pfs.insert(pf.address, seen);
        }
    }
    Ok(forecast_with(&snapshot, policies, memory, force))
}

fn forecast_with(
    snapshot: &HostSnapshot,
    policies: &PolicySet,
    memory: &Memory,
    force: bool,
) -> Forecast {
    let host = SimHost::from_snapshot(snapshot.clone());
    let ledger = MemoryLedger::from(memory.clone());
    let pass = Pass {
        host: &host as &dyn Host,
        policies,
        node: &snapshot.node,
        ledger: &ledger,
        addresses: &Addresses::default(),
        progress: &Quiet,
        force,
        // What waits is what somebody who asks wants to know.
        paused: None,
        // A plan says where it ends.
        interface_is_overdue: true,
    };
    let pfs = snapshot.pfs.iter().map(|(&address, pf)| {
        let outcome = pass.run(address, Blocked::default());
        let (resolution, mut problems) = match outcome.end {
            End::Seen {
                resolution,
                problems,
                ..
            } => (resolution, problems),
            End::Gone | End::Unobservable(_) => (Resolution::Unmatched, Vec::new()),
        };
        let (policies, shadowed) = match resolution {
            Resolution::Desired(desired) => {
                let names = desired.policies.iter().map(|claim| claim.policy.clone());
                (names.collect::<Vec<_>>(), desired.shadowed)
            }
            Resolution::Unmatched | Resolution::AwaitsName => Default::default(),
        };
        let steps = forecast_steps(outcome.performed, pf);
        if let Some(pause) = memory.pauses.of(address)
            && !(steps.is_empty() && policies.is_empty())
        {
            problems.insert(0, paused(pause));
        }
        let taken = outcome.taken.into_iter().map(|(vf, holders)| TakenVf {
            pf: address,
            vf,
            holders,
        });
        PfForecast {
            address,
            interface: pf
                .interface
                .as_ref()
                .map(|interface| interface.name.to_string()),
            policies,
            shadowed,
            steps,
            problems,
            taken: taken.collect(),
        }
    });
    Forecast { pfs: pfs.collect() }
}

fn paused(pause: &Pause) -> Problem {
    Problem {
        kind: ProblemKind::Paused,
        vf: None,
        step: None,
        reason: pause.to_string(),
        hint: None,
    }
}

fn forecast_steps(performed: Vec<Performed>, pf: &PfSnapshot) -> Vec<ForecastStep> {
    let mut vfs_are_new = false;
    let forecast = |Performed { step, .. }| {
        let disruptive = !vfs_are_new && is_disruptive(&step, pf);
        vfs_are_new |= step.facts().part == Part::Count;
        ForecastStep {
            text: step.to_string(),
            disruptive,
            step,
        }
    };
    performed.into_iter().map(forecast).collect()
}

/// Binding a VF that has no driver takes it from nobody.
fn is_disruptive(step: &Step, pf: &PfSnapshot) -> bool {
    let bound = |vf| pf.vfs.get(&vf).is_some_and(|vf| vf.driver.is_some());
    step.is_disruptive() && step.vf().is_none_or(bound)
}
