//! Input that nobody would write, made of input that somebody did.

use crate::random::Random;

/// Longer input is slow, and seldom says anything new.
const LONGEST: usize = 64 * 1024;

/// What parsers stumble over.
const ODD: [&[u8]; 20] = [
    b"\0",
    b"\xff",
    b"\n",
    b"\r\n\r\n",
    b"\"",
    b"'''",
    b"\\",
    b"[[",
    b"]]",
    b"{",
    b"}",
    b",",
    b"=",
    b": ",
    b"- ",
    b"#",
    b"-1",
    b"65536",
    b"18446744073709551616",
    b"\xf0\x9f\x92\xa9",
];

pub(crate) struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    random: Random,
}

impl<'a> Mutator<'a> {
    pub(crate) fn new(seeds: &'a [Vec<u8>]) -> Self {
        let random = Random::new(1);
        Self { seeds, random }
    }

    /// One of the seeds after a few changes.
    pub(crate) fn next(&mut self) -> Vec<u8> {
        let mut input = self.seed().to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let (from, to) = self.part(input.len());
        match self.below(8) {
            0 => drop(input.drain(from..to)),
            1 => input.truncate(from),
            2 => {
                let part = input[from..to].to_vec();
                input.splice(from..from, part);
            }
            3 => {
                let other = self.seed();
                let (begin, end) = self.part(other.len());
                input.splice(from..to, other[begin..end].iter().copied());
            }
            4 => input[from..to].reverse(),
            5 => {
                if let Some(byte) = input.get_mut(from) {
                    *byte ^= 1 << self.random.below(8);
                }
            }
            kind => {
                let odd = ODD[self.below(ODD.len())];
                // Put in, or in the place of as many.
                let end = if kind == 6 {
                    from
                } else {
                    input.len().min(from + odd.len())
                };
                input.splice(from..end, odd.iter().copied());
            }
        }
    }

    fn seed(&mut self) -> &'a [u8] {
        let at = self.below(self.seeds.len());
        &self.seeds[at]
    }

    /// A part of so many bytes, mostly a short one.
    fn part(&mut self, length: usize) -> (usize, usize) {
        let from = self.below(length + 1);
        let longest = if self.below(4) == 0 { length } else { 16 };
        let to = from + self.below(longest + 1);
        (from, to.min(length))
    }

    fn below(&mut self, limit: usize) -> usize {
        self.random.below(limit as u64) as usize
    }
}
