//! What a person reads, and the same as JSON.

use super::table::Table;
use crate::forecast::{Forecast, PfForecast};
use crate::policy::diagnostic::Diagnostic;
use crate::report::Status;
use crate::report::{PfReport, PfState, Problem};
use anyhow::Context;
use serde::Serialize;
use std::io::{ErrorKind, Write};

pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut printed = serde_json::to_string_pretty(value)?;
    printed.push('\n');
    text(&printed)
}

/// A reader that has seen enough (`| head`) is no error.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot print"),
    }
}

pub(super) fn status(status: &Status) -> String {
    let mut table = Table::new(&[
        "ADDRESS",
        "INTERFACE",
        "DRIVER",
        "VFS",
        "STATE",
        "POLICIES",
        "POOLS",
    ]);
    for pf in &status.pfs {
        table.row(vec![
            pf.address.to_string(),
            pf.interface.clone().unwrap_or_else(dash),
            pf.driver.clone().unwrap_or_else(dash),
            format!("{}/{}/{}", pf.vfs_ready, pf.vfs_wanted, pf.vfs_possible),
            state(pf.state).to_owned(),
            joined(pf.policies.iter()),
            joined(pf.pools.iter()),
        ]);
    }
    let mut text = table.render();
    for pf in &status.pfs {
        text.push_str(&problems(&name(pf), &pf.problems));
    }
    if !status.networks.is_empty() {
        let mut table = Table::new(&["NETWORK", "RESOURCE", "VF", "NOTE"]);
        for network in &status.networks {
            let vf = network.vf.map_or_else(dash, |vf| vf.to_string());
            let resource = network.resource.clone().unwrap_or_else(dash);
            let note = network.held_back.clone().unwrap_or_default();
            table.row(vec![network.name.clone(), resource, vf, note]);
        }
        text.push('\n');
        text.push_str(&table.render());
    }
    let broken = status.files.iter().any(|file| file.state.is_broken());
    if broken {
        text.push('\n');
        text.push_str(&files(status));
    }
    text
}

pub(super) fn files(status: &Status) -> String {
    let mut table = Table::new(&["FILE", "STATE"]);
    for file in &status.files {
        table.row(vec![
            file.path.display().to_string(),
            file.state.to_string(),
        ]);
    }
    table.render()
}

pub(super) fn diagnostics(all: &[Diagnostic]) -> String {
    if all.is_empty() {
        return "No errors.\n".to_owned();
    }
    all.iter()
        .map(|diagnostic| format!("{diagnostic}\n\n"))
        .collect()
}

pub(super) fn forecast(forecast: &Forecast) -> String {
    if forecast.is_converged() {
        return "Nothing to do.\n".to_owned();
    }
    let touched = |pf: &&PfForecast| !pf.steps.is_empty() || !pf.problems.is_empty();
    forecast
        .pfs
        .iter()
        .filter(touched)
        .map(pf_forecast)
        .collect::<Vec<_>>()
        .join("\n")
}

fn pf_forecast(pf: &PfForecast) -> String {
    let name = pf
        .interface
        .clone()
        .unwrap_or_else(|| pf.address.to_string());
    let because = match joined(pf.policies.iter()) {
        none if none == dash() => "no policy names it any more".to_owned(),
        policies => format!("policy {policies}"),
    };
    let mut text = format!("{name} ({}): {because}\n", pf.address);
    for step in &pf.steps {
        let mark = if step.disruptive { "!" } else { "+" };
        text.push_str(&format!("  {mark} {}\n", step.text));
    }
    text + &problems(&name, &pf.problems)
}

fn problems(pf: &str, problems: &[Problem]) -> String {
    let line = |problem: &Problem| {
        let vf = problem.vf.map(|vf| format!(" VF {vf}")).unwrap_or_default();
        let hint = problem
            .hint
            .as_ref()
            .map(|hint| format!("\n    {hint}"))
            .unwrap_or_default();
        format!("  {pf}{vf}: {}{hint}\n", problem.reason)
    };
    problems.iter().map(line).collect()
}

fn name(pf: &PfReport) -> String {
    pf.interface
        .clone()
        .unwrap_or_else(|| pf.address.to_string())
}

fn state(state: PfState) -> &'static str {
    match state {
        PfState::Ready => "ready",
        PfState::Changing => "changing",
        PfState::Refused => "refused",
        PfState::Failed => "failed",
        PfState::Hung => "hung",
        PfState::Unmanaged => "unmanaged",
    }
}

fn joined<T: ToString>(names: impl Iterator<Item = T>) -> String {
    let names: Vec<String> = names.map(|name| name.to_string()).collect();
    if names.is_empty() {
        dash()
    } else {
        names.join(",")
    }
}

fn dash() -> String {
    "-".to_owned()
}
