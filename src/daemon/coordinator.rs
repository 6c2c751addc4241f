//! The state of the daemon, and what each message does to it. Nothing here blocks.

use super::ledger::StateLedger;
use super::listing::Listing;
use super::loading::{Load, Loading};
use super::outputs::{Published, Publisher};
use super::pausing::Current;
use super::slot::{Deadlines, Retry, Slot, Waiting, tell_done};
use super::{Message, announce, device_plugin};
use crate::agent::Settings;
use crate::api::{self, Feed, Remembers, Request, Tls, View};
use crate::attach::Lender;
use crate::events::Cause;
use crate::file;
use crate::host::Host;
use crate::model::{NetworkName, Node, PciAddress};
use crate::plan::Memory;
use crate::policy::PolicySet;
use crate::policy::load::Loaded;
use crate::render::HeldBack;
use crate::report::{Status, TakenVf};
use crate::state::Store;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// What work on other threads needs: cheap to clone, never changed in place.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) host: Arc<dyn Host>,
    pub(super) lender: Lender,
    pub(super) store: Arc<Store>,
    pub(super) ledger: StateLedger,
    pub(super) settings: Arc<Settings>,
    pub(super) root: Arc<PathBuf>,
    pub(super) node: Arc<Node>,
    pub(super) policies: Arc<PolicySet>,
    pub(super) feed: Feed,
    /// Where other hosts can ask.
    pub(super) tls: Option<Tls>,
}

impl Shared {
    pub(super) fn state_dir(&self) -> PathBuf {
        file::under(&self.root, &self.settings.state_dir)
    }
}

impl Remembers for Store {
    fn memory(&self) -> Arc<Memory> {
        self.memory()
    }
}

/// What somebody asked for, beside which PFs it is for.
struct Wish {
    by_name: bool,
    force: bool,
    by: String,
}

pub(super) struct Coordinator {
    pub(super) shared: Shared,
    pub(super) messages: mpsc::Sender<Message>,
    /// What is known, for everyone: replaced, never changed in place.
    pub(super) view: watch::Sender<Arc<View>>,
    pub(super) paused: Current,
    /// Who waits for everything to be done.
    settling: Vec<oneshot::Sender<()>>,
    pub(super) slots: BTreeMap<PciAddress, Slot>,
    pub(super) loaded: Option<Loaded>,
    pub(super) loading: Loading,
    pub(super) listing: Listing,
    pub(super) publisher: Publisher,
    pub(super) held_back: Vec<HeldBack>,
    /// The VF that each network has, as it was published last.
    pub(super) given: BTreeMap<NetworkName, PciAddress>,
    announced: announce::Outputs,
    collection: announce::Collection,
    /// PFs of the first look that have not had their first pass.
    pub(super) first_look: Option<BTreeSet<PciAddress>>,
    pub(super) stopping: bool,
    /// Nothing is changed and nothing written yet.
    pub(super) only_looks: bool,
}

impl Coordinator {
    pub(super) fn new(shared: Shared, messages: mpsc::Sender<Message>) -> Self {
        let remembered = shared.store.memory().pauses.clone();
        Self {
            paused: Current::new(remembered),
            settling: Vec::new(),
            shared,
            messages,
            view: watch::Sender::new(Arc::new(View {
                status: Arc::new(Status {
                    starting: true,
                    ..Status::default()
                }),
                ..View::default()
            })),
            slots: BTreeMap::new(),
            loaded: None,
            loading: Loading::default(),
            listing: Listing::default(),
            publisher: Publisher::default(),
            held_back: Vec::new(),
            given: BTreeMap::new(),
            announced: announce::Outputs::default(),
            collection: announce::Collection::default(),
            first_look: None,
            stopping: false,
            only_looks: false,
        }
    }

    pub(super) fn on_message(&mut self, message: Message) {
        match message {
            Message::Pass {
                pf,
                outcome,
                allocated,
                collected,
            } => {
                self.collection.announce(&collected);
                self.on_pass(pf, *outcome, allocated);
            }
            Message::Listed {
                listed,
                collected,
                waiting,
            } => {
                self.collection.announce(&collected);
                self.on_listed(listed, &waiting);
            }
            Message::Node { node, cause } => self.on_node(node, &cause),
            Message::Loaded {
                loaded,
                cause,
                unsaved,
                tls,
            } => {
                self.loading.note_tls(tls);
                self.on_loaded(*loaded, &cause, unsaved.as_ref());
            }
            Message::Published(published) => self.on_published(*published),
            Message::Looked(drifted) => self.on_looked(&drifted),
        }
        self.tell_settled();
    }

    pub(super) fn on_request(&mut self, request: Request) {
        match request {
            Request::Apply {
                pfs,
                by_name,
                force,
                by,
                done,
            } => self.on_apply(&pfs, &Wish { by_name, force, by }, done),
            Request::Reload { by, done } => {
                self.load_policies(Load::asked_for(Cause::Request { by }, done));
            }
            Request::Settle { done } => {
                self.settling.push(done);
                self.tell_settled();
            }
            Request::Pause { scope, pause, done } => self.pause(scope, &pause, done),
            Request::Resume { scope, by, done } => self.resume(scope, &by, done),
        }
    }

    fn on_published(&mut self, published: Published) {
        self.held_back.clone_from(&published.held_back);
        self.given.clone_from(&published.given);
        // What an agent before us has not come to is done now.
        let plugin = self.publisher.is_first()
            || published.has_changed(&self.shared.settings.outputs.device_plugin_file);
        self.publisher.drift.note(&published);
        let contested = self.publisher.drift.contested();
        let node_state = &self.shared.settings.outputs.node_state_file;
        self.announced
            .announce(&published, contested, node_state, &self.shared.feed);
        self.publisher.ended(published);
        self.publish_if_wanted();
        self.look_at_suspects();
        self.refresh_status();
        let outputs = &self.shared.settings.outputs;
        if let Some(unit) = outputs.device_plugin_unit.clone().filter(|_| plugin) {
            device_plugin::request(&self.shared.root, unit);
        }
    }

    pub(super) fn api_state(&self, requests: mpsc::Sender<Request>) -> api::State {
        api::State {
            view: self.view.subscribe(),
            host: Arc::clone(&self.shared.host),
            memory: Arc::<Store>::clone(&self.shared.store),
            requests,
            feed: self.shared.feed.clone(),
            admin_group: self.shared.settings.api.admin_group.clone(),
        }
    }

    pub(super) fn status_now(&self) -> Status {
        (*self.view.borrow().status).clone()
    }

    /// The sentence for `STATUS=`.
    pub(super) fn summary(&self) -> String {
        self.view.borrow().status.summary.clone()
    }

    pub(super) fn start_deadline(&self) -> Duration {
        self.shared.settings.limits.start_deadline
    }

    /// No new pass, and those at work end with the step at hand.
    pub(super) fn stop(&mut self) {
        self.stopping = true;
        for running in self.slots.values().filter_map(|slot| slot.running.as_ref()) {
            running.watched.cancel();
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        let stuck = |slot: &Slot| slot.running.as_ref().is_some_and(|run| run.hung.is_none());
        self.slots.values().any(stuck) || self.publisher.is_at_work()
    }

    pub(super) fn tell_settled(&mut self) {
        if !self.settling.is_empty() && !self.is_busy() && !self.is_loading() {
            for done in self.settling.drain(..) {
                tell_done(done, ());
            }
        }
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        let limits = &self.shared.settings.limits;
        Deadlines {
            step: limits.step_deadline,
            num_vfs: limits.numvfs_deadline,
        }
    }

    /// Passes over some PFs, and a word when they are all over.
    fn on_apply(&mut self, pfs: &[PciAddress], wish: &Wish, done: oneshot::Sender<Vec<TakenVf>>) {
        // Also what no pass sees.
        self.publisher.mark_all_by_wish();
        let mut waits = Vec::new();
        for &pf in pfs {
            let (told, wait) = oneshot::channel();
            waits.push(wait);
            let cause = Cause::Request {
                by: wish.by.clone(),
            };
            self.ask(
                pf,
                Waiting {
                    force: wish.force,
                    though_paused: wish.by_name,
                    retry: Retry::Everything,
                    tell: vec![told],
                    ..Waiting::new(cause)
                },
            );
        }
        tokio::spawn(async move {
            let taken = futures::future::join_all(waits).await;
            tell_done(done, taken.into_iter().flatten().flatten().collect());
        });
    }
}
