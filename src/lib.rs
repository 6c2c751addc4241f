//! sriovd: the agent that owns SR-IOV on a Linux host.
//!
//! Read in this order; each module uses only those named before it.

pub mod model;

pub mod policy;

pub mod report;

pub mod plan;

pub mod host;

pub mod events;
