//! The daemon: events in, passes side by side, results out. Nothing here blocks.
//!
//! `turn` is its loop on one screen. Its functions work on one value, `value::Daemon`, and use each
//! other in one direction: what takes events in is above what makes passes, that is above what
//! publishes, and that above what is known of each PF (`slot`).
#![warn(missing_docs)]

mod announce;
mod backoff;
mod bereft;
mod contest;
pub mod descriptors;
pub mod device_plugin;
mod drift;
mod evidence;
mod identity;
mod job;
pub mod journal;
mod ledger;
mod list;
mod listen;
mod listing;
mod load;
mod loading;
mod message;
mod messages;
mod neighbours;
mod node;
pub mod notify;
mod once;
mod outbox;
mod outputs;
mod passes;
mod paused;
mod pausing;
mod publisher;
mod readiness;
mod requests;
mod run;
mod seen;
mod shared;
mod slot;
mod sole;
mod status;
mod suspects;
mod timers;
mod triggers;
mod turn;
mod value;
mod watched;

pub use once::apply;
pub use run::run;
pub use sole::NotSole;

#[cfg(test)]
mod tests;
