//! What the database says, what a change becomes for it, and what its answers mean.

use super::database::{Database, selects};
use super::transaction::{Rejection, Transaction};
use super::*;
use serde_json::{Value, json};

const PF: &str = "0000:01:00.0";

fn pf() -> PciAddress {
    PF.parse().unwrap()
}

fn name(name: &str) -> InterfaceName {
    name.parse().unwrap()
}

fn entries(pairs: &[(&str, &str)]) -> Entries {
    let pairs = pairs.iter();
    pairs
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn port(uuid: &str, name: &str, ids: &Value) -> (Value, Value) {
    (
        json!({"_uuid": ["uuid", format!("p-{uuid}")], "name": name,
            "interfaces": ["uuid", format!("i-{uuid}")], "external_ids": ["map", ids]}),
        json!({"_uuid": ["uuid", format!("i-{uuid}")], "name": name, "type": "", "mtu_request": ["set", []],
            "options": ["map", []], "external_ids": ["map", ids], "other_config": ["map", []],
            "ofport": 1, "error": ["set", []]}),
    )
}

/// Two bridges: ours with the uplink, a port that is lost and one of another program; and one of another program.
fn answers() -> Vec<Value> {
    let ours = json!([["sriovd", PF], ["owner", "me"]]);
    let none = json!([]);
    let mut ports = vec![
        port("local", "br0", &ours),
        port("uplink", "enp1s0", &ours),
        port("lost", "enp1s0r7", &ours),
        port("tap", "tap0", &none),
        port("other", "eth7", &none),
    ];
    ports[2].1["ofport"] = json!(-1);
    ports[2].1["error"] = json!("could not open network device enp1s0r7 (No such device)");
    ports[3].1["ofport"] = json!(["set", []]);
    let (ports, interfaces): (Vec<_>, Vec<_>) = ports.into_iter().unzip();
    let uuids = |names: &[&str]| -> Value {
        names
            .iter()
            .map(|it| json!(["uuid", format!("p-{it}")]))
            .collect()
    };
    let bridges = json!([
        {"_uuid": ["uuid", "b-0"], "name": "br0", "datapath_type": "netdev", "fail_mode": "secure",
            "ports": ["set", uuids(&["local", "uplink", "lost", "tap"])],
            "external_ids": ["map", ours], "other_config": ["map", []]},
        {"_uuid": ["uuid", "b-1"], "name": "br-int", "datapath_type": "", "fail_mode": ["set", []],
            "ports": uuids(&["other"])[0], "external_ids": ["map", []], "other_config": ["map", []]},
    ]);
    vec![
        json!({"rows": [{"_uuid": ["uuid", "root"], "other_config": ["map", [["hw-offload", "true"]]]}]}),
        json!({"rows": bridges}),
        json!({"rows": ports}),
        json!({"rows": interfaces}),
    ]
}

fn database() -> Database {
    Database::read(&answers()).unwrap()
}

#[test]
fn the_database_says_what_is_ours_and_what_is_not() {
    assert_eq!(selects().len(), answers().len());
    let seen = database().seen();
    assert!(seen.hw_offload);
    let ours = &seen.bridges["br0"];
    assert_eq!(ours.made_for, Some(pf()));
    assert_eq!(ours.keys.datapath_type.as_deref(), Some("netdev"));
    assert_eq!(ours.keys.fail_mode, Some(FailMode::Secure));
    let ports: Vec<_> = ours.ports.keys().map(String::as_str).collect();
    assert_eq!(
        ports,
        ["enp1s0", "enp1s0r7", "tap0"],
        "without the bridge's own"
    );
    assert_eq!(ours.ports_of_others().collect::<Vec<_>>(), ["tap0"]);
    assert!(ours.ports["enp1s0"].is_up_to_date && !ours.ports["tap0"].is_up_to_date);
    assert!(
        ours.ports["enp1s0r7"]
            .error
            .as_ref()
            .unwrap()
            .contains("No such device")
    );
    assert_eq!(seen.bridges["br-int"].made_for, None);
    assert_eq!(seen.bridge_of("eth7").unwrap().0, "br-int");
    assert_eq!(
        seen.made_for(pf())
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["br0"]
    );
}

#[test]
fn an_answer_of_another_form_is_an_error_and_not_an_empty_database() {
    for (table, key, value) in [
        (0, "rows", json!([])),
        (1, "rows", json!({})),
        (1, "/0/ports", json!(["set"])),
        (2, "/0/external_ids", json!(7)),
        (3, "/0/name", json!(null)),
    ] {
        let mut answers = answers();
        match key.strip_prefix("/0/") {
            Some(column) => answers[table]["rows"][0][column] = value,
            None => answers[table][key] = value,
        }
        assert!(Database::read(&answers).is_err(), "table {table}, {key}");
    }
    assert!(Database::read(&[]).is_err());
}

/// A row, or another part, of each operation that has one.
fn brief(transaction: &Transaction) -> Vec<String> {
    let brief = |operation: &Value| {
        let text = |key: &str| operation[key].as_str().unwrap_or_default().to_owned();
        let what = [
            &operation["rows"],
            &operation["row"]["name"],
            &operation["mutations"],
            &operation["row"],
        ];
        let what = what.into_iter().find(|it| !it.is_null());
        format!(
            "{} {} {}",
            text("op"),
            text("table"),
            what.unwrap_or(&json!(""))
        )
    };
    transaction.operations.iter().map(brief).collect()
}

#[test]
fn a_bridge_is_made_with_its_ports_in_one_transaction_behind_guards() {
    let mut change = BridgeChange::of(name("br1"));
    change.make = true;
    change.hw_offload = true;
    change.keys.datapath_type = Some("netdev".to_owned());
    change.keys.external_ids = entries(&[("owner", "me")]);
    let uplink = PortKeys {
        kind: Some("dpdk".to_owned()),
        mtu_request: Some(9000),
        options: entries(&[("dpdk-devargs", PF)]),
        ..PortKeys::default()
    };
    change.add.insert(name("enp1s0"), uplink);
    let transaction = Transaction::set(&database(), pf(), &change).unwrap();
    let told = brief(&transaction);
    let kinds: Vec<_> = told
        .iter()
        .map(|it| it.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        kinds,
        [
            "wait Bridge",
            "wait Port",
            "wait Interface",
            "insert Interface",
            "insert Port",
            "wait Port",
            "wait Interface",
            "insert Interface",
            "insert Port",
            "insert Bridge",
            "mutate Open_vSwitch",
            "comment ",
            "select Open_vSwitch"
        ]
    );
    for guard in transaction
        .operations
        .iter()
        .filter(|it| it["op"] == "wait")
    {
        assert_eq!(
            (&guard["timeout"], &guard["rows"]),
            (&json!(0), &json!([])),
            "{guard}"
        );
    }
    let interface = &transaction.operations[7]["row"];
    assert_eq!(interface["type"], "dpdk");
    assert_eq!(interface["mtu_request"], 9000);
    assert_eq!(interface["external_ids"], json!(["map", [["sriovd", PF]]]));
    let bridge = &transaction.operations[9]["row"];
    assert_eq!(
        bridge["external_ids"],
        json!(["map", [["owner", "me"], ["sriovd", PF]]])
    );
    assert_eq!(
        bridge["ports"],
        json!(["set", [["named-uuid", "port0"], ["named-uuid", "port1"]]])
    );
    let root = &transaction.operations[10];
    assert_eq!(root["where"], json!([["_uuid", "==", ["uuid", "root"]]]));
    assert_eq!(
        root["mutations"],
        json!([
            ["next_cfg", "+=", 1],
            ["bridges", "insert", ["set", [["named-uuid", "bridge"]]]],
            ["other_config", "delete", ["set", ["hw-offload"]]],
            ["other_config", "insert", ["map", [["hw-offload", "true"]]]],
        ])
    );
}

#[test]
fn a_bridge_is_changed_only_where_it_and_its_ports_are_ours() {
    let mut change = BridgeChange::of(name("br0"));
    change.keys.fail_mode = Some(FailMode::Standalone);
    change.keys.other_config = entries(&[("mac-table-size", "100")]);
    change.add.insert(name("enp1s0r0"), PortKeys::default());
    change.remove.insert("enp1s0r7".to_owned());
    let keys = PortKeys {
        mtu_request: Some(9000),
        ..PortKeys::default()
    };
    change.set.insert(name("enp1s0"), keys);
    let transaction = Transaction::set(&database(), pf(), &change).unwrap();
    let mark = json!(["external_ids", "includes", ["map", [["sriovd", PF]]]]);
    let marked = |it: &&Value| it["op"] == "wait" && it["where"][1] == mark;
    let guarded: Vec<_> = transaction.operations.iter().filter(marked).collect();
    let rows: Vec<_> = guarded.iter().map(|it| &it["where"][0][2][1]).collect();
    assert_eq!(rows, ["b-0", "p-lost", "p-uplink"]);
    let changed = transaction
        .operations
        .iter()
        .find(|it| it["op"] == "mutate")
        .unwrap();
    assert_eq!(
        changed["mutations"],
        json!([
            ["other_config", "delete", ["set", ["mac-table-size"]]],
            [
                "other_config",
                "insert",
                ["map", [["mac-table-size", "100"]]]
            ],
            ["ports", "insert", ["set", [["named-uuid", "port0"]]]],
            ["ports", "delete", ["set", [["uuid", "p-lost"]]]],
        ])
    );
    // What is another program's, or gone, is not touched.
    for foreign in ["tap0", "nosuch"] {
        let mut change = BridgeChange::of(name("br0"));
        change.remove.insert(foreign.to_owned());
        let refused = Transaction::set(&database(), pf(), &change).unwrap_err();
        assert!(
            matches!(refused, Rejection::Overtaken { .. }),
            "{foreign}: {refused}"
        );
    }
    for (bridge, of) in [("br-int", PF), ("nosuch", PF), ("br0", "0000:02:00.0")] {
        let mut change = BridgeChange::of(name(bridge));
        change.hw_offload = true;
        let refused = Transaction::set(&database(), of.parse().unwrap(), &change).unwrap_err();
        assert!(
            matches!(refused, Rejection::Overtaken { .. }),
            "{bridge} of {of}: {refused}"
        );
    }
}

#[test]
fn a_bridge_with_a_port_of_another_program_is_not_removed() {
    let refused = Transaction::remove(&database(), pf(), "br0").unwrap_err();
    assert_eq!(refused.to_string(), "bridge br0 is not as it was any more");
    let mut answers = answers();
    answers[1]["rows"][0]["ports"] = json!(["set", [["uuid", "p-local"], ["uuid", "p-uplink"]]]);
    let database = Database::read(&answers).unwrap();
    let transaction = Transaction::remove(&database, pf(), "br0").unwrap();
    let guards = transaction
        .operations
        .iter()
        .filter(|it| it["op"] == "wait");
    let ports = json!([{"ports": ["set", [["uuid", "p-local"], ["uuid", "p-uplink"]]]}]);
    assert!(
        guards.into_iter().any(|it| it["rows"] == ports),
        "none joins it meanwhile"
    );
    assert!(Transaction::remove(&database, pf(), "br-int").is_err());
}

#[test]
fn an_answer_counts_only_if_every_operation_did_what_it_should() {
    let mut change = BridgeChange::of(name("br0"));
    change.keys.fail_mode = Some(FailMode::Standalone);
    let transaction = Transaction::set(&database(), pf(), &change).unwrap();
    let good = || -> Vec<Value> {
        let answers = transaction
            .operations
            .iter()
            .map(|it| match it["op"].as_str() {
                Some("select") => json!({"rows": [{"next_cfg": 8}]}),
                Some("mutate" | "update") => json!({"count": 1}),
                _ => json!({}),
            });
        answers.collect()
    };
    assert_eq!(transaction.done(&good()), Ok(8));
    let place = |op: &str| {
        transaction
            .operations
            .iter()
            .position(|it| it["op"] == op)
            .unwrap()
    };

    let mut lost = good();
    lost[place("wait")] = json!({"error": "timed out", "details": "\"wait\" timed out"});
    let refused = transaction.done(&lost).unwrap_err();
    assert_eq!(refused.to_string(), "Bridge br0 is not as it was any more");

    let mut missed = good();
    missed[place("update")] = json!({"count": 0});
    let refused = transaction.done(&missed).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "Bridge br0 concerned 0 rows".replace("Bridge br0", "the table Bridge")
    );

    let mut at_the_end = good();
    at_the_end.push(json!({"error": "constraint violation", "details": "two rows"}));
    let refused = transaction.done(&at_the_end).unwrap_err();
    assert_eq!(refused.to_string(), "constraint violation: two rows");

    let mut cut = good();
    cut.truncate(2);
    assert!(
        transaction.done(&cut).is_err(),
        "what is missing was not done"
    );
}

#[test]
fn only_what_is_wanted_and_not_so_is_set() {
    let is = BridgeKeys {
        datapath_type: Some("netdev".to_owned()),
        fail_mode: None,
        external_ids: entries(&[("owner", "me"), ("of-another", "1")]),
        other_config: entries(&[("a", "1")]),
    };
    let wanted = BridgeKeys {
        datapath_type: Some("netdev".to_owned()),
        fail_mode: Some(FailMode::Secure),
        external_ids: entries(&[("owner", "me")]),
        other_config: entries(&[("a", "2")]),
    };
    let lacking = is.lacking(&wanted);
    let expected = BridgeKeys {
        fail_mode: Some(FailMode::Secure),
        other_config: entries(&[("a", "2")]),
        ..BridgeKeys::default()
    };
    assert_eq!(lacking, expected);
    let mut now = is;
    now.take(&lacking);
    assert_eq!(now.lacking(&wanted), BridgeKeys::default());
    assert_eq!(now.external_ids["of-another"], "1");
}
