//! `sriovctl`: what the daemon knows and does, for people and, with `--json`, for programs.
//!
//! What only reads works without a daemon, too: then this program looks at the host itself.

mod apply;
mod attribute;
mod check;
mod client;
mod colour;
mod completions;
mod discover;
mod draw;
mod explain;
mod import;
mod list;
mod monitor;
mod output;
mod outputs;
mod own;
mod pause;
mod scene;
mod schema;
mod show;
mod subject;
mod table;

use crate::forecast::{self, Forecast};
use crate::model::HostSnapshot;
use crate::policy::diagnostic::Diagnostic;
use crate::report::{PfReport, PfState, Status};
use anyhow::bail;
use apply::ApplyArguments;
use clap::{Parser, Subcommand};
use client::{Client, Unreachable};
use completions::Shell;
pub use completions::complete_if_asked;
use draw::Format;
use outputs::Output;
use own::Own;
use pause::{PauseArguments, ResumeArguments};
use scene::{Elsewhere, Scene};
use schema::Document;
use std::path::PathBuf;

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

    fn done(is: bool) -> Self {
        if is { Self::Done } else { Self::Failed }
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
    /// The daemon's socket, if it is not the one in /etc/sriovd.toml.
    #[arg(long, global = true, value_name = "FILE")]
    socket: Option<PathBuf>,
    /// Take this directory for /.
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A line per PF: what it has, what is wanted, and why it is not so.
    ///
    /// VFS are those that are ready, wanted and possible. Exit code 3 if a PF is not as its
    /// policies want it.
    Status {
        /// Only these PFs, with everything there is to say of them. Addresses or interface names.
        #[arg(value_name = "PF", add = completions::pfs())]
        pfs: Vec<String>,
    },
    /// Every NIC that can have VFs, and why the unmanaged ones are.
    List {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A PF with its VFs, or one VF, and what is not as its policies want it.
    Show {
        /// An address or interface name; `PF#3` is VF 3 of a PF.
        #[arg(value_name = "PF|VF", add = completions::functions())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// Why a PF, a VF, a policy or a network is as it is.
    Explain {
        /// An address, an interface name, `PF#3` for VF 3, the name of a policy or of a network.
        /// Where several have it: `pf:NAME`, `vf:NAME`, `policy:NAME`, `network:NAME`.
        #[arg(value_name = "PF|VF|POLICY|NETWORK", add = completions::anything())]
        subject: String,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// What a pass would do now, step by step, and nothing done.
    ///
    /// Steps marked with ! take VFs away from whoever uses them. Exit code 3 if there is
    /// something to do, or something in the way.
    #[command(visible_alias = "diff")]
    Plan {
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A pass now over some PFs or all of them; waits until it is over.
    ///
    /// Tries again what failed before, also on PFs that are paused if they are named. Works without
    /// the daemon, too. Exit code 3 if a PF is still not as its policies want it.
    Apply(ApplyArguments),
    /// What the daemon does, as it does it: triggers, plans, steps, refusals, files written.
    Monitor,
    /// Hold changes for maintenance. The daemon goes on looking and telling.
    Pause(PauseArguments),
    /// End a pause.
    Resume(ResumeArguments),
    /// A picture: NUMA nodes, PFs, VFs, pools, networks, and who holds what.
    ///
    /// VFs that are alike are drawn as one where there are many.
    Draw {
        #[command(flatten)]
        format: Format,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// What is published for other programs, as it would be now.
    Render {
        /// Only this output. If none is given, all of them, each under its path.
        output: Option<Output>,
        /// Only this network.
        #[arg(value_name = "NETWORK", add = completions::networks())]
        network: Option<String>,
        #[command(flatten)]
        elsewhere: Elsewhere,
    },
    /// A policy file to start from, for the NICs that are here.
    Discover {
        /// For the NICs in this snapshot instead.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// All errors and warnings of policy files. Exit code 1 if there are errors.
    Check {
        /// Files and directories. If none is given, everything that the daemon reads.
        paths: Vec<PathBuf>,
        /// Whether the PFs of this host can do what is asked of them, instead of those that are here.
        #[arg(long, value_name = "FILE")]
        snapshot: Option<PathBuf>,
    },
    /// A script that makes a shell complete, also PFs, policies and networks of this host.
    Completions { shell: Shell },
    /// The JSON Schema of a file, or of what a command prints with --json.
    ///
    /// Editors complete and check files by it.
    Schema { document: Document },
    /// Policies and networks of other programs, as TOML on standard output.
    ///
    /// Objects of sriov-network-operator in YAML or JSON, a configuration of the SR-IOV device
    /// plugin or the ConfigMap that holds one, a start-up file of vf-operator. What cannot be
    /// carried over is said in comments, and on standard error. Exit code 1 if the result needs a
    /// hand before it can be used.
    Import {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// The host as the daemon sees it, as JSON: for bug reports and for `plan --snapshot`.
    Snapshot,
    /// Have the daemon read its policies again. Exit code 1 if a file cannot be used.
    Reload,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    match &arguments.command {
        Command::Status { pfs } => status(arguments, pfs),
        Command::List { elsewhere } => {
            let listing = list::list(&Scene::look(arguments, elsewhere)?);
            show(arguments, &listing, list::text)?;
            Ok(Verdict::Done)
        }
        Command::Show { subject, elsewhere } => {
            let scene = Scene::look(arguments, elsewhere)?;
            let shown = show::show(&scene, subject::function(&scene, subject)?);
            show(arguments, &shown, show::text)?;
            Ok(Verdict::Done)
        }
        Command::Explain { subject, elsewhere } => {
            let scene = Scene::look(arguments, elsewhere)?;
            let subject = subject::any(&scene, subject)?;
            let explained = explain::explain_subject(&scene, &subject);
            show(arguments, &explained, explain::text)?;
            Ok(Verdict::Done)
        }
        Command::Draw { format, elsewhere } => {
            let picture = draw::draw(&Scene::look(arguments, elsewhere)?);
            match arguments.json {
                true => output::json(&picture)?,
                false => output::text(&draw::text(&picture, *format))?,
            }
            Ok(Verdict::Done)
        }
        Command::Render {
            output,
            network,
            elsewhere,
        } => render(arguments, *output, network.as_deref(), elsewhere),
        Command::Discover { snapshot: file } => {
            let host = match file {
                Some(file) => own::read_snapshot(file)?,
                None => snapshot(arguments)?,
            };
            output::text(&discover::starter(&host))?;
            Ok(Verdict::Done)
        }
        Command::Plan { elsewhere } => show_plan(arguments, &plan(arguments, elsewhere)?),
        Command::Apply(asked) => apply::apply(arguments, asked),
        Command::Monitor => monitor::monitor(arguments),
        Command::Pause(asked) => pause::pause(arguments, asked),
        Command::Resume(asked) => pause::resume(arguments, asked),
        Command::Check { paths, snapshot } => {
            let host = match snapshot {
                Some(file) => Some(own::read_snapshot(file)?),
                None => own(arguments).glance(),
            };
            let checked = match paths.is_empty() {
                true => check::Checked::all(&arguments.root, host.as_ref()),
                false => check::Checked::paths(paths, host.as_ref()),
            };
            show(arguments, &checked, output::checked)?;
            Ok(Verdict::done(checked.errors == 0))
        }
        Command::Completions { shell } => {
            output::text(&completions::script(*shell)?)?;
            Ok(Verdict::Done)
        }
        Command::Schema { document } => {
            output::json(&schema::schema(*document))?;
            Ok(Verdict::Done)
        }
        Command::Import { files } => {
            let imported = import::import(files)?;
            output::text(&imported.text)?;
            imported.remarks.iter().for_each(|it| output::note(it));
            for diagnostic in &imported.wrong {
                output::note(&diagnostic.one_line());
            }
            let unusable = imported.wrong.iter().any(Diagnostic::is_error);
            Ok(Verdict::done(!unusable))
        }
        Command::Snapshot => {
            output::json(&snapshot(arguments)?)?;
            Ok(Verdict::Done)
        }
        Command::Reload => {
            let status: Status = daemon(arguments)?.post("/v1/reload", &())?;
            show(arguments, &status, output::files)?;
            let broken = status.files.iter().any(|file| file.state.is_broken());
            Ok(Verdict::done(!broken))
        }
    }
}

fn render(
    arguments: &Arguments,
    output: Option<Output>,
    network: Option<&str>,
    elsewhere: &Elsewhere,
) -> anyhow::Result<Verdict> {
    let scene = Scene::look(arguments, elsewhere)?;
    let is_this_host = elsewhere.snapshot.is_none();
    let rendered = outputs::render(arguments, &scene, is_this_host, output);
    let files = match network {
        Some(network) => outputs::of_network(&scene, &rendered, network)?,
        None => {
            for held in &rendered.held_back {
                let (network, reason) = (&held.network, &held.reason);
                output::note(&format!("network {network} is not published: {reason}"));
            }
            rendered.files
        }
    };
    output::text(&outputs::text(&files))?;
    Ok(Verdict::Done)
}

fn status(arguments: &Arguments, names: &[String]) -> anyhow::Result<Verdict> {
    let mut status: Status = daemon(arguments)?.get("/v1/status")?;
    select(&mut status, names)?;
    show_status(arguments, &status, names)
}

fn show_status(
    arguments: &Arguments,
    status: &Status,
    names: &[String],
) -> anyhow::Result<Verdict> {
    if arguments.json {
        output::json(status)?;
    } else {
        output::text(&status_text(status, names))?;
    }
    Ok(settled(status))
}

fn status_text(status: &Status, names: &[String]) -> String {
    match names {
        [] => output::status(status),
        _ => output::pfs(status),
    }
}

fn settled(status: &Status) -> Verdict {
    let settled = |pf: &PfReport| matches!(pf.state, PfState::Ready | PfState::Unmanaged);
    Verdict::converged(status.pfs.iter().all(settled))
}

fn show_plan(arguments: &Arguments, forecast: &Forecast) -> anyhow::Result<Verdict> {
    show(arguments, forecast, output::forecast)?;
    Ok(Verdict::converged(forecast.is_converged()))
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
    let is = |pf: &PfReport, name: &String| {
        pf.interface.as_ref() == Some(name) || pf.address.to_string() == *name
    };
    let unknown = |name: &&String| !status.pfs.iter().any(|pf| is(pf, name));
    if let Some(unknown) = names.iter().find(unknown) {
        bail!("{unknown:?} is neither the address nor the interface of a PF here");
    }
    if !names.is_empty() {
        let asked = |pf: &PfReport| names.iter().any(|name| is(pf, name));
        status.pfs.retain(asked);
    }
    Ok(())
}

/// The daemon's, or our own of what a daemon would do first.
fn plan(arguments: &Arguments, elsewhere: &Elsewhere) -> anyhow::Result<Forecast> {
    if elsewhere.policy_dir.is_some() {
        return Ok(Scene::look(arguments, elsewhere)?.forecast());
    }
    if let Some(client) = running_daemon(arguments)? {
        return client.get("/v1/plan");
    }
    let own = own(arguments);
    let (host, policies) = (own.snapshot()?, own.policies()?);
    let forecast = forecast::forecast(&host, &policies, &own.memory_for(&host));
    output::note("sriovd is not running; this is what it would do when it starts");
    Ok(forecast)
}

/// The daemon's, or our own look where none runs.
fn snapshot(arguments: &Arguments) -> anyhow::Result<HostSnapshot> {
    match running_daemon(arguments)? {
        Some(client) => client.get("/v1/snapshot"),
        None => own(arguments).snapshot(),
    }
}

fn daemon(arguments: &Arguments) -> Result<Client, Unreachable> {
    match &arguments.socket {
        Some(socket) => Client::new(socket),
        None => Client::new(&own(arguments).socket()),
    }
}

/// `None` where no daemon runs. A socket that somebody asked for by name has to be there.
fn running_daemon(arguments: &Arguments) -> Result<Option<Client>, Unreachable> {
    match daemon(arguments) {
        Err(Unreachable::NotRunning { .. }) if arguments.socket.is_none() => Ok(None),
        client => client.map(Some),
    }
}

fn own(arguments: &Arguments) -> Own<'_> {
    Own::new(&arguments.root)
}
