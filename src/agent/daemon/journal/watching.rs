//! Entries of directories in which nothing is heard.

use super::message_id as id;
use std::path::Path;
use tracing::{error, info};

/// What happens in it is not heard.
pub fn not_watched(directory: &Path, reason: &str) {
    let shown = directory.display();
    error!(
        MESSAGE_ID = id::NOT_WATCHED,
        SRIOV_FILE = %shown,
        "changes in {shown} go unnoticed until it can be watched: {reason}",
    );
}

/// What happens in this directory is heard again.
pub fn watched_again(directory: &Path) {
    let shown = directory.display();
    info!(MESSAGE_ID = id::WATCHED_AGAIN, SRIOV_FILE = %shown, "{shown} is watched");
}
