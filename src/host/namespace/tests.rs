//! Our own namespace, and paths that lead to none.

use super::*;

#[test]
fn our_own_namespace_has_an_inode_and_can_be_entered() {
    let own = Namespace::own().unwrap();
    let inode = own.inode().unwrap();
    assert_eq!(look(Path::new("/proc/self/ns/net")), Seen::Namespace(inode));
}

#[test]
fn what_is_no_namespace_is_not_taken_for_one() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("box");
    assert_eq!(look(&file), Seen::Nothing);
    assert!(Namespace::open(&file).is_err());
    std::fs::write(&file, "").unwrap();
    assert_eq!(look(&file), Seen::Other);
    let error = Namespace::open(&file).unwrap_err().to_string();
    assert!(error.contains("not a network namespace"), "{error}");
}
