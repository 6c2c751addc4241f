//! Readings in the middle of a write.

use super::*;
use sriovd_sim::sample;

fn set(policies: &[&str]) -> PolicySet {
    let policies = policies.iter();
    PolicySet {
        policies: policies
            .map(|name| sample::policy(name.parse().unwrap()))
            .collect(),
        ..PolicySet::default()
    }
}

#[test]
fn what_is_new_or_changed_is_believed_at_once() {
    let now = Instant::now();
    let mut vanished = Vanished::default();
    let mut changed = set(&["a", "b"]);
    changed.policies[0].settings.trust = Some(true);
    for read in [set(&["a"]), set(&["a", "b"]), changed] {
        assert_eq!(vanished.read_again_at(&set(&["a"]), &read, now), None);
        assert!(!vanished.is_doubted());
    }
}

#[test]
fn what_is_gone_is_believed_when_it_stays_gone() {
    let start = Instant::now();
    let mut vanished = Vanished::default();
    let in_force = set(&["a", "b", "c"]);
    let settled = start + SETTLE;
    let read = set(&["a", "b"]);
    let again = vanished.read_again_at(&in_force, &read, start);
    assert_eq!(again, Some(settled));
    assert!(vanished.is_doubted());
    // Other news do not make it older.
    let soon = start + SETTLE / 2;
    let again = vanished.read_again_at(&in_force, &read, soon);
    assert_eq!(again, Some(settled));
    assert_eq!(vanished.read_again_at(&in_force, &read, settled), None);
    assert!(!vanished.is_doubted());
}

#[test]
fn what_comes_back_was_not_gone() {
    let start = Instant::now();
    let mut vanished = Vanished::default();
    let (in_force, later) = (set(&["a", "b"]), start + SETTLE);
    vanished.read_again_at(&in_force, &set(&["b"]), start);
    let again = vanished.read_again_at(&in_force, &set(&["a"]), later);
    assert_eq!(again, Some(later + SETTLE), "b is gone only now");
    assert_eq!(vanished.read_again_at(&in_force, &in_force, later), None);
    let again = vanished.read_again_at(&in_force, &set(&["a"]), later);
    assert_eq!(again, Some(later + SETTLE));
    vanished.forget();
    assert!(!vanished.is_doubted());
}
