//! The hardware that makes a guest a node of a cluster: a disk with its programs, and a NIC into the cluster's network.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::guest::Guest;
use super::image::{Debian, Image};
use super::machine::{Arguments, Hotplug};
use super::snapshot;

/// The guest's MAC address on the cluster's network, by which it knows the NIC.
const MAC: &str = "52:54:00:ff:ff:01";

/// QEMU's gateway, 10.0.2.2, is the loopback of the network namespace that QEMU runs in.
pub struct Node {
    disk: PathBuf,
    network: OwnedFd,
}

impl Node {
    pub fn new(disk: &Path, network: impl AsFd) -> Result<Self> {
        let network = network.as_fd().try_clone_to_owned()?;
        Ok(Self {
            disk: disk.to_owned(),
            network,
        })
    }

    /// The slots of the NICs under test stay as they are.
    pub(super) fn add_to(&self, arguments: &mut Arguments) -> Result<OwnedFd> {
        let disk = self.disk.display();
        arguments
            .add(
                "-drive",
                format!("id=node,file={disk},format=raw,if=none,readonly=on,cache=unsafe"),
            )
            .device("virtio-blk-pci,drive=node,addr=0x5")
            .add("-netdev", "user,id=cluster")
            .device(format!(
                "virtio-net-pci,netdev=cluster,mac={MAC},romfile=,addr=0x6"
            ));
        Ok(self.network.try_clone()?)
    }

    /// Where a snapshot of such a guest belongs that has come so far: the key says how far.
    pub fn snapshot(&self, key: &str) -> Result<PathBuf> {
        let (image, arguments) = self.machine()?;
        let machine = format!("{} {:?} {key}", image.qemu_version()?, arguments.0);
        let hash = format!("{:x}", Sha256::digest(machine));
        Ok(image.path(&format!("node-{}", &hash[..16])))
    }

    /// Saves the guest, which stands still from then on.
    pub fn save(&self, guest: &Guest, to: &Path) -> Result<()> {
        guest.run("sync")?;
        snapshot::keep(guest, to)
    }

    pub fn resume(&self, saved: &Path) -> Result<Guest> {
        let (image, arguments) = self.machine()?;
        let network = Some(self.network.try_clone()?);
        snapshot::resume_from(image, Hotplug::default(), saved, arguments, network)
    }

    fn machine(&self) -> Result<(&'static Image, Arguments)> {
        let image = Image::get(Debian::default())?;
        // Has seen to it that the clock's rate is known.
        let (_, mut arguments) = snapshot::get(Debian::default(), Hotplug::default())?;
        self.add_to(&mut arguments).context("the node's hardware")?;
        Ok((image, arguments))
    }
}
