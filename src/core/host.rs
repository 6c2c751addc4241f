//! The seam to the kernel: look at a PF, do one step. The real host and the simulator stand behind it.
#![warn(missing_docs)]

pub mod error;

use crate::model::bridge::OpenVswitch;
use crate::model::{
    Action, Holder, HostSnapshot, Node, PciAddress, PfSnapshot, TakenAddresses, VfIndex,
    VfStatistics,
};
pub use error::HostError;
use std::collections::{BTreeMap, BTreeSet};

/// What an observation must tell beyond what every pass needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Without the holders of VFs.
    Plain,
    /// With the holders of every VF and what uses the PF's own interface: some reads per VF, and
    /// nothing is opened. An open VFIO group of which no device is open is not seen.
    WithHolders,
    /// The same, and each VFIO group that nothing tells of is opened to see whether somebody has it:
    /// a program that opens its group in that instant is refused.
    Asking,
    /// With the holders of this VF, and of no other. Its VFIO group is opened too.
    WithHoldersOf(VfIndex),
}

/// May block for seconds, some drivers for ever: never call it on an event loop.
pub trait Host: Send + Sync {
    /// The host's name and kernel. Labels come from the settings and are not in it.
    fn node(&self) -> Result<Node, HostError>;

    /// The network devices with the SR-IOV capability that are present. Cheap; never blocks on one.
    fn pfs(&self) -> Result<BTreeSet<PciAddress>, HostError>;

    /// The PF that a PCI function is or belongs to. Cheap, like `pfs`.
    fn pf_of(&self, device: PciAddress) -> Result<Option<PciAddress>, HostError>;

    /// `None`: there is no such PF (any more).
    fn observe(&self, pf: PciAddress, look: Look) -> Result<Option<PfSnapshot>, HostError>;

    /// Does one step and waits for its result. What it gives up it leaves as it was.
    fn apply(&self, action: &Action) -> Result<(), HostError>;

    /// The VFs of a PF that are allocated to containers, by their records. Some reads per record,
    /// none per VF.
    fn allocated(&self, _pf: &PfSnapshot) -> Result<BTreeMap<VfIndex, Holder>, HostError> {
        Ok(BTreeMap::new())
    }

    /// The addresses of all PFs but this one, and of their VFs. A PF that cannot be read is only
    /// present: its trouble is not that of the others.
    fn taken_addresses(&self, but: PciAddress) -> Result<TakenAddresses, HostError> {
        let mut taken = TakenAddresses::default();
        for pf in self.pfs()?.into_iter().filter(|pf| *pf != but) {
            taken.note_present(pf);
            if let Ok(Some(seen)) = self.observe(pf, Look::Plain) {
                taken.note_pf(&seen);
            }
        }
        Ok(taken)
    }

    /// The bridges of Open vSwitch, of all PFs and others. Where it cannot be asked, it says why.
    fn open_vswitch(&self) -> OpenVswitch {
        OpenVswitch::silent("this host has no Open vSwitch".to_owned())
    }

    /// What the PF with this interface has counted for its VFs; empty where it does not count.
    fn vf_statistics(&self, _interface: u32) -> Result<BTreeMap<VfIndex, VfStatistics>, HostError> {
        Ok(BTreeMap::new())
    }

    /// Every PF that is there, as it is now.
    fn snapshot(&self, look: Look) -> Result<HostSnapshot, HostError> {
        let mut snapshot = HostSnapshot {
            node: self.node()?,
            ..HostSnapshot::default()
        };
        for address in self.pfs()? {
            if let Some(mut pf) = self.observe(address, look)? {
                if pf.eswitch_mode.is_some() {
                    pf.open_vswitch = Some(self.open_vswitch().concerning(&pf));
                }
                snapshot.pfs.insert(address, pf);
            }
        }
        Ok(snapshot)
    }
}
