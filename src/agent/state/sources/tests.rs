//! What is put is there as a whole, and nothing changes where the disk refuses.

use super::*;
use std::os::unix::fs::MetadataExt;

const TEXT: &str = "{\"network\":[],\"policy\":[],\"version\":1}\n";
const OTHER: &str = "{\"network\":[],\"policy\":[{\"name\":\"a\"}],\"version\":1}\n";

fn files() -> (tempfile::TempDir, SourceFiles, SourceName) {
    let root = tempfile::tempdir().unwrap();
    let files = SourceFiles::new(root.path().join("sources.d"));
    (root, files, "kube".parse().unwrap())
}

#[test]
fn the_same_again_writes_nothing() {
    let (_root, files, kube) = files();
    assert!(files.put(&kube, TEXT).unwrap());
    let inode = || fs::metadata(files.path(&kube)).unwrap().ino();
    let before = inode();
    assert!(!files.put(&kube, TEXT).unwrap());
    assert_eq!(inode(), before);
    assert!(files.put(&kube, OTHER).unwrap());
    assert_eq!(fs::read_to_string(files.path(&kube)).unwrap(), OTHER);
}

#[test]
fn what_is_removed_is_gone_and_once_only() {
    let (_root, files, kube) = files();
    assert!(!files.remove(&kube).unwrap());
    files.put(&kube, TEXT).unwrap();
    assert!(files.remove(&kube).unwrap());
    assert!(!files.remove(&kube).unwrap());
}

#[test]
fn what_cannot_be_understood_is_set_aside_and_not_written_over() {
    let (_root, files, kube) = files();
    fs::create_dir(&files.directory).unwrap();
    let newer = "{\"version\": 2, \"pools\": []}";
    fs::write(files.path(&kube), newer).unwrap();
    files.put(&kube, TEXT).unwrap();
    let aside = files.directory.join("kube.json.broken");
    assert_eq!(fs::read_to_string(aside).unwrap(), newer);
}

#[test]
fn a_write_that_fails_changes_nothing() {
    let (_root, files, kube) = files();
    files.put(&kube, TEXT).unwrap();
    // Where the new content would be written before it is moved into place.
    fs::create_dir(files.directory.join(".sriovd-kube.json.tmp")).unwrap();
    files.put(&kube, OTHER).unwrap_err();
    assert_eq!(fs::read_to_string(files.path(&kube)).unwrap(), TEXT);
}
