//! kubelet's directory as kubelet 1.37 leaves it.

use super::*;
use tempfile::TempDir;

/// Without the answers to `Allocate`, which are of no concern.
const CHECKPOINT: &str = r#"{"Data":{"PodDeviceEntries":[
  {"PodUID":"u1","ContainerName":"box","ResourceName":"sriovd.io/fast","DeviceIDs":{"-1":["0000:01:10.0"]},"AllocResp":"Cg=="},
  {"PodUID":"u2","ContainerName":"box","ResourceName":"sriovd.io/fast","DeviceIDs":{"0":["0000:01:10.1"],"1":["0000:09:10.0"]},
   "AllocResp":"Cg=="},
  {"PodUID":"u3","ContainerName":"box","ResourceName":"example.com/gpu","DeviceIDs":{"0":["gpu-0"]},"AllocResp":"Cg=="}],
  "RegisteredDevices":{"sriovd.io/fast":["0000:01:10.0"]}},"Checksum":2930271432}"#;

fn made(checkpoint: Option<&str>) -> (TempDir, Pods) {
    let directory = TempDir::new().unwrap();
    let pods = Pods::new(directory.path().to_owned());
    if let Some(text) = checkpoint {
        fs::create_dir(directory.path().join("device-plugins")).unwrap();
        fs::write(pods.checkpoint().to_string(), text).unwrap();
    }
    (directory, pods)
}

#[test]
fn what_kubelet_gave_away_is_read_of_its_checkpoint() {
    let (directory, pods) = made(Some(CHECKPOINT));
    for uid in ["u1", "u3"] {
        fs::create_dir_all(directory.path().join("pods").join(uid)).unwrap();
    }
    let found = pods.on_disk().unwrap();
    assert_eq!(found.directories, ["u1", "u3"].map(str::to_owned).into());
    let given = |pod: &str, vf: &str| Given {
        pod: pod.to_owned(),
        resource: "sriovd.io/fast".to_owned(),
        vf: vf.parse().unwrap(),
    };
    let expected = [
        given("u1", "0000:01:10.0"),
        given("u2", "0000:01:10.1"),
        given("u2", "0000:09:10.0"),
    ];
    assert_eq!(found.given.unwrap(), expected);
}

#[test]
fn a_checkpoint_that_is_not_there_or_empty_is_none_and_another_one_is_not_understood() {
    let none = Some(Vec::new());
    let empty = r#"{"Data":{"PodDeviceEntries":null,"RegisteredDevices":{}},"Checksum":1}"#;
    for (text, given) in [
        (None, none.clone()),
        (Some(empty), none),
        (Some(""), None),
        (Some("{}"), None),
        (
            Some(r#"{"Data":{"PodDeviceEntries":[{"UID":"u1"}]}}"#),
            None,
        ),
    ] {
        let (_directory, pods) = made(text);
        assert_eq!(pods.on_disk().unwrap().given, given, "{text:?}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let (directory, pods) = made(Some("{}"));
    fs::remove_file(pods.checkpoint().to_string()).unwrap();
    fs::create_dir(pods.checkpoint().to_string()).unwrap();
    assert!(pods.on_disk().is_err());
    let (other, pods) = made(None);
    fs::write(other.path().join("pods"), "").unwrap();
    assert!(pods.on_disk().is_err());
    drop(directory);
}
