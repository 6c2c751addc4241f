//! `sources`: what programs have put, and what has become of it.

use super::options::Options;
use super::reach::daemon;
use super::table::Table;
use super::verdict::Verdict;
use super::{completions, output};
use clap::Subcommand;
use sriovd_agent::api::SourceSummary;
use sriovd_core::model::SourceName;
use sriovd_core::policy::source::{ItemReport, ItemState, SourceReport};

#[derive(Debug, Subcommand)]
pub(super) enum SourcesCommand {
    /// A line per source. This is what is done if nothing is named.
    List,
    /// A source's policies and networks, and what has become of each.
    Show {
        #[arg(value_name = "SOURCE", add = completions::sources())]
        name: SourceName,
    },
    /// Remove all that a program wants, for good where that program is gone.
    ///
    /// VFs that nothing else wants go, unless they are in use.
    Delete {
        #[arg(value_name = "SOURCE", add = completions::sources())]
        name: SourceName,
    },
}

pub(super) fn sources(
    options: &Options,
    asked: Option<&SourcesCommand>,
) -> anyhow::Result<Verdict> {
    let daemon = daemon(options)?;
    match asked {
        None | Some(SourcesCommand::List) => {
            let sources: Vec<SourceSummary> = daemon.get("/v1/sources")?;
            output::show(options, &sources, list)?;
        }
        Some(SourcesCommand::Show { name }) => {
            let source: SourceReport = daemon.get(&format!("/v1/sources/{name}"))?;
            output::show(options, &source, text)?;
        }
        Some(SourcesCommand::Delete { name }) => {
            let left: Vec<SourceSummary> = daemon.delete(&format!("/v1/sources/{name}"))?;
            match options.json {
                true => output::json(&left)?,
                false => output::text(&format!("Source {name} is deleted.\n"))?,
            }
        }
    }
    Ok(Verdict::Done)
}

fn list(sources: &Vec<SourceSummary>) -> String {
    let mut table = Table::new(&["SOURCE", "POLICIES", "NETWORKS", "ERRORS"]);
    for source in sources {
        table.row(vec![
            source.name.to_string(),
            source.policies.to_string(),
            source.networks.to_string(),
            source.errors.to_string(),
        ]);
    }
    match table.render_if_any() {
        none if none.is_empty() => "No program has put a source.\n".to_owned(),
        table => table,
    }
}

fn text(source: &SourceReport) -> String {
    let mut table = Table::new(&["KIND", "NAME", "STATE", "ORIGIN"]);
    for item in &source.items {
        table.row(vec![
            item.kind.to_string(),
            item.name.clone().unwrap_or_else(|| "-".to_owned()),
            state(item).to_owned(),
            item.origin.clone().unwrap_or_default(),
        ]);
    }
    let faults = source.all_faults().map(|fault| format!("{fault}\n"));
    let head = format!("source {}: {}\n", source.name, source.state);
    let faults: String = faults.collect();
    let parts = [head, table.render_if_any(), faults];
    output::paragraphs(parts.into_iter().filter(|part| !part.is_empty()))
}

fn state(item: &ItemReport) -> &'static str {
    match item.state {
        ItemState::InForce => "in force",
        ItemState::KeptLastGood => "last good in force",
        ItemState::NoEffect => "no effect",
    }
}
