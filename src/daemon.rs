//! The daemon.

pub mod journal;
pub mod managed;
pub mod notify;
