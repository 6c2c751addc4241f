//! One table while it is read.

use super::shape::{self, Shape, probe};
use super::{Expected, Fault, Reader, Span, nearest};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(crate) struct Table<'r> {
    pub(crate) reader: &'r Reader<'r>,
    pub(super) entries: &'r DeTable<'r>,
    /// As messages name it: "this policy".
    pub(super) what: &'static str,
    /// Its header, or the value that it is.
    pub(crate) span: Span,
    pub(super) asked: Vec<&'static str>,
    /// What the table around it knows: keys land in the wrong one if written below its header.
    pub(super) outer: &'r [&'static str],
    /// Where nothing is read, only told what would be.
    pub(super) shape: Option<Shape>,
}

impl<'r> Table<'r> {
    pub(super) fn read_through<T>(
        reader: &'r Reader<'_>,
        entries: &'r DeTable<'_>,
        what: &'static str,
        span: Span,
        outer: &'r [&'static str],
        read: impl FnOnce(&mut Table<'_>) -> T,
    ) -> T {
        let mut table = Table {
            reader,
            entries,
            what,
            span,
            asked: Vec::new(),
            outer,
            shape: None,
        };
        let result = read(&mut table);
        table.report_unknown_keys();
        result
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where the key's value is, or the table where there is no such key.
    pub(crate) fn span_of(&self, key: &str) -> Span {
        self.entries
            .get(key)
            .map_or(self.span.clone(), Spanned::span)
    }

    pub(crate) fn error(&self, key: &str, fault: impl Into<Fault>) {
        self.reader.error(&self.span_of(key), fault);
    }

    pub(crate) fn warning(&self, key: &str, fault: impl Into<Fault>) {
        self.reader.warning(&self.span_of(key), fault);
    }

    pub(crate) fn missing(&self, key: &str, expected: &str) {
        let fault = Fault::new(format!("{} has no \"{key}\"", self.what)).expecting(expected);
        self.reader.error(&self.span, fault);
    }

    pub(crate) fn raw(&mut self, key: &'static str) -> Option<&'r Spanned<DeValue<'r>>> {
        self.asked.push(key);
        self.entries.get(key)
    }

    /// `None` where the key is not there, or its value is bad, which is then reported.
    pub(crate) fn value<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Option<T> {
        self.tell(key, || probe(&read));
        let value = self.raw(key)?;
        self.checked(key, value, &read)
    }

    pub(super) fn tell(&mut self, key: &'static str, schema: impl FnOnce() -> Value) {
        if let Some(shape) = &mut self.shape {
            shape.may_be(key, schema());
        }
    }

    pub(crate) fn required<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Option<T> {
        if let Some(shape) = &mut self.shape {
            shape.require(key);
        }
        if !self.has(key) {
            // No single value is a list: so it says what it wants instead.
            let expected = read(&DeValue::Array(Default::default())).err();
            let expected = expected.map(|expected| expected.phrase);
            self.missing(key, &expected.unwrap_or_default());
        }
        self.value(key, read)
    }

    /// One value or a list of values; an empty list is an error.
    pub(crate) fn one_or_more<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Vec<T> {
        self.tell(key, || {
            let one = probe(&read);
            json!({"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]})
        });
        let Some(value) = self.raw(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) if items.is_empty() => {
                let fault = Fault::new(format!("\"{key}\" is an empty list"))
                    .suggesting("leave the key out, or name at least one");
                self.error(key, fault);
                Vec::new()
            }
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| self.checked(key, item, &read))
                .collect(),
            _ => self.checked(key, value, &read).into_iter().collect(),
        }
    }

    fn checked<T>(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: &impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> Option<T> {
        let expected = match read(value.get_ref()) {
            Ok(read) => return Some(read),
            Err(expected) => expected,
        };
        let mut fault = Fault::new(format!(
            "bad value for \"{key}\": {}",
            shown(value.get_ref())
        ));
        let accepts = |other: &DeValue<'_>| read(other).is_ok();
        fault.suggestion = suggestion(value.get_ref(), &expected, accepts);
        fault.expected = Some(expected.phrase.into_owned());
        self.reader.error(&value.span(), fault);
        None
    }

    /// A table within this one.
    pub(crate) fn within<T>(
        &mut self,
        key: &'static str,
        what: &'static str,
        read: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        if let Some(shape) = &mut self.shape {
            shape.may_be(key, shape::describe(self.reader, what, read));
            return None;
        }
        let value = self.raw(key)?;
        match value.get_ref() {
            DeValue::Table(entries) => Some(Table::read_through(
                self.reader,
                entries,
                what,
                value.span(),
                &self.asked,
                read,
            )),
            other => {
                self.bad(key, value.span(), other, "a table");
                None
            }
        }
    }

    /// A list of tables within this one.
    pub(crate) fn each<T>(
        &mut self,
        key: &'static str,
        what: &'static str,
        mut read: impl FnMut(&mut Table<'_>) -> T,
    ) -> Vec<T> {
        if let Some(shape) = &mut self.shape {
            let items = shape::describe(self.reader, what, read);
            shape.may_be(key, json!({"type": "array", "items": items}));
            return Vec::new();
        }
        let Some(value) = self.raw(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.bad(key, value.span(), value.get_ref(), "a list of tables");
            return Vec::new();
        };
        let mut all = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(entries) => all.push(Table::read_through(
                    self.reader,
                    entries,
                    what,
                    item.span(),
                    &self.asked,
                    &mut read,
                )),
                other => self.bad(key, item.span(), other, "a table"),
            }
        }
        all
    }

    /// A table whose keys are the user's own.
    pub(crate) fn map<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&DeValue<'_>) -> Result<T, Expected>,
    ) -> BTreeMap<String, T> {
        self.tell(
            key,
            || json!({"type": "object", "additionalProperties": probe(&read)}),
        );
        let Some(value) = self.raw(key) else {
            return BTreeMap::new();
        };
        let DeValue::Table(entries) = value.get_ref() else {
            self.bad(key, value.span(), value.get_ref(), "a table");
            return BTreeMap::new();
        };
        let entries = entries.iter().filter_map(|(name, value)| {
            let content = self.checked(name.get_ref(), value, &read)?;
            Some((name.get_ref().to_string(), content))
        });
        entries.collect()
    }

    /// The text, where the key's value is one.
    pub(crate) fn text_of(&mut self, key: &'static str) -> Option<&'r str> {
        self.tell(key, || json!({"type": "string"}));
        self.raw(key)?.get_ref().as_str()
    }

    pub(super) fn bad(&self, key: &str, span: Span, value: &DeValue<'_>, expected: &str) {
        let message = format!("bad value for \"{key}\": {}", shown(value));
        let mut fault = Fault::new(message).expecting(expected);
        fault.suggestion = self.reader.header(&span).map(|header| match value {
            DeValue::Array(_) => format!("write {} with one bracket", &header[1..header.len() - 1]),
            _ => format!("write [{header}] with two brackets"),
        });
        self.reader.error(&span, fault);
    }

    fn report_unknown_keys(&self) {
        for key in self.entries.keys() {
            let name: &str = key.get_ref();
            if self.asked.contains(&name) {
                continue;
            }
            let fault = Fault::new(format!("unknown key {name:?} in {}", self.what))
                .expecting(format!("one of {}", self.asked.join(", ")));
            let fault = if self.outer.contains(&name) {
                fault.suggesting(format!(
                    "\"{name}\" must stand above the header of this table"
                ))
            } else if let Some(meant) = nearest(name, &self.asked) {
                fault.suggesting(format!("did you mean \"{meant}\"?"))
            } else {
                fault
            };
            self.reader.error(&key.span(), fault);
        }
    }
}

/// A value in a few words.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => {
            let start: String = text.chars().take(60).collect();
            let more = if start.len() < text.len() { "…" } else { "" };
            format!("{start:?}{more}")
        }
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// What was probably meant: another spelling of a word, or the value with or without quotation marks.
fn suggestion(
    value: &DeValue<'_>,
    expected: &Expected,
    accepts: impl Fn(&DeValue<'_>) -> bool,
) -> Option<String> {
    let DeValue::String(text) = value else {
        let quoted = shown(value);
        let accepted = accepts(&DeValue::String(quoted.as_str().into()));
        return accepted.then(|| format!("write \"{quoted}\" in quotation marks"));
    };
    if let Some(word) = nearest(text, &expected.words) {
        return Some(format!("did you mean \"{word}\"?"));
    }
    let plain = match text.as_ref() {
        "on" | "yes" => "true",
        "off" | "no" => "false",
        other => other,
    };
    let parsed = DeValue::parse(plain).ok()?;
    (!parsed.get_ref().is_str() && accepts(parsed.get_ref()))
        .then(|| format!("write {plain} without quotation marks"))
}
