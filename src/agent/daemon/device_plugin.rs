//! The device plugin reads its file once, at start: its unit is restarted when the file has changed,
//! stopped while there is none, for which it would only end or fail, and started when there is one again.
//!
//! The daemon may not start units. It leaves a request, upon which `sriovd-device-plugin.path`
//! starts this program as root. That reads the unit's name where only root can have written it.

mod decision;

use super::journal;
use crate::settings::Settings;
use anyhow::{Context as _, bail, ensure};
use decision::{Served, Stamp, Unit, Verb, decide};
use sriovd_host::file;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process::{Command, ExitCode};
use tokio::task::spawn_blocking;

const REQUEST: &str = "/run/sriovd/restart-device-plugin";

/// What the unit was started for, or stopped for. Gone after a boot, as what ran then is.
const SERVED: &str = "/run/sriovd/device-plugin-serves";

/// `unit` may have to be started, stopped or restarted.
pub(super) fn request(root: &Path, unit: String) {
    let request = file::under(root, Path::new(REQUEST));
    spawn_blocking(move || {
        if let Err(error) = File::create(request) {
            journal::unit_not_restarted(&unit, &error);
        }
    });
}

/// A request that is not there any more. It comes before everything else that may fail: while it is
/// there, systemd starts this program again and again. And one that comes meanwhile is another.
#[derive(Debug)]
pub struct RestartRequest(io::Result<()>);

impl RestartRequest {
    /// Takes the request that the daemon has left below this root, if there is one.
    pub fn take(root: &Path) -> Self {
        match fs::remove_file(file::under(root, Path::new(REQUEST))) {
            Err(error) if error.kind() == ErrorKind::NotFound => Self(Ok(())),
            taken => Self(taken),
        }
    }

    /// Does what was requested; why not is in the journal.
    pub fn serve(self, settings: &Settings, root: &Path) -> ExitCode {
        let Some(unit) = &settings.outputs.device_plugin_unit else {
            return ExitCode::SUCCESS;
        };
        let taken = self.0.context("the request cannot be removed");
        let file = file::under(root, &settings.outputs.device_plugin_file);
        let served = file::under(root, Path::new(SERVED));
        match taken.and_then(|()| serve(unit, &file, &served)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                journal::unit_not_restarted(unit, &format_args!("{error:#}"));
                ExitCode::FAILURE
            }
        }
    }
}

/// Whatever the request was about: what is to be done follows from what is.
fn serve(unit: &str, file: &Path, served: &Path) -> anyhow::Result<()> {
    let now = Stamp::of(file).with_context(|| format!("cannot look at {}", file.display()))?;
    let before = Served::read(served);
    let shown = systemctl(&[
        "show",
        "--property=LoadState,ActiveState,UnitFileState",
        unit,
    ])?;
    let found = Unit::parse(&shown);
    ensure!(
        found.is_loaded || now.is_none(),
        "systemd knows no such unit, or it is masked"
    );
    let (verb, after) = decide(&before, now, found);
    match verb {
        Verb::Nothing => {}
        Verb::Stop => drop(systemctl(&["--no-block", "stop", unit])?),
        Verb::Restart => {
            // A unit that failed too often is not started before that. One that did not is no error.
            drop(systemctl(&["reset-failed", unit]));
            systemctl(&["--no-block", "restart", unit])?;
        }
    }
    if after != before {
        file::replace(served, &after.to_string())?;
    }
    Ok(())
}

fn systemctl(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("systemctl").args(arguments).output();
    let output = output.context("cannot run systemctl")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
