//! Which news of the database are worth a look.

use super::*;
use std::os::unix::fs::FileTypeExt as _;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const PF: &str = "0000:01:00.0";

fn update(table: &str, row: &Value) -> Value {
    json!({"method": "update", "id": null, "params": ["bridges", {table: {"uuid": row}}]})
}

#[test]
fn what_is_ours_is_looked_at_and_what_another_program_makes_or_removes() {
    let ours = json!({"name": "x", "external_ids": ["map", [["sriovd", PF]]]});
    let theirs = json!({"name": "x", "external_ids": ["map", []]});
    let device = vec![Scope::Device(PF.parse().unwrap())];
    let all = vec![Scope::Bridges];
    for (message, scopes) in [
        (
            json!({"id": "bridges", "result": {}, "error": null}),
            all.clone(),
        ),
        (update("Port", &json!({"old": ours})), device.clone()),
        (
            update("Interface", &json!({"old": {"error": "gone"}, "new": ours})),
            device.clone(),
        ),
        // The mark itself was taken away.
        (
            update(
                "Bridge",
                &json!({"old": {"external_ids": ["map", [["sriovd", PF]]]}, "new": theirs}),
            ),
            device,
        ),
        (update("Bridge", &json!({"new": theirs})), all.clone()),
        (update("Port", &json!({"old": theirs})), all),
        (
            update(
                "Bridge",
                &json!({"old": {"ports": ["set", []]}, "new": theirs}),
            ),
            vec![],
        ),
        (update("Interface", &json!({"new": theirs})), vec![]),
        (
            update(
                "Open_vSwitch",
                &json!({"old": {}, "new": {"other_config": ["map", []]}}),
            ),
            vec![],
        ),
        (json!({"method": "update", "params": 7}), vec![]),
    ] {
        assert_eq!(concerned(&message), scopes, "{message}");
    }
}

#[tokio::test]
async fn it_connects_when_it_is_wanted_and_again_when_the_database_is_back() {
    let directory = tempfile::tempdir().unwrap();
    // Its directory is not there yet either.
    let socket = directory.path().join("openvswitch/db.sock");
    let (want, wanted) = watch::channel(false);
    let (triggers, mut triggered) = mpsc::channel(8);
    let source = tokio::spawn(BridgeEvents::new(socket.clone(), wanted).run(triggers));
    for _ in 0..2 {
        want.send_replace(true);
        tokio::task::yield_now().await;
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        assert!(std::fs::metadata(&socket).unwrap().file_type().is_socket());
        // The one that only looks whether somebody is there, and the one that stays.
        drop(listener.accept().await.unwrap());
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 4096];
        let count = peer.read(&mut bytes).await.unwrap();
        let asked: Value = serde_json::from_slice(&bytes[..count]).unwrap();
        assert_eq!(asked["method"], "monitor");
        peer.write_all(b"{\"method\":\"echo\",\"id\":\"e\",\"params\":[]}")
            .await
            .unwrap();
        let count = peer.read(&mut bytes).await.unwrap();
        let answered: Value = serde_json::from_slice(&bytes[..count]).unwrap();
        assert_eq!(answered["id"], "e");
        peer.write_all(b"{\"id\":\"bridges\",\"result\":{},\"error\":null}")
            .await
            .unwrap();
        let told = triggered.recv().await.unwrap();
        assert_eq!((told.scope, told.cause), (Scope::Bridges, Cause::Bridges));
        std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
        drop((peer, listener));
        let told = timeout(Duration::from_secs(10), triggered.recv())
            .await
            .unwrap();
        assert_eq!(told.unwrap().scope, Scope::Bridges, "that it is gone");
    }
    source.abort();
}
