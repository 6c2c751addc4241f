//! Records in a prepared tree.

use super::*;
use sriovd_core::model::{Container, VfIndex, VfSettings};
use std::os::unix::fs::symlink;

pub(in crate::attach) fn allocation(vf: u16, container: &str) -> Allocation {
    Allocation {
        address: format!("0000:01:10.{vf}").parse().unwrap(),
        pf: "0000:01:00.0".parse().unwrap(),
        vf: VfIndex(vf),
        pool: None,
        container: Container {
            id: container.to_owned(),
            name: None,
            network: "f1-u".to_owned(),
            namespace: "/run/netns/box".into(),
            interface: "eth0".parse().unwrap(),
        },
        namespace_inode: None,
        boot: None,
        allocated_at: 0,
        before: VfSettings::default(),
        interface_before: None,
        unnamed: false,
        not_understood: Vec::new(),
    }
}

/// With the directory that taking a lock makes.
pub(in crate::attach) fn records(root: &Path) -> Records {
    fs::create_dir_all(root.join("var/lib/cni/sriov/pci")).unwrap();
    Records::below(root)
}

#[test]
fn a_vf_has_one_record_at_most() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let first = allocation(0, "first");
    assert!(records.create(&first).unwrap());
    assert!(!records.create(&allocation(0, "second")).unwrap());
    assert!(records.create(&allocation(1, "second")).unwrap());
    assert_eq!(
        records.all().unwrap(),
        [first.clone(), allocation(1, "second")]
    );
    assert_eq!(
        records.read(first.address).unwrap(),
        Record::Of(Box::new(first))
    );
}

#[test]
fn a_released_vf_remembers_who_had_it() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let allocated = allocation(0, "first");
    records.create(&allocated).unwrap();
    assert_eq!(records.last(allocated.address), None);
    records.release(&allocated).unwrap();
    records.release(&allocated).unwrap();
    assert_eq!(records.read(allocated.address).unwrap(), Record::None);
    assert_eq!(records.last(allocated.address), Some(allocated));
}

#[test]
fn the_sriov_plugin_is_told_and_its_own_record_is_left() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let allocated = allocation(0, "first");
    let theirs = root.path().join("var/lib/cni/sriov/pci/0000:01:10.0");
    records.create(&allocated).unwrap();
    assert_eq!(fs::read_to_string(&theirs).unwrap(), "/run/netns/box");
    records.release(&allocated).unwrap();
    assert!(!theirs.exists());
    fs::write(&theirs, "/run/netns/other").unwrap();
    records.release(&allocated).unwrap();
    assert!(theirs.exists());
}

#[test]
fn a_record_that_was_cut_short_is_seen_as_such() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let allocated = allocation(0, "first");
    records.create(&allocated).unwrap();
    fs::write(records.path(allocated.address), "{\"addr").unwrap();
    assert_eq!(
        records.read(allocated.address).unwrap(),
        Record::NotUnderstood
    );
    assert_eq!(records.all().unwrap(), []);
    assert_eq!(records.vfs().unwrap(), [allocated.address]);
}

#[test]
fn what_cannot_be_written_down_leaves_nothing_behind() {
    let files = |directory: &Path| {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let allocated = allocation(0, "first");
    // As a full file system: the kernel's own.
    let new = records.directory.join(".sriovd-0000:01:10.0.tmp");
    fs::create_dir_all(records.directory.join(RELEASED)).unwrap();
    std::os::unix::fs::symlink("/dev/full", &new).unwrap();
    let error = records.create(&allocated).unwrap_err();
    assert_eq!(error.source.kind(), ErrorKind::StorageFull);
    assert_eq!(files(&records.directory), [RELEASED]);

    // The other plugin cannot be told.
    fs::remove_dir(&records.plugin).unwrap();
    records.create(&allocated).unwrap_err();
    assert_eq!(files(&records.directory), [RELEASED]);

    // There is no place for the last record of a VF that is back.
    fs::create_dir(&records.plugin).unwrap();
    records.create(&allocated).unwrap();
    fs::remove_dir(records.directory.join(RELEASED)).unwrap();
    records.release(&allocated).unwrap();
    assert_eq!(records.read(allocated.address).unwrap(), Record::None);
    assert!(files(&records.directory).is_empty());
}

/// A link to itself can be followed by nobody.
#[test]
fn what_cannot_be_read_is_not_absent() {
    let root = tempfile::tempdir().unwrap();
    let records = records(root.path());
    let (allocated, other) = (allocation(0, "first"), allocation(1, "second"));
    records.create(&allocated).unwrap();
    records.create(&other).unwrap();
    let of_the_plugin = root.path().join("var/lib/cni/sriov/pci/0000:01:10.1");
    fs::remove_file(&of_the_plugin).unwrap();
    symlink(&of_the_plugin, &of_the_plugin).unwrap();
    records.release(&other).unwrap_err();
    assert_eq!(records.vfs().unwrap().len(), 2, "its record stays");

    let path = records.path(allocated.address);
    fs::remove_file(&path).unwrap();
    symlink(&path, &path).unwrap();
    records.read(allocated.address).unwrap_err();
    records.all().unwrap_err();

    fs::rename(&records.directory, root.path().join("aside")).unwrap();
    symlink(&records.directory, &records.directory).unwrap();
    records.vfs().unwrap_err();
    records.all().unwrap_err();
}
