//! How origins are shown, and what JSON has of them.

use super::*;
use serde_json::json;

#[test]
fn each_kind_reads_as_people_name_it_and_survives_json() {
    let put = |origin: Option<&str>| Origin::Source {
        source: "kube".parse().unwrap(),
        origin: origin.map(str::to_owned),
    };
    let words = "SriovNetworkNodePolicy sriov-system/policy-1";
    let cases = [
        (
            Origin::File {
                file: "/etc/sriov.d/a.toml".into(),
                line: 3,
            },
            "/etc/sriov.d/a.toml:3",
            json!({"file": "/etc/sriov.d/a.toml", "line": 3}),
        ),
        (
            put(Some(words)),
            "SriovNetworkNodePolicy sriov-system/policy-1 (source kube)",
            json!({"source": "kube", "origin": words}),
        ),
        (put(None), "source kube", json!({"source": "kube"})),
    ];
    for (origin, shown, json) in cases {
        assert_eq!(origin.to_string(), shown);
        assert_eq!(serde_json::to_value(&origin).unwrap(), json);
        assert_eq!(serde_json::from_value::<Origin>(json).unwrap(), origin);
    }
}
