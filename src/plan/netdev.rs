//! VFs that are bound to the kernel's driver and have no network interface: nobody can use them.

use super::{Input, Plan};
use crate::model::{VfIndex, VfRange};
use crate::policy::DeviceType;
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

/// Told of the PF in one sentence: where one VF is too many, dozens are.
pub(super) fn tell_of_missing(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let without = |half_bound: bool| -> Option<VfRange> {
        let vfs = input.pf.vfs.iter();
        let vfs = vfs.filter(|(index, vf)| {
            vf.half_bound == half_bound && is_for_the_kernel(desired, index) && vf.lacks_netdev()
        });
        VfRange::of(vfs.map(|(&index, _)| index))
    };
    if let Some(vfs) = without(true) {
        let reason = format!("no driver made a network interface for VF {vfs}; see the kernel log");
        plan.problem(ProblemKind::Failed, reason);
    }
    if let Some(vfs) = without(false) {
        let reason = format!("the network interface of VF {vfs} is not there yet");
        plan.problem(ProblemKind::Awaits, reason);
    }
}

fn is_for_the_kernel(desired: &DesiredPf, index: &VfIndex) -> bool {
    let wanted = desired.vfs.get(index);
    wanted
        .is_some_and(|wanted| wanted.claim.is_some() && wanted.device_type == DeviceType::Netdevice)
}
