//! What every command takes.

use clap::Args;
use std::path::PathBuf;

/// The options of all commands.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The daemon's socket, instead of the one in /etc/sriovd.toml.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) socket: Option<PathBuf>,
    /// Use this directory as /.
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    pub(super) root: PathBuf,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(super) json: bool,
}
