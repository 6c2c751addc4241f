//! What the API works with, and what it asks the daemon for.

use super::feed::Feed;
use sriovd_core::host::Host;
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{Node, PciAddress};
use sriovd_core::policy::PolicySet;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::report::{KnownPf, Pause, Seen, Status, TakenVf};
use sriovd_host::file::apart::Apart;
use sriovd_host::linux::kubelet::KubeletRecords;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

/// Something that only the daemon's loop can do.
#[derive(Debug)]
pub enum Request {
    /// A pass over some PFs.
    Apply {
        /// The PFs.
        pfs: Vec<PciAddress>,
        /// They were named, so that a pause is no obstacle.
        by_name: bool,
        /// Take away VFs that are in use.
        force: bool,
        /// The user who asks.
        by: String,
        /// Told when all passes are over, with the VFs that were taken away.
        done: oneshot::Sender<Vec<TakenVf>>,
    },
    /// Read the policies again.
    Reload {
        /// The user who asks.
        by: String,
        /// Told when they are read, and in force where they are good.
        done: oneshot::Sender<()>,
    },
    /// Wait.
    Settle {
        /// Told when nothing is at work and everything is written.
        done: oneshot::Sender<()>,
    },
    /// Hold changes.
    Pause {
        /// Of which PFs.
        scope: PauseScope,
        /// Until when, and the user who asks.
        pause: Pause,
        /// Told when the pause is in force, and whether it will survive a restart.
        done: oneshot::Sender<Result<(), String>>,
    },
    /// End pauses.
    Resume {
        /// Of which PFs.
        scope: PauseScope,
        /// The user who asks.
        by: String,
        /// Told when they are over, and whether that will survive a restart.
        done: oneshot::Sender<Result<(), String>>,
    },
}

/// All that the agent knows at one moment: one value that is replaced and never changed in place.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The PFs and VFs.
    pub world: Arc<World<KnownPf>>,
    /// How that is told to people, with networks, files and pauses.
    pub status: Arc<Status>,
    /// The node as the settings name it, which is what policies see.
    pub node: Arc<Node>,
    /// The policies and networks in force.
    pub policies: Arc<PolicySet>,
    /// What has become of each source, as of the last reading.
    pub sources: Arc<Vec<SourceReport>>,
}

impl View {
    /// What the last pass over each PF saw.
    pub fn seen(&self) -> impl Iterator<Item = (PciAddress, &Arc<Seen>)> {
        let pfs = self.world.pfs().iter();
        pfs.filter_map(|(&address, pf)| Some((address, pf.seen.as_ref()?)))
    }
}

/// What the agent remembers over restarts, from where it is kept.
pub trait Remembers: Send + Sync {
    /// As it is now.
    fn memory(&self) -> Arc<Memory>;
}

impl Remembers for Memory {
    fn memory(&self) -> Arc<Memory> {
        Arc::new(self.clone())
    }
}

/// Which PFs a pause is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PauseScope {
    /// All, also those that come later.
    All,
    /// These.
    Pfs(Vec<PciAddress>),
}

/// What the API works with. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct State {
    /// What the agent knows, always the newest.
    pub view: watch::Receiver<Arc<View>>,
    /// The host, for answers that need a look at it.
    pub host: Arc<dyn Host>,
    /// What the agent remembers.
    pub memory: Arc<dyn Remembers>,
    /// What only the daemon's loop can do is asked for here.
    pub requests: mpsc::Sender<Request>,
    /// Everything that happens.
    pub feed: Feed,
    /// Its members may change what others may only read.
    pub admin_group: Option<String>,
    /// Where sources are kept.
    pub sources: Sources,
    /// What kubelet has allocated.
    pub kubelet: Kubelet,
}

/// The daemon answers no more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is stopping")]
pub struct Stopping;

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl State {
    /// What the agent knows now.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// An error where the daemon takes no more requests, so that what needs one is not begun.
    pub fn is_running(&self) -> Result<(), Stopping> {
        match self.requests.is_closed() {
            true => Err(Stopping),
            false => Ok(()),
        }
    }

    /// Sends a request to the daemon's loop and waits for its answer.
    pub async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Stopping> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(reply)).await;
        sent.map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }
}

/// The records of what kubelet has allocated, and one change of them at a time.
#[derive(Debug, Clone)]
pub struct Kubelet {
    pub(super) records: KubeletRecords,
    pub(super) apart: Apart,
    pub(super) changing: Arc<Mutex<()>>,
}

impl Kubelet {
    /// Those of the host whose files are below `root`; `apart` is for work on them.
    pub fn new(root: PathBuf, apart: Apart) -> Self {
        Self {
            records: KubeletRecords::new(root, apart.clone()),
            apart,
            changing: Arc::default(),
        }
    }
}

/// Where sources are kept, and one change of them at a time.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(super) directory: PathBuf,
    pub(super) apart: Apart,
    pub(super) changing: Arc<Mutex<()>>,
}

impl Sources {
    /// `directory` is one of those that policies are loaded from; `apart` is for work in it.
    pub fn new(directory: PathBuf, apart: Apart) -> Self {
        Self {
            directory,
            apart,
            changing: Arc::default(),
        }
    }
}
