//! What one process does for the whole cluster: NetworkAttachmentDefinitions of networks, what became of policies, and node
//! states of nodes that are gone.
//!
//! `decide` says what is to be written, from what the API server has; nothing is asked there. `claim` says who may write.
//! `connect`, `watch`, `lead` and `act` ask the API server, `run` puts all of it together, and `arguments` begins.

mod act;
mod arguments;
mod claim;
mod connect;
pub mod decide;
mod lead;
mod run;
mod watch;

pub use arguments::{Arguments, start};
