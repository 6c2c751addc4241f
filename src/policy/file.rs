//! One policy file: from text to policies and networks, or to everything that is wrong with it.

mod network;
mod pf_match;
mod policy;
mod settings;
mod value;

use super::diagnostic::Diagnostic;
use super::reader::{Reader, Span, Table, value::integer};
use super::{Network, Origin, Policy};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file says, in its order. Names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileContent {
    pub policies: Vec<Policy>,
    pub networks: Vec<Network>,
    pub warnings: Vec<Diagnostic>,
    /// Where each policy and network stands, for what turns out wrong only beside other files.
    pub(super) policy_spans: Vec<ItemSpans>,
    pub(super) network_spans: Vec<ItemSpans>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ItemSpans {
    pub(super) name: Span,
    pub(super) resource: Span,
    pub(super) resource_prefix: Span,
    pub(super) exclude_topology: Span,
    pub(super) num_vfs: Span,
    pub(super) vfs: Span,
}

/// The path is for messages only. Errors and warnings are in the order of the text.
pub fn parse(path: &Path, text: &str) -> Result<FileContent, Vec<Diagnostic>> {
    let reader = Reader::new(path, text);
    let content = reader.document(content);
    let found = reader.finish();
    match content {
        Some(content) if !found.iter().any(Diagnostic::is_error) => Ok(FileContent {
            warnings: found,
            ..content
        }),
        _ => Err(found),
    }
}

/// What `parse` takes, as JSON Schema.
pub fn schema() -> Value {
    Reader::new(Path::new(""), "").describe(content)
}

fn content(file: &mut Table<'_>) -> FileContent {
    file.value("version", |value| {
        integer::<i64>(value, 1..=1, "1, the only version there is")
    });
    let policies = file.each("policy", "this policy", |table| {
        Some((policy::read(table)?, item_spans(table)))
    });
    let networks = file.each("network", "this network", |table| {
        Some((network::read(table)?, item_spans(table)))
    });
    let (policies, policy_spans) = policies.into_iter().flatten().unzip();
    let (networks, network_spans) = networks.into_iter().flatten().unzip();
    let content = FileContent {
        policies,
        networks,
        warnings: Vec::new(),
        policy_spans,
        network_spans,
    };
    let policies = content.policies.iter().map(|policy| policy.name.as_str());
    report_twins(file, "policy", policies.zip(&content.policy_spans));
    let networks = content.networks.iter().map(|network| network.name.as_str());
    report_twins(file, "network", networks.zip(&content.network_spans));
    content
}

fn item_spans(table: &Table<'_>) -> ItemSpans {
    ItemSpans {
        name: table.span_of("name"),
        resource: table.span_of("resource"),
        resource_prefix: table.span_of("resource_prefix"),
        exclude_topology: table.span_of("exclude_topology"),
        num_vfs: table.span_of("num_vfs"),
        vfs: table.span_of("vfs"),
    }
}

fn report_twins<'a>(
    file: &Table<'_>,
    kind: &str,
    items: impl Iterator<Item = (&'a str, &'a ItemSpans)>,
) {
    let mut lines = BTreeMap::new();
    for (name, spans) in items {
        let line = file.reader.line_number(&spans.name);
        if let Some(first) = lines.insert(name, line) {
            let message = format!("a {kind} named \"{name}\" is already on line {first}");
            file.reader.error(&spans.name, message);
        }
    }
}

fn origin(table: &Table<'_>) -> Origin {
    Origin::File {
        file: table.reader.file().to_owned(),
        line: table.reader.line_number(&table.span),
    }
}

#[cfg(test)]
mod tests;
