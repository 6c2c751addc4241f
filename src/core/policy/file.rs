//! One policy file: from TOML to policies and networks, or to everything that is wrong with it.

use super::check::{Judged, Read, check};
use super::diagnostic::Diagnostic;
use super::draft::{Draft, PolicyDraft};
use super::reader::{Document, EntryPart, KeyPath, Span, schema_of};
use super::{Network, Origin, Policy};
use crate::model::VfIndex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// What a file says, in its order. Names are unique.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileContent {
    /// Its policies.
    pub policies: Vec<Policy>,
    /// Its networks.
    pub networks: Vec<Network>,
    /// What is allowed, and most likely not meant.
    pub warnings: Vec<Diagnostic>,
    /// Where each policy stands, for what turns out wrong only beside other files.
    pub policy_spans: Vec<ItemSpans>,
    /// Where each network stands.
    pub network_spans: Vec<ItemSpans>,
}

/// Where the keys of an item stand; of one that is not given, the item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemSpans {
    /// Of `name`.
    pub name: Span,
    /// Of `resource`.
    pub resource: Span,
    /// Of `resource_prefix`.
    pub resource_prefix: Span,
    /// Of `exclude_topology`.
    pub exclude_topology: Span,
    /// Of `num_vfs`.
    pub num_vfs: Span,
    /// Of `vfs`.
    pub vfs: Span,
    /// The addresses of single VFs.
    pub macs: BTreeMap<VfIndex, Span>,
}

impl ItemSpans {
    fn of(document: &Document<'_>, kind: &str, index: usize) -> Self {
        let item = KeyPath::default().then(kind).then(index);
        let span = |key: &str| document.span(&item.then(key), EntryPart::Value);
        Self {
            name: span("name"),
            resource: span("resource"),
            resource_prefix: span("resource_prefix"),
            exclude_topology: span("exclude_topology"),
            num_vfs: span("num_vfs"),
            vfs: span("vfs"),
            macs: BTreeMap::new(),
        }
    }

    /// Of a policy with the single VFs of this draft.
    fn of_policy(document: &Document<'_>, index: usize, draft: &PolicyDraft) -> Self {
        let item = KeyPath::default().then("policy").then(index);
        let vfs = draft.vf.get().into_iter().flatten();
        let macs = vfs.filter_map(|(at, vf)| {
            let mac = item.then("vf").then(*at).then("mac");
            Some((vf.index.cloned()?, document.span(&mac, EntryPart::Value)))
        });
        Self {
            macs: macs.collect(),
            ..Self::of(document, "policy", index)
        }
    }
}

/// The path is for messages only. Errors and warnings are in the order of the text.
pub fn parse(path: &Path, text: &str) -> Result<FileContent, Vec<Diagnostic>> {
    let document = Document::parse(path, text)?;
    let (draft, faults) = document.read::<Draft>();
    let origin = |item: &KeyPath| Origin::File {
        file: path.to_owned(),
        line: document.line_number(item),
    };
    let drafts = draft.policy.get().into_iter().flatten();
    let policy_spans = drafts.map(|(index, it)| ItemSpans::of_policy(&document, *index, it));
    let policy_spans = policy_spans.collect();
    let content = check(Read { draft, faults }, origin);
    let content = content.map_err(|faults| document.diagnostics(faults))?;
    let Judged {
        policies,
        networks,
        warnings,
    } = content;
    // Of a file without errors every item is there.
    let networks_in_order = 0..networks.len();
    let network_spans = networks_in_order.map(|index| ItemSpans::of(&document, "network", index));
    Ok(FileContent {
        policy_spans,
        network_spans: network_spans.collect(),
        policies,
        networks,
        warnings: document.diagnostics(warnings),
    })
}

/// What `parse` takes, as JSON Schema.
pub fn schema() -> Value {
    schema_of::<Draft>()
}

#[cfg(test)]
mod tests;
