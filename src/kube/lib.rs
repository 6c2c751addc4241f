//! sriovd in a cluster: so far, the definitions of its custom resources.
//!
//! `crd` has those of sriov-network-operator, so that the API server takes its manifests unchanged, and `Policy` and
//! `Network` with all keys of policy files.
#![warn(missing_docs)]

pub mod crd;
