//! `/openapi.json` says what the handlers do: every path, every method, every answer.

mod document;
mod operations;

use super::daemon::*;
use crate::api::handlers::OPENAPI;
use crate::api::peer::Peer;
use crate::api::server::ROUTES;
use document::Operation;
use serde_json::{Value, json};
use sriovd_core::model::world::World;
use sriovd_core::report::event::PlannedStep;
use sriovd_core::report::{
    Event, Happening, Pause, Pauses, Problem, ProblemKind, Progress, Status,
};
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeSet;
use std::sync::Arc;

fn document() -> Value {
    serde_json::from_str(OPENAPI).unwrap()
}

/// A schema of the document, with all that it refers to.
fn schema(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema["components"] = document()["components"].clone();
    schema
}

fn assert_matches(of: &Value, value: &Value, what: &str) {
    let validator = jsonschema::validator_for(&schema(of)).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{value:#}");
}

/// Everything that an answer can have in it is somewhere on it.
fn a_host_with_everything() -> (Arc<SimHost>, Status) {
    let host = SimHost::default();
    host.plug(SimPf::new(pf(), DriverModel::IGB));
    host.set_num_vfs_by_hand(pf(), 2);
    host.set_pf_up(pf(), true);
    host.hold(
        pf(),
        sriovd_core::model::VfIndex(1),
        sriovd_core::model::Holder::Namespace {
            name: Some("blue".to_owned()),
        },
    );
    let pause = Pause {
        until: Some("2026-01-31T08:00:00Z".parse().unwrap()),
        by: "user 0".to_owned(),
    };
    let problem = Problem {
        kind: ProblemKind::InUse,
        vf: Some(sriovd_core::model::VfIndex(1)),
        step: Some(sriovd_core::model::Step::Pf(
            sriovd_core::model::PfStep::SetNumVfs { from: 2, to: 0 },
        )),
        reason: "VFIO group 7 is open".to_owned(),
        hint: Some("end the virtual machine".to_owned()),
    };
    let mut other = sriovd_core::report::PfReport::unseen("0000:3b:00.1".parse().unwrap());
    other.problems.push(problem);
    let status = Status {
        version: "1".to_owned(),
        starting: true,
        pfs: vec![other],
        networks: vec![sriovd_core::report::NetworkReport {
            name: "f1-u".to_owned(),
            resource: None,
            vf: Some(pf()),
            held_back: None,
        }],
        files: vec![sriovd_core::report::FileReport {
            path: "/etc/sriov.d/a.toml".into(),
            state: crate::load::FileState::Broken {
                kept_last_good: true,
            },
        }],
        absent: vec![sriovd_core::report::AbsentPf {
            name: sriovd_core::report::PfName::Interface("ens9f0".to_owned()),
            policies: ["few".parse().unwrap()].into(),
        }],
        not_understood: vec![sriovd_core::report::NotUnderstood {
            file: "/var/lib/sriovd/state.json".into(),
            place: "/files/0".to_owned(),
            value: "{}".to_owned(),
        }],
        pauses: Pauses {
            all: Some(pause.clone()),
            pfs: [(pf(), pause)].into(),
        },
        ..Status::default()
    };
    (Arc::new(host), status)
}

#[test]
fn it_is_what_the_types_say() {
    let described = document::document(&operations::all());
    let mut text = serde_json::to_string_pretty(&described).unwrap();
    text.push('\n');
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/api/openapi.json");
    if std::env::var_os("UPDATE").is_some_and(|it| !it.is_empty()) {
        std::fs::write(path, &text).unwrap();
        return;
    }
    assert!(
        OPENAPI == text,
        "src/agent/api/openapi.json is not what the types and src/agent/api/tests/openapi/operations.rs say: \
         UPDATE=1 cargo test --lib api::tests::openapi writes it"
    );
}

#[test]
fn the_page_for_people_names_every_request() {
    let page = include_str!("../../../../docs/api.md");
    for operation in operations::all() {
        let named = [
            format!("`{} {}", operation.method.to_uppercase(), operation.path),
            format!("`{}`", operation.path),
        ];
        assert!(
            named.iter().any(|name| page.contains(name)),
            "docs/api.md does not name {}",
            named[0]
        );
    }
}

#[test]
fn it_is_a_description_of_exactly_the_paths_that_there_are() {
    let document = document();
    let described: BTreeSet<_> = document["paths"].as_object().unwrap().keys().collect();
    let there: BTreeSet<_> = ROUTES.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(
        described,
        there.iter().collect(),
        "a route has its line in src/agent/api/tests/openapi/operations.rs"
    );
}

#[tokio::test]
async fn every_method_is_described_or_not_allowed() {
    let daemon = Daemon::start(ROOMY);
    let document = document();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{pf}", "ens59").replace("{name}", "kube");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let described = operations[method.to_lowercase()].is_object();
            // It has no end.
            if described && path == "/v1/events" {
                continue;
            }
            let status = daemon.status_of(method, &path).await;
            assert_eq!(status != 405, described, "{method} {path}: {status}");
            // There is no file of it to be removed.
            let is_removal = (method, &*path) == ("DELETE", "/v1/sources/kube");
            assert_eq!(status == 404, is_removal, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let (host, status) = a_host_with_everything();
    let daemon = Daemon::with(host, ROOMY, Peer::of, status);
    let document = document();
    for operation in operations::all() {
        let Operation { method, path, .. } = operation;
        let answers = &document["paths"][path][method]["responses"]["200"]["content"];
        let schema = &answers["application/json"]["schema"];
        // A resumption that does not last is an error here, and nothing is loaded of what is put.
        if schema.is_null() || path == "/v1/resume" || ["put", "delete"].contains(&method) {
            continue;
        }
        // It needs a VF in sysfs.
        if (method, path) == ("post", sriovd_wire::kubelet::ALLOCATIONS) {
            continue;
        }
        let path = path
            .replace("{pf}", "0000:3b:00.0")
            .replace("{name}", "kube");
        let body = match path.ends_with("/kube/plan") {
            true => "{}",
            false => "",
        };
        let (status, _, answer) = daemon.ask(&method.to_uppercase(), &path, body).await;
        assert_eq!(status, 200, "{path} {answer}");
        assert_matches(schema, &answer, &path);
        assert_eq!(
            operation.read_again(&answer),
            answer,
            "{path} answers more than is described"
        );
    }
    let (_, _, plan) = daemon
        .ask("GET", "/v1/plan?pfs=0000:3b:00.0&force=true", "")
        .await;
    assert_matches(
        &json!({"$ref": "#/components/schemas/Forecast"}),
        &plan,
        "plan",
    );
    assert!(plan["pfs"][0]["taken"][0]["vf"] == 1, "{plan:#}");
    let world: World = {
        let (_, _, world) = daemon.ask("GET", "/v1/world", "").await;
        serde_json::from_value(world).unwrap()
    };
    let change = json!(world.since(&World::default()));
    let of = json!({"$ref": "#/components/schemas/WorldChange"});
    assert_matches(&of, &change, "change");
    for (path, body) in [
        ("/v1/nothing", ""),
        ("/v1/pfs/a%2Fb", ""),
        ("/v1/plan?x=1", ""),
        ("/v1/sources/a%2Fb", ""),
        ("/v1/sources/nobody", ""),
    ] {
        let (status, kind, problem) = daemon.ask("GET", path, body).await;
        assert!((400..500).contains(&status) && kind == "application/problem+json");
        assert_matches(
            &json!({"$ref": "#/components/schemas/ProblemDetails"}),
            &problem,
            path,
        );
    }
}

#[test]
fn every_kind_of_event_is_described() {
    let problem = || Problem {
        kind: ProblemKind::Failed,
        vf: None,
        step: None,
        reason: String::new(),
        hint: None,
    };
    let pause = || Pause {
        until: None,
        by: String::new(),
    };
    let step =
        sriovd_core::model::Step::Pf(sriovd_core::model::PfStep::SetNumVfs { from: 0, to: 4 });
    let text = String::new;
    let all = [
        Happening::Trigger {
            kind: text(),
            trigger: text(),
            pf: None,
        },
        Happening::PassBegun {
            pf: pf(),
            trigger: text(),
        },
        Happening::Plan {
            pf: pf(),
            steps: vec![PlannedStep::of(&step)],
        },
        Happening::step_done(pf(), &step, Default::default()),
        Happening::step_failed(pf(), &step, &"EIO"),
        Happening::Progress {
            pf: pf(),
            progress: Progress::default(),
        },
        Happening::PassDone {
            pf: pf(),
            kind: text(),
            trigger: text(),
            changes: None,
            steps: 0,
            good: true,
            duration_usec: 0,
        },
        Happening::ProblemAppeared {
            pf: pf(),
            problem: problem(),
        },
        Happening::ProblemCleared {
            pf: pf(),
            problem: problem(),
        },
        Happening::VfTaken(sriovd_core::report::TakenVf {
            pf: pf(),
            vf: sriovd_core::model::VfIndex(0),
            holders: BTreeSet::new(),
        }),
        Happening::PfAppeared { pf: pf() },
        Happening::PfVanished { pf: pf() },
        Happening::PoliciesLoaded {
            trigger: text(),
            broken: 0,
        },
        Happening::OutputWritten { file: "/a".into() },
        Happening::OutputRemoved { file: "/a".into() },
        Happening::OutputRefused {
            file: "/a".into(),
            reason: text(),
        },
        Happening::Overrun { source: text() },
        Happening::Paused {
            pf: Some(pf()),
            pause: pause(),
        },
        Happening::Resumed { pf: None, by: None },
    ];
    let mut kinds = BTreeSet::new();
    for happening in all {
        let event = json!(Event {
            number: 1,
            time: "2026-01-31T08:00:00Z".parse().unwrap(),
            happening,
        });
        let of = json!({"$ref": "#/components/schemas/Event"});
        assert_matches(&of, &event, "event");
        kinds.insert(event["event"].clone().to_string());
    }
    let described = document()["components"]["schemas"]["Event"]["oneOf"].clone();
    assert_eq!(kinds.len(), described.as_array().unwrap().len());
}
