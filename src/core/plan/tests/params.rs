//! Parameters of the driver.

use super::*;
use crate::model::{DevlinkParam, ParamKind, ParamMode, ParamValue};

fn param(kind: ParamKind, mode: ParamMode, value: ParamValue) -> DevlinkParam {
    let values = [(mode, value)].into();
    DevlinkParam { kind, values }
}

fn text(text: &str) -> ParamValue {
    ParamValue::Text(text.to_owned())
}

/// A PF with one parameter of each kind, and a policy for this one.
fn case(vfs: u16, name: &str, value: ParamValue) -> Case {
    let mut case = Case::new(vfs, |policy| {
        policy.num_vfs = Some(NumVfs::Count(2));
        policy.devlink = [(name.to_owned(), value)].into();
    });
    let on = ParamValue::Switch(true);
    let params = [
        (
            "steering",
            param(ParamKind::String, ParamMode::Runtime, text("dmfs")),
        ),
        (
            "roce",
            param(ParamKind::Bool, ParamMode::Driverinit, on.clone()),
        ),
        (
            "queues",
            param(ParamKind::U8, ParamMode::Driverinit, ParamValue::Number(32)),
        ),
        ("sriov", param(ParamKind::Bool, ParamMode::Permanent, on)),
    ];
    let params = params.map(|(name, param)| (name.to_owned(), param));
    case.pf.params = Some(params.into());
    case
}

#[test]
fn plan_sets_at_once_what_takes_effect_at_once() {
    case(2, "steering", text("smfs")).plans(&["devlink parameter steering \"smfs\""]);
    case(2, "steering", text("dmfs")).plans(&[]);
    let mut unknown = case(2, "steering", text("smfs"));
    unknown.pf.params = None;
    assert!(unknown.plan().needs_holders);
    unknown.policies[0].devlink.clear();
    unknown.plans(&[]);
}

#[test]
fn plan_starts_the_device_anew_without_vfs_and_without_users() {
    let off = ParamValue::Switch(false);
    let mut case = case(2, "roce", off.clone());
    case.plans(&["numvfs 2 -> 0"]);
    case.hold(1, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, None)]);
    assert_eq!(
        case.plan().problems[0].reason,
        "starting the device anew for a devlink parameter destroys all VFs, and VF 1 is in use by network namespace blue"
    );
    let mut case = self::case(0, "roce", off);
    let anew = ["devlink parameter roce false", "devlink reload"];
    case.plans(&anew);
    let address = "192.0.2.1".to_owned();
    case.pf.users = Some([Holder::Address { address }].into());
    // The rest goes on.
    case.plans(&["numvfs 0 -> 2"]);
    case.reports(&[(ProblemKind::InUse, None)]);
    case.force = true;
    case.plans(&anew);
    case.pf.users = None;
    case.force = false;
    assert!(case.plan().needs_holders);
}

#[test]
fn plan_starts_the_device_anew_where_that_was_left_undone() {
    let mut case = case(0, "roce", ParamValue::Switch(true));
    case.plans(&["numvfs 0 -> 2"]);
    case.owned = Some(OwnedPf {
        reload_due: true,
        ..OwnedPf::default()
    });
    case.plans(&["devlink reload"]);
}

#[test]
fn plan_tells_what_cannot_be_set_and_goes_on() {
    let told = |name: &str, value: ParamValue| {
        let case = case(0, name, value);
        case.plans(&["numvfs 0 -> 2"]);
        case.reports(&[(ProblemKind::Unsupported, None)]);
        case.plan().problems.remove(0).reason
    };
    assert_eq!(
        told("rice", ParamValue::Switch(true)),
        "driver igb has no devlink parameter rice"
    );
    assert_eq!(
        told("queues", ParamValue::Number(256)),
        "devlink parameter queues of driver igb takes a number from 0 to 255, and not 256"
    );
    assert_eq!(
        told("roce", text("off")),
        "devlink parameter roce of driver igb takes true or false, and not \"off\""
    );
    assert_eq!(
        told("sriov", ParamValue::Switch(false)),
        "devlink parameter sriov is kept in the firmware, which sriovd does not change"
    );
    case(2, "sriov", ParamValue::Switch(true)).reports(&[]);
}

#[test]
fn plan_puts_parameters_back_when_no_policy_asks_for_them() {
    let mut case = case(0, "roce", ParamValue::Switch(true));
    case.policies[0].devlink.clear();
    case.owned = Some(OwnedPf {
        params_before: [
            ("roce".to_owned(), ParamValue::Switch(false)),
            ("steering".to_owned(), text("smfs")),
            ("gone".to_owned(), ParamValue::Number(1)),
        ]
        .into(),
        ..OwnedPf::default()
    });
    let back = [
        "devlink parameter steering \"smfs\"",
        "devlink parameter roce false",
        "devlink reload",
    ];
    case.plans(&back);
    case.reports(&[]);
    case.policies.clear();
    case.plans(&back);
    case.pf.num_vfs = 2;
    case.plans(&back[..1]);
}

#[test]
fn plan_starts_nothing_anew_for_what_the_driver_refuses() {
    let mut case = case(2, "roce", ParamValue::Switch(false));
    let refused = |name: &str, value| {
        Step::Pf(PfStep::SetDevlinkParam {
            name: name.to_owned(),
            kind: ParamKind::Bool,
            mode: ParamMode::Driverinit,
            to: value,
        })
    };
    case.block(refused("roce", ParamValue::Switch(false)));
    case.plans(&[]);
    case.reports(&[(ProblemKind::Failed, None)]);
    // Another one goes on, and so does what is due.
    let policy = &mut case.policies[0];
    let other = ("queues".to_owned(), ParamValue::Number(16));
    policy.devlink.extend([other]);
    case.pf.num_vfs = 0;
    case.plans(&["devlink parameter queues 16", "devlink reload"]);
    case.block(Step::Pf(PfStep::ReloadDevlink));
    case.plans(&["numvfs 0 -> 2"]);
    case.reports(&[(ProblemKind::Failed, None), (ProblemKind::Failed, None)]);
}

#[test]
fn plan_sets_an_interface_up_again_that_others_had_up() {
    let mut case = case(0, "steering", text("dmfs"));
    case.owned = Some(OwnedPf {
        up_before: true,
        ..OwnedPf::default()
    });
    case.interface().up = false;
    case.interface().name_is_final = false;
    case.plans(&[]);
    case.reports(&[(ProblemKind::Awaits, None)]);
    case.interface().name_is_final = true;
    case.plans(&["PF up", "numvfs 0 -> 2"]);
    case.policies.clear();
    case.plans(&["PF up"]);
}
