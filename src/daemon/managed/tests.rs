//! Files follow the PFs, and stay untouched where nothing changed.

use super::*;

#[test]
fn there_is_one_file_for_each_pf_and_no_other() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("managed");
    let pf = |text: &str| -> PciAddress { text.parse().unwrap() };
    let (one, two) = (pf("0000:3b:00.0"), pf("0000:3b:00.1"));
    let marked = || -> BTreeSet<PciAddress> {
        let entries = fs::read_dir(&directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.map(|name| name.parse().unwrap()).collect()
    };
    let changed = || fs::metadata(&directory).unwrap().modified().unwrap();
    for pfs in [vec![one], vec![one, two], vec![two], vec![]] {
        let pfs = BTreeSet::from_iter(pfs);
        mark(&directory, &pfs).unwrap();
        assert_eq!(marked(), pfs);
        let before = changed();
        mark(&directory, &pfs).unwrap();
        assert_eq!(changed(), before);
    }
    File::create(directory.join("left-over")).unwrap();
    mark(&directory, &BTreeSet::from([one])).unwrap();
    assert_eq!(marked(), BTreeSet::from([one]));
}
