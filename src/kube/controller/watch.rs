//! What the API server says of the objects of a kind, as it happens.

use super::decide::cluster::Listed;
use super::decide::object::{Name, Object, Watched};
use crate::api;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, Resource};
use kube::core::{DynamicResourceScope, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// What was heard.
#[derive(Debug)]
pub(super) enum Heard {
    /// A list is complete.
    Listed(Watched, Listed),
    /// An object is there, or has changed.
    Put(Watched, Object),
    /// An object is gone, which was like this last.
    Gone(Watched, Object),
}

/// How requests for a kind are made.
pub(super) fn resource(kind: Watched) -> ApiResource {
    let (group, version, name, plural) = kind.names();
    api::resource(group, version, name, plural)
}

/// All of a kind that count, for ever.
pub(super) fn watch(client: Client, kind: Watched, namespace: &str) -> BoxStream<'static, Heard> {
    let events = match kind.is_only_metadata() {
        true => events::<PartialObjectMeta<DynamicObject>>(client, kind, namespace),
        false => events::<DynamicObject>(client, kind, namespace),
    };
    let mut coming = BTreeMap::new();
    let mut is_served = true;
    let heard = events.filter_map(move |event| {
        let heard = match event {
            Ok(event) => {
                is_served = true;
                hear(kind, event, &mut coming)
            }
            Err(error) if is_missing(&error) => {
                let first = std::mem::replace(&mut is_served, false);
                if first {
                    tracing::warn!("the API server has no {}", kind.kind());
                }
                first.then_some(Heard::Listed(kind, Listed::NotServed))
            }
            Err(error) => {
                tracing::warn!("cannot watch {}: {error}", kind.kind());
                None
            }
        };
        std::future::ready(heard)
    });
    heard.boxed()
}

type Events = BoxStream<'static, Result<Event<Value>, watcher::Error>>;

fn events<K>(client: Client, kind: Watched, namespace: &str) -> Events
where
    K: Resource<DynamicType = ApiResource, Scope = DynamicResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Serialize
        + 'static,
{
    let resource = resource(kind);
    let api: Api<K> = match kind.is_of_own_namespace() {
        true => Api::namespaced_with(client, namespace, &resource),
        false => Api::all_with(client, &resource),
    };
    let events = watcher(api, Config::default()).default_backoff();
    events.map(|event| event.map(plain)).boxed()
}

fn hear(kind: Watched, event: Event<Value>, coming: &mut BTreeMap<Name, Object>) -> Option<Heard> {
    let object = |value: Value| Object::of(kind, &value);
    match event {
        Event::Init => coming.clear(),
        Event::InitApply(value) => coming.extend(object(value).map(|it| (it.name(), it))),
        Event::InitDone => {
            let all = Listed::Served(std::mem::take(coming));
            return Some(Heard::Listed(kind, all));
        }
        Event::Apply(value) => return Some(Heard::Put(kind, object(value)?)),
        Event::Delete(value) => return Some(Heard::Gone(kind, object(value)?)),
    }
    None
}

/// What is not JSON cannot have come.
fn plain<K: Serialize>(event: Event<K>) -> Event<Value> {
    let plain = |object: K| serde_json::to_value(object).unwrap_or_default();
    match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(plain(object)),
        Event::Apply(object) => Event::Apply(plain(object)),
        Event::Delete(object) => Event::Delete(plain(object)),
    }
}

fn is_missing(error: &watcher::Error) -> bool {
    let (watcher::Error::InitialListFailed(error) | watcher::Error::WatchStartFailed(error)) =
        error
    else {
        return false;
    };
    matches!(error, kube::Error::Api(status) if status.code == 404)
}
