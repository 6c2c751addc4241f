//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod bad_input;
mod drift;
mod host;
mod hot_plug;
mod in_use;
mod lab;
mod lab_itself;
mod ownership;
mod policy_files;
