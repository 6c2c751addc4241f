//! Writes, one request each.

use super::decide::object::{Name, Watched};
use super::decide::write::{How, Write};
use super::watch::resource;
use crate::api;
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams, Preconditions};
use serde_json::{Value, json};

/// Whose fields they are.
const MANAGER: &str = "sriovd-controller";

fn of_kind(client: &Client, kind: Watched, name: &Name) -> Api<DynamicObject> {
    let resource = resource(kind);
    match &name.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// The object as it is after the write; `None` where it is gone.
pub(super) async fn write(
    client: &Client,
    write: &Write,
) -> Result<Option<DynamicObject>, kube::Error> {
    let api = of_kind(client, write.kind, &write.name);
    let name = &write.name.name;
    let ours = PatchParams::apply(MANAGER);
    match &write.how {
        // Where somebody else has made one in the meantime, the API server refuses.
        How::Make(object) => api
            .patch(name, &ours, &Patch::Apply(object))
            .await
            .map(Some),
        How::Apply(object) => {
            let ours = ours.force();
            api.patch(name, &ours, &Patch::Apply(object))
                .await
                .map(Some)
        }
        How::ApplyStatus(object) => {
            let ours = ours.force();
            api.patch_status(name, &ours, &Patch::Apply(object))
                .await
                .map(Some)
        }
        How::Finalizers {
            resource_version,
            finalizers,
        } => {
            let metadata = json!({"resourceVersion": resource_version, "finalizers": finalizers});
            let patch = Patch::Merge(json!({"metadata": metadata}));
            let object = api.patch(name, &PatchParams::default(), &patch).await?;
            // Nothing kept it any longer.
            let is_gone = finalizers.is_empty() && object.metadata.deletion_timestamp.is_some();
            Ok((!is_gone).then_some(object))
        }
        How::Delete {
            uid,
            resource_version,
        } => {
            let only = DeleteParams::default().preconditions(Preconditions {
                uid: Some(uid.clone()),
                resource_version: Some(resource_version.clone()),
            });
            // Whoever has a finalizer on it is given time; the watch says when it is gone.
            Ok(api.delete(name, &only).await?.left())
        }
    }
}

/// For `kubectl describe`.
pub(super) async fn publish(client: &Client, event: &Value) -> Result<(), kube::Error> {
    let namespace = event["metadata"]["namespace"].as_str().unwrap_or_default();
    let resource = api::resource("events.k8s.io", "v1", "Event", "events");
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let event = serde_json::from_value(event.clone()).map_err(kube::Error::SerdeError)?;
    api.create(&PostParams::default(), &event).await.map(drop)
}
