//! The device plugin: VFs as devices of kubelet, one resource for each pool.
//!
//! `follow` learns from the agent what is there, `offer` makes resources of it, `kubelet` serves and registers them, and
//! `service` answers for each: by `prefer` which VFs a container should get, by `answer` what it gets with them. `allocated`
//! lets the agent know which VFs pods have: `pods` is what kubelet knows of that, `held` what follows from it.
//! What kubelet was told stays true while the agent is away.

mod allocated;
mod answer;
#[cfg(test)]
mod fixture;
mod follow;
mod held;
mod info;
mod journal;
mod kubelet;
mod offer;
mod pods;
mod prefer;
mod proto;
mod registry;
mod service;
mod settings;

use allocated::Allocated;
use offer::Offer;
pub use settings::{PluginSettings, Registration};
use sriovd_wire::client::Conversation;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

/// Serves until the process ends.
pub async fn run(settings: PluginSettings) -> anyhow::Result<Infallible> {
    // None as long as nothing is known: kubelet is not told that there is nothing.
    let (tell, offers) = watch::channel(Arc::new(Offer::default()));
    let allocated = Allocated::new(Conversation::new(settings.socket.clone()));
    let settings = Arc::new(settings);
    let keep = allocated
        .clone()
        .keep(settings.kubelet_dir.clone(), offers.clone());
    tokio::select! {
        ended = follow::follow(settings.socket.clone(), tell) => match ended {},
        ended = kubelet::serve(settings.clone(), offers, allocated) => ended,
        ended = keep => ended,
    }
}

#[cfg(test)]
mod tests;
