//! The cluster as a bridge: what its API server holds for this node becomes a source of the agent.
//!
//! `crd` are the custom resources: those of sriov-network-operator, so that its manifests work unchanged, and
//! `Policy` and `Network` with all keys of policy files.
#![warn(missing_docs)]

pub mod crd;
