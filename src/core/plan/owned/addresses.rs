//! Addresses that VFs were given.

use super::OwnedPf;
use crate::model::{MacAddress, VfIndex};

impl OwnedPf {
    /// What VFs were given, or are just being given.
    pub fn addresses(&self) -> impl Iterator<Item = (MacAddress, VfIndex)> {
        let vfs = self.vfs.iter();
        let given = vfs.filter_map(|(&index, vf)| Some((vf.mac?, index)));
        given.filter(|(mac, _)| *mac != MacAddress::ZERO)
    }
}
