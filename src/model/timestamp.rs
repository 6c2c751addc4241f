//! A moment that is written down and read again, also by people.

use super::{Malformed, serde_as_text};
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Whole seconds since 1970, shown as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// The last second of the year 9999: there is no text for later ones.
const LAST: u64 = 253_402_300_799;

impl Timestamp {
    /// The first whole second that is not before `time`.
    pub fn not_before(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs() + u64::from(since.subsec_nanos() != 0);
        Self(seconds.min(LAST))
    }

    pub fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(self.time()).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let expected = "a time such as 2026-01-31T08:00:00Z";
        let time = humantime::parse_rfc3339(text);
        time.map(Self::not_before)
            .map_err(|_| Malformed::new(text, expected))
    }
}
serde_as_text!(Timestamp);
