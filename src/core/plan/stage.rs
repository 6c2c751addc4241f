//! The stages by which a PF comes to be as its policies want it, in their order.

use super::value::Next;
use super::{Input, Plan, bridge, count, eswitch, netdev, offload, params, rdma, representor, vf};
use crate::policy::resolve::DesiredPf;
use crate::report::ProblemKind;

/// A part of a plan. Whatever is added to what a PF can have is a line here and in `ALL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// A driver that can be asked for anything.
    Driver,
    /// The interface that attributes are set through.
    Interface,
    /// Bridges that are not wanted any more, which stand in the way of another mode.
    FormerBridges,
    /// Parameters of the driver.
    Params,
    /// The mode of the NIC's own switch.
    Eswitch,
    /// Whether rules of tc on the PF are given to the hardware.
    Offload,
    /// The MTU of the PF.
    Mtu,
    /// As many VFs as are wanted.
    Count,
    /// The PF's administrative state.
    Up,
    /// Whether new VFs meet their default driver.
    Autoprobe,
    /// What the kernel says of each VF.
    VfList,
    /// The link, which a new MTU restarts and rates hang on.
    Link,
    /// Attributes, drivers and MTU of each VF.
    Vfs,
    /// What stands for VFs on the host in switchdev mode.
    Representors,
    /// The bridge that PF and representors are ports of.
    Bridge,
    /// Interfaces that drivers of VFs have to make.
    Netdevs,
    /// RDMA devices of VFs.
    Rdma,
}

impl Stage {
    const ALL: [Self; 17] = [
        Self::Driver,
        Self::Interface,
        Self::FormerBridges,
        Self::Params,
        Self::Eswitch,
        Self::Offload,
        Self::Mtu,
        Self::Count,
        Self::Up,
        Self::Autoprobe,
        Self::VfList,
        Self::Link,
        Self::Vfs,
        Self::Representors,
        Self::Bridge,
        Self::Netdevs,
        Self::Rdma,
    ];

    fn plan(self, input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Next {
        match self {
            Self::Driver => return driver(input, plan),
            Self::Interface => return count::await_interface(input, plan),
            Self::FormerBridges => return bridge::plan_removals(input, desired, plan),
            Self::Params => return params::plan_params(input, desired, plan),
            Self::Eswitch => return eswitch::plan_mode(input, desired, plan),
            Self::Offload => offload::plan_pf(input, desired, plan),
            Self::Mtu => count::plan_mtu(input, desired, plan),
            Self::Count => return count::plan_count(input, desired, plan),
            Self::Up => count::plan_up(input, desired, plan),
            Self::Autoprobe => count::plan_autoprobe(input, desired, plan),
            Self::VfList => return vf_list(input, plan),
            Self::Link => return count::await_link(input, plan),
            Self::Vfs => vf::plan_vfs(input, desired, plan),
            Self::Representors => representor::plan_representors(input, desired, plan),
            Self::Bridge => bridge::plan_bridge(input, desired, plan),
            Self::Netdevs => netdev::plan_missing(input, desired, plan),
            Self::Rdma => rdma::plan_missing(input, desired, plan),
        }
        Next::Continue
    }
}

/// Plans one stage after another, up to the one that waits, which is returned.
pub(super) fn plan(input: &Input, desired: &DesiredPf, plan: &mut Plan) -> Option<Stage> {
    let mut stages = Stage::ALL.into_iter();
    stages.find(|stage| stage.plan(input, desired, plan) == Next::Wait)
}

fn driver(input: &Input, plan: &mut Plan) -> Next {
    if input.pf.driver.is_some() {
        return Next::Continue;
    }
    plan.problem(ProblemKind::NoDriver, "no driver is bound to the PF");
    Next::Wait
}

fn vf_list(input: &Input, plan: &mut Plan) -> Next {
    if input.pf.vf_list_complete {
        return Next::Continue;
    }
    plan.unknown_vfs(input.pf);
    Next::Wait
}
