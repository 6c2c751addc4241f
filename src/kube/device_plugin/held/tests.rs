//! A VF is free when nothing says that a pod has it, and not before.

use super::super::pods::Given;
use super::*;
use sriovd_core::model::PodContainer;

fn vf(index: u8) -> PciAddress {
    format!("0000:01:10.{index}").parse().unwrap()
}

/// `pod` is missing where kubelet has not named it.
fn of(index: u8, pod: &str) -> KubeletAllocation {
    let container = PodContainer {
        namespace: "default".to_owned(),
        pod: pod.to_owned(),
        container: "box".to_owned(),
    };
    KubeletAllocation {
        container: (!pod.is_empty()).then_some(container),
        ..unnamed(vf(index), "fast")
    }
}

fn on_disk(given: Option<&[(&str, u8)]>, directories: &[&str]) -> OnDisk {
    let given = given.map(|given| {
        let given = given.iter().map(|&(pod, index)| Given {
            pod: pod.to_owned(),
            resource: "fast".to_owned(),
            vf: vf(index),
        });
        given.collect()
    });
    OnDisk {
        directories: directories.iter().map(|&it| it.to_owned()).collect(),
        given,
    }
}

fn check(
    recorded: &[KubeletAllocation],
    listed: &[KubeletAllocation],
    on_disk: &OnDisk,
    young: &[u8],
    expected: &[KubeletAllocation],
) {
    let young = young
        .iter()
        .map(|&it| (vf(it), "fast".to_owned()))
        .collect();
    let found = held(recorded, listed.to_vec(), on_disk, &young, |it| it != vf(7));
    assert_eq!(found, expected, "{recorded:?} {listed:?} {on_disk:?}");
}

#[test]
fn what_kubelet_lists_is_held_by_name() {
    let disk = on_disk(Some(&[("u1", 1)]), &["u1"]);
    check(&[], &[of(1, "till")], &disk, &[], &[of(1, "till")]);
    check(&[of(1, "")], &[of(1, "till")], &disk, &[], &[of(1, "till")]);
    // It was given to another pod since.
    check(
        &[of(1, "old")],
        &[of(1, "till")],
        &disk,
        &[],
        &[of(1, "till")],
    );
    // Of a device of others with such an address nothing is kept.
    check(
        &[],
        &[of(7, "gpu")],
        &on_disk(Some(&[("u1", 7)]), &["u1"]),
        &[],
        &[],
    );
}

#[test]
fn what_was_given_away_a_moment_ago_is_held_before_kubelet_tells_of_it() {
    let nothing = on_disk(Some(&[]), &[]);
    check(&[of(1, "")], &[], &nothing, &[1], &[of(1, "")]);
    check(
        &[of(1, "")],
        &[of(1, "till")],
        &nothing,
        &[1],
        &[of(1, "till")],
    );
    // Whoever had it before has it no more.
    check(&[of(1, "old")], &[], &nothing, &[1], &[of(1, "")]);
    // The pod was not admitted.
    check(&[of(1, "")], &[], &nothing, &[], &[]);
}

#[test]
fn a_pod_that_kubelet_does_not_list_has_its_vf_until_its_directory_is_gone() {
    let gone = on_disk(Some(&[("u1", 1)]), &["u2"]);
    let lives = on_disk(Some(&[("u1", 1)]), &["u1"]);
    // kubelet has just started and knows no pod, or the container only initialises others.
    check(&[of(1, "till")], &[], &lives, &[], &[of(1, "till")]);
    check(
        &[of(1, "till")],
        &[of(2, "other")],
        &lives,
        &[],
        &[of(1, "till"), of(2, "other")],
    );
    // Also when the agent has lost its records.
    check(&[], &[], &lives, &[], &[of(1, "")]);
    check(&[of(1, "till")], &[], &gone, &[], &[]);
    // kubelet has given away others since, and this one to nobody.
    check(
        &[of(1, "till")],
        &[],
        &on_disk(Some(&[]), &["u1"]),
        &[],
        &[],
    );
}

#[test]
fn a_checkpoint_that_is_not_understood_frees_nothing_as_long_as_kubelet_may_know_no_pod() {
    let disk = on_disk(None, &["u1"]);
    check(&[of(1, "till")], &[], &disk, &[], &[of(1, "till")]);
    check(
        &[of(1, "till")],
        &[of(2, "other")],
        &disk,
        &[],
        &[of(2, "other")],
    );
    check(&[of(1, "till")], &[], &on_disk(None, &[]), &[], &[]);
}
