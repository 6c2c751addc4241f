//! Which PFs are told of, and how.

use super::*;
use sriovd_core::report::{AbsentPf, PfName, PfReport, PfState};

const HERE: &str = "0000:01:00.0";
pub(super) const GONE: &str = "0000:09:00.0";

pub(super) fn a_status() -> Status {
    let here = PfReport {
        interface: Some("enp1s0".to_owned()),
        state: PfState::Ready,
        vfs_ready: 4,
        vfs_wanted: 4,
        vfs_possible: 7,
        ..PfReport::unseen(HERE.parse().unwrap())
    };
    let other = PfReport {
        state: PfState::Unmanaged,
        ..PfReport::unseen("0000:02:00.0".parse().unwrap())
    };
    let absent = AbsentPf {
        name: PfName::Address(GONE.parse().unwrap()),
        policies: ["dataplane".parse().unwrap()].into(),
    };
    Status {
        pfs: vec![here, other],
        absent: vec![absent],
        ..Status::default()
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn pfs_are_asked_for_by_either_name_and_also_where_they_are_absent() {
    let status = a_status();
    for (asked, pfs, absent, verdict) in [
        (&[][..], 2, 1, Verdict::Done),
        (&["enp1s0"], 1, 0, Verdict::Done),
        (&[HERE, "enp1s0"], 1, 0, Verdict::Done),
        (&["0000:02:00.0", "enp1s0"], 2, 0, Verdict::Done),
        (&[GONE], 0, 1, Verdict::NotConverged),
        (&[GONE, HERE], 1, 1, Verdict::NotConverged),
    ] {
        let asked = names(asked);
        let found = selected(&status, &asked).unwrap();
        assert_eq!((found.pfs.len(), found.absent.len()), (pfs, absent));
        assert_eq!(settled(&found, &asked), verdict, "{asked:?}");
    }
    let unknown = selected(&status, &names(&["enp1s0", "enp1s1"])).unwrap_err();
    let expected = "\"enp1s1\" is neither the address nor the interface of a PF here";
    assert_eq!(unknown.to_string(), expected);
}

#[test]
fn an_absent_pf_is_a_row_with_its_reason() {
    let text = text(&a_status(), &[]);
    let plain = anstream::adapter::strip_str(&text).to_string();
    assert_eq!(
        plain,
        "\
ADDRESS       INTERFACE  DRIVER  VFS    STATE      POLICIES   POOLS
0000:01:00.0  enp1s0     -       4/4/7  ready      -          -
0000:02:00.0  -          -       0/0/0  unmanaged  -          -
0000:09:00.0  -          -       -      absent     dataplane  -

0000:09:00.0 absent: policy dataplane names it, and it is not here
"
    );
}
