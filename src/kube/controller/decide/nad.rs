//! What a network becomes: its NetworkAttachmentDefinition.

use super::Settings;
use super::cluster::Cluster;
use super::config::{self, Unusable};
use super::object::{Name, Object, Watched};
use super::write::Write;
use serde::Deserialize as _;
use serde_json::{Value, json};
use sriovd_core::policy::check::{self, Read};
use sriovd_core::policy::draft::NetworkDraft;
use sriovd_core::policy::reader::{Fault, Given};
use sriovd_core::policy::{Network, Origin};
use sriovd_core::render::nad::{self, NotForKubernetes, RESOURCE};
use sriovd_core::render::{MANAGER, MANAGER_LABEL};
use std::cmp::Reverse;

/// The annotation of the operator that says of which network a NetworkAttachmentDefinition is.
pub(super) const OWNER: &str = "sriovnetwork.openshift.io/owner-ref";

/// The operator's mark of a network.
pub(super) fn owner(kind: Watched, network: &Name) -> String {
    let (group, _, kind, _) = kind.names();
    format!("{kind}.{group}/{network}")
}

/// The network that a mark names.
pub(super) fn owned_by(mark: &str) -> Option<(Watched, Name)> {
    let mut parts = mark.splitn(3, '/');
    let (kind, namespace, name) = (parts.next()?, parts.next()?, parts.next()?);
    let is_it = |of: &Watched| {
        let (group, _, name, _) = of.names();
        kind.strip_prefix(name).and_then(|it| it.strip_prefix('.')) == Some(group)
    };
    let of = Watched::NETWORKS.into_iter().find(is_it)?;
    Some((of, Name::within(namespace, name)))
}

/// The mark that one bears.
pub(super) fn mark(nad: &Object) -> Option<&str> {
    let mark = nad.metadata.annotations.get(OWNER)?;
    (!mark.is_empty()).then_some(mark)
}

/// Whether we made it: what the agent of a node wrote into a file bears the label, too, and no network's mark.
pub(super) fn is_ours(nad: &Object, settings: &Settings) -> bool {
    let label = nad.metadata.labels.get(MANAGER_LABEL);
    mark(nad).is_some() && (settings.take_over || label.is_some_and(|it| it == MANAGER))
}

/// Why a network becomes none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoNad {
    #[error(
        "spec.networkNamespace is {wanted:?}, but only a network in the namespace {ours:?} may have its \
         NetworkAttachmentDefinition elsewhere"
    )]
    Elsewhere { wanted: String, ours: String },
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error("{0}")]
    Faulty(String),
    #[error(transparent)]
    NotForKubernetes(#[from] NotForKubernetes),
}

/// What a network becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Nad {
    pub(super) name: Name,
    pub(super) owner: String,
    config: String,
    /// `PREFIX/POOL`, where it takes VFs of one.
    resource: Option<String>,
    /// Where both are in one namespace the API server removes it with the network.
    goes_with: Option<(String, Value)>,
}

impl Nad {
    pub(super) fn of(
        kind: Watched,
        network: &Object,
        cluster: &Cluster,
        settings: &Settings,
    ) -> Result<Self, NoNad> {
        let name = network.name();
        let at = place(kind, network, settings)?;
        let (config, resource) = match kind {
            Watched::Network => own(network, cluster, settings)?,
            _ => {
                let pool = network.spec["resourceName"].as_str().unwrap_or_default();
                let config = config::config(kind, &name.name, &network.spec)?;
                (config, Some(format!("{}/{pool}", settings.resource_prefix)))
            }
        };
        let is_beside = at.namespace == name.namespace;
        let goes_with = is_beside.then(|| {
            let uid = network.metadata.uid.clone();
            let mut reference = kind.head(&name);
            reference["name"] = json!(name.name);
            reference["uid"] = json!(uid);
            if let Some(fields) = reference.as_object_mut() {
                fields.remove("metadata");
            }
            (uid, reference)
        });
        Ok(Self {
            name: at,
            owner: owner(kind, &name),
            config,
            resource,
            goes_with,
        })
    }

    /// Whether that is what there is, whoever made it.
    pub(super) fn is(&self, there: &Object) -> bool {
        let annotations = &there.metadata.annotations;
        let goes_with = self.goes_with.as_ref();
        there.spec == json!(self.config)
            && annotations.get(RESOURCE) == self.resource.as_ref()
            && mark(there) == Some(&self.owner)
            && goes_with.is_none_or(|(uid, _)| there.goes_with(uid))
    }

    /// `there` is what it is now.
    pub(super) fn write(&self, there: Option<&Object>) -> Write {
        let mut annotations = json!({OWNER: self.owner});
        if let Some(resource) = &self.resource {
            annotations[RESOURCE] = json!(resource);
        }
        let mut metadata = json!({"annotations": annotations, "labels": {MANAGER_LABEL: MANAGER}});
        if let Some((_, reference)) = &self.goes_with {
            metadata["ownerReferences"] = json!([reference]);
        }
        let fields = json!({"metadata": metadata, "spec": {"config": self.config}});
        let write = Write::make_or_apply(Watched::Nad, self.name.clone(), &fields, there);
        write.for_network(&self.owner)
    }
}

/// Where the NetworkAttachmentDefinition is.
pub(super) fn place(kind: Watched, network: &Object, settings: &Settings) -> Result<Name, NoNad> {
    let mut name = network.name();
    let elsewhere = network.spec["networkNamespace"].as_str();
    let elsewhere = elsewhere.filter(|it| kind != Watched::Network && !it.is_empty());
    if let Some(elsewhere) = elsewhere {
        if name.namespace.as_deref() != Some(&settings.namespace) {
            return Err(NoNad::Elsewhere {
                wanted: elsewhere.to_owned(),
                ours: settings.namespace.clone(),
            });
        }
        name.namespace = Some(elsewhere.to_owned());
    }
    Ok(name)
}

/// Of our own kind, as the agent writes it into a file.
fn own(
    object: &Object,
    cluster: &Cluster,
    settings: &Settings,
) -> Result<(String, Option<String>), NoNad> {
    let network = judged(object)?;
    let prefix = prefix(&network, cluster, settings);
    let text = nad::manifest(&network, Some(&prefix))?;
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let config = text(&manifest["spec"]["config"]).unwrap_or_default();
    Ok((config, text(&manifest["metadata"]["annotations"][RESOURCE])))
}

fn judged(object: &Object) -> Result<Network, NoNad> {
    let Name { namespace, name } = object.name();
    let mut spec = object.spec.clone();
    if spec.is_object() {
        spec["name"] = json!(name);
        spec["namespace"] = json!(namespace);
    }
    let given = Given::deserialize(&spec).unwrap_or(Given::Null);
    let read = Read::<NetworkDraft>::of(&given);
    let network = check::network(read, nowhere());
    network
        .map(|(network, _)| network)
        .map_err(|faults| NoNad::Faulty(in_spec(&faults)))
}

/// Messages name the object, not where it came from.
pub(super) fn nowhere() -> Origin {
    Origin::File {
        file: "spec".into(),
        line: 0,
    }
}

/// The errors, each with its place in the object.
pub(super) fn in_spec(faults: &[Fault]) -> String {
    let errors = faults.iter().filter(|fault| fault.is_error());
    let errors = errors.map(|fault| {
        let steps = fault.path.to_string().replace('/', ".");
        format!("spec{steps}: {fault}")
    });
    errors.collect::<Vec<_>>().join("; ")
}

/// That of the strongest policy that feeds the pool and names one.
fn prefix(network: &Network, cluster: &Cluster, settings: &Settings) -> String {
    let pool = network.resource.as_ref().map(|it| it.as_str());
    let policies = cluster.of(Watched::Policy).known().into_iter().flatten();
    let feeding = policies.filter(|(_, policy)| {
        policy.spec["resource"].as_str() == pool && policy.spec["enabled"] != false
    });
    let naming = feeding.filter_map(|(name, policy)| {
        let priority = policy.spec["priority"].as_u64().unwrap_or(99);
        let prefix = policy.spec["resource_prefix"].as_str()?;
        Some((priority, Reverse(name), prefix))
    });
    let strongest = naming.min().map(|(_, _, prefix)| prefix);
    strongest.unwrap_or(&settings.resource_prefix).to_owned()
}
