//! The range in which a window's value is usual, when it is known what to expect and how much windows scatter.
//!
//! A count and a ratio have a noise that follows from their size: it is taken from the transformations that make it
//! constant (F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35, 1948): a
//! count scatters as a negative binomial with `spread` as its coefficient of variation at large counts, a ratio as a
//! binomial whose own share scatters. Both keep to small numbers: 1 of 2 requests is inside of every range.
//! A plain value has no noise of its own; its `spread` is its standard deviation.

use super::{Kind, Settings};

/// Added to a count before its root is taken (Anscombe).
const COUNT_SHIFT: f64 = 0.375;

/// What is usual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// A value below this deviates.
    pub low: f64,
    /// The middle, not halfway between the two: where most values are.
    pub expected: f64,
    /// A value above this deviates.
    pub high: f64,
}

impl Usual {
    /// Where `value` is: 0 in the middle, 1 at the upper edge, -1 at the lower, beyond 1 when it deviates.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let room = if value >= self.expected { self.high - self.expected } else { self.expected - self.low };
        match value - self.expected {
            0.0 => 0.0,
            off => (off / room.max(f64::MIN_POSITIVE)).clamp(-f64::from(f32::MAX), f64::from(f32::MAX)),
        }
    }
}

/// What a range is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub kind: Kind,
    /// The expected value, and between what it may be.
    pub expected: f64,
    pub between: [f64; 2],
    /// Windows of a count, total of a ratio; a plain value has no use for it.
    pub exposure: f64,
    /// Scatter of the windows below and above.
    pub spread: [f64; 2],
}

impl Shape {
    /// The range whose edges are `reach` standard deviations away.
    pub fn at(&self, reach: f64) -> Usual {
        let low = self.edge(self.between[0], self.spread[0], -reach);
        let high = self.edge(self.between[1], self.spread[1], reach);
        Usual { low, expected: self.expected, high }
    }

    /// The same, at least as wide as the smallest effect that matters.
    pub fn judged(&self, settings: &Settings) -> Usual {
        let usual = self.at(settings.reach());
        let least = match self.kind {
            Kind::Count => settings.effect_count / self.exposure,
            Kind::Ratio => settings.effect_ratio,
            Kind::Plain => settings.effect_value,
        };
        let share = settings.effect_relative.max(0.0);
        let size = size(self.kind, self.expected);
        let up = least.max(share * size);
        let down = least.max(share / (1.0 + share) * size);
        Usual { low: usual.low.min(self.expected - down), high: usual.high.max(self.expected + up), ..usual }
    }

    fn edge(&self, expected: f64, spread: f64, reach: f64) -> f64 {
        match self.kind {
            Kind::Count => count_edge(expected * self.exposure, spread, reach) / self.exposure,
            Kind::Ratio => ratio_edge(expected, self.exposure, spread, reach),
            Kind::Plain => expected + reach * spread,
        }
    }
}

/// What a relative change is relative to. A ratio near 1 is judged by what it lacks, as one near 0 by what it has.
pub(crate) fn size(kind: Kind, expected: f64) -> f64 {
    match kind {
        Kind::Count | Kind::Plain => expected.abs(),
        Kind::Ratio => expected.min(1.0 - expected).max(0.0),
    }
}

fn count_edge(expected: f64, spread: f64, reach: f64) -> f64 {
    let middle = (spread * (expected + COUNT_SHIFT).sqrt()).asinh();
    let root = (middle + reach * spread / 2.0).max(0.0).sinh() / spread;
    (root * root - COUNT_SHIFT).max(0.0)
}

fn ratio_edge(expected: f64, total: f64, spread: f64, reach: f64) -> f64 {
    let all = total + 2.0 * COUNT_SHIFT;
    let middle = ((expected.clamp(0.0, 1.0) * total + COUNT_SHIFT) / all).sqrt().asin();
    let half = reach / 2.0 * (1.0 / (total + 0.5) + spread * spread).sqrt();
    let root = (middle + half).clamp(0.0, std::f64::consts::FRAC_PI_2).sin();
    ((root * root * all - COUNT_SHIFT) / total).clamp(0.0, 1.0)
}
