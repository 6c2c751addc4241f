//! The daemon's arguments and exit codes.

use clap::Parser;
use sriovd::agent::Settings;
use sriovd::daemon::{self, journal};
use std::path::PathBuf;
use std::process::ExitCode;

/// Bad agent settings: the unit's `RestartPreventExitStatus=` knows it (sysexits.h, EX_CONFIG).
const EX_CONFIG: u8 = 78;

/// Configures SR-IOV network devices by the policies in /etc/sriov.d.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Work below this directory instead of /.
    #[arg(long, default_value = "/")]
    root: PathBuf,
    /// The agent's settings, below the root.
    #[arg(long, default_value = "/etc/sriovd.toml")]
    settings: PathBuf,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match Settings::load(&arguments.root, &arguments.settings) {
        Ok(settings) => settings,
        Err(diagnostics) => {
            for diagnostic in diagnostics {
                eprintln!("{diagnostic}");
            }
            return ExitCode::from(EX_CONFIG);
        }
    };
    journal::init(settings.log_level);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("sriovd: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(daemon::run(settings, &arguments.root));
    // A kernel call that hangs must not hold the exit.
    runtime.shutdown_background();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            journal::fatal(&error);
            ExitCode::FAILURE
        }
    }
}
