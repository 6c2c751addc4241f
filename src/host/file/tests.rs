//! A file is replaced as a whole, readable for all, and leaves nothing beside it.

use super::*;

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_was_there_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.conflist");
    fs::write(&path, "a longer text than the new one").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    replace(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(mode(&path), 0o644);
    assert_eq!(names(directory.path()), ["a.conflist"]);
}

#[test]
fn what_a_crash_left_is_in_nobodys_way() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.conflist");
    let elsewhere = directory.path().join("precious");
    fs::write(&elsewhere, "precious").unwrap();
    // Even where somebody made a link of it.
    std::os::unix::fs::symlink(&elsewhere, temporary_path(&path)).unwrap();
    replace(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "precious");
    assert_eq!(names(directory.path()), ["a.conflist", "precious"]);
}

#[test]
fn a_failure_leaves_nothing_behind_and_says_what_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.json");
    fs::create_dir(&path).unwrap();
    let error = replace(&path, "new").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot replace {}", path.display())
    );
    assert_eq!(error.source.kind(), ErrorKind::IsADirectory);
    assert_eq!(names(directory.path()), ["a.json"]);
}

#[test]
fn no_reader_takes_the_temporary_file_for_a_configuration() {
    let path = temporary_path(Path::new("/etc/cni/net.d/99-sriovd-a.conflist"));
    assert_eq!(
        path,
        Path::new("/etc/cni/net.d/.sriovd-99-sriovd-a.conflist.tmp")
    );
    assert!(is_temporary(".sriovd-99-sriovd-a.conflist.tmp"));
    assert!(!is_temporary("99-sriovd-a.conflist"));
    assert!(!is_temporary(".other.tmp"));
}

#[test]
fn directories_are_made_for_all_to_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("etc/cni/net.d");
    create_directories(&path).unwrap();
    assert_eq!(mode(&path), 0o755);
    create_directories(&path).unwrap();
    fs::write(path.join("file"), "").unwrap();
    assert!(create_directories(&path.join("file/below")).is_err());
}

#[test]
fn a_path_of_the_host_lies_below_the_root() {
    let at = |root, path| under(Path::new(root), Path::new(path));
    assert_eq!(at("/", "/etc/x"), Path::new("/etc/x"));
    assert_eq!(at("/tmp/tree", "/etc/x"), Path::new("/tmp/tree/etc/x"));
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    let tests = [
        "file::tests::what_was_there_is_replaced",
        "file::tests::directories_are_made_for_all_to_read",
    ];
    // In a process of its own: the umask is one for all threads.
    let output = std::process::Command::new("sh")
        .args(["-c", "umask 0077; exec \"$@\"", "sh"])
        .arg(std::env::current_exe().unwrap())
        .arg("--exact")
        .args(tests)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("2 passed"), "{text}");
}
