//! What is put where, with which modes, and when nothing is.

use super::*;
use std::os::unix::fs::MetadataExt as _;
use tempfile::TempDir;

fn install(directory: &TempDir, also_as: Option<&str>) -> anyhow::Result<()> {
    let install = InstallCni {
        from: directory.path().join("from"),
        to: directory.path().join("to"),
        also_as: also_as.map(str::to_owned),
    };
    install.run()
}

fn plugin(content: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("from"), content).unwrap();
    fs::create_dir(directory.path().join("to")).unwrap();
    directory
}

fn inode(directory: &TempDir, name: &str) -> u64 {
    let path = directory.path().join("to").join(name);
    fs::metadata(path).unwrap().ino()
}

#[test]
fn it_is_replaced_as_a_whole_and_only_if_it_is_another() {
    let directory = plugin("one");
    install(&directory, None).unwrap();
    let path = directory.path().join("to/sriovd-cni");
    assert_eq!(fs::read(&path).unwrap(), b"one");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
    let first = inode(&directory, NAME);
    install(&directory, None).unwrap();
    assert_eq!(inode(&directory, NAME), first);

    // Who was killed left a half; who runs the old one keeps it.
    fs::write(directory.path().join("to/sriovd-cni.new"), "ha").unwrap();
    fs::write(directory.path().join("from"), "two").unwrap();
    let old = fs::File::open(&path).unwrap();
    install(&directory, None).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"two");
    assert_eq!(io::read_to_string(old).unwrap(), "one");
    assert_eq!(
        fs::read_dir(directory.path().join("to")).unwrap().count(),
        1
    );

    // One that nobody may run is no plugin.
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    install(&directory, None).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
}

#[test]
fn another_name_is_its_own_where_it_is_asked_for() {
    let directory = plugin("one");
    install(&directory, Some("sriov")).unwrap();
    for name in ["sriovd-cni", "sriov"] {
        let path = directory.path().join("to").join(name);
        assert_eq!(fs::read(path).unwrap(), b"one");
    }
    for name in ["", "../sriov", ".hidden", "a/b"] {
        let refused = install(&directory, Some(name)).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("--also-as {name:?} is no name of a plugin")
        );
    }
}

#[test]
fn what_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let refused = install(&directory, None).unwrap_err().to_string();
    assert!(
        refused.starts_with("cannot read ") && refused.ends_with("/from"),
        "{refused}"
    );
    fs::write(directory.path().join("from"), "one").unwrap();
    let refused = install(&directory, None).unwrap_err().to_string();
    assert!(
        refused.starts_with("cannot write ") && refused.ends_with("/to/sriovd-cni"),
        "{refused}"
    );
}
