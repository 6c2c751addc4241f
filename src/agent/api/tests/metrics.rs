//! `/metrics`: the families that there are, and their numbers.

use super::daemon::*;
use crate::api::metrics::VF_COUNTERS;
use sriovd_core::report::{Happening, Problem, ProblemKind};
use std::collections::BTreeSet;
use std::time::Duration;

fn a_good_pass() -> Happening {
    Happening::PassDone {
        pf: pf(),
        kind: "udev".to_owned(),
        trigger: "udev event add".to_owned(),
        changes: None,
        steps: 1,
        good: true,
        duration_usec: 70_000,
    }
}

#[tokio::test]
async fn what_is_and_what_was_counted_can_be_scraped() {
    let daemon = Daemon::start(ROOMY);
    let step =
        sriovd_core::model::Step::Pf(sriovd_core::model::PfStep::SetNumVfs { from: 0, to: 3 });
    daemon
        .feed
        .tell(Happening::step_done(pf(), &step, Duration::from_millis(70)));
    daemon
        .feed
        .tell(Happening::step_failed(pf(), &step, &"EBUSY"));
    daemon.feed.tell(Happening::Overrun {
        source: "udev".to_owned(),
    });
    daemon.feed.tell(a_good_pass());
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

/// Names of metrics in a text, without what a histogram puts behind its own.
fn families(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c == '_' || c.is_ascii_alphanumeric();
    let words = text.split(|c| !is_part(c));
    let metrics = words.filter(|word| word.starts_with("sriovd_") || word.starts_with("sriov_vf_"));
    let family = |name: &str| {
        let ends = ["_bucket", "_count", "_sum"];
        let end = ends.iter().find_map(|end| name.strip_suffix(end));
        end.unwrap_or(name).to_owned()
    };
    metrics.map(family).collect()
}

#[tokio::test]
async fn the_dashboard_shows_what_there_is_and_nothing_else() {
    let daemon = Daemon::start(ROOMY);
    // Those with a label show up with their first value.
    let step =
        sriovd_core::model::Step::Pf(sriovd_core::model::PfStep::SetNumVfs { from: 0, to: 3 });
    daemon
        .feed
        .tell(Happening::step_done(pf(), &step, Duration::ZERO));
    daemon
        .feed
        .tell(Happening::step_failed(pf(), &step, &"EBUSY"));
    daemon.feed.tell(Happening::Overrun {
        source: "udev".to_owned(),
    });
    daemon.feed.tell(a_good_pass());
    let problem = || Problem {
        kind: ProblemKind::InUse,
        vf: None,
        step: None,
        reason: String::new(),
        hint: None,
    };
    daemon.feed.tell(Happening::ProblemAppeared {
        pf: pf(),
        problem: problem(),
    });
    let (_, text) = daemon.get_text("/metrics").await;
    let named = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let mut there = families(&named.collect::<Vec<_>>().join("\n"));
    // The simulated NIC counts nothing, and nothing is wrong with it.
    there.extend(VF_COUNTERS.map(|(name, _)| name.to_owned()));
    there.insert("sriovd_problems".to_owned());
    let shown = families(include_str!("../../../../docs/grafana.json"));
    assert_eq!(shown, there);
}
