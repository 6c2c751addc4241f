//! Which pause holds, and when it ends.

use super::*;
use std::time::Duration;

const PF: &str = "0000:3b:00.0";

fn at(seconds: u64) -> Timestamp {
    Timestamp::at(Duration::from_secs(seconds))
}

fn pause(until: Option<u64>) -> Pause {
    Pause {
        until: until.map(at),
        by: "user 0".to_owned(),
    }
}

#[test]
fn the_longer_pause_holds() {
    for (all, own, holds) in [
        (None, None, None),
        (Some(Some(5)), None, Some(Some(5))),
        (Some(Some(5)), Some(Some(9)), Some(Some(9))),
        (Some(Some(9)), Some(Some(5)), Some(Some(9))),
        (Some(Some(9)), Some(None), Some(None)),
        (Some(None), Some(Some(9)), Some(None)),
    ] {
        let pauses = Pauses {
            all: all.map(pause),
            pfs: own
                .map(|until| (PF.parse().unwrap(), pause(until)))
                .into_iter()
                .collect(),
        };
        assert_eq!(
            pauses.of(PF.parse().unwrap()),
            holds.map(pause).as_ref(),
            "{pauses:?}"
        );
    }
}

#[test]
fn a_pause_ends_at_its_time_and_not_before() {
    let mut pauses = Pauses {
        all: Some(pause(Some(9))),
        pfs: [(PF.parse().unwrap(), pause(None))].into(),
    };
    assert_eq!(pauses.next_end(), Some(at(9)));
    assert!(!pauses.end(at(8)));
    assert!(pauses.end(at(9)));
    assert_eq!(pauses.all, None);
    assert_eq!(pauses.next_end(), None);
    assert!(!pauses.end(at(1 << 34)));
    assert!(!pauses.is_empty());
}

#[test]
fn it_says_until_when() {
    let until = pause(Some(1_700_000_000));
    assert_eq!(until.to_string(), "by user 0 until 2023-11-14T22:13:20Z");
    assert_eq!(pause(None).to_string(), "by user 0 until it is resumed");
    let text = serde_json::to_string(&until).unwrap();
    assert_eq!(text, r#"{"until":"2023-11-14T22:13:20Z","by":"user 0"}"#);
    assert_eq!(serde_json::from_str::<Pause>(&text).unwrap(), until);
}
