//! The bridge's arguments.

use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

/// sriovd in a Kubernetes cluster.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the custom resource definitions, for `kubectl apply -f -`
    Crds,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let done = match command {
        Command::Crds => print_crds(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn print_crds() -> anyhow::Result<()> {
    let text = sriovd_kube::crd::all_as_yaml()?;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
