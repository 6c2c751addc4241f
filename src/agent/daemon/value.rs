//! The value that the functions of the daemon work on: what it knows, what is at work, what waits.

use super::announce;
use super::identity::NodeReading;
use super::listing::Listing;
use super::loading::Loading;
use super::message::Message;
use super::paused::Current;
use super::publisher::Publisher;
use super::shared::Shared;
use super::slot::{Deadlines, Slot};
use crate::api::View;
use crate::load::Loaded;
use sriovd_core::model::world::World;
use sriovd_core::model::{NetworkName, PciAddress};
use sriovd_core::policy::source::SourceReport;
use sriovd_core::render::HeldBack;
use sriovd_core::report::{Pauses, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// One for the life of the process; changed on the loop's thread alone.
pub(super) struct Daemon {
    pub(super) shared: Shared,
    pub(super) messages: mpsc::Sender<Message>,
    /// What is known, for everyone: replaced, never changed in place.
    pub(super) view: watch::Sender<Arc<View>>,
    /// Whether the bridges of Open vSwitch matter.
    pub(super) bridges: watch::Sender<bool>,
    /// Something may be another than `view` says.
    pub(super) has_news: bool,
    pub(super) paused: Current,
    /// Who waits for everything to be done.
    pub(super) settling: Vec<oneshot::Sender<()>>,
    pub(super) slots: BTreeMap<PciAddress, Slot>,
    pub(super) loaded: Option<Loaded>,
    /// Those of what is loaded, to be pointed to.
    pub(super) sources: Arc<Vec<SourceReport>>,
    pub(super) loading: Loading,
    pub(super) listing: Listing,
    pub(super) node: NodeReading,
    pub(super) publisher: Publisher,
    pub(super) held_back: Vec<HeldBack>,
    /// The VF that each network has, as it was published last.
    pub(super) given: BTreeMap<NetworkName, PciAddress>,
    pub(super) announced: announce::AnnouncedOutputs,
    pub(super) collection: announce::Collection,
    /// PFs of the first look that have not had their first pass.
    pub(super) first_look: Option<BTreeSet<PciAddress>>,
    pub(super) stopping: bool,
    /// Nothing is changed and nothing written yet.
    pub(super) only_looks: bool,
}

impl Daemon {
    pub(super) fn new(shared: Shared, messages: mpsc::Sender<Message>) -> Self {
        let remembered = shared.store.memory().pauses.clone();
        Self {
            paused: Current::new(remembered),
            settling: Vec::new(),
            shared,
            messages,
            view: watch::Sender::new(Arc::new(View {
                world: Arc::new(World::starting()),
                status: Arc::new(Status {
                    starting: true,
                    ..Status::default()
                }),
                ..View::default()
            })),
            bridges: watch::Sender::new(false),
            has_news: false,
            slots: BTreeMap::new(),
            loaded: None,
            sources: Arc::default(),
            loading: Loading::default(),
            listing: Listing::default(),
            node: NodeReading::default(),
            publisher: Publisher::default(),
            held_back: Vec::new(),
            given: BTreeMap::new(),
            announced: announce::AnnouncedOutputs::default(),
            collection: announce::Collection::default(),
            first_look: None,
            stopping: false,
            only_looks: false,
        }
    }

    pub(super) fn is_busy(&self) -> bool {
        let stuck = |slot: &Slot| slot.running.as_ref().is_some_and(|run| run.hung.is_none());
        self.slots.values().any(stuck) || self.publisher.is_at_work()
    }

    pub(super) fn is_loading(&self) -> bool {
        self.loading.at_work.is_some()
    }

    pub(super) fn is_starting(&self) -> bool {
        !self.first_look.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// The first look is over: every PF that was there has had a pass, and the outputs are written.
    pub(super) fn is_ready(&self) -> bool {
        self.first_look.as_ref().is_some_and(BTreeSet::is_empty) && self.publisher.is_idle()
    }

    pub(super) fn pauses(&self) -> Pauses {
        self.paused.read(Pauses::clone)
    }

    pub(super) fn deadlines(&self) -> Deadlines {
        let limits = &self.shared.settings.limits;
        Deadlines {
            step: limits.step_deadline,
            num_vfs: limits.numvfs_deadline,
        }
    }

    pub(super) fn status_now(&self) -> Status {
        (*self.view.borrow().status).clone()
    }

    /// The sentence for `STATUS=`.
    pub(super) fn summary(&self) -> String {
        self.view.borrow().status.summary.clone()
    }
}
