//! The API over a real socket, with a coordinator that only writes down what it is asked for.

mod daemon;
mod events;
mod kubelet;
mod metrics;
mod openapi;
mod page;
mod pause;
mod sources;
mod tls;
mod world;

use super::bind;
use super::context::Api;
use super::peer::Peer;
use super::server::serve_with;
use super::*;
use daemon::*;
use serde_json::json;
use sriovd_core::host::{Host, HostError, Look};
use sriovd_core::model::{Action, Node, PciAddress, PfSnapshot};
use sriovd_core::report::Status;
use sriovd_host::file::apart::Apart;
use sriovd_sim::SimHost;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

#[tokio::test]
async fn who_may_change_is_root_and_the_daemon_itself() {
    let me = rustix::process::geteuid().as_raw();
    let gid = rustix::process::getegid().as_raw();
    let user = |uid, gid| Peer::User { uid, gid };
    let stranger = me.max(1) + 1;
    assert!(user(0, stranger).may_change(None).await);
    assert!(user(me, stranger).may_change(None).await);
    assert!(!user(stranger, gid).may_change(None).await);
    assert!(!Peer::Unknown.may_change(Some("root")).await);
    let (ours, _theirs) = UnixStream::pair().unwrap();
    assert_eq!(Peer::of(&ours), user(me, gid));
}

#[tokio::test]
async fn a_user_is_known_by_name_and_not_by_group() {
    let daemon = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let (uid, gid) = (daemon.uid.as_raw(), daemon.gid.as_raw());
    assert!(
        Peer::User {
            uid,
            gid: 4_000_000
        }
        .is_user("daemon")
        .await
    );
    assert!(
        !Peer::User {
            uid: 4_000_000,
            gid
        }
        .is_user("daemon")
        .await
    );
    assert!(!Peer::User { uid, gid }.is_user("no-such-user").await);
    assert!(!Peer::Unknown.is_user("daemon").await);
}

#[tokio::test]
async fn members_of_the_admin_group_may_change_too() {
    let group = nix::unistd::Group::from_name("daemon").unwrap().unwrap();
    let (gid, uid) = (group.gid.as_raw(), 4_000_000);
    let may = async |gid, group| Peer::User { uid, gid }.may_change(Some(group)).await;
    assert!(may(gid, "daemon").await);
    assert!(!may(gid + 1, "daemon").await);
    assert!(!may(gid, "no-such-group").await);
    // Whose group it is only by the user database.
    let daemon = nix::unistd::User::from_name("daemon").unwrap().unwrap();
    let peer = Peer::User {
        uid: daemon.uid.as_raw(),
        gid: 4_000_000,
    };
    assert!(!peer.may_change(Some("root")).await);
}

#[tokio::test]
async fn what_is_can_be_read() {
    let daemon = Daemon::start(ROOMY);
    let (status, kind, body) = daemon.ask("GET", "/v1/status", "").await;
    assert_eq!((status, kind.as_str()), (200, "application/json"));
    assert_eq!(body["pfs"][0]["interface"], "ens59");

    let (status, _, body) = daemon.ask("GET", "/v1/snapshot", "").await;
    assert_eq!((status, &body["node"]["hostname"]), (200, &json!("as-set")));
    assert_eq!(body["pfs"][PF]["driver"], "igb");
    assert_eq!(body["pfs"][PF]["holders"], json!({}));

    let (status, _, body) = daemon.ask("GET", "/v1/plan", "").await;
    assert_eq!(
        (status, &body["pfs"][0]["policies"]),
        (200, &json!(["few"]))
    );
    assert_eq!(body["pfs"][0]["steps"][0]["text"], "numvfs 0 -> 3");
    assert_eq!(daemon.asked(), [""; 0]);
}

#[tokio::test]
async fn a_change_is_asked_for_in_the_name_of_the_peer() {
    let daemon = Daemon::start(ROOMY);
    let bodies = [
        "",
        "{}",
        r#"{"pfs": ["ens59"]}"#,
        r#"{"pfs": ["0000:3b:00.0"], "force": true}"#,
    ];
    for body in bodies {
        let (status, _, body) = daemon.ask("POST", "/v1/apply", body).await;
        assert_eq!((status, &body["pfs"][0]["address"]), (200, &json!(PF)));
    }
    assert_eq!(daemon.ask("POST", "/v1/reload", "null").await.0, 200);
    let me = me();
    let all = format!("apply {PF} named false force false by {me}");
    let calm = format!("apply {PF} named true force false by {me}");
    let forced = format!("apply {PF} named true force true by {me}");
    let reload = format!("reload by {me}");
    assert_eq!(daemon.asked(), [all.clone(), all, calm, forced, reload]);
}

#[tokio::test]
async fn every_mistake_is_answered_with_a_problem_object() {
    let daemon = Daemon::start(ROOMY);
    let large = format!(r#"{{"pfs": ["{}"]}}"#, "x".repeat(65 * 1024));
    let malformed = "the body is not what is expected here: ";
    let mistakes = [
        (
            "GET",
            "/",
            "",
            404,
            "there is nothing here; see /openapi.json",
        ),
        (
            "GET",
            "/v1/statu",
            "",
            404,
            "there is nothing here; see /openapi.json",
        ),
        ("POST", "/v1/status", "", 405, "POST is not for this path"),
        ("GET", "/v1/apply", "", 405, "GET is not for this path"),
        ("POST", "/v1/apply", "{", 400, malformed),
        ("POST", "/v1/apply", r#"{"pfs": "ens59"}"#, 400, malformed),
        ("POST", "/v1/apply", r#"{"pf": ["ens59"]}"#, 400, malformed),
        (
            "POST",
            "/v1/apply",
            &large,
            413,
            "the body is larger than 65536 bytes",
        ),
        (
            "POST",
            "/v1/apply",
            r#"{"force": true}"#,
            400,
            "force takes VFs away from their holders: name the PFs in \"pfs\"",
        ),
        (
            "POST",
            "/v1/apply",
            r#"{"pfs": ["ens60"]}"#,
            404,
            r#""ens60" is neither the address nor the interface of a PF here"#,
        ),
        (
            "POST",
            "/v1/apply",
            r#"{"pfs": ["ens59", "0000:3b:00.1"]}"#,
            404,
            r#""0000:3b:00.1" is neither the address nor the interface of a PF here"#,
        ),
    ];
    for (method, path, body, status, detail) in mistakes {
        let (answered, kind, problem) = daemon.ask(method, path, body).await;
        let shown = format!("{method} {path}: {problem}");
        assert_eq!(answered, status, "{shown}");
        assert_eq!(kind, "application/problem+json", "{shown}");
        assert_eq!(problem["status"], status, "{shown}");
        assert!(problem["title"].is_string(), "{shown}");
        let said = problem["detail"].as_str().expect(&shown);
        assert!(said.starts_with(detail), "{shown}");
    }
    assert_eq!(daemon.asked(), [""; 0]);
}

#[tokio::test]
async fn a_peer_who_may_only_read_changes_nothing() {
    let host = Arc::new(SimHost::default());
    let daemon = Daemon::with(host, ROOMY, a_stranger, Status::default());
    for path in ["/v1/apply", "/v1/reload", "/v1/pause", "/v1/resume"] {
        let (status, kind, problem) = daemon.ask("POST", path, "{}").await;
        assert_eq!((status, kind.as_str()), (403, "application/problem+json"));
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.ends_with(" may read; changing is for root"),
            "{detail}"
        );
    }
    assert_eq!(daemon.asked(), [""; 0]);
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
}

#[tokio::test]
async fn slow_clients_lose_their_place() {
    let daemon = Daemon::start(BRIEF);
    let beginnings = [
        "",
        "GET /v1/status HT",
        "GET /v1/status HTTP/1.1\r\nHost: x\r\n",
    ];
    for beginning in beginnings {
        let mut slow = daemon.connect().await;
        slow.write_all(beginning.as_bytes()).await.unwrap();
        // There is one place only.
        assert_eq!(
            daemon.ask("GET", "/v1/status", "").await.0,
            200,
            "{beginning:?}"
        );
        drop(slow);
    }
    let mut slow = daemon.connect().await;
    let head = "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let (status, _, problem) = answer(slow).await;
    assert_eq!(status, 408);
    assert_eq!(problem["detail"], "the body was not there within 0.2 s");
    assert_eq!(daemon.asked(), [""; 0]);
}

#[tokio::test]
async fn who_does_not_read_the_answer_loses_the_place_too() {
    let host = Arc::new(SimHost::default());
    let status = Status {
        summary: "x".repeat(8 << 20),
        ..Status::default()
    };
    let daemon = Daemon::with(host, BRIEF, Peer::of, status);
    let mut slow = daemon.connect().await;
    let head = b"GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    slow.write_all(head).await.unwrap();
    assert_eq!(daemon.ask("GET", "/v1/nothing", "").await.0, 404);
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).await.unwrap();
    assert!(bytes.len() < 8 << 20, "{}", bytes.len());
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let daemon = Daemon::start(ROOMY);
    let mut stream = daemon.connect().await;
    let head = format!("GET /v1/status HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
    let _ = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 431 "),
        "{text}"
    );
}

/// Its driver does not come back before it is let go.
struct Stuck(Mutex<std::sync::mpsc::Receiver<()>>);

impl Host for Stuck {
    fn node(&self) -> Result<Node, HostError> {
        Ok(Node::default())
    }
    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError> {
        let _ = self.0.lock().unwrap().recv();
        Ok(BTreeSet::new())
    }
    fn pf_of(&self, _: PciAddress) -> Result<Option<PciAddress>, HostError> {
        Ok(None)
    }
    fn observe(&self, _: PciAddress, _: Look) -> Result<Option<PfSnapshot>, HostError> {
        Ok(None)
    }
    fn apply(&self, _: &Action) -> Result<(), HostError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_driver_that_hangs_does_not_hang_the_api() {
    let (release, stuck) = std::sync::mpsc::channel();
    let host = Arc::new(Stuck(Mutex::new(stuck)));
    let daemon = Daemon::with(host, BRIEF, Peer::of, Status::default());
    for _ in 0..6 {
        let (status, _, problem) = daemon.ask("GET", "/v1/snapshot", "").await;
        assert_eq!(status, 504);
        let detail = "the host could not be looked at within 0.2 s";
        assert_eq!(problem["detail"], detail);
    }
    assert_eq!(daemon.ask("GET", "/v1/status", "").await.0, 200);
    drop(release);
}

#[tokio::test]
async fn a_daemon_that_stops_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("sriovd.sock");
    let (_sender, view) = tokio::sync::watch::channel(Arc::default());
    let (requests, _) = tokio::sync::mpsc::channel(1);
    let state = State {
        view,
        host: Arc::new(SimHost::default()),
        memory: Arc::new(sriovd_core::memory::Memory::default()),
        requests,
        feed: Feed::new().unwrap(),
        admin_group: None,
        sources: Sources::new(directory.path().join("sources.d"), Apart::default()),
        kubelet: Kubelet::new(directory.path().to_owned(), Apart::default()),
    };
    let api = Api::new(state, ROOMY);
    tokio::spawn(serve_with(bind(&socket).unwrap(), api, Peer::of));
    let mut stream = UnixStream::connect(&socket).await.unwrap();
    let head = b"POST /v1/reload HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let (status, _, problem) = answer(stream).await;
    assert_eq!(
        (status, &problem["detail"]),
        (503, &json!("the daemon is stopping"))
    );
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("new/sriovd.sock");
    drop(bind(&socket).unwrap());
    assert!(socket.exists());
    let _listener = bind(&socket).unwrap();
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    UnixStream::connect(&socket).await.unwrap();
}
