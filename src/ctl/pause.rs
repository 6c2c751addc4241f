//! `sriovctl pause` and `resume`.

use super::options::Options;
use super::reach::daemon;
use super::verdict::Verdict;
use super::{completions, output};
use anyhow::ensure;
use clap::Args;
use sriovd_agent::api::PauseRequest;
use sriovd_core::report::Status;
use std::time::Duration;

/// What a person writes for all PFs.
const ALL: &str = "all";

#[derive(Debug, Args)]
pub(super) struct PauseArguments {
    /// Addresses or interface names, or "all".
    #[arg(required = true, value_name = "PF|all", add = completions::pfs_or(ALL))]
    pfs: Vec<String>,
    /// How long the pause lasts, such as 10m or 1h30m. Without it: until it is resumed.
    #[arg(long = "for", value_name = "TIME", value_parser = length)]
    length: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    /// Addresses or interface names. Without any: everything that is paused.
    #[arg(value_name = "PF|all", add = completions::pfs_or(ALL))]
    pfs: Vec<String>,
}

fn length(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if length.as_secs() > 0 => Ok(length),
        Ok(_) => Err("a pause lasts a second at least".to_owned()),
        Err(error) => Err(format!(
            "{error}; expected a time such as 90s, 10m or 1h30m"
        )),
    }
}

pub(super) fn pause(options: &Options, asked: &PauseArguments) -> anyhow::Result<Verdict> {
    let request = PauseRequest {
        pfs: names(&asked.pfs)?,
        seconds: asked.length.map(|length| length.as_secs()),
    };
    let status: Status = daemon(options)?.post("/v1/pause", &request)?;
    show(options, &status)
}

pub(super) fn resume(options: &Options, asked: &ResumeArguments) -> anyhow::Result<Verdict> {
    let request = PauseRequest {
        pfs: names(&asked.pfs)?,
        seconds: None,
    };
    let status: Status = daemon(options)?.post("/v1/resume", &request)?;
    show(options, &status)
}

/// None are all.
fn names(written: &[String]) -> anyhow::Result<Vec<String>> {
    if !written.iter().any(|name| name == ALL) {
        return Ok(written.to_vec());
    }
    ensure!(
        written.len() == 1,
        "\"all\" and single PFs do not go together"
    );
    Ok(Vec::new())
}

fn show(options: &Options, status: &Status) -> anyhow::Result<Verdict> {
    if options.json {
        output::json(status)?;
    } else {
        output::text(&text(status))?;
    }
    Ok(Verdict::Done)
}

fn text(status: &Status) -> String {
    let pauses = &status.pauses;
    let name = |address| {
        let mut pfs = status.pfs.iter();
        let known = pfs.find(|pf| pf.address == address);
        known.map_or_else(|| address.to_string(), |pf| pf.display_name())
    };
    let all = pauses
        .all
        .iter()
        .map(|pause| format!("All PFs are paused {pause}.\n"));
    let single = pauses.pfs.iter();
    let single = single.map(|(&pf, pause)| format!("{} is paused {pause}.\n", name(pf)));
    match all.chain(single).collect::<String>() {
        none if none.is_empty() => "Nothing is paused.\n".to_owned(),
        some => some,
    }
}
