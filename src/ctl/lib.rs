//! `sriovctl`: what the daemon knows and does, for people and, with `--json`, for programs.
//!
//! What only reads works without a daemon, too: then this program looks at the host itself.
#![warn(missing_docs)]

mod apply;
mod arguments;
mod attribute;
mod check;
mod colour;
mod completions;
mod device;
mod discover;
mod draw;
mod explain;
pub mod import;
mod list;
mod monitor;
mod output;
mod outputs;
mod own;
mod pause;
mod place;
mod scene;
mod schema;
mod show;
mod sources;
mod status;
mod subject;
mod table;

pub use arguments::Arguments;
use arguments::Command;
pub use completions::complete_if_asked;
use outputs::Output;
use own::Own;
use scene::{Elsewhere, Scene};
use sriovd_core::model::HostSnapshot;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::report::Status;
use sriovd_sim::forecast::Forecast;
use sriovd_wire::client::{Client, Unreachable};

/// How a command ended; the exit codes are 0, 1 and 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 0: everything is done, or as wanted.
    Done,
    /// 1: something failed.
    Failed,
    /// 3: something is not as wanted.
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

/// Runs one command. An error is printed by the program, which ends with 1.
pub fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    match &arguments.command {
        Command::Status(asked) => status::status(arguments, asked),
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
        Command::Sources { command } => sources::sources(arguments, command.as_ref()),
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

/// The daemon's, or our own of what a daemon would do first.
fn plan(arguments: &Arguments, elsewhere: &Elsewhere) -> anyhow::Result<Forecast> {
    if elsewhere.policy_dir.is_some() {
        return Ok(Scene::look(arguments, elsewhere)?.forecast());
    }
    if let Some(client) = daemon_to_read(arguments)? {
        return client.get("/v1/plan");
    }
    let own = own(arguments);
    let (host, policies) = (own.snapshot()?, own.policies()?);
    let forecast = own.forecast(host, &policies, false);
    output::note("this is what sriovd would do if it started now");
    Ok(forecast)
}

/// The daemon's, or our own look where none runs.
fn snapshot(arguments: &Arguments) -> anyhow::Result<HostSnapshot> {
    match daemon_to_read(arguments)? {
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

/// Everybody may look, if not at what the daemon remembers.
fn daemon_to_read(arguments: &Arguments) -> Result<Option<Client>, Unreachable> {
    match running_daemon(arguments) {
        Err(forbidden @ Unreachable::Forbidden { .. }) if arguments.socket.is_none() => {
            output::note(&format!("{forbidden}; looking without it"));
            Ok(None)
        }
        client => client,
    }
}

fn own(arguments: &Arguments) -> Own<'_> {
    Own::new(&arguments.root)
}
