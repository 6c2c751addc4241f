//! YAML, of which JSON is a part, as a tree that knows its lines.

use anyhow::anyhow;
use saphyr::{LoadableYamlNode, MarkedYaml, Marker, Scalar, YamlData};
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Lines count from 1.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Content,
}

pub(super) type Document = Node;

#[derive(Debug, Clone)]
pub(super) enum Content {
    Null,
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// Lists and tables in one another. Whatever reads them goes down into them, on its stack.
const DEEPEST: usize = 64;

/// All documents of a text, but empty ones.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Document>> {
    check_depth(text)?;
    let documents =
        MarkedYaml::load_from_str(text).map_err(|error| at(*error.marker(), error.info()))?;
    let nodes = documents.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let empty = |node: &Node| matches!(node.value, Content::Null);
    Ok(nodes.into_iter().filter(|node| !empty(node)).collect())
}

fn at(place: Marker, what: impl Display) -> anyhow::Error {
    let (line, column) = (place.line(), place.col() + 1);
    anyhow!("line {line}, column {column}: {what}")
}

/// An alias stands for all that its anchor has.
fn check_depth(text: &str) -> anyhow::Result<()> {
    let mut heights = BTreeMap::new();
    // Anchor, and what is the deepest in it so far.
    let mut open: Vec<(usize, usize)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, place) = event.map_err(|error| at(*error.marker(), error.info()))?;
        let height = match event {
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                open.push((anchor, 0));
                0
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (anchor, height) = open.pop().unwrap_or_default();
                heights.insert(anchor, height + 1);
                height + 1
            }
            Event::Alias(anchor) => heights.get(&anchor).copied().unwrap_or_default(),
            _ => 0,
        };
        if open.len() + height > DEEPEST {
            let what = format!("more than {DEEPEST} lists or tables in one another");
            return Err(at(place.start, what));
        }
        if let Some((_, deepest)) = open.last_mut() {
            *deepest = height.max(*deepest);
        }
    }
    Ok(())
}

fn node(yaml: &MarkedYaml<'_>) -> anyhow::Result<Node> {
    let line = yaml.span.start.line();
    let value = match &yaml.data {
        YamlData::Value(scalar) => match scalar {
            Scalar::Null => Content::Null,
            Scalar::Boolean(value) => Content::Boolean(*value),
            Scalar::Integer(value) => Content::Integer(*value),
            Scalar::FloatingPoint(value) => Content::Float(**value),
            Scalar::String(text) => Content::Text(text.to_string()),
        },
        YamlData::Sequence(items) => {
            Content::List(items.iter().map(node).collect::<Result<_, _>>()?)
        }
        YamlData::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let key = self::node(key)?.text();
                let key = key.ok_or_else(|| anyhow!("line {line}: a key that is no text"))?;
                Ok((key, node(value)?))
            });
            Content::Table(entries.collect::<anyhow::Result<_>>()?)
        }
        YamlData::Tagged(_, inner) => return node(inner),
        YamlData::Representation(text, ..) => Content::Text(text.to_string()),
        YamlData::Alias(_) | YamlData::BadValue => {
            return Err(anyhow!("line {line}: this value cannot be read"));
        }
    };
    Ok(Node { line, value })
}

impl Node {
    /// Also of a number or a boolean that somebody forgot to quote.
    pub(super) fn text(&self) -> Option<String> {
        match &self.value {
            Content::Text(text) => Some(text.clone()),
            Content::Integer(number) => Some(number.to_string()),
            Content::Boolean(value) => Some(value.to_string()),
            Content::Null | Content::Float(_) | Content::List(_) | Content::Table(_) => None,
        }
    }

    pub(super) fn json(&self) -> Value {
        match &self.value {
            Content::Null => Value::Null,
            Content::Boolean(value) => Value::Bool(*value),
            Content::Integer(number) => Value::Number((*number).into()),
            Content::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::json).collect()),
            Content::Table(entries) => {
                let entries = entries.iter().map(|(key, node)| (key.clone(), node.json()));
                Value::Object(entries.collect::<Map<_, _>>())
            }
        }
    }
}
