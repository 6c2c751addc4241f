//! The directory with what was posted: one file each, whose name says what and who.

use super::refusal::Refusal;
use crate::file::{self, FileError};
use anyhow::Context;
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use tokio::task::spawn_blocking;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Resource,
    Attachment,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Resource => "resource-",
            Self::Attachment => "network-",
        }
    }
}

const SUFFIX: &str = ".toml";

/// Names are those that policies and networks may have, which are no paths.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    directory: PathBuf,
}

impl Posted {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn path(&self, kind: Kind, name: &str) -> PathBuf {
        let prefix = kind.prefix();
        self.directory.join(format!("{prefix}{name}{SUFFIX}"))
    }

    /// The texts of one kind, by name.
    pub(super) async fn all(&self, kind: Kind) -> Result<BTreeMap<String, String>, Refusal> {
        let directory = self.directory.clone();
        blocking(move || {
            let shown = directory.display();
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
                Err(error) => return Err(error).with_context(|| format!("cannot read {shown}")),
            };
            let mut texts = BTreeMap::new();
            for entry in entries {
                let path = entry
                    .with_context(|| format!("cannot read {shown}"))?
                    .path();
                let file = path.file_name().and_then(|name| name.to_str());
                let name = file.and_then(|file| {
                    let rest = file.strip_prefix(kind.prefix())?;
                    rest.strip_suffix(SUFFIX)
                });
                // One that has just gone is not there.
                if let Some(name) = name
                    && let Ok(text) = fs::read_to_string(&path)
                {
                    texts.insert(name.to_owned(), text);
                }
            }
            Ok(texts)
        })
        .await
    }

    pub(super) async fn put(&self, kind: Kind, name: &str, text: String) -> Result<(), Refusal> {
        let (directory, path) = (self.directory.clone(), self.path(kind, name));
        blocking(move || {
            let put = || -> Result<(), FileError> {
                file::create_directories(&directory)?;
                file::replace(&path, &text)?;
                file::sync_directory(&directory)
            };
            put().context("nothing was changed")
        })
        .await
    }

    pub(super) async fn remove(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        let path = self.path(kind, name);
        blocking(move || match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        })
        .await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> Result<T, Refusal> {
    let result = spawn_blocking(work).await.map_err(anyhow::Error::from);
    result
        .and_then(|result| result)
        .map_err(|error| Refusal::internal(&error))
}
