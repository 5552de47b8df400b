//! The recent part: how the last hours compare with the profile, how windows scatter, and what the current hour was so far.
//!
//! The **level** is what the last two hours had, over what the profile expects of them (for plain values: the mean
//! difference); sums that forget exponentially (R. G. Brown, 1956). It carries growth, deploys and holidays.
//! The **spread** below and above is taken from the hundredth of the windows that lies farthest off on that side: a quantile
//! followed by stochastic approximation (H. Robbins, S. Monro, 1951; L. Tierney, 1983), which a fault cannot carry away.
//! The **pool** is the last ten windows as one, in which small counts and ratios of few events show.

use super::profile::{Basis, HourWas, Profile};
use super::range::{Shape, Usual, size};
use super::{Kind, VALUE_MAX};

/// Span of the level; at least so many windows.
const LEVEL_S: f64 = 2.0 * 3600.0;
const LEVEL_WINDOWS_MIN: f64 = 12.0;
/// What a window keeps of the pool before it: with this about ten windows count.
const POOL_KEEP: f64 = 0.82;
/// A decayed sum of counts scatters less than a count of its size; this many times the sum scatters alike.
const POOL_WEIGHT: f64 = 1.0 + POOL_KEEP;
/// The share of windows farther off than the quantile that the spread follows, and that quantile of a normal distribution.
const TAIL: f64 = 0.01;
const TAIL_REACH: f64 = 2.33;
/// How fast the spread follows: a window in the tail widens it by a quarter, 100 others narrow it by as much.
const SPREAD_GAIN: f64 = 0.25;
/// The spread at first and its bounds: coefficient of variation, distance on the arcsine scale, share of the value.
const SPREAD_COUNT: Spreads = Spreads { first: 0.2, least: 0.05, most: 3.0 };
const SPREAD_RATIO: Spreads = Spreads { first: 0.05, least: 0.01, most: 1.0 };
const SPREAD_PLAIN: Spreads = Spreads { first: 0.3, least: 0.01, most: 1e6 };
/// Least share of a plain value's root mean square distance that is its spread: rare spikes that come again are usual, too.
const SCATTER_SHARE: f64 = 0.35;
/// Span of that mean.
const SCATTER_S: f64 = 86_400.0;
/// Smaller rates and ratios are taken as this: their logarithm must exist.
const RATE_MIN: f64 = 0.01;
const RATIO_MIN: f64 = 0.0005;
/// So many expected events are added to what an hour or the level had, so that few events move them little.
const PRIOR_EVENTS: f64 = 2.0;
/// Sums of an accepted episode are at least this: there must be a ratio, even to a profile that expected nearly nothing.
const ACCEPTED_MIN: f64 = 0.01;
/// A sum that is turned to another hour is at most this: what two hours of the largest values come to, and some.
const SUM_MAX: f32 = 1e20;

struct Spreads {
    first: f64,
    least: f64,
    most: f64,
}

/// What changes with each window. All sums forget, or end with the hour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Recent {
    /// End of the last window, nanoseconds since 1970.
    pub at: i64,
    /// Windows that had data; saturates.
    pub windows: u32,
    /// The current hour, counted from 1970 in local time.
    pub hour: i64,
    /// What is known of it.
    pub basis: Basis,
    /// The profile in the middle of the hour before, of this one, and of the next.
    pub season: [f32; 3],
    /// What this hour had: values, the same held to the usual range, exposure, windows, windows outside.
    pub hour_value: f32,
    pub hour_held: f32,
    pub hour_exposure: f32,
    pub hour_windows: u32,
    pub hour_outside: u32,
    /// What the last hours had, and what was expected of them (a plain value: sum of differences, and of weights).
    pub level: Sums,
    /// The same since the episode began; nothing without one.
    pub level_now: Sums,
    /// Spread below and above.
    pub spread: [f32; 2],
    /// Root mean square distance.
    pub scatter: f32,
    pub pool_value: f32,
    pub pool_expected: f32,
    pub pool_exposure: f32,
}

/// Decayed sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    pub had: f32,
    pub expected: f32,
}

/// One window's numbers: a value per window and what it is of (1 unless it is a ratio).
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    /// Rate, ratio or value.
    pub value: f64,
    pub exposure: f64,
}

/// Which level a window teaches.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Usual,
    Episode,
}

/// The profile at a window. Both count as expected: traffic rises smoothly, jobs start on the hour.
#[derive(Clone, Copy)]
pub(crate) struct Season {
    /// Between the middles of hours.
    pub smooth: f64,
    /// Of the whole hour.
    pub hour: f64,
}

impl Sums {
    fn add(&mut self, keep: f64, had: f64, expected: f64) {
        self.had = (f64::from(self.had) * keep + had) as f32;
        self.expected = (f64::from(self.expected) * keep + expected) as f32;
    }

    /// Forgets the level, keeps its weight: the profile was just set to what is expected.
    fn restart(&mut self, kind: Kind) {
        match kind {
            Kind::Count | Kind::Ratio => self.expected = self.had,
            Kind::Plain => self.had = 0.0,
        }
    }

    /// Keeps what there was, now that the profile is higher by `off`.
    fn turn(&mut self, kind: Kind, off: f32) {
        match kind {
            Kind::Count | Kind::Ratio => self.expected = (self.expected * off.exp()).min(SUM_MAX),
            Kind::Plain => self.had = (self.had - self.expected * off).clamp(-SUM_MAX, SUM_MAX),
        }
    }
}

impl Recent {
    /// What a series starts with, whose first reading this is.
    pub fn start(kind: Kind, hour: i64, reading: Reading) -> Self {
        let first = to_profile(kind, reading.value);
        let bounds = spreads(kind);
        let spread = (bounds.first * spread_unit(kind, reading.value)) as f32;
        Self { hour, season: [first; 3], spread: [spread; 2], ..Self::default() }
    }

    /// The profile `passed` of the hour (0 to 1).
    pub fn season(&self, kind: Kind, passed: f64) -> Season {
        let (other, share) = match passed < 0.5 {
            true => (self.season[0], 0.5 - passed),
            false => (self.season[2], passed - 0.5),
        };
        let here = f64::from(self.season[1]);
        let between = here + (f64::from(other) - here) * share;
        Season { smooth: from_profile(kind, between), hour: from_profile(kind, here) }
    }

    /// What is expected where the profile has `season`.
    pub fn expected(&self, kind: Kind, season: f64) -> f64 {
        let (had, expected) = (f64::from(self.level.had), f64::from(self.level.expected));
        let (least, most) = values(kind);
        let level = match kind {
            Kind::Count | Kind::Ratio => season * (had + PRIOR_EVENTS) / (expected + PRIOR_EVENTS),
            Kind::Plain if expected > 0.0 => season + had / expected,
            Kind::Plain => season,
        };
        level.max(least).min(most)
    }

    /// What one window's range is made of.
    pub fn shape(&self, kind: Kind, season: Season, exposure: f64) -> Shape {
        let expected = self.expected(kind, season.smooth);
        let hour = self.expected(kind, season.hour);
        let (doubt, size) = (self.doubt(), size(kind, expected));
        let low = expected.min(hour) - doubt / (1.0 + doubt) * size;
        let high = expected.max(hour) + doubt * size;
        Shape { kind, expected, between: [low, high], exposure, spread: self.spread.map(f64::from) }
    }

    /// The same of the last ten windows as one, and their value; a plain value has none.
    pub fn pooled(&self, window: &Shape) -> Option<(Shape, f64)> {
        let exposure = f64::from(self.pool_exposure) * POOL_WEIGHT;
        if window.kind == Kind::Plain || exposure <= 0.0 || window.expected <= 0.0 {
            return None;
        }
        let expected = f64::from(self.pool_expected) * POOL_WEIGHT / exposure;
        let between = window.between.map(|end| expected * end / window.expected);
        let value = f64::from(self.pool_value) * POOL_WEIGHT / exposure;
        Some((Shape { expected, between, exposure, ..*window }, value))
    }

    /// Adds a window to the pool.
    pub fn pool(&mut self, expected: f64, reading: Reading) {
        let add = |sum: f32, of: f64| (f64::from(sum) * POOL_KEEP + of * reading.exposure) as f32;
        self.pool_value = add(self.pool_value, reading.value);
        self.pool_expected = add(self.pool_expected, expected);
        self.pool_exposure = add(self.pool_exposure, 1.0);
    }

    /// Adds a window to the hour.
    pub fn add_to_hour(&mut self, usual: Usual, reading: Reading, outside: bool) {
        let held = reading.value.max(usual.low).min(usual.high);
        self.hour_held += (held * reading.exposure) as f32;
        self.hour_value += (reading.value * reading.exposure) as f32;
        self.hour_exposure += reading.exposure as f32;
        self.hour_windows = self.hour_windows.saturating_add(1);
        self.hour_outside = self.hour_outside.saturating_add(outside.into());
    }

    /// Learns the level from one more window: the usual one, or that of the episode.
    pub fn learn_level(&mut self, kind: Kind, window_s: u32, season: f64, reading: Reading, of: Level) {
        let keep = 1.0 - 1.0 / (LEVEL_S / f64::from(window_s)).max(LEVEL_WINDOWS_MIN);
        let sums = match of {
            Level::Usual => &mut self.level,
            Level::Episode => &mut self.level_now,
        };
        match kind {
            Kind::Count | Kind::Ratio => {
                sums.add(keep, reading.value * reading.exposure, season * reading.exposure);
            }
            Kind::Plain => sums.add(keep, reading.value - season, 1.0),
        }
    }

    /// Learns how windows scatter about what was expected.
    pub fn learn_spread(&mut self, shape: &Shape, window_s: u32, reading: Reading) {
        let (kind, expected) = (shape.kind, shape.expected);
        self.learn_scatter(window_s, reading.value - expected);
        let tail = shape.at(TAIL_REACH);
        let is_tail = [reading.value < tail.low, reading.value > tail.high];
        let bounds = spreads(kind);
        let unit = spread_unit(kind, expected);
        let least = match kind {
            Kind::Plain => (bounds.least * unit).max(SCATTER_SHARE * f64::from(self.scatter)),
            Kind::Count | Kind::Ratio => bounds.least,
        };
        for (spread, is_tail) in self.spread.iter_mut().zip(is_tail) {
            let step = SPREAD_GAIN * (f64::from(u8::from(is_tail)) - TAIL);
            *spread = (f64::from(*spread) * step.exp()).min(bounds.most * unit).max(least) as f32;
        }
    }

    /// Root mean square of the last day's distances; kept as the root, since squares of large values are not finite.
    fn learn_scatter(&mut self, window_s: u32, off: f64) {
        let gain = (f64::from(window_s) / SCATTER_S).max(1.0 / f64::from(self.windows.max(1)));
        let square = f64::from(self.scatter).powi(2);
        self.scatter = (square + gain * (off * off - square)).max(0.0).sqrt() as f32;
    }

    /// The level of the episode is the usual one from now on, and the profile is moved by it: else its hours would follow one
    /// by one, and differ from their neighbours meanwhile. The pool was about the old level.
    pub fn accept(&mut self, kind: Kind, profile: &mut Profile) {
        let old = self.season[1];
        let (had, expected) = (f64::from(self.level_now.had), f64::from(self.level_now.expected));
        let new = match kind {
            Kind::Count | Kind::Ratio => {
                old + (had.max(ACCEPTED_MIN) / expected.max(ACCEPTED_MIN)).ln() as f32
            }
            Kind::Plain => old + (had / expected.max(ACCEPTED_MIN)) as f32,
        };
        self.level = std::mem::take(&mut self.level_now);
        self.level.restart(kind);
        profile.slots.iter_mut().filter(|slot| slot.weeks > 0).for_each(|slot| slot.centre += new - old);
        self.season.iter_mut().for_each(|centre| *centre += new - old);
        (self.pool_value, self.pool_expected, self.pool_exposure) = (0.0, 0.0, 0.0);
    }

    /// Doubt about what is expected, by what is known of the hour.
    fn doubt(&self) -> f64 {
        match self.basis {
            Basis::Recent => 0.3,
            Basis::Day => 0.15,
            Basis::Week(1) => 0.1,
            Basis::Week(_) => 0.05,
        }
    }

    /// Turns to `hour`; the profile has learned the one before.
    pub fn turn(&mut self, kind: Kind, profile: &Profile, hour: i64) {
        let expected = to_profile(kind, self.expected(kind, self.season(kind, 1.0).smooth));
        let (was_recent, before) = (self.basis == Basis::Recent, self.season[1]);
        let (basis, here) = profile.usual(hour);
        self.basis = basis;
        self.season = [hour.saturating_sub(1), hour, hour.saturating_add(1)].map(|near| {
            match (basis, profile.usual(near)) {
                (Basis::Recent, _) => expected,
                (_, (Basis::Recent, _)) => here,
                (_, (_, centre)) => centre,
            }
        });
        if was_recent || basis == Basis::Recent {
            self.level.restart(kind);
            self.level_now.turn(kind, self.season[1] - before);
        }
        self.hour = hour;
        (self.hour_value, self.hour_held, self.hour_exposure) = (0.0, 0.0, 0.0);
        (self.hour_windows, self.hour_outside) = (0, 0);
    }

    /// What the hour was, as the profile keeps it: without its few odd windows, but as it was when most of it was odd. `None`
    /// when too little of it was seen, or when most was odd and there is no other week to hold against it.
    pub fn hour_centre(&self, kind: Kind, window_s: u32) -> Option<HourWas> {
        let is_seen = 2 * u64::from(self.hour_windows) * u64::from(window_s) >= 3600;
        let is_odd = u64::from(self.hour_windows) < 2 * u64::from(self.hour_outside);
        let value = f64::from(if is_odd { self.hour_value } else { self.hour_held });
        let exposure = f64::from(self.hour_exposure);
        if !is_seen || exposure <= 0.0 || is_odd && !matches!(self.basis, Basis::Week(_)) {
            return None;
        }
        let mean = match kind {
            Kind::Plain => value / exposure,
            Kind::Count | Kind::Ratio => {
                let expected = self.expected(kind, self.season(kind, 0.5).smooth).max(rate_min(kind));
                (value + PRIOR_EVENTS) / (exposure + PRIOR_EVENTS / expected)
            }
        };
        Some(HourWas { centre: to_profile(kind, mean), is_odd })
    }

    /// What distances in the profile are shares of.
    pub fn unit(&self, kind: Kind, centre: f32) -> f32 {
        match kind {
            Kind::Count | Kind::Ratio => 1.0,
            Kind::Plain => centre.abs().max(10.0 * self.spread[0].max(self.spread[1])),
        }
    }
}

fn spreads(kind: Kind) -> &'static Spreads {
    match kind {
        Kind::Count => &SPREAD_COUNT,
        Kind::Ratio => &SPREAD_RATIO,
        Kind::Plain => &SPREAD_PLAIN,
    }
}

/// What spreads are shares of. A plain value that is zero keeps a spread above zero, so that it can widen.
fn spread_unit(kind: Kind, value: f64) -> f64 {
    match kind {
        Kind::Count | Kind::Ratio => 1.0,
        Kind::Plain => value.abs().max(1e-6),
    }
}

/// The least and the most that can be expected.
fn values(kind: Kind) -> (f64, f64) {
    match kind {
        Kind::Count => (0.0, VALUE_MAX),
        Kind::Ratio => (0.0, 1.0),
        Kind::Plain => (-VALUE_MAX, VALUE_MAX),
    }
}

fn rate_min(kind: Kind) -> f64 {
    if kind == Kind::Ratio { RATIO_MIN } else { RATE_MIN }
}

fn to_profile(kind: Kind, value: f64) -> f32 {
    match kind {
        Kind::Count | Kind::Ratio => value.max(rate_min(kind)).ln() as f32,
        Kind::Plain => value as f32,
    }
}

fn from_profile(kind: Kind, value: f64) -> f64 {
    match kind {
        Kind::Count | Kind::Ratio => value.exp().min(VALUE_MAX),
        Kind::Plain => value.clamp(-VALUE_MAX, VALUE_MAX),
    }
}
