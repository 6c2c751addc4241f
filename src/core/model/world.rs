//! The world: what is seen of each PF and VF, what of it is ready, what has it, and what is not as
//! wanted. One value, which the agent replaces and never changes in place.

use super::{
    DriverName, EswitchMode, Holder, InterfaceName, LinkType, MacAddress, Mtu, Openable,
    PciAddress, PciId, PfState, PolicyName, Problem, ResourceName, ResourcePrefix, VfIndex,
    VfSettings,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All PFs at one moment. Cheap to clone: PFs that did not change are the same values. `P` is what
/// is known of each; whatever it is, it reads and writes as a `WorldPf`.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(bound(
    serialize = "P: Serialize",
    deserialize = "P: Deserialize<'de> + Located"
))]
#[schemars(rename = "World")]
pub struct World<P = WorldPf> {
    /// Higher whenever anything in here changed; counted from the start of the agent.
    pub generation: u64,
    /// The node's name as policies see it.
    pub node: String,
    /// Not every PF that was present when the agent started has been looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
    /// In order of address.
    #[serde(serialize_with = "write_pfs", deserialize_with = "read_pfs")]
    #[schemars(with = "Vec<P>")]
    pfs: BTreeMap<PciAddress, Arc<P>>,
}

/// What belongs to one PF.
pub trait Located {
    /// The address of the PF.
    fn address(&self) -> PciAddress;
}

impl Located for WorldPf {
    fn address(&self) -> PciAddress {
        self.address
    }
}

/// One PF: what was seen last, and how that is to what is wanted.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct WorldPf {
    /// Its PCI address.
    pub address: PciAddress,
    /// Missing where it could not be looked at since the agent started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<WorldDevice>,
    /// By the worst of `problems`.
    pub state: PfState,
    /// The policies in force here, strongest first.
    pub policies: Vec<PolicyName>,
    /// How many VFs are wanted.
    pub vfs_wanted: u16,
    /// Those that exist.
    pub vfs: Vec<WorldVf>,
    /// What is not as wanted, worst first. Those of a VF name it.
    pub problems: Vec<Problem>,
}

/// The PF as hardware and as a network interface.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct WorldDevice {
    /// PCI vendor id.
    pub vendor: PciId,
    /// PCI device id.
    pub device: PciId,
    /// The driver that is bound.
    pub driver: Option<DriverName>,
    /// Its interface, if that is in the network namespace of the host.
    pub interface: Option<InterfaceName>,
    /// Its permanent address.
    pub mac: Option<MacAddress>,
    /// Missing without an interface.
    pub link_type: Option<LinkType>,
    /// Missing without an interface.
    pub mtu: Option<Mtu>,
    /// Whether the interface is set up, and whether its link is.
    pub up: bool,
    /// See `up`.
    pub carrier: bool,
    /// The NUMA node that it is attached to.
    pub numa_node: Option<u16>,
    /// The PCIe root complex that it hangs below, such as `pci0000:3a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie_root: Option<String>,
    /// The mode of the NIC's own switch; missing where there is none to be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eswitch_mode: Option<EswitchMode>,
    /// How many VFs the device offers.
    pub vfs_possible: u16,
}

/// One VF that exists.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct WorldVf {
    /// Its index on the PF.
    pub index: VfIndex,
    /// Its PCI address.
    pub address: PciAddress,
    /// PCI device id.
    pub device: PciId,
    /// The driver that is bound.
    pub driver: Option<DriverName>,
    /// Its interface, if that is in the network namespace of the host.
    pub interface: Option<InterfaceName>,
    /// The address of that interface.
    pub mac: Option<MacAddress>,
    /// Of that interface.
    pub mtu: Option<Mtu>,
    /// The netdev that stands for it on the host in switchdev mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representor: Option<InterfaceName>,
    /// Its IOMMU group.
    pub iommu_group: Option<u32>,
    /// The group is one of VFIO's no-IOMMU mode: its device node is `/dev/vfio/noiommu-N`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_iommu: bool,
    /// Its RDMA devices for user space, such as `uverbs0`, in `/dev/infiniband`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rdma: Vec<String>,
    /// The attributes that the PF reports of it, the administrative address among them.
    pub attributes: VfSettings,
    /// The policy that claims it, and what becomes of it by that.
    pub claim: Option<WorldClaim>,
    /// Why it cannot be used for what its policy wants it for; missing where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_ready: Option<String>,
    /// What has it: allocations always, other holders when the last pass looked for them.
    pub holders: BTreeSet<Holder>,
}

/// What a policy makes of a VF.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct WorldClaim {
    /// The policy that claims it.
    pub policy: PolicyName,
    /// The pool that it belongs to.
    pub pool: Option<ResourceName>,
    /// The prefix of the pool's name, where the policy gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<ResourcePrefix>,
    /// Containers get its RDMA devices.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rdma: bool,
    /// Containers get `/dev/vhost-net` and `/dev/net/tun`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub need_vhost_net: bool,
    /// Its NUMA node is not told to the scheduler.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_topology: bool,
}

/// What leads from one world to a later one.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(bound(serialize = "P: Serialize", deserialize = "P: Deserialize<'de>"))]
#[schemars(rename = "WorldChange")]
pub struct WorldChange<P = WorldPf> {
    /// That of the later one.
    pub generation: u64,
    /// See `World::node`.
    pub node: String,
    /// See `World::starting`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
    /// `pfs` are all that there are: whatever was known before is void.
    pub whole: bool,
    /// PFs that are new or not as they were, each as a whole, in order of address.
    #[serde(serialize_with = "write_list", deserialize_with = "read_list")]
    #[schemars(with = "Vec<P>")]
    pub pfs: Vec<Arc<P>>,
    /// PFs that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<PciAddress>,
}

impl<P> Default for World<P> {
    fn default() -> Self {
        Self {
            generation: 0,
            node: String::new(),
            starting: false,
            pfs: BTreeMap::new(),
        }
    }
}

impl<P: Located> World<P> {
    /// The first one of this node.
    pub fn of(node: &str, pfs: impl IntoIterator<Item = impl Into<Arc<P>>>) -> Self {
        let pfs = pfs.into_iter().map(Into::into);
        Self {
            node: node.to_owned(),
            pfs: pfs.map(|pf: Arc<P>| (pf.address(), pf)).collect(),
            ..Self::default()
        }
    }
}

impl<P> World<P> {
    /// Of an agent that has looked at nothing yet: whoever follows it is not told that there is no PF.
    pub fn starting() -> Self {
        Self {
            starting: true,
            ..Self::default()
        }
    }

    /// The PFs by address.
    pub fn pfs(&self) -> &BTreeMap<PciAddress, Arc<P>> {
        &self.pfs
    }

    /// All of it, as a change.
    pub fn whole(&self) -> WorldChange<P> {
        WorldChange {
            generation: self.generation,
            node: self.node.clone(),
            starting: self.starting,
            whole: true,
            pfs: self.pfs.values().cloned().collect(),
            gone: Vec::new(),
        }
    }
}

impl<P: PartialEq> World<P> {
    /// The next one, with these PFs; `None` where nothing is another than it was.
    pub fn next(
        &self,
        node: &str,
        starting: bool,
        pfs: BTreeMap<PciAddress, Arc<P>>,
    ) -> Option<Self> {
        let is_same = self.node == node
            && self.starting == starting
            && self.pfs.len() == pfs.len()
            && pfs.iter().all(|(&address, pf)| self.has(address, pf));
        (!is_same).then(|| Self {
            generation: self.generation + 1,
            node: node.to_owned(),
            starting,
            pfs,
        })
    }

    /// Whether the PF is as here. Values that are one need no comparison.
    fn has(&self, address: PciAddress, pf: &Arc<P>) -> bool {
        let mine = self.pfs.get(&address);
        mine.is_some_and(|mine| Arc::ptr_eq(mine, pf) || mine == pf)
    }

    /// What has changed since an earlier one.
    pub fn since(&self, before: &Self) -> WorldChange<P> {
        let pfs = self.pfs.iter();
        let changed = pfs.filter(|(address, pf)| !before.has(**address, pf));
        let gone = before.pfs.keys().filter(|pf| !self.pfs.contains_key(pf));
        WorldChange {
            generation: self.generation,
            node: self.node.clone(),
            starting: self.starting,
            whole: false,
            pfs: changed.map(|(_, pf)| Arc::clone(pf)).collect(),
            gone: gone.copied().collect(),
        }
    }
}

impl World {
    /// Brings what a follower has up to date.
    pub fn follow(&mut self, change: WorldChange) {
        if change.whole {
            self.pfs.clear();
        }
        for pf in &change.gone {
            self.pfs.remove(pf);
        }
        let pfs = change.pfs.into_iter();
        self.pfs.extend(pfs.map(|pf| (pf.address, pf)));
        self.generation = change.generation;
        self.node = change.node;
        self.starting = change.starting;
    }
}

impl WorldPf {
    /// One that could not be looked at yet.
    pub fn unseen(address: PciAddress, problems: Vec<Problem>) -> Self {
        let worst = problems.first().map(|worst| worst.kind.state());
        Self {
            address,
            device: None,
            state: worst.unwrap_or(PfState::Failed),
            policies: Vec::new(),
            vfs_wanted: 0,
            vfs: Vec::new(),
            problems,
        }
    }
}

impl WorldVf {
    /// Whether it can be used for what its policy wants it for.
    pub fn is_ready(&self) -> bool {
        self.claim.is_some() && self.not_ready.is_none()
    }

    /// What of it a container may open.
    pub fn openable(&self) -> Openable<'_> {
        let claim = self.claim.as_ref();
        Openable {
            driver: self.driver.as_ref(),
            iommu_group: self.iommu_group,
            no_iommu: self.no_iommu,
            rdma: &self.rdma,
            is_rdma: claim.is_some_and(|claim| claim.is_rdma),
            need_vhost_net: claim.is_some_and(|claim| claim.need_vhost_net),
        }
    }
}

fn write_pfs<P: Serialize, S: Serializer>(
    pfs: &BTreeMap<PciAddress, Arc<P>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pfs.values().map(|pf| &**pf))
}

fn read_pfs<'de, P: Deserialize<'de> + Located, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<PciAddress, Arc<P>>, D::Error> {
    let pfs = read_list(deserializer)?.into_iter();
    Ok(pfs.map(|pf: Arc<P>| (pf.address(), pf)).collect())
}

fn write_list<P: Serialize, S: Serializer>(
    pfs: &[Arc<P>],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(pfs.iter().map(|pf| &**pf))
}

fn read_list<'de, P: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Arc<P>>, D::Error> {
    let pfs: Vec<P> = Vec::deserialize(deserializer)?;
    Ok(pfs.into_iter().map(Arc::new).collect())
}

#[cfg(test)]
mod tests;
