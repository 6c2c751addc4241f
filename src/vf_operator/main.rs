//! The bridge's arguments and exit codes.

use anyhow::Context;
use clap::Parser;
use sd_notify::NotifyState;
use sriovd_vf_operator::{Listeners, under};
use sriovd_wire::settings::{Bridge, FILE};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Bad settings: the unit's `RestartPreventExitStatus=` knows it (sysexits.h, EX_CONFIG).
const EX_CONFIG: u8 = 78;

/// REST and gRPC of vf-operator, on top of sriovd.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Use this directory as /.
    #[arg(long, default_value = "/")]
    root: PathBuf,

    /// Say by the exit status whether [vf_operator] in /etc/sriovd.toml is enabled, and end.
    #[arg(long)]
    is_enabled: bool,
}

fn main() -> ExitCode {
    let Arguments { root, is_enabled } = Arguments::parse();
    let settings = match load(&root) {
        Ok(settings) => settings,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(EX_CONFIG);
        }
    };
    match (is_enabled, settings.vf_operator.enabled) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (false, false) => {
            eprintln!("[vf_operator] in {FILE} is not enabled");
            ExitCode::from(EX_CONFIG)
        }
        (false, true) => match run(settings, &root) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
    }
}

/// Without a file everything is at its default.
fn load(root: &Path) -> Result<Bridge, String> {
    let path = under(root, Path::new(FILE));
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| format!("cannot read {}: {error}", path.display()))?,
    };
    Bridge::parse(&path, &text).map_err(|errors| {
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        errors.join("\n")
    })
}

fn run(settings: Bridge, root: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listeners = Listeners::bind(root, &settings.vf_operator).await?;
        // A service manager that does not listen is none.
        let _ = sd_notify::notify(&[NotifyState::Ready]);
        let agent = under(root, &settings.socket);
        let ended = listeners.serve(agent, settings.admin_group).await;
        match ended.context("vf-operator's API ended")? {}
    })
}
