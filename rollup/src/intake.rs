//! Taking points: each finds its series, is judged, and is kept in memory. All of it is a function of the records alone.
//!
//! * A value at a time is the series' once: the same again is a duplicate, another one a conflict, and the first stays.
//! * An interval with a known start is taken when it begins where the last one ended, or later.
//! * Observations since a start are taken as what was added since the point before.

use crate::budget::Limit;
use crate::config::{RollupConfig, millis};
use crate::level::Level;
use crate::live::Live;
use crate::rules::{Refused, Sink};
use crate::select::WindowsOf;
use crate::series::{Cumulative, Form, Head, metric_of};
use crate::window::{Row, end_of, since};
use logweir_base::ids::SourceId;
use logweir_base::metric::histogram::is_summable;
use logweir_base::metric::samples::{BadSamples, Item, Point, Points, Value, read_unchecked};
use logweir_base::metric::{Histogram, Kind, LabelsRef, Meta};
use logweir_base::time::Timestamp;
use std::collections::btree_map::Entry;
use std::sync::{Arc, MutexGuard};

const MS: i64 = 1_000_000;
/// Memory of a sample, with the room that a growing vector has on top.
const SAMPLE_BYTES: usize = 24;
/// Memory of one that came late.
const LATE_BYTES: usize = 48;
/// Memory of a window without its histogram, and of a bucket.
const ROW_BYTES: usize = 160;
const BUCKET_BYTES: usize = 16;

/// A series of windows that points are added to. Valid until the series is gone; then adding does nothing but say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesHandle {
    id: u32,
    generation: u32,
}

/// Takes points of one record. It holds the store's lock: make it for a batch, not for long.
pub struct Intake<'a> {
    live: MutexGuard<'a, Live>,
    config: &'a RollupConfig,
    source: Option<SourceId>,
    /// Points at or before are too old.
    oldest: i64,
    /// Points after are too far ahead.
    newest: i64,
}

/// What rules count goes to its series by their labels.
impl Sink for Intake<'_> {
    fn increase(&mut self, labels: LabelsRef<'_>, time_ms: i64, amount: f64) {
        if let Some(series) = self.series(WindowsOf::Counter, labels) {
            self.add_increase(series, time_ms, amount);
        }
    }

    fn observe(&mut self, labels: LabelsRef<'_>, time_ms: i64, values: &[f64]) {
        if let Some(series) = self.series(WindowsOf::Histogram, labels) {
            values.iter().for_each(|&value| {
                self.add_observation(series, time_ms, value, 1);
            });
        }
    }

    fn gauge(&mut self, labels: LabelsRef<'_>, time_ms: i64, value: f64) {
        if let Some(series) = self.series(WindowsOf::Gauge, labels) {
            self.set_gauge(series, time_ms, value);
        }
    }
}

/// Where points of a series go.
#[derive(Clone, Copy)]
enum Place {
    Series(u32),
    /// A budget is used up: to the overflow series.
    Overflow(Limit, u32),
    /// A budget is used up, and adding up has no meaning.
    Refused(Limit),
}

impl<'a> Intake<'a> {
    pub(crate) fn new(
        live: MutexGuard<'a, Live>,
        config: &'a RollupConfig,
        received: Timestamp,
        source: Option<SourceId>,
    ) -> Self {
        let received = received.0.div_euclid(MS);
        let kept = config.kept_ms(Level::Samples).max(config.kept_ms(Level::Windows10s));
        let (oldest, newest) =
            (received.saturating_sub(kept), received.saturating_add(millis(config.future_max)));
        Self { live, config, source, oldest, newest }
    }

    /// Takes a batch as `logweir_base::metric::samples` encodes it. What cannot be read is counted.
    pub fn take_samples(&mut self, bytes: &[u8]) {
        for item in read_unchecked(bytes) {
            match item {
                Ok(Item::Series { kind, labels, points }) => {
                    if self.take_series(kind, labels, points).is_err() {
                        self.live.counters.points.bad_batches += 1;
                        return;
                    }
                }
                Ok(Item::Meta { name, kind, unit, help }) => {
                    let (kind, unit, help) = (kind.to_owned(), unit.to_owned(), help.to_owned());
                    self.live.take_meta(name, Meta { kind, unit, help });
                }
                Err(_) => self.live.counters.points.bad_batches += 1,
            }
        }
    }

    /// The series of windows with these labels, to be added to; the overflow series of its metric when a budget is used up, and
    /// `None` when that has no meaning, as for gauges.
    pub fn series(&mut self, of: WindowsOf, labels: LabelsRef<'_>) -> Option<SeriesHandle> {
        let (form, kind) = match of {
            WindowsOf::Counter => (Form::Counter, Kind::Delta),
            WindowsOf::Gauge => (Form::Gauge, Kind::Gauge),
            WindowsOf::Histogram => (Form::Histogram, Kind::Histogram),
        };
        let id = match self.place(form, kind, labels) {
            Place::Series(id) => id,
            Place::Overflow(limit, id) => {
                self.count_overflow(labels, limit);
                id
            }
            Place::Refused(limit) => {
                self.count_overflow(labels, limit);
                return None;
            }
        };
        Some(SeriesHandle { id, generation: self.live.registry.get(id).generation })
    }

    /// Whether a handle's series is still there and active; if not, ask for it again.
    pub fn is_alive(&self, handle: SeriesHandle) -> bool {
        self.live.registry.is_alive(handle.id, handle.generation)
            && self.live.registry.get(handle.id).is_active
    }

    /// A counter has grown. False when the series is gone.
    pub fn add_increase(&mut self, handle: SeriesHandle, time_ms: i64, amount: f64) -> bool {
        self.add(handle, Form::Counter, time_ms, amount, |it, id| it.push_increase(id, time_ms, amount))
    }

    /// Something was observed, so many times. False when the series is gone.
    pub fn add_observation(&mut self, handle: SeriesHandle, time_ms: i64, value: f64, times: u64) -> bool {
        self.add(handle, Form::Histogram, time_ms, value, |it, id| {
            it.push_observation(id, time_ms, value, times)
        })
    }

    /// A gauge has a value. False when the series is gone.
    pub fn set_gauge(&mut self, handle: SeriesHandle, time_ms: i64, value: f64) -> bool {
        self.add(handle, Form::Gauge, time_ms, value, |it, id| {
            let end = end_of(time_ms, Level::Windows10s.step_ms());
            it.push_row(id, Row::of_value(end, time_ms, value), 0);
        })
    }

    /// Numbers that rules could not take.
    pub(crate) fn count_refused(&mut self, refused: Refused) {
        self.live.counters.refused_numbers += refused;
    }

    fn add(
        &mut self,
        handle: SeriesHandle,
        form: Form,
        time: i64,
        value: f64,
        push: impl FnOnce(&mut Self, u32),
    ) -> bool {
        if !self.is_alive(handle) || self.live.registry.get(handle.id).form != form {
            return false;
        }
        if self.admits(is_summable(value)) && self.is_in_time(time) {
            push(self, handle.id);
            self.live.counters.points.taken += 1;
        }
        true
    }

    /// An error when the labels are none or the points are cut short.
    #[inline]
    fn take_series(&mut self, kind: Kind, labels: &[u8], points: Points<'_>) -> Result<(), BadSamples> {
        let form = Form::of(kind);
        match self.live.registry.find(form, labels) {
            // Fast path: bytes that are equal to labels are labels.
            Some(id) if self.live.registry.get(id).is_active => self.take_known(id, kind, points),
            _ => self.take_new(form, kind, LabelsRef::check(labels)?, points),
        }
    }

    #[inline]
    fn take_known(&mut self, id: u32, kind: Kind, points: Points<'_>) -> Result<(), BadSamples> {
        if kind.is_plain() {
            for sample in points.samples() {
                let (time, value) = sample?;
                if self.is_in_time(time) {
                    self.live.registry.get_mut(id).learn(kind);
                    self.take_sample(id, time, value);
                }
            }
            return Ok(());
        }
        for point in points {
            let point = point?;
            if self.is_in_time(point.time) {
                self.live.registry.get_mut(id).learn(kind);
                self.take_point(id, kind, point);
            }
        }
        Ok(())
    }

    /// Of a series that is new, or has been away.
    #[cold]
    fn take_new(
        &mut self,
        form: Form,
        kind: Kind,
        labels: LabelsRef<'_>,
        points: Points<'_>,
    ) -> Result<(), BadSamples> {
        let mut place = None;
        for point in points {
            let point = point?;
            if !self.is_in_time(point.time) {
                continue;
            }
            match *place.get_or_insert_with(|| self.place(form, kind, labels)) {
                Place::Series(id) => self.take_point(id, kind, point),
                Place::Overflow(limit, id) => {
                    self.count_overflow(labels, limit);
                    self.take_point(id, kind, Point { start: 0, ..point });
                }
                Place::Refused(limit) => self.count_overflow(labels, limit),
            }
        }
        Ok(())
    }

    /// What is no number to add up is left out, and counted.
    #[inline]
    fn admits(&mut self, is_summable: bool) -> bool {
        self.live.counters.points.not_finite += u64::from(!is_summable);
        is_summable
    }

    #[inline]
    fn is_in_time(&mut self, time: i64) -> bool {
        let counts = &mut self.live.counters.points;
        counts.too_old += u64::from(time <= self.oldest);
        counts.in_future += u64::from(time > self.newest);
        time > self.oldest && time <= self.newest
    }

    fn place(&mut self, form: Form, kind: Kind, labels: LabelsRef<'_>) -> Place {
        if let Some(id) = self.live.registry.find(form, labels.bytes()) {
            let series = self.live.registry.get_mut(id);
            if series.is_active {
                series.learn(kind);
                return Place::Series(id);
            }
        }
        let metric = metric_of(labels);
        let Err(limit) = self.live.budget.admit(self.config, metric, self.source) else {
            return Place::Series(self.activate(form, kind, labels));
        };
        if form == Form::Samples || form == Form::Gauge || kind == Kind::CumulativeHistogram {
            return Place::Refused(limit);
        }
        let overflow = self.live.budget.overflow_labels(metric);
        let known = self.live.registry.find(form, overflow.view().bytes());
        let active = known.filter(|&id| self.live.registry.get(id).is_active);
        Place::Overflow(limit, active.unwrap_or_else(|| self.activate(form, kind, overflow.view())))
    }

    fn activate(&mut self, form: Form, kind: Kind, labels: LabelsRef<'_>) -> u32 {
        let (live, source) = (&mut *self.live, self.source);
        let known = live.registry.find(form, labels.bytes());
        let id = known.unwrap_or_else(|| live.registry.add(form, kind, labels.to_owned(), source));
        let series = live.registry.get_mut(id);
        (series.is_active, series.source) = (true, source);
        live.budget.add(metric_of(labels), source);
        id
    }

    fn count_overflow(&mut self, labels: LabelsRef<'_>, limit: Limit) {
        let live = &mut *self.live;
        live.counters.points.overflowed += 1;
        if let Some(error) = live.budget.overflow(self.config, metric_of(labels), limit) {
            live.counters.report(error);
        }
    }

    #[inline]
    fn take_point(&mut self, id: u32, kind: Kind, point: Point) {
        match (kind, point.value) {
            (Kind::Delta, Value::Number(amount)) => {
                if self.admits(is_summable(amount)) && self.is_new_interval(id, point.start, point.time) {
                    self.push_increase(id, point.time, amount);
                    self.live.counters.points.taken += 1;
                }
            }
            (_, Value::Number(value)) => self.take_sample(id, point.time, value),
            (_, Value::Histogram(histogram)) if !self.admits(histogram.is_summable()) => {}
            (Kind::CumulativeHistogram, Value::Histogram(it)) => {
                self.take_cumulative(id, point.start, point.time, it);
            }
            (_, Value::Histogram(histogram)) => {
                if self.is_new_interval(id, point.start, point.time) {
                    self.push_histogram(id, point.time, histogram);
                    self.live.counters.points.taken += 1;
                }
            }
        }
    }

    fn is_new_interval(&mut self, id: u32, start: i64, time: i64) -> bool {
        if start <= 0 {
            return true;
        }
        let live = &mut *self.live;
        let state = &mut live.registry.get_mut(id).state;
        // An interval without length, as senders without a start time tell them, is new when it is later.
        if start >= state.last_end && time > state.last_end {
            state.last_end = time;
            return true;
        }
        let is_again = time <= state.last_end;
        live.counters.points.duplicates += u64::from(is_again);
        live.counters.points.conflicts += u64::from(!is_again);
        false
    }

    #[inline]
    fn take_sample(&mut self, id: u32, time: i64, value: f64) {
        let live = &mut *self.live;
        let series = live.registry.get_mut(id);
        // Fast path: later than all before.
        if time > series.last_time {
            if series.head.is_empty() {
                live.dirty.push(id);
            }
            series.last_time = time;
            if let Head::Samples(points, _) = &mut series.head {
                points.push((time, value));
                live.head_bytes += SAMPLE_BYTES;
                live.counters.points.taken += 1;
            }
            return;
        }
        self.take_late(id, time, value);
    }

    /// Slow path: it is there, or has come late. What is in files is looked at when this is to be written (resent.rs).
    fn take_late(&mut self, id: u32, time: i64, value: f64) {
        let live = &mut *self.live;
        let series = live.registry.get_mut(id);
        let was_empty = series.head.is_empty();
        let Head::Samples(points, late) = &mut series.head else { return };
        let at = points.binary_search_by_key(&time, |point| point.0);
        let there = at.ok().map(|at| points[at].1).or_else(|| late.get(&time).copied());
        let counts = &mut live.counters.points;
        match there {
            Some(there) if there.to_bits() == value.to_bits() => counts.duplicates += 1,
            Some(_) => counts.conflicts += 1,
            None => {
                late.insert(time, value);
                live.head_bytes += LATE_BYTES;
                counts.late += 1;
                counts.taken += 1;
                if was_empty {
                    live.dirty.push(id);
                }
            }
        }
    }

    fn take_cumulative(&mut self, id: u32, start: i64, time: i64, histogram: Histogram) {
        let state = &self.live.registry.get(id).state;
        let before = state.cumulative.clone();
        let added = match &before {
            Some(it) if start < it.start || (start == it.start && time <= it.time) => {
                let is_same = time == it.time && it.histogram == histogram;
                let is_conflict = time == it.time && start == it.start && !is_same;
                self.live.counters.points.conflicts += u64::from(is_conflict);
                self.live.counters.points.duplicates += u64::from(!is_conflict);
                return;
            }
            Some(it) if start == it.start => {
                since(&histogram, &it.histogram).unwrap_or_else(|| histogram.clone())
            }
            // Since when is not known: it tells nothing of what was before, but is what the next one goes on from.
            None if start == 0 => Histogram::default(),
            _ => histogram.clone(),
        };
        let next = Arc::new(Cumulative { start, time, histogram });
        self.live.registry.get_mut(id).state.cumulative = Some(next);
        self.push_histogram(id, time, added);
        self.live.counters.points.taken += 1;
    }

    fn push_increase(&mut self, id: u32, time: i64, amount: f64) {
        let row = Row::of_increase(end_of(time, Level::Windows10s.step_ms()), amount);
        self.push_row(id, row, 0);
    }

    fn push_histogram(&mut self, id: u32, time: i64, histogram: Histogram) {
        let bytes = histogram.bucket_count() * BUCKET_BYTES;
        let row = Row::of_histogram(end_of(time, Level::Windows10s.step_ms()), Arc::new(histogram));
        self.push_row(id, row, bytes);
    }

    fn push_observation(&mut self, id: u32, time: i64, value: f64, times: u64) {
        let end = end_of(time, Level::Windows10s.step_ms());
        let live = &mut *self.live;
        let series = live.registry.get_mut(id);
        // Fast path: the window is there.
        if let Head::Rows(rows) = &mut series.head
            && let Some(Row { histogram: Some(histogram), .. }) = rows.get_mut(&end)
        {
            let before = histogram.bucket_count();
            let all = Arc::make_mut(histogram);
            all.record_many(value, times);
            live.head_bytes += (all.bucket_count() - before) * BUCKET_BYTES;
            series.state.totals.increase += times as f64;
            series.state.totals.sum += value * times as f64;
            live.counters.points.late += u64::from(end < series.last_time);
            return;
        }
        let mut histogram = Histogram::default();
        histogram.record_many(value, times);
        self.push_histogram(id, time, histogram);
    }

    fn push_row(&mut self, id: u32, row: Row, more_bytes: usize) {
        let live = &mut *self.live;
        let series = live.registry.get_mut(id);
        series.state.totals.add(&row);
        live.counters.points.late += u64::from(row.end < series.last_time);
        series.last_time = series.last_time.max(row.end);
        if series.head.is_empty() {
            live.dirty.push(id);
        }
        live.head_bytes += more_bytes;
        let Head::Rows(rows) = &mut series.head else { return };
        match rows.entry(row.end) {
            Entry::Occupied(mut there) => there.get_mut().merge(&row),
            Entry::Vacant(place) => {
                place.insert(row);
                live.head_bytes += ROW_BYTES;
            }
        }
    }
}
