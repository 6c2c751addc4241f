//! What the objects of a cluster want of one node, as one source of the agent. Nothing is asked here: the objects are
//! values.
//!
//! Which node an object is for is decided here, by the labels and the name of the Node, because the agent does not know
//! them: its labels are those of `/etc/sriovd.toml`.

use crate::crd::{OPERATOR, OWN};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};
use sriovd_core::model::ResourcePrefix;
use sriovd_core::policy::NodeMatch;
use sriovd_core::policy::check::Read;
use sriovd_core::policy::draft::{NodeDraft, PolicyDraft};
use sriovd_core::policy::foreign::fields::Fields;
use sriovd_core::policy::foreign::item::Item;
use sriovd_core::policy::foreign::node::Node as Tree;
use sriovd_core::policy::foreign::{Names, Unreadable, operator, settle};
use sriovd_core::policy::reader::{Fault, Given};
use sriovd_core::policy::source::ItemKind;
use std::collections::BTreeMap;
use std::fmt;

/// The node, as its Node says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ThisNode {
    /// Its name in the cluster.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl ThisNode {
    /// What a Node says; `None` of what has no name.
    pub fn of(object: &Value) -> Option<Self> {
        let labels = object["metadata"]["labels"].as_object();
        let labels = labels.into_iter().flatten();
        Some(Self {
            name: object["metadata"]["name"].as_str()?.to_owned(),
            labels: labels
                .filter_map(|(label, value)| Some((label.clone(), value.as_str()?.to_owned())))
                .collect(),
        })
    }

    fn has(&self, labels: &Map<String, Value>) -> bool {
        let mut labels = labels.iter();
        labels.all(|(label, value)| self.labels.get(label).map(String::as_str) == value.as_str())
    }
}

/// Which object. Its words are the origin of what it becomes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Its kind.
    pub kind: String,
    /// Its namespace, if it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// `SriovNetwork default/net1`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            namespace,
            name,
        } = self;
        match namespace {
            Some(namespace) => write!(f, "{kind} {namespace}/{name}"),
            None => write!(f, "{kind} {name}"),
        }
    }
}

/// What the objects want of a node.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Wanted {
    /// The body of `PUT /v1/sources/NAME`, equal for equal objects in whatever order they come.
    pub source: Value,
    /// The objects that are for the node, each with the words of what it became and what is to be said of it.
    pub objects: Vec<Concerned>,
}

/// An object that is for the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concerned {
    /// Which one.
    pub object: Reference,
    /// What has no effect of what it says, and why.
    pub remarks: Vec<String>,
}

/// What these objects, in whatever order, want of a node: with this prefix where a policy has a pool and names none. Objects of
/// other kinds are none of its business.
pub fn wanted(node: &ThisNode, objects: &[Value], prefix: &ResourcePrefix) -> Wanted {
    let mut known: Vec<(Reference, &Value)> = objects
        .iter()
        .filter_map(|object| Some((reference(object)?, object)))
        .collect();
    known.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut gathered = Gathered::default();
    for (reference, object) in known {
        match group(object) {
            Some(group) if group == OPERATOR.group => gathered.operators(node, reference, object),
            Some(group) if group == OWN.group => gathered.own(node, reference, object),
            _ => {}
        }
    }
    gathered.finish(prefix)
}

fn group(object: &Value) -> Option<&str> {
    let (group, _) = object["apiVersion"].as_str()?.split_once('/')?;
    Some(group)
}

fn reference(object: &Value) -> Option<Reference> {
    let metadata = &object["metadata"];
    Some(Reference {
        kind: object["kind"].as_str()?.to_owned(),
        namespace: metadata["namespace"].as_str().map(str::to_owned),
        name: metadata["name"].as_str()?.to_owned(),
    })
}

#[derive(Default)]
struct Gathered {
    items: Vec<Item>,
    /// By the words that are the file of each item.
    sources: BTreeMap<String, Reference>,
    own: Vec<(ItemKind, Reference, Map<String, Value>)>,
    objects: Vec<Concerned>,
}

impl Gathered {
    fn operators(&mut self, node: &ThisNode, object: Reference, value: &Value) {
        let tree = Tree::from(value);
        let words = object.to_string();
        let item = match item(&object.kind, &tree, &words) {
            Ok(item) => item,
            Err(Unreadable { what, .. }) => {
                return self.objects.push(Concerned {
                    object,
                    remarks: vec![what],
                });
            }
        };
        let Some(item) = item else { return };
        let labels = item.value("node.labels").and_then(Value::as_object);
        if labels.is_none_or(|labels| node.has(labels)) {
            self.items.push(item);
            self.sources.insert(words, object);
        }
    }

    /// `spec` is what stands in policy files, but for what the object says beside it.
    fn own(&mut self, node: &ThisNode, object: Reference, value: &Value) {
        let kind = match object.kind.as_str() {
            "Policy" => ItemKind::Policy,
            "Network" => ItemKind::Network,
            _ => return,
        };
        let mut spec = value["spec"].as_object().cloned().unwrap_or_default();
        match kind {
            ItemKind::Policy => {
                let is_for = match Given::deserialize(&spec) {
                    Ok(given) => selects(&Read::of(&given), node),
                    Err(_) => Selects::Unreadable,
                };
                match is_for {
                    Selects::No => return,
                    Selects::Yes => drop(spec.remove("node")),
                    // The agent says what is wrong with it, and keeps what the policy said before.
                    Selects::Unreadable => {}
                }
            }
            ItemKind::Network => {
                spec.insert("namespace".to_owned(), json!(object.namespace));
            }
        }
        self.own.push((kind, object, spec));
    }

    fn finish(self, prefix: &ResourcePrefix) -> Wanted {
        let Self {
            items,
            sources,
            own,
            mut objects,
        } = self;
        let mut names = Names::default();
        let mut lists: BTreeMap<ItemKind, Vec<Value>> = BTreeMap::new();
        for item in settle(items) {
            names.take(item.kind, &item.name);
            let origin = item.file();
            if let Some(mut json) = item.json() {
                // That the node has the labels is decided.
                json.remove("node");
                json.insert("origin".to_owned(), origin.into());
                lists.entry(item.kind).or_default().push(json.into());
            }
            let remarks = item.notes().into_iter().map(|(_, text)| text);
            objects.extend(sources.get(origin).map(|object| Concerned {
                object: object.clone(),
                remarks: remarks.collect(),
            }));
        }
        for (kind, object, mut spec) in own {
            let name = names.take(kind, &object.name);
            let mut remarks = Vec::new();
            if name != object.name {
                let taken = &object.name;
                remarks.push(format!(
                    "another {kind} is called {taken:?}; this one is {name:?} on nodes"
                ));
            }
            spec.insert("name".to_owned(), name.into());
            spec.insert("origin".to_owned(), object.to_string().into());
            lists.entry(kind).or_default().push(spec.into());
            objects.push(Concerned { object, remarks });
        }
        objects.sort_by(|a, b| a.object.cmp(&b.object));
        let mut list = |kind| lists.remove(&kind).unwrap_or_default();
        let mut policies = list(ItemKind::Policy);
        // As the controller takes it, and not what the agent would.
        let pools = policies.iter_mut().filter_map(Value::as_object_mut);
        for pool in pools.filter(|it| it.contains_key("resource")) {
            let prefix_of_it = pool.entry("resource_prefix");
            prefix_of_it.or_insert_with(|| json!(prefix.as_str()));
        }
        Wanted {
            source: json!({"version": 1, "policy": policies, "network": list(ItemKind::Network)}),
            objects,
        }
    }
}

/// `None` of kinds that say nothing of PFs and networks, and of the policy that the operator ignores itself.
fn item(kind: &str, tree: &Tree, words: &str) -> Result<Option<Item>, Unreadable> {
    let mut fields = Fields::of(tree, words)?;
    match kind {
        "SriovNetworkNodePolicy" => operator::policy(&mut fields),
        "SriovNetwork" => operator::sriov_network(&mut fields).map(Some),
        "SriovIBNetwork" => operator::ib_network(&mut fields).map(Some),
        "OVSNetwork" => operator::ovs_network(&mut fields).map(Some),
        _ => Ok(None),
    }
}

enum Selects {
    Yes,
    No,
    Unreadable,
}

fn selects(policy: &Read<PolicyDraft>, node: &ThisNode) -> Selects {
    let is_of_node = |fault: &Fault| fault.path.to_string().starts_with("/node");
    if policy.faults.iter().any(is_of_node) {
        return Selects::Unreadable;
    }
    let NodeDraft { hostname, labels } = policy.draft.node.or_default();
    let wanted = NodeMatch {
        hostname: hostname.or_default(),
        labels: labels.or_default(),
    };
    match wanted.selects(&node.name, &node.labels) {
        true => Selects::Yes,
        false => Selects::No,
    }
}

#[cfg(test)]
mod tests;
