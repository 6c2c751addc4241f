//! What the API server has, as far as it is known.

use super::object::{Name, Object, Watched};
use std::collections::BTreeMap;

/// The objects of one kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Listed {
    /// No list has come yet.
    #[default]
    Unknown,
    /// The API server has no such kind.
    NotServed,
    /// All there are.
    Served(BTreeMap<Name, Object>),
}

impl Listed {
    /// All there are, if that is known.
    pub fn known(&self) -> Option<&BTreeMap<Name, Object>> {
        const NONE: &BTreeMap<Name, Object> = &BTreeMap::new();
        match self {
            Self::Unknown => None,
            Self::NotServed => Some(NONE),
            Self::Served(objects) => Some(objects),
        }
    }

    /// This one, if it is there.
    pub fn get(&self, name: &Name) -> Option<&Object> {
        self.known()?.get(name)
    }
}

/// The objects of all kinds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cluster(BTreeMap<Watched, Listed>);

impl Cluster {
    /// Those of a kind.
    pub fn of(&self, kind: Watched) -> &Listed {
        const UNKNOWN: &Listed = &Listed::Unknown;
        self.0.get(&kind).unwrap_or(UNKNOWN)
    }

    /// A list has come, or is known not to come.
    pub fn list(&mut self, kind: Watched, listed: Listed) {
        self.0.insert(kind, listed);
    }

    /// An object is there, or has changed.
    pub fn put(&mut self, kind: Watched, object: Object) {
        if let Some(Listed::Served(objects)) = self.0.get_mut(&kind) {
            objects.insert(object.name(), object);
        }
    }

    /// An object is gone.
    pub fn remove(&mut self, kind: Watched, name: &Name) {
        if let Some(Listed::Served(objects)) = self.0.get_mut(&kind) {
            objects.remove(name);
        }
    }
}
