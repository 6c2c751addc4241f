//! Reading what another version wrote: what is understood is read, the rest is kept as it stands.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};

/// What is not understood of a JSON document, and where it stands there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Foreign(Vec<Item>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    place: Vec<Step>,
    value: Value,
    /// What is written there by whoever does not understand it.
    instead: Option<Value>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Key(String),
    Element(usize),
}

/// A value that is not understood, for people: `/pfs/0000:01:00.0/vfs/3/settings/link_state` is
/// `{"link_state":"blinking"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The keys that lead to it.
    pub place: String,
    /// The beginning of what stands there, as JSON.
    pub value: String,
}

/// A document, as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Understood<T> {
    /// What the type takes of the document.
    pub known: T,
    /// Values that the type does not take, with whatever cannot be read without them.
    pub refused: Foreign,
    /// Keys that the type does not have.
    pub unknown: Foreign,
}

/// `None`: nothing of it is understood. A value that is not understood takes with it what must not
/// be read without it, and nothing else.
pub fn read<T: DeserializeOwned + Serialize>(document: &Value) -> Option<Understood<T>> {
    if !document.is_object() {
        return None;
    }
    let mut refused = Foreign::default();
    let mut understood = document.clone();
    let known: T = loop {
        let error = match serde_path_to_error::deserialize(&understood) {
            Ok(known) => break known,
            Err(error) => error,
        };
        let place = with_its_element(innermost::<T>(&understood, &error)?);
        // With what was taken from within it before.
        remove(&mut understood, &place);
        let place = refused.original(&place);
        refused.0.retain(|item| !item.place.starts_with(&place));
        refused.0.push(Item {
            value: at(document, &place)?.clone(),
            place,
            instead: None,
        });
    };
    let mut unknown = Foreign::default();
    let again = serde_json::to_value(&known).ok()?;
    unknown.collect(&understood, &again, &mut Vec::new());
    refused.settle(&again);
    Some(Understood {
        known,
        refused,
        unknown,
    })
}

/// The smallest part that the error is about. `None`: the whole.
fn innermost<T: DeserializeOwned>(
    document: &Value,
    error: &serde_path_to_error::Error<serde_json::Error>,
) -> Option<Vec<Step>> {
    let place = steps(error.path(), document);
    // Of a key, and of one that is missing, only the place is told at which it would be.
    if let Some(Value::Object(map)) = at(document, &place) {
        for key in map.keys() {
            let mut place = place.clone();
            place.push(Step::Key(key.clone()));
            let mut without = document.clone();
            remove(&mut without, &place);
            let left = serde_path_to_error::deserialize::<_, T>(&without);
            let is_it = left.is_err_and(|left| left.to_string() == error.to_string());
            if !is_it {
                return Some(place);
            }
        }
    }
    (!place.is_empty()).then_some(place)
}

/// What an element of a list is known by is all of it: its number is another when others come or go.
fn with_its_element(mut place: Vec<Step>) -> Vec<Step> {
    let element = place
        .iter()
        .position(|step| matches!(step, Step::Element(_)));
    place.truncate(element.map_or(place.len(), |at| at + 1));
    place
}

/// As far as they lead to something.
fn steps(path: &Path, document: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    for segment in path.iter() {
        steps.push(match segment {
            Segment::Map { key } => Step::Key(key.clone()),
            Segment::Seq { index } => Step::Element(*index),
            Segment::Enum { .. } | Segment::Unknown => break,
        });
        if at(document, &steps).is_none() {
            steps.pop();
            break;
        }
    }
    steps
}

fn at<'a>(document: &'a Value, place: &[Step]) -> Option<&'a Value> {
    place.iter().try_fold(document, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Element(index) => value.get(index),
    })
}

fn at_mut<'a>(document: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(document, |value, step| match step {
        Step::Key(key) => value.get_mut(key),
        Step::Element(index) => value.get_mut(index),
    })
}

fn remove(document: &mut Value, place: &[Step]) {
    let Some((last, parent)) = place.split_last() else {
        return;
    };
    match (at_mut(document, parent), last) {
        (Some(Value::Object(map)), Step::Key(key)) => drop(map.remove(key)),
        (Some(Value::Array(list)), Step::Element(index)) => drop(list.remove(*index)),
        _ => {}
    }
}

impl Item {
    /// Its number in this list.
    fn of(&self, list: &[Step]) -> Option<usize> {
        match self.place.split_last() {
            Some((Step::Element(index), parent)) if parent == list => Some(*index),
            _ => None,
        }
    }
}

impl Foreign {
    /// Whether everything was understood.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where each stands in the document, and what stands there.
    pub fn shown(&self) -> impl Iterator<Item = Shown> {
        self.0.iter().map(|item| {
            let place = item.place.iter().map(|step| match step {
                Step::Key(key) => format!("/{key}"),
                Step::Element(index) => format!("/{index}"),
            });
            Shown {
                place: place.collect(),
                value: item.value.to_string().chars().take(80).collect(),
            }
        })
    }

    /// Those that are also among `kept`, and in whose place nothing else has been learnt since.
    pub fn unresolved(&self, kept: &Self, document: &Value) -> Self {
        let is_unresolved = |item: &&Item| {
            let is_element = matches!(item.place.last(), Some(Step::Element(_)));
            let is_learnt = !is_element && at(document, &item.place) != item.instead.as_ref();
            kept.0.contains(item) && !is_learnt
        };
        Self(self.0.iter().filter(is_unresolved).cloned().collect())
    }

    /// Whether the value with these keys, one in the other, is wholly not understood.
    pub fn contains(&self, keys: &[&str]) -> bool {
        let is_it = |place: &[Step]| {
            let mut pairs = place.iter().zip(keys);
            place.len() == keys.len()
                && pairs.all(|(step, key)| matches!(step, Step::Key(it) if it == key))
        };
        self.0.iter().any(|item| is_it(&item.place))
    }

    /// The keys of what is not understood within this key of the document; `None` where something
    /// else is not understood either.
    pub fn keys_within(&self, key: &str) -> Option<Vec<String>> {
        let within = |item: &Item| match item.place.as_slice() {
            [Step::Key(first), Step::Key(second), ..] if first == key => Some(second.clone()),
            _ => None,
        };
        self.0.iter().map(within).collect()
    }

    /// Both of them.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Puts it back into a document, where the object or list that it was in still is. What has
    /// been learnt since holds.
    pub fn put_into(&self, document: &mut Value) {
        let is_element = |item: &&Item| matches!(item.place.last(), Some(Step::Element(_)));
        // A list that holds nothing else may itself be among what was kept.
        let (elements, others): (Vec<_>, Vec<_>) = self.0.iter().partition(is_element);
        for item in others.into_iter().chain(elements) {
            let Some((last, parent)) = item.place.split_last() else {
                continue;
            };
            let value = &item.value;
            match (at_mut(document, parent), last) {
                (Some(Value::Object(map)), Step::Key(key)) => {
                    if map.get(key) == item.instead.as_ref() {
                        map.remove(key);
                    }
                    put(map, key, value);
                }
                (Some(Value::Array(list)), Step::Element(_)) if !list.contains(value) => {
                    list.push(value.clone());
                }
                _ => {}
            }
        }
    }

    /// Forgets what was in an object or list of the document that is not there any more.
    pub fn prune(&mut self, document: &Value) {
        self.0.retain(|item| {
            let parent = item
                .place
                .split_last()
                .map_or(&[][..], |(_, parent)| parent);
            at(document, parent).is_some()
        });
    }

    /// As it is written: elements stand behind those that are understood, each once.
    fn settle(&mut self, known: &Value) {
        let found = std::mem::take(&mut self.0);
        for mut item in found {
            match item.place.split_last() {
                Some((Step::Element(_), list)) => {
                    let beside: Vec<_> =
                        (self.0.iter()).filter(|it| it.of(list).is_some()).collect();
                    if beside.iter().any(|it| it.value == item.value) {
                        continue;
                    }
                    let understood = at(known, list).and_then(Value::as_array);
                    let index = understood.map_or(0, Vec::len) + beside.len();
                    let list = list.iter().cloned();
                    item.place = list.chain([Step::Element(index)]).collect();
                }
                _ => item.instead = at(known, &item.place).cloned(),
            }
            self.0.push(item);
        }
    }

    /// Where something stands in the document, of which these were taken out.
    fn original(&self, place: &[Step]) -> Vec<Step> {
        let mut original: Vec<Step> = Vec::new();
        for step in place {
            let Step::Element(mut index) = *step else {
                original.push(step.clone());
                continue;
            };
            let mut taken: Vec<usize> = self.0.iter().filter_map(|it| it.of(&original)).collect();
            taken.sort_unstable();
            for taken in taken {
                index += usize::from(taken <= index);
            }
            original.push(Step::Element(index));
        }
        original
    }

    fn collect(&mut self, found: &Value, known: &Value, place: &mut Vec<Step>) {
        let (Value::Object(found), Value::Object(known)) = (found, known) else {
            return;
        };
        for (key, value) in found {
            place.push(Step::Key(key.clone()));
            match known.get(key) {
                Some(known) => self.collect(value, known, place),
                None => self.0.push(Item {
                    place: place.clone(),
                    value: value.clone(),
                    instead: None,
                }),
            }
            place.pop();
        }
    }
}

fn put(map: &mut Map<String, Value>, key: &str, value: &Value) {
    match (map.get_mut(key), value) {
        (None, value) => drop(map.insert(key.to_owned(), value.clone())),
        (Some(Value::Object(there)), Value::Object(value)) => {
            for (key, value) in value {
                put(there, key, value);
            }
        }
        (Some(_), _) => {}
    }
}

#[cfg(test)]
mod tests;
