//! What rules see at a tick: of each alert that there is or may be, whether it holds.

use crate::alert::{Alert, Labels, Seen};
use crate::baselines::{Baselines, Judged};
use crate::config::Who;
use crate::group::{GroupId, State};
use crate::memory::{Known, Memory};
use crate::rule::{Absent, Bounds, Check, Numbers, Rule, SERIES_MAX};
use crate::senses::{Number, Senses};
use logweir_base::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A series that has not been seen for so long is gone for good.
const KNOWN_FOR: Duration = Duration::from_secs(86_400);
/// Seen again within so long it need not be written.
const WRITE_EVERY: Duration = Duration::from_secs(3_600);
/// Series of all rules that are known.
const KNOWN_MAX: usize = 50_000;

/// What was seen of one alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Sight {
    /// Its labels, without those of the rule.
    pub labels: Labels,
    /// Whether it holds.
    pub seen: Seen,
    /// What is usual, in numbers and in words.
    pub judged: Option<Judged>,
    /// The group of exceptions it is about.
    pub group: Option<GroupId>,
}

impl Sight {
    fn of(labels: Labels, seen: Seen) -> Self {
        Self { labels, seen, judged: None, group: None }
    }
}

/// What the stores answered to a rule.
#[derive(Debug, Default)]
pub struct Answer {
    /// The end of the window that it is about.
    end: Timestamp,
    numbers: Vec<Number>,
    /// Of a ratio: the parts.
    parts: Vec<Number>,
}

/// Asks what a rule needs to know at `at`; nothing when it is not its time, an error when the stores do not say.
pub fn ask(
    rule: &Rule,
    at: Timestamp,
    senses: &dyn Senses,
    baselines: &mut Baselines,
) -> Result<Option<Answer>, String> {
    let mut answer = Answer { end: at, ..Answer::default() };
    match &rule.check {
        Check::Threshold(numbers, _) | Check::AbsentSeries(numbers) => {
            answer.numbers = senses.numbers(&numbers.promql, at)?;
        }
        Check::Ratio(part, all, _) => {
            answer.parts = senses.numbers(&part.promql, at)?;
            answer.numbers = senses.numbers(&all.promql, at)?;
        }
        Check::Baseline(numbers, usual) => {
            let window = i64::from(usual.window_seconds) * 1_000_000_000;
            answer.end = Timestamp(at.0 - at.0.rem_euclid(window));
            if !baselines.is_next(&rule.name, answer.end) {
                return Ok(None);
            }
            answer.numbers = senses.numbers(&numbers.promql, answer.end)?;
        }
        Check::Absence(_) | Check::Exception(_) => {}
    }
    Ok(Some(answer))
}

/// What a rule sees by what the stores answered and by what is remembered.
pub fn judge(
    rule: &Rule,
    answer: Answer,
    now: Timestamp,
    memory: &mut Memory,
    baselines: &mut Baselines,
) -> Vec<Sight> {
    let Answer { end, numbers: found, parts } = answer;
    match &rule.check {
        Check::Threshold(numbers, bounds) => {
            let seen = |value: Option<f64>| value.map_or(Seen::Missing, |value| bounds.judge(value));
            sights(series(rule, numbers, found, now, memory), seen)
        }
        Check::Ratio(_, all, bounds) => shares(parts, series(rule, all, found, now, memory), bounds),
        Check::Baseline(numbers, usual) => {
            baselines.judge(rule, usual, end, series(rule, numbers, found, now, memory))
        }
        Check::Absence(who) => silent(rule, *who, now, memory),
        Check::AbsentSeries(numbers) => {
            let seen = |value: Option<f64>| if value.is_some() { Seen::HoldsNot } else { Seen::Holds(None) };
            sights(series(rule, numbers, found, now, memory), seen)
        }
        Check::Exception(states) => exceptions(rule, states, memory),
    }
}

fn sights(series: Vec<(Labels, Option<f64>)>, seen: impl Fn(Option<f64>) -> Seen) -> Vec<Sight> {
    series.into_iter().map(|(labels, value)| Sight::of(labels, seen(value))).collect()
}

/// The numbers of all series of a rule: those that are there, and those that were within a day and are not.
fn series(
    rule: &Rule,
    numbers: &Numbers,
    answered: Vec<Number>,
    now: Timestamp,
    memory: &mut Memory,
) -> Vec<(Labels, Option<f64>)> {
    let mut found: BTreeMap<Labels, Option<f64>> = BTreeMap::new();
    for (labels, value) in answered {
        if found.len() == SERIES_MAX {
            memory.refused += 1;
            continue;
        }
        know(rule, &labels, now, memory);
        found.insert(labels, Some(value));
    }
    let absent = match numbers.absent {
        Absent::Zero => Some(0.0),
        Absent::Unknown => None,
    };
    let prefix = format!("{}/", rule.name);
    for (_, known) in memory.known.below(&prefix) {
        if !found.contains_key(&known.labels) {
            found.insert(known.labels.clone(), absent);
        }
    }
    // What is counted over everything is 0 before the first of it, too.
    if found.is_empty() && numbers.absent == Absent::Zero && numbers.promql.starts_with("sum by ()") {
        found.insert(Labels::new(), Some(0.0));
    }
    found.into_iter().collect()
}

fn know(rule: &Rule, labels: &Labels, now: Timestamp, memory: &mut Memory) {
    let key = Alert::key(&rule.name, labels);
    match memory.known.get(&key).map(|known| known.last) {
        Some(last) if now.since(last) < WRITE_EVERY => {}
        None if memory.known.len() >= KNOWN_MAX => memory.refused += 1,
        _ => memory.known.insert(key, Known { labels: labels.clone(), last: now }),
    }
}

/// Forgets series that are gone, and those of rules that are.
pub fn forget(rules: &[Rule], now: Timestamp, memory: &mut Memory) {
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let is_of_a_rule = |key: &str| key.split_once('/').is_some_and(|(name, _)| names.contains(name));
    memory.known.retain(|key, known| is_of_a_rule(key) && now.since(known.last) < KNOWN_FOR + WRITE_EVERY);
}

fn shares(part: Vec<Number>, all: Vec<(Labels, Option<f64>)>, bounds: &Bounds) -> Vec<Sight> {
    let part: BTreeMap<Labels, f64> = part.into_iter().collect();
    let share = |(labels, all): (Labels, Option<f64>)| {
        let part = part.get(&labels).copied().unwrap_or_default();
        let seen = all.map_or(Seen::Missing, |all| bounds.judge_share(part, all));
        Sight::of(labels, seen)
    };
    all.into_iter().map(share).collect()
}

/// Who was silent for as long as the rule says. That is when its alert begins, so it fires at once.
fn silent(rule: &Rule, who: Who, now: Timestamp, memory: &Memory) -> Vec<Sight> {
    let seen = |silent: Duration| match silent >= rule.timing.for_ {
        true => Seen::Holds(Some(silent.as_secs_f64())),
        false => Seen::HoldsNot,
    };
    memory
        .inventory
        .silent(who, now)
        .map(|(row, silent)| Sight::of(row.labels.clone(), seen(silent)))
        .collect()
}

fn exceptions(rule: &Rule, states: &[State], memory: &Memory) -> Vec<Sight> {
    let is_of =
        |found_by: &BTreeSet<String>| rule.search.as_ref().is_none_or(|query| found_by.contains(query));
    let groups =
        memory.groups.notable().filter(|(_, group)| states.contains(&group.state) && is_of(&group.found_by));
    let sight = |(id, group): (GroupId, &crate::group::Group)| {
        let mut labels = Labels::from([
            ("group".to_owned(), id.to_string()),
            ("state".to_owned(), group.state.name().to_owned()),
        ]);
        let service = group.services.names.first().map(|name| ("service".to_owned(), name.clone()));
        labels.extend(service);
        if !group.kind.is_empty() {
            labels.insert("exception".to_owned(), group.kind.clone());
        }
        Sight { group: Some(id), ..Sight::of(labels, Seen::Holds(Some(group.count as f64))) }
    };
    groups.map(sight).collect()
}
