//! What an operator may set of a baseline; one default serves all kinds of series.

use serde::{Deserialize, Serialize};

/// Distance of the range's edges from the middle, in standard deviations, at sensitivity 1: with two of three windows needed,
/// a simulated year has a false page of a series in about nine months.
const REACH: f64 = 4.0;
/// Windows whose side is remembered.
const HISTORY_MAX: u32 = 32;
/// Sensitivities outside of this are taken as the nearest in it.
const SENSITIVITY: std::ops::RangeInclusive<f64> = 0.05..=20.0;

/// When a series deviates from what is usual, and for how long it must.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How readily a window is outside of the usual range: 1 puts the edges at 4 standard deviations, 2 at 2, 0.5 at 8.
    pub sensitivity: f64,
    /// A value within this share of what is expected is never outside: 0.3 is 30 % more, or less than 1/1.3 of it. A ratio
    /// above one half is taken by what it lacks of 1.
    pub effect_relative: f64,
    /// A count within so many events of what is expected is never outside.
    pub effect_count: f64,
    /// A ratio within this of what is expected is never outside: 0.01 is one percentage point.
    pub effect_ratio: f64,
    /// A plain value within this of what is expected, in its own unit, is never outside.
    pub effect_value: f64,
    /// An episode begins when the series was outside, on one side, for so long. Seconds, in whole windows, at most 32.
    pub open_s: u32,
    /// Share of the last windows that must be outside: with 0.66, two windows of three.
    pub open_share: f64,
    /// An episode ends when the series was well inside for so long. A window without data does not count. Seconds.
    pub close_s: u32,
    /// Well inside: within this share of the way from the middle of the range to its edge.
    pub close_share: f64,
    /// An episode that lasts longer ends because its level is learned as usual, as after a deploy. Seconds of windows with data.
    pub accept_s: u32,
    /// So many windows are only learned, not judged, when the series is new.
    pub warm_windows: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sensitivity: 1.0,
            effect_relative: 0.3,
            effect_count: 5.0,
            effect_ratio: 0.01,
            effect_value: 0.0,
            open_s: 120,
            open_share: 0.66,
            close_s: 1200,
            close_share: 0.7,
            accept_s: 12 * 3600,
            warm_windows: 20,
        }
    }
}

impl Settings {
    /// Distance of the range's edges from its middle, in standard deviations.
    pub(crate) fn reach(&self) -> f64 {
        REACH / self.sensitivity.clamp(*SENSITIVITY.start(), *SENSITIVITY.end())
    }

    /// How many windows must be outside to begin an episode, and of how many.
    pub(crate) fn open(&self, window_s: u32) -> (u32, u32) {
        let needed = self.open_s.div_ceil(window_s).clamp(1, HISTORY_MAX);
        let of = f64::from(needed) / self.open_share.clamp(0.1, 1.0);
        (needed, (of as u32).clamp(needed, HISTORY_MAX))
    }

    /// How many windows in a row must be well inside to end an episode.
    pub(crate) fn close(&self, window_s: u32) -> u32 {
        self.close_s.div_ceil(window_s).max(1)
    }

    /// How many windows of an episode end it as the new usual.
    pub(crate) fn accept(&self, window_s: u32) -> u32 {
        self.accept_s.div_ceil(window_s).max(1)
    }
}
