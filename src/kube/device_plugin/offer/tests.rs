//! What is offered follows the world, and forgets nothing that it only cannot see.

use super::super::fixture::*;
use super::*;
use serde_json::{Value, json};

/// `PREFIX/POOL: address, …` for each resource; a device that is sick in brackets.
fn shown(offer: &Offer) -> Vec<String> {
    let device = |device: &Device| match device.sickness() {
        None => device.vf.address.to_string(),
        Some(_) => format!("({})", device.vf.address),
    };
    let resource = |(resource, devices): (&Resource, &Devices)| {
        let devices: Vec<_> = devices.values().map(device).collect();
        format!("{resource}: {}", devices.join(" "))
    };
    offer.resources.iter().map(resource).collect()
}

fn with(mut vf: Value, key: &str, value: Value) -> Value {
    vf[key] = value;
    vf
}

#[test]
fn each_pool_is_a_resource_and_each_of_its_vfs_a_device() {
    let mut plain = vf(2, 0, "plain");
    plain["claim"]["prefix"] = Value::Null;
    let without_pool = with(
        vf(2, 1, "x"),
        "claim",
        json!({ "policy": "p", "pool": null }),
    );
    let without_claim = with(vf(2, 2, "x"), "claim", Value::Null);
    let sick = with(vf(3, 1, "fast"), "not_ready", json!("it has no driver"));
    let offer = offer(vec![
        pf(1, vec![vf(1, 0, "fast")]),
        pf(2, vec![plain, without_pool, without_claim]),
        pf(3, vec![vf(3, 0, "fast"), sick]),
    ]);
    let fast = "sriovd.io/fast: 0000:01:10.0 0000:03:10.0 (0000:03:10.1)";
    assert_eq!(shown(&offer), ["intel.com/plain: 0000:02:10.0", fast]);
    assert_eq!(offer.faults, BTreeSet::new());
}

#[test]
fn a_name_that_kubernetes_refuses_is_a_fault_and_no_resource() {
    let mut prefix = vf(1, 0, "fast");
    prefix["claim"]["prefix"] = json!("Intel.com");
    let offer = offer(vec![pf(
        1,
        vec![prefix, vf(1, 1, "fast"), vf(1, 2, "_x"), vf(1, 3, "_x")],
    )]);
    assert_eq!(shown(&offer), ["sriovd.io/fast: 0000:01:10.1"]);
    let of = |name: &str| {
        format!(
            "Kubernetes takes no resource with the name {name}: policy p must give \"resource\" and \
             \"resource_prefix\" other names"
        )
    };
    assert_eq!(
        offer.faults,
        BTreeSet::from(["Intel.com/fast", "sriovd.io/_x"].map(of))
    );
}

#[test]
fn what_cannot_be_seen_has_not_changed() {
    let one = || pf(1, vec![vf(1, 0, "fast")]);
    let two = || pf(2, vec![vf(2, 0, "fast")]);
    let unseen = |pf| with(with(pf, "device", Value::Null), "vfs", json!([]));
    let both = "sriovd.io/fast: 0000:01:10.0 0000:02:10.0";
    let mut known = Known::default();
    for (starting, pfs, expected) in [
        // The agent has looked at one of its PFs.
        (true, vec![one()], "sriovd.io/fast: 0000:01:10.0"),
        (false, vec![one(), two()], both),
        // It starts again, and has looked at nothing yet, then at one, then cannot look at the other.
        (true, vec![], both),
        (true, vec![two()], both),
        (true, vec![unseen(one()), two()], both),
        (false, vec![unseen(one()), two()], both),
        // Gone is gone, and kubelet is told so.
        (false, vec![two()], "sriovd.io/fast: 0000:02:10.0"),
        (false, vec![], "sriovd.io/fast: "),
        (false, vec![one(), two()], both),
        (
            false,
            vec![pf(1, vec![]), two()],
            "sriovd.io/fast: 0000:02:10.0",
        ),
    ] {
        assert_eq!(shown(&known.learn(&world(starting, pfs))), [expected]);
    }
}

#[test]
fn numa_nodes_are_told_unless_the_policy_says_otherwise() {
    let mut silent = vf(9, 1, "fast");
    silent["claim"]["exclude_topology"] = json!(true);
    let mut nowhere = pf(10, vec![vf(10, 0, "fast")]);
    nowhere["device"]["numa_node"] = Value::Null;
    let offer = offer(vec![
        pf(1, vec![vf(1, 0, "fast")]),
        pf(9, vec![vf(9, 0, "fast"), silent]),
        nowhere,
    ]);
    let told = offer
        .resources
        .values()
        .flat_map(Devices::values)
        .map(Device::topology);
    assert_eq!(told.collect::<Vec<_>>(), [Some(0), Some(1), None, None]);
}
