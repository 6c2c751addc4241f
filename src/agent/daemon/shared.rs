//! What work on other threads needs: the host, what is remembered, the settings, and what is in force.

use super::journal;
use super::ledger::StateLedger;
use crate::api::{Feed, Remembers, Tls};
use crate::settings::Settings;
use crate::state::Store;
use crate::state::last_seen::LastSeen;
use anyhow::Context;
use sriovd_core::host::Host;
use sriovd_core::memory::Memory;
use sriovd_core::model::Node;
use sriovd_core::policy::PolicySet;
use sriovd_core::reconcile::Addresses;
use sriovd_host::file;
use sriovd_host::file::apart::Apart;
use sriovd_host::linux::LinuxHost;
use sriovd_plugins::attach::Allocator;
use std::path::PathBuf;
use std::sync::Arc;

/// What work on other threads needs: cheap to clone, never changed in place.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) host: Arc<dyn Host>,
    pub(super) allocator: Allocator,
    pub(super) store: Arc<Store>,
    pub(super) ledger: StateLedger,
    pub(super) last_seen: Arc<LastSeen>,
    /// Where outputs lie.
    pub(super) apart: Apart,
    pub(super) addresses: Arc<Addresses>,
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

/// As the settings say, on this host.
pub(super) fn shared(settings: Settings, root: PathBuf, apart: Apart) -> anyhow::Result<Shared> {
    let host: Arc<dyn Host> = Arc::new(LinuxHost::with_apart(root.clone(), apart.clone()));
    let found = host.node().context("cannot tell which host this is")?;
    let node = settings.node.of(found);
    let (store, lost) = Store::open(&file::under(&root, &settings.state_dir), apart.clone());
    if let Some(lost) = &lost {
        journal::state_lost(&lost.path, lost);
    }
    for entry in &store.not_understood() {
        journal::state_entry_refused(entry);
    }
    let store = Arc::new(store);
    let ledger = StateLedger::new(Arc::clone(&store), &root, lost.is_some());
    let after_boot = !ledger.has_marks();
    drop(store.update(|memory| memory.start(&node.kernel, after_boot)));
    if let Err(error) = ledger.restore_marks() {
        journal::state_not_saved(&error);
    }
    Ok(Shared {
        allocator: Allocator::new(root.clone()),
        tls: None,
        feed: Feed::new().context("cannot set up counters")?,
        host,
        last_seen: Arc::new(LastSeen::below(&root)),
        store,
        ledger,
        apart,
        addresses: Arc::default(),
        settings: Arc::new(settings),
        root: Arc::new(root),
        node: Arc::new(node),
        policies: Arc::new(PolicySet::default()),
    })
}
