//! The kernel's table of netlink sockets.

use super::*;
use crate::events::tests::{in_private_network, uevent};
use netlink_sys::protocols::NETLINK_KOBJECT_UEVENT;
use netlink_sys::{Socket, SocketAddr};

const TABLE: &str = "\
sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
0000000000000000 0   2044       00000111 0        0        0     2        17       22611
0000000000000000 15  4196153    00000002 0        0        0     2        0        22612
";

#[test]
fn drops_are_those_of_the_socket_with_that_inode() {
    assert_eq!(drops_in(TABLE, 22611), Some(17));
    assert_eq!(drops_in(TABLE, 22612), Some(0));
    assert_eq!(drops_in(TABLE, 2044), None);
    assert_eq!(drops_in("", 22611), None);
}

#[test]
fn a_table_that_leaves_the_socket_out_is_read_again() {
    let without = TABLE.replace("22611", "22613");
    let mut tables = [&without, &without, TABLE].into_iter();
    let table = || Ok(tables.next().unwrap().to_owned());
    assert_eq!(drops(22611, table).unwrap(), Some(17));
    assert_eq!(drops(22611, || Ok(without.clone())).unwrap(), None);
    let broken = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(drops(22611, broken).is_err());
}

#[test]
fn a_socket_that_is_not_listed_may_have_lost_something() {
    let mut socket = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
    socket.bind(&SocketAddr::new(0, 1)).unwrap();
    let mut drops = DropCounter::of(&socket).unwrap();
    assert!(!drops.has_risen().unwrap());
    drop(socket);
    assert!(drops.has_risen().unwrap());
}

#[test]
fn the_buffer_grows_as_far_as_it_may() {
    let socket = netlink_sys::Socket::new(netlink_sys::protocols::NETLINK_ROUTE).unwrap();
    let wanted = 4 << 20;
    set_receive_buffer(&socket, wanted).unwrap();
    let limit = std::fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    // The kernel doubles what is asked for, to have room for its own bookkeeping.
    let possible = [2 * wanted, 2 * wanted.min(limit)];
    let size = rustix::net::sockopt::socket_recv_buffer_size(&socket).unwrap();
    assert!(possible.contains(&size), "{size}");
}

#[test]
fn what_the_kernel_drops_is_counted() {
    in_private_network(module_path!(), "what_the_kernel_drops_is_counted", async {
        let mut listener = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
        set_receive_buffer(&listener, 2048).unwrap();
        listener.bind(&SocketAddr::new(0, 1)).unwrap();
        let mut drops = DropCounter::of(&listener).unwrap();
        let kernel = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
        let send = || uevent(&kernel, "change", "/devices/pci0000:00/0000:01:00.0", "pci");
        send();
        assert!(!drops.has_risen().unwrap());
        (0..500).for_each(|_| send());
        assert!(drops.has_risen().unwrap());
        assert!(!drops.has_risen().unwrap());
    });
}

/// With no memory left the table cannot be read for a while; what was dropped meanwhile is told later.
#[tokio::test]
async fn a_table_that_cannot_be_read_for_a_while_ends_nothing_and_hides_nothing() {
    let socket = Socket::new(NETLINK_KOBJECT_UEVENT).unwrap();
    let mut drops = DropCounter::of(&socket).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), b"\xff").unwrap();
    drops.table = File::open(file.path()).unwrap();
    drops.inode = 22611;
    let event = Trigger::overrun("an event");
    let mut heard = vec![Some(event.clone())].into_iter();
    let next = async || match heard.next() {
        Some(heard) => Ok(heard),
        None => std::future::pending().await,
    };
    let (sender, mut triggers) = tokio::sync::mpsc::channel(16);
    let table = async {
        assert_eq!(triggers.recv().await, Some(event));
        tokio::time::sleep(PAUSE + PAUSE / 2).await;
        assert!(triggers.try_recv().is_err());
        std::fs::write(file.path(), TABLE).unwrap();
        assert_eq!(triggers.recv().await, Some(Trigger::overrun("kernel")));
    };
    tokio::select! {
        Err(error) = drops.forward("kernel", &sender, next) => panic!("{error:#}"),
        () = table => {}
    }
}
