//! The device plugin: VFs as devices of kubelet, one resource for each pool.
//!
//! `follow` learns from the agent what is there, `offer` makes resources of it, `kubelet` serves and registers them, and
//! `service` answers for each: by `prefer` which VFs a container should get, by `answer` what it gets with them.
//! What kubelet was told stays true while the agent is away.

mod answer;
#[cfg(test)]
mod fixture;
mod follow;
mod info;
mod journal;
mod kubelet;
mod offer;
mod prefer;
mod proto;
mod registry;
mod service;
mod settings;

use offer::Offer;
pub use settings::{PluginSettings, Registration};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::watch;

/// Serves until the process ends.
pub async fn run(settings: PluginSettings) -> anyhow::Result<Infallible> {
    // None as long as nothing is known: kubelet is not told that there is nothing.
    let (tell, offers) = watch::channel(Arc::new(Offer::default()));
    let settings = Arc::new(settings);
    tokio::select! {
        ended = follow::follow(settings.socket.clone(), tell) => match ended {},
        ended = kubelet::serve(settings.clone(), offers) => ended,
    }
}

#[cfg(test)]
mod tests;
