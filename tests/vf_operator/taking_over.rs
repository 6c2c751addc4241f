//! Several resources for one NIC, and what the host refuses.

use crate::host::{Host, PF};
use serde_json::{Value, json};
use sriovd_core::model::{Holder, VfIndex};

const RESOURCES: &str = "/api/v1/config/resources";
const ATTACHMENTS: &str = "/api/v1/config/networkattachments";

fn resource(name: &str, num_vfs: u32) -> String {
    json!({"name": name, "numVfs": num_vfs, "nicSelector": {"pfNames": ["eth3"]}}).to_string()
}

fn devices(host: &Host, name: &str) -> Value {
    let (status, resource) = host.ask("GET", &format!("/api/v1/resources/{name}"), "");
    assert_eq!(status, 200, "{resource}");
    resource["spec"]["devices"].clone()
}

#[test]
fn of_two_resources_for_one_nic_the_last_posted_holds() {
    let host = Host::start();
    for (name, others) in [("m", ["b", "z"]), ("z", ["b", "m"]), ("b", ["m", "z"])] {
        let (status, made) = host.ask("POST", RESOURCES, &resource(name, 3));
        assert_eq!(
            (status, &made["spec"]["devices"]),
            (200, &json!([PF])),
            "{made}"
        );
        assert_eq!(host.pools(), [name]);
        for other in others {
            let (status, _) = host.ask("GET", &format!("{RESOURCES}/{other}"), "");
            assert!(status == 404 || devices(&host, other) == json!([]));
        }
    }
    // The one before it holds again.
    assert_eq!(host.ask("DELETE", &format!("{RESOURCES}/b"), "").0, 200);
    assert_eq!(devices(&host, "z"), json!([PF]));
    assert_eq!(devices(&host, "m"), json!([]));
    // Posted anew it is the last.
    assert_eq!(host.ask("DELETE", &format!("{RESOURCES}/m"), "").0, 200);
    assert_eq!(host.ask("POST", RESOURCES, &resource("m", 2)).0, 200);
    assert_eq!(devices(&host, "m"), json!([PF]));
}

#[test]
fn what_the_host_refuses_is_not_posted_and_takes_nothing_away() {
    let host = Host::start();
    assert_eq!(host.ask("POST", RESOURCES, &resource("first", 4)).0, 200);
    let attachment = json!({"name": "a", "resourceName": "first", "config": {"type": "sriov"}});
    assert_eq!(
        host.ask("POST", ATTACHMENTS, &attachment.to_string()).0,
        200
    );
    let answer = || host.ask("GET", "/api/v1/networkattachments/a", "");
    let before = (host.posted(), answer());
    let pf = PF.parse().unwrap();
    let netns = Holder::Namespace {
        name: Some("blue".to_owned()),
    };
    host.happens(|sim| sim.hold(pf, VfIndex(1), netns));

    let other = |name: &str, device_type: &str, num_vfs: u32| {
        let selector = json!({"pfNames": ["eth3"]});
        let body = json!({
            "name": name, "numVfs": num_vfs, "deviceType": device_type, "nicSelector": selector
        });
        host.ask("POST", RESOURCES, &body.to_string())
    };
    for (device_type, num_vfs, why) in [
        ("netdevice", 2, "blue"),
        ("vfio-pci", 4, "blue"),
        ("netdevice", 100, "100"),
    ] {
        let (status, refusal) = other("second", device_type, num_vfs);
        assert_eq!((status, &refusal["code"]), (400, &json!(9)), "{refusal}");
        let message = refusal["message"].as_str().unwrap();
        let start = format!("resource id=second is refused on {PF}: ");
        assert!(
            message.starts_with(&start) && message.contains(why),
            "{message}"
        );
        assert_eq!((host.posted(), answer()), before);
        assert_eq!(host.pools(), ["first"]);
    }
    host.happens(|sim| sim.release(pf, VfIndex(1)));
    let (status, made) = other("second", "netdevice", 2);
    assert_eq!(
        (status, &made["spec"]["devices"]),
        (200, &json!([PF])),
        "{made}"
    );
    assert_eq!(host.pools(), ["second"]);
}

#[test]
fn an_attachment_waits_for_a_nic_that_is_not_there_yet() {
    let host = Host::start();
    let pf = PF.parse().unwrap();
    host.happens(|sim| drop(sim.unplug(pf)));
    let (status, made) = host.ask("POST", RESOURCES, &resource("later", 1));
    assert_eq!(
        (status, &made["spec"]["devices"]),
        (200, &json!([])),
        "{made}"
    );
    let attachment = |name: &str, pool: &str| {
        let attachment = json!({"name": name, "resourceName": pool, "config": {"type": "sriov"}});
        host.ask("POST", ATTACHMENTS, &attachment.to_string())
    };
    assert_eq!(attachment("a", "later"), (200, json!({})));
    let device = || {
        let (status, answered) = host.ask("GET", "/api/v1/networkattachments/a", "");
        assert_eq!(status, 200, "{answered}");
        answered["config"]["deviceID"].clone()
    };
    assert_eq!(device(), Value::Null);
    host.happens(crate::host::plug);
    assert!(device().is_string());
    // Now it is known that there are no more.
    assert_eq!(attachment("b", "later").0, 429);
    // There will never be any.
    assert_eq!(host.ask("POST", RESOURCES, &resource("none", 0)).0, 200);
    assert_eq!(attachment("b", "none").0, 429);
}

/// What an administrator writes later under a name that was posted: the posted one gives way, and everything else goes on.
#[test]
fn a_name_that_an_administrator_takes_later_is_no_obstacle_for_others() {
    let host = Host::start();
    assert_eq!(host.ask("POST", RESOURCES, &resource("a", 2)).0, 200);
    host.write_policy(
        "[[policy]]\nname = \"a\"\nresource = \"own\"\nnum_vfs = 1\nmatch.pf_name = \"eth3\"\n",
    );
    host.happens(|_| ());
    assert_eq!(host.pools(), ["own"]);
    let bridge = json!({"name": "tn", "config": {"type": "bridge"}}).to_string();
    assert_eq!(host.ask("POST", ATTACHMENTS, &bridge), (200, json!({})));
    assert_eq!(host.posted(), ["policy a", "network tn"]);
    assert_eq!(host.ask("DELETE", &format!("{RESOURCES}/a"), "").0, 200);
    assert_eq!(host.posted(), ["network tn"]);
}

/// Of two programs the one that posts here is the weaker, whatever the other is called.
#[test]
fn every_other_source_is_stronger_and_keeps_its_names() {
    let host = Host::start();
    assert_eq!(host.ask("POST", RESOURCES, &resource("mine", 3)).0, 200);
    for source in ["a-cluster", "z-cluster"] {
        let policy = json!({
            "name": "mine", "resource": "cluster", "num_vfs": 2, "match": {"pf_name": "eth3"}
        });
        let file = host.sources_dir().join(format!("{source}.json"));
        std::fs::write(
            &file,
            json!({"policy": [policy], "network": []}).to_string(),
        )
        .unwrap();
        host.happens(|_| ());
        assert_eq!(host.pools(), ["cluster"], "{source}");
        std::fs::remove_file(&file).unwrap();
        host.happens(|_| ());
        assert_eq!(host.pools(), ["mine"], "{source}");
    }
}

/// What is kept and cannot be read is there all the same: nothing is posted over it.
#[test]
fn a_source_that_cannot_be_read_is_not_written_over() {
    let host = Host::start();
    assert_eq!(host.ask("POST", RESOURCES, &resource("a", 2)).0, 200);
    let broken = "{\"policy\": [";
    std::fs::write(host.source_file(), broken).unwrap();
    host.happens(|_| ());
    let (status, refusal) = host.ask("POST", RESOURCES, &resource("b", 2));
    assert_eq!((status, &refusal["code"]), (500, &json!(13)), "{refusal}");
    assert_eq!(host.ask("GET", RESOURCES, "").0, 500);
    let kept = std::fs::read_to_string(host.source_file()).unwrap();
    assert_eq!(kept, broken);
}
