//! Cases: what the agent says and what is in the cluster, and what is written. `UPDATE=1` rewrites what is kept.

use super::*;
use std::path::Path;
use std::{env, fs};

const NOW: &str = "2026-11-30T12:00:00Z";

fn of(case: &Value) -> (Value, Differs) {
    let without_effect = case["without_effect"].as_array().into_iter().flatten();
    let without_effect: Vec<String> = without_effect
        .map(|it| it.as_str().unwrap().to_owned())
        .collect();
    let facts = Facts {
        node: "node1",
        namespace: "sriov-network-operator",
        agent: &case["agent"],
        starting: case["starting"] == true,
        without_effect: &without_effect,
        now: NOW.parse().unwrap(),
    };
    let wanted = node_state(&facts, &case["before"]);
    let differs = differs(&wanted, &case["before"]);
    (wanted, differs)
}

fn cases() -> Vec<(String, Value)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("state/cases");
    let entries = fs::read_dir(directory).unwrap();
    let mut cases: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(path.join("case.json")).unwrap();
            let case = serde_json::from_str(&text).unwrap();
            (path.display().to_string(), case)
        })
        .collect();
    cases.sort_by(|(a, _), (b, _)| a.cmp(b));
    cases
}

#[test]
fn states_are_those_that_are_kept() {
    let update = env::var_os("UPDATE").is_some_and(|it| !it.is_empty());
    let cases = cases();
    assert!(cases.len() > 5);
    for (path, case) in cases {
        let (wanted, differs) = of(&case);
        let told = format!("{differs:?}\n{wanted:#}\n");
        let file = Path::new(&path).join("state.txt");
        if update {
            fs::write(&file, &told).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        assert!(told == kept, "{path}: UPDATE=1 rewrites it:\n{told}");
    }
}

/// Else it would be written for ever.
#[test]
fn what_is_written_is_not_written_again() {
    for (path, mut case) in cases() {
        let (wanted, _) = of(&case);
        case["before"] = wanted.clone();
        let (again, differs) = of(&case);
        assert!(!differs.any(), "{path}");
        assert_eq!(again, wanted, "{path}");
    }
}

#[test]
fn it_is_as_our_definition_of_it_says() {
    let definition = crate::crd::NODE_STATE.definition();
    let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    for (path, case) in cases() {
        let (wanted, _) = of(&case);
        for part in ["spec", "status"] {
            for (key, value) in wanted[part].as_object().unwrap() {
                let known = &schema["properties"][part]["properties"][key];
                assert!(known.is_object(), "{path}: {part}.{key}");
                let items = known["items"]["properties"].as_object();
                let elements = value.as_array().into_iter().flatten();
                for key in elements
                    .filter_map(Value::as_object)
                    .flat_map(|it| it.keys())
                {
                    let is_known = items.is_some_and(|items| items.contains_key(key));
                    assert!(is_known, "{path}: {part}: {key}");
                }
            }
        }
    }
}
