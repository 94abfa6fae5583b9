//! A small deterministic generator: the same seed gives the same history and the same codes.

use std::sync::atomic::{AtomicU64, Ordering};

/// SplitMix64; plenty for test data, useless as a source of secrets.
#[derive(Debug)]
pub struct Random(AtomicU64);

impl Random {
    /// A generator whose whole sequence follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number of the sequence.
    pub fn next(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 when `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    /// `count` decimal digits; the first may be 0.
    pub fn digits(&self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + (self.below(10) as u8))).collect()
    }

    /// `count` lower-case hexadecimal digits.
    pub fn hex(&self, count: usize) -> String {
        (0..count)
            .filter_map(|_| char::from_digit(self.below(16) as u32, 16))
            .collect()
    }
}
