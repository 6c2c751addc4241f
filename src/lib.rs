//! sriovd: the agent that owns SR-IOV on a Linux host.
//!
//! Read in this order; each module uses only those named before it.

pub mod agent;
pub mod events;
pub mod host;
pub mod model;
pub mod plan;
pub mod policy;
pub mod report;
