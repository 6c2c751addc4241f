//! A table of all that can be found, and what becomes of it over a while.

use super::*;

fn stamp(name: &str) -> Stamp {
    Stamp(format!("file {name}"))
}

fn file(name: &str) -> Served {
    Served::File(stamp(name))
}

const UP: Unit = Unit {
    is_loaded: true,
    is_up: true,
    is_enabled: false,
};
const DOWN: Unit = Unit { is_up: false, ..UP };
const ENABLED: Unit = Unit {
    is_enabled: true,
    ..DOWN
};

#[test]
fn a_unit_runs_while_there_is_something_to_serve() {
    use Served::{Nothing, Unknown};
    let new = || Some(stamp("new"));
    for (before, now, unit, verb, after) in [
        // It changed.
        (file("old"), new(), UP, Verb::Restart, file("new")),
        // Somebody has stopped it meanwhile.
        (file("old"), new(), DOWN, Verb::Nothing, file("new")),
        (file("old"), new(), ENABLED, Verb::Nothing, file("new")),
        // It did not.
        (file("new"), new(), UP, Verb::Nothing, file("new")),
        (file("new"), new(), DOWN, Verb::Nothing, file("new")),
        // Nothing is left, and it ends or has ended, or would be started over and over.
        (file("old"), None, UP, Verb::Stop, Nothing),
        (file("old"), None, DOWN, Verb::Nothing, Unknown),
        (file("old"), None, ENABLED, Verb::Stop, Nothing),
        (Nothing, None, DOWN, Verb::Nothing, Nothing),
        (Nothing, None, UP, Verb::Stop, Nothing),
        // There is something again.
        (Nothing, new(), DOWN, Verb::Restart, file("new")),
        (Nothing, new(), ENABLED, Verb::Restart, file("new")),
        (Nothing, new(), UP, Verb::Restart, file("new")),
        // The first look after a boot.
        (Unknown, new(), UP, Verb::Restart, file("new")),
        (Unknown, new(), ENABLED, Verb::Restart, file("new")),
        (Unknown, new(), DOWN, Verb::Nothing, file("new")),
        (Unknown, None, UP, Verb::Stop, Nothing),
        (Unknown, None, ENABLED, Verb::Stop, Nothing),
        (Unknown, None, DOWN, Verb::Nothing, Unknown),
    ] {
        let case = format!("{before:?} {now:?} {unit:?}");
        assert_eq!(decide(&before, now, unit), (verb, after), "{case}");
    }
}

#[test]
fn a_second_look_does_nothing() {
    for before in [Served::Unknown, Served::Nothing, file("old"), file("new")] {
        for now in [None, Some(stamp("new"))] {
            for unit in [UP, DOWN, ENABLED] {
                let (verb, after) = decide(&before, now.clone(), unit);
                let then = match verb {
                    Verb::Nothing => unit,
                    Verb::Stop => Unit {
                        is_up: false,
                        ..unit
                    },
                    Verb::Restart => Unit {
                        is_up: true,
                        ..unit
                    },
                };
                assert_eq!(
                    decide(&after, now.clone(), then),
                    (Verb::Nothing, after.clone())
                );
            }
        }
    }
}

#[test]
fn what_is_remembered_is_read_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("serves");
    assert_eq!(Served::read(&path), Served::Unknown);
    assert_eq!(Stamp::of(&path).unwrap(), None);
    let mut stamps = Vec::new();
    for text in ["one", "two"] {
        sriovd_host::file::replace(&path, text).unwrap();
        stamps.push(Stamp::of(&path).unwrap().unwrap());
    }
    assert_ne!(stamps[0], stamps[1]);
    let all = [
        Served::Unknown,
        Served::Nothing,
        Served::File(stamps.remove(0)),
    ];
    for served in all {
        sriovd_host::file::replace(&path, &served.to_string()).unwrap();
        assert_eq!(Served::read(&path), served);
    }
}

#[test]
fn a_unit_is_as_systemd_shows_it() {
    let of = |load: &str, active: &str, file: &str| {
        Unit::parse(&format!(
            "UnitFileState={file}\nLoadState={load}\nActiveState={active}\n"
        ))
    };
    assert_eq!(of("loaded", "active", "static"), UP);
    assert_eq!(of("loaded", "failed", "disabled"), UP);
    assert_eq!(of("loaded", "activating", ""), UP);
    assert_eq!(of("loaded", "inactive", "static"), DOWN);
    assert_eq!(of("loaded", "inactive", "enabled"), ENABLED);
    assert!(!of("not-found", "inactive", "").is_loaded);
    assert!(!of("masked", "inactive", "masked").is_loaded);
    assert_eq!(
        Unit::parse(""),
        Unit {
            is_loaded: false,
            ..DOWN
        }
    );
}
