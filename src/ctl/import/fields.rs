//! A table of somebody else while it is read: what nobody asked for is left over, and told.

use super::document::{Content, Node};
use anyhow::{anyhow, bail};
use std::collections::BTreeSet;

pub(super) struct Fields<'n> {
    file: &'n str,
    /// In front of its keys, such as `spec.`.
    prefix: String,
    pub(super) line: usize,
    entries: &'n [(String, Node)],
    taken: BTreeSet<usize>,
}

impl<'n> Fields<'n> {
    pub(super) fn of(node: &'n Node, file: &'n str) -> anyhow::Result<Self> {
        Self::within(node, file, String::new())
            .ok_or_else(|| anyhow!("{file}:{}: this is not an object", node.line))
    }

    fn within(node: &'n Node, file: &'n str, prefix: String) -> Option<Self> {
        let Content::Table(entries) = &node.value else {
            return None;
        };
        Some(Self {
            file,
            prefix,
            line: node.line,
            entries,
            taken: BTreeSet::new(),
        })
    }

    pub(super) fn file(&self) -> &'n str {
        self.file
    }

    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Go reads keys whatever their case. What is null is not there.
    fn find(&self, key: &str) -> Option<(usize, &'n Node)> {
        let is = |(_, (name, _)): &(usize, &(String, Node))| name.eq_ignore_ascii_case(key);
        let (at, (_, node)) = self.entries.iter().enumerate().find(is)?;
        (!matches!(node.value, Content::Null)).then_some((at, node))
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn node(&mut self, key: &str) -> Option<&'n Node> {
        let (at, node) = self.find(key)?;
        self.taken.insert(at);
        Some(node)
    }

    /// Left over where it is no text.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        let (at, node) = self.find(key)?;
        let text = node.text()?;
        self.taken.insert(at);
        Some(text)
    }

    pub(super) fn required(&mut self, key: &str) -> anyhow::Result<String> {
        let (line, path) = (self.line, self.path(key));
        match self.text(key).filter(|text| !text.is_empty()) {
            Some(text) => Ok(text),
            None => bail!("{}:{line}: this has no {path:?}", self.file),
        }
    }

    pub(super) fn integer(&mut self, key: &str) -> Option<i64> {
        let (at, node) = self.find(key)?;
        let number = match &node.value {
            Content::Integer(number) => *number,
            Content::Text(text) => text.parse().ok()?,
            _ => return None,
        };
        self.taken.insert(at);
        Some(number)
    }

    pub(super) fn boolean(&mut self, key: &str) -> Option<bool> {
        let (at, node) = self.find(key)?;
        let Content::Boolean(value) = node.value else {
            return None;
        };
        self.taken.insert(at);
        Some(value)
    }

    /// One text counts as a list of it.
    pub(super) fn list(&mut self, key: &str) -> Vec<&'n Node> {
        match self.node(key) {
            Some(node) => match &node.value {
                Content::List(items) => items.iter().collect(),
                _ => vec![node],
            },
            None => Vec::new(),
        }
    }

    pub(super) fn strings(&mut self, key: &str) -> Vec<String> {
        let items = self.list(key).into_iter();
        items.filter_map(Node::text).collect()
    }

    pub(super) fn table(&mut self, key: &str) -> Option<Fields<'n>> {
        let (at, node) = self.find(key)?;
        let prefix = format!("{}{key}.", self.prefix);
        let fields = Self::within(node, self.file, prefix)?;
        self.taken.insert(at);
        Some(fields)
    }

    /// All entries, each of which is a text.
    pub(super) fn texts(&mut self) -> Vec<(String, &'n Node)> {
        let all = self.entries.iter().enumerate();
        let texts = all.filter(|(_, (_, node))| node.text().is_some());
        let texts: Vec<_> = texts.collect();
        self.taken.extend(texts.iter().map(|(at, _)| *at));
        let texts = texts.into_iter();
        texts.map(|(_, (key, node))| (key.clone(), node)).collect()
    }

    /// What nobody asked for, with its value.
    pub(super) fn left_over(&self) -> Vec<(String, &'n Node)> {
        let all = self.entries.iter().enumerate();
        let left = all.filter(|(at, (_, node))| {
            !self.taken.contains(at) && !matches!(node.value, Content::Null)
        });
        left.map(|(_, (key, node))| (self.path(key), node))
            .collect()
    }

    pub(super) fn left(&self) -> Vec<String> {
        let left = self.left_over().into_iter();
        left.map(|(path, node)| {
            format!(
                "{}:{}: {path} has no counterpart here",
                self.file, node.line
            )
        })
        .collect()
    }
}
