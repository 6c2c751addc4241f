//! What a file may say, and what is said of it where it is wrong.

mod faults;
mod properties;

use super::parse;
use crate::model::bridge::{BridgeKeys, FailMode, PortKeys};
use crate::model::{EswitchMode, ParamValue, TxRate, VfIndex, VfSettings, Vlan, VlanProto};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::network::{NetworkBody, PluginType};
use crate::policy::{
    DesiredBridge, DesiredRepresentor, DeviceType, Disruption, MacChoice, Network, NodeMatch,
    NumVfs, OnRemoval, Origin, PfMatch, Policy,
};
use serde_json::json;
use std::path::Path;

const FILE: &str = "/etc/sriov.d/20-dataplane.toml";

fn policies(text: &str) -> Vec<Policy> {
    parse(Path::new(FILE), text)
        .map_err(|found| shown(&found))
        .unwrap()
        .policies
}

fn network(keys: &str) -> Network {
    let text = format!("[[network]]\nname = \"n\"\n{keys}\n");
    let content = parse(Path::new(FILE), &text)
        .map_err(|found| shown(&found))
        .unwrap();
    content.networks.into_iter().next().unwrap()
}

fn description(keys: &str) -> crate::policy::network::Description {
    match network(&format!("resource = \"r\"\n{keys}")).body {
        NetworkBody::Described(description) => *description,
        raw @ NetworkBody::Raw(_) => panic!("{raw:?}"),
    }
}

fn shown(diagnostics: &[Diagnostic]) -> String {
    let shown: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    shown.join("\n\n")
}

/// The shortest policy that is right, with keys of its own from line 4 on, and then its tables.
fn policy(keys: &str) -> String {
    let (own, tables) = keys.split_at(keys.find("[[policy.").unwrap_or(keys.len()));
    let counted = own.contains("num_vfs") || own.contains("external");
    let count = if counted { "" } else { "num_vfs = 8\n" };
    format!("[[policy]]\nname = \"p\"\nmatch.vendor = \"8086\"\n{own}\n{count}{tables}\n")
}

fn one(keys: &str) -> Policy {
    policies(&policy(keys)).into_iter().next().unwrap()
}

fn vf(index: u16, keys: &str) -> crate::policy::VfOverride {
    one(keys).overrides.get(&VfIndex(index)).unwrap().clone()
}

#[test]
fn what_is_not_written_has_its_default() {
    let expected = Policy {
        name: "p".parse().unwrap(),
        origin: Origin::File {
            file: FILE.into(),
            line: 1,
        },
        priority: 99,
        enabled: true,
        node: NodeMatch::default(),
        matches: PfMatch {
            vendor: vec!["8086".parse().unwrap()],
            ..PfMatch::default()
        },
        resource: None,
        resource_prefix: None,
        num_vfs: Some(NumVfs::Count(8)),
        vfs: None,
        mtu: None,
        device_type: DeviceType::Netdevice,
        names_driver: false,
        driver_autoprobe: None,
        eswitch_mode: None,
        devlink: std::collections::BTreeMap::new(),
        hw_tc_offload: None,
        representor: DesiredRepresentor::default(),
        bridge: None,
        external: None,
        is_rdma: false,
        need_vhost_net: false,
        exclude_topology: false,
        settings: VfSettings::default(),
        mac: MacChoice::Kernel,
        overrides: Default::default(),
        on_removal: OnRemoval::Reset,
        disruption: Disruption::WhenUnused,
    };
    assert_eq!(one(""), expected);
}

#[test]
fn representors_are_set_up_unless_a_policy_says_otherwise() {
    let given = "eswitch_mode = \"switchdev\"\nrepresentor = { mtu = 9000, up = false }";
    let policy = one(given);
    assert_eq!(policy.eswitch_mode, Some(EswitchMode::Switchdev));
    let mtu = Some(9000.try_into().unwrap());
    assert_eq!(policy.representor, DesiredRepresentor { mtu, up: false });
    assert!(one("eswitch_mode = \"switchdev\"").representor.up);
}

#[test]
fn parameters_of_devlink_are_switches_numbers_and_texts() {
    let policy =
        one("devlink = { enable_roce = false, max_macs = 16, flow_steering_mode = \"smfs\" }");
    let of = |name: &str| policy.devlink.get(name).cloned();
    assert_eq!(of("enable_roce"), Some(ParamValue::Switch(false)));
    assert_eq!(of("max_macs"), Some(ParamValue::Number(16)));
    let text = ParamValue::Text("smfs".to_owned());
    assert_eq!(of("flow_steering_mode"), Some(text));
}

#[test]
fn a_bridge_has_the_uplink_and_all_representors_unless_a_policy_says_otherwise() {
    let given = |keys: &str| {
        let policy = one(&format!(
            "num_vfs = 8\neswitch_mode = \"switchdev\"\nbridge = {{ {keys} }}"
        ));
        policy.bridge.unwrap()
    };
    let usual = given("");
    assert!(usual.representors && usual.hw_offload);
    assert_eq!(usual.uplink, Some(Default::default()));
    let name = |address: &str| usual.name_on(address.parse().unwrap()).unwrap();
    assert_eq!(name("0000:3b:00.0").as_str(), "br-0000_3b_00.0");
    assert_eq!(
        name("10000:01:00.0").as_str(),
        "10000_01_00.0",
        "there are 15 characters"
    );
    let all = given(
        "name = \"br0\", datapath_type = \"netdev\", fail_mode = \"secure\", external_ids = { a = \"1\" }, \
         other_config = { b = \"2\" }, hw_offload = false, representors = false, uplink_type = \"dpdk\", \
         uplink_mtu_request = 9000, uplink_options = { c = \"3\" }, uplink_external_ids = { d = \"4\" }, \
         uplink_other_config = { e = \"5\" }",
    );
    let entry = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let expected = DesiredBridge {
        name: Some("br0".parse().unwrap()),
        keys: BridgeKeys {
            datapath_type: Some("netdev".to_owned()),
            fail_mode: Some(FailMode::Secure),
            external_ids: entry("a", "1"),
            other_config: entry("b", "2"),
        },
        uplink: Some(PortKeys {
            kind: Some("dpdk".to_owned()),
            mtu_request: Some(9000),
            options: entry("c", "3"),
            external_ids: entry("d", "4"),
            other_config: entry("e", "5"),
        }),
        representors: false,
        hw_offload: false,
    };
    assert_eq!(all, expected);
    assert_eq!(given("uplink = false").uplink, None);
}

#[test]
fn every_policy_key_is_read() {
    let text = r#"
version = 1
[[policy]]
name = "dataplane"
enabled = false
priority = 10
resource = "intelnics"
resource_prefix = "intel.com"
num_vfs = "max"
external = false
vfs = "0-3, 7"
mtu = 9000
device_type = "vfio-pci"
driver_autoprobe = false
eswitch_mode = "legacy"
is_rdma = false
need_vhost_net = true
exclude_topology = true
trust = true
spoof_check = false
link_state = "enable"
vlan = 100
vlan_qos = 3
vlan_proto = "802.1ad"
min_tx_rate = 10
max_tx_rate = 1_000
query_rss = true
mac = "stable"
on_removal = "keep"
disruption = "never"
node = { hostname = ["worker-*", "edge[0-9]"], labels = { rack = "12" } }
[policy.match]
vendor = "0x8086"
device = ["1572", "158B"]
pci_address = "0000:3b:00.0"
pf_name = ["ens1f*", "eth0"]
mac = "40:a6:b7:00:00:01"
driver = ["ice", "i40e"]
link_type = "ether"
numa_node = [0, 1]
"#;
    let content = parse(Path::new(FILE), text)
        .map_err(|found| shown(&found))
        .unwrap();
    assert!(content.warnings.is_empty());
    has_every_key(&content.policies[0]);
}

/// Field by field, so that a key that goes to the wrong one is seen.
fn has_every_key(policy: &Policy) {
    assert_eq!(
        (policy.enabled, policy.priority, policy.origin.to_string()),
        (false, 10, format!("{FILE}:3"))
    );
    assert_eq!(policy.resource.as_ref().unwrap().as_str(), "intelnics");
    assert_eq!(
        policy.resource_prefix.as_ref().unwrap().as_str(),
        "intel.com"
    );
    assert_eq!(
        (policy.num_vfs, policy.external),
        (Some(NumVfs::Max), Some(false))
    );
    assert_eq!(policy.vfs.as_ref().unwrap().to_string(), "0-3,7");
    assert_eq!(policy.mtu.unwrap().get(), 9000);
    assert_eq!(
        policy.device_type,
        DeviceType::Driver("vfio-pci".parse().unwrap())
    );
    assert_eq!(policy.driver_autoprobe, Some(false));
    assert_eq!(policy.eswitch_mode, Some(EswitchMode::Legacy));
    assert!(!policy.is_rdma && policy.need_vhost_net && policy.exclude_topology);
    let settings: Vec<String> = policy.settings.iter().map(|s| s.to_string()).collect();
    let expected = [
        "trust on",
        "vlan 100 qos 3 proto 802.1ad",
        "spoofchk off",
        "min_tx_rate 10 max_tx_rate 1000",
        "state enable",
        "query_rss on",
    ];
    assert_eq!(settings, expected);
    assert_eq!(policy.mac, MacChoice::Stable);
    assert_eq!(
        (policy.on_removal, policy.disruption),
        (OnRemoval::Keep, Disruption::Never)
    );
    assert_eq!(policy.node.hostname, ["worker-*", "edge[0-9]"]);
    assert_eq!(policy.node.labels["rack"], "12");
    let PfMatch {
        vendor,
        device,
        pci_address,
        pf_name,
        mac,
        driver,
        link_type,
        numa_node,
    } = &policy.matches;
    assert_eq!(vendor[0].0, 0x8086);
    assert_eq!((device[0].0, device[1].0), (0x1572, 0x158b));
    assert_eq!(pci_address[0].to_string(), "0000:3b:00.0");
    assert_eq!(
        (pf_name[0].glob.as_str(), pf_name[1].glob.as_str()),
        ("ens1f*", "eth0")
    );
    assert_eq!(mac[0].to_string(), "40:a6:b7:00:00:01");
    assert_eq!((driver[0].as_str(), driver[1].as_str()), ("ice", "i40e"));
    assert_eq!(link_type[0].to_string(), "ether");
    assert_eq!(numa_node, &[0, 1]);
}

#[test]
fn the_shipped_example_is_right_and_does_nothing() {
    let text = include_str!("../../../../conf/sriov.d/00-example.toml");
    let example = policies(text);
    assert!(example.len() == 1 && !example[0].enabled);

    // With its commented network it still is.
    let start = text.find("# [[network]]").unwrap();
    let network = text[start..].replace("# ", "");
    let whole = format!("{}{network}", &text[..start]);
    let content = parse(Path::new(FILE), &whole)
        .map_err(|found| shown(&found))
        .unwrap();
    assert_eq!((content.policies.len(), content.networks.len()), (1, 1));
}

#[test]
fn a_share_may_stand_with_the_name() {
    let matches = &one("match.pf_name = [\"ens1f0#0-3\", \"ens1f1#4\"]").matches;
    let shown = |at: usize| {
        let pattern = &matches.pf_name[at];
        (
            pattern.glob.clone(),
            pattern.vfs.as_ref().unwrap().to_string(),
        )
    };
    assert_eq!(shown(0), ("ens1f0".into(), "0-3".into()));
    assert_eq!(shown(1), ("ens1f1".into(), "4".into()));
    // A single VF that is in one of the shares, or of a PF that is taken whole.
    for names in ["[\"a#0-3\", \"b#4\"]", "[\"a#0\", \"b\"]"] {
        one(&format!(
            "match.pf_name = {names}\n[[policy.vf]]\nindex = 4"
        ));
    }
}

#[test]
fn a_single_vf_takes_the_other_half_from_its_policy() {
    let base =
        "vlan = 100\nvlan_qos = 3\nvlan_proto = \"802.1ad\"\nmin_tx_rate = 10\nmax_tx_rate = 50\n";
    let with = |keys: &str| vf(1, &format!("{base}[[policy.vf]]\nindex = 1\n{keys}")).settings;
    let vlan = |id, qos, proto| Some(Vlan { id, qos, proto });
    assert_eq!(with(""), VfSettings::default());
    assert_eq!(with("vlan = 7").vlan, vlan(7, 3, VlanProto::Dot1ad));
    assert_eq!(with("vlan_qos = 0").vlan, vlan(100, 0, VlanProto::Dot1ad));
    assert_eq!(
        with("vlan_proto = \"802.1q\"").vlan,
        vlan(100, 3, VlanProto::Dot1q)
    );
    assert_eq!(with("vlan = 0").vlan, Some(Vlan::NONE));
    assert_eq!(
        with("min_tx_rate = 20").tx_rate,
        Some(TxRate { min: 20, max: 50 })
    );
    assert_eq!(
        with("max_tx_rate = 0").tx_rate,
        Some(TxRate { min: 10, max: 0 })
    );
    assert_eq!(with("trust = false").trust, Some(false));
}

#[test]
fn a_single_vf_may_have_an_address() {
    let mac = |text: &str| vf(0, &format!("[[policy.vf]]\nindex = 0\nmac = \"{text}\"")).mac;
    assert_eq!(mac("kernel"), Some(MacChoice::Kernel));
    assert_eq!(mac("stable"), Some(MacChoice::Stable));
    let address = "02:00:5e:10:00:01".parse().unwrap();
    assert_eq!(mac("02:00:5E:10:00:01"), Some(MacChoice::Fixed(address)));
    assert_eq!(vf(0, "[[policy.vf]]\nindex = 0").mac, None);
}

#[test]
fn counts_at_their_limits() {
    assert_eq!(one("num_vfs = 0").num_vfs, Some(NumVfs::Count(0)));
    assert_eq!(one("num_vfs = 65535").num_vfs, Some(NumVfs::Count(65535)));
    let external = one("external = true");
    assert_eq!((external.num_vfs, external.external), (None, Some(true)));
    one("num_vfs = \"max\"\nvfs = \"0-65534\"");
    one("vfs = \"4-7\"\n[[policy.vf]]\nindex = 7");
}

#[test]
fn networks_are_described_or_raw() {
    let plain = description("");
    assert_eq!(
        (plain.plugin, plain.cni_version.as_str()),
        (PluginType::Sriov, "1.0.0")
    );
    assert_eq!(
        (plain.settings, plain.mac, plain.ipam),
        (VfSettings::default(), None, None)
    );

    let full = description(
        r#"
cni_version = "0.4.0"
vlan = 100
trust = true
max_tx_rate = 5
mac = "02:00:5e:10:00:01"
capabilities = { mac = true, ips = false }
ipam = { type = "host-local", ranges = [[{ subnet = "10.0.0.0/24" }]], dns = {}, n = -1, f = 1.5 }
meta_plugins = [{ type = "tuning", sysctl = { "net.core.somaxconn" = "500" } }]
"#,
    );
    assert_eq!(full.cni_version, "0.4.0");
    assert_eq!(
        full.settings.vlan,
        Some(Vlan {
            id: 100,
            ..Vlan::NONE
        })
    );
    assert_eq!(full.settings.tx_rate, Some(TxRate { min: 0, max: 5 }));
    assert_eq!(full.mac.unwrap().to_string(), "02:00:5e:10:00:01");
    assert_eq!(
        json!(full.capabilities),
        json!({ "ips": false, "mac": true })
    );
    let ipam = json!({
        "type": "host-local", "ranges": [[{ "subnet": "10.0.0.0/24" }]], "dns": {}, "n": -1, "f": 1.5
    });
    assert_eq!(json!(full.ipam), ipam);
    let tuning = json!([{ "type": "tuning", "sysctl": { "net.core.somaxconn": "500" } }]);
    assert_eq!(json!(full.meta_plugins), tuning);
    for (keys, plugin) in [
        ("type = \"host-device\"", PluginType::HostDevice),
        (
            "type = \"ib-sriov\"\nlink_state = \"enable\"",
            PluginType::IbSriov,
        ),
        ("type = \"ovs\"\nvlan = 7", PluginType::Ovs),
    ] {
        assert_eq!(description(keys).plugin, plugin);
    }
    let bridged = description("type = \"ovs\"\nplugin_config = { bridge = \"br0\" }");
    assert_eq!(json!(bridged.plugin_config), json!({ "bridge": "br0" }));

    let raw = |keys: &str| match network(keys).body {
        NetworkBody::Raw(raw) => json!(raw),
        described @ NetworkBody::Described(_) => panic!("{described:?}"),
    };
    assert_eq!(
        raw("config = { type = \"bridge\" }"),
        json!({ "type": "bridge" })
    );
    assert_eq!(
        raw("config = '''\n{ \"plugins\": [{ \"type\": \"a\" }] }'''"),
        json!({ "plugins": [{ "type": "a" }] })
    );
    // Others make doubles of all numbers, and CNI plugins take no `5.0`.
    for config in [
        "'{\"type\": \"a\", \"vlan\": 5.0, \"of\": [{\"n\": 1e3}], \"ratio\": 0.5}'",
        "{ type = \"a\", vlan = 5.0, of = [{ n = 1e3 }], ratio = 0.5 }",
    ] {
        let text = raw(&format!("config = {config}")).to_string();
        assert_eq!(
            text,
            r#"{"of":[{"n":1000}],"ratio":0.5,"type":"a","vlan":5}"#
        );
    }
    let named = network("resource = \"r\"\nnamespace = \"default\"\nconfig = { type = \"x\" }");
    assert_eq!(named.resource.unwrap().as_str(), "r");
    assert_eq!(named.namespace.unwrap(), "default");
}

#[test]
fn nothing_is_a_file_too() {
    for text in ["", "\n", "# only a comment\n", "\u{feff}version = 1\r\n"] {
        let content = parse(Path::new(FILE), text)
            .map_err(|found| shown(&found))
            .unwrap();
        assert_eq!(content, super::FileContent::default(), "{text:?}");
    }
}
