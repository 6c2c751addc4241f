//! What is told of outputs, and how often.

use super::*;
use crate::daemon::publisher::Digests;
use crate::daemon::tests::Told;
use crate::publish::PublishReport;
use sriovd_host::file::FileError;
use std::io::ErrorKind;
use std::time::Instant;

fn failed(failed: Vec<(&str, ErrorKind)>) -> Published {
    let failed = failed.into_iter().map(|(path, kind)| {
        let path = PathBuf::from(path);
        (path.clone(), FileError::new("look at", &path)(kind.into()))
    });
    let report = PublishReport {
        failed: failed.collect(),
        ..PublishReport::default()
    };
    Published {
        report: Some(report),
        held_back: Vec::new(),
        given: BTreeMap::new(),
        unsaved: None,
        repaired: BTreeSet::new(),
        files: Digests::default(),
        is_partial: false,
        begun: Instant::now(),
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_once_though_its_directory_does_not_answer_for_a_while() {
    let (told, feed) = (Told::default(), Feed::new().unwrap());
    let _guard = told.listen();
    let mut outputs = AnnouncedOutputs::default();
    let mut announce = |published| {
        let node_state = Path::new("/run/sriovd/state.json");
        outputs.announce(&published, BTreeSet::new(), node_state, &feed);
        told.sentences().len()
    };
    let file = || failed(vec![("/etc/cni/net.d/a", ErrorKind::PermissionDenied)]);
    let directory = || failed(vec![("/etc/cni/net.d", ErrorKind::TimedOut)]);
    assert_eq!(announce(file()), 1);
    assert_eq!(announce(directory()), 2);
    assert_eq!(announce(file()), 2, "{:?}", told.sentences());
    // What is over and comes back is told again.
    assert_eq!(announce(failed(Vec::new())), 2);
    assert_eq!(announce(file()), 3);
}
