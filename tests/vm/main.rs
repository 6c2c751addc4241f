//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod attachment;
mod attributes;
mod bad_input;
mod boot;
mod cni;
mod consumers;
mod containers;
mod cookbook;
mod crashes;
mod cycles;
mod daemon_set;
mod debian_12;
#[path = "../examples/document.rs"]
#[allow(clippy::unwrap_used, reason = "shared with the tests of the documents")]
mod document;
mod drift;
mod drivers_of_others;
mod driving;
mod file_systems;
mod forecast;
mod host;
mod hot_plug;
mod hung;
mod in_use;
mod lab;
mod lab_itself;
mod load;
mod names;
mod names_taken;
mod netdevsim;
mod other_devices;
mod ownership;
mod packages;
mod podman;
mod policy_files;
mod pulled;
mod random;
mod reading;
mod recorded;
mod recording;
mod rivals;
mod sharing;
mod standing_still;
mod unit;
mod vf_operator;
mod vfio;
