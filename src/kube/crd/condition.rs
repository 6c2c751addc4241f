//! Conditions, as all kinds have them.

use schemars::JsonSchema;

/// One aspect of the state of an object.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about, in CamelCase.
    #[schemars(length(max = 316), regex(pattern = TYPE))]
    pub r#type: String,
    /// Whether it is so.
    pub status: Truth,
    /// The generation of the object that it was found of.
    #[schemars(with = "Option<i64>", range(min = 0))]
    pub observed_generation: Option<i64>,
    /// When the status became what it is.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// Why, in one word for programs.
    #[schemars(length(min = 1, max = 1024), regex(pattern = REASON))]
    pub reason: String,
    /// Why, in a sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
}

/// Whether a condition holds.
#[derive(Debug, JsonSchema)]
pub enum Truth {
    True,
    False,
    Unknown,
}

// As Kubernetes has them in its own conditions.
const TYPE: &str = r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$";
const REASON: &str = r"^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$";

/// What became of a policy.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// How many nodes it selects.
    #[schemars(range(min = 0))]
    pub matched_node_count: Option<i32>,
    /// How many of them are as it wants them.
    #[schemars(range(min = 0))]
    pub ready_node_count: Option<i32>,
    /// `Ready`, with the first reason why not.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}

/// What became of a network.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct NetworkStatus {
    /// `Ready`, or why not.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}
