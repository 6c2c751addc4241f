//! The host as a picture: NUMA nodes, PFs, VFs, bridges of Open vSwitch, pools, networks and holders.
//!
//! A graph of boxes in columns; `svg`, `dot` and `mermaid` write it down.

mod dot;
mod mermaid;
mod svg;

use crate::model::{
    HostSnapshot, NetworkName, PciAddress, PfSnapshot, VfIndex, VfRange, VfSnapshot,
};
use crate::policy::Network;
use crate::policy::resolve::{DesiredPf, Resolution};
use crate::report::{PfReport, PfState};
pub use dot::dot;
pub use mermaid::mermaid;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
pub use svg::svg;

/// More VFs than this on the host: those that are alike become one box.
const SINGLE_VFS: usize = 32;

/// What is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The host as it was seen.
    pub host: &'a HostSnapshot,
    /// What the policies want of each PF.
    pub resolutions: &'a BTreeMap<PciAddress, Resolution>,
    /// What the last pass over each PF found; a PF without one is drawn as it is.
    pub reports: &'a BTreeMap<PciAddress, PfReport>,
    /// The networks.
    pub networks: &'a [Network],
    /// The VF that each network has now.
    pub given: &'a BTreeMap<NetworkName, PciAddress>,
}

/// A graph of boxes in columns.
#[derive(Debug, Clone, PartialEq, Eq, Default, JsonSchema, Serialize)]
pub struct Picture {
    /// Column by column, and in each from top to bottom.
    pub boxes: Vec<PictureBox>,
    /// From left to right; sorted.
    pub lines: Vec<Line>,
}

/// The columns, from left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// NUMA nodes.
    NumaNode,
    /// Physical functions.
    Pf,
    /// VFs, or groups of VFs that are alike.
    Vfs,
    /// Bridges of Open vSwitch.
    Bridge,
    /// Pools.
    Pool,
    /// Networks.
    Network,
    /// The holders of VFs.
    Holder,
}

impl Column {
    /// From left to right.
    pub const ALL: [Self; 7] = [
        Self::NumaNode,
        Self::Pf,
        Self::Vfs,
        Self::Bridge,
        Self::Pool,
        Self::Network,
        Self::Holder,
    ];
}

/// How a box is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Not managed, or nothing to say about it.
    Plain,
    /// As wanted.
    Good,
    /// Being changed, or paused.
    Changing,
    /// Not as wanted.
    Bad,
    /// In use.
    Taken,
}

/// One thing of the host, or several that are alike.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize)]
pub struct PictureBox {
    /// Unique in the picture. Lines name it.
    pub id: String,
    /// The column that it stands in.
    pub column: Column,
    /// The first line of its text.
    pub title: String,
    /// The second line, in smaller letters; may be empty.
    pub subtitle: String,
    /// Its colour.
    pub tone: Tone,
    /// How many things alike it is.
    pub stands_for: usize,
}

/// From one box to another, by their ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, JsonSchema, Serialize)]
pub struct Line {
    /// The `id` of the box on the left.
    pub from: String,
    /// The `id` of the box on the right.
    pub to: String,
}

/// What VFs have in common that are one box.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alike {
    driver: Option<String>,
    bridge: Option<String>,
    pool: Option<String>,
    ready: Option<bool>,
    holders: Vec<String>,
    networks: Vec<String>,
}

/// The picture of a host. On a host with more than 32 VFs, those that are alike share a box.
pub fn picture(subject: &Subject<'_>) -> Picture {
    let mut drawing = Drawing {
        picture: Picture::default(),
        known: BTreeSet::new(),
        fold: subject
            .host
            .pfs
            .values()
            .map(|pf| pf.vfs.len())
            .sum::<usize>()
            > SINGLE_VFS,
    };
    for pf in subject.host.pfs.values() {
        drawing.pf(subject, pf);
    }
    for network in subject.networks {
        drawing.network(network);
    }
    let mut picture = drawing.picture;
    picture.boxes.sort_by_key(|it| it.column);
    picture.lines.sort();
    picture.lines.dedup();
    picture
}

struct Drawing {
    picture: Picture,
    known: BTreeSet<String>,
    fold: bool,
}

impl Drawing {
    /// Once, whoever asks for it first.
    fn put(&mut self, column: Column, id: &str, title: &str, subtitle: &str, tone: Tone) {
        if self.known.insert(id.to_owned()) {
            self.picture.boxes.push(PictureBox {
                id: id.to_owned(),
                column,
                title: title.to_owned(),
                subtitle: subtitle.to_owned(),
                tone,
                stands_for: 1,
            });
        }
    }

    fn join(&mut self, from: &str, to: &str) {
        self.picture.lines.push(Line {
            from: from.to_owned(),
            to: to.to_owned(),
        });
    }

    fn pf(&mut self, subject: &Subject<'_>, pf: &PfSnapshot) {
        let (numa, title) = match pf.numa_node {
            Some(node) => (format!("numa:{node}"), format!("NUMA node {node}")),
            None => ("numa:none".to_owned(), "no NUMA node".to_owned()),
        };
        self.put(Column::NumaNode, &numa, &title, "", Tone::Plain);
        let state = subject.reports.get(&pf.address).map(|report| report.state);
        let id = format!("pf:{}", pf.address);
        let (is, possible) = (pf.num_vfs, pf.total_vfs);
        let subtitle = match pf.interface {
            Some(_) => format!("{}, {is}/{possible} VFs", pf.address),
            None => format!("{is}/{possible} VFs"),
        };
        self.put(Column::Pf, &id, &pf.display_name(), &subtitle, tone(state));
        self.join(&numa, &id);
        let desired = match subject.resolutions.get(&pf.address) {
            Some(Resolution::Desired(desired)) => Some(desired.as_ref()),
            Some(Resolution::Unmatched | Resolution::AwaitsName) | None => None,
        };
        let mut groups: Vec<(Alike, Vec<VfIndex>)> = Vec::new();
        for (&index, vf) in &pf.vfs {
            let alike = alike(subject, pf, desired, index, vf);
            match groups.iter_mut().find(|(it, _)| self.fold && *it == alike) {
                Some((_, indexes)) => indexes.push(index),
                None => groups.push((alike, vec![index])),
            }
        }
        for (alike, indexes) in groups {
            self.vfs(&id, pf, &alike, &indexes);
        }
        self.bridges(&id, pf);
    }

    fn bridges(&mut self, pf_id: &str, pf: &PfSnapshot) {
        let around = pf.open_vswitch.iter().flat_map(|seen| seen.around(pf));
        let uplink = pf.interface.as_ref().map(|nic| nic.name.as_str());
        for (name, bridge) in around {
            let id = format!("bridge:{name}");
            let is_own = bridge.made_for == Some(pf.address);
            let tone = match bridge.ports.values().any(|port| port.trouble().is_some()) {
                true => Tone::Bad,
                false if is_own => Tone::Good,
                false => Tone::Plain,
            };
            self.put(Column::Bridge, &id, name, "bridge of Open vSwitch", tone);
            if is_own || uplink.is_some_and(|uplink| bridge.ports.contains_key(uplink)) {
                self.join(pf_id, &id);
            }
        }
    }

    fn vfs(&mut self, parent: &str, pf: &PfSnapshot, alike: &Alike, indexes: &[VfIndex]) {
        let range = VfRange::of(indexes.iter().copied());
        let range = range.map_or_else(String::new, |range| range.to_string());
        let id = format!("vf:{}#{range}", pf.address);
        let title = match indexes.len() {
            1 => format!("VF {range}"),
            many => format!("VFs {range} ({many})"),
        };
        let driver = alike.driver.as_deref().unwrap_or("no driver");
        let tone = match alike.ready {
            _ if !alike.holders.is_empty() => Tone::Taken,
            Some(true) => Tone::Good,
            Some(false) => Tone::Bad,
            None => Tone::Plain,
        };
        self.put(Column::Vfs, &id, &title, driver, tone);
        if let Some(it) = self.picture.boxes.last_mut() {
            it.stands_for = indexes.len();
        }
        self.join(parent, &id);
        if let Some(bridge) = &alike.bridge {
            self.join(&id, &format!("bridge:{bridge}"));
        }
        if let Some(pool) = &alike.pool {
            let pool_id = format!("pool:{pool}");
            self.put(Column::Pool, &pool_id, pool, "pool", Tone::Plain);
            self.join(&id, &pool_id);
        }
        for network in &alike.networks {
            self.join(&id, &format!("network:{network}"));
        }
        for holder in &alike.holders {
            let holder_id = format!("holder:{holder}");
            self.put(Column::Holder, &holder_id, holder, "in use", Tone::Taken);
            self.join(&id, &holder_id);
        }
    }

    fn network(&mut self, network: &Network) {
        let id = format!("network:{}", network.name);
        self.put(
            Column::Network,
            &id,
            network.name.as_str(),
            "network",
            Tone::Plain,
        );
        if let Some(resource) = &network.resource {
            let pool = format!("pool:{resource}");
            let title = resource.as_str();
            self.put(Column::Pool, &pool, title, "pool without VFs", Tone::Bad);
            self.join(&pool, &id);
        }
    }
}

fn alike(
    subject: &Subject<'_>,
    pf: &PfSnapshot,
    desired: Option<&DesiredPf>,
    index: VfIndex,
    vf: &VfSnapshot,
) -> Alike {
    let wanted = desired.and_then(|desired| desired.vfs.get(&index));
    let claim = desired.and_then(|desired| desired.claim_of(index));
    let holders = pf.holders.as_ref().and_then(|holders| holders.get(&index));
    let holders = holders.into_iter().flatten().map(ToString::to_string);
    let has = |network: &&Network| subject.given.get(&network.name) == Some(&vf.address);
    let networks = subject.networks.iter().filter(has);
    let bridge = pf.open_vswitch.as_ref().and_then(|seen| {
        let representor = vf.representor.as_ref()?;
        Some(seen.bridge_of(representor.name.as_str())?.0.clone())
    });
    Alike {
        bridge,
        driver: vf.driver.as_ref().map(ToString::to_string),
        pool: claim
            .and_then(|claim| claim.resource.as_ref())
            .map(ToString::to_string),
        ready: claim.and(wanted).map(|wanted| wanted.is_ready(vf)),
        holders: holders.collect(),
        networks: networks.map(|network| network.name.to_string()).collect(),
    }
}

fn tone(state: Option<PfState>) -> Tone {
    match state {
        Some(PfState::Ready) => Tone::Good,
        Some(PfState::Paused | PfState::Changing) => Tone::Changing,
        Some(PfState::Refused | PfState::Failed | PfState::Hung) => Tone::Bad,
        Some(PfState::Unmanaged) | None => Tone::Plain,
    }
}

/// Fill and border, readable with black text on white paper and on dark screens.
fn colours(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Plain => ("#f2f2f2", "#8a8a8a"),
        Tone::Good => ("#d9f2dc", "#2e7d32"),
        Tone::Changing => ("#fff3cd", "#b7860b"),
        Tone::Bad => ("#f8d7da", "#b02a37"),
        Tone::Taken => ("#d6e4ff", "#1a56b0"),
    }
}

#[cfg(test)]
mod tests;
