//! Entries about sources.

use super::message_id as id;
use sriovd_core::policy::Origin;
use sriovd_core::policy::source::{ItemFault, ItemReport, ItemState, SourceReport};
use tracing::error;

/// One item of a source, while its others hold.
pub fn item_broken(source: &SourceReport, item: &ItemReport, fault: &ItemFault) {
    let meanwhile = match item.state {
        ItemState::KeptLastGood => "; its last good content stays in force",
        ItemState::NoEffect | ItemState::InForce => "; it has no effect",
    };
    let name = item.name.as_deref().unwrap_or("without a name");
    let origin = Origin::Source {
        source: source.name.clone(),
        origin: item.origin.clone(),
    };
    let kind = item.kind;
    error!(
        MESSAGE_ID = id::POLICY_BROKEN,
        SRIOV_SOURCE = %source.name,
        "{origin}: {kind} {name} cannot be used{meanwhile}: {fault}",
    );
}
