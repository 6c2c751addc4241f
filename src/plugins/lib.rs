//! VFs for containers: who has which, and the plugins that allocate and release them.
//!
//! It may use what decides and the kernel. A plugin runs once for each container, so nothing here links an event loop, HTTP or
//! TLS.

pub mod attach;
pub mod cni;
pub mod netavark;
