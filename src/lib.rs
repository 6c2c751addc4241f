//! sriovd: the agent that owns SR-IOV on a Linux host.
//!
//! # How it flows
//!
//! ```text
//!  events ── Trigger ──► daemon ──► reconcile: observe ─► resolve ─► plan ─► apply ─┐
//!                          │            ▲                                           │
//!                          │            └────────── until the plan is empty ────────┘
//!                          └──► render ─► publish ─► report: journal, STATUS=, api
//! ```
//!
//! An event says only *look again, here*. What is done follows from comparing what the policies
//! want with what the host is. Verification is planning again: an empty plan is the proof.
//!
//! # Where what is
//!
//! Read in this order; each module uses only those named before it, which a test holds it to.
//! `docs/architecture.md` says what must stay true, whatever changes.

// What there is to talk about, what is wanted of it, and what became of it.

// Policy files and sources.
pub mod load;

// How the agent itself is to run.
pub mod agent;

// Decisions: values in, values out, nothing of the world.

// The kernel, behind a seam.

// Effects on files.
pub mod publish;
pub mod state;

// VFs for containers.
pub mod attach;
pub mod cni;
pub mod netavark;

// What sets a pass off, and the pass.
pub mod events;

// A host that is only imagined, and what a pass would do there.

// Who calls all this.
pub mod api;
pub mod vf_operator;

pub mod daemon;

pub mod ctl;
