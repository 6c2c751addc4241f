//! Lets the agent know what kubelet has allocated: before kubelet is answered, and with names when kubelet tells them.

use super::held::{Young, held};
use super::journal::say;
use super::offer::{Offer, Resource};
use super::pods::Pods;
use anyhow::{Context as _, anyhow};
use futures::StreamExt as _;
use sriovd_core::model::PciAddress;
use sriovd_wire::client::{Conversation, Lost, Unreachable};
use sriovd_wire::kubelet::{ALLOCATIONS, KubeletAllocate, KubeletAllocations};
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// kubelet waits meanwhile, and no other pod begins: an agent that starts again is quicker.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });
/// The agent may be at work on the disk.
const ANSWER: Duration = Duration::from_secs(30);
/// kubelet knows of a VF a moment after it was given, and has it on disk.
const YOUNG: Duration = Duration::from_millis(if cfg!(test) { 300 } else { 10_000 });
/// When to look again after something happened: kubelet's events come a little before what they tell of.
const AGAIN: [Duration; 2] = [
    Duration::from_millis(if cfg!(test) { 100 } else { 2_000 }),
    Duration::from_millis(if cfg!(test) { 400 } else { 11_000 }),
];
/// The first wait after a failure, and the longest: each is twice the one before.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// For all resources.
#[derive(Debug, Clone)]
pub(super) struct Allocated(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    agent: Conversation,
    /// VFs that were given away lately, since when. Who has it is the only one who tells the agent.
    young: Mutex<BTreeMap<PciAddress, (String, Instant)>>,
    told: Notify,
}

impl Allocated {
    pub(super) fn new(agent: Conversation) -> Self {
        Self(Arc::new(Inner {
            agent,
            young: Mutex::default(),
            told: Notify::new(),
        }))
    }

    /// Returns when it is on disk that kubelet gives these VFs to a container.
    pub(super) async fn add(
        &self,
        resource: &Resource,
        vfs: BTreeSet<PciAddress>,
    ) -> anyhow::Result<()> {
        let mut young = self.0.young.lock().await;
        let asked = KubeletAllocate {
            resource: resource.to_string(),
            vfs,
        };
        let added = self.ask(&asked).await;
        // Also what failed: the answer may have been lost.
        let since = Instant::now();
        let now = asked
            .vfs
            .iter()
            .map(|&vf| (vf, (asked.resource.clone(), since)));
        young.extend(now);
        self.0.told.notify_one();
        let names: Vec<_> = asked.vfs.iter().map(ToString::to_string).collect();
        added.with_context(|| {
            format!(
                "sriovd did not record that {resource} gives {} to a container, so it is not given",
                names.join(", ")
            )
        })
    }

    async fn ask(&self, asked: &KubeletAllocate) -> anyhow::Result<()> {
        let agent = &self.0.agent;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = agent.post::<KubeletAllocations>(ALLOCATIONS, asked);
            let error = match timeout(ANSWER, told).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error,
                Err(_) => return Err(anyhow!("it did not answer within {} s", ANSWER.as_secs())),
            };
            let is_away = error.is::<Lost>()
                || matches!(error.downcast_ref(), Some(Unreachable::NotRunning { .. }));
            let is_back = async {
                // One that is stopping still listens for a moment.
                sleep(Duration::from_millis(50)).await;
                agent.is_back().await
            };
            if !is_away || !matches!(timeout_at(deadline, is_back).await, Ok(Ok(()))) {
                return Err(error);
            }
        }
    }

    /// Tells the agent whenever kubelet may have other pods than before. At rest nobody is asked anything.
    pub(super) async fn keep(
        self,
        kubelet: PathBuf,
        mut offers: watch::Receiver<Arc<Offer>>,
    ) -> anyhow::Result<Infallible> {
        let pods = Pods::new(kubelet);
        let (mut said, mut failures) = (BTreeSet::new(), 0);
        let mut again = AGAIN.iter();
        loop {
            // Before it looks, so that nothing happens unseen.
            let changes = pods.changes();
            let offer = offers.borrow_and_update().clone();
            let done = match &changes {
                Ok(_) => self.bring_up_to_date(&pods, &offer).await,
                Err(error) => Err(anyhow!("{error:#}")),
            };
            let next = match done {
                Ok(remarks) => {
                    failures = 0;
                    remarks.difference(&said).for_each(|it| say(it));
                    said = remarks;
                    again.next().copied()
                }
                Err(error) => {
                    let what = format!("{error:#}; VFs that pods have stay theirs");
                    if said.insert(what.clone()) {
                        say(&what);
                    }
                    failures += 1;
                    Some(LONGEST_PAUSE.min(PAUSE * 2_u32.pow(failures.min(5) - 1)))
                }
            };
            let fit = offer.fit();
            let has_other_vfs = async {
                while offers.borrow_and_update().fit() == fit {
                    offers.changed().await?;
                }
                Ok::<_, watch::error::RecvError>(())
            };
            let something_happens = async {
                match changes {
                    Ok(mut changes) => drop(changes.next().await),
                    Err(_) => std::future::pending().await,
                }
            };
            let on_time = async {
                match next {
                    Some(next) => sleep(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = something_happens => {}
                () = self.0.told.notified() => {}
                changed = has_other_vfs => changed.context("nothing is followed any more")?,
                () = on_time => continue,
            }
            again = AGAIN.iter();
        }
    }

    /// What there is to say of it, in sentences.
    async fn bring_up_to_date(
        &self,
        pods: &Pods,
        offer: &Offer,
    ) -> anyhow::Result<BTreeSet<String>> {
        let mut remarks = BTreeSet::new();
        let Some(listed) = pods.listed().await? else {
            return Ok(remarks);
        };
        let on_disk = {
            let pods = pods.clone();
            spawn_blocking(move || pods.on_disk()).await??
        };
        if on_disk.given.is_none() {
            remarks.insert(format!(
                "{} is not what kubelet is known to write: a VF is taken for free when kubelet lists other pods and not its own",
                pods.checkpoint()
            ));
        }
        let agent = &self.0.agent;
        let in_time = |error| anyhow!("sriovd does not answer: {error}");
        let known = timeout(ANSWER, agent.get::<KubeletAllocations>(ALLOCATIONS)).await;
        let known = known.map_err(in_time)??.allocations;
        let mut young = self.0.young.lock().await;
        young.retain(|_, (_, since)| since.elapsed() < YOUNG);
        let now: Young = young
            .iter()
            .map(|(&vf, (resource, _))| (vf, resource.clone()))
            .collect();
        let allocations = held(&known, listed, &on_disk, &now, |vf| offer.has(vf));
        let told = KubeletAllocations { allocations };
        // Also where it is what the agent has: a VF may be another one than before.
        let told = agent.put::<KubeletAllocations>(ALLOCATIONS, &told);
        timeout(ANSWER, told).await.map_err(in_time)??;
        Ok(remarks)
    }
}
