//! JSON, with the line of each value, and keys as often as they are given.

use anyhow::anyhow;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sriovd_core::policy::foreign::node::{Content, Node};
use std::fmt;

/// Lists and tables in one another. Whatever reads them goes down into them, on its stack.
pub(super) const DEEPEST: usize = 64;

/// All values of a text, one behind the other; `None` where it is not JSON.
pub(super) fn documents(text: &str) -> Option<anyhow::Result<Vec<Node>>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    let values: Vec<_> = values.collect::<Result<_, _>>().ok()?;
    let mut lines = Lines {
        text,
        line: 1,
        at: 0,
    };
    let nodes = values.into_iter().map(|value| node(value, 1, &mut lines));
    match nodes.collect() {
        Ok(nodes) => Some(Ok(nodes)),
        Err(Unreadable::TooDeep { line }) => {
            let what = format!("line {line}: more than {DEEPEST} lists or tables in one another");
            Some(Err(anyhow!(what)))
        }
        Err(Unreadable::NoJson) => None,
    }
}

enum Unreadable {
    TooDeep {
        line: usize,
    },
    /// A value that only looked like JSON: half of a surrogate, a number out of range.
    NoJson,
}

impl From<serde_json::Error> for Unreadable {
    fn from(_: serde_json::Error) -> Self {
        Self::NoJson
    }
}

/// Values are read in their order, so each line is counted once.
struct Lines<'t> {
    text: &'t str,
    line: usize,
    at: usize,
}

impl Lines<'_> {
    fn of(&mut self, value: &RawValue) -> usize {
        // A raw value is a part of the text that it was read from.
        let start = value.get().as_ptr().addr();
        let at = start.saturating_sub(self.text.as_ptr().addr());
        let between = self.text.as_bytes().get(self.at..at).unwrap_or_default();
        self.line += between.iter().filter(|&&byte| byte == b'\n').count();
        self.at = self.at.max(at);
        self.line
    }
}

fn node(value: &RawValue, depth: usize, lines: &mut Lines<'_>) -> Result<Node, Unreadable> {
    let line = lines.of(value);
    let text = value.get();
    let is_nested = text.starts_with(['{', '[']);
    if is_nested && depth > DEEPEST {
        return Err(Unreadable::TooDeep { line });
    }
    let value = match text.as_bytes().first() {
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(text)?;
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| Ok((key, node(value, depth + 1, lines)?)));
            Content::Table(entries.collect::<Result<_, Unreadable>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(text)?;
            let items = items.into_iter().map(|item| node(item, depth + 1, lines));
            Content::List(items.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Content::Text(serde_json::from_str(text)?),
        Some(b't' | b'f') => Content::Boolean {
            value: serde_json::from_str(text)?,
            written: text.to_owned(),
        },
        Some(b'n') => Content::Null,
        _ => Content::Number {
            value: serde_json::from_str(text)?,
            written: text.to_owned(),
        },
    };
    Ok(Node { line, value })
}

/// Of an object.
struct Entries<'t>(Vec<(String, &'t RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}
