//! Whether a VF is still allocated as it was.

use super::inside::find;
use super::{Allocator, AttachError};
use sriovd_core::host::{Host as _, Look};
use sriovd_core::model::{Allocation, VfSettings};
use sriovd_host::namespace::Namespace;
use sriovd_host::netlink::Link;
use std::net::IpAddr;

/// What an allocated VF is like now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspection {
    /// `None` for a VF that a user-space driver has.
    pub link: Option<Link>,
    /// The addresses of its netdev in the container.
    pub addresses: Vec<IpAddr>,
    /// Attributes that are not as they were set.
    pub differences: Vec<String>,
}

/// Looks at a VF and its netdev in the container's namespace.
pub fn inspect(
    allocator: &Allocator,
    allocation: &Allocation,
    settings: &VfSettings,
) -> Result<Inspection, AttachError> {
    let mut inspection = Inspection::default();
    let pf = allocator.host.observe(allocation.pf, Look::Plain)?;
    let vf = pf.and_then(|mut pf| pf.vfs.remove(&allocation.vf));
    let Some(vf) = vf.filter(|vf| vf.address == allocation.address) else {
        return Err(AttachError::NotAVf(allocation.address));
    };
    let differs = settings.iter().filter(|setting| {
        let is = vf.settings.get(setting.attribute());
        is.is_some_and(|is| is != *setting)
    });
    let differs = differs.map(|setting| format!("VF {} no longer has {setting}", allocation.vf));
    inspection.differences.extend(differs);
    if allocation.interface_before.is_none() {
        return Ok(inspection);
    }
    let namespace = Namespace::open(&allocation.container.namespace)?;
    let (link, addresses) = namespace.within(|netlink| {
        let link = find(&allocator.host, netlink, allocation.address)?;
        let all = netlink.addresses();
        let all = all.map_err(|error| error.while_doing("reading addresses".to_owned()))?;
        let own = all.into_iter().filter(|it| it.interface == link.index);
        let own: Vec<_> = own.map(|it| it.address).collect();
        Ok((link, own))
    })?;
    inspection.link = Some(link);
    inspection.addresses = addresses;
    Ok(inspection)
}
