//! Everything that decides: values in, values out.
//!
//! It may reach nothing: no file, socket, clock, thread or logger. The kernel stands behind `host::Host`. Read in this order;
//! each module uses only those named before it, which a test holds it to.

// What there is to talk about, what is wanted of it, and what became of it.
pub mod model;
pub mod policy;

pub mod report;

// Decisions.
pub mod plan;
pub mod render;

// What is remembered over restarts.
pub mod memory;

// The seam to the kernel.
pub mod host;

// The pass over one PF.
pub mod reconcile;

// The unit tests run over the imagined host, which is a member on top of this one.
#[cfg(test)]
extern crate self as sriovd_core;
#[cfg(test)]
#[path = "../sim/lib.rs"]
pub mod sim;
