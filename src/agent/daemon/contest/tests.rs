//! Contests over time, without waiting.

#![allow(clippy::disallowed_methods, reason = "any time will do to count from")]
use super::*;
use sriovd_core::model::VfIndex;
use sriovd_core::model::{Mtu, PfStep, VfSetting, VfStep};

const ECHO: Duration = Duration::from_millis(20);

fn vlan(vf: u16) -> Step {
    Step::Vf(
        VfIndex(vf),
        VfStep::SetAttribute {
            interface: 2,
            setting: VfSetting::Trust(true),
        },
    )
}

fn mtu() -> Step {
    Step::Pf(PfStep::SetMtu {
        interface: 2,
        mtu: Mtu::try_from(9000).unwrap(),
    })
}

struct Pf {
    contests: Contests,
    now: Instant,
}

impl Pf {
    fn new() -> Self {
        Self {
            contests: Contests::default(),
            now: Instant::now(),
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }

    fn wait_for_next_time(&mut self) {
        self.now = self.contests.next_time(self.now).unwrap();
    }

    /// A pass that finds this drift, and does what is not held. Says what it did.
    fn pass(&mut self, drift: &[Step], undone: &[Step]) -> BTreeSet<Step> {
        let begun = self.now;
        let held = self.contests.held(begun);
        let drift = drift.iter().cloned();
        let done: BTreeSet<_> = drift.filter(|step| !held.contains(step)).collect();
        self.now += ECHO;
        self.contests.note(&Evidence {
            performed: &done,
            repairs: &done,
            undone: &undone.iter().cloned().collect(),
            begun,
            ended: self.now,
        });
        done
    }

    fn is_contested(&self) -> bool {
        self.contests.problems().next().is_some()
    }
}

#[test]
fn a_few_repairs_are_nobodys_contest() {
    let mut pf = Pf::new();
    for _ in 0..4 {
        assert_eq!(pf.pass(&[vlan(0)], &[]).len(), 1);
    }
    assert!(!pf.is_contested());
    // Nor are many, if there is time between them.
    pf.wait(WINDOW);
    for _ in 0..100 {
        assert_eq!(pf.pass(&[vlan(0)], &[]).len(), 1);
        pf.wait(Duration::from_secs(20));
    }
    assert!(!pf.is_contested());
}

#[test]
fn whoever_never_stops_is_answered_once_a_minute_at_last() {
    let mut pf = Pf::new();
    let end = pf.now + Duration::from_secs(3600);
    let mut repairs = 0;
    while pf.now < end {
        repairs += pf.pass(&[vlan(0)], &[]).len();
    }
    assert!((60..75).contains(&repairs), "{repairs} in an hour");
    let problems: Vec<_> = pf.contests.problems().collect();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].vf, Some(VfIndex(0)));
    assert_eq!(problems[0].reason, "another program keeps undoing trust on");
}

#[test]
fn a_contest_is_over_when_a_repair_lasts() {
    let mut pf = Pf::new();
    for _ in 0..20 {
        pf.pass(&[vlan(0)], &[]);
    }
    assert!(pf.is_contested());
    pf.wait_for_next_time();
    assert_eq!(pf.pass(&[vlan(0)], &[]), BTreeSet::from([vlan(0)]));
    // Not needed, but it may be again before the time is over.
    pf.pass(&[], &[]);
    pf.wait_for_next_time();
    pf.pass(&[], &[]);
    assert!(pf.is_contested());
    pf.wait_for_next_time();
    pf.pass(&[], &[]);
    assert!(!pf.is_contested());
    assert_eq!(pf.contests.next_time(pf.now), None);
    // A new one begins from the start.
    assert_eq!(pf.pass(&[vlan(0)], &[]).len(), 1);
    assert!(!pf.is_contested());
}

#[test]
fn whoever_was_kept_from_it_for_a_while_is_still_answered_less_often() {
    let mut pf = Pf::new();
    for _ in 0..20 {
        pf.pass(&[vlan(0)], &[]);
    }
    let mut answers = 0;
    for _ in 0..10 {
        // Late by half of what was waited for.
        pf.wait_for_next_time();
        answers += pf.pass(&[vlan(0)], &[]).len();
        pf.wait_for_next_time();
        assert!(pf.pass(&[], &[]).is_empty());
        answers += pf.pass(&[vlan(0)], &[]).len();
        assert!(pf.is_contested());
    }
    assert_eq!(answers, 20);
}

#[test]
fn what_is_undone_within_a_pass_is_contested_at_once() {
    let mut pf = Pf::new();
    pf.pass(&[vlan(0)], &[vlan(0)]);
    assert!(pf.is_contested());
    assert!(pf.pass(&[vlan(0)], &[]).is_empty());
}

#[test]
fn a_contest_holds_up_nothing_else() {
    let mut pf = Pf::new();
    for _ in 0..10 {
        pf.pass(&[vlan(0)], &[]);
    }
    assert_eq!(
        pf.pass(&[vlan(0), vlan(1), mtu()], &[]),
        BTreeSet::from([vlan(1), mtu()])
    );
}

#[test]
fn what_was_never_so_before_is_no_repair() {
    let mut contests = Contests::default();
    let now = Instant::now();
    for _ in 0..20 {
        contests.note(&Evidence {
            performed: &BTreeSet::from([vlan(0)]),
            repairs: &BTreeSet::new(),
            undone: &BTreeSet::new(),
            begun: now,
            ended: now,
        });
    }
    assert!(contests.problems().next().is_none());
}
