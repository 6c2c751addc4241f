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

    /// All there are of each of these kinds, if that is known of all of them.
    pub fn known<const N: usize>(
        &self,
        kinds: [Watched; N],
    ) -> Option<[&BTreeMap<Name, Object>; N]> {
        let known = kinds.map(|kind| self.of(kind).known());
        let known: Option<Vec<_>> = known.into_iter().collect();
        known?.try_into().ok()
    }

    /// A list has come, or is known not to come.
    pub fn list(&mut self, kind: Watched, mut listed: Listed) {
        if let (Some(Listed::Served(old)), Listed::Served(new)) =
            (self.0.remove(&kind), &mut listed)
        {
            for (name, old) in old {
                if let Some(new) = new.get_mut(&name).filter(|new| old.is_newer_than(new)) {
                    *new = old;
                }
            }
        }
        self.0.insert(kind, listed);
    }

    /// An object is there, or has changed. What the answer to a write has told may be heard again later, and what was before.
    pub fn put(&mut self, kind: Watched, object: Object) {
        if let Some(Listed::Served(objects)) = self.0.get_mut(&kind) {
            let name = object.name();
            let old = objects.get(&name);
            if !old.is_some_and(|old| old.is_newer_than(&object)) {
                objects.insert(name, object);
            }
        }
    }

    /// An object is gone, which was like this last.
    pub fn remove(&mut self, kind: Watched, last: &Object) {
        if let Some(Listed::Served(objects)) = self.0.get_mut(&kind) {
            let name = last.name();
            // Another may have been made of that name.
            let is_newer = objects.get(&name).is_some_and(|it| it.is_newer_than(last));
            if !is_newer {
                objects.remove(&name);
            }
        }
    }

    /// An object that was written is gone.
    pub fn forget(&mut self, kind: Watched, name: &Name) {
        if let Some(Listed::Served(objects)) = self.0.get_mut(&kind) {
            objects.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const KIND: Watched = Watched::Nad;

    fn nad(version: u64, config: &str) -> Object {
        let object = json!({
            "metadata": {"namespace": "a", "name": "n", "resourceVersion": version.to_string()},
            "spec": {"config": config},
        });
        Object::of(KIND, &object).unwrap()
    }

    #[test]
    fn what_is_heard_late_changes_nothing() {
        let name = nad(1, "").name();
        let mut cluster = Cluster::default();
        let list = |it: Object| Listed::Served([(name.clone(), it)].into());
        cluster.list(KIND, list(nad(1, "one")));
        // The answer to a write, and then what was heard before it.
        cluster.put(KIND, nad(10, "ten"));
        cluster.put(KIND, nad(9, "nine"));
        assert_eq!(cluster.of(KIND).get(&name), Some(&nad(10, "ten")));
        cluster.list(KIND, list(nad(9, "nine")));
        assert_eq!(cluster.of(KIND).get(&name), Some(&nad(10, "ten")));
        cluster.remove(KIND, &nad(8, "eight"));
        assert_eq!(cluster.of(KIND).get(&name), Some(&nad(10, "ten")));
        cluster.put(KIND, nad(10, "ten"));
        cluster.put(KIND, nad(11, "eleven"));
        assert_eq!(cluster.of(KIND).get(&name), Some(&nad(11, "eleven")));
        cluster.remove(KIND, &nad(12, "twelve"));
        assert_eq!(cluster.of(KIND).get(&name), None);
    }

    #[test]
    fn nothing_is_known_of_a_kind_before_its_list() {
        let mut cluster = Cluster::default();
        cluster.put(KIND, nad(1, ""));
        assert_eq!(cluster.of(KIND), &Listed::Unknown);
        assert_eq!(cluster.of(KIND).known(), None);
    }
}
