//! Signs of quiet users in prepared trees.

use crate::linux::observe::{holders_of, observe};
use crate::linux::prepared::{Answers, Prepared, pci, pf, vf_address};
use crate::netlink::{Link, QueueDiscipline};
use sriovd_core::host::Look;
use sriovd_core::model::{Holder, VfIndex};
use std::collections::BTreeSet;

fn discipline(handle: u32, kind: &str) -> QueueDiscipline {
    let kind = kind.to_owned();
    QueueDiscipline {
        interface: 5,
        kind,
        handle,
    }
}

/// Of the VF's interface, which is the fifth.
fn answers(up: bool, xdp: bool) -> Answers {
    let link = Link {
        index: 5,
        up,
        xdp,
        ..Link::default()
    };
    Answers {
        links: [(5, link)].into(),
        routes: [(5, vec!["10.0.0.0/8".to_owned()])].into(),
        ..Answers::default()
    }
}

fn host() -> Prepared {
    let host = Prepared::with_pf();
    let vf = host.vf(0, "igbvf");
    host.netdev(&format!("{vf}/net/ens1v0"), 5);
    host
}

fn found(host: &Prepared, answers: &mut Answers) -> BTreeSet<Holder> {
    let alone = holders_of(&host.tree, answers, pf(), VfIndex(0)).unwrap();
    for look in [
        Look::WithHolders,
        Look::WithHoldersOf(VfIndex(0)),
        Look::Asking,
    ] {
        let seen = observe(&host.tree, answers, pf(), look).unwrap().unwrap();
        let by_vf = seen.holders.unwrap();
        assert_eq!(by_vf.get(&VfIndex(0)).cloned().unwrap_or_default(), alone);
    }
    alone
}

#[test]
fn each_sign_is_a_holder() {
    let is = |host: &Prepared, mut answers: Answers, holder: Holder| {
        assert_eq!(found(host, &mut answers), [holder].into());
    };
    let host = host();
    assert_eq!(found(&host, &mut answers(false, false)), BTreeSet::new());
    let to = "10.0.0.0/8".to_owned();
    is(&host, answers(true, false), Holder::Route { to });
    is(&host, answers(false, true), Holder::Xdp);
    let mut filtered = answers(false, false);
    filtered.disciplines = vec![discipline(0, "mq"), discipline(0xffff_0000, "clsact")];
    let discipline = "clsact".to_owned();
    is(&host, filtered, Holder::TrafficControl { discipline });
    let sockets = |interface: u32| {
        let text = format!(
            "sk       RefCnt Type Proto  Iface R Rmem   User   Inode\n\
             00000000 3      3    0003   0     1 0      0      100\n\
             00000000 3      3    0003   {interface}     1 0      0      101\n"
        );
        host.file("proc/self/net/packet", &text);
    };
    sockets(6);
    assert_eq!(found(&host, &mut answers(false, false)), BTreeSet::new());
    sockets(5);
    is(&host, answers(false, false), Holder::PacketSocket);
}

#[test]
fn an_rdma_device_is_in_use_while_a_program_has_a_context() {
    let host = host();
    let vf = pci(&vf_address(0).to_string());
    host.directory(&format!("{vf}/infiniband/mlx5_3"));
    let mut answers = answers(false, false);
    assert_eq!(found(&host, &mut answers), BTreeSet::new());
    answers.rdma_contexts = [("mlx5_3".to_owned(), 1)].into();
    let device = "mlx5_3".to_owned();
    assert_eq!(found(&host, &mut answers), [Holder::Rdma { device }].into());
}

/// That stands on the netdev, and not below the function.
#[test]
fn so_is_one_that_software_makes_of_the_netdev() {
    let host = host();
    host.file("sys/class/infiniband/rxe0/parent", "ens1v0\n");
    host.file("sys/class/infiniband/rxe1/parent", "ens1\n");
    host.directory("sys/class/infiniband/mlx5_3");
    let mut answers = answers(false, false);
    let users = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 1)).collect();
    answers.rdma_contexts = users(&["rxe1", "mlx5_3"]);
    assert_eq!(found(&host, &mut answers), BTreeSet::new());
    answers.rdma_contexts = users(&["rxe0"]);
    let device = "rxe0".to_owned();
    assert_eq!(found(&host, &mut answers), [Holder::Rdma { device }].into());
}
