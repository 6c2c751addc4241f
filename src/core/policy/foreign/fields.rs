//! A table of somebody else while it is read: what nobody asked for is left over, and told.

use super::Unreadable;
use super::node::{Content, Node};
use std::collections::BTreeSet;

/// A table while it is read.
pub struct Fields<'n> {
    file: &'n str,
    /// In front of its keys, such as `spec.`.
    prefix: String,
    /// Where it is.
    pub line: usize,
    entries: &'n [(String, Node)],
    taken: BTreeSet<usize>,
    /// Asked for, and not of the kind that it should be.
    misread: BTreeSet<usize>,
}

/// What a table has and nobody could use.
pub struct LeftOver<'n> {
    /// With the keys of the tables around it.
    pub path: String,
    /// Its value.
    pub node: &'n Node,
    /// There is a place for it, and it could not be read.
    pub is_misread: bool,
}

/// Brings in another table, of which nothing is known here.
const MERGE_KEY: &str = "<<";

impl<'n> Fields<'n> {
    /// The table that a value is. `file` is for what is said of it.
    pub fn of(node: &'n Node, file: &'n str) -> Result<Self, Unreadable> {
        Self::within(node, file, String::new())
            .ok_or_else(|| Unreadable::new(file, node.line, "this is not an object"))
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
            misread: BTreeSet::new(),
        })
    }

    /// The file, for what is said of it.
    pub fn file(&self) -> &'n str {
        self.file
    }

    /// A key with the keys of the tables around it.
    pub fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Go reads keys whatever their case, and the last that is there. What is null is not there.
    fn find(&self, key: &str) -> Option<(usize, &'n Node)> {
        let is = |(_, (name, _)): &(usize, &(String, Node))| name.eq_ignore_ascii_case(key);
        let (at, (_, node)) = self.entries.iter().enumerate().rev().find(is)?;
        (!node.is_null()).then_some((at, node))
    }

    /// What is read of it, if that is the key's kind; empty texts, lists and tables are not there.
    fn read<T>(&mut self, key: &str, read: impl FnOnce(&'n Node) -> Option<T>) -> Option<T> {
        let (at, node) = self.find(key)?;
        let found = read(node);
        match found {
            Some(_) => self.taken.insert(at),
            None if node.is_empty() => false,
            None => self.misread.insert(at),
        };
        found
    }

    /// Whether it has a key, and something under it.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Any value.
    pub fn node(&mut self, key: &str) -> Option<&'n Node> {
        let (at, node) = self.find(key)?;
        self.taken.insert(at);
        Some(node)
    }

    /// A text, or a number or a boolean as it is written.
    pub fn text(&mut self, key: &str) -> Option<String> {
        self.read(key, Node::text)
    }

    /// A text that must be there.
    pub fn required(&mut self, key: &str) -> Result<String, Unreadable> {
        let (line, path) = (self.line, self.path(key));
        match self.text(key).filter(|text| !text.is_empty()) {
            Some(text) => Ok(text),
            None => {
                let what = format!("this has no {path:?}");
                Err(Unreadable::new(self.file, line, what))
            }
        }
    }

    /// A whole number, which may be in quotation marks.
    pub fn integer(&mut self, key: &str) -> Option<i64> {
        self.read(key, |node| match &node.value {
            Content::Number { value, .. } => value.as_i64(),
            Content::Text(text) => text.parse().ok(),
            _ => None,
        })
    }

    /// Whether it is on.
    pub fn boolean(&mut self, key: &str) -> Option<bool> {
        self.read(key, |node| match node.value {
            Content::Boolean { value, .. } => Some(value),
            _ => None,
        })
    }

    /// One text counts as a list of it.
    pub fn list(&mut self, key: &str) -> Vec<&'n Node> {
        match self.node(key) {
            Some(node) => match &node.value {
                Content::List(items) => items.iter().collect(),
                _ => vec![node],
            },
            None => Vec::new(),
        }
    }

    /// Those that are texts; where one is none, the list is left over too.
    pub fn strings(&mut self, key: &str) -> Vec<String> {
        let items = self.list(key);
        let texts: Vec<String> = items.iter().filter_map(|item| item.text()).collect();
        if texts.len() < items.len()
            && let Some((at, _)) = self.find(key)
        {
            self.misread(at);
        }
        texts
    }

    /// A table in it.
    pub fn table(&mut self, key: &str) -> Option<Fields<'n>> {
        let (file, prefix) = (self.file, format!("{}{key}.", self.prefix));
        self.read(key, |node| Self::within(node, file, prefix))
    }

    fn misread(&mut self, at: usize) {
        self.taken.remove(&at);
        self.misread.insert(at);
    }

    /// All entries as labels of Kubernetes: texts, and nothing at all is the empty one.
    pub fn labels(&mut self) -> Vec<(String, String)> {
        let mut labels = Vec::new();
        for (at, (key, node)) in self.entries.iter().enumerate() {
            let value = match &node.value {
                Content::Null => Some(String::new()),
                // Of 1.50 nobody knows what it was meant to be.
                Content::Number { value, .. } if value.is_f64() => None,
                _ => node.text(),
            };
            match value.filter(|_| key != MERGE_KEY) {
                Some(value) => {
                    self.taken.insert(at);
                    labels.push((key.clone(), value));
                }
                None => self.misread(at),
            }
        }
        labels
    }

    /// All entries.
    pub fn all(&mut self) -> &'n [(String, Node)] {
        self.taken.extend(0..self.entries.len());
        self.entries
    }

    /// What nobody asked for or could read, but for what is empty.
    pub fn left_over(&self) -> Vec<LeftOver<'n>> {
        let all = self.entries.iter().enumerate();
        let left = all.filter(|(at, (_, node))| {
            !self.taken.contains(at) && (self.misread.contains(at) || !node.is_empty())
        });
        let left = left.map(|(at, (key, node))| LeftOver {
            path: self.path(key),
            node,
            is_misread: self.misread.contains(&at) || key == MERGE_KEY,
        });
        left.collect()
    }

    /// A sentence for each key that nobody asked for.
    pub fn left(&self) -> Vec<String> {
        let left = self.left_over().into_iter();
        left.map(|LeftOver { path, node, .. }| {
            let line = node.line;
            format!("{}:{line}: {path} has no counterpart here", self.file)
        })
        .collect()
    }
}

impl LeftOver<'_> {
    /// What is to be said of it.
    pub fn sentence(&self) -> String {
        let Self { path, node, .. } = self;
        // A number is shown as it is written, which is not always how it is read.
        let value = match &node.value {
            Content::Number { written, .. } => written.clone(),
            _ => node.json().to_string(),
        };
        match self.is_misread {
            true if path.ends_with(MERGE_KEY) => {
                format!("{path} = {value}: merge keys are not followed, write out what they bring")
            }
            true => format!("{path} = {value} cannot be read"),
            false => format!("{path} = {value} is not carried over"),
        }
    }
}
