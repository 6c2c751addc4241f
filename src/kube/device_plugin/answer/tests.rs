//! What the reference plugin gives is what a container gets.

use super::super::fixture::*;
use super::super::offer::Offer;
use super::*;

fn vfio(index: u8) -> Value {
    let mut vf = vf(1, index, "dpdk-1");
    vf["driver"] = json!("vfio-pci");
    vf["claim"]["prefix"] = json!("intel.com");
    vf
}

fn allocate(offer: &Offer, ids: &[&str], nodes: Nodes) -> Result<Answer, Refusal> {
    let (resource, devices) = offer.resources.first_key_value().unwrap();
    let ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
    Ok(answer(resource, &chosen(resource, devices, &ids)?, nodes))
}

fn paths(answer: &Answer) -> Vec<(&str, &str)> {
    let nodes = answer.nodes.iter();
    nodes.map(|node| (node.on_host(), &*node.path)).collect()
}

#[test]
fn a_netdevice_is_its_address_in_the_environment() {
    let offer = offer(vec![pf(1, vec![vf(1, 0, "fast"), vf(1, 2, "fast")])]);
    let got = allocate(&offer, &["0000:01:10.2", "0000:01:10.0"], Nodes::ByPath).unwrap();
    let info = r#"{"0000:01:10.0":{"generic":{"deviceID":"0000:01:10.0"}},"0000:01:10.2":{"generic":{"deviceID":"0000:01:10.2"}}}"#;
    let envs = [
        // In kubelet's order.
        ("PCIDEVICE_SRIOVD_IO_FAST", "0000:01:10.2,0000:01:10.0"),
        ("PCIDEVICE_SRIOVD_IO_FAST_INFO", info),
    ];
    let envs = envs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(got.envs, BTreeMap::from(envs));
    assert!(got.nodes.is_empty() && got.cdi.is_empty());
}

#[test]
fn what_is_opened_comes_as_device_nodes_each_once() {
    let mut vhost = vfio(1);
    vhost["claim"]["need_vhost_net"] = json!(true);
    vhost["no_iommu"] = json!(true);
    let offer = offer(vec![pf(1, vec![vfio(0), vhost])]);
    let got = allocate(&offer, &["0000:01:10.0", "0000:01:10.1"], Nodes::ByPath).unwrap();
    let expected = [
        ("/dev/vfio/vfio", "/dev/vfio/vfio"),
        ("/dev/vfio/20", "/dev/vfio/20"),
        ("/dev/vfio/noiommu-21", "/dev/vfio/21"),
        ("/dev/vhost-net", "/dev/vhost-net"),
        ("/dev/net/tun", "/dev/net/tun"),
    ];
    assert_eq!(paths(&got), expected);
    // A hyphen stays.
    let info: Value = serde_json::from_str(&got.envs["PCIDEVICE_INTEL_COM_DPDK-1_INFO"]).unwrap();
    let expected = json!({
        "generic": { "deviceID": "0000:01:10.1" },
        "vfio": { "mount": "/dev/vfio/vfio", "dev-mount": "/dev/vfio/21" },
        "vhost": { "net-mount": "/dev/vhost-net", "tun-mount": "/dev/net/tun" },
    });
    assert_eq!(info["0000:01:10.1"], expected);
    // By name where the runtime reads the agent's files.
    let got = allocate(&offer, &["0000:01:10.1"], Nodes::ByCdi).unwrap();
    assert_eq!(
        (got.nodes, got.cdi),
        (vec![], vec!["sriovd.io/dpdk-1=0000:01:10.1".to_owned()])
    );
}

#[test]
fn rdma_devices_come_where_the_policy_gives_them() {
    let mut rdma = vf(1, 0, "roce");
    rdma["rdma"] = json!(["issm3", "umad3", "uverbs3"]);
    let got = |vf: Value| {
        let offer = offer(vec![pf(1, vec![vf])]);
        allocate(&offer, &["0000:01:10.0"], Nodes::ByPath).unwrap()
    };
    assert!(got(rdma.clone()).nodes.is_empty());
    rdma["claim"]["is_rdma"] = json!(true);
    let got = got(rdma);
    let paths: Vec<_> = paths(&got).iter().map(|(host, _)| *host).collect();
    let names = ["rdma_cm", "issm3", "umad3", "uverbs3"].map(|it| format!("/dev/infiniband/{it}"));
    assert_eq!(paths, names);
    let info: Value = serde_json::from_str(&got.envs["PCIDEVICE_SRIOVD_IO_ROCE_INFO"]).unwrap();
    let [rdma_cm, issm, umad, uverbs] = names;
    let expected = json!({ "rdma_cm": rdma_cm, "issm": issm, "umad": umad, "uverbs": uverbs });
    assert_eq!(info["0000:01:10.0"]["rdma"], expected);
}

#[test]
fn what_is_gone_or_sick_is_refused_with_a_sentence() {
    let mut sick = vf(1, 1, "fast");
    sick["not_ready"] = json!("it has driver vfio-pci, which makes no network interface");
    let mut pf = pf(1, vec![vf(1, 0, "fast"), sick, vf(1, 2, "fast")]);
    pf["problems"] = json!([
        { "kind": "failed", "vf": 0, "reason": "setting trust failed: Operation not supported" },
        { "kind": "unsupported", "vf": 2, "reason": "the driver has no trust" },
        { "kind": "failed", "reason": "the PF's MTU was not set" },
    ]);
    let offer = offer(vec![pf]);
    let gone =
        "sriovd.io/fast has no device 0000:01:10.7: there is no such VF on this node any more";
    let refused = "VF 0000:01:10.1 of sriovd.io/fast cannot be used now: \
                   it has driver vfio-pci, which makes no network interface";
    let failed = "VF 0000:01:10.0 of sriovd.io/fast cannot be used now: \
                  setting trust failed: Operation not supported";
    let strange = "sriovd.io/fast has no device x: there is no such VF on this node any more";
    // What failed is no reason to hold a VF back before its pod has it, and tried again until it starts.
    for (id, given, started) in [
        ("0000:01:10.0", "", failed),
        ("0000:01:10.1", refused, refused),
        ("0000:01:10.2", "", ""),
        ("0000:01:10.7", gone, gone),
        ("x", strange, strange),
    ] {
        let said =
            |result: Result<(), Refusal>| result.err().map_or(String::new(), |it| it.to_string());
        let got = allocate(&offer, &[id], Nodes::ByPath).map(drop);
        let (resource, devices) = offer.resources.first_key_value().unwrap();
        let starts = may_start(resource, devices, &[id.to_owned()]);
        assert_eq!(
            (said(got), said(starts)),
            (given.to_owned(), started.to_owned()),
            "{id}"
        );
    }
}

#[test]
fn multus_finds_the_file_of_a_device() {
    let offer = offer(vec![pf(1, vec![vf(1, 0, "fast")])]);
    let (resource, _) = offer.resources.first_key_value().unwrap();
    let (name, content) = device_info(resource, "0000:01:10.0".parse().unwrap());
    assert_eq!(name, "sriovd.io-fast-0000:01:10.0-device.json");
    let content: Value = serde_json::from_str(&content).unwrap();
    let expected =
        json!({ "type": "pci", "version": "1.1.0", "pci": { "pci-address": "0000:01:10.0" } });
    assert_eq!(content, expected);
}
