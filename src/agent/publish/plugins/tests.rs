//! Plugins in a prepared tree.

use super::*;

#[test]
fn each_plugin_is_found_where_its_callers_look() {
    let found = |plugin: Option<&str>| {
        let root = tempfile::tempdir().unwrap();
        if let Some(plugin) = plugin {
            let path = root.path().join(plugin);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        Plugins::look(root.path()).unwrap()
    };
    assert_eq!(found(None), Plugins::default());
    for directory in ["opt/cni/bin", "usr/lib/cni", "usr/libexec/cni"] {
        let Plugins { cni, netavark } = found(Some(&format!("{directory}/sriovd-cni")));
        assert!(cni && !netavark, "{directory}");
    }
    for prefix in [
        "usr/local/libexec",
        "usr/libexec",
        "usr/local/lib",
        "usr/lib",
    ] {
        let Plugins { cni, netavark } = found(Some(&format!("{prefix}/netavark/sriov")));
        assert!(!cni && netavark, "{prefix}");
    }
}
