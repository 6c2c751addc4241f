//! Whether rules of tc on the PF and on its representors are given to the hardware (`hw-tc-offload`).

use super::owned::OwnedPf;
use super::{Input, Plan};
use crate::model::{PfSnapshot, PfStep, Representor, Step, VfIndex, VfRange, VfStep};
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

/// Before VFs are made, whose representors may take what the PF has.
pub(super) fn plan_pf(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let before = || input.owned.and_then(|owned| owned.tc_offload_before);
    let Some(interface) = &input.pf.interface else {
        return;
    };
    let Some(wanted) = desired.hw_tc_offload.or_else(before) else {
        return;
    };
    match interface.tc_offload {
        Some(is) if is != wanted => plan.steps.push(of_pf(interface.index, wanted)),
        None if desired.hw_tc_offload == Some(true) => {
            let driver = driver(input.pf);
            let reason = format!("hw_tc_offload is not supported by driver {driver}");
            plan.problem(ProblemKind::Unsupported, reason);
        }
        _ => {}
    }
}

/// What is wanted of the representors of a PF.
pub(super) struct Representors<'a> {
    input: &'a Input<'a>,
    wanted: Option<bool>,
    without: Vec<VfIndex>,
}

impl<'a> Representors<'a> {
    pub(super) fn new(input: &'a Input<'a>, desired: &DesiredPf) -> Self {
        Self {
            input,
            wanted: desired.hw_tc_offload,
            without: Vec::new(),
        }
    }

    /// In the order of their VFs.
    pub(super) fn plan(&mut self, vf: VfIndex, there: &Representor, plan: &mut Plan) {
        let before = || self.input.owned?.vfs.get(&vf)?.tc_offload_before;
        match (self.wanted.or_else(before), there.tc_offload) {
            (Some(wanted), Some(is)) if is != wanted => {
                plan.steps.push(of_representor(vf, there.index, wanted));
            }
            (Some(true), None) => self.without.push(vf),
            _ => {}
        }
    }

    pub(super) fn tell(self, plan: &mut Plan) {
        if let Some(vfs) = VfRange::of(self.without) {
            let driver = driver(self.input.pf);
            let reason = format!(
                "hw_tc_offload of the representor of VF {vfs} is not supported by driver {driver}"
            );
            plan.problem(ProblemKind::Unsupported, reason);
        }
    }
}

/// What sriovd has changed goes back, on what is still there.
pub(super) fn undo(input: &Input, owned: &OwnedPf, plan: &mut Plan) {
    let pf = input.pf;
    for (&index, mine) in &owned.vfs {
        let there = pf.vfs.get(&index).and_then(|vf| vf.representor.as_ref());
        if let (Some(before), Some(there)) = (mine.tc_offload_before, there)
            && there.tc_offload == Some(!before)
        {
            plan.steps.push(of_representor(index, there.index, before));
        }
    }
    if let (Some(before), Some(interface)) = (owned.tc_offload_before, &pf.interface)
        && interface.tc_offload == Some(!before)
    {
        plan.steps.push(of_pf(interface.index, before));
    }
}

fn of_pf(interface: u32, on: bool) -> Step {
    Step::Pf(PfStep::SetTcOffload { interface, on })
}

fn of_representor(vf: VfIndex, interface: u32, on: bool) -> Step {
    Step::Vf(vf, VfStep::SetRepresentorTcOffload { interface, on })
}

fn driver(pf: &PfSnapshot) -> &str {
    pf.driver.as_ref().map_or("none", |driver| driver.as_str())
}
