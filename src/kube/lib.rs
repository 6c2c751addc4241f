//! sriovd in a cluster.
//!
//! `crd` has the definitions of its custom resources: those of sriov-network-operator, so that the API server takes its
//! manifests unchanged, and `Policy` and `Network` with all keys of policy files. `controller` is what one process does for
//! the whole cluster.
#![warn(missing_docs)]

pub mod controller;
pub mod crd;
