//! A policy or a network while it is written, with remarks at their places.

use super::fields::Fields;
use crate::policy::Origin;
use crate::policy::reader::Given;
use crate::policy::source::ItemKind;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use std::fmt;

/// What makes a name a pattern.
pub const OF_GLOBS: [char; 5] = ['*', '?', '[', ']', '\\'];

/// A policy or a network while it is made.
pub struct Item {
    /// Which of them.
    pub kind: ItemKind,
    /// Its name.
    pub name: String,
    /// Of equal ones the last by name wins.
    pub by_name: bool,
    /// The device plugin's, which makes no VFs.
    pub of_plugin: bool,
    file: String,
    line: usize,
    lines: Vec<Line>,
    disabled: bool,
}

enum Line {
    Pair {
        key: String,
        value: Value,
        /// The value as TOML.
        written: String,
    },
    Note {
        line: usize,
        text: String,
    },
}

impl Item {
    /// Without any key.
    pub fn new(kind: ItemKind, name: String, fields: &Fields<'_>) -> Self {
        Self {
            kind,
            name,
            by_name: false,
            of_plugin: false,
            file: fields.file().to_owned(),
            line: fields.line,
            lines: Vec::new(),
            disabled: false,
        }
    }

    /// Gives a key a value; a key with dots is one of a table.
    pub fn pair(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        match toml_of(&value) {
            Some(written) => self.written(key, value, written),
            None => self.pair(key, ""),
        }
    }

    /// Gives a key a value, where there is one.
    pub fn given(&mut self, key: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.pair(key, value);
        }
    }

    /// One value plain, several as a list, none not at all.
    pub fn any_of(&mut self, key: &str, values: Vec<String>) {
        match <[String; 1]>::try_from(values) {
            Ok([one]) => self.pair(key, one),
            Err(none) if none.is_empty() => {}
            Err(several) => self.pair(key, several),
        }
    }

    /// JSON in a literal text, which is as it is given.
    pub fn config(&mut self, config: &Value) {
        let text = format!("{config:#}");
        match text.contains("'''") {
            true => self.pair("config", text),
            false => {
                let written = format!("'''\n{text}\n'''");
                self.written("config", format!("{text}\n").into(), written);
            }
        }
    }

    fn written(&mut self, key: &str, value: Value, written: String) {
        self.lines.push(Line::Pair {
            key: key.to_owned(),
            value,
            written,
        });
    }

    /// A remark; `line` is where it is about.
    pub fn note(&mut self, line: Option<usize>, text: impl Into<String>) {
        self.lines.push(Line::Note {
            line: line.unwrap_or(self.line),
            text: text.into(),
        });
    }

    /// It would name other PFs or VFs than it did, or mean another network.
    pub fn disable(&mut self) {
        self.disabled = true;
    }

    /// A policy must say which PFs it is for, even where it is for none or all.
    pub fn complete(&mut self) {
        let is_match = |line: &Line| match line {
            Line::Pair { key, .. } => key.starts_with("match."),
            Line::Note { .. } => false,
        };
        if self.kind == ItemKind::Policy && !self.lines.iter().any(is_match) {
            self.pair("match.pf_name", "*");
        }
    }

    /// A name of a host is a glob here.
    pub fn for_node(&mut self, node: &str) {
        if node.contains(OF_GLOBS) {
            self.note(None, format!("no node is called {node:?}"));
            self.disable();
        }
        self.pair("node.hostname", node);
    }

    /// What cannot be read may have been what made it mean less.
    pub fn leftovers(&mut self, fields: &Fields<'_>) {
        for left in fields.left_over() {
            self.note(Some(left.node.line), left.sentence());
            if left.is_misread {
                self.disable();
            }
        }
    }

    /// Whatever is lost of what selects, it would select more.
    pub fn selector_leftovers(&mut self, fields: &Fields<'_>) {
        self.leftovers(fields);
        if !fields.left_over().is_empty() {
            self.disable();
        }
    }

    /// Whether a key has a value.
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The value of a key.
    pub fn value(&self, wanted: &str) -> Option<&Value> {
        self.lines.iter().find_map(|line| match line {
            Line::Pair { key, value, .. } => (key == wanted).then_some(value),
            Line::Note { .. } => None,
        })
    }

    /// As it stands in a source; `None` for a network that is left out.
    pub fn json(&self) -> Option<Map<String, Value>> {
        if self.disabled && self.kind == ItemKind::Network {
            return None;
        }
        let mut table = Map::new();
        table.insert("name".to_owned(), self.name.clone().into());
        if self.disabled {
            table.insert("enabled".to_owned(), false.into());
        }
        for line in &self.lines {
            if let Line::Pair { key, value, .. } = line {
                put(&mut table, key, value);
            }
        }
        Some(table)
    }

    /// The same as it is judged.
    pub fn table(&self) -> Option<Given> {
        // Any value of JSON is one that can be given.
        self.json()
            .and_then(|table| Given::deserialize(Value::Object(table)).ok())
    }

    /// The file that it was found in.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Where it was found.
    pub fn origin(&self) -> Origin {
        Origin::File {
            file: self.file.clone().into(),
            line: self.line,
        }
    }

    /// A line for each remark, with its place.
    pub fn remarks(&self) -> Vec<String> {
        let (kind, name) = (self.kind, &self.name);
        let notes = self.notes().into_iter();
        notes
            .map(|(line, text)| format!("{}:{line}: {kind} {name}: {text}", self.file))
            .collect()
    }

    /// The same without the item, each with its line.
    pub fn notes(&self) -> Vec<(usize, String)> {
        let notes = self.lines.iter().filter_map(|it| match it {
            Line::Pair { .. } => None,
            Line::Note { line, text } => Some((*line, text.clone())),
        });
        let off = match self.kind {
            ItemKind::Policy => "switched off: it would have another meaning here".to_owned(),
            ItemKind::Network => "left out: it would have another meaning here".to_owned(),
        };
        let off = self.disabled.then_some((self.line, off));
        notes.chain(off).collect()
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Value::from(self.name.clone());
        f.write_str(&comment(&format!("From {}:{}", self.file, self.line)))?;
        // A network has no key that switches it off.
        let out = match (self.disabled, self.kind) {
            (true, ItemKind::Network) => "# ",
            _ => "",
        };
        if !out.is_empty() {
            writeln!(f, "# Left out: it would have another meaning here.")?;
        }
        writeln!(f, "{out}[[{}]]", self.kind)?;
        writeln!(f, "{out}name = {}", toml_of(&name).unwrap_or_default())?;
        if self.disabled && out.is_empty() {
            writeln!(f, "# Switched off: it would have another meaning here.")?;
            writeln!(f, "enabled = false")?;
        }
        for line in &self.lines {
            match line {
                Line::Pair { key, written, .. } => {
                    for line in format!("{key} = {written}").lines() {
                        writeln!(f, "{out}{line}")?;
                    }
                }
                Line::Note { text, .. } => f.write_str(&comment(text))?,
            }
        }
        Ok(())
    }
}

/// Whatever it quotes, a comment ends with its line.
pub fn comment(text: &str) -> String {
    format!("# {}\n", text.replace(|c: char| c.is_control(), " "))
}

/// A key with dots stands in tables of its own.
fn put(table: &mut Map<String, Value>, key: &str, value: &Value) {
    let Some((outer, inner)) = key.split_once('.') else {
        table.insert(key.to_owned(), value.clone());
        return;
    };
    let there = table.entry(outer).or_insert_with(|| Map::new().into());
    if let Value::Object(there) = there {
        put(there, inner, value);
    }
}

/// `None` where it holds a null, which TOML has not.
pub fn toml_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(toml_of).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
                let key = match !key.is_empty() && key.chars().all(plain) {
                    true => key.clone(),
                    false => toml::Value::String(key.clone()).to_string(),
                };
                Some(format!("{key} = {}", toml_of(value)?))
            });
            let entries: Option<Vec<_>> = entries.collect();
            match entries?.join(", ") {
                none if none.is_empty() => "{}".to_owned(),
                entries => format!("{{ {entries} }}"),
            }
        }
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    })
}
