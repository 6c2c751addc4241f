//! Completion in shells: the shell asks this program, which knows what is on this host.

use super::own::Own;
use super::subject;
use anyhow::Context;
use clap::{Command, ValueEnum};
use clap_complete::CompleteEnv;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use std::path::PathBuf;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Set by the script below when a shell asks.
const VARIABLE: &str = "SRIOVCTL_COMPLETE";
const NAME: &str = "sriovctl";

/// Answers a shell and ends the program, if it was one that asked.
pub(super) fn complete_if_asked(command: fn() -> Command) {
    let environment = CompleteEnv::with_factory(command);
    environment.var(VARIABLE).bin(NAME).complete();
}

pub(super) fn script(shell: Shell) -> anyhow::Result<String> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, NAME, NAME, NAME, &mut script)?;
    String::from_utf8(script).context("the script is no text")
}

pub(super) fn pfs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(&[pf_names]))
}

/// PFs, or this word for all of them.
pub(super) fn pfs_or(all: &'static str) -> ArgValueCandidates {
    ArgValueCandidates::new(move || {
        let mut candidates = candidates(&[pf_names]);
        candidates.push(CompletionCandidate::new(all));
        candidates
    })
}

pub(super) fn functions() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(&[function_names]))
}

pub(super) fn anything() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(&[function_names, policy_names, network_names]))
}

pub(super) fn networks() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(&[network_names]))
}

pub(super) fn sources() -> ArgValueCandidates {
    ArgValueCandidates::new(|| candidates(&[source_names]))
}

type Names = fn(&Own<'_>) -> Vec<String>;

fn candidates(kinds: &[Names]) -> Vec<CompletionCandidate> {
    let root = root();
    let own = Own::new(&root);
    let names = kinds.iter().flat_map(|names| names(&own));
    names.map(CompletionCandidate::new).collect()
}

/// The words so far are not parsed yet: there may be a root among them.
fn root() -> PathBuf {
    let mut words = std::env::args_os().skip_while(|word| word != "--root");
    words.nth(1).map_or_else(|| "/".into(), PathBuf::from)
}

fn pf_names(own: &Own<'_>) -> Vec<String> {
    let host = own.glance().unwrap_or_default();
    host.pfs.values().map(|pf| pf.display_name()).collect()
}

fn function_names(own: &Own<'_>) -> Vec<String> {
    subject::functions(&own.glance().unwrap_or_default())
}

fn policy_names(own: &Own<'_>) -> Vec<String> {
    let policies = own.policies_in_force().set.policies;
    policies.iter().map(|it| it.name.to_string()).collect()
}

fn network_names(own: &Own<'_>) -> Vec<String> {
    let networks = own.policies_in_force().set.networks;
    networks.iter().map(|it| it.name.to_string()).collect()
}

fn source_names(own: &Own<'_>) -> Vec<String> {
    let sources = own.policies_in_force().sources;
    sources.iter().map(|it| it.name.to_string()).collect()
}
