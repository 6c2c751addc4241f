//! `sriovctl`: what the daemon knows and does, for people and, with `--json`, for programs.

mod client;
mod output;
mod table;

use crate::agent::Settings;
use crate::api::ApplyRequest;
use crate::forecast::{self, Forecast};
use crate::host::Host;
use crate::host::Look;
use crate::host::linux::LinuxHost;
use crate::model::HostSnapshot;
use crate::plan::Memory;
use crate::policy::PolicySet;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::load::{self, DIRECTORIES, LastGood, Trust};
use crate::report::PfState;
use crate::report::Status;
use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use client::Client;
use std::fs;
use std::path::{Path, PathBuf};

/// How a command ended; the exit codes are 0, 1 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Done,
    Failed,
    NotConverged,
}

impl Verdict {
    fn converged(is: bool) -> Self {
        if is { Self::Done } else { Self::NotConverged }
    }
}

/// Ask and drive sriovd, the agent that owns SR-IOV on this host.
#[derive(Debug, Parser)]
#[command(
    name = "sriovctl",
    version,
    after_help = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 not converged or changes pending."
)]
pub struct Arguments {
    /// The daemon's socket.
    #[arg(long, global = true, default_value = "/run/sriovd/sriovd.sock")]
    socket: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A line per PF: what it has, what is wanted, and why it is not so.
    Status {
        /// Addresses or interface names.
        pfs: Vec<String>,
    },
    /// What a pass would do now, step by step, and nothing done. Exit code 3 if there is something.
    Plan {
        /// Plan for this snapshot instead of this host; needs no daemon and no rights.
        #[arg(long, value_name = "FILE", requires = "policy_dir")]
        snapshot: Option<PathBuf>,
        /// Read the policies of this directory.
        #[arg(long, value_name = "DIR")]
        policy_dir: Option<PathBuf>,
    },
    /// A pass now over some PFs or all of them; waits until it is over.
    Apply {
        /// Addresses or interface names.
        pfs: Vec<String>,
        /// Take away VFs that are in use.
        #[arg(long, requires = "pfs")]
        force: bool,
    },
    /// All errors and warnings of policy files.
    Check {
        /// Files and directories; the daemon's own directories if none is given.
        paths: Vec<PathBuf>,
    },
    /// The host as the daemon sees it, as JSON: for bug reports and for `plan --snapshot`.
    Snapshot,
    /// Have the daemon read its policies again.
    Reload,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let client = || Client::new(&arguments.socket);
    match &arguments.command {
        Command::Status { pfs } => {
            let mut status: Status = client()?.get("/v1/status")?;
            select(&mut status, pfs)?;
            show(arguments, &status, output::status)?;
            Ok(verdict(&status))
        }
        Command::Plan {
            snapshot,
            policy_dir,
        } => {
            let forecast = plan(arguments, snapshot.as_deref(), policy_dir.as_deref())?;
            show(arguments, &forecast, output::forecast)?;
            Ok(Verdict::converged(forecast.is_converged()))
        }
        Command::Apply { pfs, force } => {
            let request = ApplyRequest {
                pfs: pfs.clone(),
                force: *force,
            };
            let mut status: Status = client()?.post("/v1/apply", &request)?;
            select(&mut status, pfs)?;
            show(arguments, &status, output::status)?;
            Ok(verdict(&status))
        }
        Command::Check { paths } => check(arguments, paths),
        Command::Snapshot => {
            let snapshot = snapshot(arguments)?;
            output::json(&snapshot)?;
            Ok(Verdict::Done)
        }
        Command::Reload => {
            let status: Status = client()?.post("/v1/reload", &())?;
            let broken = status.files.iter().any(|file| file.state.is_broken());
            show(arguments, &status, output::files)?;
            Ok(if broken {
                Verdict::Failed
            } else {
                Verdict::Done
            })
        }
    }
}

fn show<T: serde::Serialize>(
    arguments: &Arguments,
    value: &T,
    as_text: fn(&T) -> String,
) -> anyhow::Result<()> {
    if arguments.json {
        output::json(value)
    } else {
        output::text(&as_text(value))
    }
}

/// Only the PFs that were asked for, by address or interface name.
fn select(status: &mut Status, names: &[String]) -> anyhow::Result<()> {
    let is = |pf: &crate::report::PfReport, name: &String| {
        pf.interface.as_ref() == Some(name) || pf.address.to_string() == *name
    };
    if let Some(unknown) = names
        .iter()
        .find(|name| !status.pfs.iter().any(|pf| is(pf, name)))
    {
        bail!("{unknown:?} is neither the address nor the interface of a PF here");
    }
    if !names.is_empty() {
        status
            .pfs
            .retain(|pf| names.iter().any(|name| is(pf, name)));
    }
    Ok(())
}

fn verdict(status: &Status) -> Verdict {
    let settled = |state| matches!(state, PfState::Ready | PfState::Unmanaged);
    Verdict::converged(status.pfs.iter().all(|pf| settled(pf.state)))
}

fn plan(
    arguments: &Arguments,
    snapshot: Option<&Path>,
    policy_dir: Option<&Path>,
) -> anyhow::Result<Forecast> {
    let policies = policy_dir.map(policies_of).transpose()?;
    let (snapshot, policies) = match (snapshot, policies) {
        (Some(file), Some(policies)) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read {}", file.display()))?;
            let snapshot = serde_json::from_str(&text)
                .with_context(|| format!("{} is not a snapshot", file.display()))?;
            (snapshot, policies)
        }
        (_, Some(policies)) => (self::snapshot(arguments)?, policies),
        (_, None) => match Client::new(&arguments.socket) {
            Ok(mut client) => return client.get("/v1/plan"),
            Err(_) => (local_snapshot()?, local_policies()?),
        },
    };
    Ok(forecast::forecast(&snapshot, &policies, &Memory::default()))
}

/// The daemon's, or our own look where none runs.
fn snapshot(arguments: &Arguments) -> anyhow::Result<HostSnapshot> {
    match Client::new(&arguments.socket) {
        Ok(mut client) => client.get("/v1/snapshot"),
        Err(_) => local_snapshot(),
    }
}

fn local_snapshot() -> anyhow::Result<HostSnapshot> {
    let host = LinuxHost::new(PathBuf::from("/"));
    host.snapshot(Look::WithHolders)
        .context("cannot look at this host")
}

/// What is in force where no daemon says so: the files as they are.
fn local_policies() -> anyhow::Result<PolicySet> {
    let root = Path::new("/");
    let settings = Settings::load(root, Trust::WarnOnly);
    let dirs = settings.map(|(settings, _)| settings.policy_dirs);
    let dirs = dirs.map_err(|errors| told("the agent's settings are not usable", &errors))?;
    usable(load::load(
        root,
        &dirs,
        Trust::WarnOnly,
        &LastGood::default(),
    ))
}

fn policies_of(directory: &Path) -> anyhow::Result<PolicySet> {
    let directory = std::path::absolute(directory)?;
    let nothing = LastGood::default();
    usable(load::load(
        Path::new("/"),
        &[directory],
        Trust::WarnOnly,
        &nothing,
    ))
}

fn usable(loaded: load::Loaded) -> anyhow::Result<PolicySet> {
    let broken = loaded.diagnostics.iter().any(Diagnostic::is_error);
    if broken {
        return Err(told("the policies are not usable", &loaded.diagnostics));
    }
    Ok(loaded.set)
}

fn told(what: &str, diagnostics: &[Diagnostic]) -> anyhow::Error {
    let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("{what}\n{}", texts.join("\n"))
}

fn check(arguments: &Arguments, paths: &[PathBuf]) -> anyhow::Result<Verdict> {
    let defaults = || {
        DIRECTORIES
            .iter()
            .map(PathBuf::from)
            .filter(|path| path.exists())
    };
    let paths = if paths.is_empty() {
        defaults().collect()
    } else {
        paths.to_owned()
    };
    let diagnostics = load::check(&paths);
    show(arguments, &diagnostics, |all| output::diagnostics(all))?;
    let failed = diagnostics.iter().any(Diagnostic::is_error);
    Ok(if failed {
        Verdict::Failed
    } else {
        Verdict::Done
    })
}
