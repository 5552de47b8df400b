//! What rules have counted of the batch at hand: groups of records, and cells, which the sink gets when the batch ends.
//!
//! Both live for one batch, so its records bound them: at most as many groups as records, as many cells as records and rules.

use super::apply::{MS_NS, Refused, Sink, WINDOW_NS};
use super::compile::{Compiled, Input};
use super::field::{HttpPart, METHODS};
use super::grammar::{Function, Rule};
use super::reader::Reader;
use super::{LONG, VALUE_BYTES_MAX, WINDOW_MS};
use logweir_base::entry::{RecordBatch, RecordSpan};
use logweir_base::metric::histogram::is_summable;
use logweir_base::metric::labels::{Labels, NAME};
use logweir_base::parse::Severity;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Records that have window, service and severity in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) window: i64,
    /// As in [`RecordSpan::service`].
    pub(super) service: u16,
    pub(super) severity: Severity,
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// Rules that count all its records and need not look at them, by bit.
    pub(super) whole: u128,
    /// Other rules that may count records of it.
    pub(super) open: u128,
    /// Those of them whose conditions the group does not decide.
    pub(super) doubtful: u128,
}

/// Tells cells apart: the rule, the window, and of the labels' values those that the rule has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    window: i64,
    rule: u8,
    /// Class of the severity.
    level: u8,
    service: u16,
    status: u16,
    /// Place in [`METHODS`], from 1.
    method: u8,
    /// Number of the values of all other labels together.
    texts: u32,
}

/// What a rule has of one series in one window.
#[derive(Debug)]
pub(super) struct Cell {
    key: Key,
    amount: f64,
    values: Vec<f64>,
    /// For each value, when; of gauges only.
    times: Vec<i64>,
}

/// Groups and cells of the batch at hand.
#[derive(Debug, Default)]
pub(super) struct Cells {
    groups: Vec<Group>,
    group_of: HashMap<(i64, u32), usize, Fast>,
    cells: Vec<Cell>,
    cell_of: HashMap<Key, usize, Fast>,
    /// Values of labels that have no place of their own in a key, in the order of the rule's labels, each behind its
    /// length.
    texts: Vec<Box<[u8]>>,
    text_of: HashMap<Box<[u8]>, u32>,
    scratch: Vec<u8>,
    value: String,
}

type Fast = BuildHasherDefault<Fold>;

/// A cheap hash for keys of small numbers, most of which are ours: what a batch could do to it is bounded by the batch.
#[derive(Debug, Default, Clone, Copy)]
struct Fold(u64);

impl Hasher for Fold {
    #[inline]
    fn write_u64(&mut self, number: u64) {
        // The fraction of the golden ratio, as in Fibonacci hashing.
        let product = u128::from(self.0.rotate_left(5) ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number as u64);
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// In two words.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let small = u64::from(self.service) | u64::from(self.status) << 16 | u64::from(self.texts) << 32;
        let labels = u64::from(self.rule) | u64::from(self.level) << 8 | u64::from(self.method) << 16;
        state.write_u64(small);
        state.write_u64(labels ^ (self.window as u64) << 24);
    }
}

impl Cells {
    pub(super) fn clear(&mut self) {
        self.groups.clear();
        self.group_of.clear();
        self.cells.clear();
        self.cell_of.clear();
        self.texts.clear();
        self.text_of.clear();
    }

    /// The place of a record's group, which `open` completes when it is new.
    pub(super) fn group_of(&mut self, record: &RecordSpan, open: impl FnOnce(&mut Group)) -> usize {
        let window = record.time.0.div_euclid(WINDOW_NS);
        let Self { groups, group_of, .. } = self;
        let common = u32::from(record.service) << 8 | u32::from(record.severity.0);
        *group_of.entry((window, common)).or_insert_with(|| {
            let (service, severity) = (record.service, record.severity);
            let (records, bytes, whole, open_to, doubtful) = (0, 0, 0, 0, 0);
            let mut group =
                Group { window, service, severity, records, bytes, whole, open: open_to, doubtful };
            open(&mut group);
            groups.push(group);
            groups.len() - 1
        })
    }

    /// Counts a record in the group at this place.
    pub(super) fn count(&mut self, at: usize, record: &RecordSpan) -> Group {
        let group = &mut self.groups[at];
        group.records += 1;
        group.bytes += u64::from(record.range_len);
        *group
    }

    pub(super) fn groups(&self) -> Vec<Group> {
        self.groups.clone()
    }

    /// The cell of a rule for a record of `group`, which has been read.
    pub(super) fn cell(
        &mut self,
        rule: usize,
        compiled: &Compiled,
        group: &Group,
        reader: &Reader,
    ) -> &mut Cell {
        let key = self.key(rule, compiled, group, reader);
        let Self { cells, cell_of, .. } = self;
        let at = *cell_of.entry(key).or_insert_with(|| {
            cells.push(Cell { key, amount: 0.0, values: Vec::new(), times: Vec::new() });
            cells.len() - 1
        });
        &mut cells[at]
    }

    fn key(&mut self, rule: usize, compiled: &Compiled, group: &Group, reader: &Reader) -> Key {
        let rule = u8::try_from(rule).expect("at most RULES_MAX");
        let window = group.window;
        let mut key = Key { window, rule, level: 0, service: 0, status: 0, method: 0, texts: 0 };
        self.scratch.clear();
        for (_, input) in &compiled.by {
            match *input {
                Input::Level => key.level = group.severity.class(),
                Input::Service => key.service = group.service,
                Input::Http(HttpPart::Status) => key.status = reader.http().status.unwrap_or(0),
                Input::Http(HttpPart::Method) => key.method = reader.http().method.map_or(0, |at| at + 1),
                Input::Slot(slot) => {
                    self.value.clear();
                    reader.write(slot, &mut self.value);
                    push_text(&self.value, &mut self.scratch);
                }
                Input::Role(role) => push_text(reader.role(role).unwrap_or(""), &mut self.scratch),
                // The same for all records of a batch, or no label.
                Input::Host | Input::File | Input::Bytes | Input::Http(HttpPart::Seconds) => {}
            }
        }
        if !self.scratch.is_empty() {
            key.texts = self.number_of_texts();
        }
        key
    }

    fn number_of_texts(&mut self) -> u32 {
        if let Some(known) = self.text_of.get(self.scratch.as_slice()) {
            return *known;
        }
        let number = u32::try_from(self.texts.len()).expect("at most one a record and rule");
        self.texts.push(self.scratch.as_slice().into());
        self.text_of.insert(self.scratch.as_slice().into(), number);
        number
    }

    /// Gives all that was counted to the sink, cell by cell in the order in which they came up.
    pub(super) fn hand_on(&self, rules: &[Compiled], batch: &RecordBatch, sink: &mut dyn Sink) {
        for cell in &self.cells {
            let compiled = &rules[usize::from(cell.key.rule)];
            let labels = self.labels_of(&cell.key, compiled, batch);
            let labels = labels.view();
            let end_ms = cell.key.window.saturating_add(1).saturating_mul(WINDOW_MS);
            match compiled.rule.function {
                Function::Count | Function::Sum => sink.increase(labels, end_ms, cell.amount),
                Function::Histogram if cell.values.is_empty() => {}
                Function::Histogram => sink.observe(labels, end_ms, &cell.values),
                Function::Gauge => {
                    let points = cell.times.iter().zip(&cell.values);
                    points.for_each(|(&time, &value)| sink.gauge(labels, time, value));
                }
            }
        }
    }

    fn labels_of(&self, key: &Key, compiled: &Compiled, batch: &RecordBatch) -> Labels {
        let status = if key.status == 0 { String::new() } else { key.status.to_string() };
        let mut texts = self.texts.get(key.texts as usize).map_or(&[][..], |texts| texts);
        let mut pairs = Vec::with_capacity(compiled.by.len() + 1);
        pairs.push((NAME, compiled.rule.metric.as_str()));
        for (name, input) in &compiled.by {
            let value = match *input {
                Input::Level => LEVELS[usize::from(key.level)],
                Input::Service => service_of(key.service, batch),
                Input::Host => &batch.resource.host,
                Input::File => &batch.resource.path,
                Input::Http(HttpPart::Status) => &status,
                Input::Http(HttpPart::Method) => {
                    usize::from(key.method).checked_sub(1).map_or("", |at| METHODS[at])
                }
                Input::Slot(_) | Input::Role(_) => take_text(&mut texts),
                Input::Bytes | Input::Http(HttpPart::Seconds) => "",
            };
            pairs.push((name, shortened(value)));
        }
        Labels::of(&mut pairs).expect("the grammar bounds names, and values are short")
    }
}

impl Cell {
    /// Takes a number that the rule measures, or the 1 that it counts.
    #[inline]
    pub(super) fn take(&mut self, number: f64, rule: &Rule, record: &RecordSpan, refused: &mut Refused) {
        let number = rule.scale.apply(number);
        match rule.function {
            Function::Count | Function::Sum => self.add(number, refused),
            _ if !is_summable(number) => refused.too_large += 1,
            Function::Histogram => self.values.push(number),
            Function::Gauge => {
                self.values.push(number);
                self.times.push(record.time.0.div_euclid(MS_NS));
            }
        }
    }

    /// Adds to a counter.
    #[inline]
    pub(super) fn add(&mut self, amount: f64, refused: &mut Refused) {
        let sum = self.amount + amount;
        if amount < 0.0 {
            refused.negative += 1;
        } else if is_summable(sum) {
            self.amount = sum;
        } else {
            refused.too_large += 1;
        }
    }
}

/// By the class of the severity, as pipes name them.
const LEVELS: [&str; 7] = ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

fn service_of(number: u16, batch: &RecordBatch) -> &str {
    match number {
        0 => batch.resource.service(),
        number => &batch.services[usize::from(number) - 1],
    }
}

fn shortened(value: &str) -> &str {
    if value.len() > VALUE_BYTES_MAX { LONG } else { value }
}

/// Appends a value behind its length.
fn push_text(value: &str, out: &mut Vec<u8>) {
    let value = shortened(value);
    out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    out.extend_from_slice(value.as_bytes());
}

/// The next of the values that [`push_text`] has put one behind the other.
fn take_text<'a>(texts: &mut &'a [u8]) -> &'a str {
    let Some((len, rest)) = texts.split_first_chunk::<2>() else {
        return "";
    };
    let (value, rest) = rest.split_at(usize::from(u16::from_le_bytes(*len)));
    *texts = rest;
    std::str::from_utf8(value).expect("only text is put there")
}
