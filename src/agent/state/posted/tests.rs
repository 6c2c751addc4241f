//! All of it, once, in its order; what is not in order stays where it is.

use super::*;

const FIRST: &str = "# Asked for.\n[[policy]]\nname = \"z\"\nresource = \"z\"\nnum_vfs = 2\nmatch.pf_name = [\"eth3\"]\n";
const NETWORK: &str = "[[network]]\nname = \"a\"\nresource = \"z\"\nconfig = '{\"type\":\"sriov\",\"vlan\":5,\"x\":null,\"r\":0.5}'\n";

fn second() -> String {
    FIRST.replace('z', "b")
}

fn state_dir(files: &[(&str, &str)]) -> tempfile::TempDir {
    let state = tempfile::tempdir().unwrap();
    fs::create_dir(state.path().join(POSTED)).unwrap();
    for (name, text) in files {
        fs::write(state.path().join(POSTED).join(name), text).unwrap();
    }
    state
}

fn source(state: &Path) -> Value {
    let text = fs::read_to_string(state.join("sources.d/vf-operator.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap()).collect()
}

fn files(state: &Path) -> Vec<String> {
    let entries = fs::read_dir(state.join(POSTED)).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn files_become_items_in_the_order_in_which_they_were_posted() {
    let state = state_dir(&[
        ("resource.0000000002.b.toml", &second()),
        ("resource.0000000001.z.toml", FIRST),
        ("resource-old.toml", &FIRST.replace('z', "old")),
        ("network-a.toml", NETWORK),
        (".sriovd-x.tmp", "half"),
    ]);
    assert_eq!(take_over(state.path()).unwrap(), 4);
    let source = source(state.path());
    assert_eq!(names(&source["policy"]), ["old", "z", "b"]);
    let network = &source["network"][0];
    assert_eq!(
        network["config"],
        "{\"type\":\"sriov\",\"vlan\":5,\"x\":null,\"r\":0.5}"
    );
    assert!(
        files(state.path())
            .iter()
            .all(|name| !name.ends_with(".toml"))
    );
    assert_eq!(take_over(state.path()).unwrap(), 0);
}

#[test]
fn what_is_in_the_source_already_is_later_and_stays_as_it_is() {
    let kept = r#"{"policy":[{"name":"b","resource":"b","num_vfs":7,"match":{"pf_name":"eth3"}}],"network":[]}"#;
    let state = state_dir(&[
        ("resource.0000000001.z.toml", FIRST),
        ("resource.0000000002.b.toml", &second()),
    ]);
    fs::create_dir(state.path().join(SOURCES)).unwrap();
    fs::write(state.path().join("sources.d/vf-operator.json"), kept).unwrap();
    assert_eq!(take_over(state.path()).unwrap(), 2);
    let source = source(state.path());
    assert_eq!(names(&source["policy"]), ["z", "b"]);
    assert_eq!(source["policy"][1]["num_vfs"], 7);
}

#[test]
fn what_is_not_in_order_stays() {
    let state = state_dir(&[
        ("network-a.toml", NETWORK),
        (
            "resource-x.toml",
            "[[policy]]\nname = \"x\"\ntrsut = true\n",
        ),
        ("resource-y.toml", "[[policy"),
    ]);
    assert_eq!(take_over(state.path()).unwrap(), 1);
    assert_eq!(
        files(state.path()),
        [
            "network-a.toml.taken-over",
            "resource-x.toml",
            "resource-y.toml"
        ]
    );
    assert_eq!(names(&source(state.path())["network"]), ["a"]);
}

#[test]
fn a_source_that_cannot_be_read_is_left_alone_and_the_files_too() {
    let state = state_dir(&[("network-a.toml", NETWORK)]);
    fs::create_dir(state.path().join(SOURCES)).unwrap();
    let newer = "{\"version\": 2}";
    fs::write(state.path().join("sources.d/vf-operator.json"), newer).unwrap();
    let error = take_over(state.path()).unwrap_err().to_string();
    assert!(error.contains("version"), "{error}");
    assert_eq!(files(state.path()), ["network-a.toml"]);
    let text = fs::read_to_string(state.path().join("sources.d/vf-operator.json")).unwrap();
    assert_eq!(text, newer);
}

#[test]
fn nothing_posted_is_nothing_to_do() {
    let state = tempfile::tempdir().unwrap();
    assert_eq!(take_over(state.path()).unwrap(), 0);
    assert!(!state.path().join(SOURCES).exists());
}
