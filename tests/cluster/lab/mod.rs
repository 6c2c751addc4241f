//! A Kubernetes of the tests' own: the real etcd, API server, controllers and scheduler, in a network with nothing else in it.
//!
//! ```ignore
//! let cluster = ControlPlane::start(&["node1"])?;          // etcd and API server, in five seconds
//! cluster.kubectl(&["apply", "--filename", "crds"])?;
//! let node = cluster.api("system:node:node1");             // what this node's kubelet may do
//! assert_eq!(node.get("/api/v1/nodes")?.status, 403);
//! let bridge = cluster.spawn("bridge", &program, &["node", "--kubeconfig", ...])?;    // ends with the cluster
//! ```
//!
//! The first use builds the programs (`tests/cluster/build`), which takes 20 minutes of one core.
// Several crates share this, and none uses all of it.
#![allow(dead_code, unreachable_pub, unused_imports)]

mod api;
mod control_plane;
mod credentials;
mod keeper;
mod network;
mod programs;

pub use api::{Answer, Api, Watch};
pub use control_plane::{ADMIN, ControlPlane, Setup};
pub use keeper::Program;
pub use network::Network;
pub use programs::{node_disk, program, programs};
