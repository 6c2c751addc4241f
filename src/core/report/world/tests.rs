//! What a VF in the world says: for what it is, whether it can be used so, and what has it.

use super::*;
use crate::host::{Host, Look};
use crate::model::{DriverName, Node, PciAddress, PfState};
use crate::policy::resolve::resolve;
use crate::policy::{DeviceType, NumVfs, PolicySet};
use crate::sim::{DriverModel, SimHost, SimPf, sample};

fn pf() -> PciAddress {
    "0000:3b:00.0".parse().unwrap()
}

/// Two VFs, wanted for this.
fn known(device_type: &str, holders: bool) -> (SimHost, KnownPf) {
    let host = SimHost::default();
    host.plug(SimPf::new(pf(), DriverModel::IGB));
    host.set_num_vfs_by_hand(pf(), 2);
    let nothing = KnownPf {
        address: pf(),
        seen: None,
        allocated: BTreeMap::new(),
        problems: Vec::new(),
    };
    let known = look(&host, nothing, device_type, holders);
    (host, known)
}

fn look(host: &SimHost, mut known: KnownPf, device_type: &str, holders: bool) -> KnownPf {
    let policy = crate::policy::Policy {
        num_vfs: Some(NumVfs::Count(2)),
        resource: Some("pool".parse().unwrap()),
        vfs: Some("1".parse().unwrap()),
        device_type: match device_type {
            "netdevice" => DeviceType::Netdevice,
            "any" => DeviceType::Any,
            driver => DeviceType::Driver(driver.parse().unwrap()),
        },
        ..sample::policy("few".parse().unwrap())
    };
    let policies = PolicySet {
        policies: vec![policy],
        networks: Vec::new(),
    };
    let look = match holders {
        true => Look::WithHolders,
        false => Look::Plain,
    };
    let pf = host.observe(pf(), look).unwrap().unwrap();
    known.allocated = host.allocated(&pf).unwrap();
    let resolution = resolve(&policies, &Node::default(), &pf);
    known.seen = Some(Arc::new(Seen {
        pf,
        resolution,
        problems: Vec::new(),
    }));
    known
}

#[test]
fn a_vf_is_ready_for_what_its_policy_wants_or_says_why_not() {
    for (device_type, not_ready) in [
        ("netdevice", None),
        ("any", None),
        ("vfio-pci", Some("it has driver igbvf instead of vfio-pci")),
    ] {
        let (_, known) = known(device_type, false);
        let world = known.in_world();
        assert_eq!(world.state, PfState::Ready);
        let [unclaimed, claimed] = &world.vfs[..] else {
            panic!("{world:?}")
        };
        assert_eq!(unclaimed.claim, None);
        assert!(!unclaimed.is_ready() && unclaimed.not_ready.is_none());
        assert_eq!(claimed.not_ready.as_deref(), not_ready, "{device_type}");
        assert_eq!(claimed.is_ready(), not_ready.is_none());
        let claim = claimed.claim.as_ref().unwrap();
        assert_eq!(claim.pool, Some("pool".parse().unwrap()));
        assert_eq!(claimed.driver, Some("igbvf".parse::<DriverName>().unwrap()));
    }
}

#[test]
fn what_a_container_needs_of_a_vf_beside_its_address_is_told() {
    let (_, mut known) = known("vfio-pci", false);
    let seen = Arc::get_mut(known.seen.as_mut().unwrap()).unwrap();
    seen.pf.pcie_root = Some("pci0000:3a".to_owned());
    let vf = seen.pf.vfs.get_mut(&VfIndex(1)).unwrap();
    (vf.no_iommu, vf.rdma) = (true, vec!["uverbs1".to_owned()]);
    let world = serde_json::to_value(&known).unwrap();
    assert_eq!(world["device"]["pcie_root"], "pci0000:3a");
    assert_eq!(world["vfs"][1]["no_iommu"], true);
    assert_eq!(world["vfs"][1]["rdma"][0], "uverbs1");
    // What is not so is not said.
    assert_eq!(world["vfs"][0]["no_iommu"], serde_json::Value::Null);
}

#[test]
fn what_has_a_vf_is_told_as_far_as_it_is_known() {
    let namespace = |name: Option<&str>| Holder::Namespace {
        name: name.map(str::to_owned),
    };
    let (host, known) = known("netdevice", false);
    host.hold(pf(), VfIndex(0), namespace(Some("blue")));
    let holders = |known: &KnownPf| {
        let world = known.in_world();
        world
            .vfs
            .into_iter()
            .map(|vf| vf.holders)
            .collect::<Vec<_>>()
    };
    // Nobody looked for its name.
    let known = look(&host, known, "netdevice", false);
    let unnamed = BTreeSet::from([namespace(None)]);
    assert_eq!(holders(&known), [unnamed, BTreeSet::new()]);
    let known = look(&host, known, "netdevice", true);
    let named = BTreeSet::from([namespace(Some("blue"))]);
    assert_eq!(holders(&known), [named, BTreeSet::new()]);
}
