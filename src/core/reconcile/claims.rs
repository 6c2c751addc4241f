//! What one PF is given, no other is.

use super::pass::{Pass, Round};
use crate::host::HostError;
use crate::model::{PciAddress, TakenAddresses};
use crate::plan::OwnedPf;
use crate::policy::MacChoice;
use crate::policy::resolve::holds_on;

impl Pass<'_> {
    /// False: an address is another's by now, and there is another plan to be made.
    pub(super) fn own(&self, owned: Option<OwnedPf>, round: &Round) -> bool {
        let pf = round.pf.address;
        match (owned, &round.others) {
            (Some(owned), Some(others)) => self.ledger.claim(pf, owned, others),
            (owned, _) => {
                self.ledger.set_owned(pf, owned);
                true
            }
        }
    }

    /// Of the other PFs as they are now, and of what is written down and wanted of them.
    pub(super) fn taken_addresses(&self, but: PciAddress) -> Result<TakenAddresses, HostError> {
        let mut taken = self.host.taken_addresses(but)?;
        self.ledger.note_addresses(but, &mut taken);
        let known = self.addresses.read();
        taken.note_wants_of(&known);
        for pf in known.awaited().filter(|pf| *pf < but) {
            self.note_possible(pf, &mut taken);
        }
        Ok(taken)
    }

    /// What policies write for VFs of a PF that nobody has looked at yet, as far as they do not name
    /// others by their PCI addresses.
    fn note_possible(&self, pf: PciAddress, taken: &mut TakenAddresses) {
        let policies = self.policies.policies.iter().filter(|policy| {
            let at = &policy.matches.pci_address;
            policy.enabled && holds_on(policy, self.node) && (at.is_empty() || at.contains(&pf))
        });
        for (&vf, special) in policies.flat_map(|policy| &policy.overrides) {
            if let Some(MacChoice::Fixed(mac)) = special.mac {
                taken.note_possible(pf, mac, vf);
            }
        }
    }
}
