//! A VF's own address: set through the PF, and read by the VF's next driver.

use super::*;

#[test]
fn plan_undoes_an_address_of_a_vf_with_anothers_driver_without_binding_it() {
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, mac(9));
    case.policies.clear();
    case.vf(0).driver_override = "igbvf".parse().ok();
    case.plans(&["VF 0 mac 02:00:00:00:00:09"]);
}

#[test]
fn plan_gives_a_bound_vf_its_mac_and_has_it_probed_again() {
    let case = Case::new(1, fixed);
    case.plans(&["VF 0 mac 02:00:00:00:00:01", "VF 0 driver default"]);
}

#[test]
fn plan_takes_trust_away_before_a_mac_and_gives_it_back_after() {
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    let mac_first = ["VF 0 mac 02:00:00:00:00:01", "VF 0 driver default"];
    case.plans(&mac_first);
    case.vf(0).settings.trust = Some(true);
    case.plans(&["VF 0 trust off", mac_first[0], mac_first[1]]);
    with_fixed_mac(&mut case);
    case.plans(&[]);
    case.vf(0).settings.trust = Some(false);
    case.plans(&["VF 0 trust on"]);
}

#[test]
fn plan_probes_a_trusted_vf_again_without_trust() {
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    case.vf(0).settings.mac = Some(mac(1));
    case.vf(0).settings.trust = Some(true);
    case.plans(&["VF 0 trust off", "VF 0 driver default"]);
}

#[test]
fn plan_does_not_probe_again_for_a_mac_that_the_pf_does_not_have() {
    let mut case = Case::new(1, fixed);
    case.lacks(&[Capability::Attribute(VfAttribute::Mac)]);
    case.plans(&[]);
    case.reports(&[(ProblemKind::Unsupported, None)]);
    let mut case = Case::new(1, |policy| {
        fixed(policy);
        wants(&[VfSetting::Trust(true)])(policy);
    });
    let interface = case.interface().index;
    let (vf, setting) = (VfIndex(0), VfSetting::Mac(mac(1)));
    case.block(Step::Vf(vf, VfStep::SetAttribute { interface, setting }));
    case.plans(&["VF 0 trust on"]);
    case.reports(&[(ProblemKind::Failed, Some(0))]);
}

#[test]
fn plan_does_not_bind_a_lent_vf_again_for_its_address() {
    let mut case = Case::new(1, fixed);
    case.vf(0).settings.mac = Some(mac(1));
    case.plans(&["VF 0 driver default"]);
    case.hold(0, allocated());
    case.plans(&[]);
    case.reports(&[]);
}

#[test]
fn plan_gives_a_vf_its_own_address_back_and_has_it_probed_again() {
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, MacAddress::ZERO);
    case.plans(&["VF 0 mac 00:00:00:00:00:00", "VF 0 driver default"]);
    // As after a crash between the two.
    case.vf(0).settings.mac = Some(MacAddress::ZERO);
    case.plans(&["VF 0 driver default"]);
    case.hold(0, blue());
    case.plans(&[]);
    case.reports(&[(ProblemKind::InUse, Some(0))]);
}

#[test]
fn plan_undoes_an_address_without_a_driver_or_policy_as_well() {
    let mut case = Case::new(1, |policy| policy.device_type = vfio());
    with_our_mac(&mut case, mac(9));
    case.vf(0).driver = "vfio-pci".parse().ok();
    case.vf(0).interface = None;
    case.plans(&["VF 0 mac 02:00:00:00:00:09"]);
    let mut case = Case::new(1, |_| ());
    with_our_mac(&mut case, mac(9));
    case.policies.clear();
    case.plans(&["VF 0 mac 02:00:00:00:00:09", "VF 0 driver default"]);
}
