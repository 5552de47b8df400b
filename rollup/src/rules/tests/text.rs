//! Rules as text: read, printed, refused.

use super::super::grammar::Label;
use super::super::{
    DEFAULTS, Function, Problem, RULES_MAX, Rule, RuleSet, RuleText, Scale, WithDefaults, rules_of_config,
};
use logweir_base::query::Query;
use proptest::prelude::*;
use proptest::sample::select;

fn rule() -> impl Strategy<Value = Rule> {
    let field = prop_oneof![
        select(vec![
            "service",
            "host",
            "level",
            "http.status",
            "http_status",
            "source.host",
            "by",
            "where",
            "user"
        ])
        .prop_map(str::to_owned),
        "[a-z\u{e9}\" \\\\()=,*|.0-9_-]{1,8}",
    ];
    let query = select(vec![
        "*",
        "level:error",
        "a OR b",
        "(a OR b) -c",
        "\"by\"",
        "x:by",
        "by:x",
        "message:/a by b.*/",
        "\"stand by me\"",
        "n:>5",
        "since:2026-11-20",
        "service:IN(a, b)",
        "where",
        "\"x) by\" y",
        "by*",
    ]);
    let function = select(vec![Function::Count, Function::Sum, Function::Gauge, Function::Histogram]);
    let scale = prop_oneof![
        Just(Scale::One),
        select(vec![1000.0, 0.5, 1e-300, 1e300, 0.1]).prop_map(Scale::Times),
        select(vec![1000.0, 0.5, 1e-300, 1e300, 0.1]).prop_map(Scale::Over),
    ];
    let names = prop::collection::btree_map("[a-d_]{1,3}x", field.clone(), 0..4);
    (function, prop::option::of(field), scale, query, names).prop_map(
        |(function, field, scale, query, by)| {
            let of_count = function == Function::Count;
            Rule {
                metric: if function.is_counter() { "a:b_total".into() } else { "a:b".into() },
                function,
                field: if of_count { field } else { Some(field.unwrap_or_else(|| "n".into())) },
                scale: if of_count { Scale::One } else { scale },
                query: query.parse().expect("a query"),
                by: by
                    .into_iter()
                    .filter(|(name, field)| !name.starts_with("__") && field != "x")
                    .map(|(name, field)| Label { name, field })
                    .collect(),
            }
        },
    )
}

proptest! {
    #[test]
    fn a_printed_rule_parses_back_to_an_equal_one(rule in rule()) {
        let text = rule.to_string();
        match text.parse::<Rule>() {
            Ok(read) => prop_assert_eq!(read, rule, "{}", text),
            Err(e) => return Err(TestCaseError::fail(format!("{text}: {e}"))),
        }
    }

    #[test]
    fn any_text_is_a_rule_or_an_error_at_a_column(
        text in "(metric )?(\"a_total\" )?(= )?(count|sum\\(|gauge|\u{e9}| )?[a-z\u{e9}\"()=,|/* \\\\]{0,20}( by [a-z,= ]{0,9})?"
    ) {
        if let Err(e) = text.parse::<Rule>() {
            prop_assert!((1..=text.chars().count() + 1).contains(&e.column), "{} {}", text, e);
        }
    }
}

#[test]
fn rules_are_read_as_they_are_meant() {
    let check = |text: &str, expected: &str| {
        assert_eq!(text.parse::<Rule>().unwrap_or_else(|e| panic!("{text}: {e}")).to_string(), expected);
    };
    check(
        " metric \"http_requests_total\"=count where level:error AND x by service,s = http.status ",
        "metric \"http_requests_total\" = count where level:error x by service, s=http.status",
    );
    check(
        "metric d_seconds = histogram( duration_ms )/1000",
        "metric \"d_seconds\" = histogram(duration_ms) / 1000",
    );
    check(
        "metric q = gauge(queue.length) * 1e3 by host",
        "metric \"q\" = gauge(queue.length) * 1000 by host",
    );
}

#[test]
fn mistakes_say_where_and_what() {
    let check = |text: &str, column: usize, expected: &str| {
        let e = text.parse::<Rule>().expect_err(text);
        assert!(e.message.contains(expected), "{text}: {e}");
        assert_eq!(e.column, column, "{text}: {e}");
    };
    check("", 1, "a rule begins with");
    check("metrics a = count", 1, "a rule begins with");
    check("metric \"1a\" = count", 8, "begins with no digit");
    check("metric \"a", 8, "no closing one");
    check("metric a count", 10, "`=` is expected");
    check("metric a = counts", 12, "`count`, `sum(f)`");
    check("metric a = count", 12, "\"a_total\"");
    check("metric a_total = gauge(x)", 18, "must not end with `_total`: \"a\"");
    check("metric a_total = sum", 21, "`sum(f)`");
    check("metric a_total = sum(", 22, "name of a field");
    check("metric a_total = sum(x", 23, "`)` is expected");
    check("metric a_total = sum(pattern)", 22, "no pattern yet");
    check("metric a_total = sum(x) / 0", 27, "greater than 0");
    check("metric a_total = count / 5", 24, "`where`, then `by`");
    check("metric a_total = count where", 29, "a word, a phrase");
    check("metric a_total = count where \u{e9} level:>x", 39, "a level is expected");
    check("metric a_total = count where since:5m", 36, "no meaning here");
    check("metric a_total = count where x | count", 32, "pipes are for searches");
    check("metric a_total = count where pattern:5f0e9a1c", 30, "no pattern yet");
    check("metric a_total = count by", 26, "name of a field");
    check("metric a_total = count by x,", 29, "name of a field");
    check("metric a_total = count by a.b, a_b", 32, "two labels");
    check("metric a_total = count by 1-b=x", 27, "a label's name");
    check("metric a_total = count by __name__", 27, "Prometheus' own");
    check("metric a_total = count by time", 27, "time at which it counts");
    check("metric a_total = count by x=source.bytes", 29, "for nearly every record");
    check("metric a = histogram(x) by le", 28, "histograms have");
    check("metric a_total = count by x where y", 29, "`where`, then `by`");
}

#[test]
fn problems_name_the_rule() {
    let problem = |rules: &[&str], defaults| {
        let texts: Vec<_> = rules.iter().map(|&rule| RuleText(rule.to_owned())).collect();
        RuleSet::compile(&texts, defaults).map(|set| set.rules().count())
    };
    let good = "metric \"a_total\" = count";
    assert_eq!(problem(&[good], WithDefaults::No), Ok(1));
    assert_eq!(problem(&[good], WithDefaults::Yes), Ok(1 + DEFAULTS.len()));
    let twice = problem(&[good, good], WithDefaults::No).expect_err("twice");
    assert_eq!((twice.rule, twice.reason.as_str()), (1, "rule 1 makes a metric of this name already"));
    let bad = problem(&[good, "metric b_total = count by"], WithDefaults::No).expect_err("bad");
    assert_eq!(bad.to_string(), "metric rule 2, column 26: the name of a field is expected");
    // A written rule takes the place of a default.
    assert_eq!(problem(&["metric log_records_total = count"], WithDefaults::Yes), Ok(DEFAULTS.len()));
    let many: Vec<_> = (0..RULES_MAX).map(|at| RuleText(format!("metric a{at}_total = count"))).collect();
    assert!(RuleSet::compile(&many, WithDefaults::Yes).is_err());
    let fields: Vec<_> = (0..40).map(|at| RuleText(format!("metric a{at}_total = count(f{at})"))).collect();
    let Problem { reason, .. } = RuleSet::compile(&fields, WithDefaults::Yes).expect_err("too many fields");
    assert!(reason.contains("too many fields"), "{reason}");
}

/// A histogram `x` answers as `x_count` and `x_sum` too: a gauge of that name was added to it, and nobody could tell them apart.
#[test]
fn names_of_a_histograms_own_series_are_taken() {
    let check = |rules: &[&str], defaults, expected: Option<(usize, &str)>| {
        let texts: Vec<_> = rules.iter().map(|&rule| RuleText(rule.to_owned())).collect();
        let found = RuleSet::check(&texts, defaults).err();
        assert!(RuleSet::compile(&texts, defaults).is_ok(), "what a journal has is taken");
        let reason = |(rule, own): (usize, &str)| {
            format!(
                "metric rule {rule}, column 1: the histogram \"{}\" has a series \"{own}\" of its own",
                &own[..own.rfind('_').unwrap_or(0)]
            )
        };
        assert_eq!(found.map(|problem| problem.to_string()), expected.map(reason), "{rules:?}");
    };
    let histogram = "metric foo = histogram(n)";
    for own in ["foo_count", "foo_sum", "foo_bucket"] {
        let gauge = format!("metric {own} = gauge(n)");
        check(&[histogram, &gauge], WithDefaults::No, Some((2, own)));
        check(&[&gauge, histogram], WithDefaults::No, Some((2, own)));
        check(&["metric foo = gauge(n)", &gauge], WithDefaults::No, None);
    }
    check(&[histogram, "metric foo_sum = histogram(n)"], WithDefaults::No, Some((2, "foo_sum")));
    check(
        &[histogram, "metric foo_counts = gauge(n)", "metric foo_count_total = count"],
        WithDefaults::Yes,
        None,
    );
    let of_default = "metric http_server_request_duration_seconds_sum = gauge(n)";
    check(&[of_default], WithDefaults::Yes, Some((1, "http_server_request_duration_seconds_sum")));
    check(&[of_default], WithDefaults::No, None);
}

#[test]
fn a_configuration_has_rules_and_more() {
    let text = "[server]\nlisten = 1\n[metrics]\ndefaults = false\nelse = 2\n[[metric]]\nrule = 'r1'\n[[metric]]\nrule = 'r2'\n";
    let found = rules_of_config(text).expect("sound");
    assert_eq!(found.rules, [RuleText("r1".into()), RuleText("r2".into())]);
    assert_eq!(found.defaults, WithDefaults::No);
    assert_eq!(rules_of_config("").expect("empty").defaults, WithDefaults::Yes);
    for bad in ["[", "[[metric]]\n", "metric = 5", "[metrics]\ndefaults = 1"] {
        assert!(rules_of_config(bad).is_err(), "{bad}");
    }
}

#[test]
fn defaults_are_rules_as_printed() {
    for default in DEFAULTS {
        let rule: Rule = default.rule.parse().unwrap_or_else(|e| panic!("{}: {e}", default.rule));
        assert_eq!(rule.to_string(), default.rule);
        assert!(rule.query == Query::all() || rule.metric == "log_errors_total");
    }
}
