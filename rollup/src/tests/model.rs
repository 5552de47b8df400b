//! The store against a model that keeps everything in maps, over generated journals: what came, when it was written to files,
//! merged, reopened.

use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// What must be shown.
#[derive(Default)]
pub(super) struct Model {
    pub(super) all: BTreeMap<String, Shown>,
    ends: BTreeMap<String, i64>,
}

impl Model {
    pub(super) fn of(journal: &[(i64, Record)]) -> Self {
        let mut model = Self::default();
        for (_, record) in journal {
            if let Record::Samples(series) = record {
                for (kind, labels, points) in series {
                    points.iter().for_each(|point| model.take(*kind, &labels.to_string(), point));
                }
            }
        }
        model
    }

    fn take(&mut self, kind: Kind, labels: &str, point: &Point) {
        let (time, end) = (point.time, (point.time + 9_999) / 10_000 * 10_000);
        if !kind.is_plain() && point.start > 0 {
            let last = self.ends.entry(labels.to_owned()).or_insert(0);
            if point.start < *last || time <= *last {
                return;
            }
            *last = time.max(*last);
        }
        let shown = self.all.entry(labels.to_owned()).or_default();
        let window = || (0.0, 0);
        match &point.value {
            Value::Number(value) if kind.is_plain() => {
                shown.samples.entry(time).or_insert(value.to_bits());
            }
            Value::Number(value) => shown.windows.entry(end).or_insert_with(window).0 += value,
            Value::Histogram(it) => shown.windows.entry(end).or_insert_with(window).1 += it.count,
        }
    }
}

/// Small numbers, so that all rare things happen.
pub(super) fn tiny() -> RollupConfig {
    RollupConfig { flush_age: Duration::from_secs(60), workers: 0, ..RollupConfig::default() }
}

/// Some series of each kind over some hours, with points late, twice, and in conflict; a tick each minute.
pub(super) fn journal(seed: u64, minutes: i64) -> Journal {
    let mut journal = Vec::new();
    let mut state = seed;
    let mut dice = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for minute in 0..minutes {
        let now = START + 23 * HOUR + minute * 60_000;
        let mut series = Vec::new();
        for host in 0..3 {
            let late = |dice: &mut dyn FnMut(u64) -> u64| match dice(8) {
                0 => now - dice(30 * HOUR as u64) as i64,
                1 => now - 60_000,
                _ => now + dice(3) as i64,
            };
            let time = late(&mut dice);
            let value = if dice(40) == 0 { f64::NAN } else { dice(300) as f64 / 4.0 };
            series.push((
                Kind::Gauge,
                labels("g", host),
                vec![number(0, time, value), number(0, time, value)],
            ));
            let time = late(&mut dice);
            series.push((Kind::Delta, labels("d", host), vec![number(0, time, dice(5) as f64)]));
            let time = late(&mut dice);
            let start = time - 60_000 * dice(2) as i64;
            series.push((Kind::Delta, labels("s", host), vec![number(start, time, 1.0)]));
            series.push((Kind::Histogram, labels("h", host), vec![observations(0, time, &[1.0, 7.5])]));
        }
        journal.push((now, Record::Samples(series)));
        journal.push((now + 1, Record::Tick));
    }
    journal
}

/// What the store must show for each name.
fn compare(rollup: &Rollup, expected: &BTreeMap<String, Shown>) -> Result<(), TestCaseError> {
    for name in ["g", "d", "s", "h"] {
        let found = shown(&rollup.store(), &named(name), ALL);
        let mut wanted = expected.clone();
        wanted.retain(|labels, it| *it != Shown::default() && labels.starts_with(name));
        prop_assert_eq!(found, wanted);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// In memory, in files, merged, reopened at any time, and with records that come again.
    #[test]
    fn what_comes_is_shown(
        seed: u64,
        minutes in 1i64..90,
        flush_seconds in prop::sample::select(vec![1u64, 60, 300, 3600]),
        reopen_each in 1usize..200,
        ends in any::<bool>(),
    ) {
        let (dir, journal) = (SimDir::new(), journal(seed, minutes));
        let config = RollupConfig { flush_age: Duration::from_secs(flush_seconds), ..tiny() };
        let mut rollup = open(&dir, &config);
        for (at, (received, record)) in journal.iter().enumerate() {
            apply_one(&mut rollup, at as u64 + 1, *received, record).expect("applies");
            if at % reopen_each == reopen_each - 1 {
                drop(rollup);
                rollup = open(&dir, &config);
                let before = at.saturating_sub(3);
                apply_one(&mut rollup, before as u64 + 1, journal[before].0, &journal[before].1).expect("skips");
                let model = Model::of(&journal[..=at]);
                compare(&rollup, &model.all)?;
            }
        }
        if ends {
            // All partitions are settled, and merged into one block each.
            for n in 0..40 {
                let position = rollup.store().applied().0 + 1;
                apply_one(&mut rollup, position, START + 2 * DAY + 2 * HOUR + n * 10_000, &Record::Tick).expect("ticks");
            }
        }
        compare(&rollup, &Model::of(&journal).all)?;
    }
}
