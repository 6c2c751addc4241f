//! What one process does for the whole cluster: NetworkAttachmentDefinitions of networks, what became of policies, and node
//! states of nodes that are gone.
//!
//! `decide` says what is to be written, from what the API server has; nothing is asked there.

pub mod decide;
