//! A prepared tree, as sysfs shows a host, and answers for its interfaces.
#![allow(
    clippy::unwrap_used,
    clippy::new_without_default,
    missing_docs,
    reason = "a test may fail, and is read where it stands"
)]

use super::links::Links;
use crate::netlink::{InterfaceAddress, Link, NetlinkError, QueueDiscipline, TcOffload};
use crate::sysfs::Tree;
use sriovd_core::model::{
    DevlinkParams, EswitchMode, LinkType, MacAddress, PciAddress, VfIndex, VfSettings,
};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use tempfile::TempDir;

pub const PF: &str = "0000:01:00.0";
/// The PF's interface.
pub const INDEX: u32 = 2;

pub struct Prepared {
    pub tree: Tree,
    root: TempDir,
}

impl Prepared {
    pub fn new() -> Self {
        let root = TempDir::new().unwrap();
        let tree = Tree::new(root.path().to_owned());
        Self { tree, root }
    }

    /// With a PF of seven VFs, of which none exists.
    pub fn with_pf() -> Self {
        let host = Self::new();
        host.function(PF, "igb", "0x10c9");
        host.pf_file("sriov_totalvfs", "7\n");
        host.pf_file("sriov_numvfs", "0\n");
        host.pf_file("sriov_drivers_autoprobe", "1\n");
        host.netdev(&format!("{}/net/ens1", pci(PF)), INDEX);
        host.file("sys/bus/pci/drivers_probe", "");
        host
    }

    pub fn function(&self, address: &str, driver: &str, device: &str) {
        let at = pci(address);
        for (name, text) in [
            ("class", "0x020000\n"),
            ("vendor", "0x8086\n"),
            ("device", device),
            ("numa_node", "-1\n"),
            ("driver_override", "(null)\n"),
            ("enable", "1\n"),
        ] {
            self.file(&format!("{at}/{name}"), text);
        }
        self.file(&format!("sys/bus/pci/drivers/{driver}/unbind"), "");
        self.link(&format!("{at}/driver"), &format!("../../drivers/{driver}"));
    }

    /// A VF without netdev. Its functions' numbers run 10.0, 10.1 …
    pub fn vf(&self, index: u16, driver: &str) -> String {
        let address = vf_address(index).to_string();
        self.function(&address, driver, "0x10ca");
        let at = pci(&address);
        let group = format!("kernel/iommu_groups/{}", 20 + index);
        self.directory(&format!("sys/{group}"));
        self.link(
            &format!("{at}/iommu_group"),
            &format!("../../../../{group}"),
        );
        self.link(&format!("{at}/physfn"), &format!("../{PF}"));
        self.link(
            &format!("{}/virtfn{index}", pci(PF)),
            &format!("../{address}"),
        );
        at
    }

    pub fn netdev(&self, directory: &str, index: u32) {
        for (name, text) in [
            ("ifindex", format!("{index}\n")),
            ("address", format!("02:00:00:00:00:{index:02x}\n")),
            ("mtu", "1500\n".to_owned()),
            ("flags", "0x1003\n".to_owned()),
            ("speed", "25000\n".to_owned()),
        ] {
            self.file(&format!("{directory}/{name}"), &text);
        }
    }

    pub fn file(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn pf_file(&self, name: &str, text: &str) {
        self.file(&format!("{}/{name}", pci(PF)), text);
    }

    pub fn directory(&self, path: &str) {
        fs::create_dir_all(self.path(path)).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    pub fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    pub fn text(&self, path: &str) -> String {
        let mut text = String::new();
        let mut file = fs::File::open(self.path(path)).unwrap();
        file.read_to_string(&mut text).unwrap();
        text
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }
}

pub fn pci(address: &str) -> String {
    format!("sys/bus/pci/devices/{address}")
}

pub fn pf() -> PciAddress {
    PF.parse().unwrap()
}

pub fn vf_address(index: u16) -> PciAddress {
    let index = u8::try_from(index).unwrap();
    PciAddress::new(0, 1, 0x10 + index / 8, index % 8).unwrap()
}

/// What netlink says.
#[derive(Default)]
pub struct Answers {
    pub link: Option<Link>,
    pub addresses: Vec<InterfaceAddress>,
    /// Of other netdevs.
    pub links: BTreeMap<u32, Link>,
    pub rdma_contexts: BTreeMap<String, u64>,
    pub disciplines: Vec<QueueDiscipline>,
    pub eswitch_mode: Option<EswitchMode>,
    pub params: DevlinkParams,
    /// By interface.
    pub offloads: BTreeMap<u32, Option<bool>>,
    /// How often it was asked for links and their features.
    pub asked: usize,
    pub routes: BTreeMap<u32, Vec<String>>,
    /// By the name of the namespace: the devices on which its links stand.
    pub elsewhere: BTreeMap<String, Vec<String>>,
}

impl Answers {
    /// The PF's interface, whose driver reports on so many VFs.
    pub fn with_vfs(count: u16) -> Self {
        let settings = |index| VfSettings {
            mac: Some(MacAddress([2, 0, 0, 0, 1, index])),
            ..VfSettings::default()
        };
        let vfs = (0..count).map(|index| (VfIndex(index), settings(index.to_le_bytes()[0])));
        let link = Link {
            index: INDEX,
            name: "ens1".to_owned(),
            link_type: Some(LinkType::Ether),
            permanent_mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            mtu: 1500,
            up: true,
            carrier: true,
            num_vf: Some(count.into()),
            vfs: (count > 0).then(|| vfs.collect()),
            ..Link::default()
        };
        Self {
            link: Some(link),
            ..Self::default()
        }
    }
}

impl Links for Answers {
    fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        self.asked += 1;
        let of_pf = self.link.clone().filter(|link| link.index == index);
        Ok(of_pf.or_else(|| self.links.get(&index).cloned()))
    }

    fn links_on(&mut self, function: PciAddress) -> Result<Vec<Link>, NetlinkError> {
        self.asked += 1;
        let function = function.to_string();
        let stands_there = |link: &&Link| link.parent_device.as_ref() == Some(&function);
        Ok(self.links.values().filter(stands_there).cloned().collect())
    }

    fn rdma_contexts(&mut self, device: &str) -> Result<u64, NetlinkError> {
        Ok(self.rdma_contexts.get(device).copied().unwrap_or_default())
    }

    fn queue_disciplines(&mut self) -> Result<Vec<QueueDiscipline>, NetlinkError> {
        Ok(self.disciplines.clone())
    }

    fn eswitch_mode(&mut self, _pf: PciAddress) -> Result<Option<EswitchMode>, NetlinkError> {
        Ok(self.eswitch_mode)
    }

    fn params(&mut self, _pf: PciAddress) -> Result<DevlinkParams, NetlinkError> {
        Ok(self.params.clone())
    }

    fn tc_offload(&mut self, interface: u32) -> Result<Option<TcOffload>, NetlinkError> {
        self.asked += 1;
        let on = self.offloads.get(&interface).copied();
        Ok(on.map(|on| TcOffload { on, bit: 41 }))
    }

    fn tc_offloads(&mut self, bit: u32) -> Result<BTreeMap<u32, Option<bool>>, NetlinkError> {
        self.asked += 1;
        assert_eq!(bit, 41);
        Ok(self.offloads.clone())
    }

    fn routes_over(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError> {
        Ok(self.routes.get(&interface).cloned().unwrap_or_default())
    }

    fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        Ok(self.addresses.clone())
    }

    /// The namespace's file holds its name.
    fn links_in(&mut self, namespace: BorrowedFd<'_>) -> Result<Vec<Link>, NetlinkError> {
        let mut name = String::new();
        let mut file = fs::File::from(namespace.try_clone_to_owned()?);
        file.read_to_string(&mut name)?;
        let devices = self.elsewhere.get(&name).cloned().unwrap_or_default();
        let link = |parent| Link {
            parent_device: Some(parent),
            ..Link::default()
        };
        Ok(devices.into_iter().map(link).collect())
    }
}
