//! Texts of alerts: what is the matter in one line, and the rule's own texts with labels filled in.

use crate::alert::{Alert, Labels};
use crate::configured::STALE;
use crate::group::{Group, cut};
use crate::notification::Evidence;
use crate::rule::{Bounds, Check, Rule};
use std::collections::BTreeMap;

/// Bytes of a summary.
const SUMMARY_BYTES_MAX: usize = 500;
/// Bytes of one of the rule's texts, filled in.
const TEXT_BYTES_MAX: usize = 4_096;

/// The rule's texts; `{{label}}` is a label's value, `{{value}}` the number.
pub fn annotations(rule: &Rule, labels: &Labels, value: Option<f64>) -> BTreeMap<String, String> {
    let filled = |text: &String| cut(&fill(text, labels, value), TEXT_BYTES_MAX).to_owned();
    rule.annotations.iter().map(|(name, text)| (name.clone(), filled(text))).collect()
}

fn fill(text: &str, labels: &Labels, value: Option<f64>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, behind)) = behind.split_once("}}") else {
            rest = &rest[before.len()..];
            break;
        };
        match name.trim() {
            "value" => out.push_str(&value.map(number).unwrap_or_default()),
            name => out.push_str(labels.get(name).map(String::as_str).unwrap_or_default()),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// A number as people read it: whole ones without a point, others with three digits that count.
pub fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let digits = 2 - value.abs().log10().floor().clamp(-6.0, 2.0) as i32;
    let text = format!("{value:.*}", usize::try_from(digits).unwrap_or_default());
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// What is the matter, in one line; whoever shows it shows the rule's name too.
pub fn summary(
    rule: &Rule,
    alert: &Alert,
    group: Option<&Group>,
    annotations: &BTreeMap<String, String>,
) -> String {
    let text = match annotations.get("summary") {
        Some(text) => text.clone(),
        None => said(rule, alert, group),
    };
    cut(&text, SUMMARY_BYTES_MAX).to_owned()
}

fn said(rule: &Rule, alert: &Alert, group: Option<&Group>) -> String {
    if rule.name == STALE {
        return "nothing arrives from any host: all other alerts are held".to_owned();
    }
    if let Some(group) = group {
        let what = if group.kind.is_empty() { &group.message } else { &group.kind };
        let of = group.services.names.first().map(|name| format!(" in {name}")).unwrap_or_default();
        let message = if group.kind.is_empty() { String::new() } else { format!(": {}", group.message) };
        return format!("{} exception {what}{of}{message}", group.state.name());
    }
    let whom = whom(&alert.labels);
    let value = alert.value.map(number).unwrap_or_default();
    match &rule.check {
        Check::Threshold(_, bounds) | Check::Ratio(_, _, bounds) => {
            format!("{value} is {}{whom}", beyond(bounds, alert.value.unwrap_or_default()))
        }
        Check::Baseline(..) => format!("{value} is not usual{whom}"),
        Check::Absence(_) => format!("silent for {value} s{whom}"),
        Check::AbsentSeries(_) | Check::Exception(_) => format!("missing{whom}"),
    }
}

fn beyond(bounds: &Bounds, value: f64) -> String {
    match (bounds.above, bounds.below) {
        (Some(above), _) if value > above => format!("more than {}", number(above)),
        (_, Some(below)) => format!("less than {}", number(below)),
        (Some(above), None) => format!("more than {}", number(above)),
        (None, None) => "beyond its bounds".to_owned(),
    }
}

fn whom(labels: &Labels) -> String {
    let pairs: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { String::new() } else { format!(" for {}", pairs.join(" ")) }
}

/// What a group of exceptions brings along by itself.
pub fn evidence_of_group(group: &Group) -> Evidence {
    let traces = &group.traces;
    let latest = traces.latest.iter().map(|(_, trace)| ("latest", trace));
    let first = traces.first.iter().map(|trace| ("first", trace));
    let others = traces.sample.iter().map(|trace| ("typical", trace));
    let mut named: Vec<(String, String)> = Vec::new();
    for (why, trace) in latest.chain(first).chain(others) {
        if !named.iter().any(|(_, known)| known == trace) {
            named.push((why.to_owned(), trace.clone()));
        }
    }
    let times = if group.count == 1 { "once".to_owned() } else { format!("{} times", group.count) };
    let users = match group.users.count() {
        0 => String::new(),
        1 => ", 1 user".to_owned(),
        users => format!(", {users} users"),
    };
    let at = group.culprit.as_ref().map(|culprit| format!(", at {culprit}")).unwrap_or_default();
    let why = format!("{times} so far{users}{at}");
    Evidence { why, traces: named, hosts: group.hosts.names.clone(), ..Evidence::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_the_number_are_filled_in() {
        let labels = Labels::from([("service".to_owned(), "shop {{value}}".to_owned())]);
        let check =
            |text: &str, expected: &str| assert_eq!(fill(text, &labels, Some(0.5)), expected, "{text}");
        check("{{service}} has {{ value }}", "shop {{value}} has 0.5");
        check("{{none}}x", "x");
        check("a {{service", "a {{service");
        check("}} {{", "}} {{");
    }

    #[test]
    fn numbers_as_people_read_them() {
        let check = |value: f64, expected: &str| assert_eq!(number(value), expected);
        check(12.0, "12");
        check(1234.5678, "1235");
        check(12.345, "12.3");
        check(0.012345, "0.0123");
        check(0.5, "0.5");
        check(1e-12, "0");
        check(f64::INFINITY, "inf");
    }
}
