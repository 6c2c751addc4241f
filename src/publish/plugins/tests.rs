//! Plugins in a prepared tree.

use super::*;

#[test]
fn each_plugin_is_found_where_its_callers_look() {
    let root = tempfile::tempdir().unwrap();
    assert_eq!(Plugins::look(root.path()), Plugins::default());
    for (path, cni, netavark) in [
        ("usr/lib/cni/sriovd-cni", true, false),
        ("usr/libexec/netavark/sriov", true, true),
    ] {
        let path = root.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
        assert_eq!(Plugins::look(root.path()), Plugins { cni, netavark });
    }
}
