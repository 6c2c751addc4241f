//! Two processes, one Lease.

use super::*;

const fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn lease(version: u64, holder: &str) -> Seen {
    Seen {
        version: version.to_string(),
        holder: (!holder.is_empty()).then(|| holder.to_owned()),
        lasts: LASTS,
        transitions: 3,
    }
}

fn take(version: u64, transitions: i32) -> Step {
    Step::Take {
        version: version.to_string(),
        transitions,
    }
}

#[test]
fn nothing_is_done_before_anything_is_known() {
    let claim = Claim::new("a".to_owned());
    assert_eq!(claim.step(at(1000)), Step::Wait(None));
    assert_eq!(claim.leads_until(), None);
}

#[test]
fn who_comes_first_makes_it_and_renews_it() {
    let mut claim = Claim::new("a".to_owned());
    claim.saw(None, at(10));
    assert_eq!(claim.step(at(10)), Step::Make);
    claim.wrote(lease(1, "a"), at(10), at(12));
    // It counts from when the write began: it may have been done at once.
    assert_eq!(claim.leads_until(), Some(at(20)));
    assert_eq!(claim.step(at(14)), Step::Wait(Some(at(15))));
    assert_eq!(claim.step(at(15)), take(1, 3));
    claim.wrote(lease(2, "a"), at(15), at(15));
    assert_eq!(claim.leads_until(), Some(at(25)));
    // Its own write, as it comes back.
    claim.saw(Some(lease(2, "a")), at(16));
    assert_eq!(claim.leads_until(), Some(at(25)));
}

#[test]
fn another_waits_until_it_is_not_renewed() {
    let mut claim = Claim::new("b".to_owned());
    claim.saw(Some(lease(1, "a")), at(10));
    assert_eq!(claim.step(at(10)), Step::Wait(Some(at(25))));
    claim.saw(Some(lease(2, "a")), at(15));
    assert_eq!(claim.step(at(29)), Step::Wait(Some(at(30))));
    // A watch that begins again shows it as it was, and it is no younger for that.
    claim.saw(Some(lease(2, "a")), at(29));
    assert_eq!(claim.step(at(30)), take(2, 4));
    claim.failed(at(30));
    assert_eq!(claim.step(at(31)), Step::Wait(Some(at(32))));
    claim.saw(Some(lease(3, "c")), at(31));
    assert_eq!(claim.step(at(40)), Step::Wait(Some(at(46))));
}

#[test]
fn one_that_is_given_back_is_taken_at_once() {
    let mut claim = Claim::new("b".to_owned());
    claim.saw(Some(lease(7, "")), at(10));
    assert_eq!(claim.step(at(10)), take(7, 4));
}

#[test]
fn who_cannot_renew_stops_before_another_begins() {
    let (mut old, mut new) = (Claim::new("a".to_owned()), Claim::new("b".to_owned()));
    old.saw(None, at(0));
    old.wrote(lease(1, "a"), at(0), at(0));
    // The other sees it no earlier than it was written.
    new.saw(Some(lease(1, "a")), at(0));
    for second in 5..15 {
        old.failed(at(second));
        assert_eq!(new.step(at(second)), Step::Wait(Some(at(15))));
    }
    assert!(old.leads_until().unwrap() < at(15));
    assert_eq!(new.step(at(15)), take(1, 4));
    new.wrote(lease(2, "b"), at(15), at(15));
    old.saw(Some(lease(2, "b")), at(16));
    assert_eq!(old.leads_until(), None);
}

#[test]
fn what_is_deleted_is_made_again() {
    let mut claim = Claim::new("a".to_owned());
    claim.saw(None, at(0));
    claim.wrote(lease(1, "a"), at(0), at(0));
    claim.saw(None, at(3));
    assert_eq!(claim.leads_until(), None);
    assert_eq!(claim.step(at(3)), Step::Make);
}
