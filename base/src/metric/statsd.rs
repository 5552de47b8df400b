//! StatsD and DogStatsD: datagrams to samples, summed up over a flush interval.
//!
//! ```text
//! datagram  lines
//! line      name:value[:value...]|type[|@rate][|#tag:value,tag...][|c:container][|T<seconds>]
//! type      c counter; g gauge, +n and -n change it; ms, h, d timers, histograms, distributions; s distinct texts
//! _e{...    event, _sc|...  service check: ignored, counted
//! ```
//! A flush writes increases (counters, by their rate), values (gauges that were set), histograms (by their rate) and how many
//! distinct texts there were. Characters that Prometheus does not allow in names become `_`; a tag without value is `"true"`,
//! one that comes twice has both values. A line with a time of its own (`T`) is not mixed with others. Nobody reads a clock.
//!
//! Limits: what is held between two flushes; beyond that see each constant. A gauge is remembered for [`GAUGE_FLUSHES_MAX`].

mod line;
#[cfg(test)]
mod tests;

use super::histogram::is_summable;
use super::labels::{Builder, Labels, LabelsRef, NAME};
use super::received::Sink;
use super::samples::{Kind, Point, Value, Writer};
use super::{Histogram, Received};
use line::{Line, Type};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64;

/// Flushes for which a gauge that is not set is remembered, so that it can be changed: an hour of 10 s.
pub const GAUGE_FLUSHES_MAX: u32 = 360;
/// Buckets of all histograms of an interval together: 16 MiB.
const BUCKETS_MAX: usize = 1 << 20;
/// Buckets of one histogram: the memory behind a new one is moved, so that numbers of all sizes would take ever longer. 128
/// doublings fit.
const SERIES_BUCKETS_MAX: usize = 1 << 13;
/// Texts of all sets of an interval together, eight bytes each.
const MEMBERS_MAX: usize = 1 << 20;
/// Names that have an overflow series, beyond the series allowed; more are refused.
const OVERFLOW_NAMES_MAX: usize = 1000;
/// The label of a series that stands for all that found no room.
const OVERFLOW: &str = "__overflow__";

/// What a datagram was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Values taken in.
    pub values: u64,
    /// Of those, values counted in an overflow series.
    pub overflowed: u64,
    /// Events and service checks.
    pub ignored: u64,
    /// Lines refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
}

/// What was received since the last flush.
#[derive(Debug)]
pub struct Aggregator {
    series: HashMap<Key, State>,
    series_max: usize,
    overflow_names: usize,
    buckets: usize,
    members: usize,
    builder: Builder,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
struct Key {
    labels: Labels,
    kind: Type,
    /// The line's own time in ms, if it has one.
    time: Option<i64>,
}

/// What a line says.
#[derive(Debug)]
enum Values {
    /// True for each that changes the one before.
    Numbers(Vec<(f64, bool)>),
    /// The hash of a text.
    Text(u64),
}

#[derive(Debug)]
enum State {
    Counter(f64),
    Gauge { value: f64, flushes_since_set: u32 },
    Histogram(Histogram),
    Set(HashSet<u64>),
}

impl Aggregator {
    /// One that holds no more than so many series.
    pub fn new(series_max: usize) -> Self {
        Self {
            series: HashMap::new(),
            series_max,
            overflow_names: 0,
            buckets: 0,
            members: 0,
            builder: Builder::default(),
        }
    }

    /// Takes a datagram in; what is wrong with a line refuses that line.
    pub fn take(&mut self, datagram: &[u8]) -> Taken {
        let mut taken = Taken::default();
        for line in
            datagram.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            if line.starts_with(b"_e{") || line.starts_with(b"_sc|") {
                taken.ignored += 1;
            } else if let Err(reason) = line::parse(line).and_then(|line| self.take_line(&line, &mut taken)) {
                *taken.refused.entry(reason).or_default() += 1;
            }
        }
        taken
    }

    /// Writes the interval that ends now. `extra` labels are added to series that have none of the name.
    pub fn flush(&mut self, now: i64, extra: &[(&str, &str)], out: &mut Writer) -> Received {
        let mut sink = Sink::new(out);
        let mut series: Vec<_> = self.series.drain().collect();
        series.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        (self.overflow_names, self.buckets, self.members) = (0, 0, 0);
        for (key, mut state) in series {
            let own = key.labels.view();
            let added = extra.iter().copied().filter(|(name, _)| own.get(name).is_empty());
            let others = own.iter().filter(|(name, _)| *name != NAME);
            if sink.series(key.labels.name(), others.chain(added), 1) {
                write(&mut state, key.time.unwrap_or(now), &mut sink);
            }
            if key.time.is_none() && state.is_kept_after_flush() {
                self.overflow_names += usize::from(!key.labels.get(OVERFLOW).is_empty());
                self.series.insert(key, state);
            }
        }
        sink.received
    }

    /// All or nothing: a line that is refused leaves no series behind, and takes no room.
    fn take_line(&mut self, line: &Line<'_>, taken: &mut Taken) -> Result<(), &'static str> {
        let values = Values::of(line)?;
        let labels = labels_of(line, &mut self.builder)?.to_owned();
        let (key, overflows) = self.place(Key { labels, kind: line.kind, time: line.time })?;
        let mut room =
            (BUCKETS_MAX - self.buckets.min(BUCKETS_MAX), MEMBERS_MAX - self.members.min(MEMBERS_MAX));
        let before = room;
        match self.series.entry(key) {
            Entry::Occupied(mut there) => there.get_mut().add(&values, line.rate, &mut room)?,
            Entry::Vacant(place) => {
                let mut state = State::new(line.kind);
                state.add(&values, line.rate, &mut room)?;
                place.insert(state);
                self.overflow_names += usize::from(overflows);
            }
        }
        self.buckets += before.0 - room.0;
        self.members += before.1 - room.1;
        taken.values += values.count();
        taken.overflowed += u64::from(overflows);
        Ok(())
    }

    /// Where a key's values go: to its own series, or to its name's overflow series.
    fn place(&self, key: Key) -> Result<(Key, bool), &'static str> {
        if self.series.contains_key(&key) || self.series.len() < self.series_max {
            return Ok((key, false));
        }
        let labels =
            Labels::of(&mut [(NAME, key.labels.name()), (OVERFLOW, "true")]).map_err(|bad| bad.reason())?;
        let key = Key { labels, kind: key.kind, time: None };
        if !self.series.contains_key(&key) && self.overflow_names == OVERFLOW_NAMES_MAX {
            return Err("too many series");
        }
        Ok((key, true))
    }
}

impl Values {
    fn of(line: &Line<'_>) -> Result<Self, &'static str> {
        match line.kind {
            Type::Set => Ok(Self::Text(xxh3_64(line.values.as_bytes()))),
            _ => line.numbers().map(Self::Numbers),
        }
    }

    fn count(&self) -> u64 {
        match self {
            Self::Text(_) => 1,
            Self::Numbers(numbers) => numbers.len() as u64,
        }
    }
}

impl State {
    fn new(kind: Type) -> Self {
        match kind {
            Type::Counter => Self::Counter(0.0),
            Type::Gauge => Self::Gauge { value: 0.0, flushes_since_set: 0 },
            Type::Histogram => Self::Histogram(Histogram::default()),
            Type::Set => Self::Set(HashSet::new()),
        }
    }

    /// Adds a line's values, or changes nothing. `room` is for buckets and for members of sets.
    fn add(&mut self, values: &Values, rate: f64, room: &mut (usize, usize)) -> Result<(), &'static str> {
        match (self, values) {
            (Self::Set(members), Values::Text(text)) => {
                if room.1 == 0 {
                    return Err("too many members of sets");
                }
                room.1 -= usize::from(members.insert(*text));
            }
            (Self::Counter(sum), Values::Numbers(numbers)) => {
                *sum = summable(numbers.iter().fold(*sum, |sum, (number, _)| sum + number / rate))?;
            }
            (Self::Gauge { value, flushes_since_set }, Values::Numbers(numbers)) => {
                let next = |value, &(number, is_change)| if is_change { value + number } else { number };
                *value = summable(numbers.iter().fold(*value, next))?;
                *flushes_since_set = 0;
            }
            (Self::Histogram(histogram), Values::Numbers(numbers)) => {
                if room.0 == 0 || histogram.bucket_count() >= SERIES_BUCKETS_MAX {
                    return Err("too many buckets");
                }
                numbers.iter().try_for_each(|(number, _)| summable(*number).map(drop))?;
                let before = histogram.bucket_count();
                let times = (1.0 / rate).round() as u64;
                numbers.iter().for_each(|(number, _)| histogram.record_many(*number, times));
                room.0 = room.0.saturating_sub(histogram.bucket_count() - before);
            }
            // The type is part of the key, so a series and its values are of one kind.
            (Self::Set(_), Values::Numbers(_)) | (_, Values::Text(_)) => {}
        }
        Ok(())
    }

    /// Counts the flush, whether or not its value could be written.
    fn is_kept_after_flush(&mut self) -> bool {
        let Self::Gauge { flushes_since_set, .. } = self else { return false };
        *flushes_since_set += 1;
        *flushes_since_set <= GAUGE_FLUSHES_MAX
    }
}

fn summable(number: f64) -> Result<f64, &'static str> {
    if is_summable(number) { Ok(number) } else { Err("number too large") }
}

fn write(state: &mut State, time: i64, sink: &mut Sink<'_>) {
    match state {
        State::Counter(sum) => sink.number(Kind::Delta, 0, time, *sum),
        State::Gauge { value, flushes_since_set } => {
            if *flushes_since_set == 0 {
                sink.samples(Kind::Gauge, &[(time, *value)]);
            }
        }
        State::Histogram(histogram) => {
            let value = Value::Histogram(std::mem::take(histogram));
            sink.point(Kind::Histogram, Point { start: 0, time, value });
        }
        State::Set(members) => sink.samples(Kind::Gauge, &[(time, members.len() as f64)]),
    }
}

/// Tags become labels; of a name that comes twice the values are joined.
fn labels_of<'a>(line: &Line<'_>, builder: &'a mut Builder) -> Result<LabelsRef<'a>, &'static str> {
    let mut tags = line.tags()?;
    tags.sort_unstable();
    tags.dedup();
    builder.clear();
    let mut pushed = builder.push(NAME.as_bytes(), line.name.as_bytes());
    for same in tags.chunk_by(|a, b| a.0 == b.0) {
        let values: Vec<&str> = same.iter().map(|(_, value)| *value).collect();
        pushed = pushed.and_then(|()| builder.push(same[0].0.as_bytes(), values.join(",").as_bytes()));
    }
    pushed.and_then(|()| builder.labels()).map_err(|bad| bad.reason())
}
