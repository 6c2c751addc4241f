//! A moment that is written down and read again, also by people.

use super::{Malformed, serde_as_text};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};

/// Whole seconds since 1970, shown as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The last second of the year 9999: there is no text for later ones.
const LAST: u64 = 253_402_300_799;

impl Timestamp {
    /// The last whole second that has begun so long after 1970.
    pub fn at(since_1970: Duration) -> Self {
        Self(since_1970.as_secs().min(LAST))
    }

    /// The first whole second that begins so long after 1970, or later.
    pub fn not_before(since_1970: Duration) -> Self {
        let part = u64::from(since_1970.subsec_nanos() != 0);
        Self((since_1970.as_secs() + part).min(LAST))
    }

    /// The time since 1970-01-01 00:00 UTC, in whole seconds.
    pub fn since_1970(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = UNIX_EPOCH + self.since_1970();
        humantime::format_rfc3339_seconds(time).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let since = humantime::parse_rfc3339(text)
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let expected = "a time such as 2026-01-31T08:00:00Z";
        since
            .map(Self::at)
            .ok_or_else(|| Malformed::new(text, expected))
    }
}
serde_as_text!(Timestamp, {
    "description": "RFC 3339, in UTC",
    "format": "date-time",
});
