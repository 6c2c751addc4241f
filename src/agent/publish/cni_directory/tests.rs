//! When ours would come first.

use super::*;

#[test]
fn others_and_a_kubelet_are_seen() {
    let root = tempfile::tempdir().unwrap();
    let directory = Path::new("/etc/cni/net.d");
    let look = || look(root.path(), directory).unwrap();
    let found = |other_conflists, kubelet| CniDirectory {
        other_conflists,
        kubelet,
    };
    assert_eq!(look(), found(false, false));

    let place = under(root.path(), directory);
    fs::create_dir_all(&place).unwrap();
    for name in [
        "99-sriovd-a.conflist",
        "zz-later.conflist",
        "05-a.conflist.bak",
    ] {
        fs::write(place.join(name), "{}").unwrap();
    }
    fs::create_dir_all(root.path().join("var/lib/kubelet")).unwrap();
    assert_eq!(look(), found(false, true));

    fs::write(place.join("05-cilium.conflist"), "{}").unwrap();
    assert_eq!(look(), found(true, true));
}
