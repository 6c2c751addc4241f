//! VFs that are to be offered for RDMA and have no RDMA device: the device plugin leaves them out.

use super::{Input, Plan};
use crate::model::VfRange;
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

pub(super) fn plan_missing(input: &Input, desired: &DesiredPf, plan: &mut Plan) {
    let is_offered = |index| {
        let claim = desired.claim_of(index);
        claim.is_some_and(|claim| claim.is_rdma && claim.resource.is_some())
    };
    let lacking = input.pf.vfs.iter().filter(|(index, vf)| {
        let wanted = desired.vfs.get(index);
        let for_user_space = || vf.driver.as_ref().is_some_and(|it| it.is_userspace());
        // In a container its RDMA device may be out of sight with it.
        is_offered(**index)
            && wanted.is_some_and(|wanted| wanted.is_ready(vf))
            && !for_user_space()
            && !vf.interface_elsewhere
            && vf.rdma.is_empty()
    });
    if let Some(vfs) = VfRange::of(lacking.map(|(&index, _)| index)) {
        let reason = format!(
            "VF {vfs} has no RDMA device, which \"is_rdma\" asks for: the device plugin leaves it out"
        );
        plan.problem(ProblemKind::Unsupported, reason);
    }
}
