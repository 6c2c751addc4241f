//! PFs and VFs in prepared trees.

use crate::linux::links::Links;
use crate::linux::prepared::{Answers, INDEX, PF, Prepared, pci, pf, vf_address};
use crate::linux::{LinuxHost, netdev, observe::pfs, pcie};
use crate::netlink::Link;
use rustix::fs::{CWD, Mode, mkfifoat};
use sriovd_core::host::{HostError, Look};
use sriovd_core::model::{
    EswitchMode, MacAddress, Mtu, PfSnapshot, VfIndex, VfInterface, VfSettings,
};
use std::fs;
use std::path::Path;

fn observe(host: &Prepared, links: &mut dyn Links) -> Option<PfSnapshot> {
    super::observe(&host.tree, links, pf(), Look::Plain).unwrap()
}

#[test]
fn finds_network_devices_with_the_capability_only() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    host.function("0000:02:00.0", "nvme", "0xa80a");
    host.file("sys/bus/pci/devices/0000:02:00.0/class", "0x010802\n");
    host.file("sys/bus/pci/devices/0000:02:00.0/sriov_totalvfs", "4\n");
    host.function("0000:03:00.0", "mlx5_core", "0x1017");
    host.file("sys/bus/pci/devices/0000:03:00.0/class", "0x020700\n");
    host.file("sys/bus/pci/devices/0000:03:00.0/sriov_totalvfs", "8\n");
    let found: Vec<String> = pfs(&host.tree)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, [PF, "0000:03:00.0"]);
    let disk = "0000:02:00.0".parse().unwrap();
    let seen = super::observe(&host.tree, &mut Answers::default(), disk, Look::Plain);
    assert_eq!(seen, Ok(None));
}

/// A bus that is not there, or cannot be listed, says nothing of its devices.
#[test]
fn a_pf_is_gone_only_from_a_bus_that_can_be_listed() {
    let host = Prepared::with_pf();
    let linux = LinuxHost::new(host.path(""));
    let look = || super::observe(&host.tree, &mut Answers::default(), pf(), Look::Plain);
    host.remove(&pci(PF));
    assert_eq!(linux.is_present(pf()), Ok(false));
    assert_eq!(look(), Ok(None));
    host.remove("sys/bus/pci/devices");
    let error = look().unwrap_err();
    assert!(matches!(error, HostError::Unread { .. }), "{error}");
    assert!(linux.is_present(pf()).is_err());
}

#[test]
fn never_reads_the_attribute_that_blocks() {
    let host = Prepared::with_pf();
    // Opening a FIFO without a writer would wait, as reading does while VFs are being made.
    host.remove(&format!("{}/sriov_numvfs", pci(PF)));
    mkfifoat(
        CWD,
        host.path(&format!("{}/sriov_numvfs", pci(PF))),
        Mode::RWXU,
    )
    .unwrap();
    assert_eq!(pfs(&host.tree).unwrap().len(), 1);
    assert_eq!(
        observe(&host, &mut Answers::with_vfs(0)).unwrap().num_vfs,
        0
    );
}

#[test]
fn tells_a_pf_with_its_vfs() {
    let host = Prepared::with_pf();
    host.pf_file("numa_node", "1\n");
    for index in [0, 1, 2, 10] {
        host.vf(index, "igbvf");
    }
    let zero = pci(&vf_address(0).to_string());
    host.netdev(&format!("{zero}/net/ens1v0"), 5);
    let one = pci(&vf_address(1).to_string());
    host.directory(&format!("{one}/net"));
    let two = pci(&vf_address(2).to_string());
    host.remove(&format!("{two}/driver"));
    host.file(&format!("{two}/driver_override"), "vfio-pci\n");
    host.remove(&format!("{two}/iommu_group"));

    let mut answers = Answers::with_vfs(11);
    let seen = observe(&host, &mut answers).unwrap();
    assert_eq!((seen.total_vfs, seen.num_vfs), (7, 4));
    assert_eq!(seen.numa_node, Some(1));
    assert!(seen.autoprobe);
    assert_eq!(seen.driver, Some("igb".parse().unwrap()));
    // Eleven announced and four links: something is changing.
    assert!(seen.count_is_changing && !seen.vf_list_complete);
    let indexes: Vec<u16> = seen.vfs.keys().map(|index| index.0).collect();
    assert_eq!(indexes, [0, 1, 2, 10], "by number, not by text");

    let interface = seen.interface.as_ref().unwrap();
    assert_eq!(interface.speed, Some(25000));
    assert!(interface.name_is_final, "without udev nobody renames");

    let vf = &seen.vfs[&VfIndex(0)];
    assert_eq!(vf.address, vf_address(0));
    assert_eq!(vf.device.to_string(), "10ca");
    assert_eq!(vf.driver_override, None);
    assert_eq!(vf.iommu_group, Some(20));
    assert_eq!(vf.settings.mac, Some(MacAddress([2, 0, 0, 0, 1, 0])));
    let netdev = vf.interface.as_ref().unwrap();
    assert_eq!(
        (netdev.index, netdev.name.as_str(), netdev.up),
        (5, "ens1v0", true)
    );
    assert!(!vf.interface_elsewhere);

    let vf = &seen.vfs[&VfIndex(1)];
    assert_eq!((&vf.interface, vf.interface_elsewhere), (&None, true));

    let vf = &seen.vfs[&VfIndex(2)];
    assert_eq!((&vf.driver, vf.interface_elsewhere), (&None, false));
    assert_eq!(vf.driver_override, Some("vfio-pci".parse().unwrap()));
    assert_eq!(vf.iommu_group, None);
}

#[test]
fn a_virtio_device_stands_between_function_and_netdev() {
    let host = Prepared::with_pf();
    let at = pci(PF);
    host.remove(&format!("{at}/net"));
    host.remove(&format!("{at}/driver"));
    host.link(&format!("{at}/driver"), "../../drivers/virtio-pci");
    host.netdev(&format!("{at}/virtio4/net/ens1"), INDEX);
    let vf = host.vf(0, "virtio-pci");
    host.netdev(&format!("{vf}/virtio5/net/ens1v0"), 7);
    let vf = host.vf(1, "virtio-pci");
    host.directory(&format!("{vf}/virtio6/net"));
    for (index, driver) in [(2, true), (3, false)] {
        let vf = host.vf(index, "virtio-pci");
        host.directory(&format!("{vf}/virtio{index}0"));
        if driver {
            host.link(&format!("{vf}/virtio{index}0/driver"), "virtio_net");
        }
    }
    // Its driver reports nothing of VFs, and the kernel announces none.
    let seen = observe(&host, &mut Answers::with_vfs(0)).unwrap();
    assert_eq!(seen.interface.as_ref().unwrap().index, INDEX);
    assert!(seen.vf_list_complete && !seen.count_is_changing);
    assert_eq!(seen.vfs[&VfIndex(0)].settings, VfSettings::default());
    assert_eq!(seen.vfs[&VfIndex(0)].interface.as_ref().unwrap().index, 7);
    assert!(seen.vfs[&VfIndex(1)].interface_elsewhere);
    // No driver took the last one: nothing is to come.
    let half_bound = |index| seen.vfs[&VfIndex(index)].half_bound;
    assert_eq!([0, 1, 2, 3].map(half_bound), [false, false, false, true]);
}

#[test]
fn a_vf_of_which_the_interface_was_not_told_yet_makes_the_list_short() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    assert!(
        !observe(&host, &mut Answers::with_vfs(0))
            .unwrap()
            .vf_list_complete
    );
    assert!(
        observe(&host, &mut Answers::with_vfs(1))
            .unwrap()
            .vf_list_complete
    );
}

#[test]
fn vfs_that_go_with_their_nic_leave_their_links() {
    let host = Prepared::with_pf();
    let first = host.vf(0, "igbvf");
    host.vf(1, "igbvf");
    let whole = observe(&host, &mut Answers::with_vfs(2)).unwrap();
    assert!(!whole.count_is_changing && whole.vf_list_complete);
    host.remove(&first);
    let seen = observe(&host, &mut Answers::with_vfs(2)).unwrap();
    assert_eq!(seen.num_vfs, 1);
    assert!(seen.count_is_changing && !seen.vf_list_complete);
}

#[test]
fn the_pf_s_own_interface_is_not_a_vf_s_representor() {
    let host = Prepared::with_pf();
    let at = pci(PF);
    host.netdev(&format!("{at}/net/ens1pf0vf0"), 1);
    host.file(&format!("{at}/net/ens1pf0vf0/phys_port_name"), "pf0vf0\n");
    host.file(&format!("{at}/net/ens1/phys_port_name"), "p0\n");
    let seen = observe(&host, &mut Answers::with_vfs(0)).unwrap();
    assert_eq!(seen.interface.unwrap().index, INDEX);
}

#[test]
fn a_representor_or_a_child_is_no_pf_s_interface_though_it_is_the_only_one_in_sight() {
    for (name, text) in [("phys_port_name", "pf0vf0\n"), ("iflink", "7\n")] {
        let host = Prepared::with_pf();
        host.pf_file(&format!("net/ens1/{name}"), text);
        let seen = observe(&host, &mut Answers::with_vfs(0)).unwrap();
        let found = (seen.interface, seen.interface_elsewhere);
        assert_eq!(found, (None, true), "{name}");
    }
    let host = Prepared::with_pf();
    host.pf_file("net/ens1/iflink", &format!("{INDEX}\n"));
    let seen = observe(&host, &mut Answers::with_vfs(0)).unwrap();
    assert!(seen.interface.is_some() && !seen.interface_elsewhere);
}

#[test]
fn representors_are_found_by_one_question_however_many_there_are() {
    let ask = |vfs: u16| {
        let host = Prepared::with_pf();
        let at = pci(PF);
        host.pf_file("sriov_totalvfs", "128\n");
        let mut answers = Answers::with_vfs(vfs);
        answers.eswitch_mode = Some(EswitchMode::Switchdev);
        for vf in 0..vfs {
            host.vf(vf, "igbvf");
            let index = 100 + u32::from(vf);
            let name = format!("eth{vf}");
            // Nobody reads it.
            host.file(&format!("{at}/net/{name}/ifindex"), "unreadable\n");
            let link = Link {
                index,
                name,
                mtu: 1500,
                up: vf == 0,
                parent_device: Some(PF.to_owned()),
                port_name: Some(format!("pf0vf{vf}")),
                ..Link::default()
            };
            answers.links.insert(index, link);
            answers.offloads.insert(index, Some(vf == 2));
        }
        answers.offloads.insert(INDEX, Some(true));
        host.file("run/udev/control", "");
        host.file("run/udev/data/n101", "I:1\n");
        let seen = observe(&host, &mut answers).unwrap();
        let interface = seen.interface.unwrap();
        assert_eq!((interface.index, interface.tc_offload), (INDEX, Some(true)));
        let told = seen.vfs.values().map(|vf| {
            let there = vf.representor.as_ref().unwrap();
            (there.up, there.name_is_final, there.tc_offload)
        });
        let told: Vec<_> = told.take(3).collect();
        let off = Some(false);
        let as_told = [
            (true, false, off),
            (false, true, off),
            (false, false, Some(true)),
        ];
        assert_eq!(told, as_told);
        answers.asked
    };
    assert_eq!(ask(120), ask(3));
}

#[test]
fn of_several_ports_the_first_is_the_pf_s_whatever_their_indexes_and_it_goes_by_the_names_of_all() {
    let host = Prepared::with_pf();
    let at = pci(PF);
    // Back from a container, the first port has the larger index.
    host.pf_file("net/ens1/dev_port", "0\n");
    host.netdev(&format!("{at}/net/ens1d1"), 1);
    host.pf_file("net/ens1d1/dev_port", "1\n");
    let second = Link {
        index: 1,
        name: "ens1d1".to_owned(),
        altnames: ["storage".to_owned()].into(),
        ..Link::default()
    };
    let mut answers = Answers::with_vfs(0);
    answers.links.insert(1, second);
    let interface = observe(&host, &mut answers).unwrap().interface.unwrap();
    assert_eq!((interface.index, interface.name.as_str()), (INDEX, "ens1"));
    let names: Vec<_> = interface.other_ports.iter().map(String::as_str).collect();
    assert_eq!(names, ["ens1d1", "storage"]);
    // Where the driver does not number them, by the names that it gives them.
    host.pf_file("net/ens1d1/dev_port", "0\n");
    host.pf_file("net/ens1/phys_port_name", "p0\n");
    host.pf_file("net/ens1d1/phys_port_name", "p1\n");
    let interface = observe(&host, &mut answers).unwrap().interface.unwrap();
    assert_eq!(interface.index, INDEX);
}

#[test]
fn a_port_of_a_bond_goes_with_the_bond_s_name() {
    let host = Prepared::with_pf();
    let mut answers = Answers::with_vfs(0);
    answers.link.as_mut().unwrap().bond = Some(9);
    let bond = |answers: &mut Answers| observe(&host, answers).unwrap().interface.unwrap().bond;
    assert_eq!(bond(&mut answers), None, "it is gone by now");
    let link = Link {
        index: 9,
        name: "bond0".to_owned(),
        ..Link::default()
    };
    answers.links.insert(9, link);
    assert_eq!(bond(&mut answers), "bond0".parse().ok());
}

#[test]
fn a_pf_whose_interface_is_in_another_namespace_is_told_from_one_that_has_none() {
    let host = Prepared::with_pf();
    let at = pci(PF);
    host.remove(&format!("{at}/net/ens1"));
    let elsewhere = |host: &Prepared| {
        let seen = observe(host, &mut Answers::default()).unwrap();
        (seen.interface_elsewhere, seen.awaits_interface())
    };
    assert_eq!(elsewhere(&host), (true, false));
    host.remove(&format!("{at}/net"));
    assert_eq!(elsewhere(&host), (false, true));
}

#[test]
fn a_name_is_final_when_udev_has_processed_the_interface() {
    let host = Prepared::with_pf();
    let is_final = |host: &Prepared| {
        let seen = observe(host, &mut Answers::with_vfs(0)).unwrap();
        seen.interface.unwrap().name_is_final
    };
    host.file("run/udev/control", "");
    assert!(!is_final(&host));
    host.file("run/udev/data/n2", "E:ID_BUS=pci\n");
    assert!(!is_final(&host));
    host.file("run/udev/data/n2", "I:18429561\nE:ID_BUS=pci\n");
    assert!(is_final(&host));
}

#[test]
fn a_pf_is_initialized_when_udev_has_processed_the_device() {
    let host = Prepared::with_pf();
    let is_initialized = || {
        let seen = observe(&host, &mut Answers::with_vfs(0));
        seen.unwrap().initialized
    };
    assert!(is_initialized(), "without udev nobody is to come");
    host.file("run/udev/control", "");
    assert!(!is_initialized());
    host.file(&format!("run/udev/data/+pci:{PF}"), "I:1\n");
    assert!(is_initialized());
}

#[test]
fn names_come_from_udev_s_record() {
    let host = Prepared::with_pf();
    let record =
        "I:1\nE:ID_VENDOR_FROM_DATABASE=Intel Corporation\nE:ID_MODEL_FROM_DATABASE=X = Y\n";
    host.file(&format!("run/udev/data/+pci:{PF}"), record);
    let seen = observe(&host, &mut Answers::with_vfs(0)).unwrap();
    assert_eq!(seen.vendor_name.as_deref(), Some("Intel Corporation"));
    assert_eq!(seen.model_name.as_deref(), Some("X = Y"));
}

#[test]
fn without_carrier_or_with_an_unknown_one_there_is_no_speed() {
    let host = Prepared::with_pf();
    let speed = |answers: &mut Answers| observe(&host, answers).unwrap().interface.unwrap().speed;
    let mut down = Answers::with_vfs(0);
    if let Some(link) = &mut down.link {
        link.carrier = false;
    }
    assert_eq!(speed(&mut down), None);
    for unknown in ["-1\n", "4294967295\n"] {
        host.pf_file("net/ens1/speed", unknown);
        assert_eq!(speed(&mut Answers::with_vfs(0)), None);
    }
}

#[test]
fn an_interface_that_left_is_none() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let seen = observe(&host, &mut Answers::default()).unwrap();
    assert_eq!((seen.interface, seen.num_vfs), (None, 1));
}

#[test]
fn what_vanishes_meanwhile_is_left_out() {
    let host = Prepared::with_pf();
    host.vf(0, "igbvf");
    let gone = host.vf(1, "igbvf");
    host.remove(&gone);
    let seen = observe(&host, &mut Answers::with_vfs(2)).unwrap();
    assert_eq!((seen.num_vfs, seen.vfs.len()), (1, 1));
    host.remove(&pci(PF));
    assert_eq!(observe(&host, &mut Answers::default()), None);
}

/// A PF that is there but lacks what every PF has is an error, not an absence.
#[test]
fn a_missing_attribute_is_no_missing_pf() {
    let host = Prepared::with_pf();
    host.remove(&format!("{}/sriov_drivers_autoprobe", pci(PF)));
    let seen = super::observe(&host.tree, &mut Answers::default(), pf(), Look::Plain);
    assert!(matches!(seen, Err(HostError::Gone { what }) if what.ends_with("autoprobe")));
}

#[test]
fn a_netdev_with_a_strange_name_does_not_hide_its_pf() {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.netdev(&format!("{vf}/net/\u{1b}[31m"), 5);
    let seen = observe(&host, &mut Answers::with_vfs(1)).unwrap();
    let interface = seen.vfs[&VfIndex(0)].interface.as_ref().unwrap();
    assert_eq!(interface.name.as_str(), "?[31m");
}

#[test]
fn what_user_space_opens_beside_the_network_is_told() {
    let host = Prepared::with_pf();
    let vfio = host.vf(0, "vfio-pci");
    host.file("sys/kernel/iommu_groups/20/name", "vfio-noiommu\n");
    let rdma = host.vf(1, "mlx5_core");
    host.directory(&format!("{rdma}/infiniband_verbs/uverbs1"));
    host.directory(&format!("{rdma}/infiniband_mad/umad1"));
    let seen = |host: &Prepared| {
        let vfs = observe(host, &mut Answers::with_vfs(2)).unwrap().vfs;
        let of = |index: u16| vfs[&VfIndex(index)].clone();
        (of(0).no_iommu, of(1).no_iommu, of(1).rdma)
    };
    // Without the PF's there is none, and nothing more is looked at.
    assert_eq!(seen(&host), (true, false, Vec::new()));
    host.directory(&format!("{}/infiniband/mlx5_0", pci(PF)));
    let both = vec!["umad1".to_owned(), "uverbs1".to_owned()];
    assert_eq!(seen(&host), (true, false, both));
    host.remove(&format!("{vfio}/iommu_group"));
    assert!(!seen(&host).0);
}

#[test]
fn the_root_complex_is_the_first_bus_on_the_way_to_a_device() {
    for (path, root) in [
        (
            "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0",
            "pci0000:3a",
        ),
        (
            "sys/devices/platform/soc/40000000.pci/pci0002:00/0002:00:01.0",
            "pci0002:00",
        ),
        ("sys/devices/pci10000:e1/10000:e1:00.0", "pci10000:e1"),
        ("sys/bus/pci/devices/0000:3b:00.0", ""),
        ("sys/devices/pci0000:3/pciehp/pci:00", ""),
    ] {
        let found = pcie::root_of(Path::new(path));
        assert_eq!(found.unwrap_or_default(), root, "{path}");
    }
    // What is no link says nothing of the way.
    let host = Prepared::with_pf();
    let seen = |host: &Prepared| observe(host, &mut Answers::default()).unwrap().pcie_root;
    assert_eq!(seen(&host), None);
    let below = format!("sys/devices/pci0000:00/0000:00:10.0/{PF}");
    host.directory("sys/devices/pci0000:00/0000:00:10.0");
    fs::rename(host.path(&pci(PF)), host.path(&below)).unwrap();
    host.link(
        &pci(PF),
        &format!("../../../devices/pci0000:00/0000:00:10.0/{PF}"),
    );
    assert_eq!(seen(&host).as_deref(), Some("pci0000:00"));
}

#[test]
fn an_interface_awaits_its_name_while_it_has_the_kernels_and_udev_does_not_know_it() {
    let host = Prepared::with_pf();
    let interface = VfInterface {
        index: 7,
        name: "eth0".parse().unwrap(),
        mac: MacAddress::ZERO,
        mtu: Mtu::try_from(1500).unwrap(),
        up: false,
    };
    let awaits_name = || netdev::awaits_name(&host.tree, &interface).unwrap();
    let assigned = "sys/class/net/eth0/name_assign_type";
    host.file(assigned, "1\n");
    assert!(!awaits_name(), "without udev nobody is to come");
    host.directory("run/udev/data");
    assert!(awaits_name());
    // As it came back from a container, which udev hears of.
    for named in ["3\n", "4\n"] {
        host.file(assigned, named);
        assert!(!awaits_name());
    }
    host.file(assigned, "1\n");
    host.file("run/udev/data/n7", "I:18429561\n");
    assert!(!awaits_name(), "udev has left it as it was");
    host.remove("run/udev/data/n7");
    host.remove("sys/class/net/eth0");
    assert!(awaits_name(), "it is just being renamed");
}
