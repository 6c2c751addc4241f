//! `sriovctl`: what the daemon knows and does, for people and, with `--json`, for programs.
//!
//! What only reads works without a daemon, too: then this program looks at the host itself.
#![warn(missing_docs)]

mod apply;
mod arguments;
mod attribute;
mod check;
mod colour;
mod completions;
mod device;
mod discover;
mod draw;
mod explain;
pub mod import;
mod list;
mod monitor;
mod options;
mod output;
mod outputs;
mod own;
mod pause;
mod place;
mod plan;
mod reach;
mod run;
mod scene;
mod schema;
mod show;
mod sources;
mod status;
mod subject;
mod table;
mod verdict;

pub use arguments::Arguments;
pub use run::{complete_if_asked, run};
pub use verdict::Verdict;
