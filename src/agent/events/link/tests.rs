//! Notifications of a real kernel in a network namespace of our own, and bytes that it might send.

use super::*;
use crate::events::tests::{hearing, in_private_network};
use notification::Link;
use rtnetlink::{LinkUnspec, LinkVeth};
use std::net::{IpAddr, Ipv4Addr};

const LOOPBACK: u32 = 1;

fn decode(kind: u16, payload: &[u8]) -> Notification {
    Notification::of(kind, payload)
}

/// A header for interface 7 with attributes behind it.
fn link(family: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut payload = vec![family, 0, 1, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    payload.extend(nested(attributes));
    payload
}

fn nested(attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, value) in attributes {
        bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(*value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

#[test]
fn a_link_is_known_by_its_index_and_if_possible_its_function() {
    let named: &[(u16, &[u8])] = &[(3, b"ens1\0"), (56, b"0000:01:00.0\0")];
    let function = Some("0000:01:00.0".parse().unwrap());
    let virtio: &[(u16, &[u8])] = &[(3, b"eth0\0"), (56, b"virtio3\0")];
    let port: &[(u16, &[u8])] = &[(3, b"ens1\0"), (18, &nested(&[(4, b"bond\0")]))];
    let ipoib: &[(u16, &[u8])] = &[(3, b"ib0\0"), (18, &nested(&[(1, b"ipoib\0")]))];
    let bytes: &[(u16, &[u8])] = &[(3, b"ens\xff\0"), (56, b"0000:01:00.0\0")];
    for (attributes, name, function) in [
        (named, "ens1", function),
        (bytes, "ens\u{fffd}", function),
        (virtio, "eth0", None),
        (port, "ens1", None),
        (ipoib, "ib0", None),
        (&[], "7", None),
    ] {
        let name = name.to_owned();
        let index = 7;
        let wanted = Notification::Link(Link {
            index,
            name,
            function,
        });
        assert_eq!(decode(16, &link(0, attributes)), wanted);
        assert_eq!(decode(17, &link(0, attributes)), wanted);
    }
}

#[test]
fn what_cannot_matter_is_dropped_and_nothing_fails() {
    let veth: &[(u16, &[u8])] = &[(3, b"veth0\0"), (18, &nested(&[(1, b"veth\0")]))];
    let wireless: &[(u16, &[u8])] = &[(3, b"wlan0\0"), (11, &[0; 8])];
    let whole = link(0, veth);
    for (kind, payload) in [
        (16, &whole[..]),
        (16, &link(0, wireless)),
        (16, &link(7, &[])),
        (16, &whole[..9]),
        (16, &[]),
        (20, &[0; 8]),
        (21, &[0; 7]),
        (24, &[0; 12]),
    ] {
        assert_eq!(decode(kind, payload), Notification::Irrelevant, "{kind}");
    }
    for length in 0..whole.len() {
        decode(16, &whole[..length]);
    }
}

fn requests() -> rtnetlink::Handle {
    let (connection, handle, _) = rtnetlink::new_connection().unwrap();
    tokio::spawn(connection);
    handle
}

#[test]
fn links_and_lost_addresses_are_heard_and_software_links_are_not() {
    const NAME: &str = "links_and_lost_addresses_are_heard_and_software_links_are_not";
    in_private_network(module_path!(), NAME, async {
        let source = LinkEvents::subscribe(1 << 20).unwrap();
        let test = async |mut ear: crate::events::tests::Ear| {
            let handle = requests();
            let veth = LinkVeth::new("one", "two").build();
            handle.link().add(veth).execute().await.unwrap();
            let up = LinkUnspec::new_with_index(LOOPBACK).up().build();
            handle.link().change(up).execute().await.unwrap();
            let heard = ear.next().await;
            assert_eq!(heard.scope, Scope::Interface(LOOPBACK));
            assert_eq!(heard.cause.to_string(), "link change on lo");

            let address = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
            let add = handle.address().add(LOOPBACK, address, 32);
            add.execute().await.unwrap();
            let mut addresses = handle.address().get().execute();
            while let Some(Ok(found)) = futures::TryStreamExt::try_next(&mut addresses)
                .await
                .transpose()
            {
                handle.address().del(found).execute().await.unwrap();
            }
            let is_address = |trigger: &Trigger| matches!(trigger.cause, Cause::Address { .. });
            let links = ear.until(is_address).await;
            let on_loopback = |heard: &Trigger| heard.scope == Scope::Interface(LOOPBACK);
            assert!(links.iter().all(on_loopback), "{links:?}");
        };
        hearing(|sender| source.run(sender), test).await;
    });
}

#[test]
fn lost_notifications_ask_for_a_full_look() {
    const NAME: &str = "lost_notifications_ask_for_a_full_look";
    in_private_network(module_path!(), NAME, async {
        let source = LinkEvents::subscribe(2048).unwrap();
        let handle = requests();
        for mtu in 0..200 {
            let change = LinkUnspec::new_with_index(LOOPBACK).mtu(2000 + mtu).build();
            handle.link().change(change).execute().await.unwrap();
        }
        let test = async |mut ear: crate::events::tests::Ear| {
            let is_overrun = |trigger: &Trigger| *trigger == Trigger::overrun("rtnetlink");
            ear.until(is_overrun).await;
            // Up to here it heard what was kept; from here it hears again.
            let change = LinkUnspec::new_with_index(LOOPBACK).mtu(9000).build();
            handle.link().change(change).execute().await.unwrap();
            while ear.next().await.scope != Scope::Interface(LOOPBACK) {}
        };
        hearing(|sender| source.run(sender), test).await;
    });
}

#[test]
fn what_is_cut_off_asks_for_a_full_look() {
    let mut message = vec![0; 4];
    message.extend(16_u16.to_ne_bytes());
    message.extend([0; 10]);
    message.extend(link(0, &[(3, b"ens1\0")]));
    let length = u32::try_from(message.len()).unwrap();
    message[..4].copy_from_slice(&length.to_ne_bytes());
    let whole = heard(&message).unwrap();
    assert_eq!(whole.scope, Scope::Interface(7));
    for length in 0..message.len() {
        assert_eq!(
            heard(&message[..length]),
            Some(Trigger::overrun("rtnetlink")),
            "{length}"
        );
    }
}

#[test]
fn what_nobody_takes_waits_in_the_kernel_and_not_with_us() {
    const NAME: &str = "what_nobody_takes_waits_in_the_kernel_and_not_with_us";
    in_private_network(module_path!(), NAME, async {
        let source = LinkEvents::subscribe(64 << 10).unwrap();
        let test = async |mut ear: crate::events::tests::Ear| {
            let handle = requests();
            // Ever more of them, while the source runs and the agent takes none.
            for mtu in 0..2000 {
                let change = LinkUnspec::new_with_index(LOOPBACK).mtu(2000 + mtu).build();
                handle.link().change(change).execute().await.unwrap();
            }
            let is_overrun = |trigger: &Trigger| *trigger == Trigger::overrun("rtnetlink");
            let kept = ear.until(is_overrun).await.len();
            assert!(kept < 1000, "{kept} were kept of 2000");
        };
        hearing(|sender| source.run(sender), test).await;
    });
}
