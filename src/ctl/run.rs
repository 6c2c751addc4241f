//! The commands, one after the other.

use crate::arguments::{Arguments, Command};
use crate::options::Options;
use crate::outputs::Output;
use crate::reach::{daemon, own, snapshot};
use crate::scene::{Elsewhere, Scene};
use crate::verdict::Verdict;
use crate::{
    apply, check, completions, discover, draw, explain, import, list, monitor, output, outputs,
    own, pause, plan, schema, show, sources, status, subject,
};
use clap::CommandFactory as _;
use sriovd_core::policy::diagnostic::Diagnostic;
use sriovd_core::report::Status;

/// Answers a shell and ends the program, if it was one that asked.
pub fn complete_if_asked() {
    completions::complete_if_asked(Arguments::command);
}

/// Runs one command. An error is printed by the program, which ends with 1.
pub fn run(arguments: &Arguments) -> anyhow::Result<Verdict> {
    let options = &arguments.options;
    match &arguments.command {
        Command::Status(asked) => status::status(options, asked),
        Command::List { elsewhere } => {
            let listing = list::list(&Scene::look(options, elsewhere)?);
            output::show(options, &listing, list::text)?;
            Ok(Verdict::Done)
        }
        Command::Show { subject, elsewhere } => {
            let scene = Scene::look(options, elsewhere)?;
            let shown = show::show(&scene, subject::function(&scene, subject)?);
            output::show(options, &shown, show::text)?;
            Ok(Verdict::Done)
        }
        Command::Explain { subject, elsewhere } => {
            let scene = Scene::look(options, elsewhere)?;
            let subject = subject::any(&scene, subject)?;
            let explained = explain::explain_subject(&scene, &subject);
            output::show(options, &explained, explain::text)?;
            Ok(Verdict::Done)
        }
        Command::Draw { format, elsewhere } => {
            let picture = draw::draw(&Scene::look(options, elsewhere)?);
            match options.json {
                true => output::json(&picture)?,
                false => output::text(&draw::text(&picture, *format))?,
            }
            Ok(Verdict::Done)
        }
        Command::Render {
            output,
            network,
            elsewhere,
        } => render(options, *output, network.as_deref(), elsewhere),
        Command::Discover { snapshot: file } => {
            let host = match file {
                Some(file) => own::read_snapshot(file)?,
                None => snapshot(options)?,
            };
            output::text(&discover::starter(&host))?;
            Ok(Verdict::Done)
        }
        Command::Plan { elsewhere } => plan::show(options, &plan::plan(options, elsewhere)?),
        Command::Apply(asked) => apply::apply(options, asked),
        Command::Monitor => monitor::monitor(options),
        Command::Pause(asked) => pause::pause(options, asked),
        Command::Resume(asked) => pause::resume(options, asked),
        Command::Sources { command } => sources::sources(options, command.as_ref()),
        Command::Check { paths, snapshot } => {
            let host = match snapshot {
                Some(file) => Some(own::read_snapshot(file)?),
                None => own(options).glance(),
            };
            let checked = match paths.is_empty() {
                true => check::Checked::all(&options.root, host.as_ref()),
                false => check::Checked::paths(paths, host.as_ref()),
            };
            output::show(options, &checked, output::checked)?;
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
            output::json(&snapshot(options)?)?;
            Ok(Verdict::Done)
        }
        Command::Reload => {
            let status: Status = daemon(options)?.post("/v1/reload", &())?;
            output::show(options, &status, output::files)?;
            let broken = status.files.iter().any(|file| file.state.is_broken());
            Ok(Verdict::done(!broken))
        }
    }
}

fn render(
    options: &Options,
    output: Option<Output>,
    network: Option<&str>,
    elsewhere: &Elsewhere,
) -> anyhow::Result<Verdict> {
    let scene = Scene::look(options, elsewhere)?;
    let is_this_host = elsewhere.snapshot.is_none();
    let rendered = outputs::render(options, &scene, is_this_host, output);
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
