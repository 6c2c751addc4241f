//! The daemon's arguments and exit codes.

use clap::Parser;
use sriovd_agent::daemon::{self, NotSole, descriptors, device_plugin, journal, notify};
use sriovd_agent::load::Trust;
use sriovd_agent::settings::Settings;
use sriovd_core::policy::diagnostic::Diagnostic;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Bad agent settings: the unit's `RestartPreventExitStatus=` knows it (sysexits.h, EX_CONFIG).
const EX_CONFIG: u8 = 78;

/// Another agent is at work here: later it may have ended (EX_TEMPFAIL).
const EX_TEMPFAIL: u8 = 75;

/// Configures SR-IOV network devices by the policies in /etc/sriov.d.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Use this directory as /.
    #[arg(long, default_value = "/")]
    root: PathBuf,

    /// Start, stop or restart the unit that device_plugin_unit names, as the daemon has requested, and end.
    #[arg(long)]
    restart_device_plugin: bool,
}

/// What was told last is on its way for no longer than this.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let code = work();
    notify::flush(LAST_WORDS);
    journal::flush(LAST_WORDS);
    code
}

fn work() -> ExitCode {
    let arguments = Arguments::parse();
    let request = arguments
        .restart_device_plugin
        .then(|| device_plugin::RestartRequest::take(&arguments.root));
    let (settings, warnings) = match Settings::load(&arguments.root, Trust::Enforce) {
        Ok(loaded) => loaded,
        Err(unusable) => {
            return complain(&unusable.into_diagnostics(), ExitCode::from(EX_CONFIG));
        }
    };
    complain(&warnings, ExitCode::SUCCESS);
    if let Err(error) = journal::start(settings.log_level) {
        journal::ended(&error);
        return ExitCode::FAILURE;
    }
    if let Some(request) = request {
        return request.serve(&settings, &arguments.root);
    }
    descriptors::use_all();
    match run(settings, arguments.root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal::ended(&error);
            match error.downcast_ref() {
                Some(NotSole::Held { .. }) => ExitCode::from(EX_TEMPFAIL),
                Some(NotSole::Lock(_)) | None => ExitCode::FAILURE,
            }
        }
    }
}

fn run(settings: Settings, root: PathBuf) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(daemon::run(settings, root));
    // A kernel call that hangs must not hold the exit.
    runtime.shutdown_background();
    result
}

fn complain(diagnostics: &[Diagnostic], code: ExitCode) -> ExitCode {
    diagnostics
        .iter()
        .for_each(|diagnostic| eprintln!("{diagnostic}"));
    code
}
