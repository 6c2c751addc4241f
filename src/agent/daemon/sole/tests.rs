//! Who may be the agent, and what the others are told.

use super::*;
use std::process::Command;
use std::time::Duration;

fn refused(root: &Path) -> String {
    SoleAgent::of(root, "sriovctl").unwrap_err().to_string()
}

#[test]
fn a_second_agent_is_told_who_is_the_first() {
    let root = tempfile::tempdir().unwrap();
    let first = SoleAgent::of(root.path(), "sriovd").unwrap();
    let (pid, shown) = (std::process::id(), root.path().display());
    let told = format!(
        "sriovd (process {pid}) already runs with root {shown}, and there is one agent for each root"
    );
    assert_eq!(refused(root.path()), told);
    // It is one per root.
    let other = tempfile::tempdir().unwrap();
    let elsewhere = SoleAgent::of(other.path(), "sriovd").unwrap();
    drop(first);
    let next = SoleAgent::of(root.path(), "sriovctl").unwrap();
    assert!(refused(root.path()).starts_with(&format!("sriovctl (process {pid}) already runs")));
    drop((next, elsewhere));
}

#[test]
fn of_many_at_once_one_is_the_agent() {
    let root = tempfile::tempdir().unwrap();
    let all = std::thread::scope(|threads| {
        let start = || SoleAgent::of(root.path(), "sriovd").ok();
        let threads: Vec<_> = (0..16).map(|_| threads.spawn(start)).collect();
        let all = threads.into_iter().map(|thread| thread.join().unwrap());
        all.collect::<Vec<_>>()
    });
    assert_eq!(all.iter().flatten().count(), 1);
}

/// The lock as somebody else holds it.
fn held_by(root: &Path, text: &str) -> File {
    let path = file::under(root, Path::new(LOCK));
    file::create_directories(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let lock = open(&path).unwrap();
    assert!(take(&lock, FlockOperation::NonBlockingLockExclusive, &path).unwrap());
    lock
}

#[test]
fn what_is_left_of_an_agent_that_the_kernel_does_not_let_go_is_no_agent() {
    let root = tempfile::tempdir().unwrap();
    // Until it is waited for, it is as a process whose main thread has ended.
    let mut child = Command::new("true").spawn().unwrap();
    let pid = child.id();
    while !Holder(Some((pid, String::new()))).has_ended() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let stuck = held_by(root.path(), &format!("{pid} sriovd\n"));
    let agent = SoleAgent::of(root.path(), "sriovd").unwrap();
    assert!(refused(root.path()).contains(&std::process::id().to_string()));
    drop((agent, stuck));
    child.wait().unwrap();
}

#[test]
fn a_holder_that_does_not_say_who_it_is_holds_all_the_same() {
    for text in ["", "1 ", "one two\n", "99999999999 sriovd\n", "\u{fffd}"] {
        let root = tempfile::tempdir().unwrap();
        let lock = held_by(root.path(), text);
        let told = refused(root.path());
        assert!(told.contains("already runs with root"), "{told}");
        drop(lock);
    }
}
