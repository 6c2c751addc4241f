//! Work that does not come back, and work elsewhere.

use super::*;
use std::time::Instant;

/// The same work, and for it little and much patience: a busy machine is no file system that does not answer.
fn aparts() -> (Apart, Apart) {
    let apart = Apart::with_patience(Duration::from_secs(1));
    let patient = Apart {
        patience: Duration::from_secs(60),
        ..apart.clone()
    };
    (apart, patient)
}

#[test]
fn work_that_does_not_come_back_holds_up_its_own_directory_alone() {
    let (apart, patient) = aparts();
    let (release, released) = mpsc::channel::<()>();
    let (away, here) = (Path::new("/away"), Path::new("/here"));
    let error = apart.run(away, move || released.recv()).unwrap_err();
    assert_eq!(error.to_string(), "cannot work in /away");
    let why = error.source.to_string();
    assert_eq!(why, "its file system does not answer");
    assert_eq!(patient.run(here, || 1).unwrap(), 1);
    let begun = Instant::now();
    assert!(apart.run(away, || unreachable!()).is_err());
    assert!(begun.elapsed() < apart.patience);

    drop(release);
    let begun = Instant::now();
    while apart.run(away, || ()).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(patient.run(here, || 2).unwrap(), 2);
}

#[test]
fn work_in_one_directory_waits_for_its_turn() {
    let apart = Apart::with_patience(Duration::from_secs(30));
    let place = Path::new("/here");
    let (begun, begins) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let other = apart.clone();
    let first = thread::spawn(move || {
        other.run(place, move || {
            begun.send(()).unwrap();
            released.recv()
        })
    });
    begins.recv().unwrap();
    let other = apart.clone();
    let second = thread::spawn(move || other.run(place, || 2));
    assert_eq!(apart.run(&place.join("below"), || 3).unwrap(), 3);
    release.send(()).unwrap();
    first.join().unwrap().unwrap().unwrap();
    assert_eq!(second.join().unwrap().unwrap(), 2);
}

#[test]
fn what_lies_below_a_directory_that_does_not_answer_does_not_either() {
    let (apart, patient) = aparts();
    let (_release, released) = mpsc::channel::<()>();
    let away = Path::new("/away");
    apart.run(away, move || released.recv()).unwrap_err();
    apart
        .run(&away.join("below"), || unreachable!())
        .unwrap_err();
    assert_eq!(patient.run(Path::new("/away-not"), || 1).unwrap(), 1);
}

#[test]
fn one_thread_after_another_is_one_thread_and_it_ends() {
    let apart = Apart::with_patience(Duration::from_secs(30));
    let place = Path::new("/here");
    let first = apart.run(place, || thread::current().id()).unwrap();
    // It may still be on its way back to the others.
    let same = (0..100).any(|_| {
        let next = apart.run(place, || thread::current().id()).unwrap();
        next == first
    });
    assert!(same, "each has a thread of its own");
    let begun = Instant::now();
    while apart
        .threads
        .as_ref()
        .is_some_and(|it| Arc::strong_count(it) > 1)
    {
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn on_the_thread_of_the_caller_no_other_is_started() {
    let apart = Apart::on_this_thread();
    let ran_on = apart.run(Path::new("/here"), || thread::current().id());
    assert_eq!(ran_on.unwrap(), thread::current().id());
}
