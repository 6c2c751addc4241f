//! Users of a netdev that stays where it is, without a master and without an address of its own: they
//! show in what the network stack keeps for the interface.

use super::links::Links;
use super::netdev::Netdev;
use super::paths::device;
use crate::netlink::QueueDiscipline;
use crate::sysfs::{Tree, if_present};
use sriovd_core::host::HostError;
use sriovd_core::model::{Holder, PciAddress};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Sockets that take packets past the network stack: a line for each, the fifth field is the
/// interface. A process sees those of its own network namespace, whatever else of /proc is hidden.
const PACKET_SOCKETS: &str = "/proc/self/net/packet";

const RDMA_DEVICES: &str = "/sys/class/infiniband";

/// What is read at once for all interfaces.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    packet_sockets: BTreeSet<u32>,
    disciplines: BTreeMap<u32, String>,
    /// RDMA devices that software makes of a netdev (rxe), by its name.
    rdma: BTreeMap<String, Vec<String>>,
}

impl Quiet {
    pub(super) fn read(tree: &Tree, links: &mut dyn Links) -> Result<Self, HostError> {
        let disciplines = links.queue_disciplines();
        let disciplines = disciplines
            .map_err(|error| error.while_doing("reading queueing disciplines".to_owned()))?;
        let chosen = disciplines.into_iter().filter(QueueDiscipline::is_chosen);
        Ok(Self {
            // A kernel without packet sockets has no such file.
            packet_sockets: if_present(tree.read(PACKET_SOCKETS))?
                .map(|text| interfaces(&text))
                .unwrap_or_default(),
            disciplines: chosen.map(|it| (it.interface, it.kind)).collect(),
            rdma: rdma_of_netdevs(tree)?,
        })
    }

    pub(super) fn holders(
        &self,
        links: &mut dyn Links,
        netdev: &Netdev,
    ) -> Result<Vec<Holder>, HostError> {
        let interface = netdev.index;
        let what = |what: &str| format!("reading {what} of interface {interface}");
        let link = links.link(interface);
        let link = link.map_err(|error| error.while_doing(what("the attributes")))?;
        let mut found = Vec::new();
        if self.packet_sockets.contains(&interface) {
            found.push(Holder::PacketSocket);
        }
        if link.as_ref().is_some_and(|link| link.xdp) {
            found.push(Holder::Xdp);
        }
        if let Some(kind) = self.disciplines.get(&interface) {
            let discipline = kind.clone();
            found.push(Holder::TrafficControl { discipline });
        }
        // None lead over an interface that is down.
        if link.is_some_and(|link| link.up) {
            let routes = links.routes_over(interface);
            let routes = routes.map_err(|error| error.while_doing(what("the routes")))?;
            found.extend(routes.into_iter().next().map(|to| Holder::Route { to }));
        }
        let devices = self.rdma.get(&netdev.name()).into_iter().flatten();
        found.extend(first_in_use(links, devices.cloned())?);
        Ok(found)
    }
}

fn rdma_of_netdevs(tree: &Tree) -> Result<BTreeMap<String, Vec<String>>, HostError> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for name in if_present(tree.list(RDMA_DEVICES))?.unwrap_or_default() {
        let parent = tree.read(Path::new(RDMA_DEVICES).join(&name).join("parent"));
        // Of hardware there is none: that shows below its PCI function.
        if let Some(parent) = if_present(parent)? {
            let name = name.to_string_lossy().into_owned();
            found.entry(parent).or_default().push(name);
        }
    }
    Ok(found)
}

/// Programs on verbs, which leave the netdev where it is.
pub(super) fn rdma(
    tree: &Tree,
    links: &mut dyn Links,
    vf: PciAddress,
) -> Result<Option<Holder>, HostError> {
    let names = if_present(tree.list(device(vf).join("infiniband")))?;
    let names = names.unwrap_or_default().into_iter();
    first_in_use(links, names.map(|name| name.to_string_lossy().into_owned()))
}

fn first_in_use(
    links: &mut dyn Links,
    devices: impl Iterator<Item = String>,
) -> Result<Option<Holder>, HostError> {
    for device in devices {
        let contexts = links.rdma_contexts(&device);
        let what = || format!("reading the users of RDMA device {device}");
        if contexts.map_err(|error| error.while_doing(what()))? != 0 {
            return Ok(Some(Holder::Rdma { device }));
        }
    }
    Ok(None)
}

fn interfaces(text: &str) -> BTreeSet<u32> {
    let field = |line: &str| line.split_whitespace().nth(4)?.parse().ok();
    let bound = text.lines().skip(1).filter_map(field);
    // 0 is every interface: such a socket loses nothing with one.
    bound.filter(|index| *index != 0).collect()
}

#[cfg(test)]
mod tests;
