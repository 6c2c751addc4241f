//! Where networks are shown: at the VF that they have, whatever they had last.

use super::*;
use crate::draw;
use sriovd_core::model::Assignment;
use sriovd_core::policy::file;
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};
use std::path::Path;

const POLICIES: &str = "\
[[policy]]
name = \"dataplane\"
resource = \"nics\"
num_vfs = 3
vfs = \"0-1\"
match.pf_name = \"*\"

[[network]]
name = \"a\"
resource = \"nics\"

[[network]]
name = \"b\"
resource = \"nics\"
";

fn pf() -> PciAddress {
    "0000:01:00.0".parse().unwrap()
}

/// A host as a pass leaves it, where `a` had this VF last.
fn scene(last: u16, status: Option<Status>) -> Scene {
    let content = file::parse(Path::new("a.toml"), POLICIES).unwrap();
    let policies = PolicySet {
        policies: content.policies,
        networks: content.networks,
    };
    let host = SimHost::default();
    host.plug(SimPf::new(pf(), DriverModel::IGB));
    let mut agent = SimAgent::new(host, policies.clone());
    agent.pass_all();
    let had = Assignment {
        permanent_mac: None,
        pf: pf(),
        vf: VfIndex(last),
    };
    let memory = Memory {
        assignments: [("a".parse().unwrap(), had)].into(),
        ..Memory::default()
    };
    Scene::new(agent.host.snapshot(), policies, memory, status)
}

/// The VFs of `a` and `b` in the status, and the networks of VFs 0 to 2, which are drawn there too.
fn shown(scene: &Scene) -> ([Option<PciAddress>; 2], [String; 3]) {
    let networks = scene.status().networks;
    let pf = &scene.host.pfs[&pf()];
    let of = |index: u16| scene.networks_of(pf, VfIndex(index)).join(" ");
    let all = [0, 1, 2].map(of);
    let drawn = draw::draw(scene);
    for (index, networks) in all.iter().enumerate() {
        let from = format!("vf:{}#{index}", pf.address);
        let lines = drawn.lines.iter().filter(|line| line.from == from);
        let names = lines.filter_map(|line| line.to.strip_prefix("network:"));
        assert_eq!(names.collect::<Vec<_>>().join(" "), *networks);
    }
    ([networks[0].vf, networks[1].vf], all)
}

#[test]
fn a_network_is_shown_at_the_vf_that_it_has() {
    let vf = |scene: &Scene, index| Some(scene.host.pfs[&pf()].vfs[&VfIndex(index)].address);
    let none = String::new;
    let text = |text: &str| text.to_owned();
    // It keeps what it had.
    let kept = scene(1, None);
    let expected = [vf(&kept, 1), vf(&kept, 0)];
    assert_eq!(shown(&kept), (expected, [text("b"), text("a"), none()]));
    // What it had is of no pool any more.
    let moved = scene(2, None);
    let expected = [vf(&moved, 0), vf(&moved, 1)];
    assert_eq!(shown(&moved), (expected, [text("a"), text("b"), none()]));
    // The daemon knows.
    let mut status = moved.status();
    status.networks[0].vf = None;
    let told = scene(1, Some(status));
    let expected = [None, vf(&told, 1)];
    assert_eq!(shown(&told), (expected, [none(), text("b"), none()]));
    // Each container gets one of its own.
    let shared = Scene {
        own_cni_plugin: true,
        ..scene(1, None)
    };
    assert_eq!(shown(&shared), ([None, None], [none(), none(), none()]));
}
