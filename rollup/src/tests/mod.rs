//! What the tests of the whole store share: records of samples, and the model that answers are compared with.

mod crash;
mod model;
mod rest;
mod told;

use crate::select::{MatchOp, Matcher, SeriesPoints, Source, Span};
use crate::{Rollup, RollupConfig, Store};
use logweir_base::dir::SharedDir;
use logweir_base::dir::sim::SimDir;
use logweir_base::entry::{Entry, EntryBody, Follower, FollowerError};
use logweir_base::ids::{ConfigVersion, JournalId, Position, SourceId};
use logweir_base::metric::samples::{Point, Value, Writer};
use logweir_base::metric::{Histogram, Kind, Labels};
use logweir_base::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const JOURNAL: JournalId = JournalId([7; 16]);
/// 2026-11-23T00:00:00Z, in ms.
const START: i64 = 1_795_392_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// A record of the journal, as far as the store cares.
#[derive(Clone, Debug)]
enum Record {
    Samples(Vec<(Kind, Labels, Vec<Point>)>),
    Tick,
}

/// Records with when they were received, in ms; their positions are their places from 1.
type Journal = Vec<(i64, Record)>;

fn shared(dir: &SimDir) -> SharedDir {
    Arc::new(dir.clone())
}

fn open(dir: &SimDir, config: &RollupConfig) -> Rollup {
    Rollup::open(shared(dir), JOURNAL, config.clone()).expect("opens")
}

fn timestamp(ms: i64) -> Timestamp {
    Timestamp(ms * 1_000_000)
}

fn encode(series: &[(Kind, Labels, Vec<Point>)]) -> Vec<u8> {
    let mut writer = Writer::default();
    for (kind, labels, points) in series {
        writer.points(*kind, labels.view(), points);
    }
    writer.take()
}

fn apply_one(
    rollup: &mut Rollup,
    position: u64,
    received: i64,
    record: &Record,
) -> Result<(), FollowerError> {
    let (position, received) = (Position(position), timestamp(received));
    match record {
        Record::Samples(series) => {
            rollup.apply_samples(position, received, Some(SourceId([1; 16])), &encode(series))
        }
        Record::Tick => {
            let body = EntryBody::Tick(received);
            rollup.apply(&Arc::new(Entry { position, received, config: ConfigVersion(0), body }))
        }
    }
}

fn apply(rollup: &mut Rollup, journal: &Journal) {
    for (position, (received, record)) in (1..).zip(journal) {
        apply_one(rollup, position, *received, record).expect("applies");
    }
}

fn labels(name: &str, host: u64) -> Labels {
    Labels::known(&[("__name__", name), ("host", &format!("h{host}"))])
}

fn number(start: i64, time: i64, value: f64) -> Point {
    Point { start, time, value: Value::Number(value) }
}

fn observations(start: i64, time: i64, values: &[f64]) -> Point {
    let mut histogram = Histogram::default();
    values.iter().for_each(|&value| histogram.record(value));
    Point { start, time, value: Value::Histogram(histogram) }
}

fn named(name: &str) -> Vec<Matcher> {
    vec![Matcher { name: "__name__".to_owned(), op: MatchOp::Equal(name.to_owned()) }]
}

const ALL: Span = Span { start: START - 400 * DAY, end: START + 4000 * DAY };

/// What the store shows: of a series its samples by time, or its windows by end with increase and count, and what was before.
#[derive(Clone, Debug, PartialEq, Default)]
struct Shown {
    samples: BTreeMap<i64, u64>,
    windows: BTreeMap<i64, (f64, u64)>,
    before: f64,
}

fn shown(store: &Store, matchers: &[Matcher], span: Span) -> BTreeMap<String, Shown> {
    let answer = store.select(matchers, span).expect("answers");
    let mut all = BTreeMap::new();
    for series in answer.series {
        let mut shown = Shown::default();
        match series.points {
            SeriesPoints::Samples(it) => {
                assert!(it.times.windows(2).all(|two| two[0] < two[1]), "{:?}", it.times);
                shown.samples = it.times.into_iter().zip(it.values.into_iter().map(f64::to_bits)).collect();
            }
            SeriesPoints::Windows(it) => {
                assert!(it.rows.windows(2).all(|two| two[0].end < two[1].end));
                shown.windows = it.rows.iter().map(|row| (row.end, (row.increase, row.count))).collect();
                shown.before = it.before;
            }
        }
        assert!(all.insert(series.labels.to_string(), shown).is_none(), "{} twice", series.labels);
    }
    all
}
