//! Puts what files say together into one set in which every name is unique.

use super::directory::WEAKEST_FILE;
use super::read::{Content, Tree, Trust, read};
use super::{FileState, LastGood, Loaded, LoadedFile, POSTED, SOURCES};
use sriovd_core::model::{NetworkName, PolicyName, ResourceName};
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::reader::nearest;
use sriovd_core::policy::{Network, Origin, Policy};
use sriovd_host::file::apart::Apart;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) struct Assembly<'l> {
    pub(super) apart: Apart,
    /// What was read of files whose directories were listed.
    pub(super) contents: BTreeMap<PathBuf, Content>,
    pub(super) trust: Trust,
    pub(super) last_good: &'l LastGood,
    pub(super) loaded: Loaded,
    pub(super) policies: BTreeMap<PolicyName, Origin>,
    pub(super) networks: BTreeMap<NetworkName, Origin>,
    /// Policies by who wrote them, each in reading order.
    by_rank: BTreeMap<Rank, Vec<Policy>>,
    /// What to say of a network if no policy forms its pool.
    pub(super) pools_wanted: Vec<(ResourceName, Diagnostic)>,
}

/// Who wrote something, the weakest first: at equal priority what is read later is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Somebody over the API of vf-operator.
    Posted,
    /// A program that puts a source.
    Source,
    /// An administrator, in a policy file.
    Written,
}

impl Rank {
    pub(super) fn of_directory(directory: &Path) -> Self {
        match directory.file_name() {
            Some(name) if name == POSTED => Self::Posted,
            Some(name) if name == SOURCES => Self::Source,
            _ => Self::Written,
        }
    }

    fn of_file(path: &Path) -> Self {
        match path.parent().map_or(Self::Written, Self::of_directory) {
            Self::Source if path.file_name() == Some(WEAKEST_FILE.as_ref()) => Self::Posted,
            rank => rank,
        }
    }
}

impl<'l> Assembly<'l> {
    pub(super) fn new(apart: Apart, trust: Trust, last_good: &'l LastGood) -> Self {
        Self {
            apart,
            contents: BTreeMap::new(),
            trust,
            last_good,
            loaded: Loaded::default(),
            policies: BTreeMap::new(),
            networks: BTreeMap::new(),
            by_rank: BTreeMap::new(),
            pools_wanted: Vec::new(),
        }
    }

    pub(super) fn content(&mut self, tree: &Tree, path: &Path) -> Content {
        let listed = self.contents.remove(path);
        listed.unwrap_or_else(|| read(tree, path, self.trust))
    }

    pub(super) fn note_unread(&mut self) {
        self.loaded.is_incomplete = true;
    }

    pub(super) fn finish(mut self) -> Loaded {
        self.loaded.set.policies = self.by_rank.into_values().flatten().collect();
        let formed = self.loaded.set.resources();
        let names: Vec<&str> = formed.iter().map(|name| name.as_str()).collect();
        for (resource, diagnostic) in self.pools_wanted {
            if formed.contains(&resource) {
                continue;
            }
            self.loaded
                .diagnostics
                .push(match nearest(resource.as_str(), &names) {
                    Some(near) => diagnostic.suggesting(format!("did you mean \"{near}\"?")),
                    None => diagnostic,
                });
        }
        self.loaded
    }

    pub(super) fn record(&mut self, path: PathBuf, state: FileState) {
        self.loaded.files.push(LoadedFile { path, state });
    }

    pub(super) fn add_policy(&mut self, path: &Path, policy: Policy) {
        let (name, origin) = (policy.name.clone(), policy.origin.clone());
        self.policies.insert(name, origin);
        self.by_rank
            .entry(Rank::of_file(path))
            .or_default()
            .push(policy);
    }

    pub(super) fn add_network(&mut self, network: Network) {
        let (name, origin) = (network.name.clone(), network.origin.clone());
        self.networks.insert(name, origin);
        self.loaded.set.networks.push(network);
    }
}
