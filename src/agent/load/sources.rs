//! Sources among the files: a bad item keeps what was good of it last, and the others hold.

use super::FileState;
use super::assembly::Assembly;
use super::directory::source_name;
use super::read::{Content, Tree};
use sriovd_core::model::SourceName;
use sriovd_core::policy::Origin;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::policy::source::{
    self, Item, ItemContent, ItemFault, ItemKind, ItemReport, ItemState, SourceDocument,
    SourceReport,
};
use std::path::{Path, PathBuf};

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

pub(super) fn add(assembly: &mut Assembly<'_>, tree: &Tree, path: PathBuf) {
    let Some(name) = path.file_name().and_then(source_name) else {
        return;
    };
    let mut stored = None;
    let read = match assembly.content(tree, &path) {
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
            assembly.note_unread();
            Err(Useless::File(diagnostic, broken))
        }
        Content::Broken(diagnostic) => Err(Useless::File(diagnostic, broken)),
        Content::Refused(diagnostic) => Err(Useless::File(diagnostic, refused)),
    };
    let mut report = match read {
        Ok(document) => add_items(assembly, &path, name, document),
        Err(useless) => keep_useless(assembly, &path, name, useless),
    };
    report.text = stored;
    assembly.record(path, report.state.clone());
    assembly.loaded.sources.push(report);
}

/// Where the file cannot even be looked for.
pub(super) fn keep(assembly: &mut Assembly<'_>, path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(source_name) else {
        return false;
    };
    let fault = ItemFault::error("", "its directory cannot be read");
    let useless = Useless::Faults(vec![fault]);
    let told = assembly.loaded.diagnostics.len();
    let report = keep_useless(assembly, path, name, useless);
    // Of the directory it is said already.
    assembly.loaded.diagnostics.truncate(told);
    let is_kept = matches!(
        report.state,
        FileState::Broken {
            kept_last_good: true
        }
    );
    assembly.loaded.sources.push(report);
    is_kept
}

fn last_good_of(assembly: &Assembly<'_>, path: &Path, name: &SourceName) -> Option<SourceDocument> {
    let text = assembly.last_good.texts.get(path)?;
    source::read(name, text.as_bytes()).ok()
}

fn keep_useless(
    assembly: &mut Assembly<'_>,
    path: &Path,
    name: SourceName,
    useless: Useless,
) -> SourceReport {
    let last = last_good_of(assembly, path, &name);
    let is_kept = last.is_some();
    let (faults, state) = match useless {
        Useless::Faults(faults) => {
            let diagnostics = faults.iter().map(|fault| fault.diagnostic(path, None));
            assembly.loaded.diagnostics.extend(diagnostics);
            (faults, broken(is_kept))
        }
        Useless::File(diagnostic, state) => {
            let fault = ItemFault::error("", diagnostic.message.clone());
            assembly.loaded.diagnostics.push(diagnostic);
            (vec![fault], state(is_kept))
        }
    };
    if let Some(text) = assembly.last_good.texts.get(path) {
        let texts = &mut assembly.loaded.last_good.texts;
        texts.insert(path.to_owned(), text.clone());
    }
    let items = last.unwrap_or_default().items.into_iter();
    let items = items.map(|item| add_kept(assembly, path, item)).collect();
    SourceReport {
        name,
        state,
        faults,
        items,
        text: None,
    }
}

fn add_items(
    assembly: &mut Assembly<'_>,
    path: &Path,
    name: SourceName,
    document: SourceDocument,
) -> SourceReport {
    let last = last_good_of(assembly, path, &name).unwrap_or_default();
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
        if let Some(twin) = twin(assembly, &item, &name) {
            item.add_error(twin);
        }
        let origin = item.origin.as_deref();
        let faults = item.faults.iter();
        let diagnostics = faults.map(|fault| fault.diagnostic(path, origin));
        assembly.loaded.diagnostics.extend(diagnostics);
        let state = match (item.content.take(), kept) {
            (Some(content), _) => {
                accept_item(assembly, path, &item.pointer, content);
                ItemState::InForce
            }
            (None, Some(kept)) => add_kept(assembly, path, kept.clone()).state,
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
    items.extend(
        unnamed
            .into_iter()
            .map(|item| add_kept(assembly, path, item)),
    );
    let text = source::to_text(good.iter().map(|(kind, value)| (*kind, value)));
    assembly
        .loaded
        .last_good
        .texts
        .insert(path.to_owned(), text);
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
fn add_kept(assembly: &mut Assembly<'_>, path: &Path, mut item: Item) -> ItemReport {
    let is_in_force = match origin_of(assembly, item.kind, item.name.as_deref()) {
        Some(origin) => is_of(origin, path),
        None => match item.content.take() {
            Some(content) => {
                accept_item(assembly, path, &item.pointer, content);
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

fn accept_item(assembly: &mut Assembly<'_>, path: &Path, pointer: &str, content: ItemContent) {
    match content {
        ItemContent::Policy(policy) => assembly.add_policy(path, *policy),
        ItemContent::Network(network) => {
            if let Some(resource) = &network.resource {
                let message = format!("no policy forms the pool \"{resource}\"");
                let diagnostic = Diagnostic {
                    pointer: Some(format!("{pointer}/resource")),
                    ..Diagnostic::warning(path, message)
                };
                assembly.pools_wanted.push((resource.clone(), diagnostic));
            }
            assembly.add_network(*network);
        }
    }
}

fn origin_of<'a>(
    assembly: &'a Assembly<'_>,
    kind: ItemKind,
    name: Option<&str>,
) -> Option<&'a Origin> {
    match kind {
        ItemKind::Policy => assembly.policies.get(&name?.parse().ok()?),
        ItemKind::Network => assembly.networks.get(&name?.parse().ok()?),
    }
}

/// What to say if its name is in use by a file, or by a source before this one.
fn twin(assembly: &Assembly<'_>, item: &Item, source: &SourceName) -> Option<ItemFault> {
    let name = item.name.as_deref()?;
    let first = origin_of(assembly, item.kind, Some(name))?;
    let is_own = matches!(first, Origin::Source { source: its, .. } if its == source);
    let message = format!("a {} named \"{name}\" is already in {first}", item.kind);
    let pointer = format!("{}/name", item.pointer);
    (!is_own).then(|| ItemFault::error(pointer, message))
}

fn is_of(origin: &Origin, path: &Path) -> bool {
    let name = path.file_name().and_then(source_name);
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
