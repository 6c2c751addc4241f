//! The rows of the database of Open vSwitch that say what there is (RFC 7047, ovs-vswitchd.conf.db(5)).

use super::{Bridge, BridgeKeys, BridgePort, Entries, FailMode, OpenVswitch, PortKeys};
use crate::model::PciAddress;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The name of the database.
pub const NAME: &str = "Open_vSwitch";

/// The key of `external_ids` under which every row of ours names the PF that it is for.
pub const MARK: &str = "sriovd";

type Row = Map<String, Value>;

/// The rows by their `_uuid`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Database {
    pub(super) root: String,
    hw_offload: bool,
    pub(super) bridges: BTreeMap<String, BridgeRow>,
}

/// A row of the table Bridge with those that hang on it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BridgeRow {
    pub(super) name: String,
    pub(super) ports: BTreeMap<String, PortRow>,
    external_ids: Entries,
    keys: BridgeKeys,
}

/// A row of the table Port with its interfaces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PortRow {
    name: String,
    made_for: Option<PciAddress>,
    pub(super) interfaces: BTreeMap<String, InterfaceRow>,
}

/// A row of the table Interface.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct InterfaceRow {
    pub(super) name: String,
    keys: PortKeys,
    is_up_to_date: bool,
    error: Option<String>,
}

/// An answer that is not as RFC 7047 and the schema of the database say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the database of Open vSwitch: cannot understand {found}")]
pub struct Unintelligible {
    /// What it says, shortened.
    pub found: String,
}

impl Unintelligible {
    /// Of a part of an answer.
    pub fn new(found: &Value) -> Self {
        let found = found.to_string().chars().take(200).collect();
        Self { found }
    }
}

/// The columns of each table that are looked at.
const COLUMNS: [(&str, &[&str]); 4] = [
    ("Open_vSwitch", &["_uuid", "other_config"]),
    (
        "Bridge",
        &[
            "_uuid",
            "name",
            "ports",
            "datapath_type",
            "fail_mode",
            "external_ids",
            "other_config",
        ],
    ),
    ("Port", &["_uuid", "name", "interfaces", "external_ids"]),
    (
        "Interface",
        &[
            "_uuid",
            "name",
            "type",
            "mtu_request",
            "options",
            "external_ids",
            "other_config",
            "ofport",
            "error",
        ],
    ),
];

/// The operations of a transaction that asks for all of it.
pub fn selects() -> Vec<Value> {
    let select = |(table, columns): &(&str, &[&str])| json!({"op": "select", "table": table, "where": [], "columns": columns});
    COLUMNS.iter().map(select).collect()
}

/// What a `monitor` is to tell of: all that `selects` looks at.
pub fn monitored() -> Value {
    let tables = COLUMNS.iter().map(|(table, columns)| {
        let columns: Vec<_> = columns.iter().filter(|it| **it != "_uuid").collect();
        ((*table).to_owned(), json!({"columns": columns}))
    });
    Value::Object(tables.collect())
}

impl Database {
    /// From the answers to `selects`.
    pub fn read(answers: &[Value]) -> Result<Self, Unintelligible> {
        let [root, bridges, ports, interfaces] = answers else {
            return Err(Unintelligible::new(&json!(answers)));
        };
        let (root_uuid, root) = rows(root)?.pop().ok_or_else(|| Unintelligible::new(root))?;
        let mut interface_rows = BTreeMap::new();
        for (uuid, row) in rows(interfaces)? {
            interface_rows.insert(uuid, interface(&row)?);
        }
        let mut port_rows = BTreeMap::new();
        for (uuid, row) in rows(ports)? {
            let own = uuids(field(&row, "interfaces")?)?.into_iter();
            let port = PortRow {
                name: text(&row, "name")?,
                made_for: mark(&entries(&row, "external_ids")?),
                interfaces: own
                    .filter_map(|uuid| Some((uuid.clone(), interface_rows.remove(&uuid)?)))
                    .collect(),
            };
            port_rows.insert(uuid, port);
        }
        let mut bridge_rows = BTreeMap::new();
        for (uuid, row) in rows(bridges)? {
            let own = uuids(field(&row, "ports")?)?.into_iter();
            let ports = own.filter_map(|uuid| Some((uuid.clone(), port_rows.remove(&uuid)?)));
            bridge_rows.insert(uuid, bridge(&row, ports.collect())?);
        }
        let config = entries(&root, "other_config")?;
        Ok(Self {
            root: root_uuid,
            hw_offload: config.get("hw-offload").is_some_and(|it| it == "true"),
            bridges: bridge_rows,
        })
    }

    /// What there is.
    pub fn seen(&self) -> OpenVswitch {
        let bridges = self.bridges.values().map(|row| {
            let ports = row.ports.values().filter(|port| port.name != row.name);
            let ports = ports.flat_map(|port| {
                let interfaces = port.interfaces.values();
                interfaces.map(|interface| (interface.name.clone(), interface.seen(port)))
            });
            let bridge = Bridge {
                made_for: mark(&row.external_ids),
                keys: row.keys.clone(),
                ports: ports.collect(),
            };
            (row.name.clone(), bridge)
        });
        OpenVswitch {
            silent: None,
            hw_offload: self.hw_offload,
            bridges: bridges.collect(),
        }
    }
}

impl BridgeRow {
    /// The port of an interface, and the interface.
    pub(super) fn port(&self, interface: &str) -> Option<(&String, &String, &PortRow)> {
        self.ports.iter().find_map(|(port, row)| {
            let mut own = row.interfaces.iter();
            let (uuid, _) = own.find(|(_, own)| own.name == interface)?;
            Some((port, uuid, row))
        })
    }

    pub(super) fn made_for(&self) -> Option<PciAddress> {
        mark(&self.external_ids)
    }

    pub(super) fn is_of_others(&self, pf: PciAddress, port: &PortRow) -> bool {
        port.name != self.name && port.made_for != Some(pf)
    }
}

impl PortRow {
    pub(super) fn made_for(&self) -> Option<PciAddress> {
        self.made_for
    }
}

impl InterfaceRow {
    fn seen(&self, port: &PortRow) -> BridgePort {
        BridgePort {
            made_for: port.made_for,
            keys: self.keys.clone(),
            is_up_to_date: self.is_up_to_date,
            error: self.error.clone(),
        }
    }
}

/// The PF that a row is for, where sriovd made it.
pub fn mark(external_ids: &Entries) -> Option<PciAddress> {
    external_ids.get(MARK)?.parse().ok()
}

/// The entries of a column of the type map, in a row or a part of one; `None` where it has no such column.
pub fn entries_of(row: &Value, column: &str) -> Option<Entries> {
    entries(row.as_object()?, column).ok()
}

fn bridge(row: &Row, ports: BTreeMap<String, PortRow>) -> Result<BridgeRow, Unintelligible> {
    let mode = optional(field(row, "fail_mode")?)?.and_then(Value::as_str);
    let known = FailMode::WORDS.into_iter();
    let external_ids = entries(row, "external_ids")?;
    Ok(BridgeRow {
        name: text(row, "name")?,
        ports,
        keys: BridgeKeys {
            datapath_type: Some(text(row, "datapath_type")?),
            fail_mode: mode.and_then(|mode| {
                let mut known = known;
                known.find_map(|(word, it)| (word == mode).then_some(it))
            }),
            external_ids: external_ids.clone(),
            other_config: entries(row, "other_config")?,
        },
        external_ids,
    })
}

fn interface(row: &Row) -> Result<InterfaceRow, Unintelligible> {
    let mtu = optional(field(row, "mtu_request")?)?.and_then(Value::as_u64);
    let error = optional(field(row, "error")?)?.and_then(Value::as_str);
    let ofport = optional(field(row, "ofport")?)?.and_then(Value::as_i64);
    Ok(InterfaceRow {
        name: text(row, "name")?,
        keys: PortKeys {
            kind: Some(text(row, "type")?),
            mtu_request: mtu.and_then(|mtu| mtu.try_into().ok()),
            options: entries(row, "options")?,
            external_ids: entries(row, "external_ids")?,
            other_config: entries(row, "other_config")?,
        },
        is_up_to_date: ofport.is_some() || error.is_some(),
        error: error.map(str::to_owned),
    })
}

fn rows(answer: &Value) -> Result<Vec<(String, Row)>, Unintelligible> {
    let wrong = || Unintelligible::new(answer);
    let rows = answer.get("rows").and_then(Value::as_array);
    let rows = rows.ok_or_else(wrong)?.iter().map(|row| {
        let row = row.as_object().ok_or_else(wrong)?;
        let uuid = uuids(field(row, "_uuid")?)?.pop().ok_or_else(wrong)?;
        Ok((uuid, row.clone()))
    });
    rows.collect()
}

fn field<'r>(row: &'r Row, column: &str) -> Result<&'r Value, Unintelligible> {
    row.get(column)
        .ok_or_else(|| Unintelligible::new(&json!(row)))
}

fn text(row: &Row, column: &str) -> Result<String, Unintelligible> {
    let value = field(row, column)?;
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| Unintelligible::new(value))
}

/// A set is written as its one element or as `["set", […]]`.
fn set(value: &Value) -> Result<Vec<&Value>, Unintelligible> {
    match value.as_array().map(Vec::as_slice) {
        Some([Value::String(kind), Value::Array(elements)]) if kind == "set" => {
            Ok(elements.iter().collect())
        }
        Some([Value::String(kind), Value::String(_)]) if kind == "uuid" => Ok(vec![value]),
        None if !value.is_object() && !value.is_null() => Ok(vec![value]),
        _ => Err(Unintelligible::new(value)),
    }
}

fn optional(value: &Value) -> Result<Option<&Value>, Unintelligible> {
    Ok(set(value)?.pop())
}

fn uuids(value: &Value) -> Result<Vec<String>, Unintelligible> {
    let uuid = |value: &Value| match value.as_array().map(Vec::as_slice) {
        Some([Value::String(kind), Value::String(uuid)]) if kind == "uuid" => Ok(uuid.clone()),
        _ => Err(Unintelligible::new(value)),
    };
    set(value)?.into_iter().map(uuid).collect()
}

fn entries(row: &Row, column: &str) -> Result<Entries, Unintelligible> {
    let value = field(row, column)?;
    let wrong = || Unintelligible::new(value);
    let Some([Value::String(kind), Value::Array(pairs)]) = value.as_array().map(Vec::as_slice)
    else {
        return Err(wrong());
    };
    if kind != "map" {
        return Err(wrong());
    }
    let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
        Some([Value::String(key), Value::String(value)]) => Ok((key.clone(), value.clone())),
        _ => Err(wrong()),
    };
    pairs.iter().map(pair).collect()
}
