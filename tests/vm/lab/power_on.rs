//! A guest that boots from cold, with what it needs in place from the first instruction on.

use anyhow::{Context, Result};

use super::clock;
use super::guest::Guest;
use super::image::{Debian, Image};
use super::install::Files;
use super::machine::{self, Hotplug};
use super::nic::Nic;
use super::node::Node;
use super::permit::Permit;

/// What is there at power-on.
#[derive(Default)]
pub struct PowerOn<'a> {
    nics: Vec<Nic>,
    files: Option<&'a Files>,
    debian: Debian,
    hotplug: Hotplug,
    node: Option<&'a Node>,
}

impl<'a> PowerOn<'a> {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn nic(mut self, nic: Nic) -> Self {
        self.nics.push(nic);
        self
    }

    #[must_use]
    pub fn files(mut self, files: &'a Files) -> Self {
        self.files = Some(files);
        self
    }

    #[must_use]
    pub fn debian(mut self, debian: Debian) -> Self {
        self.debian = debian;
        self
    }

    #[must_use]
    pub fn hotplug(mut self, hotplug: Hotplug) -> Self {
        self.hotplug = hotplug;
        self
    }

    /// With the hardware that makes it a node of a cluster.
    #[must_use]
    pub fn node(mut self, node: &'a Node) -> Self {
        self.node = Some(node);
        self
    }

    /// Returns when the boot is over, whether all units came up or not.
    pub fn boot(self) -> Result<Guest> {
        let guest = self.start()?;
        guest.explain(guest.wait_for_boot())?;
        Ok(guest)
    }

    /// Returns as soon as the guest can run commands, which is before udev has seen any device.
    pub fn start(self) -> Result<Guest> {
        let image = Image::get(self.debian)?;
        let mut arguments = machine::arguments(image, clock::tsc_khz(image)?, self.hotplug);
        for nic in &self.nics {
            for function in nic.vfs().into_iter().chain([nic.pf()]) {
                arguments.add("-netdev", function.netdev.to_string());
                arguments.device(function.device.to_string());
            }
        }
        let tar = self.files.map(Files::tar).transpose()?;
        if let Some(tar) = &tar {
            let file = tar.path().display();
            arguments
                .add(
                    "-drive",
                    format!("id=files,file={file},format=raw,if=none,readonly=on"),
                )
                .device("virtio-blk-pci,drive=files,addr=0x4");
        }
        let network = self.node.map(|node| node.add_to(&mut arguments));
        let network = network.transpose()?;
        let permit = Permit::wait();
        let guest = Guest::launch(image, &arguments.0, self.hotplug, network, permit)?;
        for nic in &self.nics {
            guest.remember(nic);
        }
        guest.explain(guest.wait_for_agent().context("the guest does not boot"))?;
        Ok(guest)
    }
}
