//! `SriovOperatorConfig`: what the operator is told about itself. Of this a node heeds `disableDrain` and `logLevel`.

use super::condition::Condition;
use super::structural::rule;
use schemars::JsonSchema;
use std::collections::BTreeMap;

/// What the operator is told about itself. Of this a node heeds disableDrain and logLevel.
#[derive(Debug, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = [
    rule("self.metadata.name == 'default'", "only the one named default has an effect"),
]))]
pub struct OperatorConfig {
    /// What is wanted.
    pub spec: Option<OperatorConfigSpec>,
    /// What became of it.
    pub status: Option<OperatorConfigStatus>,
}

/// What is wanted.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OperatorConfigSpec {
    /// No effect: sriovd is on the nodes that its DaemonSet or its package is on
    pub config_daemon_node_selector: Option<BTreeMap<String, String>>,
    /// No effect
    pub config_daemon_env_vars: Option<BTreeMap<String, String>>,
    /// No effect
    pub enable_injector: Option<bool>,
    /// No effect: the API server checks objects by their definitions
    pub enable_operator_webhook: Option<bool>,
    /// 0 to 2: how much is logged
    #[schemars(range(min = 0, max = 2))]
    pub log_level: Option<i32>,
    /// No pod is evicted: VFs change as they become free
    pub disable_drain: Option<bool>,
    /// No effect
    pub enable_ovs_offload: Option<bool>,
    /// No effect: what VFs are is on the host, and made before kubelet starts
    pub configuration_mode: Option<ConfigurationMode>,
    /// No effect
    #[schemars(rename = "useCDI")]
    pub use_cdi: Option<bool>,
    /// No effect
    pub disable_plugins: Option<Vec<Plugin>>,
    /// No effect
    pub feature_gates: Option<BTreeMap<String, bool>>,
}

/// Who configures nodes of the operator.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum ConfigurationMode {
    Daemon,
    Systemd,
}

/// A part of the operator's daemon.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum Plugin {
    Mellanox,
}

/// What became of it.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct OperatorConfigStatus {
    /// The operator's
    pub injector: Option<String>,
    /// The operator's
    pub operator_webhook: Option<String>,
    /// `Ready`
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Option<Vec<Condition>>,
}
