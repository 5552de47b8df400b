//! Numbers by group and time. Records are added one by one, or what is known of many at once: [`Stats::slot`] names a group,
//! and counts and numbers are added to it. Either way, in any order and merged in any way, the table is the same.
//!
//! Limits: [`BYTES_MAX`] of memory; what would need more is left out and counted.

use super::field::{FieldReader, Named, text_of_head};
use super::sketch::Sketch;
use super::spec::{Function, StatsSpec};
use super::table::{Cell, Table};
use crate::parse::{RecordView, Severity, role_of};
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Memory of all groups; some 150,000 of them when they are only counted.
const BYTES_MAX: usize = 32 << 20;
/// Estimates of what a group costs beside its key, and each of its numbers and sets of values.
const GROUP_BYTES: usize = 200;
const NUMBERS_BYTES: usize = 130;
const SET_BYTES: usize = 60;
/// What a different value costs.
const DISTINCT_BYTES: usize = 16;

/// A group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(usize);

/// The numbers of all groups.
#[derive(Debug)]
pub struct Stats {
    plan: Arc<Plan>,
    reader: FieldReader,
    groups: BTreeMap<Box<[u8]>, usize>,
    states: Vec<State>,
    key: Vec<u8>,
    /// Memory that may still be taken.
    room: usize,
    left_out: u64,
}

/// What is to be counted, resolved.
#[derive(Debug)]
struct Plan {
    spec: StatsSpec,
    /// What names the groups.
    by: Vec<Named>,
    /// Fields whose numbers are wanted; records are read for `by`, these and `distinct`, in this order.
    numbers: Vec<(Named, NeedsSketch)>,
    distinct: Vec<Named>,
    /// Estimate of what a group costs beside its key.
    group_bytes: usize,
    /// For each aggregate, which of `numbers` or `distinct` it is of.
    of: Vec<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NeedsSketch {
    Yes,
    No,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    numbers: Vec<Numbers>,
    distinct: Vec<HashSet<u64>>,
}

#[derive(Debug, Clone)]
struct Numbers {
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
    sketch: Option<Sketch>,
}

impl Stats {
    /// Nothing counted yet.
    pub fn new(spec: &StatsSpec) -> Self {
        let plan = Arc::new(Plan::of(spec));
        Self::of(plan)
    }

    /// An empty one of the same kind for one of so many threads, which have the memory of one together; see [`Stats::merge`].
    pub fn share_of(&self, threads: usize) -> Self {
        Self { room: BYTES_MAX / threads.max(1), ..Self::of(Arc::clone(&self.plan)) }
    }

    fn of(plan: Arc<Plan>) -> Self {
        let fields = plan.by.iter().chain(plan.numbers.iter().map(|(named, _)| named)).chain(&plan.distinct);
        Self {
            reader: FieldReader::new(fields.cloned().collect()),
            plan,
            groups: BTreeMap::new(),
            states: Vec::new(),
            key: Vec::new(),
            room: BYTES_MAX,
            left_out: 0,
        }
    }

    /// Adds a record.
    pub fn add(&mut self, view: &RecordView<'_>) {
        let mut reader = std::mem::replace(&mut self.reader, FieldReader::new(Vec::new()));
        reader.read(view);
        let keys = self.plan.by.len();
        let slot = self.slot_of(self.window(view.time), (0..keys).map(|at| reader.text(at)));
        if let Some(slot) = slot {
            self.add_count(slot, 1);
            let numbers = self.plan.numbers.len();
            for at in 0..numbers {
                reader.numbers(keys + at).iter().for_each(|&number| self.add_number(slot, at, number));
            }
            for at in 0..self.plan.distinct.len() {
                let text = reader.text(keys + numbers + at);
                self.add_distinct(slot, at, text);
            }
        }
        self.reader = reader;
    }

    /// The group of records of this severity and service, when these two and the time are all that groups depend on; it is
    /// full when there is no slot.
    pub fn slot(&mut self, time: Timestamp, severity: Severity, service: &str) -> Option<Slot> {
        let plan = Arc::clone(&self.plan);
        let keys = plan.by.iter().map(|named| text_of_head(named, severity, service));
        self.slot_of(self.window(time), keys)
    }

    /// The group of a time and of the values behind `by`, in their order; `None` as in [`Stats::slot`].
    pub fn slot_of_values<'a>(
        &mut self,
        time: Timestamp,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> Option<Slot> {
        self.slot_of(self.window(time), values)
    }

    /// Adds records whose numbers are added by [`Stats::add_number`].
    pub fn add_count(&mut self, slot: Slot, records: u64) {
        self.states[slot.0].count += records;
    }

    /// Adds a number of field `at` of [`Stats::number_fields`].
    #[inline]
    pub fn add_number(&mut self, slot: Slot, at: usize, number: f64) {
        let added = self.states[slot.0].numbers[at].add(number, &mut self.room);
        self.left_out += u64::from(!added);
    }

    /// Whether severity, service and time name the groups, and no different values are asked for.
    pub fn is_of_heads(&self) -> bool {
        self.plan.by.iter().all(Named::is_of_head) && self.plan.distinct.is_empty()
    }

    /// Whether time alone names the groups.
    pub fn is_of_time(&self) -> bool {
        self.plan.by.is_empty()
    }

    /// The fields whose numbers are asked for; `None` when one of them is not the application's own.
    pub fn number_fields(&self) -> Option<Vec<String>> {
        let path = |(named, _): &(Named, NeedsSketch)| match named {
            Named::Path(path) if role_of(path).is_own() => Some(path.clone()),
            _ => None,
        };
        self.plan.numbers.iter().map(path).collect()
    }

    /// Whether two times are in one window.
    pub fn same_window(&self, a: Timestamp, b: Timestamp) -> bool {
        self.window(a) == self.window(b)
    }

    /// Records left out because there was no memory for their groups.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Adds all of `other`, which is of the same kind.
    pub fn merge(&mut self, other: Self) {
        self.left_out += other.left_out;
        let mut states: Vec<_> = other.states.into_iter().map(Some).collect();
        for (key, at) in other.groups {
            let Some(state) = states[at].take() else {
                continue;
            };
            self.key.clear();
            self.key.extend_from_slice(&key);
            match self.slot_of_key() {
                Some(slot) => {
                    let whole = self.states[slot.0].merge(state, &mut self.room);
                    self.left_out += u64::from(!whole);
                }
                None => self.left_out += state.count,
            }
        }
    }

    /// The table: by time, else the greatest first number first, then by keys.
    pub fn finish(self) -> Table {
        let spec = &self.plan.spec;
        let columns = spec.columns();
        let mut states: Vec<_> = self.states.into_iter().map(Some).collect();
        let mut rows = Vec::new();
        for (key, at) in &self.groups {
            if let Some(state) = states[*at].take() {
                rows.push(self.plan.row(key, &state));
            }
        }
        if rows.is_empty() && spec.by.is_empty() && spec.every.is_none() {
            rows.push(self.plan.row(&[], &self.plan.empty_state()));
        }
        let keys = usize::from(spec.every.is_some()) + spec.by.len();
        let by_keys = |a: &Vec<Cell>, b: &Vec<Cell>| {
            let orders = a[..keys].iter().zip(&b[..keys]).map(|(a, b)| a.compare(b, false));
            orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        };
        match spec.every {
            Some(_) => rows.sort_by(by_keys),
            None => rows.sort_by(|a, b| a[keys].compare(&b[keys], true).then_with(|| by_keys(a, b))),
        }
        Table { columns, rows }
    }

    fn window(&self, time: Timestamp) -> Timestamp {
        let Some(every) = self.plan.spec.every else {
            return Timestamp::default();
        };
        let every = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
        Timestamp(time.0.div_euclid(every).saturating_mul(every))
    }

    fn slot_of<'a>(
        &mut self,
        window: Timestamp,
        keys: impl Iterator<Item = Option<&'a str>>,
    ) -> Option<Slot> {
        let key = &mut self.key;
        key.clear();
        key.extend_from_slice(&window.0.to_le_bytes());
        for text in keys {
            let len = text.map_or(u32::MAX, |text| u32::try_from(text.len()).unwrap_or(u32::MAX - 1));
            key.extend_from_slice(&len.to_le_bytes());
            key.extend_from_slice(text.unwrap_or_default().as_bytes());
        }
        let slot = self.slot_of_key();
        self.left_out += u64::from(slot.is_none());
        slot
    }

    fn slot_of_key(&mut self) -> Option<Slot> {
        if let Some(&at) = self.groups.get(self.key.as_slice()) {
            return Some(Slot(at));
        }
        self.room = self.room.checked_sub(self.key.len() + self.plan.group_bytes)?;
        self.groups.insert(self.key.as_slice().into(), self.states.len());
        self.states.push(self.plan.empty_state());
        Some(Slot(self.states.len() - 1))
    }

    fn add_distinct(&mut self, slot: Slot, at: usize, text: Option<&str>) {
        let Some(text) = text else {
            return;
        };
        let hash = xxh3_64(text.as_bytes());
        let added = insert_all(&mut self.states[slot.0].distinct[at], [hash], &mut self.room);
        self.left_out += u64::from(!added);
    }
}

impl Plan {
    fn of(spec: &StatsSpec) -> Self {
        let (mut numbers, mut distinct): (Vec<(Named, NeedsSketch)>, Vec<Named>) = (Vec::new(), Vec::new());
        let mut of = Vec::new();
        for aggregate in &spec.aggregates {
            let Some(named) = aggregate.field.as_deref().map(Named::of) else {
                of.push(0);
                continue;
            };
            if aggregate.function == Function::Distinct {
                of.push(place_of(&mut distinct, |it| *it == named, || named.clone()));
                continue;
            }
            let at = place_of(&mut numbers, |(it, _)| *it == named, || (named.clone(), NeedsSketch::No));
            if matches!(aggregate.function, Function::Percentile(_)) {
                numbers[at].1 = NeedsSketch::Yes;
            }
            of.push(at);
        }
        let by = spec.by.iter().map(|name| Named::of(name)).collect();
        let group_bytes = GROUP_BYTES + NUMBERS_BYTES * numbers.len() + SET_BYTES * distinct.len();
        Self { spec: spec.clone(), by, numbers, distinct, group_bytes, of }
    }

    fn empty_state(&self) -> State {
        let numbers = self.numbers.iter().map(|(_, needs)| Numbers::new(*needs)).collect();
        State { count: 0, numbers, distinct: vec![HashSet::new(); self.distinct.len()] }
    }

    fn row(&self, key: &[u8], state: &State) -> Vec<Cell> {
        let mut row = Vec::new();
        let mut rest = key;
        if let Some((window, behind)) = key.split_first_chunk::<8>() {
            rest = behind;
            if self.spec.every.is_some() {
                row.push(Cell::Time(Timestamp(i64::from_le_bytes(*window))));
            }
        }
        while let Some((len, behind)) = rest.split_first_chunk::<4>() {
            let len = u32::from_le_bytes(*len);
            let text = behind.get(..len as usize);
            row.push(
                text.map_or(Cell::Missing, |text| Cell::Text(String::from_utf8_lossy(text).into_owned())),
            );
            rest = &behind[text.map_or(0, <[u8]>::len)..];
        }
        let cells = self.spec.aggregates.iter().zip(&self.of);
        row.extend(cells.map(|(aggregate, &at)| state.cell(aggregate.function, at)));
        row
    }
}

/// False when there was no room for some.
fn insert_all(set: &mut HashSet<u64>, hashes: impl IntoIterator<Item = u64>, room: &mut usize) -> bool {
    let mut whole = true;
    for hash in hashes {
        if *room >= DISTINCT_BYTES {
            *room -= if set.insert(hash) { DISTINCT_BYTES } else { 0 };
        } else {
            whole &= set.contains(&hash);
        }
    }
    whole
}

fn place_of<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> usize {
    all.iter().position(is_it).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    })
}

impl State {
    /// False when there was no room for all of it.
    fn merge(&mut self, other: Self, room: &mut usize) -> bool {
        self.count += other.count;
        let mut whole = true;
        for (mine, theirs) in self.numbers.iter_mut().zip(&other.numbers) {
            whole &= mine.merge(theirs, room);
        }
        for (mine, theirs) in self.distinct.iter_mut().zip(other.distinct) {
            whole &= insert_all(mine, theirs, room);
        }
        whole
    }

    fn cell(&self, function: Function, at: usize) -> Cell {
        match function {
            Function::Count => Cell::Count(self.count),
            Function::Distinct => Cell::Count(self.distinct[at].len() as u64),
            _ => self.numbers[at].value(function).map_or(Cell::Missing, Cell::Number),
        }
    }
}

impl Numbers {
    fn new(needs: NeedsSketch) -> Self {
        let sketch = (needs == NeedsSketch::Yes).then(Sketch::default);
        Self { count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY, sketch }
    }

    #[inline]
    fn add(&mut self, number: f64, room: &mut usize) -> bool {
        // There is one zero.
        let number = number + 0.0;
        self.count += 1;
        self.sum += number;
        self.min = self.min.min(number);
        self.max = self.max.max(number);
        self.sketch.as_mut().is_none_or(|sketch| sketch.add(number, room))
    }

    fn merge(&mut self, other: &Self, room: &mut usize) -> bool {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        match (&mut self.sketch, &other.sketch) {
            (Some(mine), Some(theirs)) => mine.merge(theirs, room),
            _ => true,
        }
    }

    fn value(&self, function: Function) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        match function {
            Function::Sum => Some(self.sum),
            Function::Avg => Some(self.sum / self.count as f64),
            Function::Min => Some(self.min),
            Function::Max => Some(self.max),
            Function::Percentile(percent) => {
                self.sketch.as_ref()?.percentile(percent).map(|found| found.clamp(self.min, self.max))
            }
            Function::Count | Function::Distinct => None,
        }
    }
}
