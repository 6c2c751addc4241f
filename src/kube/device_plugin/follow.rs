//! Learns from the agent what is there, and tells it on. While the agent is away, what was last known holds.

use super::journal::say;
use super::offer::{Known, Offer};
use sriovd_core::model::world::World;
use sriovd_wire::client::{Conversation, Lost};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// An agent that is stopping answers, and one whose followers are too many.
const PAUSE: Duration = Duration::from_secs(1);

/// What was said last is not said again.
#[derive(Default)]
struct Said {
    away: Option<String>,
    faults: BTreeSet<String>,
}

pub(super) async fn follow(socket: PathBuf, tell: watch::Sender<Arc<Offer>>) -> Infallible {
    let agent = Conversation::new(socket);
    let (mut known, mut said) = (Known::default(), Said::default());
    loop {
        let ended = follow_once(&agent, &mut known, &mut said, &tell).await;
        let why = match ended {
            Ok(()) => Lost.to_string(),
            Err(error) => format!("{error:#}"),
        };
        if said.away.as_ref() != Some(&why) {
            say(&format!("{why}; kubelet keeps what it was told last"));
            said.away = Some(why);
        }
        sleep(PAUSE).await;
        if let Err(error) = agent.is_back().await {
            say(&format!("{error:#}"));
            sleep(PAUSE).await;
        }
    }
}

/// As long as it lasts.
async fn follow_once(
    agent: &Conversation,
    known: &mut Known,
    said: &mut Said,
    tell: &watch::Sender<Arc<Offer>>,
) -> anyhow::Result<()> {
    let mut worlds = agent.follow_world().await?;
    let mut world = World::default();
    while let Some(change) = worlds.next().await? {
        said.away = None;
        world.follow(change);
        let offer = known.learn(&world);
        offer.faults.difference(&said.faults).for_each(|it| say(it));
        said.faults.clone_from(&offer.faults);
        tell.send_if_modified(|last| {
            let is_new = **last != offer;
            if is_new {
                *last = Arc::new(offer);
            }
            is_new
        });
    }
    Ok(())
}
