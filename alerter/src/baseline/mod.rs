//! The memory of what is usual for one series, and the judgement whether a window deviates.
//!
//! One sentence: usual is what this hour of the week had in the last weeks, times how the last two hours compared with it,
//! give or take what windows scatter; a series deviates when two of three windows are outside of that, and by 30 %.
//!
//! Three kinds of values: a **count** of events in the window, a **ratio** of counts, and a **plain** value (a quantile, a
//! gauge). What is known widens with time: the last hours ([`Basis::Recent`]), then the same hour of other days, then the same
//! hour of other weeks; the doubt about what to expect falls from 30 % to 5 %.
//!
//! What is learned, and when:
//! - windows outside of the range teach neither level nor, beyond the first few of an episode, the spread;
//! - a lasting change is accepted as the new level after [`Settings::accept_s`], but silence never is;
//! - a change of the same hour of each day (a new nightly job) is learned within ten days, one of a single hour of the week
//!   within eight weeks;
//! - a window without data teaches nothing and ends nothing.
//!
//! The estimators and their sources are named in `profile`, `range` and `recent`. Everything is a pure function of what was
//! observed: no clock, no randomness. The state is two parts, so that a caller can store the large one once an hour:
//! 1,688 bytes of profile, 124 bytes of recent state; their bytes are drawn in `codec`.
//!
//! Limits: windows of 1 s to 1 h, values up to 1e15 (beyond, and when not a number: as no data).

mod codec;
mod episode;
mod profile;
mod range;
mod recent;
mod settings;
#[cfg(test)]
mod tests;

pub use codec::{DecodeError, PROFILE_BYTES, RECENT_BYTES};
pub use episode::{Direction, Phase};
pub use profile::Basis;
pub use range::Usual;
pub use settings::Settings;

use episode::{Episode, Step};
use logweir_base::time::Timestamp;
use profile::Profile;
use range::Shape;
use recent::{Level, Reading, Recent, Season, Sums};
use std::fmt;

/// Values beyond are not judged: sums of them must stay finite.
const VALUE_MAX: f64 = 1e15;
const HOUR_S: i64 = 3600;
const SECOND_NS: i64 = 1_000_000_000;
/// So many windows of an episode still teach how windows scatter: a pattern within the hour is learned after some episodes of it,
/// while one fault widens the range little.
const EPISODE_SPREAD_WINDOWS: u32 = 3;

/// What the values of a series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Events in the window.
    Count,
    /// A part of a total, both counts.
    Ratio,
    /// Anything else: a quantile, a gauge.
    Plain,
}

/// What a window had.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// The count, or the plain value.
    Number(f64),
    /// So many `of` so many.
    Ratio {
        /// Events that count, at most `of`.
        part: f64,
        /// All events.
        of: f64,
    },
}

/// One window of a series.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// When the window ended.
    pub at: Timestamp,
    /// Local time minus UTC there and then: hours of the week are local.
    pub utc_offset_s: i32,
    /// `None`: no data.
    pub value: Option<Value>,
}

/// What a window is beside what is usual. As text, it is the sentence of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// The count, ratio or value; a count is per window.
    pub value: f64,
    /// What `value` is of.
    pub span: Span,
    /// The usual range of that.
    pub usual: Usual,
    /// How far from the middle: beyond 1 or -1 it is outside of the range.
    pub score: f64,
    /// Where the range comes from.
    pub basis: Basis,
    /// What the window did to the episode.
    pub phase: Phase,
    /// End of the first window of the episode, while there is one.
    pub since: Option<Timestamp>,
    /// Whether the profile has changed: at most once an hour, and when a lasting change is accepted.
    pub profile_changed: bool,
}

/// How much of the last windows a judgement is about: the one or the other, whichever is farther off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// This window.
    Window,
    /// About the last ten as one, in which small counts show.
    LastTen,
}

/// What one series usually is.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    kind: Kind,
    window_s: u32,
    profile: Profile,
    recent: Recent,
    episode: Episode,
}

impl Baseline {
    /// A series nothing is known of. `window_s` is the length of its windows in seconds.
    pub fn new(kind: Kind, window_s: u32) -> Self {
        let window_s = window_s.clamp(1, HOUR_S as u32);
        let (profile, recent, episode) = (Profile::default(), Recent::default(), Episode::default());
        Self { kind, window_s, profile, recent, episode }
    }

    /// What its values are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Side and first window of the open episode.
    pub fn episode(&self) -> Option<(Direction, Timestamp)> {
        self.episode.direction.map(|direction| (direction, Timestamp(self.episode.since)))
    }

    /// Judges a window, then learns from it. `None` when there was no data, or the window is not later than the last one.
    pub fn observe(&mut self, settings: &Settings, seen: Observation) -> Option<Judgement> {
        let is_first = self.recent.windows == 0;
        if !is_first && seen.at.0 <= self.recent.at {
            return None;
        }
        let reading = self.reading(seen.value?)?;
        let (hour, passed) = self.hour_of(seen);
        if is_first {
            self.recent = Recent::start(self.kind, hour, reading);
        }
        let profile_changed = hour != self.recent.hour && self.turn(hour);
        self.recent.at = seen.at.0;
        self.recent.windows = self.recent.windows.saturating_add(1);
        let season = self.recent.season(self.kind, passed);
        let judgement = self.judge(settings, seen.at, season, reading);
        Some(Judgement { profile_changed: judgement.profile_changed || profile_changed, ..judgement })
    }

    fn judge(&mut self, settings: &Settings, at: Timestamp, season: Season, reading: Reading) -> Judgement {
        let shape = self.recent.shape(self.kind, season, reading.exposure);
        let usual = shape.judged(settings);
        self.recent.pool(shape.expected, reading);
        let (mut worst, mut value, mut span) = (usual, reading.value, Span::Window);
        if let Some((of_pool, pooled)) = self.recent.pooled(&shape) {
            let of_pool = of_pool.judged(settings);
            if of_pool.place(pooled).abs() > usual.place(value).abs() {
                (worst, value, span) = (of_pool, pooled, Span::LastTen);
            }
        }
        let is_warm = self.recent.windows > settings.warm_windows;
        let score = if is_warm { worst.place(value) } else { 0.0 };
        let basis = self.recent.basis;
        let is_silent = self.kind == Kind::Count && reading.value == 0.0;
        let step = Step { at, window_s: self.window_s, place: score, is_silent };
        let phase = self.episode.step(settings, step);
        if matches!(phase, Phase::Opened | Phase::Recovered) {
            self.recent.level_now = Sums::default();
        }
        self.learn(&shape, season.smooth, reading, score.abs() > 1.0);
        self.recent.add_to_hour(usual, reading, score.abs() > 1.0);
        if phase == Phase::Accepted {
            self.recent.accept(self.kind, &mut self.profile);
        }
        let since = self.episode().map(|(_, since)| since);
        let profile_changed = phase == Phase::Accepted;
        Judgement { value, span, usual: worst, score, basis, phase, since, profile_changed }
    }

    fn learn(&mut self, shape: &Shape, season: f64, reading: Reading, is_outside: bool) {
        let is_episode = self.episode.direction.is_some();
        let level = if is_episode { Level::Episode } else { Level::Usual };
        if is_episode || !is_outside {
            self.recent.learn_level(self.kind, self.window_s, season, reading, level);
        }
        if !is_episode || self.episode.windows <= EPISODE_SPREAD_WINDOWS {
            self.recent.learn_spread(shape, self.window_s, reading);
        }
    }

    /// The profile learns the hour that ended, then the next one begins. Whether there was something to learn.
    fn turn(&mut self, hour: i64) -> bool {
        let recent = &mut self.recent;
        let learned = recent.hour_centre(self.kind, self.window_s);
        if let Some(was) = learned {
            self.profile.learn(recent.hour, was, recent.unit(self.kind, was.centre));
        }
        recent.turn(self.kind, &self.profile, hour);
        learned.is_some()
    }

    /// The local hour a window's middle is in, and how much of that had passed.
    fn hour_of(&self, seen: Observation) -> (i64, f64) {
        let half_ns = i64::from(self.window_s) * SECOND_NS / 2;
        let local =
            seen.at.0.saturating_sub(half_ns).saturating_add(i64::from(seen.utc_offset_s) * SECOND_NS);
        let hour_ns = HOUR_S * SECOND_NS;
        (local.div_euclid(hour_ns), local.rem_euclid(hour_ns) as f64 / hour_ns as f64)
    }

    /// The numbers of a value; `None` when it is none of this kind.
    fn reading(&self, value: Value) -> Option<Reading> {
        let reading = match (self.kind, value) {
            (Kind::Count, Value::Number(value)) if value >= 0.0 => Reading { value, exposure: 1.0 },
            (Kind::Plain, Value::Number(value)) => Reading { value, exposure: 1.0 },
            (Kind::Ratio, Value::Ratio { part, of }) if of > 0.0 && (0.0..=of).contains(&part) => {
                Reading { value: part / of, exposure: of }
            }
            _ => return None,
        };
        (reading.value.abs() <= VALUE_MAX && reading.exposure <= VALUE_MAX).then_some(reading)
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usual { low, expected, high } = self.usual;
        let span = if self.span == Span::LastTen { " in each of the last ten windows" } else { "" };
        write!(f, "{}{span}; usual is {} to {}", Short(self.value), Short(low), Short(high))?;
        write!(f, ", about {}, ", Short(expected))?;
        match self.basis {
            Basis::Recent => f.write_str("by the last hours"),
            Basis::Day => f.write_str("by this hour of other days"),
            Basis::Week(1) => f.write_str("by this hour one week ago"),
            Basis::Week(weeks) => write!(f, "by this hour of {weeks} weeks"),
        }
    }
}

/// A number to three digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = if self.0 == 0.0 { 0.0 } else { self.0.abs().log10().floor() };
        let digits = (2.0 - size).clamp(0.0, 12.0) as usize;
        write!(f, "{:.digits$}", self.0)
    }
}
