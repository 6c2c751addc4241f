//! What a person reads, and the same as JSON.

use super::check::Checked;
use super::colour;
use super::options::Options;
use super::place;
use super::table::{Table, dash, listed};
use anyhow::Context;
use serde::Serialize;
use sriovd_agent::api::Applied;
use sriovd_core::model::PciAddress;
use sriovd_core::report::{
    AbsentPf, PfName, PfReport, PfState, Problem, Status, Trouble, sentence,
};
use sriovd_sim::forecast::{Forecast, ForecastStep, PfForecast};
use std::io::{ErrorKind, Write};

pub(super) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut printed = serde_json::to_string_pretty(value)?;
    printed.push('\n');
    text(&printed)
}

/// As JSON, or as a person reads it.
pub(super) fn show<T: Serialize>(
    options: &Options,
    value: &T,
    as_text: fn(&T) -> String,
) -> anyhow::Result<()> {
    match options.json {
        true => json(value),
        false => text(&as_text(value)),
    }
}

/// A reader that has seen enough (`| head`) is no error.
pub(super) fn text(text: &str) -> anyhow::Result<()> {
    is_read(text).map(drop)
}

/// Whether anybody still reads it. Colours go to terminals whose user did not set `NO_COLOR`.
pub(super) fn is_read(text: &str) -> anyhow::Result<bool> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        result => result.map(|()| true).context("cannot print"),
    }
}

/// On a terminal, from its upper left corner and in place of what it shows.
pub(super) fn redraw(text: &str) -> anyhow::Result<bool> {
    // It is no colour: who wants none of those still wants this.
    let cleared = std::io::stdout().write_all(b"\x1b[H\x1b[2J\x1b[3J");
    cleared.context("cannot print")?;
    is_read(text)
}

/// Beside what was asked for.
pub(super) fn note(text: &str) {
    // Who closed stderr does not want to know.
    let _ = writeln!(std::io::stderr(), "sriovctl: {text}");
}

/// Who lost a VF to a forced change.
pub(super) fn taken(applied: &Applied) -> String {
    let name = |at: PciAddress| {
        let found = applied.status.pfs.iter().find(|pf| pf.address == at);
        found.map_or_else(|| at.to_string(), PfReport::display_name)
    };
    let lost = applied.taken.iter();
    lost.map(|taken| format!("{}: {}\n", name(taken.pf), sentence::taken_from(taken)))
        .collect()
}

/// The whole host: a line per PF, and one for each that is not as it should be.
pub(super) fn status(status: &Status) -> String {
    let reasons = status.pfs.iter().filter_map(|pf| {
        let reason = sentence::reason(pf)?;
        Some(format!("{} {reason}\n", pf.display_name()))
    });
    let reasons = reasons.chain(status.absent.iter().map(why_absent));
    let broken = status.files.iter().any(|file| file.state.is_broken());
    let not_understood = status.not_understood.iter();
    paragraphs([
        pf_table(status),
        reasons.collect(),
        network_table(status),
        if broken { files(status) } else { String::new() },
        not_understood.map(|entry| format!("{entry}\n")).collect(),
    ])
}

/// Some PFs, with everything there is to say of each.
pub(super) fn pfs(status: &Status) -> String {
    let details = status.pfs.iter().map(|pf| {
        let name = pf.display_name();
        troubles(&pf.problems, &name, "  ")
    });
    let details = details.chain(status.absent.iter().map(why_absent));
    paragraphs([pf_table(status), details.collect()])
}

fn why_absent(pf: &AbsentPf) -> String {
    format!("{} {}\n", pf.name, sentence::absent(pf))
}

fn pf_table(status: &Status) -> String {
    if status.pfs.is_empty() && status.absent.is_empty() {
        return "No SR-IOV NIC is here.\n".to_owned();
    }
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
            colour::paint(colour::of_state(pf.state), state(pf.state)),
            listed(&pf.policies),
            listed(&pf.pools),
        ]);
    }
    for pf in &status.absent {
        let (address, interface) = match &pf.name {
            PfName::Interface(name) => (dash(), name.clone()),
            PfName::Address(_) | PfName::Mac(_) => (pf.name.to_string(), dash()),
        };
        table.row(vec![
            address,
            interface,
            dash(),
            dash(),
            colour::paint(colour::FAINT, "absent"),
            listed(&pf.policies),
            dash(),
        ]);
    }
    table.render()
}

fn network_table(status: &Status) -> String {
    let mut table = Table::new(&["NETWORK", "RESOURCE", "VF", "NOTE"]);
    for network in &status.networks {
        table.row(vec![
            network.name.clone(),
            network.resource.clone().unwrap_or_else(dash),
            network.vf.map_or_else(dash, |vf| vf.to_string()),
            network.held_back.clone().unwrap_or_default(),
        ]);
    }
    table.render_if_any()
}

pub(super) fn files(status: &Status) -> String {
    let mut table = Table::new(&["FILE", "STATE"]);
    for file in &status.files {
        let path = file.path.display().to_string();
        table.row(vec![path, file.state.to_string()]);
    }
    match table.render_if_any() {
        none if none.is_empty() => "No policy file is here.\n".to_owned(),
        table => table,
    }
}

pub(super) fn checked(checked: &Checked) -> String {
    let shown = checked.diagnostics.iter().map(|it| {
        let origin = match place::is_posted(&it.file) {
            true => "   = posted through vf-operator's API\n",
            false => "",
        };
        format!("{it}\n{origin}")
    });
    let summary = match (checked.errors, checked.warnings) {
        (0, 0) => "no errors".to_owned(),
        (errors, 0) => counted(errors, "error"),
        (0, warnings) => format!("no errors, {}", counted(warnings, "warning")),
        (errors, warnings) => format!(
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    paragraphs(shown.chain([summary + "\n"]))
}

pub(super) fn forecast(forecast: &Forecast) -> String {
    let told = |pf: &&PfForecast| !pf.steps.is_empty() || !pf.problems.is_empty();
    let pfs = forecast.pfs.iter().filter(told).map(pf_forecast);
    paragraphs(pfs.chain([forecast_summary(forecast)]))
}

fn forecast_summary(forecast: &Forecast) -> String {
    let to_change = forecast.pfs.iter().filter(|pf| !pf.steps.is_empty());
    let steps = || forecast.pfs.iter().flat_map(|pf| &pf.steps);
    let disruptive = |step: &&ForecastStep| step.disruptive;
    match (steps().count(), steps().filter(disruptive).count()) {
        (0, _) if forecast.is_converged() => "Nothing to do.\n".to_owned(),
        (0, _) => "Nothing can be done now.\n".to_owned(),
        (all, taking) => {
            let (all, pfs) = (counted(all, "step"), counted(to_change.count(), "PF"));
            let taking = match taking {
                0 => String::new(),
                taking => format!(", {taking} of them disruptive (!)"),
            };
            format!("{all} on {pfs}{taking}.\n")
        }
    }
}

fn pf_forecast(pf: &PfForecast) -> String {
    let name = match &pf.interface {
        Some(interface) => format!("{interface} ({})", pf.address),
        None => pf.address.to_string(),
    };
    let mut text = match &pf.policies[..] {
        [] => format!("{name}\n"),
        [one] => format!("{name}, policy {one}\n"),
        several => format!("{name}, policies {}\n", listed(several)),
    };
    for shadowed in &pf.shadowed {
        let (policy, by) = (&shadowed.policy, &shadowed.by);
        text += &format!("    policy {policy} has no effect here: {by} is stronger\n");
    }
    for step in &pf.steps {
        let (mark, style) = match step.disruptive {
            true => ("!", colour::BAD),
            false => ("+", colour::GOOD),
        };
        let mark = colour::paint(style, mark);
        text += &format!("  {mark} {}\n", step.text);
    }
    text + &troubles(&pf.problems, "  -", "      ")
}

/// A sentence for each, and below it what would clear it.
pub(super) fn troubles(problems: &[Problem], before: &str, before_hint: &str) -> String {
    let problems: Vec<_> = problems.iter().collect();
    let lines = Trouble::group(&problems).into_iter().map(|trouble| {
        let hint = trouble.problem.hint.iter();
        let hint = hint.map(|hint| format!("{before_hint}{hint}\n"));
        let sentence = sentence::trouble(&trouble);
        format!("{before} {sentence}\n{}", hint.collect::<String>())
    });
    lines.collect()
}

pub(super) fn state(state: PfState) -> &'static str {
    match state {
        PfState::Ready => "ready",
        PfState::Paused => "paused",
        PfState::Changing => "changing",
        PfState::Refused => "refused",
        PfState::Failed => "failed",
        PfState::Hung => "hung",
        PfState::Unmanaged => "unmanaged",
    }
}

pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}

/// With an empty line between those that say something.
pub(super) fn paragraphs(texts: impl IntoIterator<Item = String>) -> String {
    let texts = texts.into_iter().filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests;
