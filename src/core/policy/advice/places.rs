//! Where each policy stands, for messages.

use crate::model::PolicyName;
use crate::policy::diagnostic::{Diagnostic, SourceText};
use crate::policy::file::{self, ItemSpans};
use crate::policy::loaded::Loaded;
use crate::policy::reader::Span;
use crate::policy::{NodeMatch, Origin, Policy};
use std::collections::BTreeMap;
use std::path::Path;

/// Where each policy stands, for messages.
pub(super) struct Places<'l> {
    texts: BTreeMap<&'l Path, SourceText<'l>>,
    policies: BTreeMap<PolicyName, ItemSpans>,
}

impl<'l> Places<'l> {
    pub(super) fn of(loaded: &'l Loaded) -> Self {
        let mut places = Self {
            texts: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        for (path, text) in &loaded.last_good.texts {
            places.texts.insert(path, SourceText::new(text));
            if let Ok(content) = file::parse(path, text) {
                let names = content.policies.into_iter().map(|policy| policy.name);
                places.policies.extend(names.zip(content.policy_spans));
            }
        }
        places
    }

    pub(super) fn warning(
        &self,
        policy: &Policy,
        key: impl Fn(&ItemSpans) -> &Span,
        message: String,
        why: String,
    ) -> Diagnostic {
        let file = match &policy.origin {
            Origin::File { file, .. } => file.clone(),
            origin @ Origin::Source { .. } => origin.to_string().into(),
        };
        let diagnostic = Diagnostic::warning(&file, message).suggesting(why);
        let text = self.texts.get(file.as_path());
        match (text, self.policies.get(&policy.name)) {
            (Some(text), Some(spans)) => diagnostic.at(&text.excerpt(key(spans))),
            _ => diagnostic,
        }
    }
}

/// Whether both may hold on one node.
pub(super) fn meet(one: &Policy, other: &Policy) -> bool {
    let everywhere = NodeMatch::default();
    one.node == other.node || [&one.node, &other.node].contains(&&everywhere)
}
