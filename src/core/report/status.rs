//! What the daemon tells of itself: one value for `STATUS=`, the API and sriovctl.

use super::{AbsentPf, Pauses, PfReport};
use crate::model::{NetworkName, PciAddress};
use crate::policy::Network;
use crate::policy::loaded::FileState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All that the daemon tells of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize, Deserialize)]
pub struct Status {
    /// The version of the daemon.
    pub version: String,
    /// The sentence that `systemctl status` shows.
    pub summary: String,
    /// The daemon has just started: not every PF that was there then has been looked at yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub starting: bool,
    /// Every PF that was looked at, by its address.
    pub pfs: Vec<PfReport>,
    /// What policies name and is not here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<AbsentPf>,
    /// Every network, by its name.
    pub networks: Vec<NetworkReport>,
    /// Every policy file that is read or hidden.
    pub files: Vec<FileReport>,
    /// The pauses in force.
    #[serde(default, skip_serializing_if = "Pauses::is_empty")]
    pub pauses: Pauses,
}

impl Status {
    /// The VF that each network has now.
    pub fn given(&self) -> BTreeMap<NetworkName, PciAddress> {
        let networks = self.networks.iter();
        let given = networks.filter_map(|it| Some((it.name.parse().ok()?, it.vf?)));
        given.collect()
    }
}

/// A network, and the VF that stands for it.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NetworkReport {
    /// `name` of the `[[network]]`.
    pub name: String,
    /// The pool that it gives VFs from; none for a network that names its device itself.
    pub resource: Option<String>,
    /// The VF that its conflist names.
    pub vf: Option<PciAddress>,
    /// Why it has no conflist.
    pub held_back: Option<String>,
}

impl NetworkReport {
    /// The report of a network that is not held back.
    pub fn of(network: &Network, vf: Option<PciAddress>) -> Self {
        Self {
            name: network.name.to_string(),
            resource: network.resource.as_ref().map(ToString::to_string),
            vf,
            held_back: None,
        }
    }
}

/// A policy file, and whether it is in force.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct FileReport {
    /// Its path.
    pub path: PathBuf,
    /// Whether it was read, is hidden or is broken.
    #[serde(flatten)]
    pub state: FileState,
}
