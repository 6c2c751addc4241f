//! What podman's networks may say, and what the user reads when they say something else.

use super::*;
use sriovd_host::netlink::Hop;

fn call(arguments: &[&str], input: &Value) -> Result<Value, String> {
    let root = tempfile::tempdir().unwrap();
    let arguments: Vec<_> = arguments.iter().map(|it| (*it).to_owned()).collect();
    let answer = run(root.path(), &arguments, input.to_string().as_bytes());
    let value: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
    match answer.is_error {
        true => Err(value["error"].as_str().unwrap().to_owned()),
        false => Ok(value),
    }
}

fn network(options: &Value) -> Value {
    json!({
        "name": "f1-u",
        "id": "0".repeat(64),
        "driver": "sriov",
        "subnets": [{"subnet": "10.56.217.0/24", "gateway": "10.56.217.1", "lease_range": null}],
        "options": options,
        "ipam_options": {"driver": "host-local"},
        "routes": null,
        "network_dns_servers": null,
    })
}

#[test]
fn info_names_the_version_of_the_protocol() {
    assert_eq!(call(&["info"], &json!({})).unwrap()["api_version"], "1.0.0");
    assert!(call(&[], &json!({})).is_ok());
    let error = call(&["setup"], &json!({})).unwrap_err();
    assert!(error.contains("setup NAMESPACE"), "{error}");
}

#[test]
fn create_returns_the_network_as_it_came() {
    let good = network(&json!({
        "pool": "intelnics",
        "vlan": "100",
        "vlan_qos": "3",
        "vlan_proto": "802.1ad",
        "trust": "on",
        "spoof_check": "false",
        "link_state": "enable",
        "min_tx_rate": "10",
        "max_tx_rate": "100",
        "mtu": "9000",
        "mac": "02:00:00:00:00:01",
        "no_default_route": "true",
        "metric": "50",
    }));
    assert_eq!(call(&["create"], &good), Ok(good.clone()));
}

#[test]
fn create_says_that_a_network_without_subnets_has_no_addresses() {
    let mut bare = network(&json!({"pool": "intelnics"}));
    bare["subnets"] = Value::Null;
    bare["ipam_options"] = json!({});
    let made = call(&["create"], &bare).unwrap();
    assert_eq!(made["ipam_options"]["driver"], "none");
}

#[test]
fn wrong_options_are_named_with_what_was_expected() {
    for (options, says) in [
        (json!({}), "option \"pool\" is missing"),
        (
            json!({"pool": "a/b"}),
            "option \"pool\": \"a/b\" is not a resource name",
        ),
        (
            json!({"pool": "p", "vlna": "1"}),
            "unknown option \"vlna\"; did you mean \"vlan\"?",
        ),
        (
            json!({"pool": "p", "frobnicate": "1"}),
            "unknown option \"frobnicate\"; known are",
        ),
        (
            json!({"pool": "p", "vlan": "4095"}),
            "\"4095\" is not a number from 0 to 4094",
        ),
        (json!({"pool": "p", "vlan": "+1"}), "\"+1\" is not a number"),
        (json!({"pool": "p", "vlan_qos": "3"}), "it needs a \"vlan\""),
        (
            json!({"pool": "p", "trust": "yes"}),
            "\"yes\" is not one of true, on, false, off",
        ),
        (
            json!({"pool": "p", "mac": "01:00:5e:00:00:01"}),
            "is not the address of one interface",
        ),
        (
            json!({"pool": "p", "mac": "nonsense"}),
            "is not a MAC address",
        ),
        (json!({"pool": "p", "mtu": "10"}), "is not an MTU"),
        (
            json!({"pool": "p", "min_tx_rate": "9", "max_tx_rate": "8"}),
            "is above",
        ),
    ] {
        let error = call(&["create"], &network(&options)).unwrap_err();
        assert!(error.contains(says), "{options}: {error}");
    }
    let mut dhcp = network(&json!({"pool": "p"}));
    dhcp["ipam_options"]["driver"] = json!("dhcp");
    let error = call(&["create"], &dhcp).unwrap_err();
    assert!(error.contains("is not host-local or none"), "{error}");
}

fn setup(per_container: &Value) -> Value {
    json!({
        "container_id": "0123",
        "container_name": "web",
        "port_mappings": null,
        "network": network(&json!({"pool": "p"})),
        "network_options": per_container,
    })
}

#[test]
fn a_setup_that_cannot_work_is_refused_before_anything_is_touched() {
    let namespace = "/proc/self/ns/net";
    for (per_container, says) in [
        (json!({"interface_name": "a/b"}), "interface_name: \"a/b\""),
        (
            json!({"interface_name": "eth0", "static_mac": "x"}),
            "mac: \"x\"",
        ),
        (
            json!({"interface_name": "eth0", "static_ips": ["192.0.2.1"]}),
            "address 192.0.2.1 is in no subnet of network f1-u",
        ),
        (
            json!({"interface_name": "eth0", "options": {"pool": "q"}}),
            "unknown option \"pool\"",
        ),
        (
            json!({"interface_name": "eth0"}),
            "/run/sriovd/pools.json is not there",
        ),
    ] {
        let error = call(&["setup", namespace], &setup(&per_container)).unwrap_err();
        assert!(error.contains(says), "{per_container}: {error}");
    }
    let error = call(
        &["setup", "/nowhere"],
        &setup(&json!({"interface_name": "eth0"})),
    );
    assert!(
        error
            .unwrap_err()
            .contains("opening network namespace /nowhere")
    );
}

#[test]
fn what_has_nothing_is_torn_down_all_the_same() {
    let input = setup(&json!({"interface_name": "eth0"}));
    assert_eq!(call(&["teardown", "/nowhere"], &input), Ok(Value::Null));
}

#[test]
fn input_that_is_no_json_or_has_no_end_is_an_error_object() {
    let root = tempfile::tempdir().unwrap();
    let long = vec![b' '; usize::try_from(LONGEST).unwrap() + 1];
    for (input, says) in [
        (&b"{"[..], "cannot read the input"),
        (&b""[..], "cannot read the input"),
        (&long, "longer than"),
    ] {
        let answer = run(root.path(), &["create".to_owned()], input);
        let error: Value = serde_json::from_str(&answer.stdout).unwrap();
        assert!(answer.is_error);
        assert!(error["error"].as_str().unwrap().contains(says), "{error}");
    }
}

#[test]
fn the_gateway_is_the_default_route_unless_somebody_says_no() {
    let addressing = |network: Value| {
        let mut input = setup(&json!({"interface_name": "eth0", "static_ips": ["10.56.217.9"]}));
        input["network"] = network;
        let (_, setup) = protocol::read::<Setup>(input.to_string().as_bytes()).unwrap();
        let options = Options::of_network(&setup.network.options).unwrap();
        setup.addressing(&options).unwrap()
    };
    let plain = addressing(network(&json!({"pool": "p", "metric": "7"})));
    assert_eq!(plain.addresses, [("10.56.217.9".parse().unwrap(), 24)]);
    let [route] = &plain.routes[..] else {
        panic!("{plain:?}")
    };
    assert_eq!((route.prefix_length, route.metric), (0, Some(7)));
    assert_eq!(route.hop, Hop::Gateway("10.56.217.1".parse().unwrap()));

    let without = addressing(network(&json!({"pool": "p", "no_default_route": "true"})));
    assert_eq!(without.routes, []);
    let mut internal = network(&json!({"pool": "p"}));
    internal["internal"] = json!(true);
    assert_eq!(addressing(internal).routes, []);
}

/// As netavark 2 sends them (types::Route): only unicast has a gateway.
#[test]
fn routes_go_through_a_gateway_or_nowhere() {
    let with = |routes: &Value| {
        let mut network = network(&json!({"pool": "p", "metric": "7"}));
        network["routes"] = routes.clone();
        network
    };
    let hops = |routes: Value| {
        let mut input = setup(&json!({"interface_name": "eth0"}));
        input["network"] = with(&routes);
        let (_, setup) = protocol::read::<Setup>(input.to_string().as_bytes()).unwrap();
        let options = Options::of_network(&setup.network.options).unwrap();
        let routes = setup.addressing(&options).unwrap().routes.into_iter();
        let routes: Vec<_> = routes.map(|route| (route.hop, route.metric)).collect();
        routes
    };
    let gateway = Hop::Gateway("10.56.217.1".parse().unwrap());
    for (more, hop) in [
        (json!({"gateway": "10.56.217.1"}), gateway),
        (json!({"gateway": "10.56.217.1", "route_type": ""}), gateway),
        (
            json!({"gateway": "10.56.217.1", "route_type": "unicast"}),
            gateway,
        ),
        (json!({"route_type": "blackhole"}), Hop::Blackhole),
        (
            json!({"route_type": "unreachable", "gateway": null}),
            Hop::Unreachable,
        ),
        (
            json!({"route_type": "prohibit", "metric": null}),
            Hop::Prohibit,
        ),
    ] {
        let mut route = json!({"destination": "10.9.0.0/16"});
        route
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let made = with(&json!([route]));
        assert_eq!(call(&["create"], &made), Ok(made.clone()));
        assert_eq!(hops(json!([route])), [(hop, Some(7))], "{route}");
    }
    for (more, says) in [
        (json!({}), "route to 10.9.0.0/16: it has no gateway"),
        (json!({"route_type": "unicast"}), "it has no gateway"),
        (
            json!({"route_type": "blackhole", "gateway": "10.56.217.1"}),
            "one of type blackhole has no gateway",
        ),
        (
            json!({"route_type": "throw"}),
            "route_type \"throw\" is not one of unicast, blackhole, unreachable, prohibit",
        ),
        (
            json!({"gateway": "fd00::1"}),
            "gateway fd00::1 is of the other IP version",
        ),
    ] {
        let mut route = json!({"destination": "10.9.0.0/16"});
        route
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let error = call(&["create"], &with(&json!([route]))).unwrap_err();
        assert!(error.contains(says), "{route}: {error}");
        assert!(error.contains("network f1-u"), "{route}: {error}");
    }
}
