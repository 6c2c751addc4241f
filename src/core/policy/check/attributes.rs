//! The attributes of VFs: the same keys in policies, single VFs and networks.

use crate::model::VfSettings;
use crate::model::attribute::Contradiction;
use crate::policy::draft::attributes::{AttributesDraft, Scope};
use crate::policy::reader::Fault;

/// Only what is written. Where a key is one part of an attribute, `base` gives the other parts.
pub(super) fn settings<S: Scope>(
    draft: &AttributesDraft<S>,
    base: &VfSettings,
    faults: &mut Vec<Fault>,
) -> VfSettings {
    let (settings, wrong) = draft.values().settings(base);
    faults.extend(wrong.into_iter().map(|wrong| match wrong {
        Contradiction::NoTag { key, is_told, .. } => {
            let key = key.key;
            let why = match is_told {
                true => "with vlan = 0, which is none",
                false => "without \"vlan\"",
            };
            let fault = Fault::new(format!("\"{key}\" has no effect {why}")).at(key);
            fault.suggesting("give a \"vlan\" from 1 to 4094")
        }
        Contradiction::MinAboveMax {
            min: (of_min, min),
            max: (of_max, max),
        } => {
            let at = if draft.has(of_min) { of_min } else { of_max };
            let (of_min, of_max) = (of_min.key, of_max.key);
            Fault::new(format!("{of_min} = {min} is above {of_max} = {max}")).at(at.key)
        }
    }));
    settings
}
