//! How long to wait before a failed step is tried again: 100 ms, doubled up to 30 s, with jitter.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(30);

/// For so long something must be gone before it counts as removed.
pub(super) const SETTLE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next delay, between three quarters and the whole of what the number of failures gives;
    /// `jitter` (0 ..= 255) says where, so that NICs that failed together do not retry together.
    pub(super) fn next(&mut self, jitter: u8) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(9)).min(LONGEST);
        self.failures += 1;
        whole - whole / 4 * u32::from(jitter) / 255
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// The subsecond part of the clock is random enough to spread retries.
pub(super) fn jitter() -> u8 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| (since.subsec_nanos() >> 8) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_half_a_minute_and_start_again_after_success() {
        let mut backoff = Backoff::default();
        let delays: Vec<u64> = (0..11)
            .map(|_| backoff.next(0).as_millis() as u64)
            .collect();
        assert_eq!(delays[..4], [100, 200, 400, 800]);
        assert_eq!(delays[9..], [30_000, 30_000]);
        backoff.reset();
        assert_eq!(backoff.next(255), Duration::from_millis(75));
    }
}
