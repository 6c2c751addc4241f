//! sriovd in a cluster.
//!
//! `crd` has the definitions of its custom resources: those of sriov-network-operator, so that the API server takes its
//! manifests unchanged, and `Policy` and `Network` with all keys of policy files. `wanted` makes of a Node and these objects
//! what the node's agent is asked for, `state` of what the agent knows the state that the node writes; `node` is the bridge
//! between them. `device_plugin` offers the node's VFs to kubelet, `install_cni` brings the CNI plugin of an image to its host.
//! `controller` is what one process does for the whole cluster.
#![warn(missing_docs)]

mod api;
pub mod controller;
pub mod crd;
pub mod device_plugin;
pub mod install_cni;
pub mod node;
pub mod state;
pub mod wanted;
