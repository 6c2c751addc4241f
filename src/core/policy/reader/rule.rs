//! What a key takes.

use super::{Fault, Given};
use schemars::{Schema, SchemaGenerator};
use std::fmt::Debug;

/// What a key takes, and what it becomes.
pub trait Rule {
    /// What it becomes.
    type Value: Clone + Debug + PartialEq;

    /// `None` where the value is bad, which is then told. Paths of faults begin at the value.
    fn read(given: &Given, at: &At<'_>, faults: &mut Vec<Fault>) -> Option<Self::Value>;

    /// The schema of what it takes.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

/// Where a value stands.
#[derive(Debug)]
pub struct At<'a> {
    pub(super) key: &'a str,
    /// The keys of the table that it stands in.
    pub(super) outer: &'a [&'static str],
}

impl<'a> At<'a> {
    /// The key that the value is of.
    pub fn key(&self) -> &'a str {
        self.key
    }

    pub(super) fn bad_value(&self, given: &Given) -> Fault {
        Fault::new(format!("bad value for \"{}\": {given}", self.key))
    }
}
