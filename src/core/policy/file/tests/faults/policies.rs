//! Faults of `[[policy]]` and the tables within.

use super::{faults, policy};

#[test]
fn faults_of_policies() {
    for (keys, expected) in [
        (
            "trust = \"on\"",
            ":4:9: bad value for \"trust\": \"on\"; write true without quotation marks",
        ),
        (
            "trust = 1",
            ":4:9: bad value for \"trust\": 1; expected true or false",
        ),
        (
            "priority = 100",
            ":4:12: bad value for \"priority\": 100; expected a number from 0 (strongest) to 99 (weakest)",
        ),
        (
            "num_vfs = -1",
            ":4:11: bad value for \"num_vfs\": -1; expected a number from 0 to 65535, or \"max\"",
        ),
        (
            "num_vfs = 8.0",
            ":4:11: bad value for \"num_vfs\": 8.0; expected a number from 0 to 65535, or \"max\"",
        ),
        (
            "num_vfs = \"all\"",
            ":4:11: bad value for \"num_vfs\": \"all\"; expected a number from 0 to 65535, or \"max\"",
        ),
        (
            "num_vfs = \"maz\"",
            ":4:11: bad value for \"num_vfs\": \"maz\"; did you mean \"max\"?",
        ),
        (
            "num_vfs = 3\nexternal = true",
            ":4:11: \"num_vfs\" contradicts external = true: somebody else creates the VFs; leave one of the two out",
        ),
        (
            "external = false",
            ":1:1: this policy has no \"num_vfs\"; expected num_vfs = a number or \"max\", or external = true",
        ),
        (
            "vfs = \"3-0\"",
            ":4:7: bad value for \"vfs\": \"3-0\"; expected a list of VF indexes such as 0-3,5, each once",
        ),
        (
            "vfs = \"0-3,2\"",
            ":4:7: bad value for \"vfs\": \"0-3,2\"; expected a list of VF indexes such as 0-3,5, each once",
        ),
        (
            "vfs = 3",
            ":4:7: bad value for \"vfs\": 3; write \"3\" in quotation marks",
        ),
        (
            "vfs = \"6-8\"",
            ":4:7: VFs 6-8 are not there: num_vfs = 8 makes VFs 0 to 7",
        ),
        (
            "num_vfs = 0\nvfs = \"0\"",
            ":5:7: VFs 0 are not there: num_vfs = 0 makes none",
        ),
        (
            "mtu = 67",
            ":4:7: bad value for \"mtu\": 67; expected a number of bytes from 68 to 65535",
        ),
        (
            "vlan = 4095",
            ":4:8: bad value for \"vlan\": 4095; expected a VLAN id from 1 to 4094, or 0 for none",
        ),
        (
            "vlan = 1\nvlan_qos = 8",
            ":5:12: bad value for \"vlan_qos\": 8; expected a priority from 0 to 7",
        ),
        (
            "vlan = 0\nvlan_qos = 1",
            ":5:12: \"vlan_qos\" has no effect with vlan = 0, which is none; give a \"vlan\" from 1 to 4094",
        ),
        (
            "vlan_proto = \"802.1q\"",
            ":4:14: \"vlan_proto\" has no effect without \"vlan\"; give a \"vlan\" from 1 to 4094",
        ),
        (
            "vlan = 1\nvlan_proto = \"802.1AD\"",
            ":5:14: bad value for \"vlan_proto\": \"802.1AD\"; did you mean \"802.1ad\"?",
        ),
        (
            "link_state = \"up\"",
            ":4:14: bad value for \"link_state\": \"up\"; expected \"auto\", \"enable\" or \"disable\"",
        ),
        (
            "min_tx_rate = 2\nmax_tx_rate = 1",
            ":4:15: min_tx_rate = 2 is above max_tx_rate = 1",
        ),
        (
            "mac = \"02:00:00:00:00:01\"",
            ":4:7: bad value for \"mac\": \"02:00:00:00:00:01\"; expected \"kernel\" or \"stable\"; an address can only stand in [[policy.vf]]",
        ),
        (
            "mac = \"stabel\"",
            ":4:7: bad value for \"mac\": \"stabel\"; did you mean \"stable\"?",
        ),
        (
            "resource = \"a/b\"",
            ":4:12: bad value for \"resource\": \"a/b\"; expected a resource name (1 to 63 of letters, digits, '_' and '-', with a letter or digit at both ends)",
        ),
        (
            "resource = \"nics_\"",
            ":4:12: bad value for \"resource\": \"nics_\"; expected a resource name (1 to 63 of letters, digits, '_' and '-', with a letter or digit at both ends)",
        ),
        (
            "resource = \"-nics\"",
            ":4:12: bad value for \"resource\": \"-nics\"; expected a resource name (1 to 63 of letters, digits, '_' and '-', with a letter or digit at both ends)",
        ),
        (
            "resource = \"a\"\nresource_prefix = \"Intel.com\"",
            ":5:19: bad value for \"resource_prefix\": \"Intel.com\"; expected a resource prefix (a DNS name in lower case such as intel.com, and not one of kubernetes.io)",
        ),
        (
            "device_type = \"a b\"",
            ":4:15: bad value for \"device_type\": \"a b\"; expected \"netdevice\", \"any\", or the name of a driver such as \"vfio-pci\"",
        ),
        (
            "is_rdma = true\ndevice_type = \"vfio-pci\"",
            ":4:11: \"is_rdma\" needs the kernel's own driver, and vfio-pci is none",
        ),
        (
            "on_removal = \"forget\"",
            ":4:14: bad value for \"on_removal\": \"forget\"; expected \"reset\" or \"keep\"",
        ),
        (
            "disruption = \"when_unused\"",
            ":4:14: bad value for \"disruption\": \"when_unused\"; did you mean \"when-unused\"?",
        ),
        (
            "node = \"worker\"",
            ":4:8: bad value for \"node\": \"worker\"; expected a table",
        ),
        (
            "node = { hostname = \"a[\" }",
            ":4:21: bad value for \"hostname\": \"a[\"; expected a name or shell glob such as ens1f*, with every bracket closed",
        ),
        (
            "node = { labels = { a = 1 } }",
            ":4:25: bad value for \"a\": 1; write \"1\" in quotation marks",
        ),
        (
            "numVfs = 1",
            ":4:1: unknown key \"numVfs\" in this policy; did you mean \"num_vfs\"?",
        ),
        (
            "resourceName = \"x\"",
            ":4:1: unknown key \"resourceName\" in this policy; did you mean \"resource\"?",
        ),
        (
            "eswitch_mode = \"openflow\"",
            ":4:16: bad value for \"eswitch_mode\": \"openflow\"; expected \"legacy\" or \"switchdev\"",
        ),
        (
            "eswitch_mode = \"switchdev\"\nvlan = 7",
            ":5:8: \"vlan\" contradicts eswitch_mode = \"switchdev\": there the host's flows decide; leave one of the two out",
        ),
        (
            "eswitch_mode = \"switchdev\"\ntrust = false",
            ":5:9: \"trust\" contradicts eswitch_mode = \"switchdev\"",
        ),
        (
            "eswitch_mode = \"switchdev\"\nvf = [{ index = 0 }, { index = 1, spoof_check = true }]",
            ":5:49: \"spoof_check\" contradicts eswitch_mode = \"switchdev\"",
        ),
        (
            "devlink = { max_macs = -1 }",
            ":4:24: bad value for \"max_macs\": -1; expected true, false, a number from 0 to 4294967295, or a text of at most 31 bytes",
        ),
        (
            "devlink = { \"max macs\" = 1 }",
            ":4:13: \"max macs\" cannot be a parameter of devlink; expected 1 to 64 of letters, digits, '_' and '-'",
        ),
        (
            "eswitch_mode = \"legacy\"\nrepresentor = { mtu = 9000 }",
            ":5:15: \"representor\" has no effect without eswitch_mode = \"switchdev\"",
        ),
        (
            "eswitch_mode = \"switchdev\"\nrepresentor = { mtu = 1, up = true }",
            ":5:23: bad value for \"mtu\": 1; expected a number of bytes from 68 to 65535",
        ),
        (
            "bridge = { name = \"br0\" }",
            ":4:10: \"bridge\" needs eswitch_mode = \"switchdev\": else VFs have no representors",
        ),
        (
            "eswitch_mode = \"switchdev\"\nbridge = { name = \"a bridge\" }",
            ":5:19: bad value for \"name\": \"a bridge\"; expected a network interface name (1 to 15 characters",
        ),
        (
            "eswitch_mode = \"switchdev\"\nbridge = { uplnk = true }",
            ":5:12: unknown key \"uplnk\" in [policy.bridge]; did you mean \"uplink\"?",
        ),
        (
            "eswitch_mode = \"switchdev\"\nbridge = { fail_mode = \"secured\" }",
            ":5:24: bad value for \"fail_mode\": \"secured\"; did you mean \"secure\"?",
        ),
        (
            "num_vfs = 8\neswitch_mode = \"switchdev\"\nbridge = { external_ids = { sriovd = \"x\" } }",
            ":6:27: \"sriovd\" in \"external_ids\" is how sriovd knows what it made",
        ),
        (
            "num_vfs = 8\neswitch_mode = \"switchdev\"\nbridge = { uplink = false, uplink_type = \"dpdk\" }",
            ":6:42: \"uplink_type\" contradicts uplink = false: the PF is no port then",
        ),
        (
            "link_type = \"ether\"",
            "unknown key \"link_type\" in this policy",
        ),
    ] {
        let found = faults(&policy(keys));
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{keys}: {found:#?}"
        );
    }
}

#[test]
fn faults_of_matches() {
    for (keys, expected) in [
        (
            "device = []",
            ":4:16: \"device\" is an empty list; leave the key out, or name at least one",
        ),
        (
            "device = [\"1572\", 1572]",
            ":4:25: bad value for \"device\": 1572; write \"1572\" in quotation marks",
        ),
        (
            "device = \"15\"",
            ":4:16: bad value for \"device\": \"15\"; expected a PCI id of four hexadecimal digits such as 8086",
        ),
        (
            "pci_address = \"3b:00.0\"",
            ":4:21: bad value for \"pci_address\": \"3b:00.0\"; expected a PCI address such as 0000:3b:00.0",
        ),
        (
            "mac = \"01:00:5e:00:00:01\"",
            ":4:13: bad value for \"mac\": \"01:00:5e:00:00:01\"; expected a MAC address of one device: not a multicast one, not all zeros",
        ),
        (
            "pf_name = \"ens1f0#\"",
            ":4:17: bad value for \"pf_name\": \"ens1f0#\"; expected an interface name",
        ),
        (
            "pf_name = \"a/b\"",
            ":4:17: bad value for \"pf_name\": \"a/b\"; expected an interface name",
        ),
        (
            "pf_name = \"a#6-8\"",
            ":4:1: VFs 6-8 are not there: num_vfs = 8 makes VFs 0 to 7",
        ),
        (
            "link_type = \"eth\"",
            ":4:19: bad value for \"link_type\": \"eth\"; did you mean \"ether\"?",
        ),
        (
            "numa_node = -1",
            ":4:19: bad value for \"numa_node\": -1; expected the number of a NUMA node, counted from 0",
        ),
    ] {
        let text = policy(&format!("match.{keys}"));
        let found = faults(&text);
        assert!(
            found.len() == 1 && found[0].contains(&expected.replace(":4:1:", ":3:1:")),
            "{keys}: {found:#?}"
        );
    }
    let both = policy("vfs = \"0\"\nmatch.pf_name = \"a#1\"");
    let expected = ":4:7: \"vfs\" and the share #1 in \"pf_name\" both say which VFs; leave one of the two out";
    assert_eq!(faults(&both), [expected]);
    let empty = "[[policy]]\nname = \"p\"\nnum_vfs = 1\n[policy.match]\n";
    let expected = ":4:1: [policy.match] is empty: it would match every NIC; write pf_name = \"*\" there to mean every NIC";
    assert_eq!(faults(empty), [expected]);
}

#[test]
fn faults_of_single_vfs() {
    for (own, keys, expected) in [
        (
            "",
            "trust = true",
            ":7:1: [[policy.vf]] has no \"index\"; expected the number of a VF, counted from 0",
        ),
        (
            "",
            "index = 8",
            ":8:9: VF 8 is not there: num_vfs = 8 makes VFs 0 to 7",
        ),
        (
            "vfs = \"0-3\"",
            "index = 4",
            ":8:9: VF 4 is not in this policy's share",
        ),
        (
            "match.pf_name = \"a#0-3\"",
            "index = 4",
            ":8:9: VF 4 is not in this policy's share",
        ),
        (
            "",
            "index = 1\n[[policy.vf]]\nindex = 1",
            ":10:9: VF 1 is listed twice, first on line 8",
        ),
        (
            "",
            "index = 1\nvlan_qos = 1",
            ":9:12: \"vlan_qos\" has no effect without \"vlan\"; give a \"vlan\" from 1 to 4094",
        ),
        (
            "vlan = 0",
            "index = 1\nvlan_qos = 1",
            ":9:12: \"vlan_qos\" has no effect with vlan = 0, which is none; give a \"vlan\" from 1 to 4094",
        ),
        (
            "max_tx_rate = 5",
            "index = 1\nmin_tx_rate = 6",
            ":9:15: min_tx_rate = 6 is above max_tx_rate = 5",
        ),
        (
            "min_tx_rate = 5",
            "index = 1\nmax_tx_rate = 4",
            ":9:15: min_tx_rate = 5 is above max_tx_rate = 4",
        ),
        (
            "",
            "index = 1\nmac = \"00:00:00:00:00:00\"",
            ":9:7: bad value for \"mac\": \"00:00:00:00:00:00\"; expected \"kernel\", \"stable\", or a MAC address of one device: not a multicast one, not all zeros",
        ),
        (
            "",
            "index = 1\nmac = \"02:00:00:00:00:01\"\n[[policy.vf]]\nindex = 2\nmac = \"02-00-00-00-00-01\"",
            ":12:7: 02:00:00:00:00:01 is already the address of VF 1",
        ),
        (
            "",
            "index = 1\nnum_vfs = 1",
            ":9:1: unknown key \"num_vfs\" in [[policy.vf]]; \"num_vfs\" must stand above the header of this table",
        ),
    ] {
        let found = faults(&policy(&format!("{own}\n[[policy.vf]]\n{keys}")));
        assert_eq!(found, [expected], "{own} {keys}");
    }
}
