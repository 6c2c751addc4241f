//! `sriovctl monitor`: what the daemon does, as it does it.

use super::options::Options;
use super::output;
use super::reach::daemon;
use super::verdict::Verdict;
use anyhow::{Context, bail};
use sriovd_core::model::PciAddress;
use sriovd_core::report::{Event, Happening, Status};
use sriovd_wire::client::Conversation;
use std::collections::BTreeMap;

pub(super) fn monitor(options: &Options) -> anyhow::Result<Verdict> {
    let client = daemon(options)?;
    client.converse(|daemon| follow(daemon, options.json))
}

async fn follow(daemon: Conversation, as_json: bool) -> anyhow::Result<Verdict> {
    let mut events = daemon.follow().await?;
    let mut names = Names::read(&daemon).await?;
    while let Some(event) = events.next().await? {
        if as_json {
            if !output::is_read(&format!("{event}\n"))? {
                return Ok(Verdict::Done);
            }
            continue;
        }
        let event: Event = serde_json::from_str(&event).context("cannot read an event")?;
        if !output::is_read(&names.line(&event))? {
            return Ok(Verdict::Done);
        }
        // Its interface is known from here on.
        if matches!(event.happening, Happening::PassDone { .. }) {
            names.complete(&event.happening, &daemon).await?;
        }
    }
    bail!("sriovd has ended the stream: it stops, or more happened than could be shown in time");
}

/// PFs as people call them.
pub(super) struct Names(BTreeMap<PciAddress, String>);

impl Names {
    pub(super) async fn read(daemon: &Conversation) -> anyhow::Result<Self> {
        let status: Status = daemon.get("/v1/status").await?;
        Ok(Self::of(&status))
    }

    pub(super) fn of(status: &Status) -> Self {
        let names = status.pfs.iter();
        Self(names.map(|pf| (pf.address, pf.display_name())).collect())
    }

    async fn complete(&mut self, told: &Happening, daemon: &Conversation) -> anyhow::Result<()> {
        if told.pf().is_some_and(|pf| !self.0.contains_key(&pf)) {
            *self = Self::read(daemon).await?;
        }
        Ok(())
    }

    pub(super) fn get(&self, pf: PciAddress) -> String {
        self.0.get(&pf).cloned().unwrap_or_else(|| pf.to_string())
    }

    fn line(&self, event: &Event) -> String {
        let (time, happening) = (event.time, &event.happening);
        let mut line = match happening.pf() {
            Some(pf) => format!("{time} {}: {happening}\n", self.get(pf)),
            None => format!("{time} {happening}\n"),
        };
        if let Happening::Plan { steps, .. } = happening {
            for step in steps {
                let mark = if step.disruptive { "!" } else { "+" };
                line += &format!("    {mark} {}\n", step.text);
            }
        }
        line
    }
}

#[cfg(test)]
mod tests;
