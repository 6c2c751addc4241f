//! What libcni refuses of a configuration (libcni/conf.go, pkg/types/types.go of containernetworking/cni).
//!
//! It matters beyond the network itself: containerd and nerdctl use no network at all where one of
//! the directory is refused.

use serde_json::{Map, Value};

/// A value that is not of the type that its reader has for it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is not {expected}")]
pub struct Refusal {
    /// Its place, such as `plugin 1: dns.nameservers`.
    pub what: String,
    /// The value as JSON, or that there is none.
    pub found: String,
    /// What its reader takes.
    pub expected: &'static str,
}

impl Refusal {
    fn new(what: impl Into<String>, found: Option<&Value>, expected: &'static str) -> Self {
        let found = found.map_or_else(|| "missing".to_owned(), Value::to_string);
        let short: String = found.chars().take(60).collect();
        let more = if short.len() < found.len() { "…" } else { "" };
        Self {
            what: what.into(),
            found: short + more,
            expected,
        }
    }
}

const BOOLEAN: &str = "true or false";
const TEXT: &str = "a text";
const OBJECT: &str = "an object";
const TEXTS: &str = "a list of texts";
const VERSION: &str = "a version such as 1.0.0";

/// A plugin, or a list of them; all that is wrong, in the order in which it is looked at.
pub fn refusals(config: &Map<String, Value>) -> Vec<Refusal> {
    let mut found = Vec::new();
    version(config, &mut found);
    let Some(plugins) = config.get("plugins") else {
        plugin(1, &Value::Object(config.clone()), &mut found);
        return found;
    };
    versions(config, &mut found);
    // Of these keys null is refused, too, and a text is taken for what it says.
    for key in ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"] {
        let is_boolean = |value: &Value| match value {
            Value::String(text) => ["true", "false"].contains(&text.to_lowercase().as_str()),
            other => other.is_boolean(),
        };
        if let Some(value) = config.get(key).filter(|value| !is_boolean(value)) {
            found.push(Refusal::new(key, Some(value), BOOLEAN));
        }
    }
    match plugins.as_array().filter(|plugins| !plugins.is_empty()) {
        Some(plugins) => {
            for (at, value) in plugins.iter().enumerate() {
                plugin(at + 1, value, &mut found);
            }
        }
        None => {
            let expected = "a list with at least one plugin";
            found.push(Refusal::new("plugins", Some(plugins), expected));
        }
    }
    found
}

/// The same of one plugin's keys, whatever its type, and whether it has one or not.
pub fn refusals_of_keys(plugin: &Map<String, Value>) -> Vec<Refusal> {
    let mut found = Vec::new();
    keys("", plugin, &mut found);
    found
}

fn version(config: &Map<String, Value>, found: &mut Vec<Refusal>) {
    let Some(value) = config.get("cniVersion") else {
        return;
    };
    match value.as_str() {
        None => found.push(Refusal::new("cniVersion", Some(value), TEXT)),
        Some(text) if !is_version(text) => {
            found.push(Refusal::new("cniVersion", Some(value), VERSION));
        }
        Some(_) => {}
    }
}

fn versions(config: &Map<String, Value>, found: &mut Vec<Refusal>) {
    let Some(value) = config.get("cniVersions") else {
        return;
    };
    let Some(versions) = value.as_array() else {
        return found.push(Refusal::new(
            "cniVersions",
            Some(value),
            "a list of versions",
        ));
    };
    for (at, version) in versions.iter().enumerate() {
        if !version.as_str().is_some_and(is_version) {
            let what = format!("cniVersions: entry {}", at + 1);
            found.push(Refusal::new(what, Some(version), VERSION));
        }
    }
}

/// Up to three numbers; nothing at all stands for 0.1.0.
fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    text.is_empty() || text.split('.').count() <= 3 && parts.all(|part| part.parse::<i64>().is_ok())
}

fn plugin(position: usize, value: &Value, found: &mut Vec<Refusal>) {
    let name = format!("plugin {position}");
    let typed = value["type"].as_str().is_some_and(|name| !name.is_empty());
    match value.as_object().filter(|_| typed) {
        Some(plugin) => keys(&format!("{name}: "), plugin, found),
        None => found.push(Refusal::new(name, Some(value), "an object with a type")),
    }
}

/// Go reads keys whatever their case, and null as what is not there.
fn keys(place: &str, plugin: &Map<String, Value>, found: &mut Vec<Refusal>) {
    let mut refuse = |what: String, value: &Value, expected| {
        found.push(Refusal::new(
            format!("{place}{what}"),
            Some(value),
            expected,
        ));
    };
    for (key, value) in plugin.iter().filter(|(_, value)| !value.is_null()) {
        match folded(key).as_str() {
            "cniversion" | "name" | "type" if !value.is_string() => {
                refuse(key.clone(), value, TEXT);
            }
            "capabilities" => match value.as_object() {
                Some(capabilities) => {
                    for (name, on) in capabilities {
                        if !on.is_boolean() && !on.is_null() {
                            refuse(format!("{key}.{name}"), on, BOOLEAN);
                        }
                    }
                }
                None => refuse(key.clone(), value, OBJECT),
            },
            "prevresult" if !value.is_object() => refuse(key.clone(), value, OBJECT),
            "ipam" => within(key, value, &[("type", TEXT)], &mut refuse),
            "dns" => within(key, value, &DNS, &mut refuse),
            "cni.dev/valid-attachments" => match value.as_array() {
                Some(attachments) => {
                    for it in attachments.iter().filter(|it| !it.is_null()) {
                        within(key, it, &ATTACHMENT, &mut refuse);
                    }
                }
                None => refuse(key.clone(), value, "a list of attachments"),
            },
            _ => {}
        }
    }
}

const DNS: [(&str, &str); 4] = [
    ("nameservers", TEXTS),
    ("domain", TEXT),
    ("search", TEXTS),
    ("options", TEXTS),
];
const ATTACHMENT: [(&str, &str); 2] = [("containerid", TEXT), ("ifname", TEXT)];

fn within(
    outer: &str,
    value: &Value,
    known: &[(&str, &'static str)],
    refuse: &mut impl FnMut(String, &Value, &'static str),
) {
    let Some(object) = value.as_object() else {
        return refuse(outer.to_owned(), value, OBJECT);
    };
    let text = |value: &Value| value.is_string() || value.is_null();
    for (key, value) in object {
        let folded = folded(key);
        let Some(&(_, expected)) = known.iter().find(|(name, _)| *name == folded) else {
            continue;
        };
        let is_read = match value {
            Value::Array(items) if expected == TEXTS => items.iter().all(text),
            other => other.is_null() || (expected == TEXT && other.is_string()),
        };
        if !is_read {
            refuse(format!("{outer}.{key}"), value, expected);
        }
    }
}

/// As Go compares the keys of JSON: two letters beyond ASCII stand for k and s.
fn folded(key: &str) -> String {
    let fold = |c: char| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        other => other.to_ascii_lowercase(),
    };
    key.chars().map(fold).collect()
}

#[cfg(test)]
mod tests;
