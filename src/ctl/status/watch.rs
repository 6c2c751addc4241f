//! `status --watch`: what there is to say, said again whenever it changes.

use super::selection::{among, selected, text};
use crate::output;
use crate::verdict::Verdict;
use anyhow::Context;
use sriovd_core::report::{Event, Happening, PfName, Status, sentence};
use sriovd_wire::client::{Conversation, Follower, Lost, Unreachable};
use std::collections::BTreeMap;
use std::io::{IsTerminal, stdout};

/// Goes on over a restart of the daemon, until nobody reads it any more.
pub(super) async fn watch(
    daemon: Conversation,
    as_json: bool,
    names: &[String],
) -> anyhow::Result<Verdict> {
    // A name that is none of a PF now is a mistake; later the PF may be gone for a while.
    selected(&daemon.get("/v1/status").await?, names)?;
    let mut view = View {
        as_json,
        on_terminal: stdout().is_terminal(),
        told: BTreeMap::new(),
        last: None,
    };
    loop {
        match follow(&daemon, &mut view, names).await {
            Err(error) if error.is::<Lost>() || error.is::<Unreachable>() => {
                output::note(&format!("{error}; waiting for it to come back"));
                daemon.is_back().await?;
                view.is_soiled();
            }
            ended => return ended.map(|()| Verdict::Done),
        }
    }
}

async fn follow(daemon: &Conversation, view: &mut View, names: &[String]) -> anyhow::Result<()> {
    let mut events = daemon.follow().await?;
    loop {
        let (status, mut is_old) = fetch(daemon, &mut events).await?;
        if !view.show(&among(&status, names), names)? {
            return Ok(());
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

pub(in super::super) async fn next(events: &mut Follower) -> anyhow::Result<Happening> {
    let text = events.next().await?;
    let text = text.ok_or(Lost)?;
    let event: Event = serde_json::from_str(&text).context("cannot read an event")?;
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
    /// Something else was said on the terminal.
    fn is_soiled(&mut self) {
        if self.on_terminal && !self.as_json {
            self.last = None;
        }
    }

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
        let is_news = |(name, line): &(&PfName, &String)| self.told.get(name) != Some(line);
        let news = now.iter().filter(is_news).map(|(_, line)| line.as_str());
        let news: String = news.collect();
        let gone = std::mem::replace(&mut self.told, now.clone()).into_iter();
        let gone = gone.filter(|(name, _)| !now.contains_key(name));
        if status.starting {
            // They were not looked at yet.
            self.told.extend(gone);
            return news;
        }
        let gone = gone.map(|(name, _)| format!("{name} is gone\n"));
        gone.collect::<String>() + &news
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
