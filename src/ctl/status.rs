//! `status`: a line per PF, once or whenever something changes.

use super::client::{Conversation, Follower};
use super::scene::Scene;
use super::{Arguments, Verdict, daemon, output, own};
use crate::report::{
    AbsentPf, Event, FileReport, Happening, PfName, PfReport, PfState, Status, sentence,
};
use anyhow::{Context, bail};
use clap::Args;
use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};

#[derive(Debug, Args)]
pub(super) struct StatusArguments {
    /// Only these PFs, with everything there is to say of them. Addresses or interface names.
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
        true => client.converse(|daemon| watch(daemon, arguments.json, &asked.pfs)),
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
    Ok(Status {
        files: files.collect(),
        ..Scene::new(host, loaded.set, memory, None).status()
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
    let mut status = status.clone();
    if names.is_empty() {
        return Ok(status);
    }
    let is = |pf: &PfReport, name: &String| {
        pf.interface.as_ref() == Some(name) || pf.address.to_string() == *name
    };
    let is_absent = |pf: &AbsentPf, name: &String| pf.name.to_string() == *name;
    let known = |name: &String| {
        status.pfs.iter().any(|pf| is(pf, name))
            || status.absent.iter().any(|pf| is_absent(pf, name))
    };
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        bail!("{unknown:?} is neither the address nor the interface of a PF here");
    }
    let absent = |pf: &AbsentPf| names.iter().any(|name| is_absent(pf, name));
    status.absent.retain(absent);
    status
        .pfs
        .retain(|pf| names.iter().any(|name| is(pf, name)));
    Ok(status)
}

async fn watch(daemon: Conversation, as_json: bool, names: &[String]) -> anyhow::Result<Verdict> {
    let mut events = daemon.follow().await?;
    let mut view = View {
        as_json,
        on_terminal: stdout().is_terminal(),
        told: BTreeMap::new(),
        last: None,
    };
    loop {
        let (status, mut is_old) = fetch(&daemon, &mut events).await?;
        if !view.show(&selected(&status, names)?, names)? {
            return Ok(Verdict::Done);
        }
        while !is_old {
            is_old = changes_status(&next(&mut events).await?);
        }
    }
}

/// The status, and whether it may be old already: events are read meanwhile, so that a host on
/// which much happens does not cut us off.
async fn fetch(daemon: &Conversation, events: &mut Follower) -> anyhow::Result<(Status, bool)> {
    let mut status = std::pin::pin!(daemon.get("/v1/status"));
    let mut is_old = false;
    loop {
        tokio::select! {
            status = &mut status => return Ok((status?, is_old)),
            happening = next(events) => is_old |= changes_status(&happening?),
        }
    }
}

pub(super) async fn next(events: &mut Follower) -> anyhow::Result<Happening> {
    let text = events.next().await?;
    let text = text.context("sriovd has ended the stream of events")?;
    let event: Event = serde_json::from_str(&text).context("cannot make sense of an event")?;
    Ok(event.happening)
}

fn changes_status(happening: &Happening) -> bool {
    match happening {
        Happening::Trigger { .. }
        | Happening::PassBegun { .. }
        | Happening::Plan { .. }
        | Happening::StepDone { .. }
        | Happening::StepFailed { .. }
        | Happening::Progress { .. }
        | Happening::VfTaken(_)
        | Happening::Overrun { .. } => false,
        Happening::PassDone { .. }
        | Happening::ProblemAppeared { .. }
        | Happening::ProblemCleared { .. }
        | Happening::PfAppeared { .. }
        | Happening::PfVanished { .. }
        | Happening::PoliciesLoaded { .. }
        | Happening::OutputWritten { .. }
        | Happening::OutputRemoved { .. }
        | Happening::OutputRefused { .. }
        | Happening::Paused { .. }
        | Happening::Resumed { .. } => true,
    }
}

/// What somebody sees who watches.
struct View {
    as_json: bool,
    on_terminal: bool,
    /// The last line of each PF.
    told: BTreeMap<PfName, String>,
    last: Option<Status>,
}

impl View {
    /// Whether anybody still reads it.
    fn show(&mut self, status: &Status, names: &[String]) -> anyhow::Result<bool> {
        if self.last.as_ref() == Some(status) {
            return Ok(true);
        }
        let is_read = match (self.as_json, self.on_terminal) {
            (true, _) => output::is_read(&format!("{}\n", serde_json::to_string(status)?)),
            (false, true) => output::redraw(&text(status, names)),
            (false, false) => output::is_read(&self.news(status)),
        };
        self.last = Some(status.clone());
        is_read
    }

    /// A line for each PF of which something else is to be said than before.
    fn news(&mut self, status: &Status) -> String {
        let now = lines(status);
        let gone = self.told.keys().filter(|name| !now.contains_key(name));
        let gone: String = gone.map(|name| format!("{name} is gone\n")).collect();
        let is_news = |(name, line): &(&PfName, &String)| self.told.get(name) != Some(line);
        let news = now.iter().filter(is_news).map(|(_, line)| line.as_str());
        let news = gone + &news.collect::<String>();
        self.told = now;
        news
    }
}

fn lines(status: &Status) -> BTreeMap<PfName, String> {
    let pfs = status.pfs.iter().map(|pf| {
        let (ready, wanted, possible) = (pf.vfs_ready, pf.vfs_wanted, pf.vfs_possible);
        let said = sentence::reason(pf).unwrap_or_else(|| output::state(pf.state).to_owned());
        let name = sentence::name(pf);
        let line = format!("{name} {ready}/{wanted}/{possible} VFs, {said}\n");
        (PfName::Address(pf.address), line)
    });
    let absent = status.absent.iter().map(|pf| {
        let line = format!("{} {}\n", pf.name, sentence::absent(pf));
        (pf.name.clone(), line)
    });
    pfs.chain(absent).collect()
}

#[cfg(test)]
mod tests;
