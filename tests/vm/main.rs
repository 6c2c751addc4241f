//! Scenarios on a real Debian kernel, systemd and udev with emulated SR-IOV NICs.

mod bad_input;
mod crashes;
mod host;
mod hot_plug;
mod hung;
mod lab;
mod lab_itself;
mod load;
mod policy_files;
#[cfg(test)]
