//! A PF that no policy names any more.

use super::*;
use crate::model::bridge::{Bridge, BridgeChange};
use crate::model::{Action, EswitchMode, ParamKind, ParamMode, ParamValue, StepFacts};

/// A PF with two VFs that sriovd did this much to.
fn abandoned(own: impl FnOnce(&mut OwnedPf)) -> Case {
    let mut case = Case::new(2, |_| ());
    case.policies.clear();
    let mut owned = OwnedPf::default();
    own(&mut owned);
    case.owned = Some(owned);
    case
}

fn own_vf(fill: impl FnOnce(&mut owned::OwnedVf)) -> impl FnOnce(&mut OwnedPf) {
    |owned| fill(owned.vfs.entry(VfIndex(0)).or_default())
}

#[test]
fn plan_never_touches_a_pf_that_is_not_owned() {
    let mut case = abandoned(|_| ());
    case.owned = None;
    case.vf(0).settings.vlan = Some(vlan(5));
    case.plans(&[]);
    case.reports(&[]);
}

#[test]
fn plan_destroys_the_vfs_that_it_made_and_then_undoes_the_rest() {
    let mut case = abandoned(|owned| {
        owned.created_vfs = true;
        owned.mtu_before = Some(mtu(1500));
        owned.autoprobe_before = Some(true);
    });
    case.interface().mtu = mtu(9000);
    case.pf.autoprobe = false;
    case.plans(&["numvfs 2 -> 0"]);
    case.pf.num_vfs = 0;
    case.pf.vfs.clear();
    case.plans(&["sriov_drivers_autoprobe on", "PF mtu 1500"]);
}

#[test]
fn plan_leaves_vfs_alone_that_go_by_themselves() {
    let mut case = abandoned(|owned| owned.created_vfs = true);
    case.pf.vf_list_complete = false;
    case.pf.count_is_changing = true;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_waits_for_the_users_of_what_it_would_destroy() {
    let mut case = abandoned(|owned| owned.created_vfs = true);
    case.hold(1, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    case.force = true;
    case.plans(&["numvfs 2 -> 0"]);
    case.pf.holders = None;
    assert!(case.plan().needs_holders);
}

#[test]
fn plan_keeps_everything_where_the_policy_said_so() {
    let mut case = abandoned(|owned| {
        owned.created_vfs = true;
        owned.on_removal = OnRemoval::Keep;
    });
    case.plans(&[]);
    case.pf.driver = None;
    case.plans(&[]);
}

#[test]
fn plan_puts_attributes_back_to_what_they_were() {
    let mut case = abandoned(own_vf(|vf| {
        let before = VfSetting::SpoofCheck(true);
        vf.settings.insert(VfAttribute::SpoofCheck, Some(before));
        vf.settings.insert(VfAttribute::Vlan, None);
        vf.settings.insert(VfAttribute::QueryRss, None);
    }));
    case.vf(0).settings.vlan = Some(vlan(5));
    case.vf(0).settings.spoof_check = Some(false);
    case.vf(1).settings.vlan = Some(vlan(5));
    case.plans(&["VF 0 vlan 0", "VF 0 spoofchk on"]);
    case.pf.interface = None;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
}

#[test]
fn plan_resets_no_vf_in_use() {
    let mut case = abandoned(own_vf(|vf| {
        vf.settings.insert(VfAttribute::Vlan, None);
    }));
    case.vf(0).settings.vlan = Some(vlan(5));
    case.hold(0, allocated());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
}

#[test]
fn plan_gives_vfs_their_default_driver_back() {
    let mut case = abandoned(own_vf(|vf| vf.driver = true));
    case.plans(&[]);
    case.vf(0).driver = "vfio-pci".parse().ok();
    case.vf(0).driver_override = "vfio-pci".parse().ok();
    case.plans(&["VF 0 driver default"]);
    case.vf(0).driver = None;
    case.vf(0).driver_override = None;
    case.plans(&["VF 0 driver default"]);
    case.pf.autoprobe = false;
    case.plans(&["sriov_drivers_autoprobe on", "VF 0 driver default"]);
    // That takes no interface of the PF.
    case.pf.interface = None;
    case.reports(&[]);
}

#[test]
fn plan_binds_a_vf_again_only_for_an_address_that_is_ours() {
    let mut case = abandoned(own_vf(|vf| {
        vf.settings.insert(VfAttribute::Mac, None);
        vf.mac = Some(mac(1));
    }));
    case.vf(0).interface.as_mut().unwrap().mac = mac(1);
    case.plans(&["VF 0 mac 00:00:00:00:00:00", "VF 0 driver default"]);
    case.vf(0).interface.as_mut().unwrap().mac = mac(2);
    case.plans(&[]);
}

#[test]
fn plan_leaves_the_mtu_of_a_port_of_a_bond_that_no_policy_names_any_more() {
    let mut case = abandoned(|owned| owned.mtu_before = Some(mtu(1500)));
    case.interface().mtu = mtu(9000);
    case.interface().bond = "bond0".parse().ok();
    case.plans(&[]);
    case.reports(&[]);
    case.interface().bond = None;
    case.plans(&["PF mtu 1500"]);
}

#[test]
fn plan_gives_vfs_their_mtu_back() {
    let mut case = abandoned(own_vf(|vf| vf.mtu = true));
    case.plans(&[]);
    for vf in 0..2 {
        case.vf(vf).interface.as_mut().unwrap().mtu = mtu(9000);
    }
    case.plans(&["VF 0 mtu 1500"]);
}

#[test]
fn plan_resets_nothing_from_a_short_list() {
    let mut case = abandoned(own_vf(|vf| {
        vf.settings.insert(VfAttribute::Vlan, None);
    }));
    case.pf.vf_list_complete = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::ShortVfList, None)]);
}

#[test]
fn plan_steps_know_whom_they_bind() {
    let mut case = abandoned(own_vf(|vf| vf.driver = true));
    case.vf(0).driver = None;
    let address = case.vf(0).address;
    let bind = Step::Vf(
        VfIndex(0),
        VfStep::Bind {
            address,
            from: None,
            to: BindTarget::Default,
        },
    );
    assert_eq!(case.plan().steps, [bind]);
}

fn pf_address() -> PciAddress {
    "0000:01:00.0".parse().unwrap()
}

/// Every kind of step, done to a PF with two VFs or none.
fn every_kind(pf: &PfSnapshot) -> Vec<Step> {
    let interface = pf.interface.as_ref().unwrap().index;
    let vf = VfIndex(0);
    let mut steps = vec![
        Step::Pf(PfStep::SetAutoprobe { on: false }),
        Step::Pf(PfStep::SetNumVfs {
            from: pf.num_vfs,
            to: 2 - pf.num_vfs,
        }),
        Step::Pf(PfStep::SetEswitchMode {
            from: EswitchMode::Legacy,
            to: EswitchMode::Switchdev,
        }),
        Step::Pf(PfStep::SetDevlinkParam {
            name: "flow_steering_mode".to_owned(),
            kind: ParamKind::String,
            mode: ParamMode::Runtime,
            to: ParamValue::Text("smfs".to_owned()),
        }),
        Step::Pf(PfStep::SetDevlinkParam {
            name: "enable_roce".to_owned(),
            kind: ParamKind::Bool,
            mode: ParamMode::Driverinit,
            to: ParamValue::Switch(false),
        }),
        Step::Pf(PfStep::ReloadDevlink),
        Step::Pf(PfStep::SetTcOffload {
            interface,
            on: true,
        }),
        Step::Pf(PfStep::SetBridge(Box::new(BridgeChange {
            make: true,
            ..BridgeChange::of("br1".parse().unwrap())
        }))),
        Step::Pf(PfStep::RemoveBridge {
            name: "br0".parse().unwrap(),
        }),
        Step::Pf(PfStep::SetUp { interface }),
        Step::Pf(PfStep::SetDown { interface }),
        Step::Pf(PfStep::SetMtu {
            interface,
            mtu: mtu(9000),
        }),
    ];
    if let Some(own) = pf.vfs.get(&vf) {
        steps.extend([
            Step::Vf(
                vf,
                VfStep::SetAttribute {
                    interface,
                    setting: VfSetting::Vlan(vlan(7)),
                },
            ),
            Step::Vf(
                vf,
                VfStep::SetMtu {
                    interface: own.interface.as_ref().unwrap().index,
                    mtu: mtu(9000),
                },
            ),
        ]);
    }
    let own = pf.vfs.get(&vf).into_iter();
    let vfio = BindTarget::Driver("vfio-pci".parse().unwrap());
    let binds = own.flat_map(|own| [BindTarget::Default, vfio.clone()].map(|to| (own, to)));
    steps.extend(binds.map(|(own, to)| {
        let (address, from) = (own.address, own.driver.clone());
        Step::Vf(vf, VfStep::Bind { address, from, to })
    }));
    steps
}

#[test]
fn every_kind_of_step_is_undone_by_the_one_that_its_facts_name() {
    let mut kinds = Vec::new();
    for vfs in [0, 2] {
        let host = || {
            let host = SimHost::default();
            host.plug(SimPf::new(pf_address(), DriverModel::MLX5));
            host.set_num_vfs_by_hand(pf_address(), vfs);
            host
        };
        let look = |host: &SimHost| {
            let mut seen = host.observe(pf_address(), Look::WithHolders).unwrap();
            let bridges = host.open_vswitch();
            seen.iter_mut()
                .for_each(|pf| pf.open_vswitch = Some(bridges.clone()));
            seen
        };
        for step in every_kind(&look(&host()).unwrap()) {
            let host = host();
            // VFs are in the way of the one and hold the other.
            let without_vfs = step.awaits_reload()
                || matches!(
                    step,
                    Step::Pf(
                        PfStep::SetEswitchMode { .. }
                            | PfStep::ReloadDevlink
                            | PfStep::SetUp { .. }
                    )
                );
            if without_vfs && vfs != 0 {
                continue;
            }
            let is_down = matches!(step, Step::Pf(PfStep::SetDown { .. }));
            host.set_pf_up(pf_address(), is_down);
            if let Step::Pf(PfStep::RemoveBridge { name }) = &step {
                let made_for = Some(pf_address());
                let own = Bridge {
                    made_for,
                    ..Bridge::default()
                };
                host.edit_bridges(|all| drop(all.bridges.insert(name.to_string(), own)));
            }
            let before = look(&host).unwrap();
            let plan = Plan {
                steps: vec![step.clone()],
                ..Plan::default()
            };
            let nothing = OwnedPf::default();
            let owned = owned::about_to_own(Some(&nothing), &Resolution::Unmatched, &before, &plan);
            let action = Action {
                pf: pf_address(),
                step: step.clone(),
                though_in_use: true,
                seen: None,
            };
            host.apply(&action).unwrap();
            let mut case = abandoned(|_| ());
            case.pf = look(&host).unwrap();
            case.owned = owned;
            let mut undone: Vec<_> = case.plan().steps.iter().map(Step::kind).collect();
            // It is in effect with that.
            undone.retain(|it| !step.awaits_reload() || *it != "reload-devlink");
            let facts = step.facts();
            assert_eq!(undone, Vec::from_iter(facts.undone_by), "{step}");
            kinds.push(facts);
        }
    }
    // There are representors only in switchdev mode.
    let is_here = |facts: &StepFacts| !facts.word.starts_with("set-representor");
    let lacks = |facts: &&StepFacts| is_here(facts) && !kinds.contains(facts);
    assert_eq!(StepFacts::ALL.iter().find(lacks), None, "not shown here");
}
