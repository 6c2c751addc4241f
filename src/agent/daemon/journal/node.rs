//! Whether it is known which node this is for policies.

use super::message_id as id;
use std::fmt::Display;
use tracing::{error, info};

/// Which node this is for policies cannot be told: what was known last holds.
pub fn node_unread(error: &dyn Display) {
    error!(
        MESSAGE_ID = id::NODE_UNREAD,
        "the name and the labels of this host cannot be read, and the previous ones stay in force: {error}",
    );
}

/// The name and the labels of the host could be read again.
pub fn node_read() {
    info!(
        MESSAGE_ID = id::NODE_READ,
        "the name and the labels of this host are read again"
    );
}
