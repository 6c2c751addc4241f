//! Takes over what an earlier version kept of what programs posted through vf-operator's API: policy files, which become
//! the items of one source.

use super::sources::SourceFiles;
use serde_json::{Map, Value};
use sriovd_core::model::SourceName;
use sriovd_core::policy::loaded::{POSTED, SOURCES, WEAKEST};
use sriovd_core::policy::source::{self, Item, ItemFault, SOURCE_LIMIT};
use sriovd_host::file::{self, FileError};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Behind the name of a file whose content is in the source: nothing reads it any more.
const TAKEN_OVER: &str = ".taken-over";

/// Why nothing was taken over. What was posted stays in force as it is.
#[derive(Debug, thiserror::Error)]
pub enum NotTakenOver {
    /// The disk refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// The source cannot be read.
    #[error("source {WEAKEST}: {0}")]
    Source(ItemFault),
    /// It would be larger than sources may be.
    #[error("source {WEAKEST} would be larger than {SOURCE_LIMIT} bytes")]
    TooLarge,
}

/// How many files were taken over from a state directory. One that is not in order stays, and is read as before.
pub fn take_over(state_dir: &Path) -> Result<usize, NotTakenOver> {
    let directory = state_dir.join(POSTED);
    let Ok(name) = WEAKEST.parse::<SourceName>() else {
        return Ok(0);
    };
    let mut taken = Vec::new();
    let mut items: Vec<Item> = Vec::new();
    for path in posted(&directory)? {
        let text = fs::read_to_string(&path).map_err(FileError::new("read", &path))?;
        if let Some(more) = items_of(&name, &text) {
            items.extend(more);
            taken.push(path);
        }
    }
    if taken.is_empty() {
        return Ok(0);
    }
    let files = SourceFiles::new(state_dir.join(SOURCES));
    let kept = files.text(&name)?;
    let kept = kept.map(|text| source::read(&name, &text)).transpose();
    let kept = kept.map_err(|faults| {
        let first = faults.into_iter().next();
        NotTakenOver::Source(first.unwrap_or_else(|| ItemFault::error("", "it is not in order")))
    })?;
    let kept = kept.unwrap_or_default();
    // After a crash half-way some are there already. What was posted later is later in the list, and stronger.
    items.retain(|item| {
        let name = item.name.as_deref().unwrap_or_default();
        kept.find(item.kind, name).is_none()
    });
    items.extend(kept.items);
    let text = source::to_text(items.iter().map(|item| (item.kind, &item.value)));
    if text.len() > SOURCE_LIMIT {
        return Err(NotTakenOver::TooLarge);
    }
    files.put(&name, &text)?;
    for path in &taken {
        let mut aside = path.clone().into_os_string();
        aside.push(TAKEN_OVER);
        fs::rename(path, &aside).map_err(FileError::new("rename", path))?;
    }
    file::sync_directory(&directory)?;
    Ok(taken.len())
}

/// In the order in which they were posted.
fn posted(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let unreadable = || FileError::new("read", directory);
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable())?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable())?.path();
        let is_policy_file = path.extension().is_some_and(|it| it == "toml");
        let is_hidden = path
            .file_name()
            .is_some_and(|it| it.to_string_lossy().starts_with('.'));
        if is_policy_file && !is_hidden && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// None for a file that is not in order.
fn items_of(name: &SourceName, text: &str) -> Option<Vec<Item>> {
    let tables: Map<String, Value> = toml::from_str(text).ok()?;
    let document = source::read(name, Value::Object(tables).to_string().as_bytes()).ok()?;
    let is_good = document.items.iter().all(Item::is_good);
    (is_good && !document.items.is_empty()).then_some(document.items)
}

#[cfg(test)]
mod tests;
