//! A PF that we configured and no policy names any more: undo what is ours, and only that.

use super::address::{self, Targets, Verdict};
use super::owned::{OwnedPf, OwnedVf};
use super::value::Next;
use super::{Input, Plan, bridge, count, eswitch, in_use, offload, params};
use crate::model::{
    BindTarget, MacAddress, Mtu, PfSnapshot, PfStep, Step, VfAttribute, VfIndex, VfSetting,
    VfSnapshot, VfStep,
};
use crate::policy::{Disruption, OnRemoval};
use crate::report::ProblemKind;

pub(super) fn plan_removal(input: &Input, owned: &OwnedPf, plan: &mut Plan) {
    let pf = input.pf;
    if owned.on_removal == OnRemoval::Keep {
        return;
    }
    if bridge::undo(input, owned, plan) == Next::Wait {
        return;
    }
    if owned.created_vfs && pf.num_vfs != 0 {
        if pf.count_is_changing {
            plan.unknown_vfs(pf);
            return;
        }
        let change = "resetting the PF, which no policy names any more,";
        if in_use::may_destroy(input, Disruption::WhenUnused, change, plan) {
            plan.steps.push(Step::Pf(PfStep::SetNumVfs {
                from: pf.num_vfs,
                to: 0,
            }));
        }
        return;
    }
    if let Some(on) = owned.autoprobe_before {
        count::set_autoprobe(plan, pf.autoprobe, on);
    }
    if pf.num_vfs != 0 && !pf.vf_list_complete {
        plan.unknown_vfs(pf);
        return;
    }
    let vfs = || {
        let seen = |index| pf.vfs.get(index);
        (owned.vfs.iter()).filter_map(move |(index, mine)| Some((*index, mine, seen(index)?)))
    };
    let targets = vfs().filter_map(|(index, mine, vf)| Some((index, former_address(mine, vf)?)));
    let targets: Targets = targets.collect();
    let mut verdicts = address::judge(input, &targets, plan);
    for (index, mine, vf) in vfs() {
        undo_vf(input, index, mine, vf, verdicts.remove(&index), plan);
    }
    if let (Some(before), Some(interface)) = (owned.mtu_before, &pf.interface) {
        count::set_mtu(plan, interface, before);
    }
    offload::undo(input, owned, plan);
    set_down(pf, owned, plan);
    eswitch::undo(input, owned, plan);
    params::undo(input, owned, plan);
}

/// It was set up for VFs that are gone now. Who uses the PF by now, nothing else tells.
fn set_down(pf: &PfSnapshot, owned: &OwnedPf, plan: &mut Plan) {
    let ours = owned.brought_up.filter(|&index| pf.is_up_as(index));
    let Some(interface) = ours.filter(|_| pf.num_vfs == 0) else {
        return;
    };
    match &pf.users {
        None => plan.needs_holders = true,
        Some(users) if users.is_empty() => plan.steps.push(Step::Pf(PfStep::SetDown { interface })),
        Some(_) => {}
    }
}

fn former_address(owned: &OwnedVf, vf: &VfSnapshot) -> Option<MacAddress> {
    let VfSetting::Mac(before) = owned.undo(VfAttribute::Mac, vf)? else {
        return None;
    };
    let is = vf.settings.mac?;
    (is != before).then_some(before)
}

fn undo_vf(
    input: &Input,
    index: VfIndex,
    owned: &OwnedVf,
    vf: &VfSnapshot,
    verdict: Option<Verdict>,
    plan: &mut Plan,
) {
    let interface = input.pf.interface.as_ref().map(|interface| interface.index);
    let before = owned.settings.keys().filter_map(|&attribute| {
        let value = owned.undo(attribute, vf)?;
        let is = vf.settings.get(attribute)?;
        (!input.pf.is_same(value, is)).then_some(value)
    });
    let mut settings: Vec<_> = before.collect();
    let is_denied = matches!(verdict, Some(Verdict::Denied(_) | Verdict::Withheld));
    let is_address = |setting: &VfSetting| setting.attribute() == VfAttribute::Mac;
    match verdict {
        None => {}
        Some(Verdict::Denied(problem)) => {
            settings.retain(|setting| !is_address(setting));
            plan.problems.push(*problem);
        }
        Some(Verdict::Withheld) => settings.retain(|setting| !is_address(setting)),
        Some(Verdict::GivesUp) => {
            let addresses = settings.iter_mut().filter(|setting| is_address(setting));
            addresses.for_each(|address| *address = VfSetting::Mac(MacAddress::ZERO));
        }
    }
    // Its netdev takes another address when its driver probes.
    let readdress = !is_denied
        && owned.settings.contains_key(&VfAttribute::Mac)
        && (vf.interface.as_ref()).is_some_and(|interface| Some(interface.mac) == owned.mac);
    let of_others = vf.driver_override.is_some() && !owned.driver;
    let driver = owned.driver && (vf.driver_override.is_some() || vf.driver.is_none());
    let rebind = driver || readdress && !of_others;
    if settings.is_empty() && !rebind {
        undo_mtu(index, owned, vf, plan);
        return;
    }
    let change = "resetting it, as no policy names its PF any more,";
    if !in_use::may_disturb(input, Disruption::WhenUnused, index, change, plan) {
        return;
    }
    match interface {
        Some(interface) => plan.steps.extend(
            settings
                .into_iter()
                .map(|setting| Step::Vf(index, VfStep::SetAttribute { interface, setting })),
        ),
        None if settings.is_empty() => {}
        None => plan.problem(
            ProblemKind::Awaits,
            "its VFs are reset when its interface is back",
        ),
    }
    if rebind {
        let to = BindTarget::Default;
        plan.steps.push(Step::Vf(
            index,
            VfStep::Bind {
                address: vf.address,
                from: vf.driver.clone(),
                to,
            },
        ));
    }
}

fn undo_mtu(index: VfIndex, owned: &OwnedVf, vf: &VfSnapshot, plan: &mut Plan) {
    let interface = vf
        .interface
        .as_ref()
        .filter(|own| owned.mtu && own.mtu != Mtu::ETHERNET);
    if let Some(own) = interface {
        plan.steps.push(Step::Vf(
            index,
            VfStep::SetMtu {
                interface: own.index,
                mtu: Mtu::ETHERNET,
            },
        ));
    }
}
