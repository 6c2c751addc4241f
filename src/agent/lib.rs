//! The agent: events in, policy-conforming VFs and the files that others read out.
//!
//! It may use everything below it: what decides, the kernel, and the records of who has which VF.
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
//! Read in this order; each module uses only those named before it, which a test holds it to.
//! `docs/architecture.md` says what must stay true, whatever changes.

// Policy files and sources.
pub mod load;

// How the agent itself is to run.
pub mod settings;

// Effects on files.
pub mod publish;
pub mod state;

// What sets a pass off.
pub mod events;

// Who calls all this.
pub mod api;

pub mod daemon;
