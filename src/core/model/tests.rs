//! Values accept what they should and nothing else.

use super::*;
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};
use std::str::FromStr;

#[track_caller]
fn accepts<T: FromStr<Err = Malformed> + Display>(texts: &[(&str, &str)]) {
    for (text, shown) in texts {
        let value = text.parse::<T>().map(|value| value.to_string());
        assert_eq!(value.as_deref(), Ok(*shown), "{text:?}");
    }
}

#[track_caller]
fn refuses<T: FromStr<Err = Malformed> + Debug>(texts: &[&str]) {
    for text in texts {
        let value = text.parse::<T>();
        assert!(value.is_err(), "{text:?} gave {value:?}");
    }
}

#[test]
fn pci_addresses_are_written_as_the_kernel_writes_them() {
    accepts::<PciAddress>(&[
        ("0000:3b:00.0", "0000:3b:00.0"),
        ("0000:3B:1F.7", "0000:3b:1f.7"),
        ("10000:01:00.1", "10000:01:00.1"),
    ]);
    refuses::<PciAddress>(&[
        "",
        "3b:00.0",
        "0000:3b:00",
        "0000:3b:20.0",
        "0000:3b:00.8",
        "0000:3b:00.00",
        "0000:+b:00.0",
        "0000:3b:00.0 ",
        "../0000:3b:00.0",
        "000000000:3b:00.0",
    ]);
    assert_eq!(PciAddress::new(0, 0, 32, 0), None);
    assert_eq!(PciAddress::new(0, 0, 0, 8), None);
}

#[test]
fn pci_addresses_are_ordered_as_the_bus_is() {
    let order = [
        "0000:02:00.0",
        "0000:10:00.0",
        "0000:10:00.1",
        "0001:00:00.0",
    ];
    let mut addresses: Vec<PciAddress> = order.iter().map(|text| text.parse().unwrap()).collect();
    addresses.reverse();
    addresses.sort();
    let sorted: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    assert_eq!(sorted, order);
}

#[test]
fn pci_ids_have_four_digits() {
    accepts::<PciId>(&[("8086", "8086"), ("0x15B3", "15b3")]);
    refuses::<PciId>(&["", "0x", "808", "80861", "+808", "80g6", "0x0x8086"]);
}

#[test]
fn mac_addresses_have_six_bytes() {
    accepts::<MacAddress>(&[
        ("02:00:5E:10:00:01", "02:00:5e:10:00:01"),
        ("02-00-5e-10-00-01", "02:00:5e:10:00:01"),
    ]);
    refuses::<MacAddress>(&[
        "",
        "02:00:5e:10:00",
        "02:00:5e:10:00:01:02",
        "2:00:5e:10:00:01",
        "02:00:5e:10:00:0g",
        "02:00:5e:10:00:+1",
    ]);
    let unicast = |text: &str| text.parse::<MacAddress>().unwrap().is_unicast();
    assert!(unicast("02:00:00:00:00:00"));
    assert!(!unicast("00:00:00:00:00:00"));
    assert!(!unicast("01:00:5e:00:00:01"));
    assert!(!unicast("ff:ff:ff:ff:ff:ff"));
}

#[test]
fn names_that_reach_paths_cannot_leave_them() {
    accepts::<InterfaceName>(&[("ens1f0", "ens1f0"), ("enp1s0v0.100", "enp1s0v0.100")]);
    refuses::<InterfaceName>(&[
        "",
        ".",
        "..",
        "a/b",
        "a:b",
        "a b",
        "a\n",
        "sixteencharacter",
    ]);
    accepts::<DriverName>(&[("vfio-pci", "vfio-pci"), ("mlx5_core", "mlx5_core")]);
    refuses::<DriverName>(&["", "..", "a/b", "a b", "ä", "\n"]);
    accepts::<ResourceName>(&[("intel_nics-1", "intel_nics-1")]);
    refuses::<ResourceName>(&["", "intel.com", "a/b", &"a".repeat(64)]);
    accepts::<ResourcePrefix>(&[("intel.com", "intel.com")]);
    refuses::<ResourcePrefix>(&["", ".com", "intel.", "a/b", "a_b"]);
    accepts::<PolicyName>(&[("20-data.plane_1", "20-data.plane_1")]);
    refuses::<PolicyName>(&["", "-a", "a-", "a/b", "a b", &"a".repeat(64)]);
    accepts::<NetworkName>(&[("f1-u", "f1-u")]);
    refuses::<NetworkName>(&["", ".", "..", ".hidden", "a/b", "a\n"]);
}

/// `ValidateExtendedResource`, and the kubelet beside it.
#[test]
fn names_that_kubernetes_takes() {
    let name = |text: &str| text.parse::<ResourceName>().unwrap().is_qualified();
    for taken in ["a", "intel_nics-1", "5g", "A", &"a".repeat(63)] {
        assert!(name(taken), "{taken}");
    }
    for refused in ["-nics", "nics_", "_", "--", "a-"] {
        assert!(!name(refused), "{refused}");
    }
    let prefix = |text: &str| {
        let prefix = text.parse::<ResourcePrefix>();
        prefix.is_ok_and(|prefix| prefix.is_qualified())
    };
    for taken in ["intel.com", "a", "0.a-b.c", &"a".repeat(244)] {
        assert!(prefix(taken), "{taken}");
    }
    for refused in [
        "Intel.com",
        "a..b",
        "a.-b",
        "a-.b",
        "kubernetes.io",
        "node.kubernetes.io",
        "notkubernetes.io",
        "requests.intel.com",
        &"a".repeat(245),
    ] {
        assert!(!prefix(refused), "{refused}");
    }
}

#[test]
fn shares_are_united() {
    let of = |texts: &[&str]| {
        let ranges: Vec<VfRange> = texts.iter().map(|text| text.parse().unwrap()).collect();
        VfRange::union(&ranges).map(|range| range.to_string())
    };
    for (texts, united) in [
        (&["0-1", "3"][..], "0-1,3"),
        (&["3,5", "4"], "3-5"),
        (&["0-9", "2-3"], "0-9"),
        (&["65535", "0", "65534"], "0,65534-65535"),
    ] {
        assert_eq!(of(texts).as_deref(), Some(united), "{texts:?}");
    }
    assert_eq!(of(&[]), None);
}

#[test]
fn drivers_of_user_space_are_known() {
    let userspace = |name: &str| name.parse::<DriverName>().unwrap().is_userspace();
    for name in [
        "vfio-pci",
        "mlx5_vfio_pci",
        "igb_uio",
        "uio_pci_generic",
        "pci-stub",
    ] {
        assert!(userspace(name), "{name}");
    }
    for name in ["igbvf", "iavf", "mlx5_core", "virtio-pci", "vfio-pci-core"] {
        assert!(!userspace(name), "{name}");
    }
}

#[test]
fn ranges_are_ascending_and_name_each_vf_once() {
    accepts::<VfRange>(&[
        ("0-3,5", "0-3,5"),
        ("5, 0-3", "0-3,5"),
        ("7", "7"),
        ("2-2", "2"),
        ("0-3,4", "0-3,4"),
    ]);
    refuses::<VfRange>(&[
        "", ",", "1,", "3-1", "0-3,3", "1,1", "a", "-1", "1-", "+1", "65536",
    ]);
    let range: VfRange = "0-3,5".parse().unwrap();
    let inside: Vec<u16> = (0..8).filter(|&vf| range.contains(VfIndex(vf))).collect();
    assert_eq!(inside, [0, 1, 2, 3, 5]);
    assert_eq!(range.last(), VfIndex(5));
    assert_eq!(VfRange::first(0), None);
    assert_eq!(VfRange::first(3), "0-2".parse().ok());
}

#[test]
fn ranges_overlap_where_they_share_a_vf() {
    let overlap = |a: &str, b: &str| {
        let (a, b): (VfRange, VfRange) = (a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(a.overlaps(&b), b.overlaps(&a));
        a.overlaps(&b)
    };
    assert!(overlap("0-3", "3-5"));
    assert!(overlap("0,9", "2-9"));
    assert!(overlap("0-9", "4"));
    assert!(!overlap("0-3", "4-7"));
    assert!(!overlap("0,2,4", "1,3,5"));
}

#[test]
fn mtus_are_what_a_device_could_take() {
    let mtu = |value: u32| Mtu::try_from(value).ok().map(Mtu::get);
    assert_eq!(mtu(67), None);
    assert_eq!(mtu(68), Some(68));
    assert_eq!(mtu(65535), Some(65535));
    assert_eq!(mtu(65536), None);
    assert!(serde_json::from_str::<Mtu>("9000").is_ok());
    assert!(serde_json::from_str::<Mtu>("0").is_err());
}

#[test]
fn unknown_attributes_are_refused() {
    serde_json::from_str::<VfSettings>(r#"{"trust": true}"#).unwrap();
    serde_json::from_str::<VfSettings>(r#"{"trusted": true}"#).unwrap_err();
}

#[test]
fn actions_survive_being_written_down() {
    let (vf, interface) = (VfIndex(3), 7);
    let address = "0000:3b:10.0".parse().unwrap();
    let mtu = Mtu::ETHERNET;
    let driver = BindTarget::Driver("vfio-pci".parse().unwrap());
    let set = |setting| Step::Vf(vf, VfStep::SetAttribute { interface, setting });
    let mut steps = vec![
        Step::Pf(PfStep::SetAutoprobe { on: false }),
        Step::Pf(PfStep::SetNumVfs { from: 0, to: 8 }),
        Step::Pf(PfStep::SetUp { interface }),
        Step::Pf(PfStep::SetMtu { interface, mtu }),
        Step::Vf(
            vf,
            VfStep::Bind {
                address,
                from: None,
                to: BindTarget::Default,
            },
        ),
        Step::Vf(
            vf,
            VfStep::Bind {
                address,
                from: None,
                to: driver,
            },
        ),
        Step::Vf(vf, VfStep::SetMtu { interface, mtu }),
    ];
    let settings = VfAttribute::ALL.map(|attribute| attribute.facts().initial.likely());
    steps.extend(settings.map(set));
    for step in steps {
        let pf = "0000:3b:00.0".parse().unwrap();
        let action = Action {
            pf,
            step,
            though_in_use: false,
            seen: None,
        };
        let text = serde_json::to_string(&action).unwrap();
        assert_eq!(
            serde_json::from_str::<Action>(&text).unwrap(),
            action,
            "{text}"
        );
    }
}

/// Some kinds differ in no word that a user sees.
#[test]
fn a_word_of_a_step_stands_for_one_part() {
    let mut parts = BTreeMap::new();
    for facts in StepFacts::ALL {
        let part = *parts.entry(facts.word).or_insert(facts.part);
        assert_eq!(part, facts.part, "{}", facts.word);
    }
    assert_eq!(parts.len(), 17);
}

#[test]
fn only_what_takes_vfs_away_is_disruptive() {
    let address = "0000:3b:10.0".parse().unwrap();
    let to = BindTarget::Default;
    let vf = VfIndex(0);
    assert!(Step::Pf(PfStep::SetNumVfs { from: 8, to: 0 }).is_disruptive());
    assert!(
        Step::Vf(
            vf,
            VfStep::Bind {
                address,
                from: None,
                to
            }
        )
        .is_disruptive()
    );
    assert!(!Step::Pf(PfStep::SetNumVfs { from: 0, to: 8 }).is_disruptive());
    assert!(!Step::Pf(PfStep::SetUp { interface: 1 }).is_disruptive());
}

#[test]
fn a_refused_text_is_shown_and_cut_short() {
    let long = "x".repeat(500);
    let error = long.parse::<PciAddress>().unwrap_err();
    assert!(error.to_string().len() < 200);
    let error = "x".parse::<PciAddress>().unwrap_err();
    assert!(error.to_string().starts_with("\"x\" is not a PCI address"));
}
