//! What kubelet has allocated: recorded before the answer, or refused with a sentence.

use crate::api::peer::Peer;
use crate::api::tests::daemon::{Daemon, ROOMY};
use serde_json::{Value, json};
use sriovd_core::report::Status;
use sriovd_sim::SimHost;
use sriovd_wire::kubelet::ALLOCATIONS;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

const VF: &str = "0000:01:10.1";

impl Daemon {
    fn record(&self) -> PathBuf {
        self.root().join("var/lib/sriovd/kubelet").join(VF)
    }

    /// The status, and the detail or what is allocated.
    async fn tell(&self, method: &str, body: &Value) -> (u16, Value) {
        let (status, _, answer) = self.ask(method, ALLOCATIONS, &body.to_string()).await;
        let told = match status {
            200 => &answer["allocations"],
            _ => &answer["detail"],
        };
        (status, told.clone())
    }
}

/// With a VF in sysfs.
fn daemon() -> Daemon {
    let daemon = Daemon::start(ROOMY);
    let device = daemon.root().join("sys/bus/pci/devices").join(VF);
    fs::create_dir_all(device.join("physfn")).unwrap();
    daemon
}

#[tokio::test]
async fn what_was_answered_is_on_disk_until_kubelet_has_it_no_more() {
    let daemon = daemon();
    assert_eq!(daemon.tell("GET", &Value::Null).await, (200, json!([])));
    let allocate = json!({ "resource": "sriovd.io/fast", "vfs": [VF] });
    let unnamed = json!([{ "vf": VF, "resource": "sriovd.io/fast" }]);
    for _again in 0..2 {
        let told = daemon.tell("POST", &allocate).await;
        assert_eq!(told, (200, unnamed.clone()));
        assert!(daemon.record().exists());
    }
    let container = json!({ "namespace": "shop", "pod": "till", "container": "main" });
    let named = json!([{ "vf": VF, "resource": "sriovd.io/fast", "container": container }]);
    let all = json!({ "allocations": named });
    assert_eq!(daemon.tell("PUT", &all).await, (200, named.clone()));
    assert_eq!(daemon.tell("GET", &Value::Null).await, (200, named));
    let none = daemon.tell("PUT", &json!({ "allocations": [] })).await;
    assert_eq!(none, (200, json!([])));
    assert!(!daemon.record().exists());
}

#[tokio::test]
async fn what_cannot_be_recorded_is_refused_with_a_sentence() {
    let daemon = daemon();
    let of = |vfs: &[&str]| json!({ "resource": "sriovd.io/fast", "vfs": vfs });
    let twice = json!({ "vf": VF, "resource": "sriovd.io/fast" });
    for (method, body, status, detail) in [
        ("POST", json!({}), 400, "missing field `resource`"),
        (
            "POST",
            json!({ "resource": "x" }),
            400,
            "missing field `vfs`",
        ),
        ("POST", of(&[]), 400, "name the VFs in \"vfs\""),
        ("POST", of(&["ens1"]), 400, "\"ens1\" is not a PCI address"),
        (
            "POST",
            json!({ "resource": "", "vfs": [VF] }),
            400,
            "\"resource\" is \"\": expected what a pod asks for, such as \"sriovd.io/fast\"",
        ),
        (
            "POST",
            of(&[VF, "0000:01:10.7"]),
            409,
            "there is no VF 0000:01:10.7 on this host any more",
        ),
        ("PUT", json!({}), 400, "missing field `allocations`"),
        (
            "PUT",
            json!({ "allocations": [twice, twice] }),
            400,
            "VF 0000:01:10.1 is there twice",
        ),
    ] {
        let (is, told) = daemon.tell(method, &body).await;
        let told = told.as_str().unwrap_or_default();
        assert_eq!(is, status, "{body}: {told}");
        assert!(told.contains(detail), "{body}: {told}");
    }
    assert!(!daemon.record().exists());
    // A record that cannot be written.
    let records = daemon.root().join("var/lib/sriovd");
    fs::create_dir_all(&records).unwrap();
    fs::write(records.join("kubelet"), "").unwrap();
    let (status, told) = daemon.tell("POST", &of(&[VF])).await;
    let told = told.as_str().unwrap();
    assert!(
        status == 500 && told.contains("var/lib/sriovd/kubelet"),
        "{status} {told}"
    );
}

#[tokio::test]
async fn only_who_may_change_things_tells_it() {
    let reader = |_: &_| Peer::Unknown;
    let host = Arc::new(SimHost::default());
    let daemon = Daemon::with(host, ROOMY, reader, Status::default());
    let allocate = json!({ "resource": "sriovd.io/fast", "vfs": [VF] });
    assert_eq!(daemon.tell("POST", &allocate).await.0, 403);
    let none = json!({ "allocations": [] });
    assert_eq!(daemon.tell("PUT", &none).await.0, 403);
    assert_eq!(daemon.tell("GET", &Value::Null).await.0, 200);
}
