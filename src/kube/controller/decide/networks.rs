//! Networks and their NetworkAttachmentDefinitions: which are to be written, which removed, and what is said of each network.

use super::cluster::{Cluster, Listed};
use super::condition::{self, Ready};
use super::nad::{self, Nad, NoNad};
use super::object::{Name, Object, Watched};
use super::write::Write;
use super::{Decision, Memory, Settings};
use serde_json::json;
use sriovd_core::model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The operator's: a network waits with it until its NetworkAttachmentDefinition in another namespace is gone.
const FINALIZER: &str = "netattdef.finalizers.sriovnetwork.openshift.io";
/// The operator's: where the NetworkAttachmentDefinition of a network is.
const LAST_NAMESPACE: &str = "operator.sriovnetwork.openshift.io/last-network-namespace";

const READY: &str = "NetworkReady";
const INVALID: &str = "NetworkAttachmentDefinitionInvalid";
const NOT_FOUND: &str = "NetworkAttachmentDefinitionNotFound";
const NO_NAMESPACE: &str = "NamespaceNotFound";

/// A network that is not going, and what it becomes.
struct Living<'c> {
    kind: Watched,
    object: &'c Object,
    nad: Result<Nad, NoNad>,
}

pub(super) fn decide(
    cluster: &Cluster,
    settings: &Settings,
    memory: &mut Memory,
    now: Timestamp,
    decision: &mut Decision,
) {
    let Some([nads, namespaces]) = cluster.known([Watched::Nad, Watched::Namespace]) else {
        return;
    };
    // Without them all it would not be known which of two networks has a name.
    let Some(networks) = cluster.known(Watched::NETWORKS) else {
        return;
    };
    let all = Watched::NETWORKS.into_iter().zip(networks);
    let all = all.flat_map(|(kind, them)| {
        let them = them.values();
        them.map(move |object| (kind, object))
    });
    let (going, living): (Vec<_>, Vec<_>) = all.partition(|(_, object)| object.is_going());
    let living: Vec<_> = living
        .into_iter()
        .map(|(kind, object)| Living {
            kind,
            object,
            nad: Nad::of(kind, object, cluster, settings),
        })
        .collect();
    memory.refused.retain(|owner, _| {
        let mut living = living.iter();
        living.any(|it| *owner == nad::owner(it.kind, &it.object.name()))
    });
    let of_each = shares(&living, nads, settings);
    for network in &living {
        let mut case = Case {
            network,
            nads,
            namespaces,
            of_each: &of_each,
            settings,
            memory: &mut *memory,
            now,
            decision: &mut *decision,
        };
        let ready = match cluster.of(Watched::Nad) {
            Listed::NotServed => Some(Ready::no(
                NOT_FOUND,
                "the cluster has no NetworkAttachmentDefinitions: is multus installed?",
            )),
            _ => case.decide(),
        };
        let (kind, object) = (network.kind, network.object);
        if let Some(ready) = ready {
            condition::tell(kind, object, &ready, &[], memory, now, decision);
        }
    }
    for (kind, object) in going {
        decision.writes.extend(let_go(kind, object, nads));
    }
    decision
        .writes
        .extend(left_behind(&living, cluster, &of_each, settings));
}

/// Which network has each NetworkAttachmentDefinition that several want: the one that has it, else the first that wanted it.
fn shares(
    living: &[Living<'_>],
    nads: &BTreeMap<Name, Object>,
    settings: &Settings,
) -> BTreeMap<Name, String> {
    let mut wanting: BTreeMap<&Name, Vec<(&str, &Nad)>> = BTreeMap::new();
    for network in living {
        if let Ok(nad) = &network.nad {
            let since = network.object.metadata.creation_timestamp.as_str();
            wanting.entry(&nad.name).or_default().push((since, nad));
        }
    }
    let first = |(name, mut them): (&Name, Vec<(&str, &Nad)>)| {
        let mark = nads.get(name).and_then(nad::mark);
        them.sort_by_key(|(since, nad)| (mark != Some(&nad.owner), *since, &nad.owner));
        Some((name.clone(), them.first()?.1.owner.clone()))
    };
    let mut of_each: BTreeMap<_, _> = wanting.into_iter().filter_map(first).collect();
    // What cannot be used keeps what there is.
    let unusable = living.iter().filter(|it| it.nad.is_err());
    let unusable: BTreeSet<_> = unusable
        .map(|it| nad::owner(it.kind, &it.object.name()))
        .collect();
    for (name, nad) in nads.iter().filter(|(_, nad)| nad::is_ours(nad, settings)) {
        if let Some(mark) = nad::mark(nad).filter(|mark| unusable.contains(*mark)) {
            of_each.insert(name.clone(), mark.to_owned());
        }
    }
    of_each
}

/// One network, and all that matters for it.
struct Case<'a> {
    network: &'a Living<'a>,
    nads: &'a BTreeMap<Name, Object>,
    namespaces: &'a BTreeMap<Name, Object>,
    of_each: &'a BTreeMap<Name, String>,
    settings: &'a Settings,
    memory: &'a mut Memory,
    now: Timestamp,
    decision: &'a mut Decision,
}

impl Case<'_> {
    /// What is said of it; `None` while that is being changed.
    fn decide(&mut self) -> Option<Ready> {
        let nad = match &self.network.nad {
            Ok(nad) => nad,
            Err(why) => return Some(Ready::no(INVALID, why.to_string())),
        };
        if let Some(other) = self.of_each.get(&nad.name).filter(|it| **it != nad.owner) {
            return Some(taken(nad, other));
        }
        let namespace = nad.name.namespace.as_deref().unwrap_or_default();
        let there = self.namespaces.get(&Name::alone(namespace));
        if there.is_none_or(Object::is_going) {
            let message = format!("target namespace {namespace:?} does not exist");
            return Some(Ready::no(NO_NAMESPACE, message));
        }
        let there = self.nads.get(&nad.name);
        if let Some(conflict) = there.and_then(|there| self.conflict(nad, there)) {
            return Some(conflict);
        }
        self.prepare(nad);
        if there.is_some_and(|there| nad.is(there)) {
            self.memory.accept(&nad.owner);
            let message = "NetworkAttachmentDefinition is provisioned and ready";
            return Some(Ready::yes(READY, message));
        }
        let refused = self.memory.refused.get(&nad.owner);
        let refused = refused.map(|it| (it.again, Ready::no(INVALID, it.why.clone())));
        if let Some((again, ready)) = refused.filter(|(again, _)| *again > self.now) {
            self.decision.not_before(again);
            return Some(ready);
        }
        self.decision.writes.push(nad.write(there));
        None
    }

    /// It is somebody else's.
    fn conflict(&self, nad: &Nad, there: &Object) -> Option<Ready> {
        let Some(mark) = nad::mark(there) else {
            let name = &nad.name;
            let message = format!(
                "NetworkAttachmentDefinition '{name}' already exists and is not sriovd's: it stays as it is; \
                 remove it, or give the network another name"
            );
            return Some(Ready::no(INVALID, message));
        };
        if nad::is_ours(there, self.settings) || nad.is(there) {
            // Of a network that is gone, or of this one.
            return None;
        }
        if mark != nad.owner {
            return Some(taken(nad, mark));
        }
        let name = &nad.name;
        let message = format!(
            "NetworkAttachmentDefinition '{name}' is what sriov-network-operator made of this network, and differs: \
             it stays as it is unless the controller is told to take over"
        );
        Some(Ready::no(INVALID, message))
    }

    /// What the operator leaves in its kinds, so that it could go on at any time.
    fn prepare(&mut self, nad: &Nad) {
        let Living { kind, object, .. } = self.network;
        if *kind == Watched::Network {
            return;
        }
        let namespace = nad.name.namespace.as_ref();
        let noted = object.metadata.annotations.get(LAST_NAMESPACE);
        let needs_finalizer = object.name().namespace.as_ref() == Some(&self.settings.namespace);
        let has_finalizer = object.metadata.finalizers.iter().any(|it| it == FINALIZER);
        if noted == namespace && (has_finalizer || !needs_finalizer) {
            return;
        }
        let mut metadata = json!({"annotations": {LAST_NAMESPACE: namespace}});
        if needs_finalizer {
            metadata["finalizers"] = json!([FINALIZER]);
        }
        let fields = json!({"metadata": metadata});
        let write = Write::apply(*kind, object.name(), &fields);
        self.decision.writes.push(write);
    }
}

fn taken(nad: &Nad, owner: &str) -> Ready {
    let name = &nad.name;
    let message =
        format!("NetworkAttachmentDefinition '{name}' already exists and is owned by {owner}");
    Ready::no(INVALID, message)
}

/// First its NetworkAttachmentDefinitions go, then itself.
fn let_go(kind: Watched, network: &Object, nads: &BTreeMap<Name, Object>) -> Vec<Write> {
    if !network.metadata.finalizers.iter().any(|it| it == FINALIZER) {
        return Vec::new();
    }
    let owner = nad::owner(kind, &network.name());
    let its = nads.values().filter(|it| nad::mark(it) == Some(&owner));
    let its: Vec<_> = its.collect();
    if its.is_empty() {
        return vec![Write::without_finalizer(kind, network, FINALIZER)];
    }
    let its = its.into_iter().filter(|nad| !nad.is_going());
    its.map(|nad| Write::delete(Watched::Nad, nad)).collect()
}

/// Ours whose network is gone, or has its own elsewhere by now.
fn left_behind(
    living: &[Living<'_>],
    cluster: &Cluster,
    of_each: &BTreeMap<Name, String>,
    settings: &Settings,
) -> Vec<Write> {
    let nads = cluster.of(Watched::Nad);
    let places: BTreeMap<_, _> = living
        .iter()
        .map(|it| {
            let owner = nad::owner(it.kind, &it.object.name());
            (owner, it.nad.as_ref().ok())
        })
        .collect();
    let is_left = |nad: &&Object| {
        let Some((kind, network)) = nad::mark(nad).and_then(nad::owned_by) else {
            return false;
        };
        match places.get(&nad::owner(kind, &network)) {
            Some(wanted) => wanted.is_some_and(|to| nads.get(&to.name).is_some_and(|it| to.is(it))),
            None => cluster.of(kind).get(&network).is_none(),
        }
    };
    let ours = nads.known().into_iter().flat_map(BTreeMap::values);
    let ours = ours.filter(|nad| nad::is_ours(nad, settings) && !nad.is_going());
    // Another network may have it now.
    let left = ours
        .filter(|nad| !of_each.contains_key(&nad.name()))
        .filter(is_left);
    left.map(|nad| Write::delete(Watched::Nad, nad)).collect()
}
