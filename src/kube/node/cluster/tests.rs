//! Nothing counts before it is whole, and nothing is gone because a list has begun.

use super::*;
use serde_json::json;

const POLICY: &str = "SriovNetworkNodePolicy";

fn object(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
}

fn told(cluster: &mut Mirror, kind: &'static str, all: impl IntoIterator<Item = Told>) {
    for one in all {
        cluster.take(kind, one);
    }
}

fn listed(kind: &str, names: &[&str]) -> Vec<Told> {
    let names = names.iter().map(|name| Told::Listed(object(kind, name)));
    [Told::ListBegins]
        .into_iter()
        .chain(names)
        .chain([Told::ListEnds])
        .collect()
}

fn names(cluster: &Mirror) -> Option<Vec<String>> {
    let (_, objects) = cluster.objects()?;
    let policies = objects.iter().filter(|it| it["kind"] == POLICY);
    Some(
        policies
            .map(|it| it["metadata"]["name"].as_str().unwrap().to_owned())
            .collect(),
    )
}

#[test]
fn nothing_is_wanted_before_all_of_it_is_known() {
    let mut cluster = Mirror::of([NODE, POLICY, STATE].into_iter());
    assert_eq!(names(&cluster), None);
    told(&mut cluster, NODE, listed(NODE, &["n"]));
    told(
        &mut cluster,
        POLICY,
        [Told::ListBegins, Told::Listed(object(POLICY, "a"))],
    );
    assert_eq!(names(&cluster), None);
    told(&mut cluster, POLICY, [Told::ListEnds]);
    assert_eq!(names(&cluster).unwrap(), ["a"]);
    assert!(cluster.state().is_none());
    told(&mut cluster, STATE, listed(STATE, &[]));
    assert_eq!(cluster.state(), Some(&Value::Null));
}

#[test]
fn a_node_that_is_not_there_wants_nothing_at_all() {
    let mut cluster = Mirror::of([NODE, POLICY].into_iter());
    told(&mut cluster, POLICY, listed(POLICY, &["a"]));
    told(&mut cluster, NODE, listed(NODE, &[]));
    assert_eq!(names(&cluster), None);
}

#[test]
fn a_list_that_has_begun_takes_nothing_away() {
    let mut cluster = Mirror::of([NODE, POLICY].into_iter());
    told(&mut cluster, NODE, listed(NODE, &["n"]));
    told(&mut cluster, POLICY, listed(POLICY, &["a", "b"]));
    told(
        &mut cluster,
        POLICY,
        [Told::ListBegins, Told::Listed(object(POLICY, "b"))],
    );
    assert_eq!(names(&cluster).unwrap(), ["a", "b"]);
    told(&mut cluster, POLICY, [Told::ListEnds]);
    assert_eq!(names(&cluster).unwrap(), ["b"]);
    // One that broke off leaves nothing to the next.
    told(
        &mut cluster,
        POLICY,
        [Told::ListBegins, Told::Listed(object(POLICY, "c"))],
    );
    told(&mut cluster, POLICY, listed(POLICY, &["d"]));
    assert_eq!(names(&cluster).unwrap(), ["d"]);
}

#[test]
fn a_kind_that_is_not_served_has_no_objects_and_no_state_is_written() {
    let mut cluster = Mirror::of([NODE, POLICY, STATE].into_iter());
    told(&mut cluster, NODE, listed(NODE, &["n"]));
    told(&mut cluster, POLICY, [Told::IsNotServed]);
    told(&mut cluster, STATE, [Told::IsNotServed]);
    assert_eq!(names(&cluster).unwrap(), [""; 0]);
    assert_eq!(cluster.state(), None);
    told(&mut cluster, STATE, listed(STATE, &["n"]));
    assert_eq!(cluster.state().unwrap()["metadata"]["name"], "n");
}

#[test]
fn events_change_what_was_listed_and_our_own_object_changes_nothing_that_is_wanted() {
    let mut cluster = Mirror::of([NODE, POLICY, STATE].into_iter());
    told(&mut cluster, NODE, listed(NODE, &["n"]));
    told(&mut cluster, POLICY, listed(POLICY, &["a"]));
    let version = cluster.version();
    told(&mut cluster, STATE, [Told::Is(object(STATE, "n"))]);
    assert_eq!(cluster.version(), version);
    told(&mut cluster, POLICY, [Told::Is(object(POLICY, "b"))]);
    assert!(cluster.version() > version);
    told(&mut cluster, POLICY, [Told::IsGone(object(POLICY, "a"))]);
    assert_eq!(names(&cluster).unwrap(), ["b"]);
}
