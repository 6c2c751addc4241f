//! What the daemon tells of itself: one value for `STATUS=`, the API and sriovctl.

use super::{AbsentPf, Pauses, PfReport};
use crate::model::{NetworkName, PciAddress};
use crate::policy::Network;
use crate::policy::loaded::FileState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
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
    /// What of the agent's memory is not understood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_understood: Vec<NotUnderstood>,
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

/// A value of the state file that this version does not understand. It is kept as it stands, and the
/// VF or PF that it is about is left alone.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct NotUnderstood {
    /// The state file.
    pub file: PathBuf,
    /// The keys that lead to the value: `/pfs/0000:01:00.0`.
    pub place: String,
    /// The beginning of the value, as JSON.
    pub value: String,
}

impl fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, value } = self;
        let file = file.display();
        write!(
            f,
            "{file}: {place} is {value}, which this version does not understand: it is kept as it is, and what it is about is left alone"
        )
    }
}
