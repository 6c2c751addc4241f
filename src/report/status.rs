//! What the daemon tells of itself: one value for `STATUS=`, the API and sriovctl.

use super::{AbsentPf, Pauses, PfReport};
use crate::model::PciAddress;
use crate::policy::Network;
use crate::policy::load::FileState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    /// The sentence that `systemctl status` shows.
    pub summary: String,
    /// The daemon has just started: not every PF that was there then has been looked at yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
    pub pfs: Vec<PfReport>,
    /// What policies name and is not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<AbsentPf>,
    pub networks: Vec<NetworkReport>,
    pub files: Vec<FileReport>,
    /// What is not changed for now.
    #[serde(default, skip_serializing_if = "Pauses::is_empty")]
    pub pauses: Pauses,
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NetworkReport {
    pub name: String,
    pub resource: Option<String>,
    /// The VF that its conflist names.
    pub vf: Option<PciAddress>,
    /// Why it has no conflist.
    pub held_back: Option<String>,
}

impl NetworkReport {
    pub fn of(network: &Network, vf: Option<PciAddress>) -> Self {
        Self {
            name: network.name.to_string(),
            resource: network.resource.as_ref().map(ToString::to_string),
            vf,
            held_back: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FileReport {
    pub path: PathBuf,
    #[serde(flatten)]
    pub state: FileState,
}
