//! What users read, word for word.

use super::*;
use crate::model::BindTarget;
use crate::model::{LinkState, Mtu, Vlan};
use crate::report::Problem;

fn pf(interface: Option<&str>, state: PfState, vfs: (u16, u16), problems: &[Problem]) -> PfReport {
    PfReport {
        address: "0000:3b:00.0".parse().unwrap(),
        interface: interface.map(str::to_owned),
        driver: None,
        state,
        vfs_ready: vfs.0,
        vfs_wanted: vfs.1,
        vfs_possible: 64,
        policies: Vec::new(),
        pools: BTreeSet::new(),
        problems: problems.to_vec(),
    }
}

fn problem(kind: ProblemKind, reason: &str) -> Problem {
    Problem {
        kind,
        vf: None,
        step: None,
        reason: reason.to_owned(),
        hint: None,
    }
}

fn set(vf: u16, setting: VfSetting) -> Step {
    Step::Vf(
        VfIndex(vf),
        VfStep::SetAttribute {
            interface: 2,
            setting,
        },
    )
}

fn vlan(id: u16) -> VfSetting {
    VfSetting::Vlan(Vlan { id, ..Vlan::NONE })
}

fn mac(last: u16) -> VfSetting {
    VfSetting::Mac(format!("02:00:00:00:00:{last:02x}").parse().unwrap())
}

fn bind(vf: u16, to: BindTarget) -> Step {
    Step::Vf(
        VfIndex(vf),
        VfStep::Bind {
            address: "0000:3b:02.0".parse().unwrap(),
            from: None,
            to,
        },
    )
}

fn told(steps: impl IntoIterator<Item = Step>) -> String {
    let duration = Duration::ZERO;
    let performed = steps.into_iter().map(|step| Performed { step, duration });
    changes(&performed.collect::<Vec<_>>())
}

#[test]
fn a_pass_is_one_sentence() {
    let vfio = BindTarget::Driver("vfio-pci".parse().unwrap());
    let mut steps = vec![
        Step::Pf(PfStep::SetAutoprobe { on: false }),
        Step::Pf(PfStep::SetNumVfs { from: 0, to: 8 }),
    ];
    for vf in 0..8 {
        steps.push(set(vf, VfSetting::Trust(true)));
        steps.push(set(vf, vlan(100)));
    }
    steps.extend((0..8).map(|vf| bind(vf, vfio.clone())));
    let duration = Duration::ZERO;
    let performed: Vec<_> = steps
        .into_iter()
        .map(|step| Performed { step, duration })
        .collect();
    let pf = pf(Some("ens1f0"), PfState::Ready, (8, 8), &[]);
    assert_eq!(
        pass_done(
            &pf,
            &performed,
            &"udev event bind 0000:3b:00.0",
            Duration::from_millis(1_620)
        ),
        "ens1f0 (0000:3b:00.0): sriov_drivers_autoprobe off; 8 VFs created; \
         VFs 0-7: trust on, vlan 100, driver vfio-pci; in 1.6 s [udev event bind 0000:3b:00.0]"
    );
}

#[test]
fn equal_changes_are_told_once() {
    let mtu = Mtu::ETHERNET;
    let interface = 2;
    let count = |from, to| Step::Pf(PfStep::SetNumVfs { from, to });
    assert_eq!(
        told([count(4, 0), count(0, 1)]),
        "4 VFs removed; 1 VF created"
    );
    assert_eq!(
        told([
            Step::Pf(PfStep::SetUp { interface }),
            Step::Pf(PfStep::SetMtu { interface, mtu })
        ]),
        "PF up; PF mtu 1500"
    );
    assert_eq!(told([set(3, mac(1))]), "VF 3: mac 02:00:00:00:00:01");
    assert_eq!(told((0..4).map(|vf| set(vf, mac(vf)))), "VFs 0-3: own mac");
    assert_eq!(
        told([0, 1, 2, 4, 5, 7].map(|vf| set(vf, vlan(100)))),
        "VFs 0-2,4-5,7: vlan 100"
    );
    // Another try, or another round, does not say it twice.
    assert_eq!(told([set(0, vlan(7)), set(0, vlan(7))]), "VF 0: vlan 7");
    let address = "0000:3b:02.0".parse().unwrap();
    let vf = VfIndex(1);
    let to = BindTarget::Default;
    assert_eq!(
        told([
            set(0, vlan(7)),
            Step::Vf(
                vf,
                VfStep::Bind {
                    address,
                    from: None,
                    to
                }
            ),
            Step::Vf(vf, VfStep::SetMtu { interface, mtu }),
        ]),
        "VF 0: vlan 7; VF 1: driver default, mtu 1500"
    );
}

#[test]
fn sixty_four_vfs_stay_one_line() {
    assert_eq!(
        told((0..64).map(|vf| set(vf, vlan(100 + vf)))),
        "VFs 0-63: own vlan"
    );
    let settings = [
        vlan(1),
        VfSetting::Trust(true),
        VfSetting::SpoofCheck(false),
        VfSetting::LinkState(LinkState::Auto),
        VfSetting::QueryRss(true),
        mac(1),
    ];
    assert_eq!(
        told((0..6).map(|vf| set(vf, settings[usize::from(vf)]))),
        "VF 0: vlan 1; VF 1: trust on; VF 2: spoofchk off; VF 3: state auto; \
         2 more VFs, each otherwise"
    );
}

#[test]
fn durations_are_as_exact_as_they_matter() {
    for (millis, words) in [
        (0, "1 ms"),
        (340, "340 ms"),
        (1_640, "1.6 s"),
        (59_960, "60.0 s"),
        (125_000, "2 min 5 s"),
    ] {
        assert_eq!(duration(Duration::from_millis(millis)), words);
    }
}

fn alone(problem: &Problem) -> Trouble<'_> {
    let vfs = Vec::new();
    Trouble { problem, vfs }
}

#[test]
fn problems_name_the_pf_and_say_what_helps() {
    let pf = pf(Some("ens2f0"), PfState::Refused, (0, 8), &[]);
    let mut in_use = problem(ProblemKind::InUse, "VF 3 in use by network namespace blue");
    assert_eq!(
        problem_appeared(&pf, &alone(&in_use)),
        "ens2f0 (0000:3b:00.0) refused: VF 3 in use by network namespace blue"
    );
    in_use.hint = Some("it goes on when VF 3 is free".to_owned());
    assert_eq!(
        problem_appeared(&pf, &alone(&in_use)),
        "ens2f0 (0000:3b:00.0) refused: VF 3 in use by network namespace blue; \
         it goes on when VF 3 is free"
    );
    assert_eq!(
        problem_cleared(&pf, &alone(&in_use)),
        "ens2f0 (0000:3b:00.0) cleared: VF 3 in use by network namespace blue"
    );
}

#[test]
fn what_several_vfs_share_is_said_once() {
    let pf = pf(Some("ens2f0"), PfState::Ready, (8, 8), &[]);
    let lacks = |vf| Problem {
        vf: Some(VfIndex(vf)),
        ..problem(
            ProblemKind::Unsupported,
            "link_state is not supported by igb",
        )
    };
    let problems = [lacks(0), lacks(2), lacks(1), lacks(5)];
    let troubles = Trouble::group(&problems.iter().collect::<Vec<_>>());
    let [trouble] = &troubles[..] else {
        panic!("{troubles:?}");
    };
    assert_eq!(
        problem_appeared(&pf, trouble),
        "ens2f0 (0000:3b:00.0) limited: VFs 0-2,5: link_state is not supported by igb"
    );
}

#[test]
fn status_is_one_line_with_the_worst_first() {
    let ready = pf(Some("ens1f0"), PfState::Ready, (8, 8), &[]);
    let unmanaged = pf(Some("eno1"), PfState::Unmanaged, (0, 0), &[]);
    let changing = pf(Some("ens3f0"), PfState::Changing, (2, 8), &[]);
    let in_use = problem(ProblemKind::InUse, "VF 3 in use by network namespace blue");
    let too_many = problem(
        ProblemKind::TooManyVfs,
        "99 VFs wanted, the device offers 64",
    );
    let refused = pf(
        Some("ens2f0"),
        PfState::Refused,
        (8, 8),
        &[in_use, too_many],
    );
    let stuck = problem(
        ProblemKind::Hung,
        "numvfs 0 -> 4 has not returned after 120 s",
    );
    let hung = pf(None, PfState::Hung, (0, 4), &[stuck]);
    let rss = problem(ProblemKind::Unsupported, "igb cannot set query_rss");
    let partly = pf(Some("ens4f0"), PfState::Ready, (1, 1), &[rss]);
    for (pfs, line) in [
        (vec![], "no policy names a PF of this host"),
        (vec![&unmanaged], "no policy names a PF of this host"),
        (vec![&ready, &unmanaged], "1 PF, 8 VFs ready"),
        (vec![&ready, &ready], "2 PFs, 16 VFs ready"),
        (
            vec![&ready, &changing],
            "2 PFs, 10 of 16 VFs ready; ens3f0 changing",
        ),
        (
            vec![&ready, &refused],
            "2 PFs, 16 VFs ready; ens2f0 refused: VF 3 in use by network namespace blue \
             (and 1 more)",
        ),
        (
            vec![&changing, &refused, &hung],
            "3 PFs, 10 of 20 VFs ready; 0000:3b:00.0 hung: numvfs 0 -> 4 has not returned \
             after 120 s; 2 more PFs not ready",
        ),
        (
            vec![&partly],
            "1 PF, 1 VF ready; ens4f0 limited: igb cannot set query_rss",
        ),
    ] {
        let pfs: Vec<_> = pfs.into_iter().cloned().collect();
        assert_eq!(status_line(&pfs), line);
    }
}
