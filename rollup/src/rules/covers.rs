//! Which searches have their answer in the series of a rule, so that no record need be read: those that a rule counts the same
//! records of, by no fewer fields.
//!
//! A search that speaks of severity and service alone is also covered by a rule that counts all records by these two.
//!
//! What a series cannot tell: values of more than [`super::VALUE_BYTES_MAX`] bytes are one; records that were received before
//! the rule was in force, and those that a deletion or a route has kept from the index, are for whoever executes a plan to
//! know. So are the ends of the time asked for where they do not stand at the border of a window.

use super::apply::RuleSet;
use super::field::Field;
use super::grammar::{Function, Rule, Scale};
use super::{LONG, WINDOW_MS};
use logweir_base::metric::LabelsRef;
use logweir_base::metric::labels::NAME;
use logweir_base::parse::Severity;
use logweir_base::pipe::{self, Aggregate, Pipeline, Reduce, StatsSpec};
use logweir_base::query::{Head, Matcher, Query};
use logweir_base::time::Timestamp;
use std::time::Duration;

/// How a search is answered from the series of one metric.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The metric.
    pub metric: String,
    /// For each name behind the pipe's `by`, the label that has its value; a series without it is of the group of the missing.
    pub by: Vec<String>,
    /// Length of the windows that the answer is cut into: a multiple of [`WINDOW_MS`], from multiples of it since 1970 on.
    /// `None`: all in one.
    pub every: Option<Duration>,
    /// The times asked for: not before the first, before the second.
    pub times: (Timestamp, Timestamp),
    /// What is computed: the count alone, of a counter; or anything but the count, of a histogram.
    pub numbers: Vec<pipe::Function>,
    /// Brings numbers of the histogram back to the field's unit, by [`Scale::undo`].
    pub scale: Scale,
    /// Numbers come from a histogram's buckets.
    pub approximate: bool,
    /// The labels that the rule gives its series.
    labels: Vec<String>,
    filter: Option<Filter>,
}

/// Which series of the metric count.
#[derive(Debug, Clone)]
struct Filter {
    matcher: Matcher,
    level: String,
    service: String,
}

/// How the answer to a search is found in the series of a rule, when one covers it.
pub fn covers(rules: &RuleSet, query: &Query, pipeline: &Pipeline) -> Option<Plan> {
    let Some(Reduce::Stats(spec)) = &pipeline.reduce else {
        return None;
    };
    if spec.every.is_some_and(|every| !is_of_windows(every)) {
        return None;
    }
    let conditions = query.without_times();
    let plan = |rule: &Rule, filter| {
        Some(Plan {
            metric: rule.metric.clone(),
            by: spec.by.iter().map(|name| label_of(rule, name).map(str::to_owned)).collect::<Option<_>>()?,
            every: spec.every,
            times: query.times(),
            numbers: numbers_of(rule, spec)?,
            scale: rule.scale,
            approximate: rule.function == Function::Histogram,
            labels: rule.by.iter().map(|label| label.name.clone()).collect(),
            filter,
        })
    };
    let same = rules.rules().filter(|rule| rule.query == conditions).find_map(|rule| plan(rule, None));
    same.or_else(|| rules.rules().find_map(|rule| plan(rule, Some(Filter::of(rule, &conditions)?))))
}

impl Plan {
    /// Whether the labels of a series of the metric tell the group of its records. They do not when it has taken what
    /// overflowed, when it has labels that the rule does not give, or a value was too long for one.
    pub fn trusts(&self, labels: LabelsRef<'_>) -> bool {
        labels.iter().all(|(name, value)| {
            name == NAME || (value != LONG && self.labels.iter().any(|label| label == name))
        })
    }

    /// Whether a series of the metric counts.
    pub fn takes(&mut self, labels: LabelsRef<'_>) -> bool {
        self.filter.as_mut().is_none_or(|filter| filter.takes(labels))
    }
}

impl Filter {
    /// A filter of series for what is asked of severity and service, if `rule` counts all records by both.
    fn of(rule: &Rule, conditions: &Query) -> Option<Self> {
        let matcher = Matcher::new(conditions);
        if rule.query != Query::all() || !matcher.is_of_classes() {
            return None;
        }
        let label = |name| label_of(rule, name).map(str::to_owned);
        Some(Self { matcher, level: label("level")?, service: label("service")? })
    }

    fn takes(&mut self, labels: LabelsRef<'_>) -> bool {
        let level = labels.get(&self.level);
        // A class is as good as the numbers in it, since the conditions tell none of these apart.
        let severity = Severity::from_text(level.as_bytes()).unwrap_or(Severity::UNSPECIFIED);
        let group = Some((severity, labels.get(&self.service)));
        let head = Head { group, times: (Timestamp::MIN, Timestamp::MAX), pattern: None };
        self.matcher.decide(&head, &()).unwrap_or(false)
    }
}

fn is_of_windows(every: Duration) -> bool {
    !every.is_zero() && every.as_nanos().is_multiple_of(u128::from(WINDOW_MS.unsigned_abs()) * 1_000_000)
}

/// What the pipe asks for, when the rule has it.
fn numbers_of(rule: &Rule, spec: &StatsSpec) -> Option<Vec<pipe::Function>> {
    let has = |asked: &Aggregate| match (rule.function, asked.function) {
        (Function::Count, pipe::Function::Count) => rule.field.is_none(),
        (Function::Histogram, pipe::Function::Count | pipe::Function::Distinct) => false,
        (Function::Histogram, _) => asked.field == rule.field && is_of_pipes(rule.field.as_deref()),
        _ => false,
    };
    spec.aggregates.iter().map(|asked| has(asked).then_some(asked.function)).collect()
}

/// The rule's label that has the value of what pipes call `name`.
fn label_of<'a>(rule: &'a Rule, name: &str) -> Option<&'a str> {
    let wanted = Field::of(name).ok().filter(Field::is_of_pipes)?;
    let label = rule.by.iter().find(|label| Field::of(&label.field).as_ref() == Ok(&wanted))?;
    Some(&label.name)
}

fn is_of_pipes(field: Option<&str>) -> bool {
    field.and_then(|name| Field::of(name).ok()).is_some_and(|field| field.is_of_pipes())
}
