//! What one agent has seen the next one knows, and nothing that is older.

use super::*;
use sriovd_core::policy::resolve::Resolution;
use sriovd_sim::{DriverModel, SimPf};
use std::os::unix::fs::MetadataExt;

fn pf(slot: u8) -> PfSnapshot {
    let address = format!("0000:{slot:02x}:00.0").parse().unwrap();
    SimPf::new(address, DriverModel::IGB).snapshot
}

fn world(pfs: &[&PfSnapshot]) -> World<KnownPf> {
    let seen = |pf: &&PfSnapshot| KnownPf::seen((*pf).clone(), Resolution::Unmatched, Vec::new());
    World::of("node1", pfs.iter().map(seen))
}

fn changed(mut pf: PfSnapshot) -> PfSnapshot {
    pf.total_vfs += 1;
    pf
}

#[test]
fn what_was_seen_is_known_after_a_restart_and_written_only_where_it_is_another() {
    let root = tempfile::tempdir().unwrap();
    let [first, second] = [pf(1), pf(2)];
    let both = world(&[&first, &second]);
    LastSeen::below(root.path()).note(&both).unwrap();

    let next = LastSeen::below(root.path());
    assert_eq!(next.of(first.address), Some(first.clone()));
    let file_of = |pf: &PfSnapshot| next.path(pf.address);
    let inode = |pf: &PfSnapshot| fs::metadata(file_of(pf)).unwrap().ino();
    let (before, other) = (inode(&first), inode(&second));
    let now = world(&[&first, &changed(second.clone())]);
    next.note(&now).unwrap();
    next.note(&now).unwrap();
    assert!(inode(&first) == before && inode(&second) != other);
    assert_eq!(next.of(second.address), Some(changed(second.clone())));

    // One that is there and not seen stays.
    let unseen = KnownPf {
        seen: None,
        ..KnownPf::seen(first.clone(), Resolution::Unmatched, Vec::new())
    };
    next.note(&World::of("node1", [unseen])).unwrap();
    assert!(file_of(&first).exists() && !file_of(&second).exists());
    assert_eq!(next.of(second.address), None);
}

#[test]
fn what_cannot_be_written_leaves_nothing_that_is_older() {
    let root = tempfile::tempdir().unwrap();
    let last_seen = LastSeen::below(root.path());
    let first = pf(1);
    last_seen.note(&world(&[&first])).unwrap();
    let path = last_seen.path(first.address);
    // A directory in the place of the file that is written first.
    let temporary = path.with_file_name(format!(".sriovd-{}.tmp", first.address));
    fs::create_dir(&temporary).unwrap();
    let now = world(&[&changed(first.clone()), &pf(2)]);
    let error = last_seen.note(&now).unwrap_err().to_string();
    assert!(error.contains("cannot write"), "{error}");
    assert_eq!(LastSeen::below(root.path()).of(first.address), None);
    assert_eq!(LastSeen::below(root.path()).of(pf(2).address), Some(pf(2)));
    fs::remove_dir(&temporary).unwrap();
    last_seen.note(&now).unwrap();
    let known = LastSeen::below(root.path()).of(first.address);
    assert_eq!(known, Some(changed(first)));
}

#[test]
fn what_is_not_understood_is_not_known() {
    let root = tempfile::tempdir().unwrap();
    let first = pf(1);
    let document =
        |version, pf: &PfSnapshot| serde_json::to_string(&Document { version, pf }).unwrap();
    for text in [
        String::new(),
        document(VERSION + 1, &first),
        document(VERSION, &pf(2)),
    ] {
        let last_seen = LastSeen::below(root.path());
        fs::create_dir_all(&last_seen.directory).unwrap();
        fs::write(last_seen.path(first.address), &text).unwrap();
        assert_eq!(
            LastSeen::below(root.path()).of(first.address),
            None,
            "{text}"
        );
    }
}
