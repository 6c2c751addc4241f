//! What outputs tell of.

use crate::model::{HostSnapshot, PciAddress, PfSnapshot};
use crate::policy::resolve::Resolution;
use std::collections::BTreeMap;

/// A host as it was seen, with what is wanted of its PFs.
#[derive(Debug, Clone, Default)]
pub struct View<'a> {
    /// The node's name.
    pub hostname: &'a str,
    /// Each PF as it was seen, with what the policies want of it.
    pub pfs: BTreeMap<PciAddress, (&'a PfSnapshot, &'a Resolution)>,
}

impl<'a> View<'a> {
    /// `resolutions` may lack PFs: no policy wants anything of those.
    pub fn new(host: &'a HostSnapshot, resolutions: &'a BTreeMap<PciAddress, Resolution>) -> Self {
        const UNMATCHED: &Resolution = &Resolution::Unmatched;
        let pfs = host.pfs.iter();
        Self {
            hostname: &host.node.hostname,
            pfs: pfs
                .map(|(at, pf)| (*at, (pf, resolutions.get(at).unwrap_or(UNMATCHED))))
                .collect(),
        }
    }
}
