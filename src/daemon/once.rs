//! One pass by a process of its own, where no daemon runs: then it is over.

use super::coordinator::Coordinator;
use super::slot::Slot;
use super::sole::SoleAgent;
use super::{MESSAGE_QUEUE, Message, shared};
use crate::agent::Settings;
use crate::api::{Applied, Request};
use crate::events::Cause;
use crate::model::PciAddress;
use anyhow::Context;
use std::path::PathBuf;
use std::time::Instant;
use tokio::sync::mpsc::{self, Receiver};
use tokio::sync::oneshot;

/// `names`: addresses or interfaces; none means all PFs that are not paused.
pub fn apply(
    settings: Settings,
    root: PathBuf,
    names: &[String],
    force: bool,
) -> anyhow::Result<Applied> {
    let _sole = SoleAgent::of(&root, "sriovctl apply")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(async {
        let (messages, mut finished) = mpsc::channel(MESSAGE_QUEUE);
        let mut coordinator = Coordinator::new(shared(settings, root)?, messages);
        coordinator.only_looks = true;
        coordinator.load_policies(Cause::Start);
        work(&mut coordinator, &mut finished, Coordinator::has_looked).await?;
        if let Some(error) = &coordinator.loading.in_doubt {
            anyhow::bail!("what was in force before is not known, and not every policy file can be used: {error}");
        }
        if let Some(error) = &coordinator.listing.error {
            anyhow::bail!("the PCI devices of this host cannot be listed: {error}");
        }
        coordinator.only_looks = false;
        let (done, taken) = oneshot::channel();
        coordinator.publish();
        let pfs = coordinator.find(names)?;
        coordinator.on_request(Request::Apply {
            pfs,
            by_name: true,
            force,
            by: "sriovctl".to_owned(),
            done,
        });
        work(&mut coordinator, &mut finished, |it| !it.is_busy()).await?;
        Ok(Applied {
            status: coordinator.status_now(),
            taken: taken.await.unwrap_or_default(),
        })
    });
    // A kernel call that hangs must not hold the exit.
    runtime.shutdown_background();
    result
}

/// Takes what comes, and what does not come in time.
async fn work(
    coordinator: &mut Coordinator,
    finished: &mut Receiver<Message>,
    is_over: impl Fn(&Coordinator) -> bool,
) -> anyhow::Result<()> {
    while !is_over(coordinator) {
        tokio::select! {
            message = finished.recv() => {
                coordinator.on_message(message.context("nobody works any more")?);
            }
            () = super::until(coordinator.next_time()) => coordinator.on_time(Instant::now()),
        }
    }
    Ok(())
}

impl Coordinator {
    fn has_looked(&self) -> bool {
        let is_at_work = |slot: &Slot| slot.running.is_some() && !slot.is_hung();
        let is_listed = self.first_look.is_some() || self.listing.error.is_some();
        (is_listed || self.loading.in_doubt.is_some()) && !self.slots.values().any(is_at_work)
    }

    fn find(&self, names: &[String]) -> anyhow::Result<Vec<PciAddress>> {
        if names.is_empty() {
            let pauses = self.pauses();
            let pfs = self.slots.keys().copied();
            return Ok(pfs.filter(|&pf| pauses.of(pf).is_none()).collect());
        }
        let is = |slot: &Slot, name: &str| {
            let seen = slot.seen.as_ref();
            let interface = seen.and_then(|seen| seen.pf.interface.as_ref());
            interface.is_some_and(|interface| interface.name.as_str() == name)
        };
        let find = |name: &String| {
            let mut slots = self.slots.iter();
            let by_name = slots.find(|(_, slot)| is(slot, name));
            let address = by_name.map(|(&pf, _)| pf).or_else(|| name.parse().ok());
            let known = address.filter(|pf| self.slots.contains_key(pf));
            known.with_context(|| {
                format!("{name:?} is neither the address nor the interface of a PF here")
            })
        };
        names.iter().map(find).collect()
    }
}
