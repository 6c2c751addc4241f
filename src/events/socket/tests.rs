//! The kernel's table of netlink sockets.

use super::*;

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
