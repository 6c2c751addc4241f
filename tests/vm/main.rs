//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod attributes;
mod boot;
mod consumers;
mod host;
mod hot_plug;
mod lab;
mod lab_itself;
mod names;
mod netdevsim;
mod sharing;
mod vfio;
