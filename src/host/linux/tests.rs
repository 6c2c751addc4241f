//! Any single read or write of a prepared host may fail: nothing is taken for gone, free or empty.

use super::links::Links;
use super::lock::PLUGIN_STATE;
use super::prepared::{Answers, INDEX, PF, Prepared, pci, pf, vf_address};
use super::{apply, observe};
use crate::netlink::{InterfaceAddress, Link, NetlinkError, QueueDiscipline, TcOffload};
use crate::sysfs::faults::Faults;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::memory::Memory;
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::kubelet::{KUBELET, KUBELET_HOLDS};
use sriovd_core::model::{
    Action, DevlinkParams, Errno, EswitchMode, Holder, MacAddress, Node, PciAddress, PfSnapshot,
    PfStep, Step, TakenAddresses,
};
use sriovd_core::plan::{Blocked, OwnedPf};
use sriovd_core::policy::{NumVfs, Policy, PolicySet};
use sriovd_core::reconcile::{Addresses, End, Pass};
use sriovd_sim::{MemoryLedger, Quiet, sample};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;

const OTHERS: [Errno; 4] = [Errno::IO, Errno::ACCESS, Errno::MFILE, Errno::NOMEM];

/// Answers that fail like files do.
struct Failing<'a> {
    answers: &'a mut Answers,
    faults: Faults,
}

impl Failing<'_> {
    fn strike(&self) -> Result<(), NetlinkError> {
        Ok(self.faults.strike(Path::new("netlink"))?)
    }
}

impl Links for Failing<'_> {
    fn link(&mut self, index: u32) -> Result<Option<Link>, NetlinkError> {
        match self.strike() {
            // As `Netlink::link` has it.
            Err(error) if error.errno() == Some(Errno::NODEV) => Ok(None),
            struck => struck.and_then(|()| self.answers.link(index)),
        }
    }

    fn links_on(&mut self, function: PciAddress) -> Result<Vec<Link>, NetlinkError> {
        self.strike()?;
        self.answers.links_on(function)
    }

    fn addresses(&mut self) -> Result<Vec<InterfaceAddress>, NetlinkError> {
        self.strike()?;
        self.answers.addresses()
    }

    fn rdma_contexts(&mut self, device: &str) -> Result<u64, NetlinkError> {
        self.strike()?;
        self.answers.rdma_contexts(device)
    }

    fn queue_disciplines(&mut self) -> Result<Vec<QueueDiscipline>, NetlinkError> {
        self.strike()?;
        self.answers.queue_disciplines()
    }

    fn eswitch_mode(&mut self, pf: PciAddress) -> Result<Option<EswitchMode>, NetlinkError> {
        self.strike()?;
        self.answers.eswitch_mode(pf)
    }

    fn params(&mut self, pf: PciAddress) -> Result<DevlinkParams, NetlinkError> {
        self.strike()?;
        self.answers.params(pf)
    }

    fn tc_offload(&mut self, interface: u32) -> Result<Option<TcOffload>, NetlinkError> {
        self.strike()?;
        self.answers.tc_offload(interface)
    }

    fn tc_offloads(&mut self, bit: u32) -> Result<BTreeMap<u32, Option<bool>>, NetlinkError> {
        self.strike()?;
        self.answers.tc_offloads(bit)
    }

    fn routes_over(&mut self, interface: u32) -> Result<Vec<String>, NetlinkError> {
        self.strike()?;
        self.answers.routes_over(interface)
    }

    fn links_in(&mut self, namespace: BorrowedFd<'_>) -> Result<Vec<Link>, NetlinkError> {
        self.strike()?;
        self.answers.links_in(namespace)
    }
}

/// A prepared tree as a host.
struct Made {
    tree: Prepared,
    answers: Mutex<Answers>,
}

impl Made {
    fn links<T>(&self, work: impl FnOnce(&mut dyn Links) -> T) -> T {
        let answers = &mut *self.answers.lock().unwrap();
        work(&mut Failing {
            answers,
            faults: self.tree.tree.faults().clone(),
        })
    }
}

impl Host for Made {
    fn node(&self) -> Result<Node, HostError> {
        Ok(Node::default())
    }

    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        observe::pfs(&self.tree.tree)
    }

    fn pf_of(&self, device: PciAddress) -> Result<Option<PciAddress>, HostError> {
        observe::pf_of(&self.tree.tree, device)
    }

    fn observe(&self, pf: PciAddress, look: Look) -> Result<Option<PfSnapshot>, HostError> {
        self.links(|links| observe::observe(&self.tree.tree, links, pf, look))
    }

    /// Its VFs stay, whatever is written: what counts is whether it was.
    fn apply(&self, action: &Action) -> Result<(), HostError> {
        let tree = &self.tree.tree;
        match &action.step {
            Step::Pf(PfStep::SetNumVfs { to, .. }) => {
                self.links(|links| apply::set_num_vfs(tree, links, action, *to))
            }
            step => panic!("{step}"),
        }
    }
}

/// Who has the only VF that is not free.
#[derive(Debug, Clone, Copy)]
enum User {
    Nobody,
    Namespace,
    Address,
    Bridge,
    Vfio,
    OwnPlugin,
    CniPlugin,
    Kubelet,
    Vdpa,
}

const USERS: [User; 9] = [
    User::Nobody,
    User::Namespace,
    User::Address,
    User::Bridge,
    User::Vfio,
    User::OwnPlugin,
    User::CniPlugin,
    User::Kubelet,
    User::Vdpa,
];

/// Two VFs, the second of which this user has.
fn made(user: User) -> Made {
    let tree = Prepared::with_pf();
    let mut answers = Answers::with_vfs(2);
    tree.pf_file("sriov_numvfs", "2\n");
    tree.directory("var/lib/cni/sriov/pci");
    tree.file("run/udev/control", "");
    tree.file(&format!("run/udev/data/+pci:{PF}"), "I:1\n");
    tree.file(&format!("run/udev/data/n{INDEX}"), "I:1\n");
    let free = tree.vf(0, "igbvf");
    tree.netdev(&format!("{free}/net/ens1v0"), 7);
    let driver = match user {
        User::Vfio => "vfio-pci",
        _ => "igbvf",
    };
    let used = tree.vf(1, driver);
    match user {
        User::Namespace => tree.directory(&format!("{used}/net")),
        User::Vfio => {}
        _ => tree.netdev(&format!("{used}/net/ens1v1"), 8),
    }
    let address = vf_address(1);
    match user {
        User::Nobody | User::Namespace | User::Vfio => {}
        User::Address => answers.addresses.push(InterfaceAddress {
            interface: 8,
            address: "192.0.2.1".parse().unwrap(),
        }),
        User::Bridge => tree.directory(&format!("{used}/net/ens1v1/upper_br0")),
        User::OwnPlugin => tree.file(&format!("{ALLOCATIONS}/{address}")[1..], "{}"),
        User::CniPlugin => {
            tree.file("run/netns/pod", "");
            tree.file(&format!("{PLUGIN_STATE}/{address}")[1..], "/run/netns/pod");
        }
        User::Kubelet => {
            let device = fs::metadata(tree.path(&used)).unwrap();
            tree.file(&format!("{KUBELET}/{address}")[1..], "{}");
            let holds = format!("{KUBELET_HOLDS}/{address}");
            tree.file(&holds[1..], &device.ino().to_string());
        }
        User::Vdpa => {
            let target = format!("../../../devices/pci0000:00/{address}/vdpa0");
            tree.link("sys/bus/vdpa/devices/vdpa0", &target);
        }
    }
    Made {
        tree,
        answers: Mutex::new(answers),
    }
}

/// Does something with a fault, at every access: ENODEV, which can mean that a device is gone, and
/// one of the others in turn.
fn with_each_fault<T>(user: User, work: impl Fn(&Made) -> T, check: impl Fn(&Made, &T, &str)) {
    let host = made(user);
    let faults = host.tree.tree.faults();
    for number in 0.. {
        for errno in [
            Errno::NODEV,
            OTHERS[(number + user as usize) % OTHERS.len()],
        ] {
            host.tree.pf_file("sriov_numvfs", "2\n");
            faults.fail(number, errno);
            let done = work(&host);
            let Some(struck) = faults.end() else {
                assert!(number > 0, "nothing was accessed");
                return;
            };
            let at = format!("{user:?}: {errno} at access {number}, {}", struck.display());
            check(&host, &done, &at);
        }
    }
}

/// The names of namespaces are for people, and left out where they cannot be had.
fn without_names(mut pf: PfSnapshot) -> PfSnapshot {
    for holders in pf.holders.iter_mut().flat_map(BTreeMap::values_mut) {
        let nameless = |holder| match holder {
            Holder::Namespace { .. } => Holder::Namespace { name: None },
            other => other,
        };
        *holders = std::mem::take(holders).into_iter().map(nameless).collect();
    }
    pf
}

#[test]
fn a_pf_is_seen_as_it_is_or_not_at_all() {
    for user in USERS {
        let look = |host: &Made| host.observe(pf(), Look::WithHolders);
        let healthy = without_names(look(&made(user)).unwrap().unwrap());
        assert_eq!(healthy.vfs.len(), 2);
        assert!(healthy.interface.is_some());
        let used = healthy.holders.as_ref().unwrap().keys();
        assert_eq!(used.count(), usize::from(!matches!(user, User::Nobody)));
        with_each_fault(user, look, |_, seen, at| match seen {
            Err(HostError::Gone { what }) => panic!("{at}: {what} is gone"),
            Err(_) => {}
            Ok(None) => panic!("{at}: there is no PF"),
            Ok(Some(seen)) => {
                let mut seen = without_names(seen.clone());
                // Netlink's word for an interface that is not there.
                if seen.interface.is_none() && at.ends_with("netlink") {
                    seen.clone_from(&healthy);
                }
                assert_eq!(seen, healthy, "{at}");
            }
        });
    }
}

#[test]
fn a_pf_that_stands_there_is_listed_and_found() {
    let list = |host: &Made| (host.pfs(), host.pf_of(vf_address(0)));
    with_each_fault(User::Nobody, list, |_, (pfs, of_vf), at| {
        if let Ok(pfs) = pfs {
            assert!(pfs.contains(&pf()), "{at}: {pfs:?}");
        }
        if let Ok(of_vf) = of_vf {
            assert_eq!(*of_vf, Some(pf()), "{at}");
        }
    });
}

/// Planned while nobody had a VF, and done when somebody has.
#[test]
fn the_last_guard_before_vfs_are_destroyed_fails_closed() {
    let destroy = |host: &Made| {
        let action = Action {
            pf: pf(),
            step: Step::Pf(PfStep::SetNumVfs { from: 2, to: 0 }),
            though_in_use: false,
            seen: None,
        };
        host.apply(&action)
    };
    for user in USERS {
        let is_free = matches!(user, User::Nobody);
        let host = made(user);
        let done = destroy(&host);
        assert_eq!(
            written(&host),
            if is_free { "0\n" } else { "2\n" },
            "{done:?}"
        );
        with_each_fault(user, destroy, |host, _, at| {
            assert!(is_free || written(host) == "2\n", "{at}");
        });
    }
}

fn written(host: &Made) -> String {
    host.tree.text(&format!("{}/sriov_numvfs", pci(PF)))
}

/// A policy wanted two VFs; now none does, so that the PF would be reset.
#[test]
fn a_pass_takes_nothing_for_gone() {
    let pass = |host: &Made, policies: &PolicySet| {
        let owned = OwnedPf {
            created_vfs: true,
            ..OwnedPf::default()
        };
        let memory = Memory {
            pfs: [(pf(), owned)].into(),
            ..Memory::default()
        };
        let ledger = MemoryLedger::from(memory);
        let outcome = Pass {
            host,
            policies,
            node: &Node::default(),
            ledger: &ledger,
            addresses: &Addresses::default(),
            progress: &Quiet,
            force: false,
            paused: None,
            interface_is_overdue: false,
        };
        let outcome = outcome.run(pf(), Blocked::default());
        (outcome.end, ledger.memory().pfs.contains_key(&pf()))
    };
    let wanted = PolicySet {
        policies: vec![Policy {
            num_vfs: Some(NumVfs::Count(2)),
            ..sample::policy("pool".parse().unwrap())
        }],
        ..PolicySet::default()
    };
    let removed = PolicySet::default();
    for user in USERS {
        for policies in [&wanted, &removed] {
            let is_wanted = std::ptr::eq(policies, &wanted);
            if !is_wanted && matches!(user, User::Nobody) {
                let host = made(user);
                pass(&host, policies);
                assert_eq!(written(&host), "0\n", "what nobody has is reset");
                continue;
            }
            let run = |host: &Made| pass(host, policies);
            with_each_fault(user, run, |host, (end, is_owned), at| {
                assert!(!matches!(end, End::Gone), "{at}");
                assert_eq!(written(host), "2\n", "{at}");
                assert!(is_owned, "{at}: the PF is forgotten");
                // And the next one is as if nothing had been.
                let (end, is_owned) = pass(host, policies);
                assert!(matches!(end, End::Seen { .. }) && is_owned, "{at}");
            });
        }
    }
}

#[test]
fn the_addresses_of_other_pfs_are_told_by_their_interfaces_alone() {
    let host = Prepared::with_pf();
    // Nothing is asked of the device, nor of its VFs.
    host.remove(&format!("{}/sriov_drivers_autoprobe", pci(PF)));
    let mut answers = Answers::with_vfs(2);
    let bond = MacAddress([2, 0, 0, 0, 0, 9]);
    answers.link.as_mut().unwrap().mac = Some(bond);
    let mut taken = |but| observe::taken_addresses(&host.tree, &mut answers, but).unwrap();
    let others = taken("0000:02:00.0".parse().unwrap());
    let permanent = MacAddress([2, 0, 0, 0, 0, 1]);
    let nobody = "0000:02:00.0".parse().unwrap();
    let holder = |mac| others.holder(mac, nobody).map(ToString::to_string);
    assert_eq!(holder(permanent).as_deref(), Some("ens1"));
    assert_eq!(holder(bond).as_deref(), Some("ens1"));
    let of_vf = MacAddress([2, 0, 0, 0, 1, 1]);
    assert_eq!(holder(of_vf).as_deref(), Some("VF 1 of ens1"));
    assert_eq!(others.with_permanent(permanent, nobody), Some("ens1"));
    assert_eq!(others.with_permanent(bond, nobody), None);
    assert!(others.is_present(pf()));
    assert_eq!(taken(pf()), TakenAddresses::default());
}
