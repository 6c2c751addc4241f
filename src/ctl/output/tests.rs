//! What people see, word for word.

use super::*;
use sriovd_agent::load::FileState;
use sriovd_core::model::{PfStep, Step, VfIndex};
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::resolve::Shadowed;
use sriovd_core::report::{FileReport, NetworkReport, NotUnderstood, ProblemKind};
use sriovd_sim::forecast::ForecastStep;
use std::path::Path;

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn status(status: &Status) -> String {
    plain(&super::status(status))
}

fn pfs(status: &Status) -> String {
    plain(&super::pfs(status))
}

fn forecast(forecast: &Forecast) -> String {
    plain(&super::forecast(forecast))
}

fn pf(address: &str, interface: &str, state: PfState) -> PfReport {
    PfReport {
        interface: Some(interface.to_owned()),
        driver: Some("igb".to_owned()),
        state,
        vfs_ready: 7,
        vfs_wanted: 7,
        vfs_possible: 7,
        policies: vec!["dataplane".parse().unwrap(), "rest".parse().unwrap()],
        pools: ["intelnics".parse().unwrap()].into(),
        ..PfReport::unseen(address.parse().unwrap())
    }
}

fn a_problem(kind: ProblemKind, vf: Option<u16>, reason: &str, hint: Option<&str>) -> Problem {
    Problem {
        kind,
        vf: vf.map(VfIndex),
        step: None,
        reason: reason.to_owned(),
        hint: hint.map(str::to_owned),
    }
}

fn held() -> PfReport {
    PfReport {
        vfs_wanted: 4,
        vfs_ready: 4,
        problems: vec![
            a_problem(
                ProblemKind::InUse,
                None,
                "changing numvfs 7 -> 4 destroys all VFs, and VF 3 is in use by network namespace blue",
                Some("the change is made as soon as the VF is released"),
            ),
            a_problem(
                ProblemKind::Failed,
                Some(2),
                "mtu 9999: Invalid argument",
                None,
            ),
            a_problem(ProblemKind::Unsupported, Some(3), "igb cannot do it", None),
            a_problem(ProblemKind::Unsupported, Some(5), "igb cannot do it", None),
        ],
        ..pf("0000:01:00.0", "enp1s0", PfState::Refused)
    }
}

fn file(path: &str, state: FileState) -> FileReport {
    FileReport {
        path: path.into(),
        state,
    }
}

#[test]
fn status_is_a_table_and_a_sentence_for_each_pf_that_has_one() {
    let bare = PfReport {
        state: PfState::Unmanaged,
        vfs_possible: 63,
        ..PfReport::unseen("0000:81:00.1".parse().unwrap())
    };
    let shown = status(&Status {
        pfs: vec![held(), pf("0000:02:00.0", "enp2s0", PfState::Ready), bare],
        ..Status::default()
    });
    assert_eq!(
        shown,
        "\
ADDRESS       INTERFACE  DRIVER  VFS     STATE      POLICIES        POOLS
0000:01:00.0  enp1s0     igb     4/4/7   refused    dataplane,rest  intelnics
0000:02:00.0  enp2s0     igb     7/7/7   ready      dataplane,rest  intelnics
0000:81:00.1  -          -       0/0/63  unmanaged  -               -

enp1s0 refused: changing numvfs 7 -> 4 destroys all VFs, and VF 3 is in use by network namespace blue (and 2 more)
"
    );
}

#[test]
fn status_of_one_pf_has_all_its_problems() {
    let shown = pfs(&Status {
        pfs: vec![held()],
        ..Status::default()
    });
    assert_eq!(
        shown,
        "\
ADDRESS       INTERFACE  DRIVER  VFS    STATE    POLICIES        POOLS
0000:01:00.0  enp1s0     igb     4/4/7  refused  dataplane,rest  intelnics

enp1s0 refused: changing numvfs 7 -> 4 destroys all VFs, and VF 3 is in use by network namespace blue
  the change is made as soon as the VF is released
enp1s0 failed: VF 2: mtu 9999: Invalid argument
enp1s0 limited: VFs 3,5: igb cannot do it
"
    );
}

#[test]
fn status_tells_of_networks_and_of_files_if_one_is_broken() {
    let network = |name: &str, vf: Option<&str>, held_back: Option<&str>| NetworkReport {
        name: name.to_owned(),
        resource: Some("intelnics".to_owned()),
        vf: vf.map(|vf| vf.parse().unwrap()),
        held_back: held_back.map(str::to_owned),
    };
    let mut whole = Status {
        networks: vec![
            network("f1-u", Some("0000:01:10.0"), None),
            network("f1-c", None, Some("no VF of pool intelnics is ready")),
        ],
        files: vec![file("/etc/sriov.d/10-a.toml", FileState::Used)],
        ..Status::default()
    };
    let fine = "\
No SR-IOV NIC is here.

NETWORK  RESOURCE   VF            NOTE
f1-u     intelnics  0000:01:10.0
f1-c     intelnics  -             no VF of pool intelnics is ready
";
    assert_eq!(status(&whole), fine);

    let state = FileState::Broken {
        kept_last_good: true,
    };
    whole.files.push(file("/etc/sriov.d/20-b.toml", state));
    let broken = "
FILE                    STATE
/etc/sriov.d/10-a.toml  used
/etc/sriov.d/20-b.toml  broken, its last good content is in force
";
    assert_eq!(status(&whole), format!("{fine}{broken}"));

    whole.not_understood.push(NotUnderstood {
        file: "/var/lib/sriovd/state.json".into(),
        place: "/pfs/0000:5e:00.0".to_owned(),
        value: "{\"on_removal\":\"ask\"}".to_owned(),
    });
    let not_understood = "
/var/lib/sriovd/state.json: /pfs/0000:5e:00.0 is {\"on_removal\":\"ask\"}, which this version does not understand: it is kept as it is, and what it is about is left alone
";
    assert_eq!(status(&whole), format!("{fine}{broken}{not_understood}"));
}

#[test]
fn no_files_are_said_to_be_none() {
    assert_eq!(files(&Status::default()), "No policy file is here.\n");
}

fn step(text: &str, disruptive: bool) -> ForecastStep {
    ForecastStep {
        text: text.to_owned(),
        disruptive,
        step: Step::Pf(PfStep::SetNumVfs { from: 7, to: 0 }),
    }
}

fn a_forecast(steps: Vec<ForecastStep>, problems: Vec<Problem>) -> PfForecast {
    PfForecast {
        address: "0000:01:00.0".parse().unwrap(),
        interface: Some("enp1s0".to_owned()),
        policies: vec!["dataplane".parse().unwrap()],
        shadowed: Vec::new(),
        steps,
        problems,
        taken: Vec::new(),
    }
}

#[test]
fn a_plan_has_its_steps_marked_and_counted() {
    let awaiting = a_problem(ProblemKind::Awaits, Some(3), "its rate is set later", None);
    let mut changing = a_forecast(
        vec![step("numvfs 7 -> 0", true), step("numvfs 0 -> 4", false)],
        vec![awaiting],
    );
    changing.shadowed.push(Shadowed {
        policy: "weak".parse().unwrap(),
        by: "dataplane".parse().unwrap(),
    });
    let bare = PfForecast {
        interface: None,
        policies: Vec::new(),
        ..a_forecast(vec![step("PF mtu 1500", false)], Vec::new())
    };
    let settled = a_forecast(Vec::new(), Vec::new());
    let shown = forecast(&Forecast {
        pfs: vec![changing, bare, settled],
    });
    assert_eq!(
        shown,
        "\
enp1s0 (0000:01:00.0), policy dataplane
    policy weak has no effect here: dataplane is stronger
  ! numvfs 7 -> 0
  + numvfs 0 -> 4
  - waiting: VF 3: its rate is set later

0000:01:00.0
  + PF mtu 1500

3 steps on 2 PFs, 1 of them disruptive (!).
"
    );
}

#[test]
fn a_plan_without_steps_says_why() {
    let shown = |problems| {
        let pfs = vec![a_forecast(Vec::new(), problems)];
        forecast(&Forecast { pfs })
    };
    assert_eq!(shown(Vec::new()), "Nothing to do.\n");

    let lacking = a_problem(ProblemKind::Unsupported, None, "igb cannot do it", None);
    assert_eq!(
        shown(vec![lacking]),
        "\
enp1s0 (0000:01:00.0), policy dataplane
  - limited: igb cannot do it

Nothing to do.
"
    );
    let in_use = a_problem(
        ProblemKind::InUse,
        None,
        "VF 3 is in use",
        Some("release it"),
    );
    assert_eq!(
        shown(vec![in_use]),
        "\
enp1s0 (0000:01:00.0), policy dataplane
  - refused: VF 3 is in use
      release it

Nothing can be done now.
"
    );
}

#[test]
fn a_check_ends_with_its_count() {
    let file = Path::new("/etc/sriov.d/10-a.toml");
    let with = |errors, warnings| {
        let errors = std::iter::repeat_n(Diagnostic::error(file, "bad"), errors);
        let warnings = std::iter::repeat_n(Diagnostic::warning(file, "odd"), warnings);
        checked(&Checked::new(errors.chain(warnings).collect()))
    };
    assert_eq!(with(0, 0), "no errors\n");
    assert_eq!(
        with(1, 1),
        "\
error: bad
  --> /etc/sriov.d/10-a.toml

warning: odd
  --> /etc/sriov.d/10-a.toml

1 error, 1 warning
"
    );
    let last = |shown: String| shown.lines().last().map(str::to_owned);
    assert_eq!(last(with(2, 0)).as_deref(), Some("2 errors"));
    assert_eq!(last(with(0, 2)).as_deref(), Some("no errors, 2 warnings"));
}
