//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod hot_add;
mod lab;
mod lab_itself;
