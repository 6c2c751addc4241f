//! What `/v1/pause` and `/v1/resume` make of what they are sent.

use super::daemon::*;
use crate::api::peer::Peer;
use sriovd_core::report::{Pause, Pauses, Status};
use sriovd_sim::SimHost;
use std::sync::Arc;

#[tokio::test]
async fn a_pause_is_for_some_or_for_all_and_has_an_end_or_none() {
    let daemon = Daemon::start(ROOMY);
    for body in ["", r#"{"pfs": ["ens59"], "seconds": 600}"#] {
        assert_eq!(daemon.ask("POST", "/v1/pause", body).await.0, 200, "{body}");
    }
    let by = me();
    assert_eq!(
        daemon.asked(),
        [
            format!("pause All by {by} for ever true"),
            format!("pause Pfs([{:?}]) by {by} for ever false", pf()),
        ]
    );
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let daemon = Daemon::start(ROOMY);
    let most = 366 * 24 * 60 * 60;
    let lasts = format!("a pause lasts from 1 to {most} seconds, or has no end");
    for (path, body, status, detail) in [
        ("/v1/pause", r#"{"seconds": 0}"#, 400, lasts.as_str()),
        (
            "/v1/pause",
            r#"{"seconds": 18446744073709551615}"#,
            400,
            &lasts,
        ),
        (
            "/v1/pause",
            r#"{"seconds": -1}"#,
            400,
            "the body is not what is expected here",
        ),
        (
            "/v1/pause",
            r#"{"pfs": ["../etc"]}"#,
            404,
            "\"../etc\" is neither the address",
        ),
        (
            "/v1/resume",
            r#"{"seconds": 5}"#,
            400,
            "/v1/resume ends a pause at once",
        ),
        (
            "/v1/resume",
            "{}",
            500,
            "done, but it will not survive a restart: no space left",
        ),
    ] {
        let (answered, _, problem) = daemon.ask("POST", path, body).await;
        let said = problem["detail"].as_str().unwrap();
        assert_eq!(answered, status, "{body} {said}");
        assert!(said.starts_with(detail), "{body} {said}");
    }
    assert_eq!(daemon.asked(), [format!("resume All by {}", me())]);
}

#[tokio::test]
async fn single_pfs_cannot_be_resumed_while_all_are_paused() {
    let pause = Pause {
        until: None,
        by: "user 0".to_owned(),
    };
    let status = Status {
        pauses: Pauses {
            all: Some(pause),
            ..Pauses::default()
        },
        ..Status::default()
    };
    let host = SimHost::default();
    host.plug(sriovd_sim::SimPf::new(pf(), sriovd_sim::DriverModel::IGB));
    let daemon = Daemon::with(Arc::new(host), ROOMY, Peer::of, status);
    let (answered, _, problem) = daemon
        .ask("POST", "/v1/resume", r#"{"pfs": ["ens59"]}"#)
        .await;
    assert_eq!(answered, 409, "{problem}");
    assert_eq!(daemon.asked(), [""; 0]);
}
