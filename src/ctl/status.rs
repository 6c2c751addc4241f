//! `status`: a line per PF, once or whenever something changes.

mod watch;

use super::scene::Scene;
use super::{Arguments, Verdict, daemon, output, own};
use anyhow::bail;
use clap::Args;
use sriovd_core::report::{AbsentPf, FileReport, PfReport, PfState, Status};
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

pub(super) fn status(arguments: &Arguments, asked: &StatusArguments) -> anyhow::Result<Verdict> {
    let client = match daemon(arguments) {
        Ok(client) => client,
        Err(unreachable) if arguments.socket.is_none() && !asked.watch => {
            output::note(&format!(
                "{unreachable}; this is what can be seen without it"
            ));
            show(arguments, &own_status(arguments)?, &asked.pfs)?;
            // Whoever asks whether all is well is not told so by a host that nobody looks after.
            return Ok(Verdict::Failed);
        }
        Err(unreachable) => return Err(unreachable.into()),
    };
    match asked.watch {
        false => show(arguments, &client.get("/v1/status")?, &asked.pfs),
        true => client.converse(|daemon| watch::watch(daemon, arguments.json, &asked.pfs)),
    }
}

/// What a pass would find, in place of what the last one did.
fn own_status(arguments: &Arguments) -> anyhow::Result<Status> {
    let own = own(arguments);
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

fn show(arguments: &Arguments, status: &Status, names: &[String]) -> anyhow::Result<Verdict> {
    let status = selected(status, names)?;
    match arguments.json {
        true => output::json(&status)?,
        false => output::text(&text(&status, names))?,
    }
    Ok(settled(&status, names))
}

pub(super) fn text(status: &Status, names: &[String]) -> String {
    match names {
        [] => output::status(status),
        _ => output::pfs(status),
    }
}

/// A PF that is not here keeps nobody waiting, unless somebody asks for it by its name.
pub(super) fn settled(status: &Status, names: &[String]) -> Verdict {
    let settled = |pf: &PfReport| matches!(pf.state, PfState::Ready | PfState::Unmanaged);
    let missed = !names.is_empty() && !status.absent.is_empty();
    Verdict::converged(status.pfs.iter().all(settled) && !missed)
}

/// Only the PFs that were asked for, by address or interface name.
pub(super) fn selected(status: &Status, names: &[String]) -> anyhow::Result<Status> {
    let known = |name: &String| {
        status.pfs.iter().any(|pf| is(pf, name))
            || status.absent.iter().any(|pf| is_absent(pf, name))
    };
    match names.iter().find(|name| !known(name)) {
        None => Ok(among(status, names)),
        Some(unknown) => {
            bail!("{unknown:?} is neither the address nor the interface of a PF here")
        }
    }
}

/// The same, as far as they are here. No names mean all.
fn among(status: &Status, names: &[String]) -> Status {
    let mut status = status.clone();
    if !names.is_empty() {
        let absent = |pf: &AbsentPf| names.iter().any(|name| is_absent(pf, name));
        status.absent.retain(absent);
        let here = |pf: &PfReport| names.iter().any(|name| is(pf, name));
        status.pfs.retain(here);
    }
    status
}

fn is(pf: &PfReport, name: &str) -> bool {
    pf.interface.as_deref() == Some(name) || pf.address.to_string() == name
}

fn is_absent(pf: &AbsentPf, name: &str) -> bool {
    pf.name.to_string() == name
}

#[cfg(test)]
mod tests;
