//! sriovd: the agent that owns SR-IOV on a Linux host.
//!
//! Read in this order; each module uses only those named before it.

// What there is to talk about, and what is wanted.
pub mod agent;
pub mod model;
pub mod policy;

// Decisions: values in, values out, nothing of the world.
pub mod plan;
pub mod render;
pub mod report;

// The kernel, behind a seam.
pub mod host;

// Effects on files.
pub mod file;
pub mod publish;
pub mod state;

// The pass, what sets it off, and what it would do.
pub mod events;
pub mod forecast;
pub mod reconcile;
pub mod sim;

// Who calls all this.
pub mod api;
pub mod ctl;
pub mod daemon;
