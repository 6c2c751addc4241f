//! On a real disk: what is ours is kept right, what is not is left alone.

use super::*;
use std::os::unix::fs::{MetadataExt, symlink};
use tempfile::TempDir;

const CONFIG: &str = "/etc/pcidp/config.json";
const NETWORK: &str = "/etc/cni/net.d/99-sriovd-a.conflist";
const CNI: &str = "/etc/cni/net.d";

/// A root directory with the record that a daemon would keep.
struct Disk {
    root: TempDir,
    record: BTreeSet<PathBuf>,
}

impl Disk {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            record: BTreeSet::new(),
        }
    }

    fn place(&self, path: &str) -> PathBuf {
        under(self.root.path(), Path::new(path))
    }

    fn put(&self, path: &str, text: &str) {
        let place = self.place(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.place(path)).unwrap()
    }

    fn prepare(&self, files: &[(&str, &str)]) -> Prepared {
        let file = |&(path, text): &(&str, &str)| (path.into(), text.to_owned());
        let files = files.iter().map(file).collect();
        let directories = [CNI, "/etc/pcidp"].map(Path::new);
        prepare(self.root.path(), files, &self.record, directories)
    }

    fn publish(&mut self, files: &[(&str, &str)]) -> PublishReport {
        let prepared = self.prepare(files);
        self.record = prepared.owned().clone();
        let report = prepared.commit();
        self.record = report.owned.clone();
        report
    }
}

fn paths<const N: usize>(paths: [&str; N]) -> Vec<PathBuf> {
    paths.map(PathBuf::from).into()
}

fn owned<const N: usize>(paths: [&str; N]) -> BTreeSet<PathBuf> {
    paths.map(PathBuf::from).into()
}

#[test]
fn files_come_change_and_go() {
    let mut disk = Disk::new();
    let report = disk.publish(&[(CONFIG, "1"), (NETWORK, "n")]);
    assert_eq!(report.written, paths([NETWORK, CONFIG]));
    assert!(report.failed.is_empty() && report.refused.is_empty());
    assert_eq!(disk.read(NETWORK), "n");

    let report = disk.publish(&[(CONFIG, "2")]);
    assert_eq!(report.written, paths([CONFIG]));
    assert_eq!(report.removed, paths([NETWORK]));
    assert_eq!(disk.read(CONFIG), "2");
    assert!(!disk.place(NETWORK).exists());

    let report = disk.publish(&[]);
    assert_eq!(report.removed, paths([CONFIG]));
    assert_eq!(disk.record, owned([]));
}

#[test]
fn equal_content_is_not_written() {
    let mut disk = Disk::new();
    disk.publish(&[(CONFIG, "1")]);
    let identity = |disk: &Disk| {
        let file = fs::metadata(disk.place(CONFIG)).unwrap();
        let directory = fs::metadata(disk.place("/etc/pcidp")).unwrap();
        let time = |it: &Metadata| (it.ino(), it.mtime(), it.mtime_nsec(), it.ctime_nsec());
        (time(&file), time(&directory))
    };
    let before = identity(&disk);
    let report = disk.publish(&[(CONFIG, "1")]);
    assert_eq!(report.unchanged, paths([CONFIG]));
    assert!(!report.changed());
    assert_eq!(identity(&disk), before);
    assert_eq!(disk.record, owned([CONFIG]));
}

#[test]
fn ownership_is_known_before_the_first_write() {
    let mut disk = Disk::new();
    disk.publish(&[(NETWORK, "n")]);
    let prepared = disk.prepare(&[(CONFIG, "1")]);
    assert_eq!(*prepared.owned(), owned([CONFIG, NETWORK]));
    assert!(!disk.place(CONFIG).exists());
    assert!(disk.place(NETWORK).exists());

    // A crash after the record and before, or in the middle of, the writes.
    disk.record = prepared.owned().clone();
    drop(prepared);
    disk.put(CONFIG, "0");
    let report = disk.publish(&[(CONFIG, "1")]);
    assert!(report.refused.is_empty());
    assert_eq!(disk.read(CONFIG), "1");
    assert_eq!(disk.record, owned([CONFIG]));
}

#[test]
fn a_file_of_somebody_else_is_left_alone() {
    let mut disk = Disk::new();
    let foreign = "{\"resourceList\": []}";
    disk.put(CONFIG, foreign);
    disk.put("/etc/cni/net.d/10-other.conflist", "other");
    let report = disk.publish(&[(CONFIG, "1"), (NETWORK, "n")]);
    assert_eq!(report.refused, [(CONFIG.into(), Refusal::Foreign)]);
    assert_eq!(report.written, paths([NETWORK]));
    assert_eq!(disk.read(CONFIG), foreign);

    let report = disk.publish(&[]);
    assert_eq!(report.removed, paths([NETWORK]));
    assert_eq!(disk.read(CONFIG), foreign);
    assert_eq!(disk.read("/etc/cni/net.d/10-other.conflist"), "other");
}

#[test]
fn without_a_record_ours_are_known_by_content_mark_and_name() {
    let mut disk = Disk::new();
    let marked = "{\"managedBy\": \"sriovd\"}";
    disk.put(CONFIG, marked);
    disk.put(NETWORK, "old");
    disk.put("/etc/cni/net.d/99-sriovd-forgotten.conflist", "old");
    disk.put("/etc/other", "same");
    let report = disk.publish(&[(CONFIG, "1"), (NETWORK, "n"), ("/etc/other", "same")]);
    assert_eq!(report.written, paths([NETWORK, CONFIG]));
    assert_eq!(
        report.removed,
        paths(["/etc/cni/net.d/99-sriovd-forgotten.conflist"])
    );
    assert_eq!(report.unchanged, paths(["/etc/other"]));
    assert_eq!(disk.record, owned([CONFIG, NETWORK, "/etc/other"]));
}

#[test]
fn what_is_not_a_file_is_neither_followed_nor_replaced() {
    let mut disk = Disk::new();
    disk.put("/srv/config.json", "theirs");
    for directory in ["/etc/pcidp", CNI] {
        fs::create_dir_all(disk.place(directory)).unwrap();
    }
    symlink(disk.place("/srv/config.json"), disk.place(CONFIG)).unwrap();
    symlink("/nowhere", disk.place(NETWORK)).unwrap();
    fs::create_dir_all(disk.place("/etc/directory.json")).unwrap();
    // The record knows them: ours were there before.
    disk.record = owned([CONFIG, NETWORK, "/etc/directory.json"]);
    let wanted = [
        (CONFIG, "theirs"),
        (NETWORK, "n"),
        ("/etc/directory.json", "d"),
    ];
    let report = disk.publish(&wanted);
    let refused: Vec<_> = report.refused.iter().map(|(_, refusal)| *refusal).collect();
    assert_eq!(refused, [Refusal::NotAFile; 3]);
    assert_eq!(disk.read("/srv/config.json"), "theirs");
    assert!(disk.place(NETWORK).is_symlink());
    assert_eq!(disk.record, owned([]));

    disk.record = owned([CONFIG]);
    let report = disk.publish(&[]);
    assert_eq!(report.refused, [(CONFIG.into(), Refusal::NotAFile)]);
    assert!(disk.place(CONFIG).is_symlink());
    // Said once.
    assert!(disk.publish(&[]).refused.is_empty());
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let mut disk = Disk::new();
    let leftover = "/etc/cni/net.d/.sriovd-99-sriovd-a.conflist.tmp";
    disk.put(leftover, "{\"half");
    disk.put("/etc/cni/net.d/.other.tmp", "theirs");
    assert!(disk.prepare(&[]).owned().is_empty());
    let report = disk.publish(&[]);
    assert!(!disk.place(leftover).exists());
    assert_eq!(disk.read("/etc/cni/net.d/.other.tmp"), "theirs");
    assert!(!report.changed());
    assert_eq!(report.owned, owned([]));
}

#[test]
fn one_output_that_fails_does_not_stop_the_others() {
    let mut disk = Disk::new();
    // Nothing can be created in it, not even by root.
    fs::create_dir_all(disk.place("/etc")).unwrap();
    symlink("/proc/self", disk.place("/etc/pcidp")).unwrap();
    let report = disk.publish(&[(CONFIG, "1"), (NETWORK, "n")]);
    assert_eq!(report.written, paths([NETWORK]));
    let [(path, error)] = &report.failed[..] else {
        panic!("{report:?}")
    };
    assert_eq!(path, Path::new(CONFIG));
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    // What never was there is not ours: whoever puts a file there next owns it.
    assert_eq!(disk.record, owned([NETWORK]));
}

#[test]
fn a_file_that_cannot_be_replaced_or_removed_stays_ours() {
    // Nobody can, not even root.
    let record = owned(["/proc/self/comm"]);
    let other_text = BTreeMap::from([("/proc/self/comm".into(), String::new())]);
    for files in [other_text, BTreeMap::new()] {
        let report = prepare(Path::new("/"), files, &record, []).commit();
        assert_eq!(report.failed.len(), 1, "{report:?}");
        assert_eq!(report.owned, record);
        assert!(!report.changed());
    }
}

#[test]
fn a_directory_that_is_a_file_fails_alone() {
    let mut disk = Disk::new();
    disk.put("/etc/pcidp", "a file");
    let report = disk.publish(&[(CONFIG, "1"), (NETWORK, "n")]);
    assert_eq!(report.written, paths([NETWORK]));
    let failed: BTreeSet<_> = report
        .failed
        .iter()
        .map(|(path, _)| path.as_path())
        .collect();
    assert_eq!(failed, [CONFIG, "/etc/pcidp"].map(Path::new).into());
}

#[test]
fn a_recorded_file_that_somebody_removed_is_written_again() {
    let mut disk = Disk::new();
    disk.publish(&[(CONFIG, "1"), (NETWORK, "n")]);
    fs::remove_file(disk.place(CONFIG)).unwrap();
    fs::remove_file(disk.place(NETWORK)).unwrap();
    let report = disk.publish(&[(CONFIG, "1")]);
    assert_eq!(report.written, paths([CONFIG]));
    assert!(report.removed.is_empty());
    assert_eq!(disk.record, owned([CONFIG]));
}
