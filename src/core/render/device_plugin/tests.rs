//! What is written is what the plugin takes, and what it would then hand out.

use super::*;
use crate::model::VfIndex;
use crate::policy::resolve::Claim;
use crate::render::fixture::*;
use crate::render::pools::pools;
use proptest::prelude::*;

fn config_of(world: &ManagedHost) -> Option<String> {
    config(&pools(&world.known()))
}

#[test]
fn two_pools_over_two_pfs() {
    let user_space = Claim {
        device_type: vfio(),
        need_vhost_net: true,
        resource_prefix: Some(parse("example.com")),
        exclude_topology: true,
        ..claim("dpdk", Some("2-3"))
    };
    let mut first = pf(0x3b, 4);
    for index in [2, 3] {
        let vf = first.vfs.get_mut(&VfIndex(index)).unwrap();
        *vf = in_user_space(vf.clone());
    }
    let rdma = Claim {
        is_rdma: true,
        ..claim("net", None)
    };
    let world = ManagedHost::of([
        (first, vec![claim("net", Some("0-1")), user_space]),
        (pf(0x5e, 1), vec![rdma]),
    ]);
    assert_eq!(
        config_of(&world).unwrap(),
        r#"{
  "managedBy": "sriovd",
  "resourceList": [
    {
      "deviceType": "netDevice",
      "excludeTopology": true,
      "resourceName": "dpdk",
      "resourcePrefix": "example.com",
      "selectors": [
        {
          "devices": [
            "1889"
          ],
          "drivers": [
            "vfio-pci"
          ],
          "needVhostNet": true,
          "pciAddresses": [
            "0000:3b:01.2",
            "0000:3b:01.3"
          ],
          "vendors": [
            "8086"
          ]
        }
      ]
    },
    {
      "deviceType": "netDevice",
      "resourceName": "net",
      "resourcePrefix": "intel.com",
      "selectors": [
        {
          "devices": [
            "1889"
          ],
          "drivers": [
            "iavf"
          ],
          "pciAddresses": [
            "0000:3b:01.0",
            "0000:3b:01.1"
          ],
          "vendors": [
            "8086"
          ]
        },
        {
          "devices": [
            "1889"
          ],
          "drivers": [
            "iavf"
          ],
          "isRdma": true,
          "pciAddresses": [
            "0000:5e:01.0"
          ],
          "vendors": [
            "8086"
          ]
        }
      ]
    }
  ]
}
"#
    );
}

#[test]
fn without_a_ready_vf_there_is_no_file() {
    let mut world = ManagedHost::of([(pf(1, 2), vec![claim("a", None)])]);
    assert!(config_of(&world).is_some());
    for vf in world
        .host
        .pfs
        .values_mut()
        .flat_map(|pf| pf.vfs.values_mut())
    {
        vf.driver = None;
    }
    assert_eq!(config_of(&world), None);
}

#[test]
fn the_plugins_own_prefix_named_and_left_out_is_one_resource() {
    let named = Claim {
        resource_prefix: Some(parse("intel.com")),
        ..claim("a", Some("1"))
    };
    let world = ManagedHost::of([(pf(1, 2), vec![claim("a", Some("0")), named])]);
    let text = config_of(&world).unwrap();
    assert_eq!(text.matches("resourceName").count(), 1);
    assert_eq!(validate(&text), Ok(()));
}

#[test]
fn a_vf_that_is_lent_stays_in_the_list() {
    let mut world = ManagedHost::of([(pf(1, 2), vec![claim("a", None)])]);
    let before = config_of(&world);
    let vfs = &mut world.host.pfs.values_mut().next().unwrap().vfs;
    let vf = vfs.get_mut(&VfIndex(0)).unwrap();
    (vf.interface, vf.interface_elsewhere) = (None, true);
    assert_eq!(config_of(&world), before);
}

/// The plugin's rules for pools of network devices, written down apart from the renderer: on any of
/// these it exits, panics, or drops the entry or the selector in silence.
fn validate(text: &str) -> Result<(), String> {
    let config: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = config["resourceList"]
        .as_array()
        .ok_or("no resourceList: exits")?;
    if list.is_empty() {
        return Err("nothing to do: exits".to_owned());
    }
    let mut resources = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for entry in list {
        let name = entry["resourceName"]
            .as_str()
            .ok_or("no resourceName: exits")?;
        let form = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if name.is_empty() || !name.bytes().all(form) {
            return Err(format!("resourceName {name:?}: exits"));
        }
        let prefix = match entry.get("resourcePrefix") {
            None => "intel.com",
            Some(prefix) => prefix
                .as_str()
                .ok_or("resourcePrefix is not a text: exits")?,
        };
        if !resources.insert((prefix, name)) {
            return Err(format!("{prefix}/{name} twice: exits"));
        }
        if entry
            .get("deviceType")
            .is_some_and(|kind| kind != "netDevice")
        {
            return Err("deviceType: exits".to_owned());
        }
        let selectors = entry["selectors"]
            .as_array()
            .ok_or("selectors is no list: panics or drops")?;
        if selectors.is_empty() {
            return Err("no selectors: dropped".to_owned());
        }
        for selector in selectors {
            validate_selector(selector, &mut addresses)?;
        }
    }
    Ok(())
}

fn validate_selector(selector: &Value, addresses: &mut BTreeSet<String>) -> Result<(), String> {
    let selector = selector
        .as_object()
        .ok_or("a selector that is no object: panics or drops")?;
    for (key, value) in selector {
        let texts = || -> Option<Vec<&str>> {
            value
                .as_array()?
                .iter()
                .map(Value::as_str)
                .collect::<Option<Vec<_>>>()
        };
        let hexadecimal = |text: &&str| {
            text.len() == 4
                && text
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let full_address = |text: &&str| {
            let parsed = text.parse::<PciAddress>();
            parsed.is_ok_and(|address| address.to_string() == **text)
        };
        let ok = match key.as_str() {
            "vendors" | "devices" => texts().is_some_and(|ids| ids.iter().all(hexadecimal)),
            "drivers" => texts().is_some(),
            "pciAddresses" => texts().is_some_and(|them| {
                them.iter().all(full_address)
                    && them.iter().all(|it| addresses.insert((*it).to_owned()))
            }),
            "isRdma" | "needVhostNet" => value.is_boolean(),
            _ => false,
        };
        if !ok {
            return Err(format!(
                "{key}: {value}: selects nothing or drops the entry"
            ));
        }
    }
    let both = selector.contains_key("isRdma") && selector.contains_key("vdpaType");
    if both {
        Err("isRdma and vdpaType: exits".to_owned())
    } else {
        Ok(())
    }
}

#[test]
fn the_oracle_refuses_what_the_plugin_refuses() {
    let entry = |entry: Value| json!({"resourceList": [entry]}).to_string();
    let selectors = |selectors: Value| entry(json!({"resourceName": "a", "selectors": selectors}));
    let good = selectors(json!([{"vendors": ["8086"], "pciAddresses": ["0000:3b:01.0"]}]));
    assert_eq!(validate(&good), Ok(()));
    let twice = json!({"resourceName": "a", "selectors": [{}]});
    let bad = [
        "{} // comment".to_owned(),
        "{}".to_owned(),
        json!({"resourceList": []}).to_string(),
        json!({"resourceList": [twice.clone(), twice]}).to_string(),
        entry(json!({"resourceName": "a.b", "selectors": [{}]})),
        entry(json!({"selectors": [{}]})),
        entry(json!({"resourceName": "a"})),
        entry(json!({"resourceName": "a", "deviceType": "netdevice", "selectors": [{}]})),
        selectors(json!(null)),
        selectors(json!([null])),
        selectors(json!([])),
        selectors(json!({"vendors": ["8086"]})),
        selectors(json!([{"vendors": "8086"}])),
        selectors(json!([{"vendors": ["0x8086"]}])),
        selectors(json!([{"devices": ["154C"]}])),
        selectors(json!([{"isRdma": "true"}])),
        selectors(json!([{"pciAddresses": ["3b:01.0"]}])),
        selectors(json!([{"pciAddresses": ["0000:3B:01.0"]}])),
    ];
    for text in bad {
        assert!(validate(&text).is_err(), "{text}");
    }
}

/// What the plugin finds on the host, by resource: every bound VF goes to the first entry with a
/// selector that has all it asks for.
fn handed_out(text: &str, world: &ManagedHost) -> BTreeMap<String, BTreeSet<PciAddress>> {
    let config: Value = serde_json::from_str(text).unwrap();
    let has = |list: &Value, value: String| list.as_array().unwrap().contains(&json!(value));
    let mut found: BTreeMap<String, BTreeSet<PciAddress>> = BTreeMap::new();
    for vf in world.host.pfs.values().flat_map(|pf| pf.vfs.values()) {
        let Some(driver) = &vf.driver else { continue };
        let matches = |selector: &Value| {
            has(&selector["vendors"], vf.vendor.to_string())
                && has(&selector["devices"], vf.device.to_string())
                && has(&selector["drivers"], driver.to_string())
                && has(&selector["pciAddresses"], vf.address.to_string())
                && (selector["isRdma"] != true || !driver.is_userspace())
        };
        let entries = config["resourceList"].as_array().unwrap();
        let entry = entries
            .iter()
            .find(|entry| entry["selectors"].as_array().unwrap().iter().any(matches));
        if let Some(entry) = entry {
            let text = |key: &str| entry[key].as_str().unwrap();
            let resource = format!("{}/{}", text("resourcePrefix"), text("resourceName"));
            found.entry(resource).or_default().insert(vf.address);
        }
    }
    found
}

proptest! {
    #[test]
    fn the_plugin_takes_everything_and_hands_out_the_ready_vfs(world in any_world()) {
        let known = world.known();
        let pools = pools(&known);
        let mut expected: BTreeMap<String, BTreeSet<PciAddress>> = BTreeMap::new();
        for (resource, members) in &pools {
            for member in members {
                let resource = format!("{}/{resource}", prefix(member.claim));
                expected.entry(resource).or_default().insert(member.vf.address);
            }
        }
        match config(&pools) {
            None => prop_assert!(expected.is_empty()),
            Some(text) => {
                prop_assert_eq!(validate(&text), Ok(()), "{}", text);
                prop_assert_eq!(handed_out(&text, &world), expected);
            }
        }
    }
}
