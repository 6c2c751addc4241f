//! `status`: a line per PF, once or whenever something changes.

mod selection;
mod watch;

use super::options::Options;
use super::output;
use super::reach::{daemon, own};
use super::scene::Scene;
use super::verdict::Verdict;
use clap::Args;
pub(super) use selection::{selected, settled, text};
use sriovd_core::report::{FileReport, Status};
pub(super) use watch::next;

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Only these PFs, with all their problems. Addresses or interface names.
    #[arg(value_name = "PF", add = super::completions::pfs())]
    pfs: Vec<String>,
    /// Go on until interrupted: on a terminal the table as it is now, elsewhere a line for each PF
    /// that changes, with --json an object each time.
    #[arg(long)]
    watch: bool,
}

pub(super) fn status(options: &Options, asked: &StatusArguments) -> anyhow::Result<Verdict> {
    let client = match daemon(options) {
        Ok(client) => client,
        Err(unreachable) if options.socket.is_none() && !asked.watch => {
            output::note(&format!(
                "{unreachable}; this is what can be seen without it"
            ));
            show(options, &own_status(options)?, &asked.pfs)?;
            // Whoever asks whether all is well is not told so by a host that nobody looks after.
            return Ok(Verdict::Failed);
        }
        Err(unreachable) => return Err(unreachable.into()),
    };
    match asked.watch {
        false => show(options, &client.get("/v1/status")?, &asked.pfs),
        true => client.converse(|daemon| watch::watch(daemon, options.json, &asked.pfs)),
    }
}

/// What a pass would find, in place of what the last one did.
fn own_status(options: &Options) -> anyhow::Result<Status> {
    let own = own(options);
    let (host, loaded) = (own.snapshot()?, own.policies_in_force());
    let memory = own.memory_for(&host);
    let files = loaded.files.into_iter().map(|file| FileReport {
        path: file.path,
        state: file.state,
    });
    let scene = Scene {
        own_cni_plugin: own.has_cni_plugin(),
        ..Scene::new(host, loaded.set, memory, None)
    };
    Ok(Status {
        files: files.collect(),
        ..scene.status()
    })
}

fn show(options: &Options, status: &Status, names: &[String]) -> anyhow::Result<Verdict> {
    let status = selected(status, names)?;
    match options.json {
        true => output::json(&status)?,
        false => output::text(&text(&status, names))?,
    }
    Ok(settled(&status, names))
}

#[cfg(test)]
mod tests;
