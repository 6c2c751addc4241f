//! The rules of configuration directories.

use super::*;

#[test]
fn nothing_is_fine() {
    let mut host = Host::new();
    for dir in DIRECTORIES {
        fs::remove_dir(host.path(&dir[1..])).unwrap();
    }
    assert_eq!(host.load(), Loaded::default());
}

#[test]
fn files_are_read_by_name_over_all_directories() {
    let mut host = Host::new();
    host.write("usr/lib/sriov.d/10-c.toml", policy("c"));
    host.write("etc/sriov.d/20-a.toml", policy("a"));
    host.write("run/sriov.d/15-b.toml", policy("b"));
    host.write("etc/sriov.d/05-d.toml", policy("d"));
    let loaded = host.load();
    assert_eq!(names(&loaded), ["d", "c", "b", "a"]);
    assert_eq!(
        loaded.set.policies[0].origin.file(),
        Some(&*host.path("etc/sriov.d/05-d.toml"))
    );
    assert!(loaded.diagnostics.is_empty());
    assert!(
        loaded
            .files
            .iter()
            .all(|file| file.state == FileState::Used)
    );
}

#[test]
fn a_stronger_directory_hides_files_of_the_same_name() {
    let mut host = Host::new();
    let etc = host.write("etc/sriov.d/10-x.toml", policy("etc"));
    let run = host.write("run/sriov.d/10-x.toml", policy("run"));
    host.write("usr/lib/sriov.d/10-x.toml", "this is = not TOML");
    let loaded = host.load();
    assert_eq!(names(&loaded), ["etc"]);
    assert!(loaded.diagnostics.is_empty());
    let by = etc.clone();
    assert_eq!(
        host.states(&loaded),
        [
            ("/etc/sriov.d/10-x.toml".to_owned(), FileState::Used),
            (
                "/run/sriov.d/10-x.toml".to_owned(),
                FileState::Overridden { by: by.clone() }
            ),
            (
                "/usr/lib/sriov.d/10-x.toml".to_owned(),
                FileState::Overridden { by }
            ),
        ]
    );
    fs::remove_file(etc).unwrap();
    assert_eq!(names(&host.load()), ["run"]);
    fs::remove_file(run).unwrap();
    let loaded = host.load();
    assert!(names(&loaded).is_empty() && loaded.diagnostics.len() == 1);
}

#[test]
fn a_broken_file_still_hides() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-x.toml", "[");
    host.write("usr/lib/sriov.d/10-x.toml", policy("usr"));
    assert!(names(&host.load()).is_empty());
}

#[test]
fn an_empty_file_or_a_link_to_null_masks() {
    for empty in [true, false] {
        let mut host = Host::new();
        host.write("usr/lib/sriov.d/10-x.toml", policy("x"));
        assert_eq!(names(&host.load()), ["x"]);
        let mask = host.path("etc/sriov.d/10-x.toml");
        if empty {
            host.write("etc/sriov.d/10-x.toml", "");
        } else {
            symlink("/dev/null", &mask).unwrap();
        }
        let loaded = host.load();
        assert_eq!(loaded.set, Default::default());
        assert!(loaded.diagnostics.is_empty());
        assert_eq!(
            host.states(&loaded),
            [
                ("/etc/sriov.d/10-x.toml".to_owned(), FileState::Masked),
                (
                    "/usr/lib/sriov.d/10-x.toml".to_owned(),
                    FileState::Overridden { by: mask }
                ),
            ]
        );
        assert_eq!(loaded.last_good, LastGood::default());
    }
}

#[test]
fn what_is_no_policy_file_is_not_looked_at() {
    let mut host = Host::new();
    for name in [
        ".hidden.toml",
        ".#10-x.toml",
        "10-x.toml~",
        "10-x.toml.rpmnew",
        "10-x.conf",
        "toml",
    ] {
        host.write(&format!("etc/sriov.d/{name}"), "[");
    }
    fs::create_dir(host.path("etc/sriov.d/backup")).unwrap();
    assert_eq!(host.load(), Loaded::default());
}

#[test]
fn links_are_followed_within_the_root() {
    let mut host = Host::new();
    host.write("usr/shared.toml", policy("shared"));
    symlink("/usr/shared.toml", host.path("etc/sriov.d/10-x.toml")).unwrap();
    symlink("../../usr/shared2.toml", host.path("etc/sriov.d/20-x.toml")).unwrap();
    host.write("usr/shared2.toml", policy("shared2"));
    let loaded = host.load();
    assert_eq!(host.messages(&loaded), [""; 0]);
    assert_eq!(names(&loaded), ["shared", "shared2"]);

    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), policy("outside")).unwrap();
    symlink(outside.path(), host.path("etc/sriov.d/30-x.toml")).unwrap();
    assert_eq!(names(&host.load()), ["shared", "shared2"]);
}

#[test]
fn the_host_itself_is_a_root_too() {
    let host = Host::new();
    host.write("etc/sriov.d/10-x.toml", policy("x"));
    let dirs = [host.path("etc/sriov.d")];
    let loaded = load(Path::new("/"), &dirs, Trust::Enforce, &host.last_good);
    assert_eq!(names(&loaded), ["x"]);
}

#[test]
fn what_was_posted_is_weaker_than_what_was_written() {
    let host = Host::new();
    let posted = "var/lib/sriovd/vf-operator.d";
    fs::create_dir_all(host.path(posted)).unwrap();
    set_mode(&host.path(posted), 0o755);
    host.write(&format!("{posted}/a.toml"), policy("a"));
    host.write(&format!("{posted}/zz.toml"), policy("twin"));
    host.write("etc/sriov.d/50-b.toml", policy("b"));
    host.write("etc/sriov.d/60-twin.toml", policy("twin"));
    let dirs = [&DIRECTORIES[..], &["/var/lib/sriovd/vf-operator.d"]].concat();
    let loaded = load(
        host.root.path(),
        &dirs,
        Trust::Enforce,
        &LastGood::default(),
    );
    // At equal priority the last in reading order is the strongest.
    assert_eq!(names(&loaded), ["a", "b", "twin"]);
    let broken = FileState::Broken {
        kept_last_good: false,
    };
    let states = host.states(&loaded);
    assert_eq!(states[3], (format!("/{posted}/zz.toml"), broken));
    assert_eq!(states[1].1, FileState::Used);
}
