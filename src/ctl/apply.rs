//! `sriovctl apply`: a pass now, through the daemon or, where none runs, by itself.

use super::monitor::Names;
use super::options::Options;
use super::reach::{daemon_to_read, own, running_daemon};
use super::status::{self, selected, settled};
use super::verdict::Verdict;
use super::{completions, output, plan};
use anyhow::{Context, bail};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sriovd_agent::api::{Applied, ApplyRequest};
use sriovd_agent::daemon;
use sriovd_core::report::{Happening, PfReport, PfState, Status};
use sriovd_sim::forecast::{Forecast, PfForecast};
use sriovd_wire::client::{Client, Conversation};
use std::io::{IsTerminal, Write, stderr, stdin};

#[derive(Debug, Args)]
pub(super) struct ApplyArguments {
    /// Addresses or interface names.
    #[arg(value_name = "PF", add = completions::pfs())]
    pfs: Vec<String>,
    /// Take away VFs that are in use. On a terminal, asks first.
    #[arg(long, requires = "pfs")]
    force: bool,
    /// Show the progress, and wait until no PF is changing any more.
    #[arg(long)]
    wait: bool,
    /// Only show what would be done.
    #[arg(long, conflicts_with = "wait")]
    dry_run: bool,
}

impl ApplyArguments {
    fn request(&self) -> ApplyRequest {
        ApplyRequest {
            pfs: self.pfs.clone(),
            force: self.force,
        }
    }
}

pub(super) fn apply(options: &Options, asked: &ApplyArguments) -> anyhow::Result<Verdict> {
    let client = match asked.dry_run {
        true => daemon_to_read(options)?,
        false => running_daemon(options)?,
    };
    if asked.dry_run || asked.force {
        let forecast = forecast(options, client.as_ref(), asked)?;
        if asked.dry_run {
            if !options.json {
                output::text(&losses(&forecast, "would be"))?;
            }
            return plan::show(options, &forecast);
        }
        if !is_meant(&forecast)? {
            output::note("nothing was done");
            return Ok(Verdict::Failed);
        }
    }
    let mut applied = match client {
        Some(client) if asked.wait => {
            client.converse(|daemon| apply_and_show_progress(daemon, asked.request()))?
        }
        Some(client) => client.post("/v1/apply", &asked.request())?,
        None => {
            let own = own(options);
            let root = options.root.clone();
            output::note("sriovd is not running; this pass is sriovctl's own");
            daemon::apply(own.settings()?, root, &asked.pfs, asked.force)?
        }
    };
    applied.status = selected(&applied.status, &asked.pfs)?;
    if options.json {
        output::json(&applied)?;
    } else {
        output::text(&output::taken(&applied))?;
        output::text(&status::text(&applied.status, &asked.pfs))?;
    }
    Ok(settled(&applied.status, &asked.pfs))
}

fn forecast(
    options: &Options,
    client: Option<&Client>,
    asked: &ApplyArguments,
) -> anyhow::Result<Forecast> {
    if let Some(client) = client {
        let (pfs, force) = (asked.pfs.join(","), asked.force);
        let pfs = utf8_percent_encode(&pfs, NON_ALPHANUMERIC);
        return client.get(&format!("/v1/plan?pfs={pfs}&force={force}"));
    }
    let own = own(options);
    let (host, policies) = (own.snapshot()?, own.policies()?);
    let mut forecast = own.forecast(host, &policies, asked.force);
    let is = |pf: &PfForecast, name: &String| {
        pf.interface.as_ref() == Some(name) || pf.address.to_string() == *name
    };
    let unknown = |name: &&String| !forecast.pfs.iter().any(|pf| is(pf, name));
    if let Some(unknown) = asked.pfs.iter().find(unknown) {
        bail!("{unknown:?} is neither the address nor the interface of a PF here");
    }
    if !asked.pfs.is_empty() {
        let pfs = &mut forecast.pfs;
        pfs.retain(|pf| asked.pfs.iter().any(|name| is(pf, name)));
    }
    Ok(forecast)
}

/// Who loses a VF to it, one line each.
fn losses(forecast: &Forecast, tense: &str) -> String {
    let taken = forecast.pfs.iter().flat_map(|pf| {
        let address = pf.address.to_string();
        let name = pf.interface.clone().unwrap_or(address);
        pf.taken.iter().map(move |taken| {
            let from: Vec<_> = taken.holders.iter().map(ToString::to_string).collect();
            let from = from.join(" and ");
            format!("{name}: VF {} {tense} taken from {from}\n", taken.vf)
        })
    });
    taken.collect()
}

/// A person is asked; a script has thought about it.
fn is_meant(forecast: &Forecast) -> anyhow::Result<bool> {
    let losses = losses(forecast, "will be");
    if losses.is_empty() || !stdin().is_terminal() {
        return Ok(true);
    }
    let mut terminal = stderr();
    write!(terminal, "{losses}Go on? [y/N] ").context("cannot ask")?;
    terminal.flush().context("cannot ask")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("cannot ask")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

async fn apply_and_show_progress(
    daemon: Conversation,
    request: ApplyRequest,
) -> anyhow::Result<Applied> {
    let mut events = daemon.follow().await?;
    let mut progress = ProgressLine::new(Names::read(&daemon).await?);
    let answer = daemon.post::<Applied>("/v1/apply", &request);
    let mut answer = std::pin::pin!(answer);
    let mut applied = loop {
        tokio::select! {
            biased;
            happening = status::next(&mut events) => progress.show(&happening?),
            applied = &mut answer => break applied?,
        }
    };
    while is_changing(&applied.status, &request.pfs)? {
        let happening = status::next(&mut events).await?;
        progress.show(&happening);
        if matches!(happening, Happening::PassDone { .. }) {
            applied.status = daemon.get("/v1/status").await?;
        }
    }
    progress.end();
    Ok(applied)
}

fn is_changing(status: &Status, names: &[String]) -> anyhow::Result<bool> {
    let status = selected(status, names)?;
    let changing = |pf: &PfReport| pf.state == PfState::Changing;
    Ok(status.pfs.iter().any(changing))
}

/// On a terminal one line that changes, elsewhere one line each.
struct ProgressLine {
    names: Names,
    on_terminal: bool,
    is_open: bool,
}

impl ProgressLine {
    fn new(names: Names) -> Self {
        Self {
            names,
            on_terminal: stderr().is_terminal(),
            is_open: false,
        }
    }

    fn show(&mut self, happening: &Happening) {
        if let Happening::Progress { pf, progress } = happening {
            let pf = self.names.get(*pf);
            // Who closed stderr does not want to know.
            let _ = match self.on_terminal {
                true => write!(stderr(), "\r\x1b[K{pf}: {progress}"),
                false => writeln!(stderr(), "{pf}: {progress}"),
            };
            self.is_open = self.on_terminal;
        }
    }

    fn end(&self) {
        if self.is_open {
            let _ = writeln!(stderr());
        }
    }
}
