//! Other network namespaces, seen from this one.

use super::attributes::find;
use super::{Link, Malformed, Netlink, NetlinkError, message};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkExtentMask};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use std::os::fd::{AsRawFd, BorrowedFd};

/// `struct rtgenmsg`, padded.
const NSID_HEADER: usize = 4;

const NETNSA_NSID: u16 = 1;

/// The id by which our namespace knows another one. It has one at the latest when a netdev of
/// ours went there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceId(i32);

impl Netlink {
    /// `None` where our namespace has no id for the one that `namespace` stands for.
    pub fn namespace_id(
        &mut self,
        namespace: BorrowedFd<'_>,
    ) -> Result<Option<NamespaceId>, NetlinkError> {
        let mut request = NsidMessage::default();
        let fd = u32::try_from(namespace.as_raw_fd()).unwrap_or(u32::MAX);
        request.attributes.push(NsidAttribute::Fd(fd));
        let mut found = None;
        self.exchange
            .ask(&RouteNetlinkMessage::GetNsId(request), 0, |body| {
                let body = body.get(NSID_HEADER..).ok_or(Malformed("a namespace id"))?;
                let id = find(body, NETNSA_NSID);
                found = id.and_then(|id| id.u32());
                Ok(())
            })?;
        // -1: not assigned.
        Ok(found
            .map(u32::cast_signed)
            .filter(|id| *id >= 0)
            .map(NamespaceId))
    }

    /// The links in another namespace; needs CAP_NET_ADMIN there.
    pub fn links_in(&mut self, namespace: NamespaceId) -> Result<Vec<Link>, NetlinkError> {
        let mut request = message(0);
        request
            .attributes
            .push(LinkAttribute::IfNetnsId(namespace.0));
        let mask = vec![LinkExtentMask::SkipStats];
        request.attributes.push(LinkAttribute::ExtMask(mask));
        self.exchange
            .dump(&RouteNetlinkMessage::GetLink(request), |body| {
                Link::parse(body).map(Some)
            })
    }
}
