//! The bodies of requests and answers that are the API's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sriovd_core::report::{Status, TakenVf};

/// The body of `POST /v1/apply`; none at all is a pass over all PFs.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyRequest {
    /// Addresses or interface names; none means all PFs.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// Take away VFs that are in use. Only together with `pfs`.
    #[serde(default)]
    pub force: bool,
}

/// The body of `POST /v1/pause` and `/v1/resume`.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// Addresses or interface names; none means all PFs, also those that come later.
    #[serde(default)]
    pub pfs: Vec<String>,
    /// How many seconds the pause lasts; without it there is no end. Not for `/v1/resume`.
    #[schemars(range(min = 1, max = 31_622_400))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// The answer to `POST /v1/apply`.
#[derive(Debug, Clone, JsonSchema, Serialize, Deserialize)]
pub struct Applied {
    /// The status after the pass.
    #[serde(flatten)]
    pub status: Status,
    /// VFs that were in use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<TakenVf>,
}
