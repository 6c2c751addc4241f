//! vf-operator's clients against its API here, on a simulated host.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(unreachable_pub, reason = "one crate: all of it is for the tests")]

mod grpc;
mod host;
mod hostile;
mod published;
mod rest;
mod socket;
mod taking_over;
