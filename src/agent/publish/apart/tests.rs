//! Work that does not come back, and work elsewhere.

use super::*;
use std::time::Instant;

#[test]
fn work_that_does_not_come_back_holds_up_its_own_directory_alone() {
    let apart = Apart::with_patience(Duration::from_millis(50));
    let (release, released) = mpsc::channel::<()>();
    let (away, here) = (Path::new("/away"), Path::new("/here"));
    let error = apart.run(away, move || released.recv()).unwrap_err();
    assert_eq!(error.to_string(), "cannot work in /away");
    let why = error.source.to_string();
    assert_eq!(why, "its file system does not answer");
    assert_eq!(apart.run(here, || 1).unwrap(), 1);
    let begun = Instant::now();
    assert!(apart.run(away, || unreachable!()).is_err());
    assert!(begun.elapsed() < Duration::from_millis(50));

    drop(release);
    let begun = Instant::now();
    while apart.run(away, || ()).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(apart.run(here, || 2).unwrap(), 2);
}
