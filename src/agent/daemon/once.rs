//! One pass by a process of its own, where no daemon runs: then it is over.

use super::message::{MESSAGE_QUEUE, Message};
use super::outputs::publish;
use super::shared::shared;
use super::slot::Slot;
use super::sole::SoleAgent;
use super::timers::{next_time, until};
use super::turn::{Event, turn};
use super::value::Daemon;
use crate::api::{Applied, Request};
use crate::settings::Settings;
use anyhow::Context;
use sriovd_core::model::PciAddress;
use sriovd_host::file::apart::Apart;
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
        let mut daemon = Daemon::new(shared(settings, root, Apart::default())?, messages);
        daemon.only_looks = true;
        turn(&mut daemon, Event::Start);
        work(&mut daemon, &mut finished, has_looked).await?;
        if let Some(error) = &daemon.loading.in_doubt {
            anyhow::bail!("what was in force before is not known, and not every policy file can be used: {error}");
        }
        if let Some(error) = &daemon.listing.error {
            anyhow::bail!("the PCI devices of this host cannot be listed: {error}");
        }
        daemon.only_looks = false;
        let (done, taken) = oneshot::channel();
        publish(&mut daemon);
        let pfs = find(&daemon, names)?;
        let apply = Request::Apply {
            pfs,
            by_name: true,
            force,
            by: "sriovctl".to_owned(),
            done,
        };
        turn(&mut daemon, Event::Request(apply));
        work(&mut daemon, &mut finished, |it| !it.is_busy()).await?;
        Ok(Applied {
            status: daemon.status_now(),
            taken: taken.await.unwrap_or_default(),
        })
    });
    // A kernel call that hangs must not hold the exit.
    runtime.shutdown_background();
    result
}

/// Takes what comes, and what does not come in time.
async fn work(
    daemon: &mut Daemon,
    finished: &mut Receiver<Message>,
    is_over: impl Fn(&Daemon) -> bool,
) -> anyhow::Result<()> {
    while !is_over(daemon) {
        tokio::select! {
            message = finished.recv() => {
                turn(daemon, Event::Message(message.context("nobody works any more")?));
            }
            () = until(next_time(daemon)) => turn(daemon, Event::Time(Instant::now())),
        }
    }
    Ok(())
}

fn has_looked(daemon: &Daemon) -> bool {
    let is_at_work = |slot: &Slot| slot.running.is_some() && !slot.is_hung();
    let is_listed = daemon.first_look.is_some() || daemon.listing.error.is_some();
    (is_listed || daemon.loading.in_doubt.is_some()) && !daemon.slots.values().any(is_at_work)
}

fn find(daemon: &Daemon, names: &[String]) -> anyhow::Result<Vec<PciAddress>> {
    if names.is_empty() {
        let pauses = daemon.pauses();
        let pfs = daemon.slots.keys().copied();
        return Ok(pfs.filter(|&pf| pauses.of(pf).is_none()).collect());
    }
    let is = |slot: &Slot, name: &str| {
        let seen = slot.seen.as_ref();
        let interface = seen.and_then(|seen| seen.pf.interface.as_ref());
        interface.is_some_and(|interface| interface.name.as_str() == name)
    };
    let find = |name: &String| {
        let mut slots = daemon.slots.iter();
        let by_name = slots.find(|(_, slot)| is(slot, name));
        let address = by_name.map(|(&pf, _)| pf).or_else(|| name.parse().ok());
        let known = address.filter(|pf| daemon.slots.contains_key(pf));
        known.with_context(|| {
            format!("{name:?} is neither the address nor the interface of a PF here")
        })
    };
    names.iter().map(find).collect()
}
