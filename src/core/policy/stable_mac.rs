//! `mac = "stable"`: the same address for one PF and VF index for ever, without anything stored.

use crate::model::{MacAddress, PfSnapshot, VfIndex};
use sha2::{Digest, Sha256};
use std::sync::OnceLock;

/// The addresses of one PF's VFs, each made when it is first asked for.
#[derive(Debug)]
pub struct StableMacs {
    /// `None`: the PF has no permanent address, and its VFs get none.
    pf: Option<MacAddress>,
    of_vfs: Vec<OnceLock<MacAddress>>,
}

impl StableMacs {
    /// Those of this PF, for as many VFs as it offers.
    pub fn of(pf: &PfSnapshot) -> Self {
        let of_vfs = (0..pf.total_vfs).map(|_| OnceLock::new());
        Self {
            pf: pf.permanent_mac(),
            of_vfs: of_vfs.collect(),
        }
    }

    /// Whether they are those of this PF, and not of another in its slot.
    pub fn are_of(&self, pf: &PfSnapshot) -> bool {
        self.pf == pf.permanent_mac() && self.of_vfs.len() == usize::from(pf.total_vfs)
    }

    /// The address of one VF.
    pub fn get(&self, vf: VfIndex) -> Option<MacAddress> {
        let pf = self.pf?;
        let make = || stable_mac(pf, vf);
        let known = self.of_vfs.get(usize::from(vf.0));
        Some(known.map_or_else(make, |known| *known.get_or_init(make)))
    }
}

/// The first six bytes of SHA-256(permanent MAC of the PF ‖ VF index, big endian), made locally
/// administered and unicast (IEEE 802c, bits 1 and 0 of the first byte).
pub fn stable_mac(pf: MacAddress, vf: VfIndex) -> MacAddress {
    let digest = Sha256::new()
        .chain_update(pf.0)
        .chain_update(vf.0.to_be_bytes())
        .finalize();
    let mut bytes = [0; 6];
    bytes.copy_from_slice(&digest[..6]);
    bytes[0] = bytes[0] & !1 | 2;
    MacAddress(bytes)
}
