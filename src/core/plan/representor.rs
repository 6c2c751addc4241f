//! Representors: the netdevs that stand for VFs on the host in switchdev mode.
//!
//! They come after their VFs, are named by udev, and go with the mode: nothing of them is undone.

use super::offload::Representors;
use super::{Input, Plan};
use crate::model::{EswitchMode, Representor, Step, VfIndex, VfRange, VfStep};
use crate::policy::DesiredRepresentor;
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

/// Only where a policy asks for the mode: what others do with the representors of theirs is their affair.
pub(super) fn plan_representors(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let modes = [desired.eswitch_mode, input.pf.eswitch_mode];
    if modes != [Some(EswitchMode::Switchdev); 2] {
        return;
    }
    let mut offload = Representors::new(input, desired);
    let (mut absent, mut unnamed) = (Vec::new(), Vec::new());
    for (&index, vf) in &input.pf.vfs {
        let wanted = desired.vfs.get(&index).filter(|vf| vf.claim.is_some());
        let Some(wanted) = wanted else { continue };
        match &vf.representor {
            Some(there) if there.name_is_final => {
                plan.steps.extend(steps(index, there, wanted.representor));
                offload.plan(index, there, plan);
            }
            Some(_) => unnamed.push(index),
            None => absent.push(index),
        }
    }
    offload.tell(plan);
    if let Some(vfs) = VfRange::of(absent) {
        let reason = format!("VF {vfs} has no representor in the host's network namespace");
        plan.problem(ProblemKind::Awaits, reason);
    }
    if let Some(vfs) = VfRange::of(unnamed) {
        let reason = format!("udev has yet to name the representor of VF {vfs}");
        plan.problem(ProblemKind::Awaits, reason);
    }
}

fn steps(
    vf: VfIndex,
    there: &Representor,
    wanted: DesiredRepresentor,
) -> impl Iterator<Item = Step> {
    let interface = there.index;
    let mtu = wanted.mtu.filter(|mtu| *mtu != there.mtu);
    let mtu = mtu.map(|mtu| VfStep::SetRepresentorMtu { interface, mtu });
    let up = wanted.up && !there.up;
    let up = up.then_some(VfStep::SetRepresentorUp { interface });
    [mtu, up]
        .into_iter()
        .flatten()
        .map(move |step| Step::Vf(vf, step))
}
