//! Who is asked, so that neighbours hear of an address.

use super::*;
use sriovd_host::netlink::Hop;

fn asked(address: &str, prefix: u8, gateways: &[&str]) -> Option<String> {
    let route = |gateway: &&str| Route {
        destination: Ipv4Addr::UNSPECIFIED.into(),
        prefix_length: 0,
        hop: Hop::Gateway(gateway.parse().unwrap()),
        metric: None,
    };
    let routes: Vec<_> = gateways.iter().map(route).collect();
    let neighbour = neighbour(address.parse().unwrap(), prefix, &routes);
    neighbour.map(|neighbour| neighbour.to_string())
}

#[test]
fn the_gateway_of_the_network_is_asked() {
    let gateways = ["fd00::1", "192.0.2.1", "10.56.217.254"];
    assert_eq!(
        asked("10.56.217.7", 24, &gateways).unwrap(),
        "10.56.217.254"
    );
}

#[test]
fn without_a_gateway_another_host_is_asked() {
    assert_eq!(asked("10.56.217.7", 24, &[]).unwrap(), "10.56.217.1");
    assert_eq!(asked("10.56.217.1", 24, &[]).unwrap(), "10.56.217.2");
    assert_eq!(asked("10.0.0.0", 31, &[]).unwrap(), "10.0.0.1");
    assert_eq!(asked("10.0.0.2", 31, &[]).unwrap(), "10.0.0.3");
}

#[test]
fn alone_in_its_network_nobody_is_asked() {
    assert_eq!(asked("10.0.0.1", 32, &["10.0.0.2"]), None);
    assert_eq!(asked("10.0.0.1", 33, &[]), None);
}
