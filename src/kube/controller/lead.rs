//! Leadership: the Lease is watched, taken, renewed and given back.

use super::claim::{self, Claim, Seen, Step};
use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::watch_object;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

/// Of all controllers of a cluster.
const NAME: &str = "sriovd-controller";
/// A write that takes longer is no longer worth anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Until when we lead; `None`: we do not.
pub(super) type Leading = Option<Instant>;

/// Strives for leadership for ever, and says when it comes and goes.
pub(super) async fn strive(leases: Api<Lease>, me: String, leading: watch::Sender<Leading>) {
    let began = Instant::now();
    let mut claim = Claim::new(me.clone());
    let mut seen = std::pin::pin!(watch_object(leases.clone(), NAME).default_backoff());
    loop {
        let until = claim.leads_until().map(|until| began + until);
        leading.send_if_modified(|old| std::mem::replace(old, until) != until);
        let now = began.elapsed();
        let waits = match claim.step(now) {
            Step::Wait(until) => until,
            step => {
                let wrote = timeout(PATIENCE, write(&leases, &me, step)).await;
                match wrote {
                    Ok(Ok(lease)) => claim.wrote(as_seen(&lease), now, began.elapsed()),
                    Ok(Err(error)) => {
                        tracing::warn!("cannot write the Lease {NAME}: {error}");
                        claim.failed(began.elapsed());
                    }
                    Err(_) => {
                        tracing::warn!("cannot write the Lease {NAME}: no answer in {PATIENCE:?}");
                        claim.failed(began.elapsed());
                    }
                }
                continue;
            }
        };
        let due = async {
            match waits {
                Some(moment) => sleep_until(began + moment).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            lease = seen.next() => match lease {
                Some(Ok(lease)) => claim.saw(lease.as_ref().map(as_seen), began.elapsed()),
                Some(Err(error)) => tracing::warn!("cannot watch the Lease {NAME}: {error}"),
                None => return,
            },
            () = due => {}
        }
    }
}

/// Another may begin at once.
pub(super) async fn give_back(leases: &Api<Lease>, me: &str) -> Result<(), kube::Error> {
    let mut lease = leases.get(NAME).await?;
    let spec = lease.spec.get_or_insert_default();
    if spec.holder_identity.as_deref() != Some(me) {
        return Ok(());
    }
    spec.holder_identity = None;
    let params = PostParams::default();
    leases.replace(NAME, &params, &lease).await.map(drop)
}

fn as_seen(lease: &Lease) -> Seen {
    let spec = lease.spec.clone().unwrap_or_default();
    let seconds = spec
        .lease_duration_seconds
        .and_then(|it| u64::try_from(it).ok());
    Seen {
        version: lease.metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.filter(|holder| !holder.is_empty()),
        lasts: seconds.map_or(claim::LASTS, Duration::from_secs),
        transitions: spec.lease_transitions.unwrap_or_default(),
    }
}

async fn write(leases: &Api<Lease>, me: &str, step: Step) -> Result<Lease, kube::Error> {
    let now = MicroTime(Timestamp::now());
    let lease = |version: Option<String>, transitions| Lease {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            resource_version: version,
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(me.to_owned()),
            lease_duration_seconds: i32::try_from(claim::LASTS.as_secs()).ok(),
            lease_transitions: Some(transitions),
            acquire_time: Some(now.clone()),
            renew_time: Some(now.clone()),
            ..LeaseSpec::default()
        }),
    };
    let params = PostParams::default();
    match step {
        Step::Take {
            version,
            transitions,
        } => {
            let lease = lease(Some(version), transitions);
            leases.replace(NAME, &params, &lease).await
        }
        _ => leases.create(&params, &lease(None, 0)).await,
    }
}
