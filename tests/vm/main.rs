//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod lab;
mod lab_itself;
mod hot_add;
