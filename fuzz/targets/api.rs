//! Any bytes on the API's socket, from somebody who may change things: answered as HTTP or not at all, never with an error of
//! ours, and what reaches the daemon makes sense.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sriovd_agent::api::{self, Feed, Kubelet, Limits, PauseScope, Request, Sources, State, View};
use sriovd_agent::load::{self, LastGood, Trust};
use sriovd_core::host::{Host, Look};
use sriovd_core::memory::Memory;
use sriovd_core::model::world::World;
use sriovd_core::model::{PciAddress, Timestamp};
use sriovd_core::policy::resolve::Resolution;
use sriovd_core::policy::source::SourceReport;
use sriovd_core::report::{Happening, KnownPf, PfReport, Seen, Status};
use sriovd_host::file::apart::Apart;
use sriovd_sim::{DriverModel, SimHost, SimPf};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const LIMITS: Limits = Limits {
    connections: 1,
    // All that will ever come is there at once.
    patience: Duration::from_millis(2),
    look: Duration::from_secs(10),
};

/// Longer than any pause with an end.
const LATER: Duration = Duration::from_secs(367 * 24 * 60 * 60);

/// What comes later than this does not come.
const TIME: Duration = Duration::from_secs(5);

static PF: LazyLock<PciAddress> = LazyLock::new(|| "0000:3b:00.0".parse().expect("an address"));

/// What is put here stays for the inputs that come later.
static OWN: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("sriovd-fuzz-{}", std::process::id())));

fuzz_target!(|bytes: &[u8]| {
    runtime().block_on(async {
        let host = SimHost::default();
        host.plug(SimPf::new(*PF, DriverModel::IGB));
        let report = PfReport {
            interface: Some("ens59".to_owned()),
            ..PfReport::unseen(*PF)
        };
        let status = Status {
            pfs: vec![report],
            ..Status::default()
        };
        let view = View {
            world: Arc::new(world(&host)),
            status: Arc::new(status),
            ..View::default()
        };
        let (told, view) = watch::channel(Arc::new(view));
        let (requests, asked) = mpsc::channel(4);
        let feed = Feed::new().expect("its counters have different names");
        let state = State {
            view,
            host: Arc::new(host),
            memory: Arc::new(Memory::default()),
            requests,
            feed: feed.clone(),
            admin_group: None,
            sources: Sources::new(OWN.join(load::SOURCES), Apart::default()),
            kubelet: Kubelet::new(OWN.clone(), Apart::default()),
        };
        let (client, server) = tokio::io::duplex(4096);
        let serve = api::serve_stream(server, state, LIMITS);
        let daemon = coordinate(asked, told);
        let talk = async {
            let answer = talk(client, bytes).await;
            // That who followed has hung up is seen with the next event at the latest.
            feed.tell(Happening::PassBegun {
                pf: *PF,
                trigger: String::new(),
            });
            answer
        };
        let all = async { tokio::join!(talk, daemon, serve).0 };
        let answer = timeout(TIME, all).await.expect("the connection is over");
        let said = String::from_utf8_lossy(&answer);
        let status = said.split(' ').nth(1).and_then(|it| it.parse().ok());
        let in_order = |status: u16| [100, 200].contains(&status) || (400..500).contains(&status);
        let is_answer = said.starts_with("HTTP/1.") && status.is_some_and(in_order);
        assert!(said.is_empty() || is_answer, "{said}");
    });
});

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("the kernel gives an event queue")
}

/// How `/v1/events` begins, and `/v1/world` as a stream.
const FOLLOWS: [&[u8]; 2] = [b"\n: events from here on\n", b"\ndata: {\"generation\""];

/// Says it all, and listens until there is no more to be heard; who follows events hangs up.
async fn talk(client: DuplexStream, bytes: &[u8]) -> Vec<u8> {
    let (mut listen, mut say) = split(client);
    // It may answer, and be gone, before it has read everything.
    let say = async { drop(say.write_all(bytes).await) };
    let listen = async {
        let mut answer = Vec::new();
        while listen
            .read_buf(&mut answer)
            .await
            .is_ok_and(|read| read > 0)
        {
            let has = |begun: &&[u8]| answer.windows(begun.len()).any(|part| part == *begun);
            if FOLLOWS.iter().any(has) {
                break;
            }
        }
        answer
    };
    tokio::pin!(say, listen);
    tokio::select! {
        answer = &mut listen => answer,
        () = &mut say => listen.await,
    }
}

/// What a pass would have seen.
fn world(host: &dyn Host) -> World<KnownPf> {
    let pf = host.observe(*PF, Look::Plain);
    let pf = pf.ok().flatten().into_iter();
    let pfs = pf.map(|pf| {
        let seen = Seen {
            pf,
            resolution: Resolution::Unmatched,
            problems: Vec::new(),
        };
        let known = KnownPf {
            address: *PF,
            seen: Some(Arc::new(seen)),
            allocated: BTreeMap::new(),
            problems: Vec::new(),
        };
        (*PF, Arc::new(known))
    });
    let world = World::default().next("", false, pfs.collect());
    world.unwrap_or_default()
}

/// As the daemon reads them.
fn sources() -> Vec<SourceReport> {
    let nothing = LastGood::default();
    let loaded = load::load(
        Path::new("/"),
        &[OWN.join(load::SOURCES)],
        Trust::WarnOnly,
        &nothing,
    );
    loaded.sources
}

/// In the daemon's place, until the connection is over.
async fn coordinate(mut requests: mpsc::Receiver<Request>, view: watch::Sender<Arc<View>>) {
    let known = |pfs: &[PciAddress]| assert!(pfs.iter().all(|pf| *pf == *PF), "{pfs:?}");
    let known_scope = |scope: &PauseScope| match scope {
        PauseScope::All => {}
        PauseScope::Pfs(pfs) => {
            assert!(!pfs.is_empty(), "all PFs by naming none");
            known(pfs);
        }
    };
    while let Some(request) = requests.recv().await {
        match request {
            Request::Apply {
                pfs,
                by_name,
                force,
                done,
                ..
            } => {
                known(&pfs);
                assert!(by_name || !force, "force for PFs that nobody named");
                drop(done.send(Vec::new()));
            }
            Request::Pause { scope, pause, done } => {
                known_scope(&scope);
                let now = api::since_1970();
                assert!(!pause.is_over(Timestamp::at(now)), "{pause}");
                let ends = pause
                    .until
                    .is_none_or(|until| until <= Timestamp::at(now + LATER));
                assert!(ends, "{pause}");
                drop(done.send(Ok(())));
            }
            Request::Resume { scope, done, .. } => {
                known_scope(&scope);
                drop(done.send(Ok(())));
            }
            Request::Reload { done, .. } => {
                let sources = Arc::new(sources());
                view.send_modify(|view| Arc::make_mut(view).sources = sources);
                let _ = done.send(());
            }
            Request::Settle { done } => drop(done.send(())),
        }
    }
}
