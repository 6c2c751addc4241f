//! Follows the objects of the cluster that concern the node: a watch for each kind, and none for what is not served.

use super::cluster::{Mirror, NODE, STATE, Told};
use super::retry::{LONGEST, Said, delay};
use crate::api::{resource, words};
use crate::crd::{KINDS, Kind};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::Node;
use kube::api::{Api, DynamicObject};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde::Serialize;
use serde_json::json;
use std::pin::pin;
use tokio::sync::watch::Sender;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Policies make VFs.
const ALWAYS: &[&str] = &["SriovNetworkNodePolicy", "Policy", STATE];
/// Networks become CNI configurations of the host.
const NETWORKS: &[&str] = &["SriovNetwork", "SriovIBNetwork", "OVSNetwork", "Network"];

/// What is followed for a node.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) node: String,
    pub(super) namespace: String,
    pub(super) networks: bool,
}

impl Scope {
    fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        let networks = self.networks;
        KINDS.iter().filter(move |kind| {
            ALWAYS.contains(&kind.kind) || (networks && NETWORKS.contains(&kind.kind))
        })
    }

    /// Nothing of it is known yet.
    pub(super) fn cluster(&self) -> Mirror {
        Mirror::of([NODE].into_iter().chain(self.kinds().map(|it| it.kind)))
    }

    /// They end when this is dropped.
    pub(super) fn follow(&self, client: &Client, cluster: &Sender<Mirror>) -> JoinSet<()> {
        let mut watches = JoinSet::new();
        let (client, cluster) = (client.clone(), cluster.clone());
        watches.spawn(follow_node(
            client.clone(),
            self.node.clone(),
            cluster.clone(),
        ));
        for kind in self.kinds() {
            watches.spawn(follow_kind(
                client.clone(),
                self.clone(),
                kind,
                cluster.clone(),
            ));
        }
        watches
    }
}

/// Where objects of a kind are, for a node whose objects are in a namespace.
pub(super) fn api(client: &Client, kind: &Kind, namespace: &str) -> Api<DynamicObject> {
    let resource = resource(kind.at.group, kind.at.version, kind.kind, kind.plural);
    // As the operator: networks may be anywhere, everything else is in one namespace.
    match kind.is_namespaced && !NETWORKS.contains(&kind.kind) {
        true => Api::namespaced_with(client.clone(), namespace, &resource),
        false => Api::all_with(client.clone(), &resource),
    }
}

/// Labels and name are all that counts of it.
async fn follow_node(client: Client, name: String, cluster: Sender<Mirror>) {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut said = Said::default();
    loop {
        let events = watcher(
            Api::<PartialObjectMeta<Node>>::all(client.clone()),
            config.clone(),
        );
        let about = ("v1", NODE);
        take_all(events.default_backoff(), about, &cluster, &mut said).await;
        // Every API server has this kind: what says otherwise is none yet.
        sleep(delay(1, LONGEST)).await;
    }
}

async fn follow_kind(client: Client, scope: Scope, kind: &'static Kind, cluster: Sender<Mirror>) {
    let version = format!("{}/{}", kind.at.group, kind.at.version);
    let config = match kind.kind {
        STATE => watcher::Config::default().fields(&format!("metadata.name={}", scope.node)),
        _ => watcher::Config::default(),
    };
    let (mut said, mut absences) = (Said::default(), 0);
    loop {
        let events = watcher(api(&client, kind, &scope.namespace), config.clone());
        let without_managers = |event: Event<DynamicObject>| {
            event.modify(|object| object.managed_fields_mut().clear())
        };
        let events = events.map(|event| event.map(without_managers));
        let about = (version.as_str(), kind.kind);
        let events = events.default_backoff();
        let was_served = take_all(events, about, &cluster, &mut said).await;
        absences = if was_served { 1 } else { absences + 1 };
        until_served(&client, kind, &cluster, absences).await;
    }
}

/// Returns when the server says that it does not know the kind, and whether it has known it before.
async fn take_all<K: Serialize>(
    events: impl Stream<Item = watcher::Result<Event<K>>>,
    (version, kind): (&str, &'static str),
    cluster: &Sender<Mirror>,
    said: &mut Said,
) -> bool {
    let value = |object: K| {
        let mut value = json!(object);
        // Objects in lists do not say what they are.
        (value["apiVersion"], value["kind"]) = (version.into(), kind.into());
        value
    };
    let mut was_served = false;
    let mut events = pin!(events);
    while let Some(event) = events.next().await {
        let told = match event {
            Ok(Event::Init) => Told::ListBegins,
            Ok(Event::InitApply(object)) => Told::Listed(value(object)),
            Ok(Event::InitDone) => Told::ListEnds,
            Ok(Event::Apply(object)) => Told::Is(value(object)),
            Ok(Event::Delete(object)) => Told::IsGone(value(object)),
            Err(error) => {
                if is_unknown(&error) {
                    break;
                }
                said.say(format!("cannot watch {kind}: {}", words_of(&error)));
                continue;
            }
        };
        // Said before anything is asked.
        if !matches!(told, Told::ListBegins) {
            was_served = true;
            said.is_over();
        }
        cluster.send_modify(|cluster| cluster.take(kind, told));
    }
    was_served
}

/// Returns when the kind may be served. Nothing is asked again while its whole group is not there: the `APIService` of the
/// group tells when it comes.
async fn until_served(
    client: &Client,
    kind: &'static Kind,
    cluster: &Sender<Mirror>,
    absences: u32,
) {
    let is_not_served = || cluster.send_modify(|it| it.take(kind.kind, Told::IsNotServed));
    let resource = resource("apiregistration.k8s.io", "v1", "APIService", "apiservices");
    let services: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let group = format!("{}.{}", kind.at.version, kind.at.group);
    let config = watcher::Config::default().fields(&format!("metadata.name={group}"));
    let mut events = pin!(watcher(services, config).default_backoff());
    let mut said = Said::default();
    let mut has_group = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Apply(_)) => return,
            Ok(Event::InitApply(_)) => has_group = true,
            Ok(Event::InitDone) if has_group => break,
            Ok(Event::InitDone) => is_not_served(),
            Ok(Event::Init | Event::Delete(_)) => {}
            Err(error) => said.say(format!("cannot watch APIService: {}", words_of(&error))),
        }
    }
    // Other kinds of the group are served: this one is on its way, or the server has just started.
    if absences >= BELIEVED {
        is_not_served();
    }
    sleep(delay(absences, LONGEST)).await;
}

/// After so many answers that there is no such kind, there is none.
const BELIEVED: u32 = 4;

fn is_unknown(error: &watcher::Error) -> bool {
    matches!(cause(error), Some(kube::Error::Api(status)) if status.code == 404)
}

fn words_of(error: &watcher::Error) -> String {
    match (cause(error), error) {
        (Some(error), _) => words(error),
        (None, watcher::Error::WatchError(status)) => status.message.clone(),
        (None, error) => error.to_string(),
    }
}

fn cause(error: &watcher::Error) -> Option<&kube::Error> {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => Some(error),
        watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => None,
    }
}
