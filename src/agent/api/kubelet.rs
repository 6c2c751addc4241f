//! What kubelet has allocated: on disk before whoever tells it is answered.

use super::context::{Answer, Api};
use super::peer::Peer;
use super::state::{Kubelet, View};
use super::{ProblemDetails, input};
use axum::body::Body;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::{Extension, Json};
use sriovd_core::model::{KubeletAllocation, PciAddress};
use sriovd_host::linux::kubelet::{KubeletRecords, NotRecorded};
use sriovd_wire::kubelet::{KubeletAllocate, KubeletAllocations};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use tokio::task::spawn_blocking;

/// Each VF of a host in some hundred bytes.
const BODY_LIMIT: usize = 1 << 20;

/// Goes on to its end although whoever asked is gone, and then tells what there is.
async fn on_disk(
    kubelet: &Kubelet,
    work: impl FnOnce(&KubeletRecords) -> Result<(), NotRecorded> + Send + 'static,
) -> Answer<KubeletAllocations> {
    let Kubelet {
        records,
        apart,
        changing,
    } = kubelet.clone();
    let directory = records.directory();
    let done = tokio::spawn(async move {
        let _one_at_a_time = changing.lock_owned().await;
        let work = move || {
            work(&records)?;
            records.all()
        };
        spawn_blocking(move || apart.run(&directory, work)).await
    });
    let failed = |status, detail: String| Err(ProblemDetails::new(status, detail));
    match done.await {
        Ok(Ok(Ok(Ok(allocations)))) => Ok(Json(KubeletAllocations { allocations })),
        Ok(Ok(Ok(Err(refused)))) => failed(status(&refused), refused.to_string()),
        Ok(Ok(Err(unanswered))) => {
            let (place, why) = (kubelet.records.directory(), &unanswered.source);
            let status = match why.kind() {
                ErrorKind::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let place = place.display();
            failed(status, format!("records are kept in {place}, and {why}"))
        }
        Ok(Err(error)) | Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

fn status(refused: &NotRecorded) -> StatusCode {
    match refused {
        NotRecorded::Gone(_) | NotRecorded::Held { .. } | NotRecorded::Locked(_) => {
            StatusCode::CONFLICT
        }
        NotRecorded::Host(_) | NotRecorded::File(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

pub(super) async fn show(Extract(api): Extract<Api>) -> Answer<KubeletAllocations> {
    on_disk(&api.state.kubelet, |_| Ok(())).await
}

pub(super) async fn allocate(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Answer<KubeletAllocations> {
    api.may_change_as_bridge(&peer).await?;
    let asked = input::read_up_to(body, BODY_LIMIT, api.limits.patience).await?;
    let KubeletAllocate { resource, vfs } = asked;
    if vfs.is_empty() {
        return Err(bad_request("name the VFs in \"vfs\"".to_owned()));
    }
    is_resource(&resource)?;
    let allocate = move |records: &KubeletRecords| records.add(&resource, &vfs);
    on_disk(&api.state.kubelet, allocate).await
}

pub(super) async fn replace(
    Extract(api): Extract<Api>,
    Extension(peer): Extension<Peer>,
    body: Body,
) -> Answer<KubeletAllocations> {
    api.may_change_as_bridge(&peer).await?;
    let asked = input::read_up_to(body, BODY_LIMIT, api.limits.patience).await?;
    let KubeletAllocations { allocations } = asked;
    let mut all = BTreeMap::<PciAddress, KubeletAllocation>::new();
    for allocation in allocations {
        is_resource(&allocation.resource)?;
        let vf = allocation.vf;
        if all.insert(vf, allocation).is_some() {
            return Err(bad_request(format!("VF {vf} is there twice")));
        }
    }
    let ready = ready_vfs(&api.view());
    let replace = move |records: &KubeletRecords| records.replace(&all, |vf| ready.contains(&vf));
    on_disk(&api.state.kubelet, replace).await
}

/// It is shown to people.
fn is_resource(name: &str) -> Result<(), ProblemDetails> {
    match !name.is_empty() && name.len() <= 512 && !name.contains(char::is_control) {
        true => Ok(()),
        false => Err(bad_request(format!(
            "\"resource\" is {name:?}: expected what a pod asks for, such as \"sriovd.io/fast\""
        ))),
    }
}

fn bad_request(detail: String) -> ProblemDetails {
    ProblemDetails::new(StatusCode::BAD_REQUEST, detail)
}

/// Those that can be used for what their policies want them for.
fn ready_vfs(view: &View) -> BTreeSet<PciAddress> {
    let pfs = view.world.pfs().values().map(|pf| pf.in_world());
    let vfs = pfs.flat_map(|pf| pf.vfs);
    let ready = vfs.filter(|vf| vf.is_ready());
    ready.map(|vf| vf.address).collect()
}
