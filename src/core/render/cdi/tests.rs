//! Specs as CDI's readers take them.

use super::super::fixture::{ManagedHost, claim, in_user_space, pf, vfio};
use super::super::pools::pools;
use super::*;
use crate::model::VfSnapshot;
use crate::policy::resolve::Claim;
use serde_json::{Value, json};

fn specs_of(claim: Claim, user_space: bool) -> Vec<(String, Value)> {
    specs_with(claim, user_space, |_| {})
}

fn specs_with(
    claim: Claim,
    user_space: bool,
    change: impl Fn(&mut VfSnapshot),
) -> Vec<(String, Value)> {
    let mut pf = pf(1, 2);
    if user_space {
        for (index, vf) in &mut pf.vfs {
            *vf = in_user_space(vf.clone());
            vf.iommu_group = Some(40 + u32::from(index.0));
        }
    }
    pf.vfs.values_mut().for_each(change);
    let world = ManagedHost::of([(pf, vec![claim])]);
    let known = world.known();
    let pools = pools(&known);
    let specs = specs(&pools).into_iter();
    let read = |(pool, text): (ResourceName, String)| {
        (pool.to_string(), serde_json::from_str(&text).unwrap())
    };
    specs.map(read).collect()
}

#[test]
fn a_vf_in_user_space_is_a_device_with_its_group() {
    let mut claim = claim("dpdk", None);
    claim.device_type = vfio();
    let specs = specs_of(claim, true);
    let [(pool, spec)] = &specs[..] else {
        panic!("{specs:?}")
    };
    assert_eq!(pool, "dpdk");
    assert_eq!(
        (&spec["cdiVersion"], &spec["kind"]),
        (&json!("0.5.0"), &json!("sriovd.io/dpdk"))
    );
    assert_eq!(spec["devices"].as_array().unwrap().len(), 2);
    assert_eq!(
        spec["devices"][1],
        json!({
            "name": "0000:01:01.1",
            "containerEdits": {"deviceNodes": [
                {"path": "/dev/vfio/vfio", "permissions": "rw"},
                {"path": "/dev/vfio/41", "permissions": "rw"},
            ]},
        })
    );
    assert!(is_our_kind(spec["kind"].as_str().unwrap()));
}

#[test]
fn a_vf_of_the_kernel_has_nodes_only_for_vhost() {
    assert_eq!(specs_of(claim("a", None), false), []);
    let mut vhost = claim("a", None);
    vhost.need_vhost_net = true;
    let specs = specs_of(vhost, false);
    let nodes = &specs[0].1["devices"][0]["containerEdits"]["deviceNodes"];
    assert_eq!(nodes[0]["path"], "/dev/vhost-net");
    assert_eq!(nodes[1]["path"], "/dev/net/tun");
}

#[test]
fn a_pool_whose_name_is_no_class_has_no_spec() {
    for (name, is_one) in [("a", true), ("4th", false), ("a-", false), ("a_b-c", true)] {
        let mut claim = claim(name, None);
        claim.need_vhost_net = true;
        assert_eq!(specs_of(claim, false).len(), usize::from(is_one), "{name}");
    }
}

#[test]
fn a_group_without_an_iommu_has_another_name_on_the_host() {
    let mut claim = claim("dpdk", None);
    claim.device_type = vfio();
    let specs = specs_with(claim, true, |vf| vf.no_iommu = true);
    assert_eq!(
        specs[0].1["devices"][0]["containerEdits"]["deviceNodes"][1],
        json!({"path": "/dev/vfio/40", "hostPath": "/dev/vfio/noiommu-40", "permissions": "rw"})
    );
}

#[test]
fn rdma_devices_come_where_the_policy_speaks_of_them() {
    let with_rdma = |is_rdma| {
        let mut claim = claim("rdma", None);
        claim.is_rdma = is_rdma;
        let own = |vf: &mut VfSnapshot| vf.rdma = vec!["umad1".to_owned(), "uverbs1".to_owned()];
        specs_with(claim, false, own)
    };
    assert_eq!(with_rdma(false), []);
    let specs = with_rdma(true);
    let nodes = &specs[0].1["devices"][0]["containerEdits"]["deviceNodes"];
    let paths: Vec<_> = nodes
        .as_array()
        .unwrap()
        .iter()
        .map(|node| &node["path"])
        .collect();
    assert_eq!(
        paths,
        [
            "/dev/infiniband/rdma_cm",
            "/dev/infiniband/umad1",
            "/dev/infiniband/uverbs1"
        ]
    );
}
