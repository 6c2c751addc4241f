//! The host changes under policies that nobody changes: how a PF is called, what drives it, where it is.

use super::generate;
use super::world::{self, mac};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::TestCaseError;
use sriovd_core::host::Host;
use sriovd_core::model::*;
use sriovd_core::policy::resolve::Resolution;
use sriovd_core::policy::{NumVfs, OnRemoval, PfNamePattern, Policy, PolicySet};
use sriovd_core::reconcile::End;
use sriovd_core::report::ProblemKind;
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};

type Checked = Result<(), TestCaseError>;

const HOSTNAME: &str = "node1";

/// A key that the PF has as it is plugged in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Key {
    Name,
    Altname,
    Mac,
    Driver,
    LinkType,
    NumaNode,
    Hostname,
}

const KEYS: [Key; 7] = [
    Key::Name,
    Key::Altname,
    Key::Mac,
    Key::Driver,
    Key::LinkType,
    Key::NumaNode,
    Key::Hostname,
];

/// What happens to the host: `true` is as it was.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    Key(Key, bool),
    NameIsFinal(bool),
    InSight(bool),
    Restart,
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        5 => (select(&KEYS[..]), any::<bool>()).prop_map(|(key, same)| Change::Key(key, same)),
        1 => any::<bool>().prop_map(Change::NameIsFinal),
        1 => any::<bool>().prop_map(Change::InSight),
        1 => Just(Change::Restart),
    ]
}

pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec(change(), 1..12)
}

/// A policy that names the PF by some of the keys, and wants VFs of it.
pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    let keys = subsequence(KEYS.to_vec(), 1..=3);
    (generate::policy("a"), keys, 1..5u16).prop_map(|(policy, keys, count)| {
        let mut policy = Policy {
            matches: Default::default(),
            num_vfs: Some(NumVfs::Count(count)),
            external: None,
            on_removal: OnRemoval::Reset,
            disruption: Default::default(),
            ..policy
        };
        let name = |glob: &str| PfNamePattern {
            glob: glob.to_owned(),
            vfs: None,
        };
        for key in keys {
            let matches = &mut policy.matches;
            match key {
                Key::Name => matches.pf_name.push(name("ens1")),
                Key::Altname => matches.pf_name.push(name("uplink*")),
                Key::Mac => matches.mac = vec![mac(0, "igb")],
                Key::Driver => matches.driver = vec!["igb".parse().unwrap()],
                Key::LinkType => matches.link_type = vec![LinkType::Ether],
                Key::NumaNode => matches.numa_node = vec![0],
                Key::Hostname => policy.node.hostname = vec![HOSTNAME.to_owned()],
            }
        }
        policy
    })
}

struct Scene {
    agent: SimAgent,
    hidden: Option<PfInterface>,
}

impl Scene {
    fn new(policy: Policy) -> Self {
        let host = SimHost::default();
        host.set_hostname(HOSTNAME);
        let mut pf = SimPf::new(world::slot(0), DriverModel::of("igb"));
        let interface = pf.snapshot.interface.as_mut().unwrap();
        interface.altnames.insert("uplink0".to_owned());
        interface.permanent_mac = mac(0, "igb");
        host.plug(pf);
        let policies = PolicySet {
            policies: vec![policy],
            ..PolicySet::default()
        };
        Self {
            agent: SimAgent::new(host, policies),
            hidden: None,
        }
    }

    /// Passes until nothing is done; what was done before the last.
    fn settle(&mut self) {
        for _ in 0..6 {
            self.agent.retry();
            self.agent.host.finish_probing(world::slot(0));
            if self.agent.pass(world::slot(0)).performed.is_empty() {
                return;
            }
        }
    }

    fn happen(&mut self, change: Change) {
        if let Change::Key(Key::Hostname, same) = change {
            let name = if same { HOSTNAME } else { "localhost" };
            self.agent.host.set_hostname(name);
        }
        if matches!(change, Change::Restart) {
            self.agent.restart();
        }
        let hidden = &mut self.hidden;
        self.agent.host.edit(world::slot(0), |pf| {
            let pf = &mut pf.snapshot;
            match change {
                Change::InSight(true) if pf.interface.is_none() => pf.interface = hidden.take(),
                Change::InSight(false) if pf.interface.is_some() => *hidden = pf.interface.take(),
                Change::Key(Key::Driver, same) => {
                    pf.driver = (if same { "igb" } else { "ixgbe" }).parse().ok();
                }
                Change::Key(Key::NumaNode, same) => pf.numa_node = same.then_some(0),
                _ => {}
            }
            let Some(interface) = pf.interface.as_mut().or(hidden.as_mut()) else {
                return;
            };
            match change {
                Change::NameIsFinal(is) => interface.name_is_final = is,
                Change::Key(Key::Name, same) => {
                    interface.name = (if same { "ens1" } else { "eth5" }).parse().unwrap();
                }
                Change::Key(Key::Altname, true) => {
                    interface.altnames.insert("uplink0".to_owned());
                }
                Change::Key(Key::Altname, false) => interface.altnames.clear(),
                Change::Key(Key::LinkType, same) => {
                    interface.link_type = match same {
                        true => LinkType::Ether,
                        false => LinkType::Infiniband,
                    };
                }
                _ => {}
            }
        });
    }
}

/// Nothing is done at all, its outputs go on, and it is told why it is not as the policy says.
pub(crate) fn check(policy: &Policy, changes: &[Change]) -> Checked {
    let mut scene = Scene::new(policy.clone());
    scene.settle();
    let vfs = scene.agent.host.pf(world::slot(0)).unwrap().num_vfs;
    prop_assert!(vfs != 0);
    scene.agent.host.take_attempts();
    for change in changes {
        scene.happen(*change);
        let outcome = scene.agent.pass(world::slot(0));
        prop_assert_eq!(scene.agent.host.take_attempts(), [], "after {:?}", change);
        let End::Seen {
            pf,
            resolution,
            problems,
        } = outcome.end
        else {
            return Err(TestCaseError::fail("out of sight"));
        };
        let Resolution::Desired(desired) = &resolution else {
            return Err(TestCaseError::fail(format!(
                "{resolution:?} after {change:?}"
            )));
        };
        prop_assert_eq!(&desired.policies[0].policy, &policy.name);
        let node = scene.agent.host.node().unwrap();
        let keys = sriovd_core::policy::resolve::explain(policy, &node, &pf);
        let lost: Vec<_> = keys.iter().filter(|key| !key.matched).collect();
        for key in lost {
            let is_told = problems.iter().any(|problem| {
                problem.kind == ProblemKind::Awaits
                    || problem.kind == ProblemKind::NoLongerMatches
                        && problem.reason.contains(key.key)
            });
            prop_assert!(is_told, "{key:?} is not told: {problems:?}");
        }
    }
    // As before again: it is as if nothing had been.
    for key in KEYS {
        scene.happen(Change::Key(key, true));
    }
    scene.happen(Change::InSight(true));
    scene.happen(Change::NameIsFinal(true));
    let outcome = scene.agent.pass(world::slot(0));
    prop_assert_eq!(scene.agent.host.take_attempts(), []);
    let End::Seen { resolution, .. } = outcome.end else {
        return Err(TestCaseError::fail("out of sight"));
    };
    prop_assert!(!resolution.is_kept());
    // A policy that is taken away takes what it gave with it, whatever the PF is called by then.
    scene.happen(Change::Key(Key::Name, false));
    scene.happen(Change::Key(Key::Hostname, false));
    scene.agent.pass(world::slot(0));
    scene.agent.policies = PolicySet::default();
    scene.settle();
    let vfs = scene.agent.host.pf(world::slot(0)).unwrap().num_vfs;
    prop_assert_eq!(vfs, 0);
    Ok(())
}
