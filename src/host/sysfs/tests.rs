//! Files, and what their absence means.

use super::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::Errno;
use std::fs;
use tempfile::TempDir;

fn tree() -> (Tree, TempDir) {
    let root = TempDir::new().unwrap();
    (Tree::new(root.path().to_owned()), root)
}

#[test]
fn paths_stay_below_the_root() {
    let (tree, root) = tree();
    assert_eq!(tree.path("/sys/bus"), root.path().join("sys/bus"));
    assert_eq!(tree.path("sys/bus"), root.path().join("sys/bus"));
}

#[test]
fn reads_without_the_newline() {
    let (tree, root) = tree();
    fs::write(root.path().join("mtu"), "1500\n").unwrap();
    fs::write(root.path().join("long"), "x".repeat(10_000)).unwrap();
    assert_eq!(tree.read("mtu").unwrap(), "1500");
    assert_eq!(tree.read_as::<u32>("mtu"), Ok(1500));
    assert_eq!(tree.read("long").unwrap().len(), 10_000);
    assert!(matches!(
        tree.read_as::<u8>("mtu"),
        Err(HostError::Unreadable { found, .. }) if found == "1500"
    ));
}

#[test]
fn what_is_not_there_is_gone() {
    let (tree, root) = tree();
    fs::write(root.path().join("file"), "").unwrap();
    for path in ["absent", "file/below"] {
        assert!(matches!(tree.read(path), Err(HostError::Gone { .. })));
        assert!(matches!(tree.write(path, "1"), Err(HostError::Gone { .. })));
        assert!(matches!(tree.list(path), Err(HostError::Gone { .. })));
        assert!(matches!(tree.link(path), Err(HostError::Gone { .. })));
    }
    assert!(
        !root.path().join("absent").exists(),
        "writing makes no files"
    );
    assert_eq!(if_present(tree.read("absent")), Ok(None));
}

#[test]
fn a_refused_write_tells_path_and_value() {
    let tree = Tree::new("/".into());
    // Every write to it fails.
    let error = tree.write("/dev/full", "8").unwrap_err();
    assert!(matches!(
        &error,
        HostError::Kernel {
            errno: Errno::NOSPC,
            ..
        }
    ));
    assert!(
        error.to_string().starts_with("writing \"8\" to /dev/full"),
        "{error}"
    );
}

#[test]
fn a_link_s_last_component() {
    let (tree, root) = tree();
    std::os::unix::fs::symlink("../../drivers/igb", root.path().join("driver")).unwrap();
    assert_eq!(tree.link("driver").unwrap(), "igb");
}

#[test]
fn where_a_link_leads() {
    let (tree, root) = tree();
    let at = "sys/bus/pci/devices";
    fs::create_dir_all(root.path().join(at)).unwrap();
    let link = format!("{at}/0000:01:00.0");
    let target = "../../../devices/pci0000:00/0000:00:02.0/0000:01:00.0";
    std::os::unix::fs::symlink(target, root.path().join(&link)).unwrap();
    let found = tree.target(format!("/{link}")).unwrap();
    assert_eq!(
        found.to_str(),
        Some("/sys/devices/pci0000:00/0000:00:02.0/0000:01:00.0")
    );
    assert!(matches!(tree.target("absent"), Err(HostError::Gone { .. })));
}
