//! The API over real sockets, on a simulated host: by sriovctl, in a browser, and for who means no good.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]
#![allow(unreachable_pub, reason = "one crate: all of it is for the tests")]

mod browser;
mod commands;
mod host;
mod hostile;
mod page;
mod sources;
mod terminal;
