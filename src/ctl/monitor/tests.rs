//! Lines as a person follows them.

use super::*;
use sriovd_core::model::Timestamp;
use sriovd_core::report::event::PlannedStep;
use sriovd_core::report::{Pause, PfReport};

fn line(happening: Happening) -> String {
    let status = Status {
        pfs: vec![PfReport {
            interface: Some("ens1f0".to_owned()),
            ..PfReport::unseen(pf())
        }],
        ..Status::default()
    };
    let event = Event {
        number: 7,
        time: "2026-01-31T08:00:00Z".parse::<Timestamp>().unwrap(),
        happening,
    };
    // As it comes over the wire.
    let text = serde_json::to_string(&event).unwrap();
    let read: Event = serde_json::from_str(&text).unwrap();
    assert_eq!(read, event, "{text}");
    Names::of(&status).line(&read)
}

fn pf() -> PciAddress {
    "0000:3b:00.0".parse().unwrap()
}

#[test]
fn each_event_is_a_line_with_its_pf_by_name() {
    let trigger = Happening::Trigger {
        kind: "retry".to_owned(),
        trigger: "retry".to_owned(),
        pf: Some(pf()),
    };
    assert_eq!(
        line(trigger),
        "2026-01-31T08:00:00Z ens1f0: trigger: retry\n"
    );
    let written = Happening::OutputWritten {
        file: "/etc/cni/net.d/99-sriovd-a.conflist".into(),
    };
    let expected = "2026-01-31T08:00:00Z /etc/cni/net.d/99-sriovd-a.conflist written\n";
    assert_eq!(line(written), expected);
    let paused = Happening::Paused {
        pf: None,
        pause: Pause {
            until: None,
            by: "user 0".to_owned(),
        },
    };
    let expected = "2026-01-31T08:00:00Z paused by user 0 until it is resumed\n";
    assert_eq!(line(paused), expected);
}

#[test]
fn a_plan_shows_its_steps() {
    let step = |text: &str, disruptive| PlannedStep {
        text: text.to_owned(),
        disruptive,
    };
    let plan = Happening::Plan {
        pf: pf(),
        steps: vec![step("numvfs 4 -> 0", true), step("PF up", false)],
    };
    let expected = "2026-01-31T08:00:00Z ens1f0: plan: 2 steps, 1 of them disruptive
    ! numvfs 4 -> 0
    + PF up
";
    assert_eq!(line(plan), expected);
}
