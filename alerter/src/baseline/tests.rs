//! Baselines: small numbers, what is learned and when, episodes, the stored form, hostile values.

use super::*;
use proptest::prelude::*;

/// 2026-01-05T00:00:00Z, a Monday.
const START_S: i64 = 1_767_571_200;
const HOUR: usize = 60;
const DAY: usize = 24 * HOUR;
const WEEK: usize = 7 * DAY;

/// A series of one-minute windows under the default settings.
struct Run {
    baseline: Baseline,
    settings: Settings,
    minute: usize,
}

impl Run {
    fn new(kind: Kind) -> Self {
        Self { baseline: Baseline::new(kind, 60), settings: Settings::default(), minute: 0 }
    }

    fn see(&mut self, value: Option<Value>) -> Option<Judgement> {
        self.minute += 1;
        let at = Timestamp::from_seconds(START_S + 60 * self.minute as i64);
        self.baseline.observe(&self.settings, Observation { at, utc_offset_s: 0, value })
    }

    /// The range of the window to come.
    fn usual(&self) -> Usual {
        let (minute, settings) = (self.minute, self.settings.clone());
        let mut ahead = Self { baseline: self.baseline.clone(), settings, minute };
        ahead.see(Some(Value::Number(400.0))).expect("data").usual
    }

    /// Windows of `value(minute since the start)`, each a bit off; how often an episode did what.
    fn run(&mut self, windows: usize, value: impl Fn(usize) -> f64) -> Phases {
        let mut phases = Phases::default();
        for _ in 0..windows {
            let wobble = 1.0 + 0.02 * ((self.minute * 7919 % 101) as f64 / 50.0 - 1.0);
            let number = Value::Number((value(self.minute) * wobble).round());
            match self.see(Some(number)).expect("there is data").phase {
                Phase::Opened => phases.opened += 1,
                Phase::Recovered => phases.recovered += 1,
                Phase::Accepted => phases.accepted += 1,
                Phase::Calm | Phase::Open => {}
            }
        }
        phases
    }
}

#[derive(Debug, Default, PartialEq)]
struct Phases {
    opened: u32,
    recovered: u32,
    accepted: u32,
}

/// 100 a minute at night, 600 by day.
fn daily(minute: usize) -> f64 {
    350.0 - 250.0 * (std::f64::consts::TAU * (minute % DAY) as f64 / DAY as f64).cos()
}

#[test]
fn small_numbers_do_not_deviate() {
    // (failed, of, ratios seen before, whether it is outside)
    let cases = [
        (1.0, 2.0, false),
        (2.0, 2.0, false),
        (3.0, 3.0, false),
        (4.0, 60.0, false),
        (30.0, 60.0, true),
        (12.0, 12.0, true),
        (1000.0, 20_000.0, true),
    ];
    for (part, of, is_outside) in cases {
        let mut run = Run::new(Kind::Ratio);
        for minute in 0..DAY {
            run.see(Some(Value::Ratio { part: f64::from(u8::from(minute % 2 == 0)), of: 50.0 }));
        }
        let judged = run.see(Some(Value::Ratio { part, of })).expect("data");
        assert_eq!(judged.score > 1.0, is_outside, "{part} of {of}: {judged:?}");
    }
}

#[test]
fn a_ratio_near_one_is_judged_by_what_is_missing() {
    let mut run = Run::new(Kind::Ratio);
    for _ in 0..DAY {
        run.see(Some(Value::Ratio { part: 995.0, of: 1000.0 }));
    }
    assert!(run.see(Some(Value::Ratio { part: 985.0, of: 1000.0 })).expect("data").score > -1.0);
    assert!(run.see(Some(Value::Ratio { part: 970.0, of: 1000.0 })).expect("data").score < -1.0);
}

#[test]
fn day_one_finds_what_is_large() {
    for (factor, direction) in [(3.0, Direction::Above), (0.25, Direction::Below), (0.0, Direction::Below)] {
        let mut run = Run::new(Kind::Count);
        assert_eq!(run.run(4 * HOUR, daily), Phases::default());
        let now = run.run(5, |minute| daily(minute) * factor);
        assert_eq!((now.opened, run.baseline.episode().map(|e| e.0)), (1, Some(direction)), "{factor}");
    }
}

#[test]
fn a_daily_pattern_is_known_after_one_day() {
    let mut run = Run::new(Kind::Count);
    run.run(DAY, daily);
    assert_eq!(run.run(2 * WEEK, daily), Phases::default());
    let judged = run.see(Some(Value::Number(daily(run.minute)))).expect("data");
    let off = judged.usual.expected / daily(run.minute) - 1.0;
    assert!(off.abs() < 0.03 && judged.basis == Basis::Week(2), "{judged:?}");
}

#[test]
fn an_episode_begins_and_ends_once() {
    let mut run = Run::new(Kind::Count);
    run.run(2 * WEEK + 12 * HOUR, daily);
    let first = run.minute + 1;
    assert_eq!(run.run(1, |_| 1800.0).opened, 0);
    assert_eq!(run.run(1, |_| 1800.0).opened, 1);
    let since = Timestamp::from_seconds(START_S + 60 * first as i64);
    assert_eq!(run.baseline.episode(), Some((Direction::Above, since)));
    assert_eq!(
        run.run(40, |minute| if minute % 10 == 0 { daily(minute) } else { 1800.0 }),
        Phases::default()
    );
    // The pool is still above for a few windows; then 20 windows must be well inside.
    assert_eq!(run.run(20, daily), Phases::default());
    assert_eq!(run.run(10, daily), Phases { recovered: 1, ..Phases::default() });
    assert_eq!(run.run(DAY, daily), Phases::default());
}

#[test]
fn nearly_outside_does_not_end_an_episode() {
    let mut run = Run::new(Kind::Plain);
    run.run(2 * WEEK, |_| 400.0);
    assert_eq!(run.run(5, |_| 1200.0).opened, 1);
    for (place, phase) in [(0.9, Phase::Open), (0.5, Phase::Recovered)] {
        let mut last = None;
        for _ in 0..20 {
            let Usual { expected, high, .. } = run.usual();
            let value = expected + place * (high - expected);
            last = run.see(Some(Value::Number(value))).map(|judged| judged.phase);
        }
        assert_eq!(last, Some(phase), "{place}");
    }
}

#[test]
fn one_wild_value_moves_nothing() {
    for wild in [1e15, -1e15] {
        let mut run = Run::new(Kind::Plain);
        run.run(2 * WEEK, |_| 400.0);
        run.see(Some(Value::Number(wild)));
        let judged = run.see(Some(Value::Number(400.0))).expect("data");
        assert!((judged.usual.expected - 400.0).abs() < 4.0, "{judged:?}");
    }
}

#[test]
fn no_data_neither_learns_nor_ends() {
    let mut run = Run::new(Kind::Count);
    run.run(DAY + 12 * HOUR, daily);
    run.run(3, |_| 0.0);
    assert!(run.baseline.episode().is_some());
    let before = run.baseline.clone();
    for _ in 0..DAY {
        assert_eq!(run.see(None), None);
    }
    assert_eq!(run.baseline, before);
    assert_eq!(run.run(10, daily), Phases::default());
    assert_eq!(run.run(20, daily).recovered, 1);
}

#[test]
fn a_lasting_change_is_accepted_in_the_stated_time() {
    for factor in [0.4, 2.0, 10.0] {
        for kind in [Kind::Count, Kind::Plain] {
            let mut run = Run::new(kind);
            run.run(3 * WEEK + 12 * HOUR, |_| 400.0);
            let change = |_| 400.0 * factor;
            assert_eq!(run.run(11 * HOUR, change), Phases { opened: 1, ..Phases::default() });
            assert_eq!(run.run(2 * HOUR, change), Phases { accepted: 1, ..Phases::default() });
            assert_eq!(run.run(3 * WEEK, change), Phases::default(), "{factor} {kind:?}");
            assert_eq!(run.run(10, |_| 400.0).opened, 1, "what was usual is not any more");
        }
    }
}

#[test]
fn a_lasting_change_on_day_one_is_accepted() {
    for kind in [Kind::Count, Kind::Plain] {
        let mut run = Run::new(kind);
        run.run(7 * HOUR, |_| 400.0);
        assert_eq!(run.run(11 * HOUR, |_| 2000.0), Phases { opened: 1, ..Phases::default() });
        assert_eq!(run.run(2 * HOUR, |_| 2000.0), Phases { accepted: 1, ..Phases::default() });
        assert_eq!(run.run(2 * DAY, |_| 2000.0), Phases::default(), "{kind:?}");
    }
}

#[test]
fn silence_is_never_usual() {
    let mut run = Run::new(Kind::Count);
    run.run(3 * WEEK, daily);
    assert_eq!(run.run(WEEK, |_| 0.0), Phases { opened: 1, ..Phases::default() });
    assert_eq!(run.run(WEEK, daily), Phases { recovered: 1, ..Phases::default() });
}

#[test]
fn a_holiday_is_not_learned_as_normal() {
    let mut run = Run::new(Kind::Count);
    run.run(4 * WEEK, daily);
    let before = run.baseline.clone();
    run.run(DAY, |minute| 0.5 * daily(minute));
    run.run(6 * DAY, daily);
    for (slot, was) in run.baseline.profile.slots.iter().zip(&before.profile.slots[..]) {
        assert!((slot.centre - was.centre).abs() < 0.05, "{was:?} {slot:?}");
    }
    assert_eq!(run.run(WEEK, daily), Phases::default());
}

/// Pages of each `span` after four flat weeks, when `is_on(minute)` has three times as much.
fn pages_of_a_job(span: usize, spans: usize, is_on: impl Fn(usize) -> bool) -> Vec<u32> {
    let mut run = Run::new(Kind::Count);
    run.run(4 * WEEK, |_| 100.0);
    (0..spans).map(|_| run.run(span, |minute| if is_on(minute) { 300.0 } else { 100.0 }).opened).collect()
}

#[test]
fn a_new_nightly_job_is_learned_within_ten_days() {
    let pages = pages_of_a_job(DAY, 40, |minute| (3 * HOUR..4 * HOUR).contains(&(minute % DAY)));
    assert!(pages[..4] == [1; 4] && pages[10..].iter().all(|&pages| pages == 0), "{pages:?}");
}

#[test]
fn a_new_weekly_job_is_learned_within_eight_weeks() {
    let pages = pages_of_a_job(WEEK, 16, |minute| (3 * HOUR..4 * HOUR).contains(&(minute % WEEK)));
    assert!(pages[..4] == [1; 4] && pages[8..].iter().all(|&pages| pages == 0), "{pages:?}");
}

#[test]
fn growth_is_usual() {
    let mut run = Run::new(Kind::Count);
    let growing = |minute: usize| daily(minute) * 1.1f64.powf(minute as f64 / WEEK as f64);
    assert_eq!(run.run(20 * WEEK, growing), Phases::default());
}

#[test]
fn hours_of_the_week_are_local() {
    let slot = |seconds: i64| profile::slot_of(seconds.div_euclid(HOUR_S));
    for (at, expected) in [(START_S, 0), (START_S + 25 * 3600, 25), (START_S - 1, 167), (0, 72), (-1, 71)] {
        assert_eq!(slot(at), expected, "{at}");
    }
    let mut baseline = Baseline::new(Kind::Count, 60);
    let seen = Observation {
        at: Timestamp::from_seconds(START_S),
        utc_offset_s: 7200,
        value: Some(Value::Number(1.0)),
    };
    baseline.observe(&Settings::default(), seen);
    assert_eq!(profile::slot_of(baseline.recent.hour), 1);
}

#[test]
fn a_page_says_what_is_usual() {
    let mut run = Run::new(Kind::Plain);
    run.run(2 * WEEK, |minute| 0.5 * daily(minute));
    let judged = run.see(Some(Value::Number(412.4))).expect("data");
    assert_eq!(judged.to_string(), "412; usual is 38.9 to 65.8, about 50.6, by this hour of 2 weeks");
}

#[test]
fn an_older_window_and_another_kind_are_nothing() {
    let mut run = Run::new(Kind::Count);
    run.run(10, |_| 5.0);
    let before = run.baseline.clone();
    for value in [
        Value::Ratio { part: 1.0, of: 2.0 },
        Value::Number(f64::NAN),
        Value::Number(-1.0),
        Value::Number(1e16),
    ] {
        assert_eq!(run.see(Some(value)), None);
    }
    run.minute = 5;
    assert_eq!(run.see(Some(Value::Number(5.0))), None);
    assert_eq!(run.baseline, before);
}

#[test]
fn state_keeps_to_its_size() {
    let baseline = Baseline::new(Kind::Plain, 60);
    assert_eq!((baseline.encode_profile().len(), baseline.encode_recent().len()), (1688, 124));
    assert_eq!((PROFILE_BYTES, RECENT_BYTES), (1688, 124));
}

/// The level of an open episode is turned to the next hour by a factor when one of the two hours is not known, and by none when
/// both are. A week of one hour with much, one with nothing and an unknown one multiplied it each time, until it was no number
/// any more and the stored state was refused.
#[test]
fn an_episode_across_known_and_unknown_hours_stays_sound() {
    let mut run = Run::new(Kind::Count);
    run.run(30, |_| 5.0);
    for (slot, centre) in [(10, 34.0), (11, -4.0)] {
        run.baseline.profile.slots[slot] = profile::Slot { centre, distance: 0.3, weeks: 3, odd_days: 0 };
    }
    for week in 1..40 {
        for (hour, windows) in [(10, 2), (11, 1), (12, 1)] {
            run.minute = week * WEEK + hour * HOUR;
            run.run(windows, |_| 0.0);
        }
        assert!(run.baseline.episode().is_some());
        let read = Baseline::decode(&run.baseline.encode_profile(), &run.baseline.encode_recent());
        assert_eq!(read.err(), None, "week {week}");
    }
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(Kind::Count), Just(Kind::Ratio), Just(Kind::Plain)]
}

/// Ordinary values, and those that are not.
fn value() -> impl Strategy<Value = Option<Value>> {
    let number = || prop_oneof![8 => 0.0..1e3f64, 1 => prop::num::f64::ANY, 1 => Just(1e15), 1 => Just(0.0), 1 => Just(-1e15)];
    prop_oneof![
        4 => number().prop_map(|number| Some(Value::Number(number))),
        4 => (number(), number()).prop_map(|(a, b)| Some(Value::Ratio { part: a.min(b), of: a.max(b) })),
        1 => Just(None),
    ]
}

/// Values and the minutes between them.
fn history() -> impl Strategy<Value = Vec<(i64, Option<Value>)>> {
    prop::collection::vec((prop_oneof![9 => 1..30i64, 1 => 0..20_000i64], value()), 0..200)
}

fn feed(baseline: &mut Baseline, at_s: &mut i64, history: &[(i64, Option<Value>)]) -> Vec<Option<Judgement>> {
    let mut see = |&(minutes, value): &(i64, Option<Value>)| {
        *at_s += 60 * minutes;
        let seen = Observation { at: Timestamp::from_seconds(*at_s), utc_offset_s: 3600, value };
        baseline.observe(&Settings::default(), seen)
    };
    history.iter().map(&mut see).collect()
}

proptest! {
    // The rarer faults took some thousands.
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn stored_and_read_it_goes_on_alike(kind in kind(), before in history(), after in history()) {
        let (mut baseline, mut at_s) = (Baseline::new(kind, 900), START_S);
        feed(&mut baseline, &mut at_s, &before);
        let (profile, recent) = (baseline.encode_profile(), baseline.encode_recent());
        let mut read = Baseline::decode(&profile, &recent).expect("what was encoded");
        prop_assert_eq!(&read, &baseline);
        let mut again = at_s;
        prop_assert_eq!(feed(&mut read, &mut again, &after), feed(&mut baseline, &mut at_s, &after));
        prop_assert_eq!(read, baseline);
    }

    #[test]
    fn any_values_leave_a_sound_range(kind in kind(), history in history()) {
        let mut baseline = Baseline::new(kind, 900);
        for judged in feed(&mut baseline, &mut { START_S }, &history).into_iter().flatten() {
            let Usual { low, expected, high } = judged.usual;
            prop_assert!(low <= expected && expected <= high, "{:?}", judged);
            prop_assert!([low, high, judged.score].iter().all(|number| number.is_finite()), "{:?}", judged);
        }
        prop_assert!(Baseline::decode(&baseline.encode_profile(), &baseline.encode_recent()).is_ok());
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        kind in kind(),
        before in history(),
        hits in prop::collection::vec((0..PROFILE_BYTES + RECENT_BYTES, any::<u8>()), 0..20),
        cut in prop::option::of(0..RECENT_BYTES),
        after in history(),
    ) {
        let (mut baseline, mut at_s) = (Baseline::new(kind, 900), START_S);
        feed(&mut baseline, &mut at_s, &before);
        let (mut profile, mut recent) = (baseline.encode_profile(), baseline.encode_recent());
        for (at, byte) in hits {
            match at.checked_sub(PROFILE_BYTES) {
                None => profile[at] = byte,
                Some(at) => recent[at] = byte,
            }
        }
        if let Some(cut) = cut {
            recent.truncate(cut);
            prop_assert_eq!(Baseline::decode(&profile, &recent).is_ok(), false);
        } else if let Ok(mut read) = Baseline::decode(&profile, &recent) {
            feed(&mut read, &mut at_s, &after);
        }
    }
}

#[test]
fn refusals_say_why() {
    let baseline = Baseline::new(Kind::Count, 60);
    let (profile, recent) = (baseline.encode_profile(), baseline.encode_recent());
    let with = |at: usize, byte: u8| {
        let mut recent = recent.clone();
        recent[at] = byte;
        Baseline::decode(&profile, &recent).expect_err("refused").to_string()
    };
    let cases = [
        (0, 2, "baseline: version 2 is not known"),
        (1, 1, "baseline: profile and recent part do not belong together"),
        (3, 3, "baseline: direction out of bounds"),
        (7, 1, "baseline: window length out of bounds"),
        (RECENT_BYTES - 1, 0x7f, "baseline: a number of the recent part out of bounds"),
    ];
    for (at, byte, expected) in cases {
        assert_eq!(with(at, byte), expected);
    }
    // Such a distance once made the bounds of a step cross.
    let mut negative = profile.clone();
    negative[12..16].copy_from_slice(&(-1.0f32).to_le_bytes());
    let odd = Baseline::decode(&negative, &recent).expect_err("refused");
    assert_eq!(odd, DecodeError::Field("a slot"));
    let cut = Baseline::decode(&profile[1..], &recent).expect_err("refused");
    assert_eq!(cut, DecodeError::Length(PROFILE_BYTES - 1));
}
