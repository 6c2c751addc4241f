//! A value of a document, with its line.

use serde_json::{Map, Number, Value};

/// Lines count from 1.
#[derive(Debug, Clone)]
pub(in crate::import) struct Node {
    pub(in crate::import) line: usize,
    pub(in crate::import) value: Content,
}

pub(in crate::import) type Document = Node;

#[derive(Debug, Clone)]
pub(in crate::import) enum Content {
    Null,
    Boolean {
        value: bool,
        written: String,
    },
    Number {
        value: Number,
        written: String,
    },
    Text(String),
    List(Vec<Node>),
    /// A key may stand in it more than once.
    Table(Vec<(String, Node)>),
}

/// Lists and tables in one another. Whatever reads them goes down into them, on its stack.
pub(super) const DEEPEST: usize = 64;

impl Node {
    /// Also of a number or a boolean without quotation marks, as it is written.
    pub(in crate::import) fn text(&self) -> Option<String> {
        match &self.value {
            Content::Text(text) => Some(text.clone()),
            Content::Number { written, .. } | Content::Boolean { written, .. } => {
                Some(written.clone())
            }
            Content::Null | Content::List(_) | Content::Table(_) => None,
        }
    }

    pub(in crate::import) fn is_null(&self) -> bool {
        matches!(self.value, Content::Null)
    }

    /// For Go, which reads it as if it were not there.
    pub(in crate::import) fn is_empty(&self) -> bool {
        match &self.value {
            Content::Null => true,
            Content::Text(text) => text.is_empty(),
            Content::List(items) => items.is_empty(),
            Content::Table(entries) => entries.is_empty(),
            Content::Boolean { .. } | Content::Number { .. } => false,
        }
    }

    pub(in crate::import) fn json(&self) -> Value {
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
