//! The one transaction that brings a change of a bridge about: it does all of it, or nothing.
//!
//! A `wait` stands in front for everything that the change relies on. An operation that matches no row is no error to
//! the database, which then collects what was inserted for it: so counts are compared.

use super::database::{BridgeRow, Database, MARK, PortRow};
use super::{BridgeChange, BridgeKeys, Entries, PortKeys};
use crate::model::PciAddress;
use serde_json::{Map, Value, json};

/// The operations, and what to expect of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Transaction {
    /// The parameters of `transact` behind the name of the database.
    pub operations: Vec<Value>,
    /// How many rows the operation at a place concerns.
    counts: Vec<(usize, u64)>,
}

/// Why a change is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// It is not as it was when the change was planned.
    #[error("{what} is not as it was any more")]
    Overtaken {
        /// What has changed.
        what: String,
    },
    /// The database's own word.
    #[error("{error}{}", details.as_ref().map(|it| format!(": {it}")).unwrap_or_default())]
    Refused {
        /// The error, as RFC 7047 calls it.
        error: String,
        /// What more it says.
        details: Option<String>,
    },
    /// An operation was done to another number of rows than there are: nothing of it holds.
    #[error("{operation} concerned {count} rows")]
    Missed {
        /// The operation and its table.
        operation: String,
        /// How many rows.
        count: u64,
    },
}

impl Transaction {
    /// What changes a bridge of a PF, or makes it.
    pub fn set(
        database: &Database,
        pf: PciAddress,
        change: &BridgeChange,
    ) -> Result<Self, Rejection> {
        let mut building = Building::new(pf);
        let name = change.name.as_str();
        let bridge = match change.make {
            true => {
                building.expect_none("Bridge", name);
                building.expect_none("Port", name);
                building.expect_none("Interface", name);
                None
            }
            false => Some(building.expect_own(database, name)?),
        };
        let mut ports = Vec::new();
        if change.make {
            let own = PortKeys {
                kind: Some("internal".to_owned()),
                ..PortKeys::default()
            };
            ports.push(building.insert_port(name, &own));
        }
        for (name, keys) in &change.add {
            building.expect_none("Port", name.as_str());
            building.expect_none("Interface", name.as_str());
            ports.push(building.insert_port(name.as_str(), keys));
        }
        let mut root = vec![json!(["next_cfg", "+=", 1])];
        match bridge {
            None => {
                let mut row = columns_of_bridge(&change.keys);
                row.insert("name".to_owned(), json!(name));
                row.insert("ports".to_owned(), json!(["set", ports]));
                row.insert(
                    "external_ids".to_owned(),
                    building.marked(&change.keys.external_ids),
                );
                building.push(
                    json!({"op": "insert", "table": "Bridge", "row": row, "uuid-name": "bridge"}),
                );
                root.push(json!([
                    "bridges",
                    "insert",
                    ["set", [["named-uuid", "bridge"]]]
                ]));
            }
            Some((uuid, row)) => {
                let mut mutations = map_mutations("external_ids", &change.keys.external_ids);
                mutations.extend(map_mutations("other_config", &change.keys.other_config));
                if !ports.is_empty() {
                    mutations.push(json!(["ports", "insert", ["set", ports]]));
                }
                let mut lost = Vec::new();
                for name in &change.remove {
                    let (port, _, _) = building.expect_own_port(row, name)?;
                    lost.push(json!(["uuid", port]));
                }
                if !lost.is_empty() {
                    mutations.push(json!(["ports", "delete", ["set", lost]]));
                }
                building.mutate("Bridge", uuid, &mutations);
                let mut update = columns_of_bridge(&change.keys);
                update.remove("other_config");
                building.update("Bridge", uuid, &update);
                for (name, keys) in &change.set {
                    let (_, interface, _) = building.expect_own_port(row, name.as_str())?;
                    let mut mutations = map_mutations("external_ids", &keys.external_ids);
                    mutations.extend(map_mutations("other_config", &keys.other_config));
                    mutations.extend(map_mutations("options", &keys.options));
                    building.mutate("Interface", interface, &mutations);
                    building.update("Interface", interface, &scalars_of_interface(keys));
                }
            }
        }
        if change.hw_offload {
            let on = Entries::from([("hw-offload".to_owned(), "true".to_owned())]);
            root.extend(map_mutations("other_config", &on));
        }
        Ok(building.finish(database, &root, &change.to_string()))
    }

    /// What removes a bridge of a PF with its ports, all of which are ours.
    pub fn remove(database: &Database, pf: PciAddress, name: &str) -> Result<Self, Rejection> {
        let mut building = Building::new(pf);
        let (uuid, row) = building.expect_own(database, name)?;
        if row.ports.values().any(|port| row.is_of_others(pf, port)) {
            return Err(overtaken(name));
        }
        let ports: Vec<_> = row.ports.keys().map(|uuid| json!(["uuid", uuid])).collect();
        building.wait(
            "Bridge",
            &json!([["_uuid", "==", ["uuid", uuid]]]),
            &json!([{"ports": ["set", ports]}]),
            "ports",
        );
        let root = [
            json!(["bridges", "delete", ["set", [["uuid", uuid]]]]),
            json!(["next_cfg", "+=", 1]),
        ];
        Ok(building.finish(database, &root, &format!("bridge {name}: removed")))
    }

    /// Whether it was done, by the answers; then the `next_cfg` that ovs-vswitchd is to reach.
    pub fn done(&self, answers: &[Value]) -> Result<i64, Rejection> {
        // Errors at the commit come behind those of the operations.
        for (place, answer) in answers.iter().enumerate() {
            let Some(error) = answer.get("error").and_then(Value::as_str) else {
                continue;
            };
            let operation = self.operations.get(place);
            let is_guard = operation.is_some_and(|it| it.get("op") == Some(&json!("wait")));
            return Err(match operation {
                Some(operation) if is_guard && error == "timed out" => Rejection::Overtaken {
                    what: guarded(operation),
                },
                _ => Rejection::Refused {
                    error: error.to_owned(),
                    details: answer
                        .get("details")
                        .and_then(Value::as_str)
                        .map(str::to_owned),
                },
            });
        }
        for &(place, expected) in &self.counts {
            let count = answers.get(place).and_then(|it| it.get("count"));
            let count = count.and_then(Value::as_u64).unwrap_or(0);
            if count != expected {
                let operation = self.operations.get(place).map(guarded).unwrap_or_default();
                return Err(Rejection::Missed { operation, count });
            }
        }
        let last = answers.get(self.operations.len().saturating_sub(1));
        let next = last.and_then(|it| it.pointer("/rows/0/next_cfg"));
        next.and_then(Value::as_i64).ok_or(Rejection::Missed {
            operation: "select Open_vSwitch".to_owned(),
            count: 0,
        })
    }
}

/// The table and the row that an operation is about.
fn guarded(operation: &Value) -> String {
    let text = |key: &str| {
        operation
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let row = operation
        .pointer("/rows/0/name")
        .or(operation.pointer("/where/0/2"));
    match row.and_then(Value::as_str) {
        Some(name) => format!("{} {name}", text("table")),
        None => format!("the table {}", text("table")),
    }
}

fn overtaken(what: &str) -> Rejection {
    let what = format!("bridge {what}");
    Rejection::Overtaken { what }
}

/// A transaction of which the end is missing.
struct Building {
    pf: PciAddress,
    operations: Vec<Value>,
    counts: Vec<(usize, u64)>,
    inserted: usize,
}

impl Building {
    fn new(pf: PciAddress) -> Self {
        Self {
            pf,
            operations: Vec::new(),
            counts: Vec::new(),
            inserted: 0,
        }
    }

    fn push(&mut self, operation: Value) {
        self.operations.push(operation);
    }

    fn push_counted(&mut self, operation: Value) {
        self.counts.push((self.operations.len(), 1));
        self.push(operation);
    }

    /// It fails at once unless the rows are so.
    fn wait(&mut self, table: &str, of: &Value, rows: &Value, column: &str) {
        self.push(json!({
            "op": "wait", "table": table, "where": of, "columns": [column],
            "until": "==", "rows": rows, "timeout": 0
        }));
    }

    fn expect_none(&mut self, table: &str, name: &str) {
        self.wait(table, &json!([["name", "==", name]]), &json!([]), "name");
    }

    fn expect_marked(&mut self, table: &str, uuid: &str, name: &str) {
        let mark = json!(["map", [[MARK, self.pf.to_string()]]]);
        let of = json!([
            ["_uuid", "==", ["uuid", uuid]],
            ["external_ids", "includes", mark]
        ]);
        self.wait(table, &of, &json!([{"name": name}]), "name");
    }

    /// The bridge of this name, which was made for this PF.
    fn expect_own<'d>(
        &mut self,
        database: &'d Database,
        name: &str,
    ) -> Result<(&'d String, &'d BridgeRow), Rejection> {
        let mut bridges = database.bridges.iter();
        let (uuid, row) = bridges
            .find(|(_, row)| row.name == name && row.made_for() == Some(self.pf))
            .ok_or_else(|| overtaken(name))?;
        self.expect_marked("Bridge", uuid, name);
        Ok((uuid, row))
    }

    fn expect_own_port<'d>(
        &mut self,
        bridge: &'d BridgeRow,
        interface: &str,
    ) -> Result<(&'d String, &'d String, &'d PortRow), Rejection> {
        let found = bridge.port(interface);
        let own = found.filter(|(_, _, port)| port.made_for() == Some(self.pf));
        let (port, uuid, row) = own.ok_or_else(|| overtaken(&bridge.name))?;
        self.expect_marked("Port", port, interface);
        Ok((port, uuid, row))
    }

    /// The name by which later operations know it.
    fn insert_port(&mut self, name: &str, keys: &PortKeys) -> Value {
        let number = self.inserted;
        self.inserted += 1;
        let mut row = scalars_of_interface(keys);
        for (column, entries) in [
            ("options", &keys.options),
            ("other_config", &keys.other_config),
        ] {
            if !entries.is_empty() {
                row.insert(column.to_owned(), map(entries));
            }
        }
        row.insert("name".to_owned(), json!(name));
        row.insert("external_ids".to_owned(), self.marked(&keys.external_ids));
        let interface = format!("interface{number}");
        self.push(
            json!({"op": "insert", "table": "Interface", "row": row, "uuid-name": interface}),
        );
        let row = json!({
            "name": name, "interfaces": ["named-uuid", interface],
            "external_ids": self.marked(&Entries::new())
        });
        let port = format!("port{number}");
        self.push(json!({"op": "insert", "table": "Port", "row": row, "uuid-name": port}));
        json!(["named-uuid", port])
    }

    fn marked(&self, external_ids: &Entries) -> Value {
        let mut marked = external_ids.clone();
        marked.insert(MARK.to_owned(), self.pf.to_string());
        map(&marked)
    }

    fn mutate(&mut self, table: &str, uuid: &str, mutations: &[Value]) {
        if !mutations.is_empty() {
            let of = json!([["_uuid", "==", ["uuid", uuid]]]);
            self.push_counted(
                json!({"op": "mutate", "table": table, "where": of, "mutations": mutations}),
            );
        }
    }

    fn update(&mut self, table: &str, uuid: &str, row: &Map<String, Value>) {
        if !row.is_empty() {
            let of = json!([["_uuid", "==", ["uuid", uuid]]]);
            self.push_counted(json!({"op": "update", "table": table, "where": of, "row": row}));
        }
    }

    fn finish(mut self, database: &Database, root: &[Value], comment: &str) -> Transaction {
        let uuid = database.root.clone();
        self.mutate("Open_vSwitch", &uuid, root);
        let comment = format!("sriovd: {comment}");
        self.push(json!({"op": "comment", "comment": comment}));
        self.push(
            json!({"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}),
        );
        Transaction {
            operations: self.operations,
            counts: self.counts,
        }
    }
}

fn map(entries: &Entries) -> Value {
    let pairs: Vec<_> = entries
        .iter()
        .map(|(key, value)| json!([key, value]))
        .collect();
    json!(["map", pairs])
}

/// `insert` changes no entry that is there: it is deleted first.
fn map_mutations(column: &str, entries: &Entries) -> Vec<Value> {
    if entries.is_empty() {
        return Vec::new();
    }
    let keys: Vec<_> = entries.keys().collect();
    vec![
        json!([column, "delete", ["set", keys]]),
        json!([column, "insert", map(entries)]),
    ]
}

fn columns_of_bridge(keys: &BridgeKeys) -> Map<String, Value> {
    let mut row = Map::new();
    if let Some(kind) = &keys.datapath_type {
        row.insert("datapath_type".to_owned(), json!(kind));
    }
    if let Some(mode) = &keys.fail_mode {
        row.insert("fail_mode".to_owned(), json!(mode));
    }
    if !keys.other_config.is_empty() {
        row.insert("other_config".to_owned(), map(&keys.other_config));
    }
    row
}

fn scalars_of_interface(keys: &PortKeys) -> Map<String, Value> {
    let mut row = Map::new();
    if let Some(kind) = &keys.kind {
        row.insert("type".to_owned(), json!(kind));
    }
    if let Some(mtu) = keys.mtu_request {
        row.insert("mtu_request".to_owned(), json!(mtu));
    }
    row
}
