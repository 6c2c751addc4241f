//! What another program wrote, as a tree that knows its lines.

use serde_json::{Map, Number, Value};

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    /// Counted from 1; 0 where it has none.
    pub line: usize,
    /// What it is.
    pub value: Content,
}

/// What a value is.
#[derive(Debug, Clone)]
pub enum Content {
    /// Nothing.
    Null,
    /// On or off.
    Boolean {
        /// What it is.
        value: bool,
        /// As it is written.
        written: String,
    },
    /// A number.
    Number {
        /// What it is.
        value: Number,
        /// As it is written.
        written: String,
    },
    /// A text.
    Text(String),
    /// Any number of values.
    List(Vec<Node>),
    /// A key may stand in it more than once.
    Table(Vec<(String, Node)>),
}

impl Node {
    /// Also of a number or a boolean without quotation marks, as it is written.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Content::Text(text) => Some(text.clone()),
            Content::Number { written, .. } | Content::Boolean { written, .. } => {
                Some(written.clone())
            }
            Content::Null | Content::List(_) | Content::Table(_) => None,
        }
    }

    /// Whether it is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self.value, Content::Null)
    }

    /// For Go, which reads it as if it were not there.
    pub fn is_empty(&self) -> bool {
        match &self.value {
            Content::Null => true,
            Content::Text(text) => text.is_empty(),
            Content::List(items) => items.is_empty(),
            Content::Table(entries) => entries.is_empty(),
            Content::Boolean { .. } | Content::Number { .. } => false,
        }
    }

    /// The same without places.
    pub fn json(&self) -> Value {
        match &self.value {
            Content::Null => Value::Null,
            Content::Boolean { value, .. } => Value::Bool(*value),
            Content::Number { value, .. } => Value::Number(value.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Content::Table(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.clone(), node.json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}

/// What a program says by itself has no lines.
impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        let value = match value {
            Value::Null => Content::Null,
            Value::Bool(value) => Content::Boolean {
                value: *value,
                written: value.to_string(),
            },
            Value::Number(value) => Content::Number {
                value: value.clone(),
                written: value.to_string(),
            },
            Value::String(text) => Content::Text(text.clone()),
            Value::Array(items) => Content::List(items.iter().map(Self::from).collect()),
            Value::Object(entries) => {
                let entries = entries.iter();
                let entries = entries.map(|(key, value)| (key.clone(), Self::from(value)));
                Content::Table(entries.collect())
            }
        };
        Self { line: 0, value }
    }
}
