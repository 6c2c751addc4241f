//! A policy that cannot be read is not a policy that was removed.

use super::*;
use crate::load::{last_good, load_apart};
use sriovd_host::file::apart::Apart;
use sriovd_host::file::faults::below;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const KEPT: bool = true;

fn broken(kept_last_good: bool) -> FileState {
    FileState::Broken { kept_last_good }
}

#[test]
fn a_broken_file_keeps_what_it_said_last() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.write("etc/sriov.d/20-b.toml", policy("b"));
    let good = host.load();
    host.write("etc/sriov.d/10-a.toml", "[[policy]\n");
    for _ in 0..2 {
        let loaded = host.load();
        assert_eq!(loaded.set, good.set);
        assert_eq!(loaded.files[0].state, broken(KEPT));
        assert_eq!(loaded.files[1].state, FileState::Used);
        assert_eq!(loaded.diagnostics.len(), 1);
        assert_eq!(loaded.last_good, good.last_good);
    }
    host.write("etc/sriov.d/10-a.toml", policy("c"));
    assert_eq!(names(&host.load()), ["c", "b"]);
}

#[test]
fn without_a_last_good_content_there_is_none() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.write("etc/sriov.d/20-b.toml", "[");
    let loaded = host.load();
    assert_eq!(names(&loaded), ["a"]);
    assert_eq!(loaded.files[1].state, broken(false));
}

#[test]
fn what_is_removed_or_masked_is_gone() {
    let mut host = Host::new();
    let a = host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.write("etc/sriov.d/20-b.toml", policy("b"));
    host.load();
    fs::remove_file(a).unwrap();
    host.write("etc/sriov.d/20-b.toml", "");
    assert_eq!(host.load().set, Default::default());
    // And stays so when it comes back broken.
    host.write("etc/sriov.d/10-a.toml", "[");
    assert_eq!(host.load().set, Default::default());
}

#[test]
fn every_way_of_being_unreadable_keeps() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil); 6] = [
        ("world-writable", |path| set_mode(path, 0o666)),
        ("not UTF-8", |path| fs::write(path, b"\xff").unwrap()),
        ("too large", |path| {
            fs::write(path, vec![b'#'; 10 << 20]).unwrap();
        }),
        ("a directory", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("a dangling link", |path| {
            fs::remove_file(path).unwrap();
            symlink("/nowhere", path).unwrap();
        }),
        ("a link to itself", |path| {
            fs::remove_file(path).unwrap();
            symlink(path.file_name().unwrap(), path).unwrap();
        }),
    ];
    for (way, spoil) in ways {
        let mut host = Host::new();
        let path = host.write("etc/sriov.d/10-a.toml", policy("a"));
        let good = host.load();
        spoil(&path);
        let loaded = host.load();
        assert_eq!(loaded.set, good.set, "{way}");
        assert_eq!(loaded.last_good, good.last_good, "{way}");
        assert_eq!(loaded.diagnostics.len(), 1, "{way}");
    }
}

#[test]
fn a_directory_that_cannot_be_used_keeps_its_files() {
    type Spoil = fn(&Path);
    let ways: [(&str, Spoil, &str); 2] = [
        (
            "world-writable",
            |dir| set_mode(dir, 0o777),
            "/etc/sriov.d: this directory is refused: everybody may write to it (mode 0777); chmod go-w /etc/sriov.d",
        ),
        (
            "a file",
            |dir| {
                fs::remove_dir_all(dir).unwrap();
                fs::write(dir, "").unwrap();
            },
            "/etc/sriov.d: this directory cannot be read: Not a directory (os error 20)",
        ),
    ];
    for (way, spoil, message) in ways {
        let mut host = Host::new();
        host.write("etc/sriov.d/10-a.toml", policy("a"));
        host.write("run/sriov.d/10-a.toml", policy("hidden"));
        host.write("run/sriov.d/20-b.toml", policy("b"));
        let good = host.load();
        spoil(&host.path("etc/sriov.d"));
        let loaded = host.load();
        assert_eq!(loaded.set, good.set, "{way}");
        assert_eq!(loaded.files[0].state, broken(KEPT), "{way}");
        assert_eq!(host.messages(&loaded), [message], "{way}");
    }
    // A directory that is gone took its files with it.
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.load();
    fs::remove_dir_all(host.path("etc/sriov.d")).unwrap();
    assert_eq!(host.load().set, Default::default());
}

#[test]
fn a_root_that_is_gone_keeps_everything() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    let good = host.load();
    let loaded = load(
        &host.path("nowhere"),
        &DIRECTORIES,
        Trust::Enforce,
        &good.last_good,
    );
    assert_eq!(loaded.set, good.set);
    assert!(loaded.diagnostics[0].is_error());
}

#[test]
fn a_name_taken_by_an_earlier_file_does_not_take_the_rest_along() {
    let mut host = Host::new();
    let both = policy("a") + &policy("b") + &network("n", "r") + &network("m", "r");
    host.write("etc/sriov.d/20-both.toml", both);
    host.load();
    host.write("etc/sriov.d/10-new.toml", policy("a") + &network("m", "r"));
    let loaded = host.load();
    assert_eq!(names(&loaded), ["a", "b"]);
    assert_eq!(
        loaded.set.policies[0].origin.file(),
        Some(&*host.path("etc/sriov.d/10-new.toml"))
    );
    let networks: Vec<_> = loaded
        .set
        .networks
        .iter()
        .map(|n| n.name.as_str())
        .collect();
    assert_eq!(networks, ["m", "n"]);
    assert_eq!(loaded.files[1].state, broken(KEPT));
}

#[test]
fn it_survives_a_restart() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    let good = host.load();
    let state = tempfile::tempdir().unwrap();
    assert_eq!(last_good::read(state.path()).unwrap(), LastGood::default());
    last_good::write(&good.last_good, state.path()).unwrap();
    assert_eq!(last_good::read(state.path()).unwrap(), good.last_good);

    // Nothing else is left there, and nothing is written twice.
    let file = state.path().join("last-good.json");
    let entries: Vec<_> = fs::read_dir(state.path())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(entries, std::slice::from_ref(&file));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let inode = |file: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).unwrap());
    let before = inode(&file);
    last_good::write(&good.last_good, state.path()).unwrap();
    assert_eq!(inode(&file), before);
    last_good::write(&LastGood::default(), state.path()).unwrap();
    assert_ne!(inode(&file), before);

    fs::write(&file, "{").unwrap();
    let error = last_good::read(state.path()).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{} does not hold what was written there", file.display())
    );
    assert!(
        last_good::write(
            &good.last_good,
            &state.path().join("last-good.json/nowhere")
        )
        .is_err()
    );
}

#[test]
fn a_writing_that_fails_leaves_nothing_half_done() {
    let state = tempfile::tempdir().unwrap();
    // Nothing can take its place.
    let taken = state.path().join("last-good.json");
    fs::create_dir(&taken).unwrap();
    assert!(last_good::write(&Host::new().load().last_good, state.path()).is_err());
    let left = fs::read_dir(state.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [taken]);
}

#[test]
fn a_directory_whose_file_system_does_not_answer_keeps_what_it_said_and_delays_no_other() {
    let mut host = Host::new();
    host.write("etc/sriov.d/10-a.toml", policy("a"));
    host.write("run/sriov.d/20-b.toml", policy("b"));
    host.load();
    let is_away = Arc::new(AtomicBool::new(true));
    let (away, place) = (Arc::clone(&is_away), host.path("run/sriov.d"));
    below(host.root.path(), move |path| {
        while path.starts_with(&place) && away.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    host.write("etc/sriov.d/10-a.toml", policy("c"));
    let apart = Apart::with_patience(Duration::from_secs(1));
    let root = host.root.path();
    let load = || load_apart(&apart, root, &DIRECTORIES, Trust::Enforce, &host.last_good);
    for _ in 0..2 {
        let loaded = load();
        assert_eq!(names(&loaded), ["c", "b"]);
        assert!(loaded.is_incomplete);
        assert_eq!(
            host.messages(&loaded),
            ["/run/sriov.d: this directory cannot be read: its file system does not answer"]
        );
    }
    is_away.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    while load().is_incomplete {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(names(&load()), ["c", "b"]);
}
