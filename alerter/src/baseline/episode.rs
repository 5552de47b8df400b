//! An episode: from when enough of the last windows were outside of the usual range until enough in a row were well inside.

use super::Settings;
use logweir_base::time::Timestamp;
use std::time::Duration;

/// On which side a value is outside of the usual range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// More than usual.
    Above,
    /// Less than usual.
    Below,
}

/// What a window did to the episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// There is none.
    Calm,
    /// It began with this window: the time to page.
    Opened,
    /// It goes on.
    Open,
    /// It ended: the series is as usual again.
    Recovered,
    /// It ended: it lasted so long that its level is usual from now on.
    Accepted,
}

/// The last windows, and the episode if there is one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Episode {
    /// Whether each of the last 32 windows with data was outside, newest in the lowest bit.
    pub above: u32,
    pub below: u32,
    /// Side of the open episode.
    pub direction: Option<Direction>,
    /// End of the first window of those that opened it, nanoseconds since 1970.
    pub since: i64,
    /// Windows since it opened that had something; saturates.
    pub windows: u32,
    /// How many of the last ones were well inside.
    pub calm: u32,
}

/// What an episode must know of a window.
#[derive(Clone, Copy)]
pub(crate) struct Step {
    pub at: Timestamp,
    pub window_s: u32,
    /// That of [`super::Usual::place`], of the window or its pool.
    pub place: f64,
    /// There was nothing to count: silence is never accepted as the new usual.
    pub is_silent: bool,
}

impl Episode {
    /// Takes in a window.
    pub fn step(&mut self, settings: &Settings, step: Step) -> Phase {
        let place = step.place;
        self.above = self.above << 1 | u32::from(place > 1.0);
        self.below = self.below << 1 | u32::from(place < -1.0);
        match self.direction {
            None => self.may_open(settings, step),
            Some(direction) => self.may_end(settings, step, direction),
        }
    }

    fn may_open(&mut self, settings: &Settings, step: Step) -> Phase {
        let (direction, seen) = match step.place {
            p if p > 1.0 => (Direction::Above, self.above),
            p if p < -1.0 => (Direction::Below, self.below),
            _ => return Phase::Calm,
        };
        let (needed, of) = settings.open(step.window_s);
        let seen = seen & (u32::MAX >> (32 - of));
        if seen.count_ones() < needed {
            return Phase::Calm;
        }
        let before = Duration::from_secs(u64::from(seen.ilog2()) * u64::from(step.window_s));
        self.direction = Some(direction);
        self.since = step.at.minus(before).0;
        (self.windows, self.calm) = (1, 0);
        Phase::Opened
    }

    fn may_end(&mut self, settings: &Settings, step: Step, direction: Direction) -> Phase {
        let outward = if direction == Direction::Above { step.place } else { -step.place };
        self.windows = self.windows.saturating_add(u32::from(!step.is_silent));
        self.calm = if outward < settings.close_share { self.calm.saturating_add(1) } else { 0 };
        let phase = match () {
            () if self.calm >= settings.close(step.window_s) => Phase::Recovered,
            () if self.windows >= settings.accept(step.window_s) => Phase::Accepted,
            () => return Phase::Open,
        };
        *self = Self::default();
        phase
    }
}
