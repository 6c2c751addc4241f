//! Puts files together, in reading order, into one set in which every name is unique.

use super::directory::{Closed, Listing, is_policy_file, list};
use super::read::{Content, Tree, Trust, read};
use super::sources::{WEAKEST_FILE, is_source, is_source_file};
use super::{FileState, LastGood, Loaded, LoadedFile, POSTED, SOURCES};
use sriovd_core::model::{NetworkName, PolicyName, ResourceName};
use sriovd_core::policy::diagnostic::{Diagnostic, SourceText};
use sriovd_core::policy::file::{FileContent, ItemSpans, parse};
use sriovd_core::policy::reader::nearest;
use sriovd_core::policy::{Network, Origin, Policy};
use sriovd_host::file::apart::Apart;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub(super) struct Assembly<'l> {
    apart: Apart,
    /// What was read of files whose directories were listed.
    contents: BTreeMap<PathBuf, Content>,
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
enum Rank {
    /// Somebody over the API of vf-operator.
    Posted,
    /// A program that puts a source.
    Source,
    /// An administrator, in a policy file.
    Written,
}

impl Rank {
    fn of_directory(directory: &Path) -> Self {
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

    /// Of files with the same name, that in the first directory counts. What the administrator wrote
    /// comes first, so that the names of all others give way.
    pub(super) fn add_directories(&mut self, tree: &Tree, dirs: &[PathBuf]) {
        let of = |rank: Rank| {
            let dirs = dirs.iter().filter(|dir| Rank::of_directory(dir) == rank);
            dirs.cloned().collect::<Vec<_>>()
        };
        self.add_all_of(tree, &of(Rank::Written), is_policy_file);
        self.add_all_of(tree, &of(Rank::Source), is_source_file);
        let told = self.loaded.diagnostics.len();
        self.add_all_of(tree, &of(Rank::Posted), is_policy_file);
        // Nobody else can write where the agent keeps what it must remember.
        if self.trust == Trust::WarnOnly {
            let warnings = self.loaded.diagnostics.split_off(told);
            let errors = warnings.into_iter().filter(Diagnostic::is_error);
            self.loaded.diagnostics.extend(errors);
        }
    }

    fn add_all_of(&mut self, tree: &Tree, dirs: &[PathBuf], is_wanted: fn(&OsStr) -> bool) {
        let mut paths: BTreeMap<OsString, Vec<PathBuf>> = BTreeMap::new();
        let mut closed = BTreeSet::new();
        for dir in dirs {
            let names = match self.look_into(tree, dir, is_wanted) {
                Ok((listing, contents)) => {
                    self.contents.extend(contents);
                    let is_ours = Rank::of_directory(dir) == Rank::Source;
                    let warning = listing.warning.filter(|_| !is_ours);
                    self.loaded.diagnostics.extend(warning);
                    listing.names
                }
                Err(why) => {
                    let (Closed::Unread(diagnostic) | Closed::Distrusted(diagnostic)) = &why;
                    self.loaded.diagnostics.push((**diagnostic).clone());
                    self.loaded.is_incomplete |= matches!(why, Closed::Unread(_));
                    closed.insert(dir.clone());
                    self.names_known_in(dir)
                }
            };
            for name in names {
                let path = dir.join(&name);
                paths.entry(name).or_default().push(path);
            }
        }
        let weakest = paths.remove(OsStr::new(WEAKEST_FILE));
        for paths in paths.into_values().chain(weakest) {
            let mut paths = paths.into_iter();
            let Some(first) = paths.next() else { continue };
            if first.parent().is_some_and(|dir| closed.contains(dir)) {
                let kept_last_good = self.keep(&first);
                self.record(first.clone(), FileState::Broken { kept_last_good });
            } else {
                self.add_file(tree, first.clone());
            }
            for path in paths {
                let by = first.clone();
                self.record(path, FileState::Overridden { by });
            }
        }
    }

    /// All at once: a file system that stops answering in between holds nobody up.
    fn look_into(
        &self,
        tree: &Tree,
        dir: &Path,
        is_wanted: fn(&OsStr) -> bool,
    ) -> Result<(Listing, BTreeMap<PathBuf, Content>), Closed> {
        // What the agent keeps is in one place.
        let place = match Rank::of_directory(dir) {
            Rank::Written => dir,
            Rank::Posted | Rank::Source => dir.parent().unwrap_or(dir),
        };
        let (tree, trust, directory) = (tree.clone(), self.trust, dir.to_owned());
        let look = move || {
            let listing = list(&tree, &directory, trust, is_wanted)?;
            let paths = listing.names.iter().map(|name| directory.join(name));
            let contents = paths.map(|path| (path.clone(), read(&tree, &path, trust)));
            let contents = contents.collect();
            Ok((listing, contents))
        };
        self.apart.run(place, look).unwrap_or_else(|unanswered| {
            let message = format!("this directory cannot be read: {}", unanswered.source);
            Err(Closed::Unread(Box::new(Diagnostic::error(dir, message))))
        })
    }

    pub(super) fn content(&mut self, tree: &Tree, path: &Path) -> Content {
        let listed = self.contents.remove(path);
        listed.unwrap_or_else(|| read(tree, path, self.trust))
    }

    /// A file that somebody asked for by name.
    pub(super) fn add_named_file(&mut self, path: PathBuf) {
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let diagnostic = Diagnostic::error(&path, "there is no such file");
                self.loaded.diagnostics.push(diagnostic);
            }
            _ => self.add_file(&Tree::host(), path),
        }
    }

    fn add_file(&mut self, tree: &Tree, path: PathBuf) {
        if is_source(&path) {
            return self.add_source(tree, path);
        }
        let state = match self.content(tree, &path) {
            Content::Gone => return,
            Content::Masked => FileState::Masked,
            Content::Text { text, warnings } => {
                self.loaded.diagnostics.extend(warnings);
                self.add_text(&path, text)
            }
            Content::Unread(diagnostic) => {
                self.note_unread();
                self.loaded.diagnostics.push(diagnostic);
                let kept_last_good = self.keep(&path);
                FileState::Broken { kept_last_good }
            }
            Content::Broken(diagnostic) => {
                self.loaded.diagnostics.push(diagnostic);
                let kept_last_good = self.keep(&path);
                FileState::Broken { kept_last_good }
            }
            Content::Refused(diagnostic) => {
                self.loaded.diagnostics.push(diagnostic);
                let kept_last_good = self.keep(&path);
                FileState::Refused { kept_last_good }
            }
        };
        self.record(path, state);
    }

    pub(super) fn note_unread(&mut self) {
        self.loaded.is_incomplete = true;
    }

    /// Nothing can be read at all.
    pub(super) fn keep_all(&mut self, diagnostic: Diagnostic) {
        self.loaded.diagnostics.push(diagnostic);
        for path in self.last_good.texts.keys() {
            let kept_last_good = self.keep(path);
            self.record(path.clone(), FileState::Broken { kept_last_good });
        }
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

    fn names_known_in(&self, dir: &Path) -> BTreeSet<OsString> {
        let known = self.last_good.texts.keys();
        known
            .filter(|path| path.parent() == Some(dir))
            .filter_map(|path| path.file_name().map(OsString::from))
            .collect()
    }

    pub(super) fn record(&mut self, path: PathBuf, state: FileState) {
        self.loaded.files.push(LoadedFile { path, state });
    }

    fn add_text(&mut self, path: &Path, text: String) -> FileState {
        let content = parse(path, &text).and_then(|content| {
            let twins = self.twins(path, &text, &content);
            if twins.is_empty() {
                Ok(content)
            } else {
                Err(twins)
            }
        });
        match content {
            Ok(mut content) => {
                self.loaded.diagnostics.append(&mut content.warnings);
                self.want_pools(path, &text, &content);
                self.accept(path, text, content);
                FileState::Used
            }
            Err(diagnostics) => {
                self.loaded.diagnostics.extend(diagnostics);
                let kept_last_good = self.keep(path);
                FileState::Broken { kept_last_good }
            }
        }
    }

    /// Names that are taken by files before this one.
    fn twins(&self, path: &Path, text: &str, content: &FileContent) -> Vec<Diagnostic> {
        let policies = content.policies.iter().zip(&content.policy_spans);
        let policies = policies.filter_map(|(policy, spans)| {
            let first = self.policies.get(&policy.name)?;
            Some((format!("a policy named \"{}\"", policy.name), first, spans))
        });
        let networks = content.networks.iter().zip(&content.network_spans);
        let networks = networks.filter_map(|(network, spans)| {
            let first = self.networks.get(&network.name)?;
            Some((
                format!("a network named \"{}\"", network.name),
                first,
                spans,
            ))
        });
        let text = SourceText::new(text);
        let diagnostic = |(what, first, spans): (String, &Origin, &ItemSpans)| {
            let message = format!("{what} is already in {first}");
            Diagnostic::error(path, message).at(&text.excerpt(&spans.name))
        };
        policies.chain(networks).map(diagnostic).collect()
    }

    /// Keeps what a file said last in force, but for names that another file has taken since.
    fn keep(&mut self, path: &Path) -> bool {
        if is_source(path) {
            return self.keep_source(path);
        }
        let Some(text) = self.last_good.texts.get(path) else {
            return false;
        };
        let Ok(mut content) = parse(path, text) else {
            return false;
        };
        content
            .policies
            .retain(|policy| !self.policies.contains_key(&policy.name));
        content
            .networks
            .retain(|network| !self.networks.contains_key(&network.name));
        self.accept(path, text.clone(), content);
        true
    }

    fn accept(&mut self, path: &Path, text: String, content: FileContent) {
        content
            .policies
            .into_iter()
            .for_each(|policy| self.add_policy(path, policy));
        content
            .networks
            .into_iter()
            .for_each(|network| self.add_network(network));
        self.loaded.last_good.texts.insert(path.to_owned(), text);
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

    fn want_pools(&mut self, path: &Path, text: &str, content: &FileContent) {
        let text = SourceText::new(text);
        for (network, spans) in content.networks.iter().zip(&content.network_spans) {
            if let Some(resource) = &network.resource {
                let message = format!("no policy forms the pool \"{resource}\"");
                let excerpt = text.excerpt(&spans.resource);
                let diagnostic = Diagnostic::warning(path, message).at(&excerpt);
                self.pools_wanted.push((resource.clone(), diagnostic));
            }
        }
    }
}
