//! Cases: the objects of a cluster, and what they want of its nodes. `UPDATE=1` rewrites what is kept.

use super::*;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn of_cluster(node: &ThisNode, objects: &[Value]) -> Wanted {
    wanted(node, objects, &"openshift.io".parse().unwrap())
}

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("wanted/cases");
    let entries = fs::read_dir(directory).unwrap();
    let mut cases: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn objects(case: &Path) -> Vec<Value> {
    let text = fs::read_to_string(case.join("objects.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// For each Node: the source, then a line for each object that is for it, with its remarks.
fn told(objects: &[Value]) -> String {
    let nodes = objects.iter().filter(|object| object["kind"] == "Node");
    let mut text = String::new();
    for node in nodes.filter_map(ThisNode::of) {
        let wanted = of_cluster(&node, objects);
        text += &format!("{}\n{:#}\n", node.name, wanted.source);
        for Concerned { object, remarks } in wanted.objects {
            text += &format!("{object}\n");
            text.extend(remarks.iter().map(|remark| format!("  {remark}\n")));
        }
    }
    text
}

#[test]
fn objects_become_the_sources_that_are_kept() {
    let update = env::var_os("UPDATE").is_some_and(|it| !it.is_empty());
    let cases = cases();
    assert!(cases.len() > 2);
    for case in cases {
        let told = told(&objects(&case));
        let file = case.join("wanted.txt");
        if update {
            fs::write(&file, &told).unwrap();
        }
        let kept = fs::read_to_string(&file).unwrap_or_default();
        let shown = case.display();
        assert!(told == kept, "{shown}: UPDATE=1 rewrites it:\n{told}");
    }
}

#[test]
fn it_does_not_matter_in_which_order_objects_come() {
    for case in cases() {
        let mut objects = objects(&case);
        let nodes = |objects: &[Value]| -> Vec<ThisNode> {
            let nodes = objects.iter().filter(|object| object["kind"] == "Node");
            nodes.filter_map(ThisNode::of).collect()
        };
        for node in nodes(&objects) {
            let first = of_cluster(&node, &objects);
            objects.reverse();
            assert_eq!(of_cluster(&node, &objects), first, "{}", case.display());
            objects.rotate_left(1);
            assert_eq!(of_cluster(&node, &objects), first, "{}", case.display());
        }
    }
}

/// What the agent is asked to keep is what it can keep: items with names and origins.
#[test]
fn every_item_has_a_name_of_its_own_and_the_words_of_its_object() {
    for case in cases() {
        let objects = objects(&case);
        let nodes = objects.iter().filter(|object| object["kind"] == "Node");
        for node in nodes.filter_map(ThisNode::of) {
            let wanted = of_cluster(&node, &objects);
            let known: Vec<_> = wanted
                .objects
                .iter()
                .map(|it| it.object.to_string())
                .collect();
            for kind in ["policy", "network"] {
                let mut names = std::collections::BTreeSet::new();
                for item in wanted.source[kind].as_array().unwrap() {
                    assert!(names.insert(item["name"].as_str().unwrap()), "{item}");
                    assert!(known.contains(&item["origin"].as_str().unwrap().to_owned()));
                    assert!(item["node"].is_null() || kind == "policy");
                }
            }
        }
    }
}

#[test]
fn an_object_that_cannot_be_read_takes_no_other_with_it() {
    let node = ThisNode {
        name: "n".to_owned(),
        ..ThisNode::default()
    };
    let of = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "sriovnetwork.openshift.io/v1", "kind": kind, "metadata": {"namespace": "a", "name": name}, "spec": spec});
    let good = of(
        "SriovNetworkNodePolicy",
        "good",
        json!({"resourceName": "r", "numVfs": 2, "nodeSelector": {}, "nicSelector": {"vendor": "8086"}}),
    );
    for bad in [
        of("SriovNetworkNodePolicy", "bad", json!(7)),
        of(
            "SriovNetworkNodePolicy",
            "bad",
            json!({"resourceName": ["r"]}),
        ),
        of("SriovNetworkNodePolicy", "bad", json!({})),
        of("SriovNetwork", "bad", json!({"ipam": {}})),
        json!({"apiVersion": "sriovd.io/v1alpha1", "kind": "Policy", "metadata": {"name": "bad"}, "spec": []}),
        json!({"apiVersion": "sriovd.io/v1alpha1", "kind": "Policy", "metadata": {"name": "bad"}}),
        json!({"kind": "Policy"}),
        json!(null),
    ] {
        let wanted = of_cluster(&node, &[good.clone(), bad.clone()]);
        let policies = wanted.source["policy"].as_array().unwrap();
        assert!(policies.iter().any(|it| it["name"] == "good"), "{bad}");
    }
}
