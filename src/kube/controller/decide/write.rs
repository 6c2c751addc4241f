//! What is to be written to the API server.

use super::object::{Name, Object, Watched};
use serde_json::{Value, json};
use std::fmt;

/// One write.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The kind of the object.
    pub kind: Watched,
    /// Which one.
    pub name: Name,
    /// What is done to it.
    pub how: How,
    /// The network that it is done for, by its owner mark: a refusal is told there.
    pub owner: Option<String>,
    /// An Event that tells people of it once it is done.
    pub event: Option<Value>,
}

/// What is done to an object.
#[derive(Debug, Clone, PartialEq)]
pub enum How {
    /// These fields are to be so in an object that is not there: where somebody else has made one by now, it stays.
    Make(Value),
    /// These fields are to be so, and those that were ours and are not among them go; what others wrote stays.
    Apply(Value),
    /// The same of its status.
    ApplyStatus(Value),
    /// Only if it has not changed since.
    Finalizers {
        /// As it was seen.
        resource_version: String,
        /// Those that remain.
        finalizers: Vec<String>,
    },
    /// Only if it is still that one.
    Delete {
        /// The one that was seen.
        uid: String,
        /// As it was seen.
        resource_version: String,
    },
}

impl Write {
    /// See `How::Make` and `How::Apply`: `fields` are put into the object's head. `there` is what it is.
    pub fn make_or_apply(
        kind: Watched,
        name: Name,
        fields: &Value,
        there: Option<&Object>,
    ) -> Self {
        let mut write = Self::apply(kind, name, fields);
        if let How::Apply(object) = &mut write.how {
            let mut object = object.take();
            write.how = match there {
                Some(there) => {
                    // Whose it is has been seen of that version.
                    object["metadata"]["resourceVersion"] = json!(there.metadata.resource_version);
                    How::Apply(object)
                }
                None => How::Make(object),
            };
        }
        write
    }

    /// See `How::Apply`.
    pub fn apply(kind: Watched, name: Name, fields: &Value) -> Self {
        let how = How::Apply(with(kind.head(&name), fields));
        Self {
            kind,
            name,
            how,
            owner: None,
            event: None,
        }
    }

    /// See `How::ApplyStatus`.
    pub fn status(kind: Watched, object: &Object, status: &Value) -> Self {
        let name = object.name();
        let whole = with(kind.head(&name), &json!({"status": status}));
        Self {
            kind,
            name,
            how: How::ApplyStatus(whole),
            owner: None,
            event: None,
        }
    }

    /// See `How::Finalizers`.
    pub fn without_finalizer(kind: Watched, object: &Object, finalizer: &str) -> Self {
        let mut finalizers = object.metadata.finalizers.clone();
        finalizers.retain(|it| it != finalizer);
        Self {
            kind,
            name: object.name(),
            how: How::Finalizers {
                resource_version: object.metadata.resource_version.clone(),
                finalizers,
            },
            owner: None,
            event: None,
        }
    }

    /// See `How::Delete`.
    pub fn delete(kind: Watched, object: &Object) -> Self {
        Self {
            kind,
            name: object.name(),
            how: How::Delete {
                uid: object.metadata.uid.clone(),
                resource_version: object.metadata.resource_version.clone(),
            },
            owner: None,
            event: None,
        }
    }

    /// The same, of which the network with this mark is told if it is refused.
    #[must_use]
    pub fn for_network(mut self, owner: &str) -> Self {
        self.owner = Some(owner.to_owned());
        self
    }
}

/// Objects are merged, everything else is replaced.
fn with(mut object: Value, fields: &Value) -> Value {
    for (key, value) in fields.as_object().into_iter().flatten() {
        object[key] = match object[key].is_object() {
            true => with(object[key].take(), value),
            false => value.clone(),
        };
    }
    object
}

/// For the journal.
impl fmt::Display for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, .. } = self;
        let kind = kind.kind();
        match &self.how {
            How::Make(_) => write!(f, "make {kind} {name}"),
            How::Apply(_) => write!(f, "write {kind} {name}"),
            How::ApplyStatus(_) => write!(f, "write the status of {kind} {name}"),
            How::Finalizers { .. } => write!(f, "let {kind} {name} go"),
            How::Delete { .. } => write!(f, "delete {kind} {name}"),
        }
    }
}
