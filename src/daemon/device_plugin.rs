//! The device plugin reads its file once, at start: its unit is restarted when the file has changed.
//!
//! The daemon may not restart units. It leaves a request, upon which `sriovd-device-plugin.path`
//! starts this program as root. That reads the unit's name where only root can have written it.

use super::journal;
use crate::agent::Settings;
use crate::file;
use anyhow::{Context as _, bail};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, ExitCode};
use tokio::task::spawn_blocking;

const REQUEST: &str = "/run/sriovd/restart-device-plugin";

pub(super) fn request_restart(root: &Path, unit: String) {
    let request = file::under(root, Path::new(REQUEST));
    spawn_blocking(move || {
        if let Err(error) = File::create(request) {
            journal::unit_not_restarted(&unit, &error);
        }
    });
}

/// Does what was requested; why not is in the journal.
pub fn restart(settings: &Settings, root: &Path) -> ExitCode {
    let request = file::under(root, Path::new(REQUEST));
    // First: one that comes meanwhile is another request.
    let taken = fs::remove_file(&request);
    let taken = taken.with_context(|| format!("cannot remove {}", request.display()));
    let Some(unit) = &settings.outputs.device_plugin_unit else {
        return ExitCode::SUCCESS;
    };
    match taken.and_then(|()| try_restart(unit)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal::unit_not_restarted(unit, &format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn try_restart(unit: &str) -> anyhow::Result<()> {
    let output = Command::new("systemctl")
        .args(["--no-block", "try-restart", unit])
        .output()
        .context("cannot run systemctl")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
