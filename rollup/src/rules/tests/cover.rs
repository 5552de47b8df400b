//! Which searches are answered from series.

use super::super::{WithDefaults, covers};
use super::{compiled, received};
use logweir_base::metric::Labels;
use logweir_base::pipe::Pipeline;

const RULES: [&str; 4] = [
    "metric resets_total = count where message:reset by service, user",
    "metric duration_seconds = histogram(duration_ms) / 1000 where service:shop by service",
    "metric found_total = count(n) by service, level",
    "metric lines_total = count by file, host",
];

#[track_caller]
fn check(text: &str, expected: Option<(&str, &[&str])>) {
    let rules = compiled(&RULES, WithDefaults::Yes);
    let pipeline = Pipeline::parse(text, received()).unwrap_or_else(|e| panic!("{text}: {e}"));
    let plan = covers(&rules, &pipeline.query, &pipeline);
    let found = plan.map(|plan| (plan.metric, plan.by));
    let expected =
        expected.map(|(metric, by)| (metric.to_owned(), by.iter().map(|&name| name.to_owned()).collect()));
    assert_eq!(found, expected, "{text}");
}

#[test]
fn a_search_is_covered_by_a_rule_that_counts_the_same() {
    check("* | count", Some(("lines_total", &[])));
    check("* | count by host every 1m", Some(("lines_total", &["host"])));
    check("since:1h | count by level, service every 10s", Some(("log_records_total", &["level", "service"])));
    check("service:shop -level:info | count every 1m", Some(("log_records_total", &[])));
    check("level:>=error | count by service every 1m", Some(("log_errors_total", &["service"])));
    check("message:reset since:2h until:1h | count by user", Some(("resets_total", &["user"])));
    check("message:reset | count every 15s", None);
    check("message:reset | count by level", None);
    check("message:reset service:shop | count", None);
    check("level:warn+1 | count", None);
    check("service:shop OR host:web-1 | count", None);
    check("(service:shop since:1h) OR level:error | count", None);
    check("* | count by source.host", None);
    check("* | count by http_status", None);
    check("n:* | count by service", None);
    check(
        "service:shop | p99 p50 (duration_ms) by service every 1m",
        Some(("duration_seconds", &["service"])),
    );
    check("service:shop | count, p99(duration_ms)", None);
    check("* | p99(duration_ms)", None);
    check("* | distinct(user)", None);
    check("message:reset", None);
    check("message:reset | patterns", None);
}

#[test]
fn a_plan_takes_the_series_that_the_search_asks_for() {
    let rules = compiled(&RULES, WithDefaults::Yes);
    let pipeline =
        Pipeline::parse("service:shop level:>=warn | count every 1m", received()).expect("a search");
    let mut plan = covers(&rules, &pipeline.query, &pipeline).expect("covered");
    assert!(!plan.approximate);
    let mut check = |service: &str, level: &str, expected: bool| {
        let labels =
            Labels::known(&[("__name__", "log_records_total"), ("service", service), ("level", level)]);
        assert_eq!(plan.takes(labels.view()), expected, "{service} {level}");
    };
    check("shop", "WARN", true);
    // Words, as everywhere.
    check("shop-api", "FATAL", true);
    check("shop", "INFO", false);
    check("shop", "", false);
    check("cart", "ERROR", false);
    check("", "ERROR", false);
}
