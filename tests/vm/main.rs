//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod attributes;
mod bad_input;
mod boot;
mod consumers;
mod host;
mod hot_plug;
mod lab;
mod lab_itself;
mod names;
mod netdevsim;
mod other_devices;
mod policy_files;
mod sharing;
mod vfio;
