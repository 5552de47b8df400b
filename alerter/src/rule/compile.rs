//! A configured rule is checked and turned into one that can be evaluated.

use super::{Absent, Bounds, Check, Numbers, RULES_MAX, Rule, Usual};
use crate::alert::Timing;
use crate::config::{Alerts, Direction, Receiver, Rule as Config, RuleKind, Severity};
use crate::group::State;
use logweir_base::query::Query;
use logweir_base::units::Period;
use logweir_rollup::promql;
use logweir_rollup::rules::Rule as MetricRule;
use std::collections::BTreeSet;
use std::time::Duration;

/// The field of a rule that is wrong, and what is wrong with it.
pub type Finding = (&'static str, String);

/// What a search is counted in when nothing is said.
const WINDOW: Duration = Duration::from_secs(300);
/// The same of a baseline.
const WINDOW_BASELINE: Duration = Duration::from_secs(60);
/// What is counted from logs comes in windows of this.
const WINDOW_MIN: Duration = Duration::from_millis(logweir_rollup::rules::WINDOW_MS.unsigned_abs());
/// Who is silent for so long is missed when nothing else is said.
const ABSENT_FOR: Duration = Duration::from_secs(600);
/// What has not held for so long is over when nothing else is said.
const KEEP: Duration = Duration::from_secs(300);
/// Smaller deviations from what is usual are none when nothing else is said.
const EFFECT_MIN: f64 = 0.3;
/// An alert that comes back within this is not told of anew.
const FLAP: Duration = Duration::from_secs(1_800);

/// Everything that is wrong with the rules of a configuration, each with the index of its rule.
pub fn check(rules: &[Config], receivers: &[Receiver]) -> Vec<(usize, Finding)> {
    let mut found = Vec::new();
    let mut names = BTreeSet::new();
    for (at, rule) in rules.iter().enumerate() {
        if at == RULES_MAX {
            found.push((at, ("name", format!("more than {RULES_MAX} rules"))));
        }
        if let Err(finding) = compile(rule, &Alerts::default()) {
            found.push((at, finding));
        }
        if !names.insert(&rule.name) {
            found.push((at, ("name", format!("there is another rule named `{}`", rule.name))));
        }
        let unknown = rule.to.iter().find(|to| !receivers.iter().any(|receiver| receiver.name == **to));
        found.extend(unknown.map(|to| (at, ("to", format!("there is no receiver `{to}`")))));
        let unknown = rule.inhibited_by.iter().find(|by| !rules.iter().any(|rule| rule.name == **by));
        found.extend(unknown.map(|by| (at, ("inhibited_by", format!("there is no rule `{by}`")))));
    }
    found
}

/// The rule as it is evaluated, or the first thing that is wrong with it.
pub fn compile(config: &Config, alerts: &Alerts) -> Result<Rule, Finding> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if config.name.is_empty() || config.name.len() > 100 || !config.name.chars().all(is_plain) {
        return Err(("name", "a name is lower-case letters, digits and `_`, up to 100 of them".to_owned()));
    }
    for (name, query) in [("search", &config.search), ("of", &config.of)] {
        let bad = query.as_ref().and_then(|query| query.parse::<Query>().err());
        bad.map_or(Ok(()), |e| Err((name, format!("column {}: {}", e.column, e.message))))?;
    }
    refuse_unused(config)?;
    let mut metrics = Vec::new();
    let check = check_of(config, &mut metrics)?;
    let period = |period: Option<Period>, default| period.map_or(default, |period| period.0);
    let for_default = if config.kind == RuleKind::Absence { ABSENT_FOR } else { Duration::ZERO };
    let timing = Timing {
        for_: period(config.for_, for_default),
        keep: period(config.keep_firing_for, KEEP),
        flap: FLAP,
        // That an exception is new is news once.
        repeat: if config.kind == RuleKind::Exception { Duration::MAX } else { alerts.repeat.0 },
    };
    Ok(Rule {
        name: config.name.clone(),
        check,
        timing,
        severity: config.severity.unwrap_or(Severity::Error),
        labels: config.labels.clone(),
        annotations: config.annotations.clone(),
        inhibited_by: config.inhibited_by.clone(),
        to: config.to.clone(),
        search: config.search.clone(),
        metrics,
    })
}

/// What means nothing to a rule of its type is a mistake somebody would look for elsewhere.
fn refuse_unused(config: &Config) -> Result<(), Finding> {
    use RuleKind::*;
    let is = |kinds: &[RuleKind]| kinds.contains(&config.kind);
    let given = [
        ("search", config.search.is_some(), is(&[Threshold, Baseline, Ratio, Exception])),
        ("of", config.of.is_some(), is(&[Ratio])),
        ("promql", config.promql.is_some(), is(&[Threshold, Baseline, Absence])),
        ("by", !config.by.is_empty(), config.search.is_some() && !is(&[Exception])),
        ("window", config.window.is_some(), is(&[Threshold, Baseline, Ratio])),
        ("above", config.above.is_some(), is(&[Threshold, Ratio])),
        ("below", config.below.is_some(), is(&[Threshold, Ratio])),
        ("direction", config.direction.is_some(), is(&[Baseline])),
        ("effect_min", config.effect_min.is_some(), is(&[Baseline])),
        ("who", config.who.is_some(), is(&[Absence])),
        ("states", !config.states.is_empty(), is(&[Exception])),
    ];
    match given.into_iter().find(|(_, given, has_use)| *given && !has_use) {
        Some((name, ..)) => Err((name, "means nothing to a rule of this type".to_owned())),
        None => Ok(()),
    }
}

fn check_of(config: &Config, metrics: &mut Vec<String>) -> Result<Check, Finding> {
    match config.kind {
        RuleKind::Threshold => Ok(Check::Threshold(numbers(config, metrics)?, bounds(config)?)),
        RuleKind::Ratio => {
            let part = config.search.as_deref().ok_or(("search", "a ratio needs one".to_owned()))?;
            let all = config.of.as_deref().ok_or(("of", "a ratio needs the query of all".to_owned()))?;
            // A part is of all, whatever its own query says.
            let part = counted(config, &format!("({part}) AND ({all})"), "", metrics)?;
            Ok(Check::Ratio(part, counted(config, all, "_of", metrics)?, bounds(config)?))
        }
        RuleKind::Baseline => {
            let window = window(config);
            let usual = Usual {
                window_seconds: u32::try_from(window.as_secs()).unwrap_or(u32::MAX),
                direction: config.direction.unwrap_or(Direction::Both),
                effect_min: config.effect_min.unwrap_or(EFFECT_MIN),
                is_count: config.search.is_some(),
            };
            if !(WINDOW_BASELINE..=Duration::from_secs(3_600)).contains(&window) {
                return Err(("window", "of a baseline is 1m to 1h".to_owned()));
            }
            Ok(Check::Baseline(numbers(config, metrics)?, usual))
        }
        RuleKind::Absence => match (config.who, &config.promql) {
            (Some(who), None) => Ok(Check::Absence(who)),
            (None, Some(_)) => Ok(Check::AbsentSeries(numbers(config, metrics)?)),
            _ => Err(("who", "an absence needs `who`, or `promql`".to_owned())),
        },
        RuleKind::Exception => {
            let told = [State::New, State::Regressed, State::Escalating];
            match config.states.iter().find(|state| !told.contains(state)) {
                Some(state) => Err((
                    "states",
                    format!("nobody is told of `{}`: new, regressed, escalating", state.name()),
                )),
                None if config.states.is_empty() => Ok(Check::Exception(told.to_vec())),
                None => Ok(Check::Exception(config.states.clone())),
            }
        }
    }
}

fn numbers(config: &Config, metrics: &mut Vec<String>) -> Result<Numbers, Finding> {
    match (&config.search, &config.promql) {
        (Some(search), None) => counted(config, search, "", metrics),
        (None, Some(text)) => match promql::check(text) {
            Ok(()) => Ok(Numbers { promql: text.clone(), absent: Absent::Unknown }),
            Err(e) => Err(("promql", e.to_string())),
        },
        _ => Err(("search", "it needs either `search` or `promql`".to_owned())),
    }
}

/// The number of records that a query finds, in the rule's window, by its fields.
fn counted(config: &Config, query: &str, part: &str, metrics: &mut Vec<String>) -> Result<Numbers, Finding> {
    let metric = format!("logweir_rule_{}{part}_total", config.name);
    let by = if config.by.is_empty() { String::new() } else { format!(" by {}", config.by.join(", ")) };
    let rule = format!("metric {metric} = count where {query}{by}");
    let read: MetricRule = rule.parse().map_err(|e: logweir_base::query::QueryError| ("by", e.message))?;
    metrics.push(rule);
    let names: Vec<&str> = read.by.iter().map(|label| label.name.as_str()).collect();
    let seconds = window(config).as_secs();
    let promql = format!("sum by ({}) (increase({metric}[{seconds}s]))", names.join(", "));
    Ok(Numbers { promql, absent: Absent::Zero })
}

fn window(config: &Config) -> Duration {
    let default = if config.kind == RuleKind::Baseline { WINDOW_BASELINE } else { WINDOW };
    config.window.map_or(default, |window| window.0).max(WINDOW_MIN)
}

fn bounds(config: &Config) -> Result<Bounds, Finding> {
    match (config.above, config.below) {
        (None, None) => Err(("above", "it needs `above`, `below`, or both".to_owned())),
        (above, below) => Ok(Bounds { above, below }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> Result<Rule, Finding> {
        let config: Config = toml::from_str(text).expect("a rule in TOML");
        compile(&config, &Alerts::default())
    }

    #[test]
    fn a_search_becomes_a_count_of_logs() {
        let text = "name = 'slow'\ntype = 'threshold'\nsearch = 'duration_ms:>500'\nby = ['service', 'http_status']\nabove = 3";
        let rule = rule(text).expect("a rule");
        assert_eq!(
            rule.metrics,
            ["metric logweir_rule_slow_total = count where duration_ms:>500 by service, http_status"]
        );
        let promql = "sum by (service, http_status) (increase(logweir_rule_slow_total[300s]))";
        let numbers = Numbers { promql: promql.to_owned(), absent: Absent::Zero };
        assert_eq!(rule.check, Check::Threshold(numbers, Bounds { above: Some(3.0), below: None }));
        rule.metrics.iter().for_each(|metric| drop(metric.parse::<MetricRule>().expect("reads")));
    }

    #[test]
    fn mistakes_are_told_by_field() {
        let check = |text: &str, field: &str| {
            let found = rule(&format!("name = 'x'\n{text}"));
            assert_eq!(found.err().map(|(field, _)| field), Some(field), "{text}");
        };
        check("type = 'threshold'\nsearch = 'a'", "above");
        check("type = 'threshold'\nabove = 1", "search");
        check("type = 'threshold'\nsearch = 'a ('\nabove = 1", "search");
        check("type = 'threshold'\npromql = 'rate('\nabove = 1", "promql");
        check("type = 'threshold'\nsearch = 'a'\nby = ['a b c']\nabove = 1", "by");
        check("type = 'ratio'\nsearch = 'a'\nabove = 1", "of");
        check("type = 'absence'", "who");
        check("type = 'absence'\nwho = 'host'\nabove = 1", "above");
        check("type = 'exception'\npromql = 'up'", "promql");
        check("type = 'exception'\nstates = ['new', 'quiet']", "states");
        check("type = 'baseline'\nsearch = 'a'\nwindow = '5s'", "window");
    }

    #[test]
    fn names_are_checked_over_all_rules() {
        let text = "name = 'x'\ntype = 'absence'\nwho = 'host'\nto = ['nobody']\ninhibited_by = ['y']";
        let config: Config = toml::from_str(text).expect("a rule");
        let found = check(&[config.clone(), config], &[]);
        let fields: Vec<_> = found.iter().map(|(at, (field, _))| (*at, *field)).collect();
        assert_eq!(fields, [(0, "to"), (0, "inhibited_by"), (1, "name"), (1, "to"), (1, "inhibited_by")]);
    }
}
