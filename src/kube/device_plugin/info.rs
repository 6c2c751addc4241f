//! The device-info files: what multus adds to what it tells of a pod's networks.

use super::answer::device_info;
use super::offer::{Offer, Resource};
use anyhow::Context as _;
use sriovd_core::model::PciAddress;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tokio::task::spawn_blocking;

/// Their directory.
#[derive(Debug, Clone)]
pub(super) struct DeviceInfo {
    directory: PathBuf,
}

impl DeviceInfo {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// The files of these devices, whole or not there.
    pub(super) async fn write(
        &self,
        resource: &Resource,
        vfs: Vec<PciAddress>,
    ) -> anyhow::Result<()> {
        let files: Vec<_> = vfs.iter().map(|vf| device_info(resource, *vf)).collect();
        let directory = self.directory.clone();
        let written = spawn_blocking(move || {
            let mut files = files.iter();
            files.try_for_each(|(name, content)| write(&directory, name, content))
        });
        written.await?
    }

    /// Those of VFs that are in none of these resources any more.
    pub(super) async fn remove_old(&self, before: &Offer, now: &Offer) {
        let mut old = Vec::new();
        for (resource, devices) in &before.resources {
            let kept = now.resources.get(resource);
            let gone = devices
                .keys()
                .filter(|vf| kept.is_none_or(|kept| !kept.contains_key(vf)));
            old.extend(gone.map(|vf| self.directory.join(device_info(resource, *vf).0)));
        }
        if old.is_empty() {
            return;
        }
        // One that cannot be removed is written over when its VF is back.
        let _ =
            spawn_blocking(move || old.iter().for_each(|file| drop(fs::remove_file(file)))).await;
    }
}

fn write(directory: &Path, name: &str, content: &str) -> anyhow::Result<()> {
    let (file, unfinished) = (directory.join(name), directory.join(format!(".{name}.new")));
    let doing = || format!("cannot write {}, which multus reads", file.display());
    fs::create_dir_all(directory).with_context(doing)?;
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).with_context(doing)?,
        _ => {}
    }
    fs::write(&unfinished, content).with_context(doing)?;
    fs::set_permissions(&unfinished, Permissions::from_mode(0o444)).with_context(doing)?;
    fs::rename(&unfinished, &file).with_context(doing)
}
