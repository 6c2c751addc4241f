//! Numbers without a pattern, but the same for the same seed.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "several crates share this, and neither uses all of it"
)]

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `limit`, by a linear congruence; its upper bits are the random ones.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// There is at least one.
    pub fn one_of<T: Copy>(&mut self, many: &[T]) -> T {
        many[self.below(many.len() as u64) as usize]
    }
}
