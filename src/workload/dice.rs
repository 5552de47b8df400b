//! Seeded dice: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014), so that
//! a workload is the same on every machine and with every version of every dependency.

/// A sequence of pseudorandom numbers that depends on its seed only.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The sequence of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in 0..`n`; `n` is far below 2^32, so the bias is too small to see.
    pub fn below(&mut self, n: u64) -> u64 {
        ((self.bits() >> 32) * n) >> 32
    }

    /// An index into a slice of `len` elements.
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number in (0, 1].
    pub fn unit(&mut self) -> f64 {
        const BITS: u32 = 53;
        ((self.bits() >> (64 - BITS)) + 1) as f64 / (1u64 << BITS) as f64
    }

    /// A normally distributed number (Box and Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A rank in 1..=`n`, rank r with a chance of about 1/r: Zipf's law with exponent 1.
    pub fn zipf(&mut self, n: u32) -> u32 {
        let rank = (self.unit() * f64::from(n + 1).ln()).exp() as u32;
        rank.clamp(1, n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_published_sequence() {
        let mut dice = Dice::new(1_234_567);
        assert_eq!([dice.bits(), dice.bits()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn half_of_all_zipf_draws_are_below_the_root() {
        let mut dice = Dice::new(7);
        let low = (0..10_000).filter(|_| dice.zipf(100_000) <= 316).count();
        assert!((4_800..5_200).contains(&low), "{low}");
    }
}
