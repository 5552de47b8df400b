//! Rules, as they are applied: fields resolved to where their values come from, conditions compiled.

use super::apply::WINDOW_NS;
use super::cells::Group;
use super::field::{Field, HttpPart};
use super::grammar::{Function, Rule};
use super::reader::{Fields, Needs, Reader};
use super::{DEFAULTS, Problem, RULES_MAX, RuleText, WithDefaults};
use logweir_base::parse::PATHS_MAX;
use logweir_base::pipe::Named;
use logweir_base::query::{Head, Matcher, QueryError};
use logweir_base::time::Timestamp;

/// What the names of a histogram's own series end with.
const OWN_SERIES: [&str; 3] = ["_count", "_sum", "_bucket"];

/// A rule, and how it is applied.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) rule: Rule,
    pub(super) matcher: Matcher,
    /// What is measured, or must be there; `None` when records are just counted.
    pub(super) of: Option<Input>,
    /// The labels.
    pub(super) by: Vec<(String, Input)>,
    /// What a record that matches is read for.
    pub(super) needs: Needs,
    /// Whether it needs of records no more than how many there are of one service and severity, and how long these are.
    pub(super) of_groups: bool,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    Level,
    Service,
    Host,
    File,
    Bytes,
    Http(HttpPart),
    /// A field at a path, by the reader's number.
    Slot(usize),
    /// A field that plays a part, by the reader's number.
    Role(usize),
}

/// The rules in force, from those that were written.
pub(super) fn read(texts: &[RuleText], defaults: WithDefaults) -> Result<Vec<Rule>, Problem> {
    let mut rules: Vec<Rule> = Vec::new();
    for (at, RuleText(text)) in texts.iter().enumerate() {
        let problem = |column, reason| Problem { rule: at, column, reason };
        let rule: Rule = text.parse().map_err(|e: QueryError| problem(e.column, e.message))?;
        if let Some(twice) = rules.iter().position(|known| known.metric == rule.metric) {
            return Err(problem(1, format!("rule {} makes a metric of this name already", twice + 1)));
        }
        if at == RULES_MAX - DEFAULTS.len() {
            return Err(problem(1, format!("more than {at} rules")));
        }
        rules.push(rule);
    }
    if defaults == WithDefaults::Yes {
        let own = DEFAULTS.iter().map(|own| own.rule.parse().expect("a test reads them all"));
        let is_new = |own: &Rule| !rules.iter().any(|rule| rule.metric == own.metric);
        let new: Vec<Rule> = own.filter(is_new).collect();
        rules.extend(new);
    }
    Ok(rules)
}

/// An error when a rule's metric has the name of a series that another's histogram has of its own. The written rules come first.
pub(super) fn check_names(rules: &[Rule], written: usize) -> Result<(), Problem> {
    for (a, histogram) in rules.iter().enumerate() {
        if let Some(b) = rules.iter().position(|named| owns(histogram, named)) {
            let named = &rules[b].metric;
            let reason =
                format!("the histogram \"{}\" has a series \"{named}\" of its own", histogram.metric);
            // The later of the two; but a default is nobody's mistake.
            let rule = if a.max(b) < written { a.max(b) } else { a.min(b) };
            return Err(Problem { rule, column: 1, reason });
        }
    }
    Ok(())
}

/// Whether one is a histogram that also answers under the other's name.
fn owns(histogram: &Rule, other: &Rule) -> bool {
    let suffix = other.metric.strip_prefix(&histogram.metric);
    histogram.function == Function::Histogram && suffix.is_some_and(|suffix| OWN_SERIES.contains(&suffix))
}

/// Compiles rules, and a reader of the fields that they need.
pub(super) fn compile(rules: Vec<Rule>) -> Result<(Vec<Compiled>, Reader), Problem> {
    let mut fields = Fields::default();
    let mut compiled = Vec::with_capacity(rules.len());
    for (at, rule) in rules.into_iter().enumerate() {
        compiled.push(Compiled::of(rule, &mut fields));
        if fields.are_too_many() {
            let reason =
                format!("rules name too many fields: {PATHS_MAX} with those of requests are the most");
            return Err(Problem { rule: at, column: 1, reason });
        }
    }
    Ok((compiled, Reader::new(fields)))
}

impl Compiled {
    fn of(rule: Rule, fields: &mut Fields) -> Self {
        let mut input = |name: &str| input_of(name, fields);
        let of = rule.field.as_deref().map(&mut input);
        let by: Vec<_> = rule.by.iter().map(|label| (label.name.clone(), input(&label.field))).collect();
        let needs = by.iter().map(|(_, input)| input).chain(&of).map(|input| input.needs()).max();
        let needs = needs.unwrap_or(Needs::Nothing);
        let is_of_groups = match rule.function {
            Function::Count => true,
            Function::Sum => of == Some(Input::Bytes),
            Function::Gauge | Function::Histogram => false,
        };
        let matcher = Matcher::new(&rule.query);
        Self { matcher, of, by, needs, of_groups: is_of_groups && needs == Needs::Nothing, rule }
    }

    /// Whether the rule's condition holds for all records of a group, or for none; `None` when they have to be looked at.
    pub(super) fn decides(&mut self, group: &Group, service: &str) -> Option<bool> {
        let start = group.window.saturating_mul(WINDOW_NS);
        let times = (Timestamp(start), Timestamp(start.saturating_add(WINDOW_NS - 1)));
        let head = Head { group: Some((group.severity, service)), times, pattern: None };
        self.matcher.decide(&head, &())
    }
}

fn input_of(name: &str, fields: &mut Fields) -> Input {
    // The grammar lets no other names pass.
    match Field::of(name).expect("checked by the grammar") {
        Field::SourceHost => Input::Host,
        Field::SourceBytes => Input::Bytes,
        Field::Http(part) => {
            fields.http();
            Input::Http(part)
        }
        Field::Named(Named::Level) => Input::Level,
        Field::Named(Named::Service) => Input::Service,
        Field::Named(Named::File) => Input::File,
        Field::Named(Named::Path(path)) => Input::Slot(fields.slot(&path)),
        Field::Named(named) => Input::Role(fields.role(&named)),
    }
}

impl Input {
    fn needs(self) -> Needs {
        match self {
            Self::Level | Self::Service | Self::Host | Self::File | Self::Bytes => Needs::Nothing,
            Self::Http(_) => Needs::Http,
            Self::Slot(_) | Self::Role(_) => Needs::Fields,
        }
    }
}
