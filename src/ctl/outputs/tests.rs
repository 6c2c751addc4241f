//! What is shown is what is published.

use super::*;
use crate::arguments::Arguments;
use clap::Parser as _;
use serde_json::{Value, json};
use sriovd_core::memory::Memory;
use sriovd_core::policy::{PolicySet, file};
use sriovd_sim::{DriverModel, SimAgent, SimHost, SimPf};

const POLICIES: &str = "\
[[policy]]
name = \"dataplane\"
resource = \"intelnics\"
num_vfs = 2
match.pf_name = \"*\"

[[network]]
name = \"f1-u\"
resource = \"intelnics\"
";

/// A host as a pass leaves it.
fn scene() -> Scene {
    let content = file::parse(Path::new("a.toml"), POLICIES).unwrap();
    let policies = PolicySet {
        policies: content.policies,
        networks: content.networks,
    };
    let host = SimHost::default();
    host.plug(SimPf::new(
        "0000:01:00.0".parse().unwrap(),
        DriverModel::IGB,
    ));
    let mut agent = SimAgent::new(host, policies.clone());
    agent.pass_all();
    Scene::new(agent.host.snapshot(), policies, Memory::default(), None)
}

#[test]
fn a_list_names_the_plugin_that_the_published_one_names() {
    let root = tempfile::tempdir().unwrap();
    let words = ["sriovctl", "--root", root.path().to_str().unwrap(), "list"];
    let arguments = Arguments::parse_from(words);
    for (own_cni_plugin, name) in [(true, "sriovd-cni"), (false, "sriov")] {
        let scene = Scene {
            own_cni_plugin,
            ..scene()
        };
        let rendered = render(&arguments.options, &scene, true, Some(Output::Cni));
        let files = of_network(&scene, &rendered, "f1-u").unwrap();
        let list: Value = serde_json::from_str(&text(&files)).unwrap();
        let plugin = &list["plugins"][0];
        assert_eq!(plugin["type"], name);
        let pool = own_cni_plugin.then_some("intelnics");
        assert_eq!(plugin["pool"], json!(pool));
        assert_eq!(plugin["deviceID"].is_string(), !own_cni_plugin);
    }
}
