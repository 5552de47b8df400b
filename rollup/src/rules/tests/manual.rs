//! Every example of `docs/metrics-from-logs.md`.

use super::super::{DEFAULTS, Rule, WithDefaults, rules_of_config};
use super::{compiled, counted, records, resource};

const DOC: &str = include_str!("../../../../docs/metrics-from-logs.md");

/// Fenced blocks of this kind.
fn blocks(kind: &str) -> Vec<Vec<&'static str>> {
    let fence = format!("```{kind}\n");
    let parts = DOC.split(fence.as_str()).skip(1);
    parts.map(|part| part.split("```").next().unwrap_or_default().lines().collect()).collect()
}

#[test]
fn every_rule_counts_what_the_manual_says() {
    let lines: Vec<Vec<u8>> = blocks("json lines")[0].iter().map(|line| line.as_bytes().to_vec()).collect();
    let batch = records(&lines, resource(&[]));
    let examples = blocks("rule");
    assert!(examples.len() > 5, "the examples are read");
    for example in examples {
        let counted = counted(&mut compiled(&example[..1], WithDefaults::No), &batch);
        let numbers = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
        let mut found: Vec<String> = Vec::new();
        let time = |ms: i64| logweir_base::time::Timestamp(ms * 1_000_000).to_string()[11..19].to_owned();
        found.extend(counted.increases.iter().map(|((of, at), n)| format!("{} {of} {n}", time(*at))));
        for ((of, at), values) in counted.observed.iter().chain(&counted.gauges) {
            found.push(format!("{} {of} {}", time(*at), numbers(values)));
        }
        found.sort();
        let said: Vec<String> =
            example[1..].iter().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(found, said, "{}", example[0]);
    }
}

#[test]
fn the_manual_lists_the_defaults() {
    let said: Vec<Rule> = blocks("defaults")[0].iter().map(|text| text.parse().expect("a rule")).collect();
    let ours: Vec<Rule> = DEFAULTS.iter().map(|default| default.rule.parse().expect("a rule")).collect();
    assert_eq!(said, ours);
}

#[test]
fn the_configuration_of_the_manual_compiles() {
    let found = rules_of_config(&blocks("toml")[0].join("\n")).expect("sound");
    let rules: Vec<_> = found.rules.iter().map(|rule| rule.0.as_str()).collect();
    assert_eq!(compiled(&rules, found.defaults).rules().count(), rules.len() + DEFAULTS.len());
}
