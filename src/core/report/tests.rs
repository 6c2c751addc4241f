//! A problem is told when it appears, changes or ends, and at no other time.

use super::*;

fn in_use(vf: u16, reason: &str) -> Problem {
    Problem {
        kind: ProblemKind::InUse,
        vf: Some(VfIndex(vf)),
        step: None,
        reason: reason.to_owned(),
        hint: None,
    }
}

#[test]
fn news_are_what_appeared_changed_or_cleared() {
    let blue = in_use(3, "VF 3 in use by network namespace blue");
    let red = in_use(3, "VF 3 in use by network namespace red");
    let other = in_use(4, "VF 4 in use by network namespace blue");
    let (both, one) = ([blue.clone(), other.clone()], [red.clone()]);
    for (before, after, appeared, cleared) in [
        (&both[..0], &both[..0], vec![], vec![]),
        (&both[..], &both[..], vec![], vec![]),
        (&both[..0], &both[..], vec![&blue, &other], vec![]),
        (&both[..], &both[..1], vec![], vec![&other]),
        (&both[..1], &one[..], vec![&red], vec![]),
        (&both[..], &one[..], vec![&red], vec![&other]),
    ] {
        assert_eq!(News::between(before, after), News { appeared, cleared });
    }
}

#[test]
fn an_attribute_that_is_no_longer_wanted_is_not_another_one_that_is() {
    let unsupported = |attribute: &str| Problem {
        kind: ProblemKind::Unsupported,
        vf: None,
        ..in_use(0, &format!("{attribute} is not supported by virtio-pci"))
    };
    let [vlan, trust] = ["vlan", "trust"].map(unsupported);
    let news = News::between(std::slice::from_ref(&vlan), std::slice::from_ref(&trust));
    assert_eq!((news.appeared, news.cleared), (vec![&trust], vec![&vlan]));
}

#[test]
fn what_is_still_to_come_counts_more_than_what_cannot_be() {
    assert!(ProblemKind::Awaits < ProblemKind::Unsupported);
    assert!(ProblemKind::NoDriver < ProblemKind::Unsupported);
    assert_eq!(ProblemKind::NoDriver.state(), PfState::Changing);
}
