//! Memory survives restarts; a bad file costs the memory, never the daemon.

use super::*;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::json;
use sriovd_core::model::Assignment;
use sriovd_core::model::*;
use sriovd_core::plan::owned::{Capability, OwnedPf, OwnedVf};
use sriovd_core::policy::OnRemoval;
use sriovd_core::report::{Pause, Pauses};
use sriovd_host::file::faults::below;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::{Duration, Instant};

fn parse<T: std::str::FromStr<Err = Malformed>>(text: &str) -> T {
    text.parse().unwrap()
}

/// Something of everything that there is to remember.
fn full() -> Memory {
    let settings = [
        VfSetting::Trust(true),
        VfSetting::Mac(parse("02:00:5e:10:00:01")),
        VfSetting::Vlan(Vlan {
            id: 100,
            qos: 3,
            proto: VlanProto::Dot1ad,
        }),
        VfSetting::TxRate(TxRate { min: 1, max: 2 }),
        VfSetting::LinkState(LinkState::Disable),
    ];
    let mut settings: BTreeMap<_, _> = settings
        .into_iter()
        .map(|setting| (setting.attribute(), Some(setting)))
        .collect();
    settings.insert(VfAttribute::QueryRss, None);
    let vf = OwnedVf {
        untold: [(VfAttribute::Trust, VfSetting::Trust(true))].into(),
        settings,
        mac: Some(parse("02:00:00:00:00:01")),
        driver: true,
        mtu: true,
        tc_offload_before: Some(true),
    };
    let pf = OwnedPf {
        hold: None,
        was_up: false,
        brought_up: Some(2),
        permanent_mac: Some(parse("3c:fd:fe:00:00:01")),
        on_removal: OnRemoval::Keep,
        created_vfs: true,
        mtu_before: Some(Mtu::ETHERNET),
        autoprobe_before: Some(true),
        bridge: Some("br0".parse().unwrap()),
        eswitch_before: Some(EswitchMode::Legacy),
        tc_offload_before: Some(false),
        params_before: [("test1".to_owned(), ParamValue::Switch(true))].into(),
        reload_due: true,
        up_before: true,
        unsupported: BTreeSet::from([
            Capability::Attribute(VfAttribute::TxRate),
            Capability::Vlan8021ad,
        ]),
        unprobed: BTreeSet::from([VfIndex(5)]),
        fresh: Some(VfSettings {
            spoof_check: Some(true),
            ..VfSettings::default()
        }),
        vfs: BTreeMap::from([(VfIndex(3), vf)]),
    };
    let assignment = Assignment {
        permanent_mac: None,
        pf: parse("0000:3b:00.0"),
        vf: VfIndex(3),
    };
    let pause = Pause {
        until: Some(parse("2026-01-31T08:00:00Z")),
        by: "user 0".to_owned(),
    };
    Memory {
        pfs: BTreeMap::from([(parse("0000:3b:00.0"), pf)]),
        kernel: "6.12.1".to_owned(),
        assignments: BTreeMap::from([(parse("f1-u"), assignment)]),
        files: BTreeSet::from(["/etc/pcidp/config.json".into()]),
        pauses: Pauses {
            all: None,
            pfs: BTreeMap::from([(parse("0000:3b:00.0"), pause)]),
        },
        ..Memory::default()
    }
}

fn opened(directory: &Path) -> Store {
    let (store, lost) = Store::open(directory, Apart::default());
    assert!(lost.is_none(), "{lost:?}");
    store
}

#[test]
fn everything_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sriovd");
    let store = opened(&path);
    assert_eq!(*store.memory(), Memory::default());
    store.save(&full()).unwrap();
    assert_eq!(*opened(&path).memory(), full());
}

#[test]
fn the_file_is_written_only_for_a_change() {
    let directory = tempfile::tempdir().unwrap();
    let inode = || {
        let metadata = fs::metadata(directory.path().join(FILE)).unwrap();
        (metadata.ino(), metadata.mtime_nsec(), metadata.ctime_nsec())
    };
    opened(directory.path()).save(&full()).unwrap();
    let before = inode();
    let store = opened(directory.path());
    store.save(&full()).unwrap();
    store.update(|_| {}).unwrap();
    assert_eq!(inode(), before);
    store.update(|memory| memory.kernel.clear()).unwrap();
    assert_eq!(opened(directory.path()).memory().kernel, "");
}

#[test]
fn what_is_noted_lasts_over_a_crash_and_is_synced_by_the_next_update() {
    let directory = tempfile::tempdir().unwrap();
    let store = opened(directory.path());
    store.note(|memory| memory.clone_from(&full())).unwrap();
    assert_eq!(*opened(directory.path()).memory(), full());
    assert!(store.is_unsaved());
    store.update(|_| {}).unwrap();
    assert!(!store.is_unsaved());
}

#[test]
fn nobody_waits_for_a_disk_that_syncs() {
    let directory = tempfile::tempdir().unwrap();
    let store = &opened(directory.path());
    store.note(|memory| memory.clone_from(&full())).unwrap();
    // Whoever opens this to sync it waits until it is opened for writing.
    let path = directory.path().join(FILE);
    fs::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let other_end = directory.path().join("other end");
    fs::hard_link(&path, &other_end).unwrap();
    std::thread::scope(|threads| {
        let update = threads.spawn(|| store.update(|_| {}));
        let (tell, told) = mpsc::channel();
        threads.spawn(move || {
            // Once it is at the sync, which comes after the text has been compared.
            std::thread::sleep(Duration::from_millis(100));
            let kernel = store.memory().kernel.clone();
            let unsaved = store.is_unsaved();
            let noted = store.note(|memory| "6.13".clone_into(&mut memory.kernel));
            tell.send((kernel, unsaved, noted)).unwrap();
        });
        let seen = told.recv_timeout(Duration::from_secs(20));
        drop(fs::OpenOptions::new().write(true).open(&other_end));
        let (kernel, unsaved, noted) = seen.expect("an answer while the disk works");
        assert_eq!(kernel, "6.12.1");
        assert!(unsaved);
        noted.unwrap();
        let failed = update.join().unwrap().unwrap_err().to_string();
        assert!(failed.starts_with("cannot sync"), "{failed}");
    });
    store.update(|_| {}).unwrap();
    assert!(!store.is_unsaved());
    assert_eq!(opened(directory.path()).memory().kernel, "6.13");
}

#[test]
fn what_a_crash_left_unfinished_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    opened(directory.path()).save(&full()).unwrap();
    let leftover = directory.path().join(".sriovd-state.json.tmp");
    fs::write(&leftover, "{").unwrap();
    assert_eq!(*opened(directory.path()).memory(), full());
    assert!(!leftover.exists());
}

#[test]
fn a_damaged_file_is_set_aside() {
    let whole = {
        let directory = tempfile::tempdir().unwrap();
        opened(directory.path()).save(&full()).unwrap();
        fs::read_to_string(directory.path().join(FILE)).unwrap()
    };
    let torn = &whole[..whole.len() / 2];
    for text in ["", "null", "{}", "\0\0\0", torn] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        fs::write(&path, text).unwrap();
        let (store, lost) = Store::open(directory.path(), Apart::default());
        assert_eq!(*store.memory(), Memory::default());
        let lost = lost.unwrap();
        let sentence = lost.to_string();
        assert!(sentence.contains("is damaged"), "{sentence}");
        assert!(sentence.ends_with("state.json.broken"), "{sentence}");
        assert_eq!(fs::read_to_string(lost.kept.unwrap()).unwrap(), text);
        store.save(&full()).unwrap();
        assert_eq!(*opened(directory.path()).memory(), full());
    }
}

#[test]
fn a_newer_version_is_kept_for_the_day_of_the_next_update() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let newer = "{\"version\": 2, \"pfs\": \"in another form\"}";
    fs::write(&path, newer).unwrap();
    let (store, lost) = Store::open(directory.path(), Apart::default());
    let lost = lost.unwrap().to_string();
    assert!(
        lost.contains("newer sriovd (version 2, known is 1)"),
        "{lost}"
    );
    store.save(&full()).unwrap();
    let kept = directory.path().join("state.json.version-2");
    assert_eq!(fs::read_to_string(kept).unwrap(), newer);
}

#[test]
fn when_the_disk_refuses_the_change_holds_and_is_saved_later() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sriovd");
    let store = opened(&path);
    fs::write(&path, "in the way").unwrap();
    let error = store.save(&full()).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot create directory"),
        "{error}"
    );
    assert_eq!(*store.memory(), full());

    fs::remove_file(&path).unwrap();
    store.update(|_| {}).unwrap();
    assert_eq!(*opened(&path).memory(), full());
}

/// As the next version would: new keys and new values wherever there can be some.
fn of_the_next_version() -> Value {
    let mut document: Value = serde_json::from_str(&write(&full()).unwrap()).unwrap();
    document["version"] = json!(2);
    document["needs"] = json!(1);
    document["leases"] = json!({"a": 1});
    let pf = document["pfs"]["0000:3b:00.0"].clone();
    let mut odd = pf.clone();
    odd["on_removal"] = json!("archive");
    document["pfs"]["0000:5e:00.0"] = odd;
    document["pfs"]["by-serial-number"] = pf;
    let pf = &mut document["pfs"]["0000:3b:00.0"];
    pf["firmware_before"] = json!({"sriov": false});
    for (_, vf) in pf["vfs"].as_object_mut().unwrap() {
        vf["queues_before"] = json!(8);
        vf["settings"]["colour"] = json!({"colour": "red"});
        vf["settings"]["link_state"] = json!({"link_state": "blinking"});
    }
    document["files"]
        .as_array_mut()
        .unwrap()
        .push(json!({"path": "/x", "digest": 1}));
    document
}

#[test]
fn nothing_of_the_next_version_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let next = of_the_next_version();
    fs::write(&path, next.to_string()).unwrap();
    let store = opened(directory.path());
    let told = store.not_understood();
    let told_of = |place: &str| {
        let is_it = |it: &NotUnderstood| it.place == place && it.value.starts_with('{');
        told.iter().any(is_it)
    };
    assert!(told_of("/pfs/0000:5e:00.0"), "{told:?}");
    assert!(told_of("/pfs/by-serial-number"), "{told:?}");
    assert!(
        !told_of("/leases"),
        "keys of other versions are no news: {told:?}"
    );
    let memory = store.memory();
    let full = full();
    let pf = "0000:3b:00.0".parse().unwrap();
    assert!(memory.pfs[&pf].created_vfs == full.pfs[&pf].created_vfs);
    assert_eq!(memory.files, full.files);
    assert_eq!(memory.assignments, full.assignments);
    let unclear = "0000:5e:00.0".parse().unwrap();
    assert!(memory.is_in_doubt(unclear) && !memory.is_in_doubt(pf));

    // What this one learns is added.
    store
        .update(|memory| "6.13".clone_into(&mut memory.kernel))
        .unwrap();
    let mut expected = next.clone();
    expected["kernel"] = json!("6.13");
    expected["version"] = json!(1);
    let saved = |path: &Path| -> Value {
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    assert_eq!(saved(&path), expected);
    let again = opened(directory.path());
    again
        .update(|memory| "6.14".clone_into(&mut memory.kernel))
        .unwrap();
    expected["kernel"] = json!("6.14");
    assert_eq!(saved(&path), expected);

    // With what a key belonged to, it goes.
    again.update(|memory| drop(memory.pfs.remove(&pf))).unwrap();
    let within = format!("/pfs/{pf}/");
    let told = again.not_understood();
    assert!(
        told.iter().all(|it| !it.place.starts_with(&within)),
        "{told:?}"
    );
    let left = saved(&path);
    assert_eq!(left["pfs"].get("0000:3b:00.0"), None);
    assert_eq!(left["pfs"]["0000:5e:00.0"], next["pfs"]["0000:5e:00.0"]);
}

/// Also what cannot be moved is not written over.
#[test]
fn what_was_set_aside_is_never_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    for text in ["first", "second"] {
        fs::write(&path, text).unwrap();
        Store::open(directory.path(), Apart::default());
    }
    let aside = |name| fs::read_to_string(directory.path().join(name)).unwrap();
    assert_eq!(aside("state.json.broken"), "first");
    assert_eq!(aside("state.json.broken.2"), "second");
}

#[test]
fn what_is_not_understood_is_told_until_something_is_known_in_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let pf: PciAddress = "0000:5e:00.0".parse().unwrap();
    let document = json!({
        "version": 1,
        "files": [{"path": "/x"}],
        "pfs": {"0000:5e:00.0": {"on_removal": "ask"}},
    });
    fs::write(&path, document.to_string()).unwrap();
    let store = opened(directory.path());
    let told = |store: &Store| -> Vec<String> {
        let told = store.not_understood().into_iter();
        told.map(|it| it.place).collect()
    };
    assert_eq!(told(&store), ["/files/0", "/pfs/0000:5e:00.0"]);
    assert_eq!(
        store.not_understood()[0].to_string(),
        format!(
            "{}: /files/0 is {{\"path\":\"/x\"}}, which this version does not understand: it is kept as it is, and what it is about is left alone",
            path.display()
        )
    );
    store
        .update(|memory| drop(memory.pfs.insert(pf, OwnedPf::default())))
        .unwrap();
    assert_eq!(told(&store), ["/files/0"]);
    assert_eq!(told(&opened(directory.path())), ["/files/0"]);
}

/// As of a server that is away.
#[test]
fn a_file_system_that_does_not_answer_delays_a_change_once() {
    let patience = Duration::from_secs(1);
    let directory = tempfile::tempdir().unwrap();
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    below(directory.path(), move |_| {
        while away.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    opened_for(&is_away, || opened(directory.path()).save(&full()).unwrap());
    let apart = Apart::with_patience(patience);
    let (store, _) = opened_for(&is_away, || Store::open(directory.path(), apart));
    let note = |kernel: &str| {
        let begun = Instant::now();
        let noted = store.note(|memory| kernel.clone_into(&mut memory.kernel));
        (begun.elapsed(), noted.unwrap_err().source.to_string())
    };
    let (took, why) = note("6.13");
    assert!(took >= patience);
    assert_eq!(why, "its file system does not answer");
    for number in 0..5 {
        let (took, _) = note(&format!("6.14.{number}"));
        assert!(took < patience, "{took:?}");
    }
    assert_eq!(store.memory().kernel, "6.14.4");
    assert!(store.is_unsaved());

    is_away.store(false, Ordering::Relaxed);
    let begun = Instant::now();
    while store.update(|_| {}).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert!(!store.is_unsaved());
    assert_eq!(opened(directory.path()).memory().kernel, "6.14.4");
}

fn opened_for<T>(is_away: &AtomicBool, work: impl FnOnce() -> T) -> T {
    is_away.store(false, Ordering::Relaxed);
    let done = work();
    is_away.store(true, Ordering::Relaxed);
    done
}

/// It may be in order.
#[test]
fn what_does_not_answer_at_the_start_is_never_written_over() {
    let directory = tempfile::tempdir().unwrap();
    opened(directory.path()).save(&full()).unwrap();
    let apart = Apart::with_patience(Duration::from_millis(100));
    let busy = apart.clone();
    let (release, released) = mpsc::channel::<()>();
    let place = directory.path().to_owned();
    busy.run(&place, move || released.recv()).unwrap_err();
    let (store, lost) = Store::open(directory.path(), apart);
    let lost = lost.unwrap().to_string();
    assert!(lost.contains("its file system does not answer"), "{lost}");
    store.update(|_| {}).unwrap_err();
    drop(release);
    let begun = Instant::now();
    while store
        .update(|memory| "6.13".clone_into(&mut memory.kernel))
        .is_err()
    {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(opened(directory.path()).memory().kernel, "6.13");
    let aside = fs::read_to_string(directory.path().join(BROKEN)).unwrap();
    assert_eq!(super::parse(&aside).unwrap(), full());
}
