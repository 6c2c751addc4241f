//! The loop: what is heard changes what is known, and whoever leads writes what differs.

use super::act;
use super::decide::cluster::Cluster;
use super::decide::object::{Object, Watched};
use super::decide::write::{How, Write};
use super::decide::{Memory, Settings, decide};
use super::lead::{self, Leading};
use super::watch::{Heard, watch};
use crate::api::{now, words};
use anyhow::Context as _;
use futures::StreamExt as _;
use futures::stream::select_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch as channel;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Changes come several at a time.
const GATHERED: Duration = Duration::from_millis(100);
/// After a write that failed.
const RETRIED: Duration = Duration::from_secs(5);

/// Runs until it is told to end.
pub(super) async fn run(client: Client, settings: Settings, me: String) -> anyhow::Result<()> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), &settings.namespace);
    let (leading, led) = channel::channel(None);
    let mut terminate = signal(SignalKind::terminate()).context("cannot await SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot await SIGINT")?;
    let controller = Controller {
        client,
        settings,
        led,
        cluster: Cluster::default(),
        memory: Memory::default(),
        was_leading: false,
        due: None,
    };
    tokio::select! {
        () = lead::strive(leases.clone(), me.clone(), leading) => {}
        () = controller.serve() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Nothing is written any more: another may begin.
    if let Err(error) = lead::give_back(&leases, &me).await {
        tracing::warn!("cannot give back the leadership: {error}");
    }
    Ok(())
}

struct Controller {
    client: Client,
    settings: Settings,
    led: channel::Receiver<Leading>,
    cluster: Cluster,
    memory: Memory,
    was_leading: bool,
    /// When to decide next.
    due: Option<Instant>,
}

impl Controller {
    async fn serve(mut self) {
        let kinds = Watched::ALL.into_iter();
        let all = kinds.map(|kind| watch(self.client.clone(), kind, &self.settings.namespace));
        let mut all = select_all(all);
        loop {
            let due = self.due.filter(|_| self.leads().is_some());
            let moment = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                heard = all.next() => match heard {
                    Some(heard) => self.hear(heard),
                    None => return,
                },
                changed = self.led.changed() => match changed {
                    Ok(()) => self.leadership(),
                    Err(_) => return,
                },
                () = moment => self.decide().await,
            }
        }
    }

    fn leads(&self) -> Leading {
        let until = *self.led.borrow();
        until.filter(|until| Instant::now() < *until)
    }

    fn leadership(&mut self) {
        let leads = self.leads().is_some();
        if leads != self.was_leading {
            tracing::info!("{}", if leads { "leads" } else { "does not lead" });
            self.was_leading = leads;
            // What another has told since is not known here.
            self.memory = Memory::default();
            self.sooner(Instant::now());
        }
    }

    fn sooner(&mut self, moment: Instant) {
        self.due = Some(self.due.map_or(moment, |due| due.min(moment)));
    }

    fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Listed(kind, listed) => self.cluster.list(kind, listed),
            Heard::Gone(kind, last) => self.cluster.remove(kind, &last),
            Heard::Put(kind, object) => {
                let name = object.name();
                let old = self.cluster.of(kind).get(&name);
                // Somebody has taken from it what it was told.
                let is_changed =
                    old.is_some_and(|old| object.is_newer_than(old) && old.status != object.status);
                if is_changed {
                    self.memory.tell_again(kind, &name);
                }
                self.cluster.put(kind, object);
            }
        }
        self.sooner(Instant::now() + GATHERED);
    }

    async fn decide(&mut self) {
        self.due = None;
        let decision = decide(&self.cluster, &self.settings, &mut self.memory, now());
        if let Some(again) = decision.again {
            let wait = again.since_1970().saturating_sub(now().since_1970());
            self.sooner(Instant::now() + wait);
        }
        let mut has_failed = false;
        for write in &decision.writes {
            let Some(until) = self.leads() else {
                // What was not written was not told either.
                self.memory = Memory::default();
                return;
            };
            let written = timeout_at(until, act::write(&self.client, write)).await;
            match written.unwrap_or(Err(kube::Error::Service("no answer in time".into()))) {
                Ok(object) => {
                    tracing::info!("did {write}");
                    self.written(write, object).await;
                }
                Err(error) => {
                    tracing::warn!("cannot {write}: {}", words(&error));
                    has_failed |= self.failed(write, &error);
                }
            }
        }
        if has_failed {
            self.sooner(Instant::now() + RETRIED);
        } else if !decision.writes.is_empty() {
            self.sooner(Instant::now());
        }
    }

    /// What it has become is known from the answer, before it is heard.
    async fn written(&mut self, write: &Write, object: Option<kube::api::DynamicObject>) {
        let object = object.and_then(|it| serde_json::to_value(it).ok());
        match object.and_then(|it| Object::of(write.kind, &it)) {
            Some(object) => self.cluster.put(write.kind, object),
            None => self.cluster.forget(write.kind, &write.name),
        }
        if let Some(event) = &write.event
            && let Err(error) = act::publish(&self.client, event).await
        {
            tracing::warn!(
                "cannot tell of {} {}: {}",
                write.kind.kind(),
                write.name,
                words(&error)
            );
        }
    }

    /// Whether to try again even if nothing is heard.
    fn failed(&mut self, write: &Write, error: &kube::Error) -> bool {
        if let Some(owner) = &write.owner {
            self.memory.refuse(owner, words(error), now());
            self.sooner(Instant::now());
            return false;
        }
        if let How::ApplyStatus(_) = write.how {
            self.memory.tell_again(write.kind, &write.name);
        }
        true
    }
}
