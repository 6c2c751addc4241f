//! Sources among the files: a bad item keeps what was good of it last, and the others hold.

use super::assembly::Assembly;
use super::read::{Content, Tree};
use super::{FileState, SOURCES};
use sriovd_core::model::SourceName;
use sriovd_core::policy::Origin;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::source::{
    self, Content as ItemContent, Document, Item, ItemFault, ItemKind, ItemReport, ItemState,
    SourceReport,
};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".json";

/// That of the source that gives way to all others.
pub(super) const WEAKEST_FILE: &str = "vf-operator.json";

/// The source that a file of this name is of.
fn name_of(file: &OsStr) -> Option<SourceName> {
    file.to_str()?.strip_suffix(SUFFIX)?.parse().ok()
}

pub(super) fn is_source_file(name: &OsStr) -> bool {
    name_of(name).is_some()
}

pub(super) fn is_source(path: &Path) -> bool {
    path.parent().and_then(Path::file_name) == Some(SOURCES.as_ref())
        && path.file_name().is_some_and(is_source_file)
}

/// What is to be said of a source's file that is of no use.
enum Useless {
    /// Its content.
    Faults(Vec<ItemFault>),
    File(Diagnostic, fn(bool) -> FileState),
}

fn broken(kept_last_good: bool) -> FileState {
    FileState::Broken { kept_last_good }
}

fn refused(kept_last_good: bool) -> FileState {
    FileState::Refused { kept_last_good }
}

impl Assembly<'_> {
    pub(super) fn add_source(&mut self, tree: &Tree, path: PathBuf) {
        let Some(name) = path.file_name().and_then(name_of) else {
            return;
        };
        let mut stored = None;
        let read = match self.content(tree, &path) {
            Content::Gone => return,
            Content::Text { text, .. } => {
                let document = source::read(&name, text.as_bytes());
                stored = Some(text);
                document.map_err(Useless::Faults)
            }
            Content::Masked => {
                let fault = ItemFault::error("", "this file is empty");
                Err(Useless::Faults(vec![fault]))
            }
            Content::Unread(diagnostic) => {
                self.note_unread();
                Err(Useless::File(diagnostic, broken))
            }
            Content::Broken(diagnostic) => Err(Useless::File(diagnostic, broken)),
            Content::Refused(diagnostic) => Err(Useless::File(diagnostic, refused)),
        };
        let mut report = match read {
            Ok(document) => self.add_items(&path, name, document),
            Err(useless) => self.keep_useless(&path, name, useless),
        };
        report.text = stored;
        self.record(path, report.state.clone());
        self.loaded.sources.push(report);
    }

    /// Where the file cannot even be looked for.
    pub(super) fn keep_source(&mut self, path: &Path) -> bool {
        let Some(name) = path.file_name().and_then(name_of) else {
            return false;
        };
        let fault = ItemFault::error("", "its directory cannot be read");
        let useless = Useless::Faults(vec![fault]);
        let told = self.loaded.diagnostics.len();
        let report = self.keep_useless(path, name, useless);
        // Of the directory it is said already.
        self.loaded.diagnostics.truncate(told);
        let is_kept = matches!(
            report.state,
            FileState::Broken {
                kept_last_good: true
            }
        );
        self.loaded.sources.push(report);
        is_kept
    }

    fn last_good_of(&self, path: &Path, name: &SourceName) -> Option<Document> {
        let text = self.last_good.texts.get(path)?;
        source::read(name, text.as_bytes()).ok()
    }

    fn keep_useless(&mut self, path: &Path, name: SourceName, useless: Useless) -> SourceReport {
        let last = self.last_good_of(path, &name);
        let is_kept = last.is_some();
        let (faults, state) = match useless {
            Useless::Faults(faults) => {
                let diagnostics = faults.iter().map(|fault| fault.diagnostic(path, None));
                self.loaded.diagnostics.extend(diagnostics);
                (faults, broken(is_kept))
            }
            Useless::File(diagnostic, state) => {
                let fault = ItemFault::error("", diagnostic.message.clone());
                self.loaded.diagnostics.push(diagnostic);
                (vec![fault], state(is_kept))
            }
        };
        if let Some(text) = self.last_good.texts.get(path) {
            let texts = &mut self.loaded.last_good.texts;
            texts.insert(path.to_owned(), text.clone());
        }
        let items = last.unwrap_or_default().items.into_iter();
        let items = items.map(|item| self.add_kept(path, item)).collect();
        SourceReport {
            name,
            state,
            faults,
            items,
            text: None,
        }
    }

    fn add_items(&mut self, path: &Path, name: SourceName, document: Document) -> SourceReport {
        let last = self.last_good_of(path, &name).unwrap_or_default();
        let mut unnamed = Vec::new();
        if !document.is_complete() {
            // What has no name may be any of these.
            let is_gone = |item: &&Item| {
                let name = item.name.as_deref().unwrap_or_default();
                document.find(item.kind, name).is_none()
            };
            unnamed.extend(last.items.iter().filter(is_gone).cloned());
        }
        let mut good = Vec::new();
        let mut items = Vec::new();
        for mut item in document.items {
            let kept = item
                .name
                .as_deref()
                .and_then(|name| last.find(item.kind, name));
            let kept = kept.filter(|_| !item.is_good());
            let value = match item.is_good() {
                true => Some((item.kind, item.value.clone())),
                false => kept.map(|kept| (kept.kind, kept.value.clone())),
            };
            // Of two with one name, both bad, the same is kept.
            good.extend(value.filter(|value| !good.contains(value)));
            if let Some(twin) = self.twin(&item, &name) {
                item.add_error(twin);
            }
            let origin = item.origin.as_deref();
            let faults = item.faults.iter();
            let diagnostics = faults.map(|fault| fault.diagnostic(path, origin));
            self.loaded.diagnostics.extend(diagnostics);
            let state = match (item.content.take(), kept) {
                (Some(content), _) => {
                    self.accept_item(path, &item.pointer, content);
                    ItemState::InForce
                }
                (None, Some(kept)) => self.add_kept(path, kept.clone()).state,
                (None, None) => ItemState::NoEffect,
            };
            items.push(report(item, state));
        }
        let (put, bad) = (
            items.len(),
            items
                .iter()
                .filter(|item| item.state != ItemState::InForce)
                .count(),
        );
        good.extend(unnamed.iter().map(|item| (item.kind, item.value.clone())));
        items.extend(unnamed.into_iter().map(|item| self.add_kept(path, item)));
        let text = source::to_text(good.iter().map(|(kind, value)| (*kind, value)));
        self.loaded.last_good.texts.insert(path.to_owned(), text);
        let is_kept = |item: &&ItemReport| item.state == ItemState::KeptLastGood;
        let state = match bad {
            0 => FileState::Used,
            broken => FileState::PartlyBroken {
                broken,
                of: put,
                kept: items.iter().filter(is_kept).count(),
            },
        };
        SourceReport {
            name,
            state,
            faults: Vec::new(),
            items,
            text: None,
        }
    }

    /// Puts in force what was good last, if nobody else has its name now.
    fn add_kept(&mut self, path: &Path, mut item: Item) -> ItemReport {
        let is_in_force = match self.origin_of(item.kind, item.name.as_deref()) {
            Some(origin) => is_of(origin, path),
            None => match item.content.take() {
                Some(content) => {
                    self.accept_item(path, &item.pointer, content);
                    true
                }
                None => false,
            },
        };
        let state = match is_in_force {
            true => ItemState::KeptLastGood,
            false => ItemState::NoEffect,
        };
        ItemReport {
            wanted: None,
            ..report(item, state)
        }
    }

    fn accept_item(&mut self, path: &Path, pointer: &str, content: ItemContent) {
        match content {
            ItemContent::Policy(policy) => self.add_policy(path, *policy),
            ItemContent::Network(network) => {
                if let Some(resource) = &network.resource {
                    let message = format!("no policy forms the pool \"{resource}\"");
                    let diagnostic = Diagnostic {
                        pointer: Some(format!("{pointer}/resource")),
                        ..Diagnostic::warning(path, message)
                    };
                    self.pools_wanted.push((resource.clone(), diagnostic));
                }
                self.add_network(*network);
            }
        }
    }

    fn origin_of(&self, kind: ItemKind, name: Option<&str>) -> Option<&Origin> {
        match kind {
            ItemKind::Policy => self.policies.get(&name?.parse().ok()?),
            ItemKind::Network => self.networks.get(&name?.parse().ok()?),
        }
    }

    /// What to say if its name is in use by a file, or by a source before this one.
    fn twin(&self, item: &Item, source: &SourceName) -> Option<ItemFault> {
        let name = item.name.as_deref()?;
        let first = self.origin_of(item.kind, Some(name))?;
        let is_own = matches!(first, Origin::Source { source: its, .. } if its == source);
        let message = format!("a {} named \"{name}\" is already in {first}", item.kind);
        let pointer = format!("{}/name", item.pointer);
        (!is_own).then(|| ItemFault::error(pointer, message))
    }
}

fn is_of(origin: &Origin, path: &Path) -> bool {
    let name = path.file_name().and_then(name_of);
    matches!(origin, Origin::Source { source, .. } if Some(source) == name.as_ref())
}

fn report(item: Item, state: ItemState) -> ItemReport {
    ItemReport {
        kind: item.kind,
        name: item.name,
        origin: item.origin,
        state,
        faults: item.faults,
        wanted: Some(item.value),
    }
}
