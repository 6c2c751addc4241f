//! What programs say to each other over sockets, whichever of them answers.
//!
//! The client of the agent; who asks, and how much one client may take; errors as problem objects;
//! and the settings that a bridge shares with the agent. Nothing here knows what is asked for, but `kubelet`.
#![warn(missing_docs)]

pub mod client;
pub mod input;
pub mod kubelet;
pub mod peer;
pub mod problem;
pub mod serve;
pub mod settings;
pub mod socket;

pub use peer::Peer;
pub use problem::ProblemDetails;
