//! YAML or JSON as a tree that knows its lines.

mod json;

use anyhow::anyhow;
use json::DEEPEST;
use saphyr::{MarkedYaml, Marker, Scalar, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser};
use serde_json::Number;
use sriovd_core::policy::foreign::node::{Content, Node};
use std::collections::BTreeMap;
use std::fmt::Display;

/// All documents of a text, but empty ones.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Node>> {
    // Parsers of YAML refuse some JSON: tabs, keys given twice, a text of two surrogates.
    if let Some(documents) = json::documents(text) {
        return documents;
    }
    check_depth(text)?;
    let mut loader = YamlLoader::<MarkedYaml<'_>>::default();
    // What is read as a number is not always written as one: 14e4 is a vendor.
    loader.early_parse(false);
    let loaded = Parser::new_from_str(text).load(&mut loader, true);
    loaded.map_err(|error| at(*error.marker(), error.info()))?;
    if let Some(error) = loader.error() {
        return Err(at(*error.marker(), error.info()));
    }
    let documents = loader.into_documents();
    let nodes = documents.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    Ok(nodes.into_iter().filter(|node| !node.is_null()).collect())
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
        YamlData::Representation(text, style, tag) => {
            let tag = tag.clone();
            let scalar = Scalar::parse_from_cow_and_metadata(text.clone(), *style, tag.as_ref());
            scalar_of(text, scalar.ok_or_else(|| unreadable(line))?)
        }
        YamlData::Value(scalar) => scalar_of("", scalar.clone()),
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
        YamlData::Alias(_) | YamlData::BadValue => return Err(unreadable(line)),
    };
    Ok(Node { line, value })
}

fn unreadable(line: usize) -> anyhow::Error {
    anyhow!("line {line}: this value cannot be read")
}

fn scalar_of(written: &str, scalar: Scalar<'_>) -> Content {
    let number = |value: Option<Number>| match value {
        Some(value) => Content::Number {
            value,
            written: written.to_owned(),
        },
        // JSON has no such number.
        None => Content::Text(written.to_owned()),
    };
    match scalar {
        Scalar::Null => Content::Null,
        Scalar::Boolean(value) => Content::Boolean {
            value,
            written: written.to_owned(),
        },
        Scalar::Integer(value) => number(Some(value.into())),
        Scalar::FloatingPoint(value) => {
            // Whole numbers up to 64 bits without sign stay what they are.
            number(
                written
                    .parse::<u64>()
                    .ok()
                    .map(Number::from)
                    .or_else(|| Number::from_f64(*value)),
            )
        }
        Scalar::String(text) => Content::Text(text.to_string()),
    }
}
