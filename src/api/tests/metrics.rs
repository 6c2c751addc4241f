//! `/metrics`: the families that there are, and their numbers.

use super::daemon::*;
use crate::report::{Happening, Problem, ProblemKind};
use std::time::Duration;

#[tokio::test]
async fn what_is_and_what_was_counted_can_be_scraped() {
    let daemon = Daemon::start(ROOMY);
    let step = crate::model::Step::SetNumVfs { from: 0, to: 3 };
    daemon
        .feed
        .tell(Happening::step_done(pf(), &step, Duration::from_millis(70)));
    daemon
        .feed
        .tell(Happening::step_failed(pf(), &step, &"EBUSY"));
    daemon.feed.tell(Happening::Overrun {
        source: "udev".to_owned(),
    });
    daemon.feed.tell(Happening::PassDone {
        pf: pf(),
        kind: "udev".to_owned(),
        trigger: "udev event add".to_owned(),
        changes: None,
        steps: 1,
        good: true,
        duration_usec: 70_000,
    });
    daemon.feed.tell(Happening::ProblemAppeared {
        pf: pf(),
        problem: Problem {
            kind: ProblemKind::InUse,
            vf: None,
            step: None,
            reason: String::new(),
            hint: None,
        },
    });
    let (kind, text) = daemon.get_text("/metrics").await;
    assert_eq!(kind, "text/plain; version=0.0.4");
    for line in [
        "sriovd_pfs{state=\"ready\"} 1",
        "sriovd_pfs{state=\"hung\"} 0",
        "sriovd_vfs{pf=\"0000:3b:00.0\",state=\"wanted\"} 0",
        "sriovd_pool_vfs{pool=\"few\",state=\"wanted\"} 3",
        "sriovd_pool_vfs{pool=\"few\",state=\"ready\"} 0",
        "sriovd_actions_total{kind=\"set-numvfs\"} 1",
        "sriovd_action_failures_total{kind=\"set-numvfs\"} 1",
        "sriovd_event_overruns_total{source=\"udev\"} 1",
        "sriovd_problems_total{kind=\"in_use\"} 1",
        "sriovd_pass_duration_seconds_bucket{trigger=\"udev\",le=\"0.1\"} 1",
        "sriovd_pass_duration_seconds_bucket{trigger=\"udev\",le=\"0.02\"} 0",
        "# TYPE sriovd_pass_duration_seconds histogram",
        "# TYPE sriovd_actions_total counter",
        concat!(
            "sriovd_build_info{version=\"",
            env!("CARGO_PKG_VERSION"),
            "\"} 1"
        ),
    ] {
        assert!(text.lines().any(|it| it == line), "{line}\n{text}");
    }
    assert!(
        text.contains("\nsriovd_last_good_pass_age_seconds "),
        "{text}"
    );
}
