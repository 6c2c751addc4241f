//! What is said of files that cannot be used.

use super::super::examine;
use super::super::read::writable_by;
use super::*;
use rustix::fs::{FileType, Mode, mknodat};

/// What is said of one file in `/etc/sriov.d`.
fn fault(make: impl FnOnce(&Path)) -> String {
    let mut host = Host::new();
    make(&host.path("etc/sriov.d/10-x.toml"));
    let loaded = host.load();
    assert_eq!(loaded.set, Default::default());
    assert!(loaded.diagnostics.iter().all(|d| d.is_error()));
    host.messages(&loaded).concat()
}

#[test]
fn files_that_cannot_be_read() {
    let expected = |text: &str| format!("/etc/sriov.d/10-x.toml{text}");
    let directory = fault(|path| fs::create_dir(path).unwrap());
    assert_eq!(
        directory,
        expected(": this is a directory; expected a regular file")
    );

    let fifo = fault(|path| {
        mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::from(0o644), 0).unwrap();
    });
    assert_eq!(fifo, expected(": this is a FIFO; expected a regular file"));

    let dangling = fault(|path| symlink("/nowhere", path).unwrap());
    let message = ": a symbolic link to \"/nowhere\", where there is nothing";
    assert_eq!(dangling, expected(message));

    let circle = fault(|path| symlink("10-x.toml", path).unwrap());
    let message = ": this file cannot be read: Too many levels of symbolic links (os error 40)";
    assert_eq!(circle, expected(message));

    let large = fault(|path| write(path, vec![b'#'; 10 << 20]));
    let message = ": this file is too large: 10485760 bytes; expected at most 1048576";
    assert_eq!(large, expected(message));

    let latin = fault(|path| write(path, b"# \xc3\xa4\n# \xe4x\n"));
    assert_eq!(latin, expected(":2:3: byte 0xe4 is not UTF-8 text"));
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let mut host = Host::new();
    let text = format!("{}#{}", policy("a"), "x".repeat(1 << 20));
    host.write("etc/sriov.d/10-a.toml", &text[..1 << 20]);
    assert_eq!(names(&host.load()), ["a"]);
    host.write("etc/sriov.d/20-b.toml", &text[..(1 << 20) + 1]);
    assert_eq!(host.load().diagnostics.len(), 1);
}

#[test]
fn files_that_others_can_write_are_refused() {
    for (mode, who, remedy) in [
        (0o666, "everybody may write to it (mode 0666)", "chmod go-w"),
        (0o664, "its group may write to it (mode 0664)", "chmod g-w"),
        (0o646, "everybody may write to it (mode 0646)", "chmod go-w"),
    ] {
        let mut host = Host::new();
        let path = host.write("etc/sriov.d/10-x.toml", policy("x"));
        set_mode(&path, mode);
        let file = "/etc/sriov.d/10-x.toml";
        let loaded = host.load();
        let expected = format!("{file}: this file is refused: {who}; {remedy} {file}");
        assert_eq!(host.messages(&loaded), [expected]);
        assert_eq!(
            loaded.files[0].state,
            FileState::Refused {
                kept_last_good: false
            }
        );
        assert!(names(&loaded).is_empty());

        let loaded = host.load_with(Trust::WarnOnly);
        let expected = format!("{file}: the daemon refuses this file: {who}; {remedy} {file}");
        assert_eq!(host.messages(&loaded), [expected]);
        assert!(!loaded.diagnostics[0].is_error());
        assert_eq!(names(&loaded), ["x"]);
    }
}

#[test]
fn only_root_and_we_may_write() {
    let others = |owner, mode| writable_by(owner, mode, 998).map(|(reason, _)| reason);
    assert_eq!(others(0, 0o644), None);
    assert_eq!(others(998, 0o755), None);
    assert_eq!(others(1234, 0o600).unwrap(), "it belongs to uid 1234");
    assert_eq!(
        others(998, 0o664).unwrap(),
        "its group may write to it (mode 0664)"
    );
    assert_eq!(
        others(0, 0o602).unwrap(),
        "everybody may write to it (mode 0602)"
    );
}

#[test]
fn names_are_unique_over_all_files() {
    let mut host = Host::new();
    host.write(
        "etc/sriov.d/10-a.toml",
        format!("\n{}{}", policy("a"), network("n", "r")),
    );
    host.write(
        "run/sriov.d/20-b.toml",
        policy("b") + &policy("a") + &network("n", "r"),
    );
    let loaded = host.load();
    assert_eq!(names(&loaded), ["a"]);
    assert_eq!(
        loaded.files[1].state,
        FileState::Broken {
            kept_last_good: false
        }
    );
    let twin = loaded.diagnostics[0].to_string();
    assert_eq!(
        host.plain(&twin),
        r#"error: a policy named "a" is already in /etc/sriov.d/10-a.toml:2
  --> /run/sriov.d/20-b.toml:6:8
   |
 6 | name = "a"
   |        ^^^"#
    );
    let expected =
        "/run/sriov.d/20-b.toml:10:8: a network named \"n\" is already in /etc/sriov.d/10-a.toml:6";
    assert_eq!(host.messages(&loaded)[1], expected);
}

#[test]
fn a_network_without_its_pool_is_told() {
    let mut host = Host::new();
    let pool = |name: &str, resource: &str| {
        policy(name).replace("num_vfs", &format!("resource = \"{resource}\"\nnum_vfs"))
    };
    host.write(
        "etc/sriov.d/10-n.toml",
        network("n", "intelnics") + &network("m", "other"),
    );
    host.write(
        "etc/sriov.d/20-p.toml",
        pool("p", "intelnic") + &pool("q", "unused"),
    );
    host.write(
        "etc/sriov.d/30-o.toml",
        pool("o", "other").replace("num_vfs", "enabled = false\nnum_vfs"),
    );
    let loaded = host.load();
    assert!(loaded.diagnostics.iter().all(|d| !d.is_error()));
    assert_eq!(
        host.messages(&loaded),
        [
            "/etc/sriov.d/10-n.toml:3:12: no policy forms the pool \"intelnics\"; did you mean \"intelnic\"?",
            "/etc/sriov.d/10-n.toml:6:12: no policy forms the pool \"other\"",
        ]
    );
    host.write(
        "etc/sriov.d/40-r.toml",
        pool("r", "intelnics") + &pool("s", "other"),
    );
    assert!(host.load().diagnostics.is_empty());
}

#[test]
fn check_takes_files_and_directories_together() {
    let host = Host::new();
    let a = host.write("etc/sriov.d/10-a.toml", policy("a"));
    assert!(examine(std::slice::from_ref(&a)).diagnostics.is_empty());
    assert!(examine(&[host.path("etc/sriov.d")]).diagnostics.is_empty());

    let copy = host.write("draft", policy("a"));
    set_mode(&copy, 0o664);
    let paths = [host.path("etc/sriov.d"), copy, host.path("nowhere")];
    let found = examine(&paths).diagnostics;
    let messages: Vec<_> = found.iter().map(|d| host.plain(&d.one_line())).collect();
    assert_eq!(
        messages,
        [
            "/draft: the daemon refuses this file: its group may write to it (mode 0664); chmod g-w /draft",
            "/draft:2:8: a policy named \"a\" is already in /etc/sriov.d/10-a.toml:1",
            "/nowhere: there is no such file",
        ]
    );
}
