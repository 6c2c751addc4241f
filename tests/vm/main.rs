//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod bad_input;
mod host;
mod hot_plug;
mod lab;
mod lab_itself;
mod policy_files;
