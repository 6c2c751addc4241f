//! `/v1/world`: the whole, and for a follower what changes of it, bounded for one that is slow.

use super::daemon::*;
use crate::api::View;
use crate::api::peer::Peer;
use sriovd_core::model::world::{World, WorldChange};
use sriovd_core::model::{Holder, PciAddress, VfIndex};
use sriovd_core::report::{KnownPf, Status};
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::UnixStream;

const FOLLOW: &[u8] = b"GET /v1/world HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n";

async fn follow(daemon: &Daemon) -> Lines<BufReader<UnixStream>> {
    let mut stream = daemon.connect().await;
    stream.write_all(FOLLOW).await.unwrap();
    BufReader::new(stream).lines()
}

async fn next(lines: &mut Lines<BufReader<UnixStream>>) -> WorldChange {
    loop {
        let line = lines.next_line().await.unwrap().expect("the end");
        if let Some(data) = line.strip_prefix("data: ") {
            return serde_json::from_str(data).unwrap();
        }
    }
}

/// The world has this PF, too, with so large a reason for not being as wanted.
fn add(daemon: &Daemon, slot: u16, reason: usize) {
    let address: PciAddress = format!("0000:99:{slot:02x}.0").parse().unwrap();
    let problem = sriovd_core::report::Problem {
        kind: sriovd_core::report::ProblemKind::Failed,
        vf: None,
        step: None,
        reason: "x".repeat(reason),
        hint: None,
    };
    let pf = KnownPf {
        address,
        seen: None,
        allocated: BTreeMap::new(),
        problems: vec![problem],
    };
    change(daemon, |pfs| drop(pfs.insert(address, Arc::new(pf))));
}

fn change(daemon: &Daemon, change: impl FnOnce(&mut BTreeMap<PciAddress, Arc<KnownPf>>)) {
    let before = View::clone(&daemon.view.borrow());
    let mut pfs = before.world.pfs().clone();
    change(&mut pfs);
    let world = before.world.next("as-set", false, pfs);
    let world = world.map_or_else(|| Arc::clone(&before.world), Arc::new);
    daemon.view.send_replace(Arc::new(View { world, ..before }));
}

#[tokio::test]
async fn the_world_says_of_each_vf_what_it_is_for_and_what_has_it() {
    let host = SimHost::default();
    host.plug(SimPf::new(pf(), DriverModel::IGB));
    host.set_num_vfs_by_hand(pf(), 2);
    let network = "blue".to_owned();
    let container = "web".to_owned();
    let holder = Holder::Container { container, network };
    host.hold(pf(), VfIndex(1), holder.clone());
    let daemon = Daemon::with(Arc::new(host), ROOMY, Peer::of, Status::default());
    let (status, kind, body) = daemon.ask("GET", "/v1/world", "").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    let world: World = serde_json::from_value(body).unwrap();
    assert_eq!((world.generation, world.node.as_str()), (1, "as-set"));
    let pf = &world.pfs()[&pf()];
    assert_eq!((pf.vfs_wanted, pf.policies[0].as_str()), (3, "few"));
    assert_eq!(pf.device.as_ref().unwrap().vfs_possible, 7);
    let pools = pf.vfs.iter().map(|vf| vf.claim.as_ref()?.pool.as_ref());
    assert!(pools.eq([Some(&"few".parse().unwrap()); 2]));
    assert!(pf.vfs[0].holders.is_empty());
    assert!(pf.vfs[1].holders.contains(&holder));
}

#[tokio::test]
async fn a_follower_gets_the_whole_and_then_what_changes() {
    let daemon = Daemon::start(ROOMY);
    let (mut one, mut two) = (follow(&daemon).await, follow(&daemon).await);
    let mut known = World::default();
    for lines in [&mut one, &mut two] {
        let whole = next(lines).await;
        assert!(whole.whole && whole.pfs.len() == 1, "{whole:?}");
        known = World::default();
        known.follow(whole);
    }
    add(&daemon, 1, 1);
    let change_of_one = next(&mut one).await;
    assert_eq!((change_of_one.generation, change_of_one.pfs.len()), (2, 1));
    known.follow(change_of_one);
    // A value that says the same is no news, nor is anything beside the world.
    add(&daemon, 1, 1);
    daemon.view.send_modify(|view| {
        let status = Arc::default();
        *view = Arc::new(View {
            status,
            ..View::clone(view)
        });
    });
    let news = tokio::time::timeout(Duration::from_millis(100), next(&mut one));
    assert!(news.await.is_err());
    change(&daemon, |pfs| drop(pfs.remove(&pf())));
    let gone = next(&mut one).await;
    assert_eq!((gone.pfs.len(), &gone.gone[..]), (0, &[pf()][..]));
    known.follow(gone);
    let (_, _, now) = daemon.ask("GET", "/v1/world", "").await;
    assert_eq!(serde_json::from_value::<World>(now).unwrap(), known);
}

#[tokio::test]
async fn one_that_reads_slowly_gets_fewer_changes_and_all_that_holds_at_last() {
    let daemon = Daemon::start(ROOMY);
    let mut lines = follow(&daemon).await;
    let mut known = World::default();
    known.follow(next(&mut lines).await);
    // More than the sockets hold.
    for round in 0..400 {
        add(&daemon, round % 4, 64 * 1024 + usize::from(round));
        tokio::task::yield_now().await;
    }
    let last = daemon.view.borrow().world.generation;
    let mut changes = 0;
    while known.generation < last {
        known.follow(next(&mut lines).await);
        changes += 1;
    }
    assert!(changes < 400, "{changes}");
    let (_, _, now) = daemon.ask("GET", "/v1/world", "").await;
    assert_eq!(serde_json::from_value::<World>(now).unwrap(), known);
}

#[tokio::test]
async fn one_that_does_not_read_loses_its_place() {
    let host = Arc::new(SimHost::default());
    let daemon = Daemon::with(host, BRIEF, Peer::of, Status::default());
    add(&daemon, 1, 8 << 20);
    let mut slow = daemon.connect().await;
    slow.write_all(FOLLOW).await.unwrap();
    // The only place there is becomes free.
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.unwrap();
    assert!(rest.len() < 8 << 20, "{}", rest.len());
}
