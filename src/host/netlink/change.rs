//! Changing a link: where it is, what it is called, what it carries.

use super::{Link, Netlink, NetlinkError, message};
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, Prop};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourFlags, NeighbourMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use sriovd_core::model::{Errno, InterfaceName, MacAddress, PciAddress};
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A route through one link, or to nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The network's address.
    pub destination: IpAddr,
    /// 0 to 32 or 128; 0 is the default route.
    pub prefix_length: u8,
    /// What happens to packets to it.
    pub hop: Hop,
    /// The lower one wins; `None`: the kernel's default for the address family.
    pub metric: Option<u32>,
}

/// What happens to what a route matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop {
    /// The destination is a neighbour on the link.
    Link,
    /// The packet goes to this neighbour.
    Gateway(IpAddr),
    /// Dropped without a word.
    Blackhole,
    /// Answered with host unreachable.
    Unreachable,
    /// Answered with administratively prohibited.
    Prohibit,
}

impl Hop {
    /// The gateway's address, where there is one.
    pub fn gateway(self) -> Option<IpAddr> {
        match self {
            Self::Gateway(gateway) => Some(gateway),
            Self::Link | Self::Blackhole | Self::Unreachable | Self::Prohibit => None,
        }
    }

    /// Whether it goes through the link, and away with it.
    pub fn is_of_link(self) -> bool {
        matches!(self, Self::Link | Self::Gateway(_))
    }
}

/// What the kernel makes a name of that nobody has.
const ANOTHER_NAME: &str = "sriov%d";

impl Netlink {
    /// All links in this network namespace, without their VFs.
    pub fn links(&mut self) -> Result<Vec<Link>, NetlinkError> {
        let request = RouteNetlinkMessage::GetLink(message(0));
        self.exchange
            .dump(&request, |body| Link::parse(body).map(Some))
    }

    /// Those in this network namespace that stand on this PCI function, without their VFs. What comes or goes meanwhile
    /// may be missing: an event tells of it.
    pub fn links_on(&mut self, function: PciAddress) -> Result<Vec<Link>, NetlinkError> {
        let function = function.to_string();
        let request = RouteNetlinkMessage::GetLink(message(0));
        self.exchange.dump_amid_changes(&request, |body| {
            let link = Link::parse(body)?;
            Ok((link.parent_device.as_ref() == Some(&function)).then_some(link))
        })
    }

    /// Into another namespace and under another name. Where the name is taken there the link may
    /// have moved all the same.
    pub fn move_link(
        &mut self,
        index: u32,
        namespace: BorrowedFd<'_>,
        name: &InterfaceName,
    ) -> Result<(), NetlinkError> {
        self.set_names(index, Some(namespace), name.as_str())
    }

    /// Into another namespace, under a name that is free there: the kernel finds one.
    pub fn move_link_as_another(
        &mut self,
        index: u32,
        namespace: BorrowedFd<'_>,
    ) -> Result<(), NetlinkError> {
        self.set_names(index, Some(namespace), ANOTHER_NAME)
    }

    /// Gives the link a name in this namespace. The kernel refuses one that another link has.
    pub fn rename(&mut self, index: u32, name: &InterfaceName) -> Result<(), NetlinkError> {
        self.set_names(index, None, name.as_str())
    }

    /// To a name that is free: the kernel finds one.
    pub fn rename_to_another(&mut self, index: u32) -> Result<(), NetlinkError> {
        self.set_names(index, None, ANOTHER_NAME)
    }

    fn set_names(
        &mut self,
        index: u32,
        namespace: Option<BorrowedFd<'_>>,
        name: &str,
    ) -> Result<(), NetlinkError> {
        let mut request = message(index);
        let namespace = namespace.map(|it| LinkAttribute::NetNsFd(it.as_raw_fd()));
        request.attributes.extend(namespace);
        request
            .attributes
            .push(LinkAttribute::IfName(name.to_owned()));
        self.set(request)
    }

    /// An alternative name, which no other link can have as its name meanwhile, nor this one.
    pub fn remove_altname(&mut self, index: u32, name: &str) -> Result<(), NetlinkError> {
        let mut request = message(index);
        let names = vec![Prop::AltIfName(name.to_owned())];
        request.attributes.push(LinkAttribute::PropList(names));
        let request = RouteNetlinkMessage::DelLinkProp(request);
        self.exchange.ask(&request, NLM_F_ACK, |_| Ok(()))
    }

    /// Sets the link's present address; the permanent one stays.
    pub fn set_mac(&mut self, index: u32, mac: MacAddress) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request
            .attributes
            .push(LinkAttribute::Address(mac.0.to_vec()));
        self.set(request)
    }

    /// `ip link set down`. Routes over the link go away with it.
    pub fn set_down(&mut self, index: u32) -> Result<(), NetlinkError> {
        let mut request = message(index);
        request.header.change_mask = LinkFlags::Up;
        self.set(request)
    }

    /// What is there already is fine.
    pub fn add_address(
        &mut self,
        index: u32,
        address: IpAddr,
        prefix_length: u8,
    ) -> Result<(), NetlinkError> {
        let mut request = AddressMessage::default();
        request.header.index = index;
        request.header.prefix_len = prefix_length;
        request.header.scope = AddressScope::Universe;
        request.header.family = family(address);
        if address.is_ipv6() {
            // Whoever gave it out knows that it is unique; a container does not wait to use it.
            request.header.flags = AddressHeaderFlags::Nodad;
        }
        request.attributes.extend([
            AddressAttribute::Local(address),
            AddressAttribute::Address(address),
        ]);
        self.add(&RouteNetlinkMessage::NewAddress(request))
    }

    /// What is there already is fine.
    pub fn add_route(&mut self, index: u32, route: &Route) -> Result<(), NetlinkError> {
        self.add(&RouteNetlinkMessage::NewRoute(route.message(index)))
    }

    /// What is not there is fine.
    pub fn remove_route(&mut self, index: u32, route: &Route) -> Result<(), NetlinkError> {
        let request = RouteNetlinkMessage::DelRoute(route.message(index));
        match self.exchange.ask(&request, NLM_F_ACK, |_| Ok(())) {
            Err(error) if error.errno() == Some(Errno::SRCH) => Ok(()),
            result => result,
        }
    }

    /// Lets the kernel ask who has this address: up to three times, a second apart
    /// (`mcast_solicit` and `retrans_time`, Documentation/networking/ip-sysctl.rst).
    pub fn solicit(&mut self, index: u32, neighbour: IpAddr) -> Result<(), NetlinkError> {
        let mut request = NeighbourMessage::default();
        request.header.family = family(neighbour);
        request.header.ifindex = index;
        request.header.flags = NeighbourFlags::Use;
        let destination = NeighbourAttribute::Destination(neighbour.into());
        request.attributes.push(destination);
        self.add(&RouteNetlinkMessage::NewNeighbour(request))
    }

    fn add(&mut self, request: &RouteNetlinkMessage) -> Result<(), NetlinkError> {
        let flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        match self.exchange.ask(request, flags, |_| Ok(())) {
            Err(error) if error.errno() == Some(Errno::EXIST) => Ok(()),
            result => result,
        }
    }
}

impl Route {
    fn message(&self, index: u32) -> RouteMessage {
        let mut request = RouteMessage::default();
        request.header.address_family = family(self.destination);
        request.header.destination_prefix_length = self.prefix_length;
        request.header.table = RouteHeader::RT_TABLE_MAIN;
        request.header.protocol = RouteProtocol::Static;
        request.header.kind = match self.hop {
            Hop::Link | Hop::Gateway(_) => RouteType::Unicast,
            Hop::Blackhole => RouteType::BlackHole,
            Hop::Unreachable => RouteType::Unreachable,
            Hop::Prohibit => RouteType::Prohibit,
        };
        request.header.scope = match self.hop {
            Hop::Link => RouteScope::Link,
            _ => RouteScope::Universe,
        };
        let destination = (self.prefix_length != 0).then_some(self.destination);
        let destination = destination.map(RouteAddress::from);
        let gateway = self.hop.gateway().map(RouteAddress::from);
        let link = self.hop.is_of_link().then_some(index);
        let attributes = &mut request.attributes;
        attributes.extend(destination.map(RouteAttribute::Destination));
        attributes.extend(gateway.map(RouteAttribute::Gateway));
        attributes.extend(self.metric.map(RouteAttribute::Priority));
        attributes.extend(link.map(RouteAttribute::Oif));
        request
    }
}

fn family(address: IpAddr) -> AddressFamily {
    match address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    }
}
