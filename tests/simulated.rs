//! The simulator is as the kernel was: what was recorded in a guest, once more with a simulated host.
//!
//! `tests/vm/recording.rs` records it, and holds a guest to it with every run.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

#[path = "vm/recorded.rs"]
mod recorded;

use recorded::{DRIFT, DRIFTED, PF, PLUGGED, POLICIES, Stage, UNPLUGGED, file};
use sriovd_core::model::{HostSnapshot, Node, PciAddress, VfIndex, VfSetting, Vlan};
use sriovd_core::policy::{self, PolicySet};
use sriovd_core::reconcile::End;
use sriovd_sim::{SimAgent, SimHost};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

fn policies(text: &str) -> PolicySet {
    let content = policy::file::parse(Path::new("10-test.toml"), text).unwrap();
    PolicySet {
        policies: content.policies,
        networks: content.networks,
    }
}

struct Replay {
    agent: SimAgent,
    pf: PciAddress,
}

impl Replay {
    /// Looks as often as the agent in the guest was told to.
    fn stage(&mut self, kept: &Stage) -> Stage {
        let mut steps = BTreeSet::new();
        for _ in &kept.triggers {
            let outcome = self.agent.pass(self.pf);
            let done = outcome.performed.iter();
            steps.extend(done.map(|performed| performed.step.to_string()));
        }
        let outcome = self.agent.pass(self.pf);
        assert!(
            outcome.performed.is_empty(),
            "{}: {:?}",
            kept.name,
            outcome.performed
        );
        if let End::Seen { problems, .. } = outcome.end {
            assert_eq!(problems, [], "{}", kept.name);
        }
        Stage {
            name: kept.name.clone(),
            triggers: Vec::new(),
            steps,
            pf: self.agent.host.pf(self.pf),
        }
    }
}

#[test]
fn a_simulated_nic_goes_through_what_a_real_one_did() {
    let kept: Vec<Stage> = serde_json::from_slice(&fs::read(file()).unwrap()).unwrap();
    let pf: PciAddress = PF.parse().unwrap();
    let plugged = kept.iter().find(|stage| stage.name == PLUGGED).unwrap();
    let plugged = plugged.pf.clone().unwrap();
    let host = SimHost::from_snapshot(HostSnapshot {
        node: Node::default(),
        pfs: BTreeMap::from([(pf, plugged)]),
    });
    host.set_cable(pf, Some(1000));
    let agent = SimAgent::new(host, PolicySet::default());
    let mut replay = Replay { agent, pf };
    let policies_of: BTreeMap<_, _> = POLICIES.into_iter().collect();
    for kept in kept {
        match kept.name.as_str() {
            PLUGGED => {}
            DRIFTED => {
                let (vf, id) = DRIFT;
                let vlan = Vlan { id, ..Vlan::NONE };
                let host = &replay.agent.host;
                host.set_vf_setting(pf, VfIndex(vf), VfSetting::Vlan(vlan));
            }
            UNPLUGGED => drop(replay.agent.host.unplug(pf)),
            name => replay.agent.policies = policies(policies_of[name]),
        }
        let now = replay.stage(&kept);
        assert_eq!(now.essence(), kept.essence());
    }
}
