//! Which outputs are on, by the settings and by the plugins that are installed.

use super::*;
use crate::settings::CniPlugin;

#[test]
fn plugins_find_the_node_state_wherever_else_it_is_or_not() {
    let default = settings::Outputs::default();
    let moved = settings::Outputs {
        node_state_file: "/srv/state.json".into(),
        ..default.clone()
    };
    let off = settings::Outputs {
        node_state: false,
        ..default.clone()
    };
    let by_hand = settings::Outputs {
        cni_plugin: CniPlugin::Sriov,
        podman: WhenInstalled::Never,
        ..off.clone()
    };
    let lists_only = settings::Outputs {
        cni_plugin: CniPlugin::Ours,
        ..off.clone()
    };
    let podman_only = settings::Outputs {
        podman: WhenInstalled::Always,
        ..off.clone()
    };
    let none = Plugins::default();
    let cni = Plugins { cni: true, ..none };
    let netavark = Plugins {
        netavark: true,
        ..none
    };
    let cases: [(_, _, &[&str]); 12] = [
        (&default, none, &[NODE_STATE]),
        (&default, cni, &[NODE_STATE]),
        (&moved, none, &["/srv/state.json"]),
        (&moved, cni, &[NODE_STATE, "/srv/state.json"]),
        (&moved, netavark, &[NODE_STATE, "/srv/state.json"]),
        (&off, none, &[]),
        (&off, cni, &[NODE_STATE]),
        (&off, netavark, &[NODE_STATE]),
        (&by_hand, cni, &[NODE_STATE]),
        (&by_hand, netavark, &[NODE_STATE]),
        (&lists_only, none, &[NODE_STATE]),
        (&podman_only, none, &[NODE_STATE]),
    ];
    for (settings, plugins, expected) in cases {
        let files = rendered_to(settings, plugins).node_state_files;
        let expected = expected.iter().map(PathBuf::from).collect();
        assert_eq!(files, expected, "{plugins:?} {settings:?}");
    }
}
