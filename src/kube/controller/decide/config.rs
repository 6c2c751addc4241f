//! The CNI configuration of a network of the operator's kinds, byte for byte as the operator writes it.
//!
//! In one thing it is not the operator's: white space within the texts of `ipam` stays.

use super::indent::indented;
use super::object::Watched;
use serde_json::{Map, Value};
use sriovd_core::policy::libcni::{self, Refusal};

/// Why a network becomes no configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unusable {
    /// It is copied into the configuration as it is.
    #[error("bad value for spec.{key}: {shown:?} ({why}); expected {expected}")]
    NoJson {
        key: &'static str,
        shown: String,
        why: String,
        expected: &'static str,
    },
    /// Pods could not start with it.
    #[error("container runtimes would refuse it: {0}, but {found}", found = .0.found)]
    Refused(Refusal),
}

/// The text of `spec.config`.
pub(super) fn config(kind: Watched, name: &str, spec: &Value) -> Result<String, Unusable> {
    let capabilities = embedded(
        spec,
        "capabilities",
        r#"a JSON object such as {"mac": true}"#,
    )?;
    let ipam = embedded(spec, "ipam", r#"a JSON object such as {"type": "dhcp"}"#)?;
    let ipam = ipam.unwrap_or("{}");
    let mut keys = Keys::default();
    match kind {
        Watched::SriovIbNetwork => {
            keys.text("type", "ib-sriov");
            keys.given("capabilities", capabilities);
            keys.word(spec, "linkState", "link_state", &LINK_STATES);
        }
        Watched::OvsNetwork => {
            keys.text("type", "ovs");
            keys.given("capabilities", capabilities);
            keys.any_text(spec, "bridge", "bridge");
            for key in ["vlan", "mtu"] {
                keys.number(key, number(spec, key).filter(|&number| number != 0));
            }
            let trunk = trunk(spec);
            keys.given("trunk", trunk.as_deref());
            keys.any_text(spec, "interfaceType", "interface_type");
        }
        _ => {
            keys.text("type", "sriov");
            keys.number("vlan", Some(number(spec, "vlan").unwrap_or(0)));
            keys.word(spec, "spoofChk", "spoofchk", &SWITCH);
            keys.word(spec, "trust", "trust", &SWITCH);
            let qos = number(spec, "vlanQoS").unwrap_or(0);
            keys.number("vlanQoS", Some(qos).filter(|qos| (0..=7).contains(qos)));
            keys.any_text(spec, "vlanProto", "vlanProto");
            for (theirs, key) in [("minTxRate", "min_tx_rate"), ("maxTxRate", "max_tx_rate")] {
                keys.number(key, number(spec, theirs).filter(|&rate| rate >= 0));
            }
            keys.given("capabilities", capabilities);
            keys.word(spec, "linkState", "link_state", &LINK_STATES);
            keys.any_text(spec, "logLevel", "logLevel");
            keys.any_text(spec, "logFile", "logFile");
        }
    }
    keys.given("ipam", Some(ipam));
    let plugin = keys.0;
    let mut whole = Keys::default();
    whole.text("cniVersion", "1.0.0");
    whole.text("name", name);
    let text = match meta_plugins(spec)? {
        Some(more) => {
            let list = format!("[{{{plugin}}},{more}]");
            whole.given("plugins", Some(&list));
            whole.0
        }
        None => format!("{},{plugin}", whole.0),
    };
    let text = format!("{{{text}}}");
    let list = serde_json::from_str::<Map<String, Value>>(&text).unwrap_or_default();
    match libcni::refusals(&list).into_iter().next() {
        Some(refusal) => Err(Unusable::Refused(refusal)),
        None => Ok(indented(&text)),
    }
}

const SWITCH: [&str; 2] = ["on", "off"];
const LINK_STATES: [&str; 3] = ["auto", "enable", "disable"];

/// Keys and values in their order, without the braces around them.
#[derive(Default)]
struct Keys(String);

impl Keys {
    fn given(&mut self, key: &str, json: Option<&str>) {
        if let Some(json) = json {
            let comma = if self.0.is_empty() { "" } else { "," };
            self.0 += &format!("{comma}\"{key}\":{json}");
        }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.given(key, Some(&Value::from(text).to_string()));
    }

    fn number(&mut self, key: &str, number: Option<i64>) {
        self.given(key, number.map(|it| it.to_string()).as_deref());
    }

    fn any_text(&mut self, spec: &Value, theirs: &str, key: &str) {
        if let Some(text) = spec[theirs].as_str().filter(|text| !text.is_empty()) {
            self.text(key, text);
        }
    }

    /// The operator leaves other words out.
    fn word(&mut self, spec: &Value, theirs: &str, key: &str, words: &[&str]) {
        if let Some(word) = spec[theirs].as_str().filter(|word| words.contains(word)) {
            self.text(key, word);
        }
    }
}

fn number(spec: &Value, key: &str) -> Option<i64> {
    spec[key].as_i64()
}

/// An object as JSON in a text.
fn embedded<'s>(
    spec: &'s Value,
    key: &'static str,
    expected: &'static str,
) -> Result<Option<&'s str>, Unusable> {
    json_in(spec, key, expected, |text| {
        match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(_)) => Ok(()),
            Ok(_) => Err("it is no object".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
}

/// Objects with commas between them, without the brackets of a list.
fn meta_plugins(spec: &Value) -> Result<Option<&str>, Unusable> {
    let expected = "JSON objects with commas between them";
    json_in(
        spec,
        "metaPlugins",
        expected,
        |text| match serde_json::from_str::<Vec<Value>>(&format!("[{text}]")) {
            Ok(plugins) if plugins.iter().all(Value::is_object) => Ok(()),
            Ok(_) => Err("not all are objects".to_owned()),
            Err(error) => Err(error.to_string()),
        },
    )
}

fn json_in<'s>(
    spec: &'s Value,
    key: &'static str,
    expected: &'static str,
    check: impl FnOnce(&str) -> Result<(), String>,
) -> Result<Option<&'s str>, Unusable> {
    let text = spec[key].as_str().filter(|text| !text.trim().is_empty());
    let Some(Err(why)) = text.map(check) else {
        return Ok(text);
    };
    let shown = text.unwrap_or_default().chars().take(60).collect();
    Err(Unusable::NoJson {
        key,
        shown,
        why,
        expected,
    })
}

fn trunk(spec: &Value) -> Option<String> {
    let ranges = spec["trunk"].as_array().filter(|them| !them.is_empty())?;
    let ranges = ranges.iter().map(|range| {
        let mut keys = Keys::default();
        for key in ["minID", "maxID", "id"] {
            keys.number(key, number(range, key));
        }
        format!("{{{}}}", keys.0)
    });
    Some(format!("[{}]", ranges.collect::<Vec<_>>().join(",")))
}
