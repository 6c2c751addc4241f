//! `mac = "stable"`: the same address for one PF and VF index for ever, without anything stored.

use crate::model::{MacAddress, VfIndex};
use sha2::{Digest, Sha256};

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
