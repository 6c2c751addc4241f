//! Signs of use in prepared trees.

use crate::file::apart::Apart;
use crate::linux::LinuxHost;
use crate::linux::lock::PLUGIN_STATE;
use crate::linux::observe::observe;
use crate::linux::prepared::{Answers, INDEX, PF, Prepared, pci, pf, vf_address};
use crate::netlink::InterfaceAddress;
use crate::sysfs::Tree;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::allocation::ALLOCATIONS;
use sriovd_core::model::{
    Action, BindTarget, Errno, Holder, PfStep, Step, TxRate, VfIndex, VfSetting, VfStep,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::time::{Duration, Instant};

type Found = BTreeMap<VfIndex, BTreeSet<Holder>>;

fn holders(host: &Prepared, answers: &mut Answers) -> Found {
    let seen = observe(&host.tree, answers, pf(), Look::WithHolders);
    seen.unwrap().unwrap().holders.unwrap()
}

fn only(index: u16, holder: Holder) -> Found {
    BTreeMap::from([(VfIndex(index), BTreeSet::from([holder]))])
}

fn address(interface: u32, address: &str) -> InterfaceAddress {
    let address = address.parse().unwrap();
    InterfaceAddress { interface, address }
}

#[test]
fn nobody_looks_unasked_and_idle_vfs_have_none() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.netdev(&format!("{vf}/net/ens1v0"), 5);
    host.vf(1, "vfio-pci");
    host.file(
        &format!("{}/enable", pci(&vf_address(1).to_string())),
        "0\n",
    );
    let plain = observe(&host.tree, &mut Answers::default(), pf(), Look::Plain);
    assert_eq!(plain.unwrap().unwrap().holders, None);
    assert_eq!(holders(&host, &mut Answers::default()), Found::new());
}

#[test]
fn a_netdev_elsewhere_names_its_namespace() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.directory(&format!("{vf}/net"));
    let elsewhere = |name: Option<&str>| {
        only(
            0,
            Holder::Namespace {
                name: name.map(str::to_owned),
            },
        )
    };
    assert_eq!(holders(&host, &mut Answers::default()), elsewhere(None));
    host.file("run/netns/blue", "blue");
    host.file("run/netns/red", "red");
    let mut answers = Answers::default();
    let device = vf_address(0).to_string();
    answers
        .elsewhere
        .insert("red".to_owned(), vec!["other".to_owned(), device]);
    assert_eq!(holders(&host, &mut answers), elsewhere(Some("red")));
}

#[test]
fn a_virtio_netdev_elsewhere_is_found_by_the_device_below() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "virtio-pci");
    host.directory(&format!("{vf}/virtio5/net"));
    let target = format!(
        "../../../devices/pci0000:00/0000:00:10.0/{}/virtio5",
        vf_address(0)
    );
    host.link("sys/bus/virtio/devices/virtio5", &target);
    host.file("run/netns/blue", "blue");
    let mut answers = Answers::default();
    answers
        .elsewhere
        .insert("blue".to_owned(), vec!["virtio5".to_owned()]);
    let name = Some("blue".to_owned());
    assert_eq!(
        holders(&host, &mut answers),
        only(0, Holder::Namespace { name })
    );
}

#[test]
fn an_open_device_of_a_userspace_driver() {
    let host = Prepared::with_pf();
    host.vf(0, "vfio-pci");
    assert_eq!(
        holders(&host, &mut Answers::default()),
        only(0, Holder::VfioGroup { group: 20 })
    );
    let host = Prepared::with_pf();
    host.vf(0, "pci-stub");
    assert_eq!(
        holders(&host, &mut Answers::default()),
        only(0, Holder::UserspaceDevice)
    );
}

#[test]
fn a_netdev_here_that_carries_an_address_or_is_a_port() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.netdev(&format!("{vf}/net/ens1v0"), 5);
    let mut answers = Answers {
        addresses: vec![
            address(5, "fe80::1"),
            address(5, "169.254.3.4"),
            address(6, "10.0.0.1"),
        ],
        ..Answers::default()
    };
    assert_eq!(holders(&host, &mut answers), Found::new());
    answers.addresses.push(address(5, "2001:db8::1"));
    let address = "2001:db8::1".to_owned();
    assert_eq!(
        holders(&host, &mut answers),
        only(0, Holder::Address { address })
    );
    answers.addresses.clear();
    host.link(&format!("{vf}/net/ens1v0/upper_br0"), "../../../br0");
    let to = "br0".parse().unwrap();
    assert_eq!(
        holders(&host, &mut answers),
        only(0, Holder::Enslaved { to })
    );
}

#[test]
fn a_cni_record_counts_while_its_namespace_lives() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let record = format!("var/lib/cni/sriov/pci/{}", vf_address(0));
    // Made to be locked, or left behind.
    for text in ["", "/run/netns/gone", "relative"] {
        host.file(&record, text);
        host.file("relative", "");
        assert_eq!(holders(&host, &mut Answers::default()), Found::new());
    }
    // Hidden: whether it lives cannot be seen.
    let netns = "/proc/77/ns/net".to_owned();
    host.file(&record, &netns);
    assert_eq!(
        holders(&host, &mut Answers::default()),
        only(0, Holder::CniAllocation { netns })
    );
    host.directory("proc/1");
    assert_eq!(holders(&host, &mut Answers::default()), Found::new());
    host.file(&record, "/run/netns/pod");
    host.file("run/netns/pod", "pod");
    let netns = "/run/netns/pod".to_owned();
    assert_eq!(
        holders(&host, &mut Answers::default()),
        only(0, Holder::CniAllocation { netns })
    );
}

#[test]
fn a_cni_record_whose_namespace_cannot_be_looked_up_is_an_error_and_not_a_holder() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let netns = "/run/netns/pod".to_owned();
    let record = format!("var/lib/cni/sriov/pci/{}", vf_address(0));
    host.file(&record, &netns);
    host.file("run/netns/pod", "pod");
    let look = || observe(&host.tree, &mut Answers::default(), pf(), Look::WithHolders);
    let faults = host.tree.faults();
    faults.take_accesses();
    look().unwrap();
    let accesses = faults.take_accesses();
    let of_namespace = accesses.iter().position(|it| it.ends_with("run/netns/pod"));
    let fail = |errno| {
        faults.fail(of_namespace.unwrap(), errno);
        let seen = look();
        assert!(faults.end().unwrap().ends_with("run/netns/pod"));
        seen
    };
    let unread = fail(Errno::IO).unwrap_err().to_string();
    assert!(unread.contains("run/netns/pod"), "{unread}");
    assert!(matches!(
        fail(Errno::MFILE),
        Err(HostError::NoDescriptor { .. })
    ));
    // It may be there, and only be hidden.
    let hidden = fail(Errno::ACCESS).unwrap().unwrap().holders.unwrap();
    assert_eq!(hidden, only(0, Holder::CniAllocation { netns }));
}

#[test]
fn devices_on_top() {
    let host = Prepared::with_pf();
    host.vf(0, "mlx5_core");
    let address = vf_address(0);
    let below = format!("../../../devices/pci0000:00/0000:00:10.0/{address}");
    host.link(
        "sys/bus/vdpa/devices/vdpa3",
        &format!("{below}/mlx5_core.vnet.2/vdpa3"),
    );
    host.link("sys/bus/mdev/devices/83b8", &format!("{below}/83b8"));
    let child = |device: &str| Holder::Child {
        device: device.to_owned(),
    };
    let expected = BTreeSet::from([child("83b8"), child("vdpa3")]);
    assert_eq!(
        holders(&host, &mut Answers::default()),
        BTreeMap::from([(VfIndex(0), expected)])
    );
}

fn users(host: &Prepared, answers: &mut Answers) -> Vec<Holder> {
    let seen = observe(&host.tree, answers, pf(), Look::WithHolders);
    seen.unwrap().unwrap().users.unwrap().into_iter().collect()
}

#[test]
fn what_uses_the_pf_itself() {
    let host = Prepared::with_pf();
    let mut answers = Answers::with_vfs(0);
    assert_eq!(users(&host, &mut answers), []);
    let plain = observe(&host.tree, &mut answers, pf(), Look::Plain);
    assert_eq!(plain.unwrap().unwrap().users, None);

    let networkd = format!("run/systemd/netif/links/{INDEX}");
    for (state, is_used) in [
        ("unmanaged", false),
        ("pending", false),
        ("configuring", true),
        ("configured", true),
    ] {
        host.file(
            &networkd,
            &format!("# private\nADMIN_STATE={state}\nOPER_STATE=up\n"),
        );
        let program = "systemd-networkd".to_owned();
        let manager = is_used.then_some(Holder::NetworkManager { program });
        assert_eq!(
            users(&host, &mut answers),
            Vec::from_iter(manager),
            "{state}"
        );
    }
    host.remove(&networkd);

    answers.addresses = vec![address(INDEX, "fe80::1"), address(5, "10.0.0.1")];
    assert_eq!(users(&host, &mut answers), []);
    answers.addresses.push(address(INDEX, "10.0.0.2"));
    answers.routes.insert(INDEX, vec!["10.1.0.0/16".to_owned()]);
    host.link(
        &format!("sys/bus/pci/devices/{PF}/net/ens1/upper_bond0"),
        "../bond0",
    );
    let expected = [
        Holder::Route {
            to: "10.1.0.0/16".to_owned(),
        },
        Holder::Enslaved {
            to: "bond0".parse().unwrap(),
        },
        Holder::Address {
            address: "10.0.0.2".to_owned(),
        },
    ];
    assert_eq!(users(&host, &mut answers), expected);
}

#[test]
fn allocations_are_read_without_looking_for_other_holders() {
    let host = Prepared::with_pf();
    for index in 0..3 {
        host.vf(index, "igbvf");
    }
    let seen = || {
        let seen = observe(&host.tree, &mut Answers::default(), pf(), Look::Plain);
        seen.unwrap().unwrap()
    };
    let allocated = || super::allocated(&host.tree, &seen());
    assert_eq!(allocated(), Ok(BTreeMap::new()));
    host.file(
        &format!("var/lib/cni/sriov/pci/{}", vf_address(1)),
        "/run/netns/pod",
    );
    host.file("run/netns/pod", "pod");
    // Of another PF's VF, and one that no version understands.
    host.file("var/lib/sriovd/allocations/0000:99:00.1", "{}");
    let ours = format!("var/lib/sriovd/allocations/{}", vf_address(2));
    host.file(&ours, "{");
    let found = allocated().unwrap();
    assert_eq!(
        found.keys().copied().collect::<Vec<_>>(),
        [VfIndex(1), VfIndex(2)]
    );
    let netns = "/run/netns/pod".to_owned();
    assert_eq!(found[&VfIndex(1)], Holder::CniAllocation { netns });
    assert!(matches!(found[&VfIndex(2)], Holder::Container { .. }));
    // What cannot be read is an error, and not free.
    host.remove(&ours);
    host.directory(&ours);
    assert!(allocated().is_err());
}

/// Such a file answers whoever opens it for reading only when somebody writes.
#[test]
fn records_that_do_not_answer_are_an_error_that_names_them_and_nothing_is_done_meanwhile() {
    for directory in [ALLOCATIONS, PLUGIN_STATE] {
        let mut host = Prepared::with_pf();
        let apart = Apart::with_patience(Duration::from_secs(1));
        host.tree = Tree::with_apart(host.path(""), apart);
        host.vf(0, "igbvf");
        let record = host.tree.path(directory).join(vf_address(0).to_string());
        fs::create_dir_all(host.tree.path(directory)).unwrap();
        mknodat(CWD, &record, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let look = |look| observe(&host.tree, &mut Answers::default(), pf(), look);
        let unanswered = HostError::Unanswered {
            directory: directory.to_owned(),
        };
        assert_eq!(look(Look::WithHolders), Err(unanswered.clone()));
        let begun = Instant::now();
        let one = look(Look::WithHoldersOf(VfIndex(0)));
        assert_eq!(one, Err(unanswered.clone()));
        let linux = LinuxHost {
            tree: host.tree.clone(),
        };
        let seen = look(Look::Plain).unwrap().unwrap();
        assert_eq!(linux.allocated(&seen), Err(unanswered.clone()));
        let before = host.text(&format!("{}/sriov_numvfs", pci(PF)));
        for step in steps() {
            let action = Action {
                pf: pf(),
                step,
                though_in_use: false,
                seen: None,
            };
            assert_eq!(linux.apply(&action), Err(unanswered.clone()), "{action:?}");
        }
        let none = begun.elapsed() < Duration::from_secs(1);
        assert!(none, "only the first waits: {:?}", begun.elapsed());
        assert_eq!(host.text(&format!("{}/sriov_numvfs", pci(PF))), before);
        // What is there is not asked for: no VF is new.
        assert!(look(Look::Plain).unwrap().is_some());

        drop(OpenOptions::new().write(true).open(&record).unwrap());
        fs::remove_file(&record).unwrap();
        while look(Look::WithHolders).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
        assert_eq!(holders(&host, &mut Answers::default()), Found::new());
    }
}

/// All that disturb a VF.
fn steps() -> Vec<Step> {
    let vf = VfIndex(0);
    vec![
        Step::Pf(PfStep::SetNumVfs { from: 1, to: 0 }),
        Step::Vf(
            vf,
            VfStep::SetAttribute {
                interface: INDEX,
                setting: VfSetting::TxRate(TxRate { min: 0, max: 1 }),
            },
        ),
        Step::Vf(
            vf,
            VfStep::Bind {
                address: vf_address(0),
                from: Some("igbvf".parse().unwrap()),
                to: BindTarget::Default,
            },
        ),
    ]
}
