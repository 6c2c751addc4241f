//! Whatever a policy file may say of a network, libcni reads what is written of it.

use crate::policy::file;
use crate::render::cni::{Device, conflist};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::path::Path;

/// What libcni has for a configuration, as types of its own: `NetworkConfFromBytes` and `PluginConf`.
mod types {
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code, reason = "what counts is whether it is read")]
    pub(super) enum Flag {
        Boolean(bool),
        Text(String),
    }

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code, reason = "what counts is whether it is read")]
    pub(super) struct List {
        name: String,
        cni_version: String,
        #[serde(default)]
        cni_versions: Vec<String>,
        #[serde(default = "no")]
        disable_check: Flag,
        #[serde(default = "no", rename = "disableGC")]
        disable_gc: Flag,
        #[serde(default = "no")]
        load_only_inlined_plugins: Flag,
        pub(super) plugins: Vec<Plugin>,
    }

    fn no() -> Flag {
        Flag::Boolean(false)
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "what counts is whether it is read")]
    pub(super) struct Plugin {
        pub(super) r#type: String,
        capabilities: Option<BTreeMap<String, Option<bool>>>,
        ipam: Option<Ipam>,
        dns: Option<Dns>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "what counts is whether it is read")]
    struct Ipam {
        r#type: Option<String>,
    }

    #[derive(Deserialize)]
    #[allow(dead_code, reason = "what counts is whether it is read")]
    struct Dns {
        nameservers: Option<Vec<Option<String>>>,
        domain: Option<String>,
        search: Option<Vec<Option<String>>>,
        options: Option<Vec<Option<String>>>,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![
        json!(null),
        json!(true),
        json!("true"),
        json!("1.0.0"),
        json!("x"),
        json!(1),
        json!([]),
        json!(["1.0.0"]),
        json!([null]),
        json!({}),
        json!({"mac": true}),
        json!({"type": "a"}),
        json!({"type": 5}),
        json!({"nameservers": ["a"]}),
        json!({"search": "a"}),
        json!([{"type": "a"}]),
    ])
}

fn any_object(keys: &'static [&'static str]) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map(prop::sample::select(keys), any_value(), 0..3).prop_map(|entries| {
        let entries = entries.into_iter();
        entries
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    })
}

fn any_plugin() -> impl Strategy<Value = Value> {
    any_object(&["capabilities", "ipam", "dns", "name", "prevResult"]).prop_map(|mut plugin| {
        plugin.insert("type".to_owned(), json!("sriov"));
        Value::Object(plugin)
    })
}

proptest! {
    #[test]
    fn what_a_policy_file_may_say_is_written_and_libcni_reads_it(
        list in any_object(&[
            "cniVersion", "cniVersions", "disableCheck", "disableGC", "loadOnlyInlinedPlugins",
        ]),
        plugins in prop::collection::vec(any_plugin(), 1..3),
        alone in any::<bool>(),
    ) {
        let config = match alone {
            true => plugins[0].clone(),
            false => {
                let mut list = list;
                list.insert("plugins".to_owned(), Value::Array(plugins));
                Value::Object(list)
            }
        };
        let text = format!("[[network]]\nname = \"n\"\nconfig = '{config}'\n");
        if let Ok(content) = file::parse(Path::new("a.toml"), &text) {
            let written = conflist(&content.networks[0], Device::None).unwrap();
            let read: types::List = serde_json::from_str(&written).unwrap();
            prop_assert!(read.plugins.iter().all(|plugin| plugin.r#type == "sriov"));
        }
    }
}
