//! What was posted: the items of one source, which is all there is to remember. Pure.
#![deny(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros
)]

use super::refusal::Refusal;
use serde_json::{Value, json};
use sriovd_core::policy::source::{ItemKind, ItemState, SourceReport};
use tonic::Code;

/// What it is to those who ask for it.
pub(super) fn noun(kind: ItemKind) -> &'static str {
    match kind {
        ItemKind::Policy => "resource",
        ItemKind::Network => "network attachment",
    }
}

/// Of two resources for one PF the later one holds.
#[derive(Debug, Clone, Default)]
pub(super) struct Posted {
    policies: Vec<Value>,
    networks: Vec<Value>,
}

impl Posted {
    /// An error where the agent cannot read what it keeps: it is there all the same.
    pub(super) fn of(report: SourceReport) -> Result<Self, Refusal> {
        if let Some(fault) = report.faults.iter().find(|fault| fault.is_error()) {
            let message = format!("what was posted before cannot be read: {fault}");
            return Err(Refusal::new(Code::Internal, message));
        }
        let mut posted = Self::default();
        for item in report.items {
            posted.of_mut(item.kind).extend(item.wanted);
        }
        Ok(posted)
    }

    fn of_mut(&mut self, kind: ItemKind) -> &mut Vec<Value> {
        match kind {
            ItemKind::Policy => &mut self.policies,
            ItemKind::Network => &mut self.networks,
        }
    }

    /// In order of name.
    pub(super) fn all(&self, kind: ItemKind) -> Vec<&Value> {
        let items = match kind {
            ItemKind::Policy => &self.policies,
            ItemKind::Network => &self.networks,
        };
        let mut items: Vec<_> = items.iter().collect();
        items.sort_by_key(|item| name(item));
        items
    }

    pub(super) fn find(&self, kind: ItemKind, wanted: &str) -> Result<&Value, Refusal> {
        let items = self.all(kind);
        let found = items.into_iter().find(|item| name(item) == wanted);
        found.ok_or_else(|| not_found(noun(kind), wanted))
    }

    /// With one more, the last.
    pub(super) fn with(&self, kind: ItemKind, item: Value) -> Self {
        let mut posted = self.clone();
        posted.of_mut(kind).push(item);
        posted
    }

    /// An error where it is not there.
    pub(super) fn without(&self, kind: ItemKind, removed: &str) -> Result<Self, Refusal> {
        self.find(kind, removed)?;
        let mut posted = self.clone();
        posted.of_mut(kind).retain(|item| name(item) != removed);
        Ok(posted)
    }

    /// As the agent takes it.
    pub(super) fn document(&self) -> Value {
        json!({"policy": self.policies, "network": self.networks})
    }
}

fn name(item: &Value) -> &str {
    item["name"].as_str().unwrap_or_default()
}

/// Why an item of this name is not in force as it was put, where it is not.
pub(super) fn is_in_force(report: &SourceReport, kind: ItemKind, name: &str) -> Result<(), String> {
    let mut items = report.items.iter();
    let item = items.find(|item| item.kind == kind && item.name.as_deref() == Some(name));
    match item {
        None => Err("it is not there".to_owned()),
        Some(item) if item.state == ItemState::InForce => Ok(()),
        Some(item) => {
            let faults: Vec<_> = item.faults.iter().map(ToString::to_string).collect();
            Err(faults.join("; "))
        }
    }
}

pub(super) fn not_found(what: &str, name: &str) -> Refusal {
    Refusal::new(Code::NotFound, format!("{what} id={name} not found"))
}
