//! Applying rules to batches. What severity and service decide is decided once for all records of a batch that have them in
//! common; a record is read only for rules that need its fields, and once for all of them.
//!
//! ```text
//! record -> group: window, service, severity      its records and bytes are all that some rules need
//!        -> each other rule that may count it  -> condition -> fields -> cell (`cells`)
//! ```

use super::cells::{Cells, Group};
use super::compile::{self, Compiled, Input};
use super::describe::meta_of;
use super::field::HttpPart;
use super::grammar::{Function, Rule};
use super::reader::{Needs, Reader};
use super::{Problem, RuleText, WINDOW_MS, WithDefaults};
use logweir_base::entry::{RecordBatch, RecordSpan};
use logweir_base::metric::{LabelsRef, Meta};
use logweir_base::parse::RecordView;
use logweir_base::pattern::PatternId;
use serde::Serialize;
use std::ops::AddAssign;

pub(super) const MS_NS: i64 = 1_000_000;
pub(super) const WINDOW_NS: i64 = WINDOW_MS * MS_NS;

/// Takes what rules count. Times are in ms; those of increases and observations are ends of windows.
pub trait Sink {
    /// A counter grew by `amount`, which is finite and not negative.
    fn increase(&mut self, labels: LabelsRef<'_>, time_ms: i64, amount: f64);
    /// Numbers were observed: one or more, each finite.
    fn observe(&mut self, labels: LabelsRef<'_>, time_ms: i64, values: &[f64]);
    /// A gauge had a value, which is finite, at this time.
    fn gauge(&mut self, labels: LabelsRef<'_>, time_ms: i64, value: f64);
}

/// Numbers that rules could not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Refused {
    /// Below zero, for a counter.
    pub negative: u64,
    /// Beyond what sums hold ([`is_summable`](logweir_base::metric::histogram::is_summable)), once scaled or summed.
    pub too_large: u64,
}

impl AddAssign for Refused {
    fn add_assign(&mut self, more: Self) {
        self.negative += more.negative;
        self.too_large += more.too_large;
    }
}

/// Rules in force.
#[derive(Debug)]
pub struct RuleSet {
    rules: Vec<Compiled>,
    reader: Reader,
    cells: Cells,
    /// Of the batch at hand.
    refused: Refused,
}

impl RuleSet {
    /// Whether a configuration may have these rules. What a journal has already is asked no more than [`RuleSet::compile`] asks:
    /// counts of what was taken once stay as they are.
    pub fn check(texts: &[RuleText], defaults: WithDefaults) -> Result<(), Problem> {
        let rules = compile::read(texts, defaults)?;
        compile::check_names(&rules, texts.len())?;
        compile::compile(rules).map(drop)
    }

    /// Reads rules and puts them in force, if all can be read.
    pub fn compile(texts: &[RuleText], defaults: WithDefaults) -> Result<Self, Problem> {
        let (rules, reader) = compile::compile(compile::read(texts, defaults)?)?;
        Ok(Self { rules, reader, cells: Cells::default(), refused: Refused::default() })
    }

    /// The rules: the written ones, then the defaults.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().map(|compiled| &compiled.rule)
    }

    /// What is known of the metrics that they make, by name.
    pub fn metrics(&self) -> impl Iterator<Item = (&str, Meta)> {
        self.rules().map(|rule| (rule.metric.as_str(), meta_of(rule)))
    }

    /// Counts the records of a batch; tells how many of their numbers could not be taken.
    pub fn apply(&mut self, batch: &RecordBatch, sink: &mut dyn Sink) -> Refused {
        self.cells.clear();
        self.refused = Refused::default();
        let own = batch.resource.service();
        for record in &batch.records {
            let at = self.cells.group_of(record, |group| open(group, &mut self.rules, batch, record));
            let group = self.cells.count(at, record);
            if group.open != 0 {
                self.apply_to(&group, record, &view_of(batch, record, own));
            }
        }
        self.count_groups();
        self.cells.hand_on(&self.rules, batch, sink);
        self.refused
    }

    /// Applies the rules that may count a record of this group.
    fn apply_to(&mut self, group: &Group, record: &RecordSpan, view: &RecordView<'_>) {
        let Self { rules, reader, cells, refused } = self;
        let (mut open, mut read) = (group.open, Needs::Nothing);
        while open != 0 {
            let at = open.trailing_zeros() as usize;
            open &= open - 1;
            let compiled = &mut rules[at];
            if group.doubtful >> at & 1 == 1 && !compiled.matcher.matches(view) {
                continue;
            }
            if compiled.needs > read {
                reader.read(view, compiled.needs);
                read = compiled.needs;
            }
            let mut one = [1.0];
            let numbers = numbers_of(compiled, record, reader, &mut one);
            if !numbers.is_empty() {
                let cell = cells.cell(at, compiled, group, reader);
                numbers.iter().for_each(|&number| cell.take(number, &compiled.rule, record, refused));
            }
        }
    }

    /// Rules that look at no record of a group.
    fn count_groups(&mut self) {
        let Self { rules, reader, cells, refused } = self;
        for group in cells.groups() {
            let mut whole = group.whole;
            while whole != 0 {
                let at = whole.trailing_zeros() as usize;
                whole &= whole - 1;
                let compiled = &rules[at];
                let amount = match compiled.rule.function {
                    Function::Count => group.records as f64,
                    _ => compiled.rule.scale.apply(group.bytes as f64),
                };
                cells.cell(at, compiled, &group, reader).add(amount, refused);
            }
        }
    }
}

/// As [`RecordBatch::view`], for a source whose own service is known.
fn view_of<'a>(batch: &'a RecordBatch, record: &RecordSpan, own: &'a str) -> RecordView<'a> {
    RecordView {
        text: batch.text_of(record),
        time: record.time,
        severity: record.severity,
        service: if record.service == 0 { own } else { batch.service_of(record) },
        resource: &batch.resource,
        layout: record.layout,
        pattern: PatternId::NONE,
    }
}

/// Finds out which rules may count the records of a new group.
fn open(group: &mut Group, rules: &mut [Compiled], batch: &RecordBatch, record: &RecordSpan) {
    for (at, compiled) in rules.iter_mut().enumerate() {
        let bit = 1 << at;
        match compiled.decides(group, batch.service_of(record)) {
            Some(false) => {}
            Some(true) if compiled.of_groups => group.whole |= bit,
            Some(true) => group.open |= bit,
            None => {
                group.open |= bit;
                group.doubtful |= bit;
            }
        }
    }
}

/// The numbers of a record that a rule measures; for one that counts a single 1 where the record has what it counts.
fn numbers_of<'a>(
    compiled: &Compiled,
    record: &RecordSpan,
    reader: &'a Reader,
    one: &'a mut [f64; 1],
) -> &'a [f64] {
    let number = match (compiled.of, compiled.rule.function) {
        (None, _) => Some(1.0),
        (Some(input), Function::Count) => has(input, reader).then_some(1.0),
        (Some(Input::Slot(slot)), _) => return reader.numbers(slot),
        (Some(Input::Role(role)), _) => return reader.role_numbers(role),
        (Some(Input::Bytes), _) => Some(f64::from(record.range_len)),
        (Some(Input::Http(HttpPart::Status)), _) => reader.http().status.map(f64::from),
        (Some(Input::Http(HttpPart::Seconds)), _) => reader.http().seconds,
        (Some(Input::Http(HttpPart::Method)), _) => None,
        (Some(Input::Level | Input::Service | Input::Host | Input::File), _) => None,
    };
    match number {
        Some(number) => {
            one[0] = number;
            one
        }
        None => &[],
    }
}

fn has(input: Input, reader: &Reader) -> bool {
    match input {
        Input::Level | Input::Service | Input::Host | Input::File | Input::Bytes => true,
        Input::Http(HttpPart::Status) => reader.http().status.is_some(),
        Input::Http(HttpPart::Method) => reader.http().method.is_some(),
        Input::Http(HttpPart::Seconds) => reader.http().seconds.is_some(),
        Input::Slot(slot) => reader.has(slot),
        Input::Role(role) => reader.role(role).is_some(),
    }
}
