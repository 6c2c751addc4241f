//! Hosts and policies for the tests of this module, and generators of any.

use crate::model::Assignment;
use crate::model::world::World;
use crate::model::*;
use crate::policy::network::{Description, NetworkBody, PluginType};
use crate::policy::resolve::{Claim, DesiredPf, DesiredVf, Resolution};
use crate::policy::{DesiredRepresentor, DeviceType, Disruption, Network, OnRemoval, Origin};
use crate::report::KnownPf;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn parse<T: std::str::FromStr<Err = Malformed>>(text: &str) -> T {
    text.parse().unwrap()
}

/// A host with what its policies want.
#[derive(Debug, Clone, Default)]
pub(super) struct ManagedHost {
    pub(super) host: HostSnapshot,
    pub(super) resolutions: BTreeMap<PciAddress, Resolution>,
}

impl ManagedHost {
    /// `(pf, claims)`, every VF of a claim wanted as the claim says.
    pub(super) fn of(pfs: impl IntoIterator<Item = (PfSnapshot, Vec<Claim>)>) -> Self {
        let mut world = Self::default();
        world.host.node.hostname = "node1".to_owned();
        for (pf, claims) in pfs {
            let desired = desired(&pf, claims);
            let resolution = Resolution::Desired(Box::new(desired));
            world.resolutions.insert(pf.address, resolution);
            world.host.pfs.insert(pf.address, pf);
        }
        world
    }

    pub(super) fn known(&self) -> World<KnownPf> {
        World::of_host(&self.host, &self.resolutions)
    }
}

/// An E810 at the bus with so many VFs, each with its netdev.
pub(super) fn pf(bus: u8, vfs: u16) -> PfSnapshot {
    let address = PciAddress::new(0, bus, 0, 0).unwrap();
    let mac = MacAddress([0x3c, 0xfd, 0xfe, 0, 0, bus]);
    PfSnapshot {
        address,
        vendor: PciId(0x8086),
        device: PciId(0x159b),
        vendor_name: None,
        model_name: None,
        driver: Some(parse("ice")),
        initialized: true,
        numa_node: Some(0),
        pcie_root: Some("pci0000:00".to_owned()),
        total_vfs: 128,
        num_vfs: vfs,
        autoprobe: true,
        eswitch_mode: None,
        eswitch_hidden: false,
        params: None,
        interface_elsewhere: false,
        interface: Some(PfInterface {
            other_ports: BTreeSet::new(),
            index: u32::from(bus),
            name: parse(&format!("ens{bus}f0")),
            altnames: BTreeSet::from([format!("enp{bus}s0f0")]),
            name_is_final: true,
            permanent_mac: mac,
            mac: Some(mac),
            mtu: Mtu::ETHERNET,
            up: true,
            carrier: true,
            speed: Some(25000),
            link_type: LinkType::Ether,
            tc_offload: None,
            bond: None,
        }),
        vf_list_complete: true,
        count_is_changing: false,
        vfs: (0..vfs)
            .map(|index| (VfIndex(index), vf(bus, index)))
            .collect(),
        holders: None,
        open_vswitch: None,
        users: None,
    }
}

pub(super) fn vf(bus: u8, index: u16) -> VfSnapshot {
    let low = u8::try_from(index).unwrap();
    VfSnapshot {
        address: PciAddress::new(0, bus, 1 + low / 8, low % 8).unwrap(),
        vendor: PciId(0x8086),
        device: PciId(0x1889),
        driver: Some(parse("iavf")),
        driver_override: None,
        iommu_group: None,
        no_iommu: false,
        rdma: Vec::new(),
        representor: None,
        interface: Some(VfInterface {
            index: 100 * u32::from(bus) + u32::from(index),
            name: parse(&format!("ens{bus}f0v{index}")),
            mac: MacAddress([2, 0, 0, 0, bus, low]),
            mtu: Mtu::ETHERNET,
            up: false,
        }),
        interface_elsewhere: false,
        half_bound: false,
        settings: VfSettings::default(),
    }
}

/// The VF as VFIO has it.
pub(super) fn in_user_space(mut vf: VfSnapshot) -> VfSnapshot {
    vf.driver = Some(parse("vfio-pci"));
    vf.interface = None;
    vf
}

pub(super) fn vfio() -> DeviceType {
    DeviceType::Driver(parse("vfio-pci"))
}

pub(super) fn claim(resource: &str, vfs: Option<&str>) -> Claim {
    Claim {
        policy: parse("dataplane"),
        origin: origin(),
        resource: Some(parse(resource)),
        resource_prefix: None,
        vfs: vfs.map(parse),
        device_type: DeviceType::Netdevice,
        mtu: None,
        is_rdma: false,
        need_vhost_net: false,
        exclude_topology: false,
    }
}

fn desired(pf: &PfSnapshot, claims: Vec<Claim>) -> DesiredPf {
    let vf = |&index: &VfIndex| {
        let covers = |claim: &Claim| claim.vfs.as_ref().is_none_or(|vfs| vfs.contains(index));
        let claim = claims.iter().position(covers);
        let device_type = claim.map(|claim| claims[claim].device_type.clone());
        let wanted = DesiredVf {
            lacks_mac: false,
            mac_is_stable: false,
            claim,
            device_type: device_type.unwrap_or_default(),
            names_driver: false,
            mtu: None,
            representor: DesiredRepresentor::default(),
            in_bridge: false,
            settings: VfSettings::default(),
        };
        (index, wanted)
    };
    DesiredPf {
        address: pf.address,
        shadowed: Vec::new(),
        lapsed: Vec::new(),
        awaits_name: false,
        max_is_none: false,
        num_vfs: Some(pf.num_vfs),
        external: false,
        mtu: None,
        driver_autoprobe: None,
        eswitch_mode: None,
        devlink: BTreeMap::new(),
        hw_tc_offload: None,
        bridge: None,
        disruption: Disruption::default(),
        on_removal: OnRemoval::default(),
        vfs: pf.vfs.keys().map(vf).collect(),
        policies: claims,
    }
}

fn origin() -> Origin {
    Origin::File {
        file: "/etc/sriov.d/20-dataplane.toml".into(),
        line: 1,
    }
}

pub(super) fn network(name: &str, resource: Option<&str>) -> Network {
    let description = Description {
        plugin: PluginType::Sriov,
        cni_version: "1.0.0".to_owned(),
        settings: VfSettings::default(),
        mac: None,
        capabilities: serde_json::Map::new(),
        ipam: None,
        plugin_config: serde_json::Map::new(),
        meta_plugins: Vec::new(),
    };
    Network {
        name: parse(name),
        origin: origin(),
        resource: resource.map(parse),
        namespace: None,
        body: NetworkBody::Described(Box::new(description)),
    }
}

pub(super) fn at(bus: u8, vf: u16) -> Assignment {
    let pf = pf(bus, 0);
    Assignment {
        permanent_mac: pf.permanent_mac(),
        pf: pf.address,
        vf: VfIndex(vf),
    }
}

pub(super) fn remembered<const N: usize>(
    entries: [(&str, Assignment); N],
) -> BTreeMap<NetworkName, Assignment> {
    entries.map(|(name, last)| (parse(name), last)).into()
}

const BUSES: u8 = 3;

/// Up to three PFs, VFs in any state, the first half and the rest claimed for any pool or none.
pub(super) fn any_world() -> impl Strategy<Value = ManagedHost> {
    let any_pf = (
        prop::collection::vec(0_u8..5, 0..9),
        any_claim(),
        any_claim(),
        0_u8..5,
    );
    prop::collection::vec(any_pf, usize::from(BUSES)).prop_map(|pfs| {
        let mut world = ManagedHost::of([]);
        for (bus, (states, mut low, mut high, match_kind)) in (1..).zip(pfs) {
            let count = u16::try_from(states.len()).unwrap();
            let mut pf = pf(bus, count);
            for (vf, state) in pf.vfs.values_mut().zip(states) {
                match state {
                    0 => {}
                    1 => *vf = in_user_space(vf.clone()),
                    2 => (vf.interface, vf.interface_elsewhere) = (None, true),
                    3 => vf.interface = None,
                    _ => (vf.driver, vf.interface) = (None, None),
                }
            }
            low.vfs = VfRange::first(count / 2 + 1);
            high.vfs = Some(parse(&format!("{}-99", count / 2 + 1)));
            let part = ManagedHost::of([(pf, vec![low, high])]);
            world.host.pfs.extend(part.host.pfs);
            for (address, resolution) in part.resolutions {
                let resolution = match match_kind {
                    0 => Resolution::Unmatched,
                    1 => Resolution::AwaitsName,
                    _ => resolution,
                };
                world.resolutions.insert(address, resolution);
            }
        }
        world
    })
}

fn any_claim() -> impl Strategy<Value = Claim> {
    let resource = prop::option::weighted(0.9, prop::sample::select(vec!["a", "b"]));
    let prefix = prop::sample::select(vec![None, Some("intel.com"), Some("example.com")]);
    let flags = any::<[bool; 4]>();
    (resource, prefix, flags).prop_map(|(resource, prefix, [user, rdma, vhost, topology])| {
        let mut claim = claim("a", None);
        claim.resource = resource.map(parse);
        claim.resource_prefix = prefix.map(parse);
        if user {
            claim.device_type = vfio();
        }
        claim.is_rdma = rdma;
        claim.need_vhost_net = vhost;
        claim.exclude_topology = topology;
        claim
    })
}

/// Networks of one letter each, in any order.
pub(super) fn any_networks() -> impl Strategy<Value = Vec<Network>> {
    let resource = prop::sample::select(vec![None, Some("a"), Some("b"), Some("missing")]);
    let networks = prop::collection::btree_map("[a-h]", resource, 0..8);
    networks
        .prop_map(|networks| {
            let entries = networks.iter();
            let networks = entries.map(|(name, resource)| network(name, *resource));
            networks.collect::<Vec<_>>()
        })
        .prop_shuffle()
}

pub(super) fn any_memory() -> impl Strategy<Value = BTreeMap<NetworkName, Assignment>> {
    let last = (1..=BUSES, 1..=BUSES, 0_u16..8, any::<bool>());
    prop::collection::btree_map("[a-h]", last, 0..8).prop_map(|entries| {
        let entry = |(name, (bus, other, vf, has_mac)): (String, (u8, u8, u16, bool))| {
            let mut last = at(bus, vf);
            // As if the NICs had changed slots since.
            last.permanent_mac = has_mac.then(|| at(other, vf).permanent_mac).flatten();
            (parse(&name), last)
        };
        entries.into_iter().map(entry).collect()
    })
}
