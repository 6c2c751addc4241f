//! Where the API of vf-operator is, and what was posted through it.

use super::message_id as id;
use std::fmt::Display;
use tracing::{info, warn};

/// What an earlier version kept of vf-operator's API is a source now.
pub fn posted_taken_over(files: usize) {
    info!(
        MESSAGE_ID = id::VF_OPERATOR,
        "what was posted through vf-operator's API is the source vf-operator now: {files} files taken over"
    );
}

/// It is in force all the same.
pub fn posted_not_taken_over(error: &dyn Display) {
    warn!(
        MESSAGE_ID = id::VF_OPERATOR,
        "what was posted through vf-operator's API is in force, and cannot be made a source: {error}"
    );
}

/// The settings ask for vf-operator's API.
pub fn vf_operator_elsewhere() {
    info!(
        MESSAGE_ID = id::VF_OPERATOR,
        "[vf_operator]: sriovd-vf-operator.service serves the API of vf-operator"
    );
}
