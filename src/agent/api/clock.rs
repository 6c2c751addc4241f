//! The clock on the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long it is since 1970. One that stands before that is not set.
pub fn since_1970() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}
