//! Pipes answered from metrics give what reading all lines gives, and are not used where they would not.

mod common;

use common::{Server, encode, get, path_text, ship_once};
use logweir_base::time::{Clock, SystemClock};
use serde_json::Value;
use std::time::Duration;

const QUERIES: [&str; 9] = [
    "* | count",
    "* | count by level",
    "* | count by service, level",
    "* | count by service every 1m",
    "level:error | count by service every 10s",
    "level:>=warn service:cart | count",
    "NOT service:cart | count by level every 5m",
    "message:order | count by service",
    "level:error | count every 7s",
];

/// Rows, and the metric they came from.
fn table(server: &Server, query: &str, more: &str) -> (Vec<String>, Option<String>) {
    let path = format!("/api/v1/search?q={}&{more}", encode(query));
    let body = get(server.http, &path).expect("answers");
    let mut rows: Vec<String> = body.lines().map(str::to_owned).collect();
    let summary: Value = serde_json::from_str(&rows.pop().expect("a summary")).expect("JSON");
    assert_eq!(summary["summary"]["partial"], false, "{query}");
    (rows, summary["summary"]["counted_by"].as_str().map(str::to_owned))
}

/// Both ways; whether a metric had the answer.
#[track_caller]
fn compare(server: &Server, query: &str, more: &str) -> bool {
    let (fast, metric) = table(server, query, more);
    let (plain, none) = table(server, query, &format!("{more}&rollups=off"));
    assert_eq!(fast, plain, "{query} by {metric:?}");
    assert!(plain.len() > 1 && none.is_none(), "{query}: {plain:?}");
    metric.is_some()
}

#[test]
fn pipes_are_answered_from_metrics_where_these_are_exact() {
    let dir = tempfile::tempdir().expect("a directory");
    let rule = dir.path().join("rule.toml");
    std::fs::write(
        &rule,
        "[[metric]]\nrule = 'metric \"orders_total\" = count where message:order by service'\n",
    )
    .expect("writes");
    let mut server = Server::start(dir.path(), &["-c", path_text(&rule)]);
    let now = SystemClock.now();
    let log = dir.path().join("app.log");
    let line = |n: u64| {
        let time = now.minus(Duration::from_secs(n * 7 % 1800));
        let level = ["INFO", "WARN", "ERROR"][(n % 3) as usize];
        let service = ["cart", "shop", "pay"][(n / 3 % 3) as usize];
        let what = if n.is_multiple_of(5) { "order" } else { "look" };
        format!(
            "{{\"time\":\"{time}\",\"level\":\"{level}\",\"service\":\"{service}\",\"message\":\"{what} {n}\"}}\n"
        )
    };
    std::fs::write(&log, (0..3000).map(line).collect::<String>()).expect("writes");
    ship_once(dir.path(), server.ingest, &[&log]);
    let times = |from: u64, until: u64| {
        let at = |back| now.minus(Duration::from_secs(back)).to_string();
        format!("since={}&until={}", encode(&at(from)), encode(&at(until)))
    };
    let all = |server: &Server| {
        let ways: Vec<bool> = QUERIES.iter().map(|query| compare(server, query, &times(1713, 31))).collect();
        (ways.iter().filter(|from_metrics| **from_metrics).count(), ways[8])
    };
    // Only windows that are no multiple of ten seconds cannot be had.
    assert_eq!(all(&server), (8, false));
    server.process.kill();
    server.restart();
    assert_eq!(all(&server), (8, false), "after a kill");
    assert!(!compare(&server, "* | count", ""), "of all time, what was before nobody knows");
    // What was deleted is counted no more by reading, and so the metric is not asked.
    let url = format!("http://127.0.0.1:{}", server.http);
    common::check(&["delete", "--server", &url, "--yes", "--wait", "message:order level:info"], 0, "");
    assert_eq!(all(&server), (0, false), "after a deletion");
}
