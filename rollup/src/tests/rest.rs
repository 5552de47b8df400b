//! What is promised of single things: levels and retention, exact counters, budgets, times, resent points, damage, full disks.

use super::model::{Model, journal, tiny};
use super::*;
use crate::OVERFLOW;
use crate::select::{WINDOWS_LOOKBACK_MS, WindowsOf};
use logweir_base::dir::Dir;

fn tick(rollup: &mut Rollup, ms: i64) {
    let position = rollup.store().applied().0 + 1;
    apply_one(rollup, position, ms, &Record::Tick).expect("applies");
}

fn send(rollup: &mut Rollup, ms: i64, kind: Kind, labels: &Labels, points: Vec<Point>) {
    let position = rollup.store().applied().0 + 1;
    let record = Record::Samples(vec![(kind, labels.clone(), points)]);
    apply_one(rollup, position, ms, &record).expect("applies");
}

fn only(store: &Store, name: &str, span: Span) -> crate::select::Windows {
    let mut answer = store.select(&named(name), span).expect("answers");
    assert_eq!(answer.series.len(), 1, "{name}: {:?}", answer.series);
    match answer.series.remove(0).points {
        SeriesPoints::Windows(windows) => windows,
        other => panic!("windows of {name} expected: {other:?}"),
    }
}

/// A counter's value is all that was ever added, whatever became of old windows, and after each restart.
#[test]
fn counters_are_exact_through_all_levels_and_restarts() {
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let config = RollupConfig {
        samples: days(2),
        windows_10s: days(2),
        windows_1m: days(4),
        windows_10m: days(60),
        windows_1h: days(400),
        ..tiny()
    };
    let dir = SimDir::new();
    let mut rollup = open(&dir, &config);
    let mut sums: BTreeMap<i64, f64> = BTreeMap::new();
    let (mut total, labels) = (0.0, labels("c_total", 1));
    for hour in 0..24 * 900 {
        let now = START + hour * HOUR;
        if hour % 5 == 0 {
            total += (hour % 7) as f64;
            sums.insert(now + 3_000, total);
            send(&mut rollup, now, Kind::Delta, &labels, vec![number(0, now + 3_000, (hour % 7) as f64)]);
        }
        if hour % 4 == 0 {
            tick(&mut rollup, now + 60_000);
        }
        if hour % 3001 == 0 {
            drop(rollup);
            rollup = open(&dir, &config);
        }
        if hour % 997 == 0 {
            for back in [0, 30 * HOUR, 5 * DAY, 70 * DAY, 300 * DAY] {
                let at = now - back;
                let windows = rollup.store().select(&named("c_total"), Span { start: at - HOUR, end: at });
                let windows = windows.expect("answers").series;
                let Some(SeriesPoints::Windows(windows)) = windows.first().map(|it| &it.points) else {
                    continue;
                };
                let last = windows.rows.last().expect("no series without points").end;
                let shown = windows.before + windows.rows.iter().map(|row| row.increase).sum::<f64>();
                let expected = sums.range(..=last).next_back().map_or(0.0, |(_, sum)| *sum);
                assert_eq!(shown, expected, "hour {hour}, {back} back, step {}", windows.step_ms);
            }
        }
    }
    let status = rollup.store().status();
    assert!(status.blocks < 60 && status.merges > 50, "{status:?}");
    let all = only(&rollup.store(), "c_total", ALL);
    assert_eq!(all.step_ms, HOUR);
    assert!(all.rows.len() < 24 * 600 / 5, "old windows are gone: {}", all.rows.len());
    assert_eq!(all.before + all.rows.iter().map(|row| row.increase).sum::<f64>(), total);
}

/// Samples become windows with what they were: a counter's increases over a reset, and over the border of two days.
#[test]
fn samples_become_windows() {
    let config = RollupConfig { samples: Duration::from_secs(86_400), windows_10s: Duration::ZERO, ..tiny() };
    let dir = SimDir::new();
    let mut rollup = open(&dir, &config);
    let counter = labels("c_total", 1);
    let (mut value, mut grown) = (0.0, 0.0);
    for n in 0..2 * 24 * 60 {
        let now = START + 60_000 * n;
        let step = (n % 11) as f64;
        value = if n % 500 == 499 { step } else { value + step };
        grown += if n == 0 { 0.0 } else { step };
        send(&mut rollup, now, Kind::Counter, &counter, vec![number(0, now, value)]);
        tick(&mut rollup, now);
    }
    for n in 0..20 {
        tick(&mut rollup, START + 3 * DAY + n * 60_000);
    }
    let answer = rollup.store().select(&named("c_total"), ALL).expect("answers");
    assert_eq!(answer.warnings, ["answered from windows of 1m: samples are kept for 1d"]);
    let windows = only(&rollup.store(), "c_total", ALL);
    assert_eq!((windows.of, windows.step_ms, windows.rows.len()), (WindowsOf::Counter, 60_000, 2 * 24 * 60));
    assert_eq!(windows.rows.iter().map(|row| row.increase).sum::<f64>(), grown);
    assert_eq!(windows.rows.last().map(|row| row.last), Some(value));
    assert!(windows.rows.iter().all(|row| row.count == 1));
}

#[test]
fn observations_are_counted_too() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let labels = labels("h", 1);
    send(&mut rollup, START, Kind::Histogram, &labels, vec![observations(0, START, &[1.0, 2.0])]);
    tick(&mut rollup, START + HOUR);
    send(&mut rollup, START + HOUR, Kind::Histogram, &labels, vec![observations(0, START + HOUR, &[4.0])]);
    let span = Span { start: START, end: START + 2 * HOUR };
    let whole = only(&rollup.store(), "h", span);
    assert_eq!(
        (whole.of, whole.rows.len(), whole.rows[0].count, whole.rows[0].max),
        (WindowsOf::Histogram, 2, 2, 2.0)
    );
    let count = only(&rollup.store(), "h_count", span);
    assert_eq!((count.of, count.before, count.rows[1].increase), (WindowsOf::Counter, 0.0, 1.0));
    let late = Span { start: START + HOUR + WINDOWS_LOOKBACK_MS, end: START + 3 * HOUR };
    assert_eq!(only(&rollup.store(), "h_sum", Span { start: late.start - 10, ..late }).before, 3.0);
    let names = rollup.store().label_values("__name__", &[], span);
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["h", "h_count", "h_sum"]);
}

/// Observations since a start: what was added counts, once, also after a restart; a new start begins anew.
#[test]
fn observations_since_a_start_are_taken_apart() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let labels = labels("h", 1);
    let all = [1.0, 2.0, 3.0, 4.0, 5.0];
    let at = |rollup: &mut Rollup, start: i64, seconds: i64, count: usize| {
        let time = START + seconds * 1000;
        send(
            rollup,
            time,
            Kind::CumulativeHistogram,
            &labels,
            vec![observations(START + start, time, &all[..count])],
        );
    };
    at(&mut rollup, 1, 10, 2);
    at(&mut rollup, 1, 20, 3);
    at(&mut rollup, 1, 20, 3);
    drop(rollup);
    let mut rollup = open(&dir, &tiny());
    at(&mut rollup, 1, 10, 2);
    at(&mut rollup, 1, 30, 5);
    at(&mut rollup, 15_000, 40, 1);
    at(&mut rollup, 15_000, 50, 4);
    let windows = only(&rollup.store(), "h", Span { start: START, end: START + HOUR });
    let counts: Vec<_> = windows.rows.iter().map(|row| row.count).collect();
    assert_eq!(counts, [2, 1, 2, 1, 3]);
    assert_eq!(rollup.store().status().points.duplicates, 1);
}

#[test]
fn resent_and_odd_points_are_counted_by_reason() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let (g, d) = (labels("g", 1), labels("d", 1));
    let nan = f64::from_bits(crate::select::STALE_BITS);
    let points = vec![number(0, START, 1.0), number(0, START, 1.0), number(0, START, 2.0)];
    send(&mut rollup, START, Kind::Gauge, &g, points);
    send(&mut rollup, START, Kind::Gauge, &g, vec![number(0, START + 1, nan), number(0, START + 1, nan)]);
    send(&mut rollup, START, Kind::Gauge, &g, vec![number(0, START - 1, 5.0), number(0, START - 1, 5.0)]);
    send(
        &mut rollup,
        START,
        Kind::Gauge,
        &g,
        vec![number(0, START - 8 * DAY, 0.0), number(0, START + 2 * DAY, 0.0)],
    );
    send(&mut rollup, START, Kind::Gauge, &g, vec![number(0, i64::MIN, 0.0), number(0, i64::MAX, 0.0)]);
    let points =
        vec![number(START - 9, START, 1.0), number(START - 9, START, 1.0), number(START - 5, START + 5, 1.0)];
    send(&mut rollup, START, Kind::Delta, &d, points);
    send(
        &mut rollup,
        START,
        Kind::Delta,
        &d,
        vec![number(START, START + 5, 1.0), number(0, START, f64::INFINITY)],
    );
    // OTLP's own example: an interval without length, sent again.
    let no_length = number(START + 9, START + 9, 1.0);
    send(&mut rollup, START, Kind::Delta, &d, vec![no_length.clone(), no_length]);
    let counts = rollup.store().status().points;
    assert_eq!((counts.taken, counts.duplicates, counts.conflicts), (6, 5, 2), "{counts:?}");
    assert_eq!(
        (counts.too_old, counts.in_future, counts.late, counts.not_finite),
        (2, 2, 1, 1),
        "{counts:?}"
    );
    rollup.apply_samples(Position(99), timestamp(START), None, b"\x01\x01\x09nonsense").expect("applies");
    assert_eq!(rollup.store().status().points.bad_batches, 1);
}

/// The labels of known series are not looked at again; those that are none still end a batch, in time or not.
#[test]
fn labels_that_are_none_end_a_batch() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let g = labels("g", 1);
    let mut check = |position: u64, time_of_bad: i64, taken: u64| {
        let at = START + position as i64;
        let series = |labels: &Labels, time: i64| (Kind::Gauge, labels.clone(), vec![number(0, time, 1.0)]);
        let mut batch = encode(&[series(&g, at), series(&labels("h", 1), time_of_bad), series(&g, at + 100)]);
        let mut names = batch.windows(8).enumerate().filter(|(_, name)| *name == b"__name__");
        let second = names.nth(1).expect("three series").0;
        batch[second] = 0xff;
        rollup.apply_samples(Position(position), timestamp(START), None, &batch).expect("applies");
        let counts = rollup.store().status().points;
        assert_eq!((counts.taken, counts.bad_batches), (taken, position), "{counts:?}");
    };
    check(1, START, 1);
    check(2, START, 2);
    check(3, START - 8 * DAY, 3);
}

/// A million distinct label values take no more memory than the budget: what is beyond adds up in one series.
#[test]
fn what_is_beyond_the_budget_adds_up_in_the_overflow_series() {
    let dir = SimDir::new();
    let config = RollupConfig { series_per_metric_max: 100, ..tiny() };
    let mut rollup = open(&dir, &config);
    for batch in 0..250 {
        let of = |host| (Kind::Delta, labels("d", batch * 4000 + host), vec![number(0, START, 1.0)]);
        let gauge = |host| (Kind::Gauge, labels("g", batch * 40 + host), vec![number(0, START, 1.0)]);
        let record = Record::Samples((0..4000).map(of).chain((0..40).map(gauge)).collect());
        apply_one(&mut rollup, batch + 1, START, &record).expect("applies");
    }
    let store = rollup.store();
    let status = store.status();
    assert_eq!((status.series, status.series_active), (201, 201));
    assert_eq!(status.overflows, BTreeMap::from([("d".to_owned(), 999_900), ("g".to_owned(), 9900)]));
    assert_eq!(status.errors.len(), 2, "{:?}", status.errors);
    assert!(status.head_bytes < 100_000, "{}", status.head_bytes);
    let overflow =
        [named("d"), vec![Matcher { name: OVERFLOW.into(), op: MatchOp::Equal("true".into()) }]].concat();
    let found = shown(&store, &overflow, ALL);
    assert_eq!(
        found.values().next().map(|it| it.windows.values().map(|it| it.0).sum::<f64>()),
        Some(999_900.0)
    );
    assert_eq!(shown(&store, &named("g"), ALL).len(), 100);
    // After a day without points they are not active any more, and others may be.
    for n in 0..3 {
        tick(&mut rollup, START + 2 * DAY + n * 100_000);
    }
    send(
        &mut rollup,
        START + 2 * DAY,
        Kind::Gauge,
        &labels("g", 77_777),
        vec![number(0, START + 2 * DAY, 1.0)],
    );
    assert_eq!(rollup.store().status().series_active, 1);
    assert_eq!(shown(&store, &named("g"), ALL).len(), 101);
}

#[test]
fn log_derived_series_are_added_to_by_handle() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let handles = {
        let mut intake = rollup.intake(timestamp(START), None);
        let (c, h, g) = (labels("c", 1), labels("h", 1), labels("g", 1));
        let counter = intake.series(WindowsOf::Counter, c.view()).expect("room");
        let histogram = intake.series(WindowsOf::Histogram, h.view()).expect("room");
        let gauge = intake.series(WindowsOf::Gauge, g.view()).expect("room");
        assert!(intake.add_increase(counter, START + 1, 2.0) && intake.add_increase(counter, START + 2, 3.0));
        assert!(intake.add_observation(histogram, START + 1, 0.5, 3));
        assert!(intake.set_gauge(gauge, START + 5, 7.0) && intake.set_gauge(gauge, START + 4, 6.0));
        assert!(!intake.add_increase(gauge, START, 1.0));
        [counter, histogram, gauge]
    };
    let store = rollup.store();
    let span = Span { start: START, end: START + HOUR };
    assert_eq!(only(&store, "c", span).rows[0].increase, 5.0);
    assert_eq!(only(&store, "h", span).rows[0].count, 3);
    let gauge = only(&store, "g", span);
    assert_eq!(
        (gauge.of, gauge.rows[0].last, gauge.rows[0].max, gauge.rows[0].count),
        (WindowsOf::Gauge, 7.0, 7.0, 2)
    );
    assert!(handles.iter().all(|&it| rollup.intake(timestamp(START), None).is_alive(it)));
}

#[test]
fn what_is_known_of_metrics_is_kept() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let meta =
        |help: &str| logweir_base::metric::Meta { kind: "gauge".into(), unit: "s".into(), help: help.into() };
    let mut writer = Writer::default();
    writer.meta("g", &meta("one"));
    writer.points(Kind::Gauge, labels("g", 1).view(), &[number(0, START, 1.0)]);
    rollup.apply_samples(Position(1), timestamp(START), None, &writer.take()).expect("applies");
    drop(rollup);
    assert_eq!(open(&dir, &tiny()).store().metadata(), BTreeMap::from([("g".to_owned(), meta("one"))]));
}

/// D03: no block can be written: the position stays, nothing is lost, memory is bounded, and it goes on when there is space.
#[test]
fn d03_a_full_disk_puts_writing_off() {
    let (dir, journal) = (SimDir::new(), journal(3, 40));
    let mut rollup = open(&dir, &tiny());
    dir.set_space(Some(2000));
    apply(&mut rollup, &journal);
    let status = rollup.store().status();
    assert!(status.failures > 5 && status.errors[0].contains("no space"), "{status:?}");
    let mut expected = Model::of(&journal).all;
    expected.retain(|labels, it| *it != Shown::default() && labels.starts_with('g'));
    assert_eq!(shown(&rollup.store(), &named("g"), ALL), expected);
    dir.set_space(None);
    tick(&mut rollup, START + DAY);
    assert_eq!(rollup.commit().expect("goes on").0, journal.len() as u64 + 1);
    assert_eq!(shown(&rollup.store(), &named("g"), ALL), expected);
    let config = RollupConfig { head_bytes_max: 20_000, ..tiny() };
    let mut rollup = open(&SimDir::new(), &config);
    let dir = SimDir::new();
    dir.set_space(Some(0));
    drop(std::mem::replace(&mut rollup, open(&dir, &config)));
    let refused = (1..).zip(&journal).position(|(at, (ms, it))| apply_one(&mut rollup, at, *ms, it).is_err());
    assert!(refused.is_some(), "memory is not bounded");
}

/// R9: after a failed sync of the manifest nothing goes on.
#[test]
fn r9_a_failed_manifest_sync_is_the_end() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    send(&mut rollup, START, Kind::Gauge, &labels("g", 1), vec![number(0, START, 1.0)]);
    tick(&mut rollup, START + HOUR);
    assert_eq!(rollup.commit().expect("committed"), Position(2));
    let before = dir.operations();
    // Without points only the manifest is written, and synced.
    dir.stop_after(before + 1);
    let body = EntryBody::Tick(timestamp(START + 2 * HOUR));
    let entry = |position| {
        Arc::new(Entry {
            position: Position(position),
            received: timestamp(START + HOUR),
            config: ConfigVersion(0),
            body: body.clone(),
        })
    };
    assert!(rollup.apply(&entry(3)).is_err() && rollup.apply(&entry(4)).is_err() && rollup.commit().is_err());
    assert_eq!(rollup.committed().map(|(_, position)| position), Some(Position(2)));
}

/// I05: flip each byte of a block once: all is shown, or an error names the file; nothing false, no panic.
#[test]
fn i05_a_flipped_byte_is_noticed_or_does_not_matter() {
    let (dir, journal) = (SimDir::new(), journal(4, 3));
    let mut rollup = open(&dir, &RollupConfig::default());
    apply(&mut rollup, &journal);
    drop(rollup);
    let names = dir.list().expect("lists");
    let expected = shown(&open(&dir, &tiny()).store(), &[], ALL);
    let mut noticed = 0;
    for name in names.iter().filter(|name| name.ends_with(".rollup")) {
        let whole = dir.contents(name).expect("there it is");
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            dir.put(name, &bytes);
            let rollup = Rollup::open(shared(&dir), JOURNAL, tiny());
            let Ok(rollup) = rollup.map_err(|e| assert!(e.to_string().contains("version"), "{e}")) else {
                continue;
            };
            let store = rollup.store();
            match store.select(&[], ALL) {
                Ok(answer) if answer.warnings.is_empty() => {
                    assert_eq!(shown(&store, &[], ALL), expected, "{name} flipped at {at}");
                }
                Ok(answer) => {
                    // The file is named, others still answer.
                    assert!(store.status().errors[0].contains(name.as_str()), "{answer:?}");
                    noticed += 1;
                }
                Err(e) => panic!("{name} flipped at {at}: {e}"),
            }
            dir.put(name, &whole);
        }
    }
    assert!(noticed > 100, "{noticed}");
}

/// I06: the manifest cut at every byte, flipped at every byte, lost: completed from the block files.
#[test]
fn i06_a_torn_or_lost_manifest_is_completed_from_the_blocks() {
    let (dir, journal) = (SimDir::new(), journal(5, 12));
    let mut rollup = open(&dir, &tiny());
    apply(&mut rollup, &journal);
    assert!(rollup.store().status().merges > 0);
    drop(rollup);
    let manifest = dir.contents("manifest").expect("it is");
    let expected = shown(&open(&dir, &tiny()).store(), &[], ALL);
    let check = |bytes: Option<&[u8]>, context: String| {
        let dir = dir.crash(logweir_base::dir::sim::Survival::Everything);
        match bytes {
            Some(bytes) => dir.put("manifest", bytes),
            None => dir.remove("manifest").expect("removes"),
        }
        let mut rollup = open(&dir, &tiny());
        assert_eq!(shown(&rollup.store(), &[], ALL), expected, "{context}");
        apply(&mut rollup, &journal);
        assert_eq!(shown(&rollup.store(), &[], ALL), expected, "{context}, applied again");
        drop(rollup);
        assert_eq!(
            open(&dir, &tiny()).store().status().errors,
            Vec::<String>::new(),
            "{context}: not mended"
        );
    };
    check(None, "lost".to_owned());
    for at in (0..manifest.len()).step_by(37) {
        check(Some(&manifest[..at]), format!("cut at {at}"));
        let mut flipped = manifest.clone();
        flipped[at] ^= 0x40;
        check(Some(&flipped), format!("flipped at {at}"));
    }
}

/// D15: the store of another journal is refused.
#[test]
fn d15_the_store_of_another_journal_is_refused() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    send(&mut rollup, START, Kind::Gauge, &labels("g", 1), vec![number(0, START, 1.0)]);
    drop(rollup);
    let error = Rollup::open(shared(&dir), JournalId([8; 16]), tiny()).err().expect("refused");
    assert!(error.to_string().contains("belongs to journal"), "{error}");
}

/// At rest a sample takes two bytes at most: half of the series grow by random whole numbers, a third have two decimals, the rest
/// stand still; each target's are scraped together, some ms late or early.
#[test]
fn a_sample_takes_two_bytes_at_most() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &RollupConfig { workers: 0, ..RollupConfig::default() });
    let (targets, of_target) = (6, 60);
    let mut values = vec![0.0f64; targets * of_target];
    let mut state = 1u64;
    let mut dice = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for step in 0..24 * 240 {
        let now = START + step * 15_000;
        let mut record = Vec::new();
        for (at, value) in values.iter_mut().enumerate() {
            let time = now + (at / of_target) as i64 * 1_700 + step * 7_919 % 5;
            *value = match at % 6 {
                0..3 => *value + dice(100) as f64,
                3 | 4 => ((*value * 100.0).round() + dice(1001) as f64 - 500.0).abs() / 100.0,
                _ => at as f64,
            };
            let kind = if at % 6 < 3 { Kind::Counter } else { Kind::Gauge };
            record.push((kind, labels("some_metric_total", at as u64), vec![number(0, time, *value)]));
        }
        let position = rollup.store().applied().0 + 1;
        apply_one(&mut rollup, position, now, &Record::Samples(record)).expect("applies");
        tick(&mut rollup, now + 1);
    }
    let bytes_of = |rollup: &Rollup| {
        let status = rollup.store().status();
        status.block_bytes as f64 / status.block_points as f64
    };
    let live = bytes_of(&rollup);
    for n in 0..40 {
        tick(&mut rollup, START + DAY + 2 * HOUR + n * 10_000);
    }
    let settled = bytes_of(&rollup);
    println!("bytes a sample: {live:.2} as of today, {settled:.2} at rest");
    assert!(settled <= 2.0 && live <= 2.0, "{live}, {settled}");
}

/// What 1,000 recordings of one series take at rest.
#[test]
fn a_window_of_a_thousand_recordings_takes_two_hundred_bytes_at_most() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &RollupConfig::default());
    let mut state = 3u64;
    for step in 0..360 {
        let now = START + step * 10_000;
        let numbers: Vec<f64> = (0..1000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let even = (state >> 33) as f64 / f64::from(1u32 << 31);
                0.1 * (0.5 * (even - 0.5) * 6.0).exp()
            })
            .collect();
        send(&mut rollup, now, Kind::Histogram, &labels("h", 1), vec![observations(0, now, &numbers)]);
    }
    rollup.flush().expect("writes");
    let status = rollup.store().status();
    let bytes = status.block_bytes as f64 / status.block_points as f64;
    println!("bytes a window of 1,000 recordings: {bytes:.0}");
}

/// The thread merges what the caller would.
#[test]
fn merging_in_the_background_changes_nothing() {
    let (dir, journal) = (SimDir::new(), journal(9, 60));
    let mut rollup = open(&dir, &RollupConfig { workers: 1, ..tiny() });
    apply(&mut rollup, &journal);
    for n in 0..10_000 {
        tick(&mut rollup, START + 3 * DAY + n);
        if rollup.store().status().merges > 5 {
            break;
        }
        std::thread::yield_now();
    }
    let mut expected = Model::of(&journal).all;
    expected.retain(|labels, it| *it != Shown::default() && labels.starts_with('g'));
    assert_eq!(shown(&rollup.store(), &named("g"), ALL), expected);
    drop(rollup);
    assert_eq!(shown(&open(&dir, &tiny()).store(), &named("g"), ALL), expected);
}

#[test]
fn series_are_found_by_all_kinds_of_conditions() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    for host in 0..4 {
        send(&mut rollup, START, Kind::Gauge, &labels("g", host), vec![number(0, START, 1.0)]);
    }
    tick(&mut rollup, START + HOUR);
    send(&mut rollup, START + HOUR, Kind::Gauge, &labels("late", 1), vec![number(0, START + HOUR, 1.0)]);
    let store = rollup.store();
    let regex = |text: &str| regex::Regex::new(&format!("^(?:{text})$")).expect("a regex");
    let check = |name: &str, op: MatchOp, expected: usize| {
        let matchers = [Matcher { name: name.to_owned(), op }];
        assert_eq!(store.series(&matchers, ALL).len(), expected, "{matchers:?}");
        assert_eq!(store.select(&matchers, ALL).expect("answers").series.len(), expected, "{matchers:?}");
    };
    check("__name__", MatchOp::Equal("g".into()), 4);
    check("host", MatchOp::Equal("h1".into()), 2);
    check("host", MatchOp::NotEqual("h1".into()), 3);
    check("host", MatchOp::Matches(regex("h[01]")), 3);
    check("host", MatchOp::NotMatches(regex("h.*")), 0);
    check("absent", MatchOp::Equal(String::new()), 5);
    check("absent", MatchOp::Matches(regex(".+")), 0);
    let at = |start: i64, end: i64| store.label_values("__name__", &[], Span { start, end }).len();
    assert_eq!((at(START, START), at(START + 1, START + HOUR - 1), at(START + 1, START + HOUR)), (1, 0, 1));
    assert_eq!(store.label_names(&[], ALL).into_iter().collect::<Vec<_>>(), ["__name__", "host"]);
    let few =
        Rollup::open(shared(&dir), JOURNAL, RollupConfig { query_points_max: 2, ..tiny() }).expect("opens");
    assert!(matches!(few.store().select(&named("g"), ALL), Err(crate::select::SelectError::TooMuch(_))));
}

/// D03: merges that do not fit are put off; what they leave behind does not fill the disk further.
#[test]
fn d03_a_full_disk_puts_merges_off() {
    let (dir, journal) = (SimDir::new(), journal(8, 30));
    let config = RollupConfig { flush_age: Duration::from_secs(1), ..tiny() };
    let mut rollup = open(&dir, &config);
    let half = journal[..10].to_vec();
    apply(&mut rollup, &half);
    let used = |dir: &SimDir| -> usize {
        dir.list().expect("lists").iter().map(|name| dir.contents(name).map_or(0, |it| it.len())).sum()
    };
    let mut expected = Model::of(&journal).all;
    expected.retain(|labels, it| *it != Shown::default() && labels.starts_with('g'));
    for (at, (received, record)) in journal.iter().enumerate() {
        dir.set_space(if at % 5 == 4 { None } else { Some(used(&dir) as u64 + 2500) });
        apply_one(&mut rollup, at as u64 + 1, *received, record).expect("applies");
        let files = dir.list().expect("lists").len();
        assert!(files <= rollup.store().status().blocks + 1, "{files} files");
    }
    let status = rollup.store().status();
    assert!(status.failures > 0 && status.merges > 0, "{status:?}");
    assert_eq!(shown(&rollup.store(), &named("g"), ALL), expected);
}

/// I05: a block that cannot be read is left out of merges, and its neighbours are merged without it.
#[test]
fn i05_a_damaged_block_holds_up_no_merge() {
    let (dir, journal) = (SimDir::new(), journal(8, 30));
    let mut rollup = open(&dir, &RollupConfig { flush_age: Duration::from_secs(1), ..tiny() });
    apply(&mut rollup, &journal[..4].to_vec());
    let name = dir.list().expect("lists").remove(0);
    let mut bytes = dir.contents(&name).expect("the block");
    bytes[20] ^= 1;
    dir.put(&name, &bytes);
    apply(&mut rollup, &journal);
    let status = rollup.store().status();
    assert!(status.merges > 0 && status.failures == 1 && status.errors[0].contains(&name), "{status:?}");
    assert!(dir.contents(&name).is_some(), "it stays for whoever can mend it");
}

#[test]
fn the_manifest_is_written_anew_from_time_to_time() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let mut longest = 0;
    for n in 0..2010 {
        tick(&mut rollup, START + n * 100_000);
        longest = longest.max(dir.contents("manifest").map_or(0, |it| it.len()));
    }
    assert!(dir.contents("manifest").expect("it is").len() < longest / 50, "{longest}");
    let committed = rollup.committed();
    drop(rollup);
    assert!(open(&dir, &tiny()).committed() >= committed);
}

/// The budget of one source leaves room for others.
#[test]
fn a_source_has_a_budget_of_its_own() {
    let config = RollupConfig { series_per_source_max: 3, ..tiny() };
    let mut rollup = open(&SimDir::new(), &config);
    for (position, source) in (1..).zip([Some(SourceId([1; 16])), None, Some(SourceId([2; 16]))]) {
        let of = |host| (Kind::Gauge, labels("g", position * 10 + host), vec![number(0, START, 1.0)]);
        let bytes = encode(&(0..5).map(of).collect::<Vec<_>>());
        rollup.apply_samples(Position(position), timestamp(START), source, &bytes).expect("applies");
    }
    let status = rollup.store().status();
    assert_eq!((status.series, status.points.overflowed), (9, 6));
}

/// Samples that come again after they were written, and after a restart, are counted and written once.
#[test]
fn resent_samples_that_are_in_files_are_counted_and_dropped() {
    let dir = SimDir::new();
    let mut rollup = open(&dir, &tiny());
    let all: Vec<_> = (0..500).map(|n| number(0, START + n * 15_000, n as f64)).collect();
    send(&mut rollup, START + 3 * HOUR, Kind::Gauge, &labels("g", 1), all.clone());
    rollup.flush().expect("writes");
    drop(rollup);
    let mut rollup = open(&dir, &tiny());
    let mut again = all[100..400].to_vec();
    again[7].value = Value::Number(-1.0);
    again.push(number(0, START + 1, 5.0));
    send(&mut rollup, START + 3 * HOUR, Kind::Gauge, &labels("g", 1), again);
    send(&mut rollup, START + 3 * HOUR, Kind::Gauge, &labels("g", 2), all[..3].to_vec());
    rollup.flush().expect("writes");
    let status = rollup.store().status();
    let counts = status.points;
    assert_eq!((counts.taken, counts.duplicates, counts.conflicts, counts.late), (4, 299, 1, 1));
    assert_eq!(status.block_points, 504);
    let found = shown(&rollup.store(), &named("g"), ALL);
    assert_eq!(found.values().map(|it| it.samples.len()).collect::<Vec<_>>(), [501, 3]);
}
