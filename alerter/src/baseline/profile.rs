//! The profile: what was usual in each hour of the week, learned once an hour.
//!
//! A slot holds a centre and how far its weeks lie apart. A new week moves the centre by a share that shrinks from a half to a
//! quarter, and never by more than that share of twice the distance weeks usually have (Huber's bounded influence: P. J.
//! Huber, "Robust estimation of a location parameter", 1964; with exponential forgetting). So a holiday moves a slot little;
//! what comes again in the same hour of each week also widens the distance, and is learned within eight weeks. An hour that is
//! odd for a fourth day in a row is taken as it is, so that a new nightly job is learned within ten days.
//!
//! Counts and ratios are kept as logarithms, since they differ by factors; plain values as they are.
//! Limits: 168 slots, 1,680 bytes stored.

/// Hours of a week.
pub(crate) const SLOTS: usize = 168;
const HOURS_A_DAY: usize = 24;
/// 1970-01-01 was a Thursday, and a week begins with Monday.
const FIRST_SLOT: i64 = 72;
/// A week's weight in a slot that knows enough of them.
const GAIN_MIN: f32 = 0.25;
/// A new week counts as at most so many usual distances off, when it moves the centre and when it moves the distance.
const STEP_MAX: f32 = 2.0;
const WIDEN_MAX: f32 = 4.0;
/// After so many days on which the same hour was odd, it is no holiday: the next is taken as it is.
const ODD_DAYS: u8 = 3;
/// Distance between weeks at first and at least: a factor for counts and ratios, a share of the centre for plain values.
const DISTANCE_FIRST: f32 = 0.3;
const DISTANCE_MIN: f32 = 0.05;

/// What the profile knows of an hour, least first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Basis {
    /// Nothing: the last hours are what is usual.
    #[default]
    Recent,
    /// The same hour of other days.
    Day,
    /// The same hour of so many weeks.
    Week(u8),
}

/// What is usual in one hour of the week.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Slot {
    pub centre: f32,
    pub distance: f32,
    /// Weeks learned; saturates.
    pub weeks: u8,
    /// Days in a row, up to its last one, on which this hour was odd; saturates.
    pub odd_days: u8,
}

/// What an hour had.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HourWas {
    pub centre: f32,
    /// Most of its windows were outside of the usual range.
    pub is_odd: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub slots: Box<[Slot; SLOTS]>,
}

impl Default for Profile {
    fn default() -> Self {
        Self { slots: Box::new([Slot::default(); SLOTS]) }
    }
}

/// The slot of an hour counted from 1970 in local time.
pub(crate) fn slot_of(hour: i64) -> usize {
    (hour.saturating_add(FIRST_SLOT)).rem_euclid(SLOTS as i64) as usize
}

impl Profile {
    /// Takes in what `hour` was. Distances are shares of `unit`: 1 for a logarithm, the usual size for a plain value.
    pub fn learn(&mut self, hour: i64, was: HourWas, unit: f32) {
        let at = slot_of(hour);
        let day_before = self.slots[(at + SLOTS - HOURS_A_DAY) % SLOTS].odd_days;
        let slot = &mut self.slots[at];
        slot.odd_days = if was.is_odd { day_before.saturating_add(1) } else { 0 };
        if slot.weeks == 0 || slot.odd_days > ODD_DAYS {
            *slot = Slot { centre: was.centre, distance: DISTANCE_FIRST * unit, weeks: 1, ..*slot };
            return;
        }
        let gain = (1.0 / (f32::from(slot.weeks) + 1.0)).max(GAIN_MIN);
        let off = was.centre - slot.centre;
        let widest = WIDEN_MAX * slot.distance;
        slot.centre += gain * off.clamp(-STEP_MAX * slot.distance, STEP_MAX * slot.distance);
        slot.distance += gain * (off.abs().min(widest) - slot.distance);
        slot.distance = slot.distance.max(DISTANCE_MIN * unit);
        slot.weeks = slot.weeks.saturating_add(1);
    }

    /// What is usual in `hour`, and how that is known.
    pub fn usual(&self, hour: i64) -> (Basis, f32) {
        let at = slot_of(hour);
        let slot = self.slots[at];
        if slot.weeks > 0 {
            return (Basis::Week(slot.weeks), slot.centre);
        }
        let days = (1..SLOTS / HOURS_A_DAY).map(|day| self.slots[(at + day * HOURS_A_DAY) % SLOTS]);
        let mut known = [0.0; SLOTS / HOURS_A_DAY];
        let mut count = 0;
        for slot in days.filter(|slot| slot.weeks > 0) {
            known[count] = slot.centre;
            count += 1;
        }
        let known = &mut known[..count];
        known.sort_by(f32::total_cmp);
        match known.get(count / 2) {
            Some(&median) => (Basis::Day, median),
            None => (Basis::Recent, 0.0),
        }
    }
}
