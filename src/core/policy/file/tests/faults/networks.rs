//! Faults of `[[network]]`.

use super::{faults, network};

#[test]
fn faults_of_networks() {
    let raw = "config = { type = \"x\" }";
    for (keys, expected) in [
        (
            "",
            ":1:1: this network has no \"resource\"; expected the pool whose VFs it takes, or a whole \"config\"",
        ),
        (
            "resource = \"r\"\ntype = \"vdpa\"",
            ":4:8: bad value for \"type\": \"vdpa\"; expected \"sriov\", \"ib-sriov\", \"ovs\" or \"host-device\"",
        ),
        (
            "resource = \"r\"\nplugin_config = { vlanQoS = 3 }",
            ":4:17: \"vlanQoS\" has no place in \"plugin_config\"; write \"vlan_qos\" in the network",
        ),
        (
            "resource = \"r\"\ntype = \"ib-sriov\"\nvlan = 3",
            ":5:8: \"vlan\" has no effect with type = \"ib-sriov\"; leave it out, or take type = \"sriov\"",
        ),
        (
            "resource = \"r\"\noutputs = [\"cni\"]",
            "unknown key \"outputs\" in this network",
        ),
        (
            "resource = \"r\"\nquery_rss = true",
            "unknown key \"query_rss\" in this network",
        ),
        (
            "resource = \"r\"\ncni_version = \"1.2\"",
            ":4:15: bad value for \"cni_version\": \"1.2\"; expected \"0.3.0\", \"0.3.1\", \"0.4.0\", \"1.0.0\" or \"1.1.0\"",
        ),
        (
            "resource = \"r\"\nmac = \"stable\"",
            ":4:7: bad value for \"mac\": \"stable\"; expected a MAC address such as 02:00:5e:10:00:01",
        ),
        (
            "resource = \"r\"\ncapabilities = { mac = \"true\" }",
            ":4:24: bad value for \"mac\": \"true\"; write true without quotation marks",
        ),
        (
            "resource = \"r\"\nipam = { subnet = \"x\" }",
            ":4:8: \"ipam\" names no plugin; expected type = the name of a CNI plugin",
        ),
        (
            "resource = \"r\"\nipam = { type = \"x\", since = 2020-01-01 }",
            ":4:30: JSON has no dates; put it in quotation marks",
        ),
        (
            "resource = \"r\"\nipam = { type = \"x\", n = inf }",
            ":4:26: JSON has no such number",
        ),
        (
            "resource = \"r\"\nipam = { type = \"x\", n = 99999999999999999999 }",
            ":4:26: JSON has no such number",
        ),
        (
            "resource = \"r\"\nmeta_plugins = [{ type = \"../sh\" }]",
            ":4:16: an entry of \"meta_plugins\" names no plugin; expected type = the name of a CNI plugin",
        ),
        (
            "resource = \"r\"\nmeta_plugins = { type = \"x\" }",
            ":4:16: bad value for \"meta_plugins\": a table; expected a list of tables",
        ),
        (
            "resource = \"r\"\nnamespace = \"A\"",
            ":4:13: bad value for \"namespace\": \"A\"; expected a Kubernetes namespace",
        ),
        (
            "resource = \"r\"\ntype = \"host-device\"\nvlan = 3",
            ":5:8: \"vlan\" has no effect with type = \"host-device\"; leave it out, or take type = \"sriov\"",
        ),
        (
            "config = 3",
            ":3:10: bad value for \"config\": 3; expected a table",
        ),
        (
            "config = \"{\"",
            ":3:10: \"config\" is not a JSON object: EOF while parsing an object at line 1 column 1; expected a CNI plugin or list in JSON",
        ),
        (
            "config = { plugins = [] }",
            ":3:10: \"config\" is neither a CNI plugin nor a list of them; expected \"type\", or \"plugins\" with a \"type\" in each",
        ),
        (
            "config = { plugins = [{ type = \"a\" }, 3] }",
            ":3:10: \"config\" is neither a CNI plugin nor a list of them",
        ),
        (
            "config = { disableCheck = 1, plugins = [{ type = \"a\" }] }",
            ":3:10: bad value in \"config\": disableCheck is 1; expected true or false",
        ),
        (
            "config = { cniVersions = \"1.0.0\", plugins = [{ type = \"a\" }] }",
            ":3:10: bad value in \"config\": cniVersions is \"1.0.0\"; expected a list of versions",
        ),
        (
            "config = '{\"type\": \"a\", \"ipam\": \"dhcp\"}'",
            ":3:10: bad value in \"config\": plugin 1: ipam is \"dhcp\"; expected an object",
        ),
        (
            "config = '{\"plugins\": [{\"type\": \"a\"}, {\"type\": \"b\", \"dns\": {\"search\": \"c\"}}]}'",
            ":3:10: bad value in \"config\": plugin 2: dns.search is \"c\"; expected a list of texts",
        ),
        (
            "config = '{\"loadOnlyInlinedPlugins\": null, \"plugins\": [{\"type\": \"a\"}]}'",
            ":3:10: bad value in \"config\": loadOnlyInlinedPlugins is null; expected true or false",
        ),
        (
            "resource = \"r\"\nplugin_config = { dns = \"10.0.0.1\" }",
            ":4:17: bad value in \"plugin_config\": dns is \"10.0.0.1\"; expected an object",
        ),
        (
            "resource = \"r\"\nmeta_plugins = [{ type = \"a\", capabilities = { mac = \"on\" } }]",
            ":4:16: bad value in \"meta_plugins\": capabilities.mac is \"on\"; expected true or false",
        ),
        (
            "resource = \"r\"\nipam = { type = \"a\", Type = 5 }",
            ":4:8: bad value in \"ipam\": ipam.Type is 5; expected a text",
        ),
        (
            &format!("{raw}\nvlan = 3"),
            ":4:8: \"vlan\" has no effect beside \"config\"; write it within \"config\"",
        ),
        (
            &format!("{raw}\nipam = {{}}"),
            ":4:8: \"ipam\" has no effect beside \"config\"; write it within \"config\"",
        ),
    ] {
        let found = faults(&network(keys));
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{keys}: {found:#?}"
        );
    }
}
